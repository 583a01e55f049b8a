//! A workspace's states (`WSP-1`).

use tenure_contract::words::WorkspaceStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(WorkspaceStatus, WorkspaceStatus)] = {
    use WorkspaceStatus::*;
    &[(Provisioning, Ready), (Provisioning, Error), (Ready, Error), (Error, Provisioning)]
};

/// Whether a workspace may go from one status to the other.
#[must_use]
pub fn may(from: WorkspaceStatus, to: WorkspaceStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use WorkspaceStatus::*;

    #[test]
    fn wsp_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(WorkspaceStatus::ALL, TRANSITIONS, may);
        assert!(!may(Error, Ready), "what broke is made again first");
    }
}
