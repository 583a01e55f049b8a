//! Folding: what each entry about a schedule changes.

use super::{Entry, Schedule, Schedules};
use crate::machine::{schedule, schedule_entry};
use tenure_contract::event::ScheduleEntryAdded;
use tenure_contract::words::{ScheduleEntryStatus, ScheduleStatus};
use tenure_contract::{Entry as Journaled, Event, ScheduleId, limits};

type Applied = Result<(), String>;

impl Schedules {
    /// Folds an entry.
    ///
    /// # Errors
    /// Why it cannot follow.
    pub(in crate::ledger) fn apply(&mut self, entry: &Journaled) -> Applied {
        match &entry.event {
            Event::ScheduleCreated(event) => {
                let made = Schedule {
                    made: event.clone(),
                    seq: entry.seq,
                    status: ScheduleStatus::Active,
                    created_at: entry.at,
                    updated_at: entry.at,
                    entries: Vec::new(),
                    reason: None,
                };
                self.known.insert(event.schedule, made);
                Ok(())
            }
            Event::ScheduleChanged(event) => {
                let known = self.touched(event.schedule, entry)?;
                if let Some(title) = &event.title {
                    known.made.title.clone_from(title);
                }
                known.made.missed = event.missed.unwrap_or(known.made.missed);
                Ok(())
            }
            Event::ScheduleMoved(event) => {
                let known = self.touched(event.schedule, entry)?;
                if !schedule::may(known.status, event.status) {
                    let (from, to) = (known.status, event.status);
                    return Err(format!("a {from} schedule cannot become {to}"));
                }
                known.status = event.status;
                known.reason.clone_from(&event.reason);
                self.remember(event.schedule, event.status);
                Ok(())
            }
            Event::ScheduleEntryAdded(event) => self.added(entry, event),
            Event::ScheduleEntryMoved(event) => {
                let known = self.entry_mut(event.schedule, event.entry, entry)?;
                if !known.is_pending() {
                    return Err(format!("entry {} is {}", event.entry, known.status));
                }
                known.at = Some(event.at);
                Ok(())
            }
            Event::ScheduleEntryDispatched(event) => {
                let place = (event.schedule, event.entry);
                self.settle(entry, place, ScheduleEntryStatus::Dispatched, event.late_ms)
            }
            Event::ScheduleEntryClosed(event) => {
                self.settle(entry, (event.schedule, event.entry), event.status, event.late_ms)
            }
            _ => Err("it is about no schedule".to_owned()),
        }
    }

    fn added(&mut self, entry: &Journaled, event: &ScheduleEntryAdded) -> Applied {
        let known = self.touched(event.schedule, entry)?;
        if usize::try_from(event.entry) != Ok(known.entries.len() + 1) {
            return Err(format!("expected entry {}", known.entries.len() + 1));
        }
        known.entries.push(Entry {
            dispatch: event.becomes.dispatch,
            request: event.becomes.request,
            kind: event.kind,
            at: event.at,
            seq: entry.seq,
            added_at: entry.at,
            status: ScheduleEntryStatus::Pending,
            becomes: Some(event.becomes.clone()),
            settled_at: None,
            late_ms: 0,
            settled_seq: 0,
        });
        Ok(())
    }

    fn settle(
        &mut self,
        entry: &Journaled,
        (schedule, number): (ScheduleId, u32),
        to: ScheduleEntryStatus,
        late_ms: u64,
    ) -> Applied {
        let known = self.entry_mut(schedule, number, entry)?;
        if !schedule_entry::may(known.status, to) {
            return Err(format!("entry {number} is {} and cannot become {to}", known.status));
        }
        known.status = to;
        known.settled_at = Some(entry.at);
        known.settled_seq = entry.seq;
        known.late_ms = late_ms;
        known.becomes = None;
        Ok(())
    }

    /// Keeps the newest of those that are not open.
    fn remember(&mut self, id: ScheduleId, status: ScheduleStatus) {
        self.ended.retain(|ended| *ended != id);
        if !status.is_open() {
            self.ended.push_back(id);
        }
        while self.ended.len() > limits::SCHEDULES_REMEMBERED_MAX {
            if let Some(oldest) = self.ended.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    fn touched(&mut self, id: ScheduleId, by: &Journaled) -> Result<&mut Schedule, String> {
        let known = self.known.get_mut(&id).ok_or_else(|| format!("no schedule `{id}`"))?;
        known.updated_at = by.at;
        Ok(known)
    }

    fn entry_mut(
        &mut self,
        id: ScheduleId,
        number: u32,
        by: &Journaled,
    ) -> Result<&mut Entry, String> {
        let known = self.touched(id, by)?;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let found = place.and_then(|place| known.entries.get_mut(place));
        found.ok_or_else(|| format!("schedule `{id}` has no entry {number}"))
    }
}
