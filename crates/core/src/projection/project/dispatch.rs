//! Rows of dispatches. A row stays open until its start is delivered: the recovery scan finds by it
//! whose ledger still has a message to send.

use super::{change, id, maybe, open, text, time};
use crate::projection::{Column, RowChange, Table, Value};
use tenure_contract::event::{DispatchReceived, Event, Work};
use tenure_contract::words::{DispatchStatus, TaskRank};
use tenure_contract::{DispatchId, Entry};

/// The rows an entry about a dispatch changes.
pub(super) fn rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    use DispatchStatus::*;
    let moved = |to| vec![(Status, text(to)), (Open, open(true))];
    let over = |to: DispatchStatus, reason: Option<&String>| {
        vec![(Status, text(to)), (Open, open(false)), (Reason, maybe(reason))]
    };
    let (dispatch, set): (DispatchId, Vec<(Column, Value)>) = match &entry.event {
        Event::DispatchReceived(event) => (event.dispatch, received(entry, event)),
        Event::DispatchAccepted(event) => (event.dispatch, moved(Accepted)),
        Event::DispatchWaiting(event) => (event.dispatch, moved(Waiting)),
        Event::DispatchClaimed(event) => (event.dispatch, moved(Claimed)),
        Event::DispatchReleased(event) => (event.dispatch, moved(Waiting)),
        Event::DispatchStarted(event) => {
            let mut set = moved(Started);
            set.push((Session, id(event.session.bytes())));
            set.push((Run, id(event.run.bytes())));
            (event.dispatch, set)
        }
        Event::DispatchRejected(event) => (event.dispatch, over(Rejected, Some(&event.reason))),
        Event::DispatchClosed(event) => (event.dispatch, over(event.status, event.reason.as_ref())),
        Event::DispatchDelivered(event) => {
            let mut set = over(Started, event.reason.as_ref());
            set.push((Run, event.run.map_or(Value::Null, |run| id(run.bytes()))));
            (event.dispatch, set)
        }
        _ => return Vec::new(),
    };
    vec![change(entry, Table::Dispatch, dispatch.bytes(), set)]
}

fn received(entry: &Entry, event: &DispatchReceived) -> Vec<(Column, Value)> {
    use Column::*;
    let name = match &event.run.work {
        Work::Intent { intent_type, .. } => intent_type,
        Work::Agent { name, .. } => name,
    };
    vec![
        (Status, text(DispatchStatus::Received)),
        (Open, open(true)),
        (Kind, text(event.context.dispatch_mode)),
        (Name, text(name)),
        (Product, text(&event.product)),
        (User, text(&event.user)),
        (Priority, maybe(event.priority.as_ref())),
        (Rank, Value::Number(i64::from(TaskRank::of(event.priority.as_deref()).number()))),
        (Place, Value::Number(i64::try_from(entry.seq).unwrap_or(i64::MAX))),
        (CreatedAt, time(entry.at)),
        (ExpiresAt, time(event.expires_at)),
    ]
}
