//! Todos: make one, change it, see it (`TOD-1`).

use crate::words::TodoStatus;
use crate::{SessionId, TaskId, TenantId, Time, TodoId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Make a todo in a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTodo {
    /// What is to be done.
    pub text: String,
    /// The task it belongs to.
    #[serde(default)]
    pub task_id: Option<TaskId>,
}

/// Change a todo. A field that is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeTodo {
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where it is to stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TodoStatus>,
}

/// A todo (`TOD-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Todo {
    /// The todo.
    pub todo_id: TodoId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its session.
    pub session_id: SessionId,
    /// The task it belongs to.
    pub task_id: Option<TaskId>,
    /// What is to be done; null once erased.
    pub text: Option<String>,
    /// Where it stands.
    pub status: TodoStatus,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}
