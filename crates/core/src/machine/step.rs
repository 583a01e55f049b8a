//! A step's statuses (`STP-1`): in doubt = the request may have left and no answer is committed. A step
//! that failed for a passing reason is intended again by its next attempt.

use tenure_contract::words::StepStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(StepStatus, StepStatus)] = {
    use StepStatus::*;
    &[
        (Intended, Intended),
        (Intended, Landed),
        (Intended, Failed),
        (Intended, InDoubt),
        (Intended, Cancelled),
        (Failed, Intended),
        (Failed, Cancelled),
        (InDoubt, Landed),
        (InDoubt, Failed),
        (InDoubt, Intended),
    ]
};

/// Whether a step may go from one status to the other.
#[must_use]
pub fn may(from: StepStatus, to: StepStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use StepStatus::*;

    #[test]
    fn stp_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(StepStatus::ALL, TRANSITIONS, may);
        assert!(StepStatus::ALL.iter().all(|to| !may(Landed, *to)), "a committed result is final");
        assert!(!may(InDoubt, Cancelled), "doubt is settled, never dropped");
    }
}
