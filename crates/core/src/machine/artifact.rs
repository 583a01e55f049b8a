//! An artifact's states (`ART-2`); ARCHIVED→FAILED is left out on purpose.

use tenure_contract::words::ArtifactState;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(ArtifactState, ArtifactState)] = {
    use ArtifactState::*;
    &[
        (Pending, Ready),
        (Pending, Failed),
        (Ready, Archived),
        (Ready, Failed),
        (Archived, Deleted),
        (Archived, Ready),
    ]
};

/// Whether a artifact may go from one status to the other.
#[must_use]
pub fn may(from: ArtifactState, to: ArtifactState) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ArtifactState::*;

    #[test]
    fn art_2_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(ArtifactState::ALL, TRANSITIONS, may);
        assert!(!may(Archived, Failed) && !may(Ready, Deleted) && !may(Deleted, Ready));
    }
}
