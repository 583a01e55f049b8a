//! Rows of handoffs. Acceptance also changes its session's row: whose it is, and for whom.

use super::{change, open, session_id, text, time};
use crate::projection::{Column, RowChange, Table, Value};
use tenure_contract::event::{Event, HandoffOffered, Owner};
use tenure_contract::words::HandoffStatus;
use tenure_contract::{Entry, HandoffId};

/// The rows an entry about a handoff changes.
pub(super) fn rows(entry: &Entry) -> Vec<RowChange> {
    let row = |handoff: HandoffId, set| change(entry, Table::Handoff, handoff.bytes(), set);
    match &entry.event {
        Event::HandoffOffered(event) => vec![row(event.handoff, offered(entry, event))],
        Event::HandoffClosed(event) => vec![row(event.handoff, over(entry, event.status))],
        Event::HandoffAccepted(event) => vec![
            row(event.handoff, over(entry, HandoffStatus::Accepted)),
            change(entry, Table::Session, entry.journal.key(), owned(&event.to)),
        ],
        _ => Vec::new(),
    }
}

fn offered(entry: &Entry, event: &HandoffOffered) -> Vec<(Column, Value)> {
    use Column::*;
    vec![
        (Session, session_id(entry)),
        (Status, text(HandoffStatus::Offered)),
        (Open, open(true)),
        (Origin, text(&event.from.product)),
        (User, text(&event.from.principal)),
        (Product, text(&event.to.product)),
        (Name, text(&event.to.principal)),
        (Reason, super::maybe(event.reason.as_ref())),
        (CreatedAt, time(entry.at)),
        (ExpiresAt, time(event.expires_at)),
    ]
}

fn over(entry: &Entry, status: HandoffStatus) -> Vec<(Column, Value)> {
    use Column::*;
    vec![(Status, text(status)), (Open, open(false)), (EndedAt, time(entry.at))]
}

fn owned(owner: &Owner) -> Vec<(Column, Value)> {
    vec![(Column::Product, text(&owner.product)), (Column::User, text(owner.user()))]
}
