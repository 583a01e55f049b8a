//! Every decision about a schedule: events or an error, nothing in between.

use super::{Entry, Schedule, Schedules};
use crate::command::{Draft, DraftBody};
use crate::ledger::dispatch::Dispatches;
use crate::ledger::entry;
use crate::ledger::principals::Principals;
use crate::machine::schedule::{TRANSITIONS, may};
use crate::policy::Ruled;
use tenure_contract::entry::Principal;
use tenure_contract::event::*;
use tenure_contract::words::{
    MissedPolicy, PrincipalStatus, ScheduleEntryKind, ScheduleEntryStatus, ScheduleStatus,
};
use tenure_contract::{ApprovalId, Code, Error, ScheduleId, Time, limits};

/// What the ledger is asked to decide about schedules.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleCommand {
    /// Make one with these entries; its own body is the command's, an entry's is the write at its
    /// place. The same again is nothing new.
    Create {
        /// The schedule.
        made: ScheduleCreated,
        /// Its entries.
        entries: Vec<EntryWanted>,
    },
    /// Add an entry; its body is the first write. The same again is nothing new.
    Add {
        /// The schedule.
        schedule: ScheduleId,
        /// The entry.
        entry: Box<EntryWanted>,
    },
    /// Change what it is called or how it treats what it missed.
    Change(ScheduleChanged),
    /// Have a pending entry be due at another time.
    MoveEntry(ScheduleEntryMoved),
    /// Give a pending entry up.
    CancelEntry {
        /// The schedule.
        schedule: ScheduleId,
        /// The entry.
        entry: u32,
        /// Why.
        reason: Option<String>,
    },
    /// Hold it, let it go on, or give it up: the status it is to have.
    Move(ScheduleMoved),
    /// An entry is due; its body is the command's. Harmless when it is not.
    Start {
        /// The schedule.
        schedule: ScheduleId,
        /// The entry.
        entry: u32,
        /// Who added it, and dispatches it now.
        principal: Principal,
        /// What policy says of the dispatch.
        ruled: Ruled,
        /// An id, used when somebody has to be asked.
        approval: ApprovalId,
    },
}

/// An entry that is to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryWanted {
    /// What makes it due.
    pub kind: ScheduleEntryKind,
    /// When; none for a queued one.
    pub at: Option<Time>,
    /// The dispatch it becomes.
    pub becomes: DispatchReceived,
}

/// What of the ledger a schedule's decisions look at.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The tenant's dispatches.
    pub dispatches: &'a Dispatches,
    /// Its principals.
    pub principals: &'a Principals,
}

type Decided = Result<Vec<Draft>, Error>;

impl Schedules {
    /// Decides a command at that time.
    ///
    /// # Errors
    /// `key-conflict`, `limit-reached`, `invalid-argument`, `not-found`, `illegal-transition`.
    pub fn decide(&self, command: &ScheduleCommand, around: &Around<'_>, now: Time) -> Decided {
        match command {
            ScheduleCommand::Create { made, entries } => self.create(made, entries, now),
            ScheduleCommand::Add { schedule, entry } => self.add(*schedule, entry, now),
            ScheduleCommand::Change(changed) => {
                let known = self.known(changed.schedule)?;
                let renames = changed.title.as_ref().is_some_and(|new| *new != known.made.title);
                let turns = changed.missed.is_some_and(|new| new != known.made.missed);
                Ok((renames || turns).then(|| plain(changed.clone())).into_iter().collect())
            }
            ScheduleCommand::MoveEntry(moved) => self.move_entry(moved, now),
            ScheduleCommand::CancelEntry { schedule, entry, reason } => {
                let (known, found) = self.entry_of(*schedule, *entry)?;
                if found.status == ScheduleEntryStatus::Cancelled {
                    return Ok(Vec::new());
                }
                still_pending(*entry, found)?;
                let why = Why { status: ScheduleEntryStatus::Cancelled, reason: reason.clone() };
                Ok(known.closing(*entry, found, why, now))
            }
            ScheduleCommand::Move(moved) => self.move_to(moved, now),
            ScheduleCommand::Start { schedule, entry, principal, ruled, approval } => {
                let Ok((known, found)) = self.entry_of(*schedule, *entry) else {
                    return Ok(Vec::new());
                };
                if known.status != ScheduleStatus::Active || !found.is_due(now) {
                    return Ok(Vec::new());
                }
                match known.hindrance(found, principal, around, now) {
                    Some(why) => Ok(known.closing(*entry, found, why, now)),
                    None => known.start((*entry, found), (ruled, *approval), around, now),
                }
            }
        }
    }

