//! A run's statuses (`RUN-1`): queued = not started; paused = deliberately halted, or stopped by an
//! in-doubt step; waiting-approval = blocked on a decision.

use tenure_contract::words::RunStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(RunStatus, RunStatus)] = {
    use RunStatus::*;
    &[
        (Queued, Running),
        (Queued, Failed),
        (Queued, Cancelled),
        (Running, Paused),
        (Running, WaitingApproval),
        (Running, Completed),
        (Running, Failed),
        (Running, Cancelled),
        (Paused, Running),
        (Paused, Failed),
        (Paused, Cancelled),
        (WaitingApproval, Running),
        (WaitingApproval, Paused),
        (WaitingApproval, Failed),
        (WaitingApproval, Cancelled),
    ]
};

/// Whether a run may go from one status to the other.
#[must_use]
pub fn may(from: RunStatus, to: RunStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RunStatus::*;

    #[test]
    fn run_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(RunStatus::ALL, TRANSITIONS, may);
        assert!(may(Queued, Running) && !may(Queued, Completed));
        assert!(!may(Paused, WaitingApproval) && may(WaitingApproval, Paused));
        for end in [Completed, Failed, Cancelled] {
            assert!(
                end.is_final() && RunStatus::ALL.iter().all(|to| !may(end, *to)),
                "{end} is final"
            );
        }
    }
}
