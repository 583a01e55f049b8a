//! The standings of a row of a migration (`TEN-2`).

use tenure_contract::words::RowStanding;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(RowStanding, RowStanding)] = {
    use RowStanding::*;
    &[
        (Pending, Assigned),
        (Pending, Quarantined),
        (Assigned, Backfilled),
        (Assigned, Quarantined),
        (Quarantined, Pending),
        (Quarantined, Discarded),
    ]
};

/// Whether a row may go from one standing to the other.
#[must_use]
pub fn may(from: RowStanding, to: RowStanding) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RowStanding::*;

    #[test]
    fn ten_2_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(RowStanding::ALL, TRANSITIONS, may);
        for to in RowStanding::ALL {
            assert!(!may(Backfilled, *to) && !may(Discarded, *to), "both are final");
        }
        assert!(!may(Assigned, Pending), "whose it is stays once it may be there");
    }
}