    fn create(&self, made: &ScheduleCreated, entries: &[EntryWanted], now: Time) -> Decided {
        let id = made.schedule;
        if let Some(known) = self.known.get(&id) {
            if known.made.request == made.request {
                return Ok(Vec::new());
            }
            let told = format!(
                "schedule `{id}` was made under this key with another body; use another key"
            );
            return Err(Error::new(Code::KeyConflict, told).about(id));
        }
        let open = self.known.values().filter(|known| known.status.is_open()).count();
        room(
            open + 1,
            limits::SCHEDULES_OPEN_MAX,
            "SCHEDULES_OPEN_MAX",
            "schedules would be open",
        )?;
        self.room_for(0, entries.len())?;
        let mut drafts = vec![Draft { body: DraftBody::Given, ..plain(made.clone()) }];
        for (place, wanted) in (0u32..).zip(entries) {
            check_time(wanted, now)?;
            drafts.push(added(id, place + 1, wanted, place));
        }
        Ok(drafts)
    }

    fn add(&self, id: ScheduleId, wanted: &EntryWanted, now: Time) -> Decided {
        let known = self.known(id)?;
        let dispatch = wanted.becomes.dispatch;
        if let Some((number, same)) = known.numbered().find(|(_, one)| one.dispatch == dispatch) {
            if same.request == wanted.becomes.request {
                return Ok(Vec::new());
            }
            let told = format!(
                "entry {number} of schedule `{id}` was added under this key with another body; use another key"
            );
            return Err(Error::new(Code::KeyConflict, told).about(id));
        }
        if known.status == ScheduleStatus::Cancelled {
            let told = format!("schedule `{id}` is cancelled; make another one");
            return Err(Error::new(Code::IllegalTransition, told).about(id));
        }
        check_time(wanted, now)?;
        self.room_for(known.entries.len(), 1)?;
        let number = u32::try_from(known.entries.len()).unwrap_or(u32::MAX).saturating_add(1);
        let mut drafts = vec![added(id, number, wanted, 0)];
        if known.status == ScheduleStatus::Completed {
            drafts.push(moved(id, ScheduleStatus::Active));
        }
        Ok(drafts)
    }

    /// Whether there is room for more entries in a schedule, and in the tenant.
    fn room_for(&self, has: usize, more: usize) -> Result<(), Error> {
        let most = limits::SCHEDULE_ENTRIES_MAX;
        room(has + more, most, "SCHEDULE_ENTRIES_MAX", "entries would be in one schedule")?;
        let pending: usize = self.known.values().map(Schedule::pending).sum();
        let most = limits::SCHEDULE_ENTRIES_PENDING_MAX;
        let name = "SCHEDULE_ENTRIES_PENDING_MAX";
        room(pending + more, most, name, "entries of this tenant would be pending")
    }

    fn move_entry(&self, wanted: &ScheduleEntryMoved, now: Time) -> Decided {
        let (known, found) = self.entry_of(wanted.schedule, wanted.entry)?;
        still_pending(wanted.entry, found)?;
        if found.kind == ScheduleEntryKind::Queued {
            let told = format!("entry {} is queued and has no time to change", wanted.entry);
            return Err(Error::new(Code::InvalidArgument, told).about(known.made.schedule));
        }
        to_come(wanted.at, now)?;
        let changes = found.at != Some(wanted.at);
        Ok(changes.then(|| plain(wanted.clone())).into_iter().collect())
    }

