//! Events of a run.

use super::RemoteWork;
use crate::words::{ErrorClass, InputPolicy, PauseCause, RunStatus, StopReason, Trigger};
use crate::{AgentId, Digest, IntentId, PolicyVersion, RunId, ScheduleId, TaskId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a run executes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Work {
    /// An intent, by a handler.
    #[n(0)]
    #[serde(rename_all = "camelCase")]
    Intent {
        /// The intent's id.
        #[n(0)]
        intent: IntentId,
        /// Its type, such as `ingest_file`.
        #[n(1)]
        intent_type: String,
        /// The handler that was chosen.
        #[n(2)]
        handler: String,
        /// The solution; `default` when none was named.
        #[n(3)]
        solution: String,
    },
    /// A task, by an agent.
    #[n(1)]
    #[serde(rename_all = "camelCase")]
    Agent {
        /// The agent.
        #[n(0)]
        agent: AgentId,
        /// Its pinned version (`AGT-1`).
        #[n(1)]
        version: Digest,
        /// Its name, for people.
        #[n(2)]
        name: String,
    },
}

/// The hard limits a run was started with, resolved (`RT3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunLimits {
    /// Turns of the agent (`RT4`).
    #[n(0)]
    pub max_steps: u32,
    /// Where `max_steps` came from.
    #[n(1)]
    pub max_steps_from: Origin,
    /// Durable steps of the run tree (`RT16`).
    #[n(2)]
    pub budget_steps: u64,
    /// Where `budget_steps` came from.
    #[n(3)]
    pub budget_steps_from: Origin,
}

/// Where a resolved option came from (`RT3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Origin {
    /// Nobody said anything.
    #[n(0)]
    Default,
    /// The agent's definition.
    #[n(1)]
    Config,
    /// The call's options.
    #[n(2)]
    Option,
}

/// What a run used.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens read by models, failed attempts included.
    #[n(0)]
    pub input_tokens: u64,
    /// Tokens written by models.
    #[n(1)]
    pub output_tokens: u64,
    /// Model calls, failed attempts included.
    #[n(2)]
    pub model_calls: u64,
    /// Tool calls that began.
    #[n(3)]
    pub tool_calls: u64,
    /// Durable steps.
    #[n(4)]
    pub steps: u64,
}

/// A run was accepted (`RUN-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunSubmitted {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The run it is nested in.
    #[n(1)]
    pub parent: Option<RunId>,
    /// The task it executes.
    #[n(2)]
    pub task: Option<TaskId>,
    /// What it executes.
    #[n(3)]
    pub work: Work,
    /// What made it begin.
    #[n(4)]
    pub trigger: Trigger,
    /// The policy that was applied on arrival (`SES-3`).
    #[n(5)]
    pub policy: InputPolicy,
    /// Its hard limits.
    #[n(6)]
    pub limits: RunLimits,
    /// Digest of the request, when it carried an idempotency key (`INT-5`).
    #[n(7)]
    pub request: Option<Digest>,
    /// Whether the run reads and, after success, joins chat memory (`RT7`).
    #[n(8)]
    pub memory: bool,
    /// Who may decide its approvals, as `kind:name`; empty refuses all (`APR-2`).
    #[n(9)]
    pub approvers: Vec<String>,
    /// Which try of its task it is, from 1; 1 without a task.
    #[n(10)]
    pub attempt: u32,
    /// True when policy refused the run itself: it ends at once (`RUN-2`).
    #[n(11)]
    pub refused: bool,
    /// The version of the policy that decided so.
    #[n(12)]
    pub decided_under: PolicyVersion,
    /// Digest of the agent's tools, their grants and schemas.
    #[n(13)]
    pub tools: Option<Digest>,
    /// The agent's model, as `adapter/name`.
    #[n(14)]
    pub model: Option<String>,
    /// The schedule's entry that started it; none for every other trigger (`RUN-4`).
    #[n(22)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<ScheduledBy>,
    /// The executor that performs it; none when this server does.
    #[n(30)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Box<RemoteWork>>,
}

/// The entry of a schedule that started a run (`RUN-4`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledBy {
    /// The schedule.
    #[n(0)]
    pub schedule_id: ScheduleId,
    /// The entry's number in it, from 1.
    #[n(1)]
    pub entry: u32,
}

/// A run left the queue.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunStarted {
    /// The run.
    #[n(0)]
    pub run: RunId,
}

/// A run was halted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunPaused {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// Why.
    #[n(1)]
    pub cause: PauseCause,
}

/// A run is blocked on at least one decision.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunWaiting {
    /// The run.
    #[n(0)]
    pub run: RunId,
}

/// A run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunResumed {
    /// The run.
    #[n(0)]
    pub run: RunId,
}

/// Somebody asked for a run's end (`RT13`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunCancelRequested {
    /// The run; its children follow by entries of their own.
    #[n(0)]
    pub run: RunId,
    /// `aborted` or `superseded`.
    #[n(1)]
    pub stop_reason: StopReason,
    /// Why, when somebody said so.
    #[n(2)]
    pub reason: Option<String>,
}

/// What became of the effects of an aborted run (`RT13`).
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct StopReceipt {
    /// Steps that never started.
    #[n(0)]
    pub stopped: u64,
    /// Steps that landed or failed after the abort was asked for.
    #[n(1)]
    pub landed_after: u64,
    /// Steps in doubt.
    #[n(2)]
    pub in_doubt: u64,
    /// Child runs that were ended with it.
    #[n(3)]
    pub children: u64,
}

/// A run ended (`RUN-2`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunEnded {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The final status; always `stop_reason`'s.
    #[n(1)]
    pub status: RunStatus,
    /// Why it ended.
    #[n(2)]
    pub stop_reason: StopReason,
    /// The class of the error, for a failed run.
    #[n(3)]
    pub error_class: Option<ErrorClass>,
    /// The error's code, for a failed run; its message is in the body.
    #[n(4)]
    pub error_code: Option<String>,
    /// What it used.
    #[n(5)]
    pub usage: Usage,
    /// What became of its effects, for an aborted run.
    #[n(6)]
    pub receipt: Option<StopReceipt>,
}

/// Input for a run in progress; the message is the body (`SES-3`, `steer`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunSteered {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// What it came by, when that had an idempotency key (`INT-5`).
    #[n(1)]
    pub keyed: Option<KeyedInput>,
}

/// A submission with an idempotency key that became input instead of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct KeyedInput {
    /// The run it would have been; its id comes from the key.
    #[n(0)]
    pub submission: RunId,
    /// Digest of the whole request, so that another one under the same key is noticed.
    #[n(1)]
    pub request: Digest,
}
