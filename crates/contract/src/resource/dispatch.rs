//! Dispatches: work that came from somewhere, to start when its mode says (`DSP-1` to `DSP-4`).

use crate::event::DispatchContext;
use crate::words::{DispatchMode, DispatchStatus, ExecutionTarget, InputPolicy, RecoveryClass};
use crate::{Digest, DispatchId, ExecutorId, RunId, SessionId, TaskId, TenantId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Dispatch work. The `Idempotency-Key` header says the same as `idempotencyKey`; one of them is
/// needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateDispatch {
    /// Must equal the caller's when given (`TEN-1`).
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The product it is for.
    pub product_id: String,
    /// The human or service it is for; the caller when nothing is said.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The session; a new one, which ends with the run, when absent.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// The task it is a try of; it must be one of the session's.
    #[serde(default)]
    pub task_id: Option<TaskId>,
    /// What is to be done.
    pub work: DispatchWork,
    /// An intent's parameters, or an agent's task as `{"task": "…"}`.
    #[serde(default)]
    pub payload: Value,
    /// Where it came from and when it is to start (`DSP-1`); checked whole.
    #[schema(value_type = DispatchContext)]
    pub context: Value,
    /// `urgent`, `high`, `normal` or `low`; anything else counts as `normal`.
    #[serde(default)]
    pub priority: Option<String>,
    /// It starts no earlier; needed for `scheduled`.
    #[serde(default)]
    pub not_before: Option<Time>,
    /// It does not start any more from then on; a week after it could when nothing is said.
    #[serde(default)]
    pub expires_at: Option<Time>,
    /// What becomes of it while another run of the session is in progress; the session's policy when
    /// absent.
    #[serde(default)]
    pub input_policy: Option<InputPolicy>,
    /// Where the tools of a session made for it execute: `sandbox` or `local`.
    #[serde(default)]
    pub execution_target: Option<String>,
    /// What may be done again when the executor of a `remote` dispatch is lost (`STP-2`); `once`, which
    /// asks, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_class: Option<RecoveryClass>,
    /// Who may decide approvals of a session made for it, as `kind:name`.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// The same key and body return the first answer; another body conflicts (`DSP-2`).
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

/// What a dispatch asks to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum DispatchWork {
    /// An intent, by its handler.
    #[serde(rename_all = "camelCase")]
    Intent {
        /// Its type, such as `ingest_file`.
        intent_type: String,
        /// The solution; `default` when absent.
        #[serde(default)]
        solution_id: Option<String>,
    },
    /// What the payload's `task` says, by an agent.
    Agent {
        /// The agent.
        name: String,
        /// A version, to pin another than the newest.
        #[serde(default)]
        version: Option<Digest>,
    },
    /// A task that is made in the session, by an agent.
    Task {
        /// What a person calls it.
        title: String,
        /// The agent that is to do it.
        agent: String,
    },
}

/// A dispatch (`DSP-4`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dispatch {
    /// The dispatch.
    pub dispatch_id: DispatchId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The product it is for.
    pub product_id: String,
    /// The human or service it is for.
    pub user_id: String,
    /// The session it named or, once it started, the one that was opened for it.
    pub session_id: Option<SessionId>,
    /// Its task.
    pub task_id: Option<TaskId>,
    /// What is to be done, with the version that was pinned.
    pub work: DispatchWork,
    /// What it was given; null once erased.
    pub payload: Value,
    /// Where it came from.
    pub context: DispatchContext,
    /// Its priority, as it was written.
    pub priority: Option<String>,
    /// It starts no earlier.
    pub not_before: Option<Time>,
    /// It does not start any more from then on.
    pub expires_at: Time,
    /// Its key; null once erased.
    pub idempotency_key: Option<String>,
    /// Where it stands.
    pub status: DispatchStatus,
    /// Why it was rejected, cancelled, or refused by its session; while it is offered again, why its
    /// session refused it last.
    pub reason: Option<String>,
    /// Its run, once it started.
    pub run_id: Option<RunId>,
    /// Where a remote one executes.
    pub execution_target: Option<ExecutionTarget>,
    /// What may be done again when the executor of a remote one is lost.
    pub recovery_class: Option<RecoveryClass>,
    /// The executor that has it, until its run shows that.
    pub claimed_by: Option<ExecutorId>,
    /// When it came in.
    pub created_at: Time,
    /// When its status last changed.
    pub updated_at: Time,
}

/// A dispatch as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DispatchSummary {
    /// The dispatch.
    pub dispatch_id: DispatchId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The product it is for.
    pub product_id: String,
    /// The human or service it is for.
    pub user_id: String,
    /// Its session, once it started.
    pub session_id: Option<SessionId>,
    /// Its run, once it started.
    pub run_id: Option<RunId>,
    /// When it is to start.
    pub mode: DispatchMode,
    /// The intent's type or the agent's name.
    pub name: String,
    /// Its priority, as it was written.
    pub priority: Option<String>,
    /// Where it stands.
    pub status: DispatchStatus,
    /// Why it was rejected, cancelled, or refused by its session.
    pub reason: Option<String>,
    /// It does not start any more from then on.
    pub expires_at: Option<Time>,
    /// When it came in.
    pub created_at: Time,
    /// When its status last changed.
    pub updated_at: Time,
}

/// Give a dispatch up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelDispatch {
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What checking a dispatch context came to (`DSP-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextChecked {
    /// True when a dispatch with it would be read.
    pub valid: bool,
    /// Everything that is wrong with it.
    pub problems: Vec<ContextProblem>,
    /// The context as it would be kept, when nothing is wrong.
    pub context: Option<DispatchContext>,
}

/// One thing that is wrong with a dispatch context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextProblem {
    /// The field; empty when it is the whole.
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
}
