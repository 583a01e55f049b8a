//! A schedule's statuses (`RUN-4`): it can be held and let go on, and it completes with its last entry.

use tenure_contract::words::ScheduleStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(ScheduleStatus, ScheduleStatus)] = {
    use ScheduleStatus::*;
    &[
        (Active, Paused),
        (Paused, Active),
        (Active, Completed),
        (Paused, Completed),
        (Completed, Active),
        (Active, Cancelled),
        (Paused, Cancelled),
    ]
};

/// Whether a schedule may go from one status to the other.
#[must_use]
pub fn may(from: ScheduleStatus, to: ScheduleStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_4_exactly_the_listed_transitions_of_a_schedule_are_legal() {
        crate::machine::matrix::exhaust(ScheduleStatus::ALL, TRANSITIONS, may);
        assert!(ScheduleStatus::ALL.iter().all(|to| !may(ScheduleStatus::Cancelled, *to)));
    }
}
