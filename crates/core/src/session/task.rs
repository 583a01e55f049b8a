//! What a session knows of its tasks and todos.

use super::state::SessionState;
use crate::machine;
use minicbor::{Decode, Encode};
use tenure_contract::words::{TaskStatus, TodoStatus};
use tenure_contract::{Digest, RunId, TaskId, Time, TodoId, WorkspaceId};

/// A task (`TSK-1`); its intent is beside the entry that made it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Task {
    /// What lists show of it.
    #[n(0)]
    pub title: String,
    /// Its priority as it was written.
    #[n(1)]
    pub priority: Option<String>,
    /// The workspace that takes the place of its session's.
    #[n(2)]
    pub workspace: Option<WorkspaceId>,
    /// Where it stands.
    #[n(3)]
    pub status: TaskStatus,
    /// The run it follows: the last one that was submitted for it.
    #[n(4)]
    pub run: Option<RunId>,
    /// How many runs were submitted for it.
    #[n(5)]
    pub attempts: u32,
    /// When it was made.
    #[n(6)]
    pub created_at: Time,
    /// When it last changed.
    #[n(7)]
    pub updated_at: Time,
    /// The entry that made it.
    #[n(8)]
    pub created_seq: u64,
    /// The entry that last moved it.
    #[n(9)]
    pub moved_seq: u64,
    /// Digest of the request that made it, when it carried a key.
    #[n(10)]
    pub request: Option<Digest>,
}

/// A todo (`TOD-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Todo {
    /// The task it belongs to.
    #[n(0)]
    pub task: Option<TaskId>,
    /// Where it stands.
    #[n(1)]
    pub status: TodoStatus,
    /// When it was made.
    #[n(2)]
    pub created_at: Time,
    /// When it last changed.
    #[n(3)]
    pub updated_at: Time,
    /// The entry that made it.
    #[n(4)]
    pub created_seq: u64,
    /// The entry its text is beside.
    #[n(5)]
    pub text_seq: u64,
    /// Digest of the request that made it, when it carried a key.
    #[n(6)]
    pub request: Option<Digest>,
}

impl SessionState {
    /// The task in progress: the current root run's; without one, the running task that moved last.
    #[must_use]
    pub fn current_task(&self) -> Option<TaskId> {
        let of_run = self.current_root().and_then(|run| run.task);
        let running = self.tasks.iter().filter(|(_, task)| task.status == TaskStatus::Running);
        of_run.or_else(|| running.max_by_key(|(_, task)| task.moved_seq).map(|(id, _)| *id))
    }

    /// A task's run while it has not ended.
    #[must_use]
    pub fn live_run_of(&self, task: &Task) -> Option<RunId> {
        task.run.filter(|run| self.live.contains(run))
    }

    /// The next move of a task that is behind the run it follows.
    pub(super) fn lagging_task(&self) -> Option<(TaskId, RunId, TaskStatus)> {
        self.following.iter().find_map(|id| {
            let run = self.tasks.get(id)?.run?;
            let next =
                machine::task::follow(self.tasks.get(id)?.status, self.runs.get(&run)?.status);
            next.map(|status| (*id, run, status))
        })
    }

    /// The tasks that are not over.
    pub(super) fn open_tasks(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.tasks.iter().filter(|(_, task)| !task.status.is_over()).map(|(id, _)| *id)
    }

    /// The todos of a session in the order they were made.
    #[must_use]
    pub fn todos_in_order(&self) -> Vec<(TodoId, &Todo)> {
        let mut todos: Vec<_> = self.todos.iter().map(|(id, todo)| (*id, todo)).collect();
        todos.sort_by_key(|(_, todo)| todo.created_seq);
        todos
    }
}
