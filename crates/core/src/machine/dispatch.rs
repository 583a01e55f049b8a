//! A dispatch's statuses (`DSP-4`): it is decided about once, waits and is claimed any number of times,
//! and starts at most once. What comes after the start is the run's.

use tenure_contract::words::DispatchStatus;

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(DispatchStatus, DispatchStatus)] = {
    use DispatchStatus::*;
    &[
        (Received, Accepted),
        (Received, Rejected),
        (Accepted, Waiting),
        (Accepted, Started),
        (Accepted, Cancelled),
        (Accepted, Expired),
        (Waiting, Claimed),
        (Waiting, Started),
        (Waiting, Cancelled),
        (Waiting, Expired),
        (Claimed, Started),
        (Claimed, Waiting),
        (Claimed, Cancelled),
        (Claimed, Expired),
    ]
};

/// Whether a dispatch may go from one status to the other.
#[must_use]
pub fn may(from: DispatchStatus, to: DispatchStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use DispatchStatus::*;

    #[test]
    fn dsp_4_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(DispatchStatus::ALL, TRANSITIONS, may);
        for end in [Rejected, Started, Cancelled, Expired] {
            assert!(
                end.is_final() && DispatchStatus::ALL.iter().all(|to| !may(end, *to)),
                "{end} is final"
            );
        }
        assert!(!may(Received, Started), "nothing starts that was not accepted");
    }
}
