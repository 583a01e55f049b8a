//! A session's statuses (`SES-1`): the first three follow the current root run and change freely
//! among themselves; the last three are final.

use tenure_contract::words::SessionStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(SessionStatus, SessionStatus)] = {
    use SessionStatus::*;
    &[
        (Active, Paused),
        (Active, WaitingApproval),
        (Active, Completed),
        (Active, Failed),
        (Active, Cancelled),
        (Paused, Active),
        (Paused, WaitingApproval),
        (Paused, Completed),
        (Paused, Failed),
        (Paused, Cancelled),
        (WaitingApproval, Active),
        (WaitingApproval, Paused),
        (WaitingApproval, Completed),
        (WaitingApproval, Failed),
        (WaitingApproval, Cancelled),
    ]
};

/// Whether a session may go from one status to the other.
#[must_use]
pub fn may(from: SessionStatus, to: SessionStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use SessionStatus::*;

    #[test]
    fn ses_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(SessionStatus::ALL, TRANSITIONS, may);
        for end in [Completed, Failed, Cancelled] {
            assert!(
                end.is_final() && SessionStatus::ALL.iter().all(|to| !may(end, *to)),
                "{end} is final"
            );
        }
    }
}
