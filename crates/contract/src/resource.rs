//! Requests and resources of the `/v1` surface: JSON, camelCase, absent and null the same on input,
//! null on output. Every entity carries all its fields from the first version.

pub mod tenancy;

pub use tenancy::*;

use crate::agent::AgentDefinition;
use crate::entry::Principal;
use crate::event::{DispatchContext, StopReceipt, Usage};
use crate::words::{
    ApprovalKind, ApprovalStatus, ArtifactState, ErrorClass, ExecutionTarget, InputPolicy,
    RecoveryClass, Resolution, RiskLevel, RunStatus, SessionStatus, StepKind, StepStatus,
    StopReason, StuckReason, Surface, Trigger,
};
use crate::{
    AgentId, ApprovalId, ArtifactId, Digest, IntentId, MaterializationId, RunId, SessionId, StepId,
    TaskId, TenantId, Time, WorkspaceId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Begin a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenSession {
    /// The product; `tenure` when nothing is said.
    #[serde(default)]
    pub product_id: Option<String>,
    /// The human or service it is for; the caller when nothing is said.
    #[serde(default)]
    pub user_id: Option<String>,
    /// Must equal the caller's when given (`TEN-1`).
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// `sandbox` or `local`; missing, empty and `default` are `sandbox`.
    #[serde(default)]
    pub execution_target: Option<String>,
    /// The workspace of a code thread; none makes it a chat thread.
    #[serde(default)]
    pub workspace_id: Option<WorkspaceId>,
    /// What becomes of input while a run is in progress; `queue` when nothing is said.
    #[serde(default)]
    pub input_policy: Option<InputPolicy>,
    /// Where the work came from.
    #[serde(default)]
    pub dispatch_context: Option<DispatchContext>,
    /// Who may decide approvals, as `kind:name`.
    #[serde(default)]
    pub approvers: Vec<String>,
}

/// A session (`SES-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The session.
    pub session_id: SessionId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its product.
    pub product_id: String,
    /// The human or service it is for.
    pub user_id: String,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was opened.
    pub started_at: Time,
    /// When its journal last grew.
    pub updated_at: Time,
    /// Computed (`SES-2`).
    pub resumable: bool,
    /// The task in progress.
    pub current_task_id: Option<TaskId>,
    /// The root run in progress.
    pub current_run_id: Option<RunId>,
    /// What it remembers, as `kind:id@version`.
    pub memory_refs: Vec<String>,
    /// Its artifacts.
    pub artifact_refs: Vec<ArtifactId>,
    /// Its approvals.
    pub approval_refs: Vec<ApprovalId>,
    /// Where the work came from.
    pub dispatch_context: Option<DispatchContext>,
    /// The workspace.
    pub workspace: Option<WorkspaceId>,
    /// Where its tools execute.
    pub execution_target: ExecutionTarget,
    /// The agent it is bound to.
    pub agent_binding: Option<AgentBinding>,
    /// The last entry of its journal.
    pub seq: u64,
}

/// The agent a session is bound to (`CLM-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentBinding {
    /// The agent and its version, as `name@sha256:…`.
    pub agent: String,
    /// The id another system knows it by.
    pub external_id: Option<String>,
}

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

/// A step, as the journal tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The step; also its idempotency key.
    pub step_id: StepId,
    /// Its run.
    pub run_id: RunId,
    /// The tool's, substep's or model's name.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
    /// What may be done again after a loss.
    pub class: RecoveryClass,
    /// Where it stands.
    pub status: StepStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// The approval it consumed.
    pub approval_id: Option<ApprovalId>,
    /// Until then `did-not-happen` and `retry` are refused, for a step in doubt.
    pub travelling_until: Option<Time>,
    /// When its intent was decided.
    pub created_at: Time,
    /// When it was settled.
    pub completed_at: Option<Time>,
    /// Its result or error.
    pub result: Option<Value>,
    /// The entry that began it.
    pub seq: u64,
}

/// An approval (`APR-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The approval.
    pub approval_id: ApprovalId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// What it decides about.
    pub kind: ApprovalKind,
    /// Its session.
    pub session_id: Option<SessionId>,
    /// The run that waits.
    pub run_id: Option<RunId>,
    /// The step that consumed it.
    pub step: Option<StepId>,
    /// What a person reads.
    pub action_label: String,
    /// Digest of the exact action (`APR-3`).
    pub action_digest: Digest,
    /// The exact action, while its body is there.
    pub action: Option<Value>,
    /// How much harm it could do.
    pub risk_level: RiskLevel,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// When it was asked for.
    pub requested_at: Time,
    /// When it becomes a refusal by itself.
    pub expires_at: Option<Time>,
    /// When it was decided.
    pub resolved_at: Option<Time>,
    /// Who decided, and where.
    pub resolver: Option<Resolver>,
    /// Why.
    pub reason: Option<String>,
}

