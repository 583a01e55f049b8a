//! Whether a principal may act (`AUT-1`).

use tenure_contract::words::PrincipalStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(PrincipalStatus, PrincipalStatus)] = {
    use PrincipalStatus::*;
    &[(Active, Disabled), (Disabled, Active)]
};

/// Whether a principal may go from one status to the other.
#[must_use]
pub fn may(from: PrincipalStatus, to: PrincipalStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aut_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(PrincipalStatus::ALL, TRANSITIONS, may);
    }
}
