//! Decisions about tasks and todos: make one, change one, take one for a run.

use super::{Decided, still_open};
use crate::command::{Draft, DraftBody, Write};
use crate::machine;
use crate::refusal::Refusal;
use crate::session::run::Run;
use crate::session::state::SessionState;
use std::collections::BTreeSet;
use std::fmt::Display;
use tenure_contract::event::*;
use tenure_contract::resource::Change;
use tenure_contract::words::{RunStatus, TaskStatus, TodoStatus, Trigger};
use tenure_contract::{Digest, Event, TaskId, TodoId, WorkspaceId, limits};

/// Writes of one commit, in their order; `run` is the run whose step writes them.
pub(super) fn write(state: &SessionState, writes: &[Write], run: Option<&Run>) -> Decided {
    let drafts = drafts(state, writes, run);
    match &drafts {
        // what was written before is nothing new, even to a session that has ended meanwhile
        Ok(none) if none.is_empty() => {}
        Ok(_) | Err(_) => still_open(state)?,
    }
    drafts
}

fn drafts(state: &SessionState, writes: &[Write], run: Option<&Run>) -> Decided {
    each_once(writes)?;
    let is_todo = |write: &&Write| matches!(write, Write::CreateTodo(_));
    let is_task = |write: &&Write| matches!(write, Write::CreateTask(_));
    let (todos, tasks) =
        (writes.iter().filter(is_todo).count(), writes.iter().filter(is_task).count());
    room(state, "tasks", state.tasks.len() + tasks, limits::TASKS_PER_SESSION_MAX)?;
    room(state, "todos", state.todos.len() + todos, limits::TODOS_PER_SESSION_MAX)?;
    let mut drafts = Vec::new();
    for (index, write) in (0u32..).zip(writes) {
        for (event, body) in one(state, write, index)? {
            let parent = run.and_then(Run::parent_event);
            drafts.push(Draft { event, run: run.map(|run| run.id), parent, body });
        }
    }
    Ok(drafts)
}

type Made = Vec<(Event, DraftBody)>;

fn one(state: &SessionState, write: &Write, index: u32) -> Result<Made, Refusal> {
    let body = DraftBody::Write(index);
    match write {
        Write::CreateTask(event) => create_task(state, event, body),
        Write::ChangeTask { task, title, priority, workspace, status } => {
            let fields = Fields { title: title.as_ref(), priority, workspace: workspace.clone() };
            change_task(state, *task, fields, *status)
        }
        Write::CreateTodo(event) => create_todo(state, event, body),
        Write::ChangeTodo { todo, rewords, status } => {
            let body = if *rewords { body } else { DraftBody::None };
            change_todo(state, *todo, *status, body)
        }
    }
}

/// What one commit writes it writes once: each write is decided on the state before the commit.
fn each_once(writes: &[Write]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for write in writes {
        let id = match write {
            Write::CreateTask(TaskCreated { task, .. }) | Write::ChangeTask { task, .. } => {
                task.bytes()
            }
            Write::CreateTodo(TodoCreated { todo, .. }) | Write::ChangeTodo { todo, .. } => {
                todo.bytes()
            }
        };
        if !seen.insert(id) {
            return Err(Refusal::Invalid(
                "the same task or todo is written twice at once; write it once".to_owned(),
            ));
        }
    }
    Ok(())
}

fn room(
    state: &SessionState,
    what: &'static str,
    wanted: usize,
    limit: usize,
) -> Result<(), Refusal> {
    if wanted <= limit {
        return Ok(());
    }
    Err(Refusal::TooMany { session: state.id, what, limit })
}

fn create_task(
    state: &SessionState,
    event: &TaskCreated,
    body: DraftBody,
) -> Result<Made, Refusal> {
    if let Some(known) = state.tasks.get(&event.task) {
        return made_before(&event.task, known.request, event.request);
    }
    check_title("title", &event.title)?;
    check_priority(event.priority.as_deref())?;
    Ok(vec![(event.clone().into(), body)])
}

fn create_todo(
    state: &SessionState,
    event: &TodoCreated,
    body: DraftBody,
) -> Result<Made, Refusal> {
    if let Some(known) = state.todos.get(&event.todo) {
        return made_before(&event.todo, known.request, event.request);
    }
    if let Some(task) = event.task.filter(|task| !state.tasks.contains_key(task)) {
        return Err(Refusal::NoTask(task));
    }
    Ok(vec![(event.clone().into(), body)])
}

/// The same key with the same body is the same thing; with another body it is a conflict.
fn made_before(
    id: &impl Display,
    known: Option<Digest>,
    asked: Option<Digest>,
) -> Result<Made, Refusal> {
    if known.is_some() && known == asked {
        return Ok(Vec::new());
    }
    Err(Refusal::KeyConflict { subject: id.to_string() })
}

/// What a change says of a task's fields.
struct Fields<'a> {
    title: Option<&'a String>,
    priority: &'a Change<String>,
    workspace: Change<WorkspaceId>,
}

