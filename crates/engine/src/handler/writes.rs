//! What a handler writes besides its steps: tasks and todos (`INT-9`). Each is memoised by its name
//! like a substep and stands in that substep's commit, so that no loss can make it happen twice.

use super::context::{Ctx, StepFailure};
use crate::api::{task_change, task_write, todo_change, todo_write};
use serde_json::Value;
use tenure_contract::resource::{ChangeTask, ChangeTodo, CreateTask, CreateTodo};
use tenure_contract::{TaskId, TodoId};

impl Ctx {
    /// Makes a task in this session; run again, it makes none and returns the same id.
    ///
    /// # Errors
    /// `invalid-argument`, `limit-reached`, `divergence`.
    pub async fn create_task(&self, name: &str, task: CreateTask) -> Result<TaskId, StepFailure> {
        let id = TaskId::from_bytes(self.derived(b"task", name));
        let (write, intent) = task_write(id, task.clone(), None)?;
        self.write(name, &task, (write, Some(intent)), &id).await
    }

    /// Changes or moves a task of this session, once.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `illegal-transition`, `divergence`.
    pub async fn change_task(
        &self,
        name: &str,
        task: TaskId,
        change: ChangeTask,
    ) -> Result<(), StepFailure> {
        let inputs = serde_json::json!({ "task": task, "change": change });
        self.write(name, &inputs, (task_change(task, change), None), &()).await
    }

    /// Makes a todo in this session; run again, it makes none and returns the same id.
    ///
    /// # Errors
    /// `not-found` for its task, `invalid-argument`, `limit-reached`, `divergence`.
    pub async fn create_todo(&self, name: &str, todo: CreateTodo) -> Result<TodoId, StepFailure> {
        let id = TodoId::from_bytes(self.derived(b"todo", name));
        let (write, text) = todo_write(id, todo.clone(), None)?;
        self.write(name, &todo, (write, Some(text)), &id).await
    }

    /// Changes or moves a todo of this session, once.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `illegal-transition`, `divergence`.
    pub async fn change_todo(
        &self,
        name: &str,
        todo: TodoId,
        change: ChangeTodo,
    ) -> Result<(), StepFailure> {
        let inputs: Value = serde_json::json!({ "todo": todo, "change": change });
        let written = todo_change(todo, change)?;
        self.write(name, &inputs, written, &()).await
    }
}