    fn move_to(&self, wanted: &ScheduleMoved, now: Time) -> Decided {
        let known = self.known(wanted.schedule)?;
        let (from, to) = (known.status, wanted.status);
        if from == to {
            return Ok(Vec::new());
        }
        // completed is left by adding an entry, and reached by settling the last one
        if !may(from, to) || from == ScheduleStatus::Completed {
            return Err(stays(known, to));
        }
        let mut drafts = Vec::new();
        if to == ScheduleStatus::Cancelled {
            let pending = known.numbered().filter(|(_, entry)| entry.is_pending());
            drafts.extend(pending.map(|(number, entry)| {
                plain(ScheduleEntryClosed {
                    schedule: wanted.schedule,
                    entry: number,
                    status: ScheduleEntryStatus::Cancelled,
                    reason: wanted.reason.clone(),
                    late_ms: entry.late_ms(now),
                })
            }));
        }
        drafts.push(plain(wanted.clone()));
        Ok(drafts)
    }

    fn known(&self, id: ScheduleId) -> Result<&Schedule, Error> {
        self.known.get(&id).ok_or_else(|| Error::not_found("schedule", id))
    }

    fn entry_of(&self, id: ScheduleId, number: u32) -> Result<(&Schedule, &Entry), Error> {
        let known = self.known(id)?;
        let found = known.entry(number).ok_or_else(|| {
            let has = known.entries.len();
            let told = format!("schedule `{id}` has no entry `{number}`; it has {has} of them");
            Error::new(Code::NotFound, told).about(id)
        })?;
        Ok((known, found))
    }
}

/// Why an entry does not start.
struct Why {
    status: ScheduleEntryStatus,
    reason: Option<String>,
}

impl Schedule {
    /// Why an entry that is due does not become a dispatch, if it does not.
    fn hindrance(
        &self,
        found: &Entry,
        principal: &Principal,
        around: &Around<'_>,
        now: Time,
    ) -> Option<Why> {
        let by = around.principals.named(principal);
        if by.is_some_and(|by| by.status == PrincipalStatus::Disabled) {
            let reason = Some(format!("principal `{principal}`, who added it, is disabled"));
            return Some(Why { status: ScheduleEntryStatus::Cancelled, reason });
        }
        let late_ms = found.late_ms(now);
        let is_missed =
            self.made.missed == MissedPolicy::Skip && late_ms > limits::SCHEDULE_LATE_MAX_MS;
        is_missed.then(|| {
            let reason = Some(format!(
                "{late_ms} ms late, more than SCHEDULE_LATE_MAX_MS, {}; its schedule skips what it missed",
                limits::SCHEDULE_LATE_MAX_MS
            ));
            Why { status: ScheduleEntryStatus::Missed, reason }
        })
    }

    /// An entry becomes its dispatch.
    fn start(
        &self,
        (number, found): (u32, &Entry),
        (ruled, approval): (&Ruled, ApprovalId),
        around: &Around<'_>,
        now: Time,
    ) -> Decided {
        let Some(becomes) = found.becomes.as_deref() else { return Ok(Vec::new()) };
        let received = DispatchReceived {
            not_before: found.at,
            expires_at: now.plus_ms(limits::DISPATCH_EXPIRY_DEFAULT_MS),
            decided_under: ruled.under,
            ..becomes.clone()
        };
        let dispatched = ScheduleEntryDispatched {
            schedule: self.made.schedule,
            entry: number,
            dispatch: found.dispatch,
            due_at: found.at,
            late_ms: found.late_ms(now),
        };
        let mut drafts = vec![plain(dispatched)];
        drafts.extend(around.dispatches.receive(&received, &ruled.ruling, approval, now)?);
        drafts.extend(self.after_one_more());
        Ok(drafts)
    }

