//! Events of a checkpoint and of resuming from one (`CKP-1`, `CKP-2`).

use crate::event::DispatchContext;
use crate::words::{CheckpointCause, PinName, PinVerdict, ResumeChoice, SessionStatus};
use crate::{AgentId, ApprovalId, ArtifactId, CheckpointId, Digest, RunId, TaskId, Time, TodoId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a run works with, by version; what a run has nothing of is absent.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct Pins {
    /// The agent and its version, as `name@sha256:…`.
    #[n(0)]
    pub agent: Option<String>,
    /// Digest of its tools, their grants and schemas.
    #[n(1)]
    pub tools: Option<Digest>,
    /// The version of the policy that assessed its last turn.
    #[n(2)]
    pub policy: Option<String>,
    /// Its model, as `adapter/name`.
    #[n(3)]
    pub model: Option<String>,
}

/// A point of a session to resume from; its resume token is the body. References only: what they
/// lead to stands in the journal before it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointMade {
    /// The checkpoint.
    #[n(0)]
    pub checkpoint: CheckpointId,
    /// The root run it was made for: the one in progress, or the last.
    #[n(1)]
    pub run: Option<RunId>,
    /// Why it was made.
    #[n(2)]
    pub cause: CheckpointCause,
    /// Where the session stood.
    #[n(3)]
    pub status: SessionStatus,
    /// The task in progress.
    #[n(4)]
    pub current_task: Option<TaskId>,
    /// The session's todos.
    #[n(5)]
    pub todos: Vec<TodoId>,
    /// The session's artifacts.
    #[n(6)]
    pub artifacts: Vec<ArtifactId>,
    /// What it remembers, as `<kind>:<id>[@version]`.
    #[n(7)]
    pub memory: Vec<String>,
    /// The session's approvals.
    #[n(8)]
    pub approvals: Vec<ApprovalId>,
    /// References left out at the limit; the fold up to here has them.
    #[n(9)]
    pub left_out: u64,
    /// Where the work came from.
    #[n(10)]
    pub dispatch: Option<DispatchContext>,
    /// Digest of the resume token's secret.
    #[n(11)]
    pub token: Digest,
    /// What a person recognises it by.
    #[n(12)]
    pub title: String,
    /// How things stood, in words.
    #[n(13)]
    pub summary: String,
    /// When something last happened.
    #[n(14)]
    pub last_action_at: Option<Time>,
    /// What its run works with.
    #[n(15)]
    pub pins: Pins,
}

/// Somebody resumed a session from a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct SessionResumed {
    /// The checkpoint.
    #[n(0)]
    pub checkpoint: CheckpointId,
    /// The run that goes on, or begins.
    #[n(1)]
    pub run: Option<RunId>,
    /// What comparing the pins came to.
    #[n(2)]
    pub verdict: PinVerdict,
    /// The pins that differ from what would run now.
    #[n(3)]
    pub differing: Vec<PinName>,
    /// What was chosen; there is a choice wherever the verdict is `changed`.
    #[n(4)]
    pub choice: Option<ResumeChoice>,
    /// What the unfinished run works with from now on, where `current` was chosen.
    #[n(5)]
    pub repin: Option<Repin>,
}

/// Another version for an unfinished run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct Repin {
    /// The agent.
    #[n(0)]
    pub agent: AgentId,
    /// Its version.
    #[n(1)]
    pub version: Digest,
    /// Digest of its tools.
    #[n(2)]
    pub tools: Digest,
    /// Its model.
    #[n(3)]
    pub model: String,
}
