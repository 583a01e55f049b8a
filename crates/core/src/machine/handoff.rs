//! A handoff's statuses (`HND-1`): it is offered once and resolved once; what comes after acceptance is
//! another handoff.

use tenure_contract::words::HandoffStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(HandoffStatus, HandoffStatus)] = {
    use HandoffStatus::*;
    &[(Offered, Accepted), (Offered, Declined), (Offered, Expired), (Offered, Withdrawn)]
};

/// Whether a handoff may go from one status to the other.
#[must_use]
pub fn may(from: HandoffStatus, to: HandoffStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hnd_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(HandoffStatus::ALL, TRANSITIONS, may);
        for status in HandoffStatus::ALL {
            let left = HandoffStatus::ALL.iter().any(|to| may(*status, *to));
            assert_eq!(left, *status == HandoffStatus::Offered, "{status}");
        }
    }
}
