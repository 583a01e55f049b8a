//! Tasks: make, see, change, retry (`TSK-1`).

use super::lists::{Listing, task_summary};
use super::sessions::request_digest;
use super::{Engine, actor, not_there};
use crate::lock;
use crate::node::Node;
use crate::resident::Resident;
use crate::seal::Bodies;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tenure_contract::event::{RunSubmitted, TaskCreated};
use tenure_contract::resource::{
    Accepted, Caller, ChangeTask, CreateTask, Page, Task, TaskSummary,
};
use tenure_contract::words::Trigger;
use tenure_contract::{Code, Digest, Error, Event, RunId, SessionId, TaskId, limits};
use tenure_core::command::Write;
use tenure_core::projection::{Column, Table};
use tenure_core::{Command, Refusal};

impl Engine {
    /// Makes a task in a session; durable when it returns.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `key-conflict`, `limit-reached`, `illegal-transition` when
    /// the session has ended.
    pub async fn create_task(
        &self,
        caller: &Caller,
        session: SessionId,
        request: CreateTask,
        key: Option<&str>,
    ) -> Result<Task, Error> {
        self.admit()?;
        let resident = self.session_of(caller, session)?;
        let (id, digest) = self.keyed(caller, (Table::Task, session), key, &request)?;
        let task = TaskId::from_bytes(id);
        let (write, intent) = task_write(task, request, digest)?;
        let sealed = self.node.seal_json(caller.tenant, &intent)?;
        let bodies = Bodies { writes: vec![Some(sealed)], ..Bodies::default() };
        let seq = self.node.transact(&resident, &Command::Write(write), bodies, &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        task_view(&self.node, &resident, task)
    }

    /// A task.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn see_task(&self, caller: &Caller, id: TaskId) -> Result<Task, Error> {
        let resident = self.session_of_task(caller, id).await?;
        self.all_durable(&resident).await?;
        task_view(&self.node, &resident, id)
    }

    /// Changes a task; moves it, if it follows no run.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `illegal-transition`.
    pub async fn change_task(
        &self,
        caller: &Caller,
        id: TaskId,
        request: ChangeTask,
    ) -> Result<Task, Error> {
        let resident = self.session_of_task(caller, id).await?;
        let command = Command::Write(task_change(id, request));
        let seq = self.node.transact(&resident, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&resident, seq).await?;
        task_view(&self.node, &resident, id)
    }

    /// Tries a failed task again: a new run of the same work.
    ///
    /// # Errors
    /// `not-found`, `illegal-transition` unless it failed, `key-conflict`, `draining`.
    pub async fn retry_task(
        &self,
        caller: &Caller,
        id: TaskId,
        key: Option<&str>,
    ) -> Result<Accepted, Error> {
        self.admit()?;
        let resident = self.session_of_task(caller, id).await?;
        let run = match key {
            Some(key) => RunId::from_bytes(self.id_of(caller.tenant, "run", key)?),
            None => RunId::from_bytes(self.node.fresh_id()),
        };
        let request = key.map(|_| request_digest(&json!({ "retry": id }))).transpose()?;
        if let Some(known) = self.row(caller, Table::Run, run.bytes())?
            && known.id(Column::Task) != Some(id.bytes())
        {
            return Err(Refusal::RunKeyConflict(run).into());
        }
        let before = {
            let cell = lock(&resident.cell);
            let state = cell.session().ok_or_else(|| Error::not_found("task", id))?;
            let task = state.tasks.get(&id).ok_or_else(|| Error::not_found("task", id))?;
            task.run.and_then(|run| state.runs.get(&run)).map(|run| run.submitted_seq)
        };
        let before = before.ok_or_else(|| {
            let told = format!("task `{id}` has had no run yet; submit one that names it");
            Error::new(Code::IllegalTransition, told).about(id)
        })?;
        self.all_durable(&resident).await?;
        let found = self.node.read_one(&resident, before)?;
        let Some(Event::RunSubmitted(first)) = found.map(|found| found.entry.event) else {
            return Err(Error::not_found("task", id));
        };
        let input = self.node.json_at(&resident, before)?.ok_or_else(|| {
            let told = "what its last run was given is erased; submit a run that names the task";
            Error::new(Code::NotFound, told).about(id)
        })?;
        let submitted = RunSubmitted {
            run,
            parent: None,
            trigger: Trigger::Retry,
            request,
            scheduled: None,
            ..first
        };
        let accepted = self.enter_run(caller, &resident, &submitted, &input)?;
        self.node.durable(&resident, accepted.seq).await?;
        Ok(accepted)
    }

