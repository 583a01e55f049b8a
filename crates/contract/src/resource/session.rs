//! Sessions: open one, see it, see it in a list.

use super::{Change, Transfer};
use crate::event::DispatchContext;
use crate::words::{ExecutionTarget, InputPolicy, SessionStatus, Surface};
use crate::{ApprovalId, ArtifactId, RunId, SessionId, TaskId, TenantId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
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
    /// What a person calls it.
    #[serde(default)]
    pub title: Option<String>,
    /// What it remembers, as `<kind>:<id>[@version]`.
    #[serde(default)]
    pub memory_refs: Vec<String>,
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

/// Change a session. A field that is absent stays as it is; null clears (`SES-4`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeSession {
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub title: Change<String>,
    /// Its workspace; null makes it a chat thread.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<WorkspaceId>)]
    pub workspace_id: Change<WorkspaceId>,
    /// All it is to remember besides its chat memory, as `<kind>:<id>[@version]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_refs: Option<Vec<String>>,
    /// What becomes of input while a run is in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_policy: Option<InputPolicy>,
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
    /// What a person calls it.
    pub title: Option<String>,
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
    /// What becomes of input while a run is in progress.
    pub input_policy: InputPolicy,
    /// The agent it is bound to.
    pub agent_binding: Option<AgentBinding>,
    /// Where it is going, or has gone, while it is another server's or offered to one (`HND-2`).
    pub transfer: Option<Transfer>,
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
    /// What a person calls it.
    pub title: Option<String>,
    /// The workspace.
    pub workspace: Option<WorkspaceId>,
    /// Where its tools execute.
    pub execution_target: ExecutionTarget,
    /// The surface it was opened from.
    pub surface: Option<Surface>,
    /// When it was opened.
    pub started_at: Time,
    /// When its status last changed.
    pub updated_at: Time,
}
