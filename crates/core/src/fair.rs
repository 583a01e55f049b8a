//! Whose turn it is: which tenant's waiting work gets the next free slot (`DSP-2`, `TEN-3`).
//!
//! Stride scheduling with equal shares. Every start moves its tenant one step on; the one that is
//! furthest behind goes next. Who had nothing waiting for a while comes back at the step the others
//! are at: being idle saves nothing up, and a flood is served no faster than one at a time.

mod board;

pub use board::Board;

use std::collections::BTreeMap;
use tenure_contract::{TenantId, limits};

/// How many dispatched runs may be under way at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// On the node.
    pub per_node: usize,
    /// Of one tenant on the node.
    pub per_tenant: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            per_node: limits::DISPATCH_SLOTS_PER_NODE,
            per_tenant: limits::DISPATCH_SLOTS_PER_TENANT,
        }
    }
}

/// What a tenant has on the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Dispatches that could start now.
    pub waiting: usize,
    /// Slots its runs hold.
    pub running: usize,
}

/// Who had how much lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FairShare {
    /// Steps taken, of tenants that are ahead of the last turn.
    steps: BTreeMap<TenantId, u64>,
    /// The step of the last turn.
    turn: u64,
}

impl FairShare {
    /// Whose dispatch starts next; none when nobody waits or no slot is free. The turn is taken.
    pub fn choose(&mut self, loads: &BTreeMap<TenantId, Load>, slots: Slots) -> Option<TenantId> {
        let running: usize = loads.values().map(|load| load.running).sum();
        if running >= slots.per_node {
            return None;
        }
        let able = |load: &Load| load.waiting > 0 && load.running < slots.per_tenant;
        let (step, tenant) = loads
            .iter()
            .filter(|(_, load)| able(load))
            .map(|(tenant, _)| (self.step_of(*tenant), *tenant))
            .min()?;
        self.turn = step;
        self.steps.insert(tenant, step + 1);
        // who is not ahead of the turn comes back at the turn anyway
        self.steps.retain(|_, step| *step > self.turn);
        Some(tenant)
    }

    fn step_of(&self, tenant: TenantId) -> u64 {
        self.steps.get(&tenant).copied().unwrap_or(0).max(self.turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDE: Slots = Slots { per_node: 1_000, per_tenant: 1_000 };

    fn tenant(number: u8) -> TenantId {
        TenantId::from_bytes([number; 16])
    }

    fn loads(waiting: &[usize]) -> BTreeMap<TenantId, Load> {
        let load = |waiting: &usize| Load { waiting: *waiting, running: 0 };
        (1u8..).map(tenant).zip(waiting.iter().map(load)).collect()
    }

    /// Starts until nobody waits; tells whose turns they were.
    fn serve(loads: &mut BTreeMap<TenantId, Load>, share: &mut FairShare) -> Vec<u8> {
        let mut turns = Vec::new();
        while let Some(chosen) = share.choose(loads, WIDE) {
            turns.push(chosen.bytes()[0]);
            if let Some(load) = loads.get_mut(&chosen) {
                load.waiting -= 1;
            }
        }
        turns
    }

    #[test]
    fn ten_3_a_flood_and_a_trickle_take_turns() {
        let turns = serve(&mut loads(&[6, 2]), &mut FairShare::default());
        assert_eq!(turns, [1, 2, 1, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn ten_3_being_idle_saves_nothing_up() {
        let mut share = FairShare::default();
        serve(&mut loads(&[50]), &mut share);
        // the newcomer goes first once, and does not make up for fifty turns it had no use for
        let turns = serve(&mut loads(&[3, 3]), &mut share);
        assert_eq!(turns, [2, 1, 2, 1, 2, 1]);
    }

    #[test]
    fn ten_3_no_slot_is_given_twice() {
        let mut share = FairShare::default();
        let slots = Slots { per_node: 3, per_tenant: 2 };
        let mut loads = loads(&[9, 9]);
        let mut chosen = Vec::new();
        while let Some(tenant) = share.choose(&loads, slots) {
            chosen.push(tenant.bytes()[0]);
            if let Some(load) = loads.get_mut(&tenant) {
                load.waiting -= 1;
                load.running += 1;
            }
        }
        assert_eq!(chosen, [1, 2, 1]);
        loads.insert(tenant(1), Load { waiting: 9, running: 2 });
        loads.insert(tenant(2), Load { waiting: 0, running: 0 });
        assert_eq!(share.choose(&loads, slots), None, "a tenant's own limit holds on a free node");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever waits is served within as many turns as there are tenants that wait.
        #[test]
        fn ten_3_nobody_who_waits_is_passed_over_twice(
            arrivals in prop::collection::vec((0u8..5, 1usize..8), 1..80),
        ) {
            let mut share = FairShare::default();
            let mut loads: BTreeMap<TenantId, Load> = BTreeMap::new();
            let mut passed: BTreeMap<TenantId, BTreeMap<TenantId, u32>> = BTreeMap::new();
            for (number, many) in arrivals {
                loads.entry(tenant(number)).or_default().waiting += many;
                let Some(chosen) = share.choose(&loads, WIDE) else { continue };
                let load = loads.entry(chosen).or_default();
                prop_assert!(load.waiting > 0);
                load.waiting -= 1;
                passed.remove(&chosen);
                for (waiting, _) in loads.iter().filter(|(one, load)| **one != chosen && load.waiting > 0) {
                    let by = passed.entry(*waiting).or_default().entry(chosen).or_default();
                    *by += 1;
                    prop_assert!(*by <= 2, "{waiting} was passed over by {chosen} again and again");
                }
            }
        }
    }
}
