//! Folding what happens to a task or a todo.

use super::{Folded, legal};
use crate::machine;
use crate::session::state::SessionState;
use crate::session::task::{Task, Todo};
use tenure_contract::event::*;
use tenure_contract::words::{TaskStatus, TodoStatus};
use tenure_contract::{Entry, RunId, TaskId};

impl SessionState {
    pub(super) fn task_created(&mut self, entry: &Entry, event: &TaskCreated) -> Folded {
        let task = Task {
            title: event.title.clone(),
            priority: event.priority.clone(),
            workspace: event.workspace,
            status: TaskStatus::Queued,
            run: None,
            attempts: 0,
            created_at: entry.at,
            updated_at: entry.at,
            created_seq: entry.seq,
            moved_seq: entry.seq,
            request: event.request,
        };
        match self.tasks.insert(event.task, task) {
            None => Ok(()),
            Some(_) => Err(format!("task `{}` was made already", event.task)),
        }
    }

    pub(super) fn task_changed(&mut self, entry: &Entry, event: &TaskChanged) -> Folded {
        let task = self.task_mut(event.task)?;
        task.title.clone_from(&event.title);
        task.priority.clone_from(&event.priority);
        task.workspace = event.workspace;
        task.updated_at = entry.at;
        Ok(())
    }

    pub(super) fn task_moved(&mut self, entry: &Entry, event: &TaskMoved) -> Folded {
        let task = self.task_mut(event.task)?;
        legal(machine::task::may(task.status, event.status), task.status, event.status)?;
        task.status = event.status;
        task.moved_seq = entry.seq;
        task.updated_at = entry.at;
        if event.status.is_over() {
            self.following.retain(|known| *known != event.task);
        }
        Ok(())
    }

    /// A run was submitted for the task, which follows it from now on.
    pub(super) fn task_taken(&mut self, task: TaskId, run: RunId) -> Folded {
        let known = self.task_mut(task)?;
        known.run = Some(run);
        known.attempts += 1;
        if !self.following.contains(&task) {
            self.following.push(task);
        }
        Ok(())
    }

    pub(super) fn todo_created(&mut self, entry: &Entry, event: &TodoCreated) -> Folded {
        if let Some(task) = event.task {
            self.task_mut(task)?;
        }
        let todo = Todo {
            task: event.task,
            status: TodoStatus::Open,
            created_at: entry.at,
            updated_at: entry.at,
            created_seq: entry.seq,
            text_seq: entry.seq,
            request: event.request,
        };
        match self.todos.insert(event.todo, todo) {
            None => Ok(()),
            Some(_) => Err(format!("todo `{}` was made already", event.todo)),
        }
    }

    pub(super) fn todo_changed(&mut self, entry: &Entry, event: &TodoChanged) -> Folded {
        let todo = self.todos.get_mut(&event.todo).ok_or("no such todo")?;
        let stays = todo.status == event.status;
        legal(stays || machine::todo::may(todo.status, event.status), todo.status, event.status)?;
        todo.status = event.status;
        todo.updated_at = entry.at;
        if entry.payload.is_some() {
            todo.text_seq = entry.seq;
        }
        Ok(())
    }

    fn task_mut(&mut self, task: TaskId) -> Result<&mut Task, String> {
        self.tasks.get_mut(&task).ok_or_else(|| format!("no task `{task}`"))
    }
}
