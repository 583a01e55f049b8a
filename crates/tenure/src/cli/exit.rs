//! The one table of exit statuses.

use std::process::ExitCode;
use tenure_contract::resource::Run;
use tenure_contract::words::{RunStatus, StopReason};

/// The table as `tenure --help` prints it.
pub(super) const TABLE: &str = "\
Exit status:
    0  done
    1  a verification or check failed
    2  usage: the call must change first
    3  waiting for a person: an approval, or a step in doubt
    4  the run failed, or the server cannot be used
    5  a cap or budget is used up
  130  aborted

Every verb talks to the process that owns the data directory, and becomes it if there is none.

Examples:
  tenure demo --auto
  tenure run -a agent.toml \"pay what is due\"
  tenure serve --data /var/lib/tenure --listen 127.0.0.1:4137";

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for is done.
    Done,
    /// A verification or check failed.
    CheckFailed,
    /// The call must change first.
    Usage,
    /// A person is to decide.
    Waiting,
    /// The run failed, or the server cannot be used.
    Failed,
    /// A cap or budget is used up.
    Capped,
    /// Somebody aborted it.
    Aborted,
}

impl Exit {
    const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::CheckFailed => 1,
            Self::Usage => 2,
            Self::Waiting => 3,
            Self::Failed => 4,
            Self::Capped => 5,
            Self::Aborted => 130,
        }
    }

    /// The row of the table an error code belongs to.
    pub(crate) const fn of_code(code: tenure_contract::Code) -> Self {
        match code.exit_status() {
            1 => Self::CheckFailed,
            2 => Self::Usage,
            5 => Self::Capped,
            130 => Self::Aborted,
            _ => Self::Failed,
        }
    }

    /// How a command ends that followed this run.
    pub(super) fn of_run(run: &Run) -> Self {
        match (run.status, run.stop_reason) {
            (RunStatus::Completed, _) => Self::Done,
            (RunStatus::Cancelled, _) => Self::Aborted,
            (RunStatus::Failed, Some(StopReason::MaxSteps | StopReason::Budget)) => Self::Capped,
            (RunStatus::Failed, _) => Self::Failed,
            (RunStatus::WaitingApproval | RunStatus::Paused, _) => Self::Waiting,
            // it goes on where its session is now
            (RunStatus::Queued | RunStatus::Running, _) if run.is_elsewhere() => Self::Waiting,
            (RunStatus::Queued | RunStatus::Running, _) => Self::Done,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_status_and_every_code_has_a_row() {
        use Exit::{Aborted, Capped, CheckFailed, Done, Failed, Usage, Waiting};
        for exit in [Done, CheckFailed, Usage, Waiting, Failed, Capped, Aborted] {
            let row = format!("{:>5}  ", exit.status());
            assert!(TABLE.contains(&row), "{row}");
        }
        for code in tenure_contract::Code::ALL {
            assert_eq!(Exit::of_code(*code).status(), code.exit_status(), "{code}");
        }
    }
}