    /// Tasks, the newest first, or by rank and the newest first within one.
    ///
    /// # Errors
    /// `invalid-argument` for a bad cursor or limit.
    pub fn tasks(&self, caller: &Caller, listing: &Listing) -> Result<Page<TaskSummary>, Error> {
        match listing.by_rank {
            super::lists::Sort::Newest => self.page(caller, Table::Task, listing, task_summary),
            super::lists::Sort::Rank => self.page_by_rank(caller, listing, task_summary),
        }
    }

    async fn session_of_task(&self, caller: &Caller, id: TaskId) -> Result<Arc<Resident>, Error> {
        let session = self.find_session(caller, Table::Task, id.bytes()).await?;
        let session = session.ok_or_else(|| Error::not_found("task", id))?;
        self.session_of(caller, session)
            .map_err(|refused| not_there(refused, Error::not_found("task", id)))
    }

    /// The id of something made under a client's key, and the digest of the request: a key that made
    /// something in one session makes nothing in another.
    pub(super) fn keyed(
        &self,
        caller: &Caller,
        (table, session): (Table, SessionId),
        key: Option<&str>,
        request: &impl Serialize,
    ) -> Result<([u8; 16], Option<Digest>), Error> {
        let Some(key) = key else { return Ok((self.node.fresh_id(), None)) };
        let id = self.id_of(caller.tenant, table.name(), key)?;
        let known = self.row(caller, table, id)?.and_then(|row| row.id(Column::Session));
        if known.is_some_and(|known| known != session.bytes()) {
            let subject = format!("{} of key {key}", table.name());
            return Err(Refusal::KeyConflict { subject }.into());
        }
        Ok((id, Some(request_digest(&json!({ "session": session, "request": request }))?)))
    }

    /// Resolves once everything decided about the session is on disk.
    pub(super) async fn all_durable(&self, resident: &Resident) -> Result<(), Error> {
        let seq = lock(&resident.cell).chain.seq;
        self.node.durable(resident, seq).await
    }
}

/// A request for a task as a write and the body beside it.
pub(crate) fn task_write(
    task: TaskId,
    request: CreateTask,
    digest: Option<Digest>,
) -> Result<(Write, serde_json::Value), Error> {
    let CreateTask { title, intent, priority, workspace } = request;
    let intent = intent.unwrap_or_else(|| title.clone());
    let most = limits::TASK_INTENT_MAX_BYTES;
    if intent.len() > most {
        let long = intent.len();
        let told =
            format!("the intent has {long} bytes; the limit TASK_INTENT_MAX_BYTES is {most}");
        return Err(Error::new(Code::TooLarge, told));
    }
    let event = TaskCreated { task, title, priority, workspace, request: digest };
    Ok((Write::CreateTask(event), json!({ "intent": intent })))
}

/// A request for a change as a write.
pub(crate) fn task_change(task: TaskId, request: ChangeTask) -> Write {
    let ChangeTask { title, priority, workspace, status } = request;
    Write::ChangeTask { task, title, priority, workspace, status }
}

fn task_view(node: &Arc<Node>, resident: &Resident, id: TaskId) -> Result<Task, Error> {
    let (task, session_id) = {
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("task", id))?;
        let task = state.tasks.get(&id).ok_or_else(|| Error::not_found("task", id))?;
        (task.clone(), state.id)
    };
    let body = node.json_at(resident, task.created_seq)?;
    Ok(Task {
        task_id: id,
        tenant_id: resident.tenant,
        session_id,
        title: task.title,
        intent: body.and_then(|body| body.get("intent")?.as_str().map(str::to_owned)),
        status: task.status,
        priority: task.priority,
        workspace: task.workspace,
        run_id: task.run,
        attempts: task.attempts,
        created_at: task.created_at,
        updated_at: task.updated_at,
    })
}
