//! Whatever has an id of its own, named by it: the verbs that take any of them read it here.

use super::Failure;
use crate::client::Client;
use std::fmt;
use tenure_contract::resource::{Approval, Dispatch, Handoff, Run, Schedule, Session, Task};
use tenure_contract::{ApprovalId, DispatchId, HandoffId, RunId, ScheduleId, SessionId, TaskId};

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Session(SessionId),
    Run(RunId),
    Task(TaskId),
    Approval(ApprovalId),
    Dispatch(DispatchId),
    Handoff(HandoffId),
    Schedule(ScheduleId),
}

impl Subject {
    /// Reads an id; its first letters say what it names.
    pub fn read(id: &str) -> Result<Self, Failure> {
        let read = match id.split_once('_').map_or("", |(kind, _)| kind) {
            "ses" => id.parse().map(Self::Session).ok(),
            "run" => id.parse().map(Self::Run).ok(),
            "tsk" => id.parse().map(Self::Task).ok(),
            "apr" => id.parse().map(Self::Approval).ok(),
            "dsp" => id.parse().map(Self::Dispatch).ok(),
            "hnd" => id.parse().map(Self::Handoff).ok(),
            "sch" => id.parse().map(Self::Schedule).ok(),
            _ => None,
        };
        read.ok_or_else(|| {
            Failure::usage(format!(
                "`{id}` is neither a session `ses_…`, a run `run_…`, a task `tsk_…`, an approval `apr_…`, a dispatch `dsp_…`, a schedule `sch_…` nor a handoff `hnd_…`"
            ))
        })
    }
}

impl Subject {
    /// The session it belongs to.
    pub async fn session(self, client: &Client) -> Result<SessionId, Failure> {
        let found = match self {
            Self::Session(session) => Some(session),
            Self::Run(id) => Some(client.get::<Run>(&format!("/v1/runs/{id}")).await?.session_id),
            Self::Task(id) => {
                Some(client.get::<Task>(&format!("/v1/tasks/{id}")).await?.session_id)
            }
            Self::Approval(id) => {
                client.get::<Approval>(&format!("/v1/approvals/{id}")).await?.session_id
            }
            Self::Dispatch(id) => {
                client.get::<Dispatch>(&format!("/v1/dispatches/{id}")).await?.session_id
            }
            Self::Handoff(id) => {
                Some(client.get::<Handoff>(&format!("/v1/handoffs/{id}")).await?.session_id)
            }
            Self::Schedule(id) => {
                client.get::<Schedule>(&format!("/v1/schedules/{id}")).await?.session_id
            }
        };
        found.ok_or_else(|| Failure::usage(format!("{self} has no session yet")))
    }

    /// The run it belongs to, or is the way of; of a session the one in progress. A handoff is of none.
    pub async fn run(self, client: &Client) -> Result<Option<RunId>, Failure> {
        Ok(match self {
            Self::Run(run) => Some(run),
            Self::Session(id) => {
                client.get::<Session>(&format!("/v1/sessions/{id}")).await?.current_run_id
            }
            Self::Task(id) => client.get::<Task>(&format!("/v1/tasks/{id}")).await?.run_id,
            Self::Approval(id) => {
                client.get::<Approval>(&format!("/v1/approvals/{id}")).await?.run_id
            }
            Self::Dispatch(id) => {
                client.get::<Dispatch>(&format!("/v1/dispatches/{id}")).await?.run_id
            }
            Self::Handoff(_) => None,
            // its entries have one each
            Self::Schedule(_) => None,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => id.fmt(f),
            Self::Run(id) => id.fmt(f),
            Self::Task(id) => id.fmt(f),
            Self::Approval(id) => id.fmt(f),
            Self::Dispatch(id) => id.fmt(f),
            Self::Handoff(id) => id.fmt(f),
            Self::Schedule(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_names() {
        let ids = [
            SessionId::from_bytes([1; 16]).to_string(),
            RunId::from_bytes([1; 16]).to_string(),
            TaskId::from_bytes([1; 16]).to_string(),
            ApprovalId::from_bytes([1; 16]).to_string(),
            DispatchId::from_bytes([1; 16]).to_string(),
            HandoffId::from_bytes([1; 16]).to_string(),
            ScheduleId::from_bytes([1; 16]).to_string(),
        ];
        let read = ids.map(|id| Subject::read(&id).unwrap());
        assert_eq!(read[0], Subject::Session(SessionId::from_bytes([1; 16])));
        assert!(matches!(
            read[1..],
            [
                Subject::Run(_),
                Subject::Task(_),
                Subject::Approval(_),
                Subject::Dispatch(_),
                Subject::Handoff(_),
                Subject::Schedule(_)
            ]
        ));
        for id in ["", "run", "run_", "run_1", "key_00000000000000000000000001"] {
            let told = Subject::read(id).unwrap_err();
            assert!(told.error().message.contains("is neither"), "{id}");
        }
    }
}
