//! An approval's statuses (`APR-1`): it leaves `requested` once; a second decision is a conflict.

use tenure_contract::words::ApprovalStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(ApprovalStatus, ApprovalStatus)] = {
    use ApprovalStatus::*;
    &[(Requested, Approved), (Requested, Denied), (Requested, Expired), (Requested, Cancelled)]
};

/// Whether a approval may go from one status to the other.
#[must_use]
pub fn may(from: ApprovalStatus, to: ApprovalStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apr_1_an_approval_leaves_requested_exactly_once() {
        crate::machine::matrix::exhaust(ApprovalStatus::ALL, TRANSITIONS, may);
        for decided in &ApprovalStatus::ALL[1..] {
            assert!(ApprovalStatus::ALL.iter().all(|to| !may(*decided, *to)), "{decided} is final");
        }
    }
}
