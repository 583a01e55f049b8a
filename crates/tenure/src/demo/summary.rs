//! The summary: what the payment service's own ledger says, beside what was to be.

use super::documents::Wanted;
use super::ledger::{Line, Request, bookings};
use serde::Serialize;

/// What the demo came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub charges_wanted: u64,
    pub charges_made: u64,
    pub refunds_wanted: u64,
    pub refunds_made: u64,
    /// Times money moved that it should not have.
    pub duplicates: u64,
    pub attempts_after_landed: u64,
    pub in_doubt: u64,
    pub resolved_by_look_up: u64,
    pub resolved_by_operator: u64,
    pub approvals: u64,
    pub kills: u64,
    pub kills_inside_effect: u64,
    pub acked: u64,
    pub acks_lost: u64,
    pub runs: u64,
    pub runs_completed: u64,
    pub entries: u64,
    pub verified: bool,
    pub seconds: f64,
    pub session: String,
    pub head: String,
    pub dir: String,
    #[serde(skip)]
    pub kept: bool,
}

impl Summary {
    /// Whether everything the demo claims is true.
    pub fn holds(&self) -> bool {
        self.charges_made == self.charges_wanted
            && self.refunds_made == self.refunds_wanted
            && self.duplicates == 0
            && self.attempts_after_landed == 0
            && self.acks_lost == 0
            && self.runs_completed == self.runs
            && self.kills >= 1
            && self.kills_inside_effect >= 1
            && self.verified
    }
}

/// Bookings beyond the first of a reference, and those nobody wanted.
pub(super) fn duplicates(lines: &[Line], wanted: &Wanted) -> u64 {
    let beyond = |request, wanted: &std::collections::BTreeSet<String>| -> u64 {
        let bookings = bookings(lines, request);
        bookings
            .iter()
            .map(|(reference, times)| if wanted.contains(*reference) { times - 1 } else { *times })
            .sum()
    };
    beyond(Request::Charge, &wanted.charges) + beyond(Request::Refund, &wanted.refunds)
}