fn change_task(
    state: &SessionState,
    id: TaskId,
    fields: Fields<'_>,
    status: Option<TaskStatus>,
) -> Result<Made, Refusal> {
    let task = state.tasks.get(&id).ok_or(Refusal::NoTask(id))?;
    let after = TaskChanged {
        task: id,
        title: fields.title.unwrap_or(&task.title).clone(),
        priority: fields.priority.clone().over(task.priority.clone()),
        workspace: fields.workspace.over(task.workspace),
    };
    check_title("title", &after.title)?;
    check_priority(after.priority.as_deref())?;
    let same = after.title == task.title
        && after.priority == task.priority
        && after.workspace == task.workspace;
    let mut made = Vec::new();
    if !same {
        made.push((after.into(), DraftBody::None));
    }
    if let Some(to) = status.filter(|to| *to != task.status) {
        if let Some(run) = state.live_run_of(task) {
            return Err(Refusal::TaskFollows { task: id, run });
        }
        let by_hand = |to: TaskStatus| {
            machine::task::may(task.status, to) && task.status != TaskStatus::Failed
        };
        if !by_hand(to) {
            let possible = match task.status {
                TaskStatus::Failed => "retry it, which starts a new run".to_owned(),
                _ => listed(TaskStatus::ALL.iter().filter(|to| by_hand(**to))),
            };
            return Err(Refusal::NoMove {
                subject: id.to_string(),
                from: task.status.as_str(),
                to: to.as_str(),
                possible,
            });
        }
        made.push((TaskMoved { task: id, status: to, run: None }.into(), DraftBody::None));
    }
    Ok(made)
}

fn change_todo(
    state: &SessionState,
    id: TodoId,
    status: Option<TodoStatus>,
    body: DraftBody,
) -> Result<Made, Refusal> {
    let todo = state.todos.get(&id).ok_or(Refusal::NoTodo(id))?;
    let to = status.unwrap_or(todo.status);
    if to != todo.status && !machine::todo::may(todo.status, to) {
        let may = |to: &&TodoStatus| machine::todo::may(todo.status, **to);
        return Err(Refusal::NoMove {
            subject: id.to_string(),
            from: todo.status.as_str(),
            to: to.as_str(),
            possible: listed(TodoStatus::ALL.iter().filter(may)),
        });
    }
    if to == todo.status && body == DraftBody::None {
        return Ok(Vec::new());
    }
    Ok(vec![(TodoChanged { todo: id, status: to }.into(), body)])
}

fn listed(words: impl Iterator<Item = impl Display>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    if words.is_empty() {
        "nothing follows it".to_owned()
    } else {
        format!("it may become {}", words.join(", "))
    }
}

/// A title within its limits.
///
/// # Errors
/// What it is called and what is wrong with it.
pub fn check_title(what: &str, text: &str) -> Result<(), Refusal> {
    let (long, most) = (text.chars().count(), limits::TITLE_MAX_CHARS);
    if text.trim().is_empty() || long > most {
        let told = format!(
            "{what} has {long} characters; expected 1 to TITLE_MAX_CHARS, {most}, not all blank"
        );
        return Err(Refusal::Invalid(told));
    }
    Ok(())
}

fn check_priority(priority: Option<&str>) -> Result<(), Refusal> {
    let (long, most) = (priority.map_or(0, |text| text.chars().count()), limits::TITLE_MAX_CHARS);
    if long > most {
        let told = format!("priority has {long} characters; the limit TITLE_MAX_CHARS is {most}");
        return Err(Refusal::Invalid(told));
    }
    Ok(())
}

/// A run for a task: which try it is, if the task takes one now (`TSK-1`).
pub(super) fn attempt_of(state: &SessionState, submitted: &RunSubmitted) -> Result<u32, Refusal> {
    let Some(id) = submitted.task else { return Ok(1) };
    let task = state.tasks.get(&id).ok_or(Refusal::NoTask(id))?;
    if let Some(run) = state.live_run_of(task) {
        return Err(Refusal::TaskFollows { task: id, run });
    }
    let retries = submitted.trigger == Trigger::Retry;
    let takes = match task.status {
        TaskStatus::Failed => true,
        TaskStatus::Queued | TaskStatus::Blocked => !retries,
        TaskStatus::Running | TaskStatus::Completed | TaskStatus::Cancelled => false,
    };
    if takes {
        return Ok(task.attempts + 1);
    }
    let possible = match (task.status, retries) {
        (TaskStatus::Running, false) => "it is done without a run; block it first",
        (_, true) => "only a failed task is retried",
        _ => "make a new task",
    };
    Err(Refusal::NoMove {
        subject: id.to_string(),
        from: task.status.as_str(),
        to: RunStatus::Queued.as_str(),
        possible: possible.to_owned(),
    })
}

/// What is given up when a session ends: its open tasks could never be done.
pub(in crate::session) fn give_up_tasks(state: &SessionState) -> Vec<Draft> {
    let given_up = |task| TaskMoved { task, status: TaskStatus::Cancelled, run: None };
    state.open_tasks().map(|task| super::unowned(given_up(task))).collect()
}