/// Who decided an approval, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolver {
    /// Who, as `kind:name`.
    pub principal: String,
    /// Where.
    pub surface: Option<Surface>,
}

/// Decide an approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideApproval {
    /// `approve` or `deny`; anything else is refused, and is no approval.
    pub decision: Decision,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The arguments to perform instead, for an action.
    #[serde(default)]
    pub arguments: Option<Value>,
    /// The answer, for a question.
    #[serde(default)]
    pub answer: Option<String>,
}

/// The two decisions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Yes, exactly this.
    Approve,
    /// No.
    Deny,
}

/// End a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelRun {
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Settle a step in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolveStep {
    /// `landed`, `did-not-happen` or `retry`.
    pub resolution: Resolution,
    /// The result, for `landed`.
    #[serde(default)]
    pub result: Option<Value>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// An artifact (`ART-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The artifact.
    pub artifact_id: ArtifactId,
    /// What it is.
    pub artifact_type: String,
    /// Its owner.
    pub tenant_id: TenantId,
    /// What made it.
    pub produced_by: ProducedBy,
    /// What it was made from.
    pub parent_artifacts: Vec<ArtifactId>,
    /// Where it stands.
    pub lifecycle_state: ArtifactState,
    /// What is in it.
    pub semantic_descriptor: SemanticDescriptor,
    /// Where its body lies.
    pub materializations: Vec<Materialization>,
    /// Digest of its content.
    pub digest: Option<Digest>,
    /// When it was registered.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// What made an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProducedBy {
    /// The intent; the task's intent for an agent's run.
    pub intent: String,
    /// The run.
    pub execution_id: RunId,
}

/// What is in an artifact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SemanticDescriptor {
    /// Its shape: columns, keys, headings.
    pub schema: Value,
    /// How many records it has.
    pub record_count: Option<u64>,
    /// What read it.
    pub parser_type: Option<String>,
    /// What embedded it.
    pub embedding_model: Option<String>,
}

/// One place an artifact's body lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Materialization {
    /// The place's id.
    pub materialization_id: MaterializationId,
    /// `file`, `s3`, `inline`.
    pub storage_type: String,
    /// Where.
    pub uri: String,
    /// The media type or format.
    pub format: String,
    /// The compression.
    pub compression: Option<String>,
    /// When it was written.
    pub created_at: Time,
}

/// An artifact's body beside its entry: everything erasable of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactBody {
    /// What is in it.
    pub semantic_descriptor: SemanticDescriptor,
    /// Where its body lies.
    pub materializations: Vec<Materialization>,
}

/// A version of an agent (`AGT-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// The agent.
    pub agent_id: AgentId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Digest of the definition.
    pub version: Digest,
    /// The definition; null in lists.
    pub definition: Option<AgentDefinition>,
    /// When this version was registered; null when it is the answer to registering it again.
    pub created_at: Option<Time>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// Who calls, resolved before anything else (`TEN-4`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The one tenant the request acts in.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// From where.
    pub surface: Option<Surface>,
    /// What the caller may do; `*` is everything.
    pub scopes: Vec<String>,
    /// The one product it works for; none is any.
    pub product: Option<String>,
}

/// A session as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionSummary {
    /// The session.
    pub session_id: SessionId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its product.
    pub product_id: String,
    /// The human or service it is for.
    pub user_id: String,
    /// Where it stands.
    pub status: SessionStatus,
    /// The workspace.
    pub workspace: Option<WorkspaceId>,
    /// When it was opened.
    pub started_at: Time,
    /// When its status last changed.
    pub updated_at: Time,
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

/// A step in doubt as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoubtSummary {
    /// The step.
    pub step_id: StepId,
    /// Its run.
    pub run_id: RunId,
    /// Its session.
    pub session_id: SessionId,
    /// `in-doubt`, or how it was resolved.
    pub status: String,
    /// How it was lost.
    pub cause: Option<String>,
    /// Until then `did-not-happen` and `retry` are refused.
    pub travelling_until: Option<Time>,
    /// When it was lost.
    pub created_at: Time,
}

/// Register a version of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterAgent {
    /// The definition.
    pub definition: AgentDefinition,
}
