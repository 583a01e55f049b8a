//! Whose each session is, from its durable entries alone: a table of its own, so that the engine's fence is
//! not held against itself (`HND-1`).

use crate::trace::Trace;
use std::collections::BTreeMap;
use tenure_contract::event::Owner;
use tenure_contract::resource::Caller;
use tenure_contract::words::HandoffStatus;
use tenure_contract::{Entry, Event, HandoffId, Journal, SessionId, TaskId, TenantId};

/// What is durable of a handoff.
#[derive(Debug, Clone)]
pub struct HandoffSeen {
    /// Its session.
    pub session: SessionId,
    /// Whose that is.
    pub tenant: TenantId,
    /// Whom it is offered to.
    pub to: Owner,
    /// Where it stands.
    pub status: HandoffStatus,
}

/// See the module.
#[derive(Default)]
pub struct Owners {
    /// Who owned a session from which entry on; the last one does.
    of: BTreeMap<SessionId, Vec<(u64, Owner)>>,
    tenants: BTreeMap<SessionId, TenantId>,
    handoffs: BTreeMap<HandoffId, HandoffSeen>,
    tasks: BTreeMap<TaskId, (SessionId, u64, String)>,
}

impl Owners {
    /// An entry reached the disk.
    pub fn see(&mut self, entry: &Entry, trace: &Trace) {
        let Journal::Session(session) = entry.journal else { return };
        self.fenced(session, entry, trace);
        match &entry.event {
            Event::SessionOpened(event) => {
                let principal = format!("user:{}", event.user);
                let owner = Owner { product: event.product.clone(), principal };
                self.of.insert(session, vec![(0, owner)]);
                self.tenants.insert(session, entry.tenant);
            }
            Event::TaskCreated(event) => {
                self.tasks.insert(event.task, (session, entry.seq, event.title.clone()));
            }
            Event::HandoffOffered(event) => {
                if self.owner(session) != Some(&event.from) {
                    let what = format!("{} by {:?}", event.handoff, event.from);
                    trace.broke("only its owner offers a session", what);
                }
                if self.open_in(session) > 0 {
                    trace.broke("one offer is open at a time", event.handoff.to_string());
                }
                let (to, status) = (event.to.clone(), HandoffStatus::Offered);
                let seen = HandoffSeen { session, tenant: entry.tenant, to, status };
                self.handoffs.insert(event.handoff, seen);
            }
            Event::HandoffAccepted(event) => {
                let by = entry.principal.to_string();
                if self.owner(session) != Some(&event.from) || by != event.to.principal {
                    let what = format!("{}: {:?} by {by}", event.handoff, event.from);
                    trace.broke("whom it is offered to takes it from its owner", what);
                }
                self.of.entry(session).or_default().push((entry.seq, event.to.clone()));
                self.resolved(event.handoff, HandoffStatus::Accepted, trace);
            }
            Event::HandoffClosed(event) => self.resolved(event.handoff, event.status, trace),
            _ => {}
        }
    }

    fn resolved(&mut self, id: HandoffId, status: HandoffStatus, trace: &Trace) {
        match self.handoffs.get_mut(&id) {
            Some(seen) if seen.status == HandoffStatus::Offered => seen.status = status,
            seen => {
                let before = seen.map(|seen| seen.status);
                trace.broke("a handoff is resolved once", format!("{id}: {before:?}, {status}"));
            }
        }
    }

    /// Who handed a session over writes nothing there, but for an answer to its being offered back.
    fn fenced(&self, session: SessionId, entry: &Entry, trace: &Trace) {
        let answers = matches!(&entry.event, Event::HandoffAccepted(_))
            || matches!(&entry.event, Event::HandoffClosed(closed) if closed.status == HandoffStatus::Declined);
        if !answers && self.is_former(session, entry.seq, &entry.principal.to_string()) {
            let what = format!("{} {} by {}", session, entry.event.name(), entry.principal);
            trace.broke("who handed a session over writes nothing there", what);
        }
    }

    fn open_in(&self, session: SessionId) -> usize {
        let open =
            |seen: &&HandoffSeen| seen.session == session && seen.status == HandoffStatus::Offered;
        self.handoffs.values().filter(open).count()
    }

    /// Who owned a session just before an entry.
    fn owner_before(&self, session: SessionId, seq: u64) -> Option<&Owner> {
        let known = self.of.get(&session)?;
        known.iter().rev().find(|(since, _)| *since < seq).map(|(_, owner)| owner)
    }

    fn is_former(&self, session: SessionId, seq: u64, principal: &str) -> bool {
        let Some(known) = self.of.get(&session) else { return false };
        let before = known.iter().filter(|(since, _)| *since < seq);
        let is = |owner: &Owner| owner.principal == principal;
        let now = before.clone().next_back().is_some_and(|(_, owner)| is(owner));
        !now && before.clone().any(|(_, owner)| is(owner))
    }

    /// Who owns a session.
    #[must_use]
    pub fn owner(&self, session: SessionId) -> Option<&Owner> {
        self.of.get(&session)?.last().map(|(_, owner)| owner)
    }

    /// How often a session changed hands.
    #[must_use]
    pub fn moves(&self, session: SessionId) -> usize {
        self.of.get(&session).map_or(0, |known| known.len().saturating_sub(1))
    }

    /// Whether a caller could write an entry at that place: their key works for the owner's product, and
    /// they did not hand the session over.
    #[must_use]
    pub fn may(&self, caller: &Caller, session: SessionId, seq: u64) -> bool {
        let owner = self.owner_before(session, seq);
        let bound = caller.product.as_ref();
        owner.is_some_and(|owner| bound.is_none_or(|bound| *bound == owner.product))
            && !self.is_former(session, seq, &caller.principal.to_string())
    }

    /// Sessions that one of these principals owns, with their tenants.
    #[must_use]
    pub fn of_any(&self, principals: &[&str]) -> Vec<(SessionId, TenantId)> {
        let theirs = |session: &SessionId| {
            self.owner(*session).is_some_and(|owner| principals.contains(&&*owner.principal))
        };
        let of = self.tenants.iter().filter(|(session, _)| theirs(session));
        of.map(|(session, tenant)| (*session, *tenant)).collect()
    }

    /// A handoff.
    #[must_use]
    pub fn handoff(&self, id: HandoffId) -> Option<&HandoffSeen> {
        self.handoffs.get(&id)
    }

    /// Every handoff.
    pub fn handoffs(&self) -> impl Iterator<Item = (&HandoffId, &HandoffSeen)> {
        self.handoffs.iter()
    }

    /// Where a task was made.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<(SessionId, u64)> {
        self.tasks.get(&id).map(|(session, seq, _)| (*session, *seq))
    }

    /// Whether a task of that title was made.
    #[must_use]
    pub fn has_titled(&self, wanted: &str) -> bool {
        self.tasks.values().any(|(_, _, title)| title == wanted)
    }
}
