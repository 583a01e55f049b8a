//! Events of a task and of a todo.

use crate::words::{TaskStatus, TodoStatus};
use crate::{Digest, RunId, TaskId, TodoId, WorkspaceId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A task was made, `queued` (`TSK-1`); its intent is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TaskCreated {
    /// The task.
    #[n(0)]
    pub task: TaskId,
    /// What lists show of it.
    #[n(1)]
    pub title: String,
    /// Its priority as it was written; any text is kept.
    #[n(2)]
    pub priority: Option<String>,
    /// The workspace that takes the place of its session's.
    #[n(3)]
    pub workspace: Option<WorkspaceId>,
    /// Digest of the request, when it carried an idempotency key.
    #[n(4)]
    pub request: Option<Digest>,
}

/// A task is called otherwise, ranks otherwise or lies elsewhere: all three as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TaskChanged {
    /// The task.
    #[n(0)]
    pub task: TaskId,
    /// What lists show of it.
    #[n(1)]
    pub title: String,
    /// Its priority as it was written.
    #[n(2)]
    pub priority: Option<String>,
    /// The workspace that takes the place of its session's.
    #[n(3)]
    pub workspace: Option<WorkspaceId>,
}

/// A task changed its status.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TaskMoved {
    /// The task.
    #[n(0)]
    pub task: TaskId,
    /// The new status.
    #[n(1)]
    pub status: TaskStatus,
    /// The run it follows; none when somebody moved it.
    #[n(2)]
    pub run: Option<RunId>,
}

/// A todo was made, `open` (`TOD-1`); its text is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TodoCreated {
    /// The todo.
    #[n(0)]
    pub todo: TodoId,
    /// The task it belongs to.
    #[n(1)]
    pub task: Option<TaskId>,
    /// Digest of the request, when it carried an idempotency key.
    #[n(2)]
    pub request: Option<Digest>,
}

/// A todo changed its status, or its text, which then is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TodoChanged {
    /// The todo.
    #[n(0)]
    pub todo: TodoId,
    /// Its status from now on.
    #[n(1)]
    pub status: TodoStatus,
}
