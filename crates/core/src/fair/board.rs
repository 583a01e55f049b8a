//! Who waits and who holds a slot, as a node knows it, and when somebody could start.
//!
//! A slot is held twice for a moment: a start holds one until it is delivered, its run until it ended.
//! Either may be given back last. Whatever changes here tells whether a look at who waits is due, so that
//! no slot stays free while somebody waits for it (`DSP-2`).

use super::{FairShare, Load, Slots};
use std::collections::{BTreeMap, HashMap};
use tenure_contract::{SessionId, TenantId};

/// What the tenants of a node have under way; all of it can be read again from their journals.
#[derive(Debug, Clone, Default)]
pub struct Board {
    share: FairShare,
    /// By tenant: dispatches that could start, and starts that are not delivered.
    ledgers: BTreeMap<TenantId, (usize, usize)>,
    /// By session: whose it is, and dispatched runs of it that hold a slot.
    sessions: HashMap<SessionId, (TenantId, usize)>,
}

impl Board {
    /// What a tenant's ledger has now: dispatches that could start, and starts that are not delivered.
    /// True when somebody may start because of it, this tenant or another.
    #[must_use]
    pub fn ledger(&mut self, tenant: TenantId, waiting: usize, starting: usize) -> bool {
        let before = match (waiting, starting) {
            (0, 0) => self.ledgers.remove(&tenant),
            both => self.ledgers.insert(tenant, both),
        };
        waiting > 0 || before.is_some_and(|(_, before)| starting < before)
    }

    /// How many dispatched runs of a session hold a slot now. True when somebody may start because of it.
    #[must_use]
    pub fn session(&mut self, id: SessionId, tenant: TenantId, held: usize) -> bool {
        let before = match held {
            0 => self.sessions.remove(&id),
            held => self.sessions.insert(id, (tenant, held)),
        };
        before.is_some_and(|(_, before)| held < before)
    }

    /// A start that its session does not take for now holds no slot while it is offered again. True when
    /// somebody may start because of it.
    #[must_use]
    pub fn put_off(&mut self, tenant: TenantId) -> bool {
        match self.ledgers.get_mut(&tenant) {
            Some((_, starting)) if *starting > 0 => {
                *starting -= 1;
                true
            }
            _ => false,
        }
    }

    /// Nobody of this tenant is chosen until its ledger is told again.
    pub fn forget(&mut self, tenant: TenantId) {
        self.ledgers.remove(&tenant);
    }

    /// Whose dispatch starts next; none when nobody waits or no slot is free. The turn is taken.
    pub fn choose(&mut self, slots: Slots) -> Option<TenantId> {
        let load = |(tenant, (waiting, starting)): (&TenantId, &(usize, usize))| {
            (*tenant, Load { waiting: *waiting, running: *starting })
        };
        let mut loads: BTreeMap<_, _> = self.ledgers.iter().map(load).collect();
        for (tenant, held) in self.sessions.values() {
            loads.entry(*tenant).or_default().running += held;
        }
        self.share.choose(&loads, slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One start on its way: what it holds is given back in two steps, in either order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Start {
        Begun,
        Submitted,
        EndedFirst,
        AckedFirst,
    }

    #[derive(Debug, Default)]
    struct Tenant {
        waiting: usize,
        starts: Vec<(u8, Start)>,
    }

    /// A node that looks at who waits only when it was told to.
    #[derive(Default)]
    struct Node {
        board: Board,
        tenants: BTreeMap<u8, Tenant>,
        sessions: u8,
        is_due: bool,
        started: Vec<u8>,
    }

    const SLOTS: Slots = Slots { per_node: 2, per_tenant: 2 };

    fn id(number: u8) -> TenantId {
        TenantId::from_bytes([number; 16])
    }

    impl Node {
        fn tell_ledger(&mut self, number: u8) {
            let tenant = &self.tenants[&number];
            let undelivered = |(_, start): &&(u8, Start)| *start != Start::AckedFirst;
            let starting = tenant.starts.iter().filter(undelivered).count();
            self.is_due |= self.board.ledger(id(number), tenant.waiting, starting);
        }

        fn tell_session(&mut self, number: u8, session: u8, held: usize) {
            let session = SessionId::from_bytes([session; 16]);
            self.is_due |= self.board.session(session, id(number), held);
        }

        fn look(&mut self) {
            self.is_due = false;
            while let Some(chosen) = self.board.choose(SLOTS) {
                let number = chosen.bytes()[0];
                self.sessions += 1;
                let session = self.sessions;
                let Some(tenant) = self.tenants.get_mut(&number) else { return };
                tenant.waiting -= 1;
                tenant.starts.push((session, Start::Begun));
                self.started.push(number);
                self.tell_ledger(number);
            }
        }

        /// One start moves on; `acks` says what comes first where both may.
        fn step(&mut self, number: u8, which: usize, acks: bool) {
            let Some(tenant) = self.tenants.get_mut(&number) else { return };
            if tenant.starts.is_empty() {
                return;
            }
            let at = which % tenant.starts.len();
            let (session, start) = tenant.starts[at];
            let next = match start {
                Start::Begun => Some(Start::Submitted),
                Start::Submitted if acks => Some(Start::AckedFirst),
                Start::Submitted => Some(Start::EndedFirst),
                Start::EndedFirst | Start::AckedFirst => None,
            };
            match next {
                Some(next) => tenant.starts[at].1 = next,
                None => drop(tenant.starts.remove(at)),
            }
            match (start, next) {
                (Start::Begun, _) => self.tell_session(number, session, 1),
                (_, Some(Start::EndedFirst)) | (Start::AckedFirst, _) => {
                    self.tell_session(number, session, 0);
                }
                _ => self.tell_ledger(number),
            }
        }
    }

    #[test]
    fn dsp_2_a_slot_given_back_by_an_acknowledgement_is_somebody_elses() {
        let mut node = Node::default();
        node.tenants.insert(1, Tenant { waiting: 2, ..Tenant::default() });
        node.tenants.insert(2, Tenant { waiting: 1, ..Tenant::default() });
        node.tell_ledger(1);
        node.tell_ledger(2);
        node.look();
        assert_eq!(node.started, [1, 2]);
        for _ in 0..3 {
            node.step(2, 0, false);
        }
        assert!(node.is_due, "the run ended first, then its start was acknowledged");
        node.look();
        assert_eq!(node.started, [1, 2, 1]);
    }

    #[test]
    fn dsp_2_a_start_that_is_put_off_holds_no_slot() {
        let mut board = Board::default();
        let one = Slots { per_node: 1, per_tenant: 1 };
        assert!(!board.ledger(id(1), 0, 1));
        assert!(board.ledger(id(2), 1, 0));
        assert_eq!(board.choose(one), None);
        assert!(board.put_off(id(1)));
        assert_eq!(board.choose(one), Some(id(2)));
        assert!(!board.put_off(id(3)), "it holds none");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However starts, ends and acknowledgements fall: while no look is due, nobody could start.
        #[test]
        fn dsp_2_no_slot_stays_free_while_somebody_waits(
            moves in prop::collection::vec((0u8..5, 1u8..4, any::<u8>(), any::<bool>()), 1..120),
        ) {
            let mut node = Node::default();
            for (what, number, which, acks) in moves {
                match what {
                    0 => {
                        node.tenants.entry(number).or_default().waiting += 1;
                        node.tell_ledger(number);
                    }
                    1 if node.is_due => node.look(),
                    _ => node.step(number, usize::from(which), acks),
                }
                if !node.is_due {
                    prop_assert_eq!(node.board.clone().choose(SLOTS), None);
                }
            }
        }
    }
}
