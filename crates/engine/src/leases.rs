//! Leases on what executors claimed, in memory: until when each is kept, and who waits for work.
//!
//! Who holds which claim is an entry; how long its lease has left is not (`LOG-1`). A claim this
//! process has not heard of yet, because it has just begun, gets a whole lease: its executor keeps it
//! with the next heartbeat, and silence for one lease loses it.

use crate::lock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use tenure_contract::event::RemoteWork;
use tenure_contract::{DispatchId, ExecutorId, Journal, RunId, SessionId, TenantId, Time};
use tokio::sync::Notify;

/// Where a claim stands and until when it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub tenant: TenantId,
    pub executor: ExecutorId,
    pub claim: u64,
    pub lease_ms: u64,
    /// The journal that knows of the claim: the ledger, or once it has the run, the session.
    pub journal: Journal,
    /// The run, once the session has it.
    pub run: Option<RunId>,
    pub until: Time,
}

/// A run whose executor was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub session: SessionId,
    pub run: RunId,
    pub work: RemoteWork,
}

#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<DispatchId, Lease>>,
    /// By tenant and session, so that the same order comes out of it everywhere.
    orphans: Mutex<BTreeMap<(TenantId, SessionId), Vec<Orphan>>>,
    news: Notify,
}

impl Leases {
    /// Notes a claim that stands in a journal; one that is known keeps its time. Returns until when.
    pub fn keep(&self, dispatch: DispatchId, wanted: Lease, now: Time) -> Time {
        let mut held = lock(&self.held);
        let until = now.plus_ms(wanted.lease_ms);
        let known = held.get(&dispatch).copied().filter(|known| known.claim >= wanted.claim);
        let kept = match known {
            // the session's word is newer than the ledger's
            Some(known) if known.run.is_some() && wanted.run.is_none() => known,
            Some(known) if known.claim > wanted.claim => known,
            Some(known) => Lease { until: known.until, ..wanted },
            None => Lease { until, ..wanted },
        };
        held.insert(dispatch, kept);
        kept.until
    }

    /// Forgets the claims of a journal that do not stand any more.
    pub fn retain(&self, journal: Journal, stands: impl Fn(DispatchId, u64) -> bool) {
        lock(&self.held).retain(|id, lease| lease.journal != journal || stands(*id, lease.claim));
    }

    /// A claim that is kept.
    pub fn get(&self, dispatch: DispatchId, claim: u64) -> Option<Lease> {
        lock(&self.held).get(&dispatch).filter(|lease| lease.claim == claim).copied()
    }

    /// A heartbeat: keeps a claim for another lease, if it has not run out.
    pub fn extend(&self, dispatch: DispatchId, claim: u64, now: Time) -> Option<Lease> {
        let mut held = lock(&self.held);
        let lease = held.get_mut(&dispatch).filter(|lease| lease.claim == claim)?;
        if lease.until <= now {
            return None;
        }
        lease.until = lease.until.max(now.plus_ms(lease.lease_ms));
        Some(*lease)
    }

    /// The claims of a journal whose time has run out.
    pub fn lapsed(&self, journal: Journal, now: Time) -> Vec<(DispatchId, Lease)> {
        let held = lock(&self.held);
        let over = |lease: &&Lease| lease.journal == journal && lease.until <= now;
        let mut lapsed: Vec<_> =
            held.iter().filter(|(_, lease)| over(lease)).map(|(id, lease)| (*id, *lease)).collect();
        // a map's order is another in every process, and what is lost here is written
        lapsed.sort_unstable_by_key(|(id, _)| *id);
        lapsed
    }

    /// The runs of a session that another executor may take over.
    pub fn orphaned(&self, tenant: TenantId, session: SessionId, orphans: Vec<Orphan>) {
        let mut known = lock(&self.orphans);
        if orphans.is_empty() {
            known.remove(&(tenant, session));
            return;
        }
        known.insert((tenant, session), orphans);
        drop(known);
        self.tell();
    }

    /// Runs of a tenant that another executor may take over.
    pub fn orphans(&self, tenant: TenantId) -> Vec<Orphan> {
        let known = lock(&self.orphans);
        let first = (tenant, SessionId::from_bytes([0; 16]));
        let of_tenant = known.range(first..).take_while(|((owner, _), _)| *owner == tenant);
        of_tenant.flat_map(|(_, orphans)| orphans).cloned().collect()
    }

    /// There may be something for whoever waits.
    pub fn tell(&self) {
        self.news.notify_waiters();
    }

    /// What resolves with the next telling.
    pub fn news(&self) -> &Notify {
        &self.news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(claim: u64, run: Option<RunId>) -> Lease {
        let tenant = TenantId::from_bytes([1; 16]);
        let session = SessionId::from_bytes([2; 16]);
        Lease {
            tenant,
            executor: ExecutorId::from_bytes([3; 16]),
            claim,
            lease_ms: 1_000,
            journal: match run {
                Some(_) => Journal::Session(session),
                None => Journal::Ledger(tenant),
            },
            run,
            until: Time::default(),
        }
    }

    #[test]
    fn dsp_4_a_lease_is_kept_by_heartbeats_and_lost_by_silence_and_a_stale_claim_keeps_nothing() {
        let (leases, id) = (Leases::default(), DispatchId::from_bytes([9; 16]));
        let at = |ms| Time::default().plus_ms(ms);
        assert_eq!(leases.keep(id, lease(1, None), at(0)), at(1_000));
        assert_eq!(
            leases.keep(id, lease(1, None), at(900)),
            at(1_000),
            "noting it again adds nothing"
        );
        assert_eq!(leases.extend(id, 1, at(900)).map(|kept| kept.until), Some(at(1_900)));
        assert!(leases.extend(id, 2, at(900)).is_none(), "another claim's heartbeat");
        let (ledger, run) = (lease(1, None).journal, RunId::from_bytes([4; 16]));
        assert!(leases.lapsed(ledger, at(1_899)).is_empty());
        assert_eq!(leases.lapsed(ledger, at(1_900)).len(), 1);
        assert!(leases.extend(id, 1, at(1_900)).is_none(), "too late is too late");
        // the session takes the claim over with its time, and the ledger's word does not bring it back
        leases.keep(id, lease(1, Some(run)), at(1_000));
        assert_eq!(leases.keep(id, lease(1, None), at(1_000)), at(1_900));
        assert_eq!(leases.get(id, 1).and_then(|kept| kept.run), Some(run));
        leases.retain(ledger, |_, _| false);
        assert!(leases.get(id, 1).is_some(), "it is the session's now");
        // a newer claim replaces it whole
        assert_eq!(leases.keep(id, lease(2, Some(run)), at(5_000)), at(6_000));
        assert!(leases.get(id, 1).is_none());
    }
}
