//! What is told of tasks and todos.

use super::{Trail, beside};
use crate::SessionState;
use tenure_contract::Entry;
use tenure_contract::event::{TaskChanged, TaskCreated, TaskMoved, TodoChanged, TodoCreated};
use tenure_contract::trail::{Deed, Subject, TaskMoveTold, TaskTold, TodoChangeTold, TodoTold};
use tenure_contract::words::{TaskStatus, TodoStatus};

impl Trail {
    pub(super) fn task_created(&mut self, entry: &Entry, event: &TaskCreated) -> Option<Subject> {
        let told = TaskTold {
            id: event.task,
            created: Deed::of(entry),
            intent: beside(entry),
            title: event.title.clone(),
            priority: event.priority.clone(),
            workspace: event.workspace,
            status: TaskStatus::Queued,
            run: None,
            attempts: 0,
            changes: Vec::new(),
            moves: Vec::new(),
        };
        self.tasks.add(event.task, told);
        Some(Subject::Task(event.task))
    }

    pub(super) fn task_changed(&mut self, entry: &Entry, event: &TaskChanged) -> Option<Subject> {
        self.tasks.get_mut(&event.task)?.changes.push(Deed::of(entry));
        Some(Subject::Task(event.task))
    }

    pub(super) fn task_moved(&mut self, entry: &Entry, event: &TaskMoved) -> Option<Subject> {
        let moved = TaskMoveTold { deed: Deed::of(entry), status: event.status, run: event.run };
        self.tasks.get_mut(&event.task)?.moves.push(moved);
        Some(Subject::Task(event.task))
    }

    pub(super) fn todo_created(&mut self, entry: &Entry, event: &TodoCreated) -> Option<Subject> {
        let told = TodoTold {
            id: event.todo,
            task: event.task,
            created: Deed::of(entry),
            text: beside(entry),
            status: TodoStatus::Open,
            changes: Vec::new(),
        };
        self.todos.add(event.todo, told);
        Some(Subject::Todo(event.todo))
    }

    pub(super) fn todo_changed(&mut self, entry: &Entry, event: &TodoChanged) -> Option<Subject> {
        let told = self.todos.get_mut(&event.todo)?;
        let text = beside(entry);
        told.status = event.status;
        told.text = text.or(told.text);
        told.changes.push(TodoChangeTold { deed: Deed::of(entry), status: event.status, text });
        Some(Subject::Todo(event.todo))
    }
}

/// Completes what only the machine knows: a task follows its run.
pub(super) fn finish(tasks: &mut [TaskTold], state: &SessionState) {
    for told in tasks {
        let Some(known) = state.tasks.get(&told.id) else { continue };
        told.title.clone_from(&known.title);
        told.priority.clone_from(&known.priority);
        told.workspace = known.workspace;
        told.status = known.status;
        told.run = known.run;
        told.attempts = known.attempts;
    }
}