    /// An entry ends without having started; with the last one ends the schedule.
    fn closing(&self, number: u32, found: &Entry, why: Why, now: Time) -> Vec<Draft> {
        let closed = ScheduleEntryClosed {
            schedule: self.made.schedule,
            entry: number,
            status: why.status,
            reason: why.reason,
            late_ms: found.late_ms(now),
        };
        let mut drafts = vec![plain(closed)];
        drafts.extend(self.after_one_more());
        drafts
    }

    /// What follows when one of the pending entries is settled.
    fn after_one_more(&self) -> Option<Draft> {
        let is_over = self.pending() <= 1 && may(self.status, ScheduleStatus::Completed);
        is_over.then(|| moved(self.made.schedule, ScheduleStatus::Completed))
    }
}

fn plain(event: impl Into<Event>) -> Draft {
    entry(event, DraftBody::None)
}

fn moved(schedule: ScheduleId, status: ScheduleStatus) -> Draft {
    plain(ScheduleMoved { schedule, status, reason: None })
}

fn added(schedule: ScheduleId, number: u32, wanted: &EntryWanted, body: u32) -> Draft {
    let mut becomes = Box::new(wanted.becomes.clone());
    becomes.run.scheduled = Some(ScheduledBy { schedule_id: schedule, entry: number });
    let (kind, at) = (wanted.kind, wanted.at);
    let added = ScheduleEntryAdded { schedule, entry: number, kind, at, becomes };
    entry(added, DraftBody::Write(body))
}

fn check_time(wanted: &EntryWanted, now: Time) -> Result<(), Error> {
    let told = match (wanted.kind, wanted.at) {
        (ScheduleEntryKind::At, Some(at)) => return to_come(at, now),
        (ScheduleEntryKind::Queued, None) => return Ok(()),
        (ScheduleEntryKind::At, None) => {
            "an entry of kind `at` needs `at`, the time it is due".to_owned()
        }
        (ScheduleEntryKind::Queued, Some(at)) => format!(
            "an entry of kind `queued` is due at once and `at` says {at}; leave it out, or choose kind `at`"
        ),
    };
    Err(Error::new(Code::InvalidArgument, told))
}

fn to_come(at: Time, now: Time) -> Result<(), Error> {
    if at > now {
        return Ok(());
    }
    let told = format!(
        "at `{at}` is over, it is {now}; expected a time to come, or an entry of kind `queued`, which is due at once"
    );
    Err(Error::new(Code::InvalidArgument, told))
}

fn still_pending(number: u32, found: &Entry) -> Result<(), Error> {
    let possible = match found.status {
        ScheduleEntryStatus::Pending => return Ok(()),
        ScheduleEntryStatus::Dispatched => {
            format!("cancel its dispatch `{}`, or the run of that, instead", found.dispatch)
        }
        ScheduleEntryStatus::Missed | ScheduleEntryStatus::Cancelled => {
            "add another entry instead".to_owned()
        }
    };
    let told = format!("entry {number} is {}; {possible}", found.status);
    Err(Error::new(Code::IllegalTransition, told))
}

fn stays(known: &Schedule, to: ScheduleStatus) -> Error {
    let (id, from) = (known.made.schedule, known.status);
    let possible = match from {
        ScheduleStatus::Completed => "adding an entry makes it active".to_owned(),
        ScheduleStatus::Cancelled => "make another one".to_owned(),
        ScheduleStatus::Active | ScheduleStatus::Paused => {
            let next = TRANSITIONS.iter().filter(|(one, _)| *one == from);
            let next: Vec<_> = next.map(|(_, to)| format!("`{to}`")).collect();
            format!("possible now: {}", next.join(", "))
        }
    };
    let told = format!("schedule `{id}` is {from} and cannot become {to}; {possible}");
    Error::new(Code::IllegalTransition, told).about(id)
}

fn room(would: usize, most: usize, name: &str, what: &str) -> Result<(), Error> {
    if would <= most {
        return Ok(());
    }
    let told = format!("{would} {what}; the limit {name} is {most}");
    Err(Error::new(Code::LimitReached, told))
}
