//! The dispatches of a tenant, as its ledger folds them (`DSP-4`).
//!
//! What has not come to its end is kept in full: a started dispatch too, until its session has it.
//! What has ended is kept in short, and only the newest of it: beyond that limit a repeated key makes
//! the same ids again, and the session it first went to still knows the run.

mod apply;
pub mod claim;
mod decide;

#[cfg(test)]
mod tests;

pub use decide::DispatchCommand;

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};
use tenure_contract::event::DispatchReceived;
use tenure_contract::words::{ApprovalStatus, DispatchMode, DispatchStatus, TaskRank};
use tenure_contract::{ApprovalId, Digest, DispatchId, ExecutorId, TenantId, Time, limits};

/// A tenant's dispatches.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Dispatches {
    /// Those that have not come to their end.
    #[n(0)]
    pub open: BTreeMap<DispatchId, Dispatch>,
    /// The newest of those that have.
    #[n(1)]
    pub ended: BTreeMap<DispatchId, Ended>,
    /// These, the oldest first.
    #[n(2)]
    pub order: VecDeque<DispatchId>,
    /// Decisions about dispatches that somebody was asked for, by approval.
    #[n(4)]
    pub asked: BTreeMap<ApprovalId, Asked>,
}

/// A dispatch that has not come to its end.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Dispatch {
    /// As it came in.
    #[n(0)]
    pub received: DispatchReceived,
    /// The entry that says so; the payload is beside it. Also its place among those that wait.
    #[n(1)]
    pub seq: u64,
    /// Where it stands.
    #[n(2)]
    pub status: DispatchStatus,
    /// Since when.
    #[n(3)]
    pub updated_at: Time,
    /// The newest claim of it, given up or not; its status says whether it stands.
    #[n(10)]
    pub claim: Option<Claim>,
}

/// An executor's claim of a dispatch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Claim {
    /// Who has it.
    #[n(0)]
    pub executor: ExecutorId,
    /// The fencing token.
    #[n(1)]
    pub number: u64,
    /// How long one heartbeat keeps it, milliseconds.
    #[n(2)]
    pub lease_ms: u64,
}

/// A dispatch that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ended {
    /// Digest of its request.
    #[n(0)]
    pub request: Digest,
    /// The entry that says how it came in.
    #[n(1)]
    pub seq: u64,
    /// Where it stands.
    #[n(2)]
    pub status: DispatchStatus,
    /// Since when.
    #[n(3)]
    pub updated_at: Time,
    /// The entry that says why.
    #[n(4)]
    pub end_seq: u64,
}

/// A decision about a dispatch that somebody was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Asked {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// The entry that asked.
    #[n(1)]
    pub seq: u64,
    /// Who may decide.
    #[n(2)]
    pub approvers: Vec<String>,
    /// When it becomes a refusal by itself.
    #[n(3)]
    pub expires_at: Time,
    /// Where it stands.
    #[n(4)]
    pub status: ApprovalStatus,
    /// True when a decision needs a reason.
    #[n(5)]
    pub needs_reason: bool,
}

/// Where a dispatch was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Digest of its request.
    pub request: Digest,
    /// The entry that says how it came in.
    pub seq: u64,
    /// Where it stands.
    pub status: DispatchStatus,
    /// Since when.
    pub updated_at: Time,
    /// The entry that ended it, if one did.
    pub end_seq: Option<u64>,
}

impl Dispatch {
    /// When it is to start.
    #[must_use]
    pub const fn mode(&self) -> DispatchMode {
        self.received.context.dispatch_mode
    }

    /// Whether the node may start it by itself now.
    fn is_ready(&self, now: Time) -> bool {
        let is_its_own = match self.mode() {
            DispatchMode::Interactive | DispatchMode::Queued | DispatchMode::Scheduled => true,
            DispatchMode::Remote => false,
        };
        is_its_own
            && self.status == DispatchStatus::Waiting
            && self.received.not_before.is_none_or(|at| at <= now)
            && now < self.received.expires_at
    }

    /// Whether its time to start runs out.
    fn may_expire(&self) -> bool {
        crate::machine::dispatch::may(self.status, DispatchStatus::Expired)
    }
}

impl Dispatches {
    /// A dispatch that is known.
    #[must_use]
    pub fn standing(&self, id: DispatchId) -> Option<Standing> {
        let open = self.open.get(&id).map(|open| Standing {
            request: open.received.request,
            seq: open.seq,
            status: open.status,
            updated_at: open.updated_at,
            end_seq: None,
        });
        open.or_else(|| {
            self.ended.get(&id).map(|ended| Standing {
                request: ended.request,
                seq: ended.seq,
                status: ended.status,
                updated_at: ended.updated_at,
                end_seq: Some(ended.end_seq),
            })
        })
    }

    /// Which one starts next: the most urgent, and of these the first that came.
    #[must_use]
    pub fn next(&self, now: Time) -> Option<DispatchId> {
        let ready = self.open.iter().filter(|(_, one)| one.is_ready(now));
        let first =
            ready.min_by_key(|(_, one)| (TaskRank::of(one.received.priority.as_deref()), one.seq));
        first.map(|(id, _)| *id)
    }

    /// How many could start now.
    #[must_use]
    pub fn ready(&self, now: Time) -> usize {
        self.open.values().filter(|one| one.is_ready(now)).count()
    }

    /// Whether another one may be taken in.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.open.len() < limits::DISPATCHES_OPEN_MAX
    }

    /// Those whose start is still to be delivered to their session: the outbox.
    pub fn undelivered(&self) -> impl Iterator<Item = &Dispatch> {
        self.open.values().filter(|one| one.status == DispatchStatus::Started)
    }

    /// The next moment at which time alone changes something.
    #[must_use]
    pub fn next_wake(&self, now: Time) -> Option<Time> {
        let expiries =
            self.open.values().filter(|one| one.may_expire()).map(|one| one.received.expires_at);
        let due = self
            .open
            .values()
            .filter(|one| one.status == DispatchStatus::Waiting)
            .filter_map(|one| one.received.not_before)
            .filter(|at| *at > now);
        let asked = self.open_asked().map(|(_, asked)| asked.expires_at);
        expiries.chain(due).chain(asked).min()
    }

    /// The decisions nobody has taken yet.
    pub fn open_asked(&self) -> impl Iterator<Item = (&ApprovalId, &Asked)> {
        self.asked.iter().filter(|(_, asked)| asked.status == ApprovalStatus::Requested)
    }
}

/// Ids that a dispatch gives what it makes: always the same ones, so that its message can be delivered
/// twice and still be recorded once.
#[must_use]
pub fn made_by(dispatch: DispatchId, tenant: TenantId, kind: &str) -> [u8; 16] {
    let parts: [&[u8]; 4] =
        [b"tenure-dispatch-v1\0", &tenant.bytes(), kind.as_bytes(), &dispatch.bytes()];
    Digest::of(&parts).first_half()
}
