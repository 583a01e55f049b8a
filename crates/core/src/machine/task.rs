//! A task's statuses (`TSK-1`). A task with a run follows it; `failed` is left by a retry only.

use tenure_contract::words::{RunStatus, TaskStatus};

/// Every legal pair, from and to.
pub const TRANSITIONS: &[(TaskStatus, TaskStatus)] = {
    use TaskStatus::*;
    &[
        (Queued, Running),
        (Queued, Blocked),
        (Queued, Cancelled),
        (Running, Blocked),
        (Running, Completed),
        (Running, Failed),
        (Running, Cancelled),
        (Blocked, Queued),
        (Blocked, Running),
        (Blocked, Failed),
        (Blocked, Cancelled),
        (Failed, Queued),
    ]
};

/// Whether a task may go from one status to the other.
#[must_use]
pub fn may(from: TaskStatus, to: TaskStatus) -> bool {
    TRANSITIONS.contains(&(from, to))
}

/// The next move of a task that follows a run; none once it has caught up.
///
/// A run that fails before it started takes its task over `blocked`: nothing leads from `queued` to
/// `failed`.
#[must_use]
pub fn follow(task: TaskStatus, run: RunStatus) -> Option<TaskStatus> {
    let wanted = match run {
        RunStatus::Queued => TaskStatus::Queued,
        RunStatus::Running => TaskStatus::Running,
        RunStatus::Paused | RunStatus::WaitingApproval => TaskStatus::Blocked,
        RunStatus::Completed => TaskStatus::Completed,
        RunStatus::Failed => TaskStatus::Failed,
        RunStatus::Cancelled => TaskStatus::Cancelled,
    };
    if wanted == task {
        return None;
    }
    let over_blocked = may(task, TaskStatus::Blocked) && may(TaskStatus::Blocked, wanted);
    may(task, wanted).then_some(wanted).or(over_blocked.then_some(TaskStatus::Blocked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::run;
    use TaskStatus::*;

    #[test]
    fn tsk_1_exactly_the_listed_transitions_are_legal() {
        crate::machine::matrix::exhaust(TaskStatus::ALL, TRANSITIONS, may);
        assert!(may(Failed, Queued) && !may(Queued, Failed) && !may(Blocked, Completed));
        for end in [Completed, Cancelled] {
            assert!(TaskStatus::ALL.iter().all(|to| !may(end, *to)), "{end} is final");
        }
        for open in [Queued, Running, Blocked] {
            assert!(may(open, Cancelled), "any open task may be given up");
        }
    }

    /// Wherever a run may go, its task comes after it by listed moves and then rests.
    #[test]
    fn tsk_1_a_task_catches_up_with_every_move_of_a_run() {
        let rest = |mut task: TaskStatus, run: RunStatus| {
            let mut moves = 0;
            while let Some(next) = follow(task, run) {
                assert!(may(task, next), "{task} -> {next}");
                (task, moves) = (next, moves + 1);
                assert!(moves < 3, "{task} does not rest under {run}");
            }
            task
        };
        for (from, to) in run::TRANSITIONS {
            let before = match from {
                RunStatus::Queued => Queued,
                RunStatus::Running => Running,
                _ => Blocked,
            };
            let expected = match to {
                RunStatus::Queued => Queued,
                RunStatus::Running => Running,
                RunStatus::Paused | RunStatus::WaitingApproval => Blocked,
                RunStatus::Completed => Completed,
                RunStatus::Failed => Failed,
                RunStatus::Cancelled => Cancelled,
            };
            assert_eq!(rest(before, *to), expected, "{from} -> {to}");
        }
    }
}
