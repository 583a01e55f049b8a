//! Tasks: make one, change it, see it (`TSK-1`).

use super::Change;
use crate::words::TaskStatus;
use crate::{RunId, SessionId, TaskId, TenantId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Make a task in a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTask {
    /// What a person calls it.
    pub title: String,
    /// What it is for: free text, or an intent's type; the title when nothing is said.
    #[serde(default)]
    pub intent: Option<String>,
    /// Any text; `urgent`, `high`, `normal` and `low` rank it, anything else counts as `normal`.
    #[serde(default)]
    pub priority: Option<String>,
    /// The workspace that takes the place of its session's.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

/// Change a task. A field that is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeTask {
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its priority; null takes it away.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub priority: Change<String>,
    /// Its workspace; null gives it its session's back.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<WorkspaceId>)]
    pub workspace: Change<WorkspaceId>,
    /// Where it is to stand, for a task that follows no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
}

/// A task (`TSK-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The task.
    pub task_id: TaskId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its session.
    pub session_id: SessionId,
    /// What a person calls it.
    pub title: String,
    /// What it is for: free text, or an intent's type; null once erased.
    pub intent: Option<String>,
    /// Where it stands.
    pub status: TaskStatus,
    /// Its priority, as it was given.
    pub priority: Option<String>,
    /// The workspace that takes the place of its session's.
    pub workspace: Option<WorkspaceId>,
    /// The run it follows: the last one that was started for it.
    pub run_id: Option<RunId>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// A task as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskSummary {
    /// The task.
    pub task_id: TaskId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its session.
    pub session_id: SessionId,
    /// What a person calls it.
    pub title: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// Its priority, as it was given.
    pub priority: Option<String>,
    /// The workspace that takes the place of its session's.
    pub workspace: Option<WorkspaceId>,
    /// The run it follows.
    pub run_id: Option<RunId>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}
