//! The summary: what the payment service's own ledger says, beside what was to be.

use super::documents::Wanted;
use super::ledger::{Line, Request, bookings, kills_inside_effect};
use super::proof::Proof;
use serde::Serialize;
use std::collections::BTreeSet;

/// What the ledger says.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paid {
    pub charges_wanted: u64,
    pub charges_made: u64,
    pub refunds_wanted: u64,
    pub refunds_made: u64,
    /// Times money moved that it should not have.
    pub duplicates: u64,
    pub kills: u64,
    pub kills_inside_effect: u64,
}

impl Paid {
    /// Reads the ledger, knowing what was wanted and when the server was killed.
    pub fn read(lines: &[Line], wanted: &Wanted, kills: &[u64]) -> Self {
        let made = |request| bookings(lines, request).values().sum();
        let beyond = |request, wanted: &BTreeSet<String>| -> u64 {
            let times = bookings(lines, request).into_iter();
            let beyond =
                |(reference, times)| if wanted.contains(reference) { times - 1 } else { times };
            times.map(beyond).sum()
        };
        Self {
            charges_wanted: wanted.charges.len() as u64,
            charges_made: made(Request::Charge),
            refunds_wanted: wanted.refunds.len() as u64,
            refunds_made: made(Request::Refund),
            duplicates: beyond(Request::Charge, &wanted.charges)
                + beyond(Request::Refund, &wanted.refunds),
            kills: kills.len() as u64,
            kills_inside_effect: kills_inside_effect(lines, kills),
        }
    }
}

/// What the demo came to; one object with `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    #[serde(flatten)]
    pub paid: Paid,
    /// Payments asked for again although their result was committed.
    pub attempts_after_landed: u64,
    #[serde(flatten)]
    pub proof: Proof,
    pub runs: u64,
    pub runs_completed: u64,
    pub seconds: f64,
    pub session: String,
    pub dir: String,
    #[serde(skip)]
    pub kept: bool,
}

impl Summary {
    /// Whether everything the demo claims is true.
    pub fn holds(&self) -> bool {
        let Paid { charges_wanted, charges_made, refunds_wanted, refunds_made, .. } = self.paid;
        (charges_made, refunds_made) == (charges_wanted, refunds_wanted)
            && self.paid.duplicates == 0
            && self.attempts_after_landed == 0
            && self.proof.acks_lost == 0
            && self.runs_completed == self.runs
            && self.paid.kills_inside_effect >= 1
            && self.proof.verified
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::ledger::Outcome;

    #[test]
    fn what_is_paid_twice_or_unasked_is_a_duplicate() {
        let booked = |request, reference: &str| Line {
            number: 0,
            at_micros: 0,
            request,
            outcome: Outcome::Booked,
            key: String::new(),
            reference: reference.to_owned(),
            cents: 1,
        };
        let lines = [
            booked(Request::Charge, "A"),
            booked(Request::Charge, "A"),
            booked(Request::Refund, "unasked"),
            booked(Request::Refund, "R"),
        ];
        let set = |name: &str| BTreeSet::from([name.to_owned()]);
        let paid = Paid::read(&lines, &Wanted { charges: set("A"), refunds: set("R") }, &[]);
        assert_eq!((paid.duplicates, paid.charges_made, paid.refunds_made), (2, 2, 2));
    }
}
