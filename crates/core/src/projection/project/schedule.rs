//! Rows of schedules. A row is open while entries may still start: the recovery scan finds by it whose
//! ledger has an entry that waits for its time.

use super::{change, id, maybe, open, text, time};
use crate::projection::{Column, RowChange, Table, Value};
use tenure_contract::event::{Event, ScheduleCreated};
use tenure_contract::words::ScheduleStatus;
use tenure_contract::{Entry, ScheduleId};

/// The rows an entry about a schedule changes.
pub(super) fn rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let (schedule, set): (ScheduleId, Vec<(Column, Value)>) = match &entry.event {
        Event::ScheduleCreated(made) => (made.schedule, created(entry, made)),
        Event::ScheduleChanged(now) => {
            let title = now.title.as_ref().map(|title| (Label, text(title)));
            let missed = now.missed.map(|missed| (Kind, text(missed)));
            (now.schedule, title.into_iter().chain(missed).collect())
        }
        Event::ScheduleMoved(moved) => {
            let set = vec![
                (Status, text(moved.status)),
                (Open, open(moved.status.is_open())),
                (Reason, maybe(moved.reason.as_ref())),
            ];
            (moved.schedule, set)
        }
        Event::ScheduleEntryAdded(event) => (event.schedule, Vec::new()),
        Event::ScheduleEntryMoved(event) => (event.schedule, Vec::new()),
        Event::ScheduleEntryDispatched(event) => (event.schedule, Vec::new()),
        Event::ScheduleEntryClosed(event) => (event.schedule, Vec::new()),
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Schedule, schedule.bytes(), set)]
}

fn created(entry: &Entry, made: &ScheduleCreated) -> Vec<(Column, Value)> {
    use Column::*;
    vec![
        (Session, made.session.map_or(Value::Null, |session| id(session.bytes()))),
        (Status, text(ScheduleStatus::Active)),
        (Open, open(true)),
        (Kind, text(made.missed)),
        (Label, text(&made.title)),
        (Product, text(&made.product)),
        (User, text(&made.user)),
        (CreatedAt, time(entry.at)),
    ]
}
