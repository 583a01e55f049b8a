//! The statuses of a schedule's entry (`RUN-4`): it leaves `pending` once. What comes after it became a
//! dispatch is the dispatch's.

use tenure_contract::words::ScheduleEntryStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(ScheduleEntryStatus, ScheduleEntryStatus)] = {
    use ScheduleEntryStatus::*;
    &[(Pending, Dispatched), (Pending, Missed), (Pending, Cancelled)]
};

/// Whether an entry may go from one status to the other.
#[must_use]
pub fn may(from: ScheduleEntryStatus, to: ScheduleEntryStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_4_exactly_the_listed_transitions_of_an_entry_are_legal() {
        crate::machine::matrix::exhaust(ScheduleEntryStatus::ALL, TRANSITIONS, may);
    }
}
