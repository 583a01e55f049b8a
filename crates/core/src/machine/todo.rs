//! A todo's statuses (`TOD-1`): what is done or dropped can be opened again, and only that.

use tenure_contract::words::TodoStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(TodoStatus, TodoStatus)] = {
    use TodoStatus::*;
    &[
        (Open, InProgress),
        (Open, Done),
        (Open, Dropped),
        (InProgress, Open),
        (InProgress, Done),
        (InProgress, Dropped),
        (Done, Open),
        (Dropped, Open),
    ]
};

/// Whether a todo may go from one status to the other.
#[must_use]
pub fn may(from: TodoStatus, to: TodoStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use TodoStatus::*;

    #[test]
    fn tod_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(TodoStatus::ALL, TRANSITIONS, may);
        assert!(!may(Done, InProgress) && !may(Done, Dropped) && !may(Dropped, Done));
    }
}
