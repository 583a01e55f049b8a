//! The schedules of a tenant, as its ledger folds them (`RUN-4`).
//!
//! An entry that is due becomes a dispatch, under an id it always had, in the commit that says so: from
//! there on order, slots, policy, delivery and recovery are the dispatch's. A schedule adds the time, the
//! grouping, holding and giving up, and how late an entry was.

mod apply;
mod decide;

#[cfg(test)]
mod tests;

pub use decide::{Around, EntryWanted, ScheduleCommand};

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};
use tenure_contract::event::{DispatchReceived, ScheduleCreated};
use tenure_contract::words::{ScheduleEntryKind, ScheduleEntryStatus, ScheduleStatus};
use tenure_contract::{Digest, DispatchId, ScheduleId, TenantId, Time};

/// A tenant's schedules.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Schedules {
    /// Those that are open, and the newest of the others.
    #[n(0)]
    pub known: BTreeMap<ScheduleId, Schedule>,
    /// Those that are not open, in the order they ended.
    #[n(1)]
    pub ended: VecDeque<ScheduleId>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Schedule {
    /// As it was made, with what was changed since.
    #[n(0)]
    pub made: ScheduleCreated,
    /// The entry that says so; what its entries do is beside it.
    #[n(1)]
    pub seq: u64,
    /// Where it stands.
    #[n(2)]
    pub status: ScheduleStatus,
    /// When it was made.
    #[n(3)]
    pub created_at: Time,
    /// When it last changed.
    #[n(4)]
    pub updated_at: Time,
    /// Its entries; the first has number 1.
    #[n(5)]
    pub entries: Vec<Entry>,
    /// Why it was cancelled.
    #[n(6)]
    pub reason: Option<String>,
}

/// An entry of a schedule.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// The dispatch it becomes.
    #[n(0)]
    pub dispatch: DispatchId,
    /// Digest of the request that added it.
    #[n(1)]
    pub request: Digest,
    /// What makes it due.
    #[n(2)]
    pub kind: ScheduleEntryKind,
    /// When it is due; none for a queued one.
    #[n(3)]
    pub at: Option<Time>,
    /// The journal's entry that added it; what it is given is beside it.
    #[n(4)]
    pub seq: u64,
    /// When that was.
    #[n(5)]
    pub added_at: Time,
    /// Where it stands.
    #[n(6)]
    pub status: ScheduleEntryStatus,
    /// What it becomes; none once it is settled.
    #[n(7)]
    pub becomes: Option<Box<DispatchReceived>>,
    /// When it was settled.
    #[n(8)]
    pub settled_at: Option<Time>,
    /// How late that was, milliseconds.
    #[n(9)]
    pub late_ms: u64,
    /// The journal's entry that settled it.
    #[n(10)]
    pub settled_seq: u64,
}

/// An entry that is to become a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its schedule.
    pub schedule: ScheduleId,
    /// Its number.
    pub entry: u32,
    /// The journal's entry that added it.
    pub seq: u64,
}

impl Entry {
    fn is_pending(&self) -> bool {
        self.status == ScheduleEntryStatus::Pending
    }

    /// Whether it is to become a dispatch, were its schedule not held.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        #[cfg(feature = "planted")]
        let now = match crate::planted::is(crate::planted::Bug::EntryEarly) {
            true => now.plus_ms(3_600_000),
            false => now,
        };
        self.is_pending() && self.at.is_none_or(|at| at <= now)
    }

    /// How late it is, milliseconds; a queued one never is.
    #[must_use]
    pub fn late_ms(&self, now: Time) -> u64 {
        self.at.filter(|at| *at <= now).map_or(0, |at| now.ms_since(at))
    }
}

impl Schedule {
    /// Its entries with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (1..).zip(&self.entries)
    }

    /// An entry by its number.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<&Entry> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.entries.get(place)
    }

    fn pending(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_pending()).count()
    }
}

impl Schedules {
    /// The entry that is to become a dispatch first: the one that has been due longest, then the one
    /// that was added first.
    #[must_use]
    pub fn due(&self, now: Time) -> Option<Due> {
        let due = self.active().flat_map(|(id, known)| {
            let due = known.numbered().filter(|(_, entry)| entry.is_due(now));
            due.map(move |(number, entry)| {
                let since = entry.at.unwrap_or(entry.added_at);
                ((since, entry.seq), Due { schedule: *id, entry: number, seq: entry.seq })
            })
        });
        due.min_by_key(|(order, _)| *order).map(|(_, due)| due)
    }

    /// The next moment at which an entry comes due.
    #[must_use]
    pub fn next_wake(&self, now: Time) -> Option<Time> {
        let pending = self.active().flat_map(|(_, known)| &known.entries);
        let to_come = pending.filter(|entry| entry.is_pending()).filter_map(|entry| entry.at);
        to_come.filter(|at| *at > now).min()
    }

    fn active(&self) -> impl Iterator<Item = (&ScheduleId, &Schedule)> {
        self.known.iter().filter(|(_, known)| known.status == ScheduleStatus::Active)
    }
}

/// The dispatch an entry becomes: always the same one for the same key of the same schedule, so that it
/// becomes one once.
#[must_use]
pub fn dispatch_of(tenant: TenantId, schedule: ScheduleId, key: &[u8]) -> DispatchId {
    let parts: [&[u8]; 4] = [b"tenure-schedule-v1\0", &tenant.bytes(), &schedule.bytes(), key];
    DispatchId::from_bytes(Digest::of(&parts).first_half())
}
