//! Where a run stands: who asked, what it was held up by, what it used, why it ended.

use super::Deed;
use crate::event::{RunLimits, ScheduledBy, StopReceipt, Usage, Work};
use crate::words::{ErrorClass, InputPolicy, PauseCause, RunStatus, StopReason, Trigger};
use crate::{Digest, RunId, TaskId, Time};
use serde::{Deserialize, Serialize};

/// A run at the trail's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunTold {
    /// The run.
    pub id: RunId,
    /// The run it is nested in.
    pub parent: Option<RunId>,
    /// How deep it is nested; 0 for a root run.
    pub depth: u32,
    /// The task it executes.
    pub task: Option<TaskId>,
    /// What it executes.
    pub work: Work,
    /// What made it begin.
    pub trigger: Trigger,
    /// The schedule's entry that started it (`RUN-4`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<ScheduledBy>,
    /// The policy applied on arrival.
    pub policy: InputPolicy,
    /// Its hard limits; an approved budget raises them.
    pub limits: RunLimits,
    /// Who asked for it.
    pub asked: Deed,
    /// Digest of what was asked.
    pub input: Option<Digest>,
    /// Where it stands.
    pub status: RunStatus,
    /// When it left the queue.
    pub started_at: Option<Time>,
    /// What it was held up by, in order.
    pub pauses: Vec<PauseTold>,
    /// Input it was given while it ran.
    pub steered: Vec<SteerTold>,
    /// Who asked for its end.
    pub cancel: Option<CancelTold>,
    /// How it ended.
    pub end: Option<EndTold>,
    /// Digest of its output.
    pub output: Option<Digest>,
    /// The version of chat memory it left, if it left one.
    pub memory_version: Option<u64>,
    /// Turns of the model that landed.
    pub turns: u32,
    /// What it used.
    pub spent: SpentTold,
    /// Why it does not move, in words; none once it has ended or when it is about to.
    pub waits: Option<String>,
}

/// What a run used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentTold {
    /// By itself.
    pub own: Usage,
    /// With the runs nested in it.
    pub total: Usage,
}

/// A time in which a run did not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseTold {
    /// Why.
    pub why: PauseWhy,
    /// Who halted it.
    pub from: Deed,
    /// Who let it go on; none while it stands, or when it ended so.
    pub until: Option<Deed>,
}

/// Why a run did not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseWhy {
    /// A step was in doubt.
    InDoubt,
    /// Somebody paused it.
    Operator,
    /// It waited for a decision.
    Approval,
}

impl From<PauseCause> for PauseWhy {
    fn from(cause: PauseCause) -> Self {
        match cause {
            PauseCause::InDoubt => Self::InDoubt,
            PauseCause::Operator => Self::Operator,
        }
    }
}

/// Input a run was given while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteerTold {
    /// Who gave it.
    pub deed: Deed,
    /// Its digest.
    pub input: Option<Digest>,
}

/// That somebody asked for a run's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelTold {
    /// Who.
    pub deed: Deed,
    /// `aborted` or `superseded`.
    pub stop_reason: StopReason,
    /// Why, when somebody said so.
    pub reason: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndTold {
    /// The entry, and whose command led to it.
    pub deed: Deed,
    /// Why.
    pub stop_reason: StopReason,
    /// Whose failure, for a failed run.
    pub error_class: Option<ErrorClass>,
    /// The error's code.
    pub error_code: Option<String>,
    /// What became of its effects, for an aborted run.
    pub receipt: Option<StopReceipt>,
}
