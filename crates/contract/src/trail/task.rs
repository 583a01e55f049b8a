//! Where tasks and todos stand.

use super::Deed;
use crate::words::{TaskStatus, TodoStatus};
use crate::{Digest, RunId, TaskId, TodoId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// A task at the trail's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskTold {
    /// The task.
    pub id: TaskId,
    /// Who made it.
    pub created: Deed,
    /// Digest of its intent.
    pub intent: Option<Digest>,
    /// What lists show of it.
    pub title: String,
    /// Its priority as it was written.
    pub priority: Option<String>,
    /// The workspace that takes the place of its session's.
    pub workspace: Option<WorkspaceId>,
    /// Where it stands.
    pub status: TaskStatus,
    /// The run it follows.
    pub run: Option<RunId>,
    /// How many runs were submitted for it.
    pub attempts: u32,
    /// Who called it otherwise or put it elsewhere, in order.
    pub changes: Vec<Deed>,
    /// How it came to where it stands, in order.
    pub moves: Vec<TaskMoveTold>,
}

/// That a task changed its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMoveTold {
    /// Whose doing.
    pub deed: Deed,
    /// The new status.
    pub status: TaskStatus,
    /// The run it followed; none when somebody moved it.
    pub run: Option<RunId>,
}

/// A todo at the trail's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TodoTold {
    /// The todo.
    pub id: TodoId,
    /// The task it belongs to.
    pub task: Option<TaskId>,
    /// Who made it.
    pub created: Deed,
    /// Digest of its text as it is now.
    pub text: Option<Digest>,
    /// Where it stands.
    pub status: TodoStatus,
    /// How it came there, in order.
    pub changes: Vec<TodoChangeTold>,
}

/// That a todo changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TodoChangeTold {
    /// Whose doing.
    pub deed: Deed,
    /// Its status from then on.
    pub status: TodoStatus,
    /// Digest of its new text, when that changed.
    pub text: Option<Digest>,
}
