//! Runs: submit one, see it, see it in a list, end it.

use super::OpenSession;
use crate::event::{ScheduledBy, StopReceipt, Usage};
use crate::words::{ErrorClass, InputPolicy, RunStatus, StopReason, StuckReason, Trigger};
use crate::{Digest, IntentId, RunId, SessionId, TaskId, TenantId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Submit a run: an intent or an agent's task. Exactly one of `intent` and `agent`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmitRun {
    /// The session; a new one, which ends with the run, when absent.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// Must equal the caller's when given.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The intent to run.
    #[serde(default)]
    pub intent: Option<IntentRequest>,
    /// The agent that is to do a task.
    #[serde(default)]
    pub agent: Option<AgentRequest>,
    /// The task it is a try of; a task that failed is tried again.
    #[serde(default)]
    pub task_id: Option<TaskId>,
    /// The run this one is nested in.
    #[serde(default)]
    pub parent_run_id: Option<RunId>,
    /// What becomes of it while another run is in progress; the session's policy when absent.
    #[serde(default)]
    pub input_policy: Option<InputPolicy>,
    /// The same key and body return the first run; another body conflicts (`INT-5`). The
    /// `Idempotency-Key` header says the same.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Durable steps of the run tree; may only lower the agent's.
    #[serde(default)]
    pub budget_steps: Option<u64>,
    /// How a session made for this run is opened.
    #[serde(default)]
    pub session: Option<OpenSession>,
}

/// An intent to run (`INT-2`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntentRequest {
    /// Its type, such as `ingest_file`.
    #[serde(rename = "type")]
    pub intent_type: String,
    /// What it is given.
    #[serde(default)]
    pub parameters: Value,
    /// What else is known of it.
    #[serde(default)]
    pub metadata: Value,
    /// The solution; `default` when absent.
    #[serde(default)]
    pub solution_id: Option<String>,
}

/// A task for an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentRequest {
    /// The agent's name; its newest version is pinned.
    pub name: String,
    /// A version, to pin another.
    #[serde(default)]
    pub version: Option<Digest>,
    /// The task.
    pub task: String,
    /// May only lower the agent's cap; zero is refused (`RT3`).
    #[serde(default)]
    pub max_steps: Option<u32>,
}

/// The answer to a submission: the work is durable, not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The run; with `steer`, the run that was steered.
    pub run_id: RunId,
    /// Its session.
    pub session_id: SessionId,
    /// True when the key had been used with the same body before.
    pub duplicate: bool,
    /// The journal's last entry when it was accepted.
    pub seq: u64,
}

/// A run (`RUN-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The run; SRC1 calls it `execution_id`.
    pub run_id: RunId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its product.
    pub product_id: String,
    /// Whom it is for.
    pub user_id: String,
    /// Its session.
    pub session_id: SessionId,
    /// Its task.
    pub task_id: Option<TaskId>,
    /// The run it is nested in.
    pub parent_run_id: Option<RunId>,
    /// Which try of its task it is.
    pub attempt: u32,
    /// The agent and version, as `name@sha256:…`.
    pub agent: Option<String>,
    /// The intent's type.
    pub intent_type: Option<String>,
    /// The intent.
    pub intent_id: Option<IntentId>,
    /// The handler that serves it.
    pub handler: Option<String>,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it ended.
    pub stop_reason: Option<StopReason>,
    /// What made it begin.
    pub trigger: Trigger,
    /// The schedule's entry that started it (`RUN-4`).
    pub scheduled: Option<ScheduledBy>,
    /// What it used.
    pub usage: Usage,
    /// When it was submitted.
    pub created_at: Time,
    /// When it started.
    pub started_at: Option<Time>,
    /// When it ended.
    pub completed_at: Option<Time>,
    /// What it was given.
    pub input: Option<Value>,
    /// The result of an ended run; for an agent `content, messages, steps, toolCalls, durationMs`
    /// (`RT12`).
    pub output: Option<Value>,
    /// What went wrong.
    pub error: Option<RunError>,
    /// What became of its effects, for an aborted run (`RT13`).
    pub stop_receipt: Option<StopReceipt>,
    /// Why it is not moving (`RUN-5`).
    pub waiting_for: Option<Waiting>,
    /// The journal's last entry this view holds.
    pub seq: u64,
}

impl Run {
    /// Whether it goes on in another server, or not at all.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.waiting_for.as_ref().is_some_and(|waiting| waiting.reason == StuckReason::Elsewhere)
    }
}

/// What went wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunError {
    /// Whose failure it is (`RT14`).
    pub class: ErrorClass,
    /// For machines.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// Why a run is not moving (`RUN-5`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The kind of reason.
    pub reason: StuckReason,
    /// What it waits for.
    pub subject: Option<String>,
    /// Since when.
    pub since: Option<Time>,
    /// In words, with what is possible now.
    pub text: String,
}

/// End a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelRun {
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A run as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// The run.
    pub run_id: RunId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its session.
    pub session_id: SessionId,
    /// Its task.
    pub task_id: Option<TaskId>,
    /// The run it is nested in.
    pub parent_run_id: Option<RunId>,
    /// `agent` or `intent`.
    pub kind: String,
    /// The agent's name or the intent's type.
    pub name: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it ended, or why it is paused.
    pub reason: Option<String>,
    /// When it was submitted.
    pub created_at: Time,
    /// When its status last changed.
    pub updated_at: Time,
    /// When it ended.
    pub completed_at: Option<Time>,
}
