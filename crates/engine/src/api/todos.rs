//! Todos: make, see, change (`TOD-1`).

use super::lists::Listing;
use super::{Engine, actor, not_there};
use crate::lock;
use crate::node::Node;
use crate::resident::Resident;
use crate::seal::Bodies;
use serde_json::json;
use std::sync::Arc;
use tenure_contract::event::TodoCreated;
use tenure_contract::resource::{Caller, ChangeTodo, CreateTodo, Page, Todo};
use tenure_contract::{Code, Digest, Error, SessionId, TodoId, limits};
use tenure_core::Command;
use tenure_core::command::Write;
use tenure_core::projection::{Column, Table};

impl Engine {
    /// Makes a todo in a session; durable when it returns.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `key-conflict`, `limit-reached`, `illegal-transition` when
    /// the session has ended.
    pub async fn create_todo(
        &self,
        caller: &Caller,
        session: SessionId,
        request: CreateTodo,
        key: Option<&str>,
    ) -> Result<Todo, Error> {
        self.admit()?;
        let resident = self.session_of(caller, session)?;
        let (id, digest) = self.keyed(caller, (Table::Todo, session), key, &request)?;
        let todo = TodoId::from_bytes(id);
        let (write, text) = todo_write(todo, request, digest)?;
        self.write_todo(caller, &resident, todo, write, Some(text)).await
    }

    /// A todo.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn see_todo(&self, caller: &Caller, id: TodoId) -> Result<Todo, Error> {
        let resident = self.session_of_todo(caller, id).await?;
        self.all_durable(&resident).await?;
        todo_view(&self.node, &resident, id)
    }

    /// Changes a todo.
    ///
    /// # Errors
    /// `not-found`, `invalid-argument`, `illegal-transition`.
    pub async fn change_todo(
        &self,
        caller: &Caller,
        id: TodoId,
        request: ChangeTodo,
    ) -> Result<Todo, Error> {
        let resident = self.session_of_todo(caller, id).await?;
        let (write, text) = todo_change(id, request)?;
        self.write_todo(caller, &resident, id, write, text).await
    }

    /// Todos, the newest first.
    ///
    /// # Errors
    /// `not-found` for a session that does not exist, `invalid-argument` for a bad cursor or limit.
    pub async fn todos(&self, caller: &Caller, listing: &Listing) -> Result<Page<Todo>, Error> {
        let named = |row: &tenure_core::projection::Row| {
            Some((SessionId::from_bytes(row.id(Column::Session)?), TodoId::from_bytes(row.key)))
        };
        let page = self.page(caller, Table::Todo, listing, named)?;
        let mut items = Vec::with_capacity(page.items.len());
        for (session, todo) in page.items {
            let resident = self.session_of(caller, session)?;
            self.all_durable(&resident).await?;
            items.push(todo_view(&self.node, &resident, todo)?);
        }
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    async fn write_todo(
        &self,
        caller: &Caller,
        resident: &Arc<Resident>,
        todo: TodoId,
        write: Write,
        text: Option<serde_json::Value>,
    ) -> Result<Todo, Error> {
        let sealed = text.map(|text| self.node.seal_json(caller.tenant, &text)).transpose()?;
        let bodies = Bodies { writes: vec![sealed], ..Bodies::default() };
        let seq = self.node.transact(resident, &Command::Write(write), bodies, &actor(caller))?;
        self.node.durable(resident, seq).await?;
        todo_view(&self.node, resident, todo)
    }

    async fn session_of_todo(&self, caller: &Caller, id: TodoId) -> Result<Arc<Resident>, Error> {
        let session = self.find_session(caller, Table::Todo, id.bytes()).await?;
        let session = session.ok_or_else(|| Error::not_found("todo", id))?;
        self.session_of(caller, session)
            .map_err(|refused| not_there(refused, Error::not_found("todo", id)))
    }
}

/// A request for a todo as a write and the body beside it.
pub(crate) fn todo_write(
    todo: TodoId,
    request: CreateTodo,
    digest: Option<Digest>,
) -> Result<(Write, serde_json::Value), Error> {
    check_text(&request.text)?;
    let event = TodoCreated { todo, task: request.task_id, request: digest };
    Ok((Write::CreateTodo(event), json!({ "text": request.text })))
}

/// A request for a change as a write, and the body beside it when there is a new text.
pub(crate) fn todo_change(
    todo: TodoId,
    request: ChangeTodo,
) -> Result<(Write, Option<serde_json::Value>), Error> {
    let ChangeTodo { text, status } = request;
    text.as_deref().map(check_text).transpose()?;
    let write = Write::ChangeTodo { todo, rewords: text.is_some(), status };
    Ok((write, text.map(|text| json!({ "text": text }))))
}

fn check_text(text: &str) -> Result<(), Error> {
    let (long, most) = (text.chars().count(), limits::TODO_TEXT_MAX_CHARS);
    if text.trim().is_empty() || long > most {
        let told = format!(
            "text has {long} characters; expected 1 to TODO_TEXT_MAX_CHARS, {most}, not all blank"
        );
        return Err(Error::new(Code::InvalidArgument, told));
    }
    Ok(())
}

/// A todo as the session has it, with its text as far as it is on disk.
pub(crate) fn todo_view(node: &Arc<Node>, resident: &Resident, id: TodoId) -> Result<Todo, Error> {
    let (todo, session_id) = {
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("todo", id))?;
        let todo = state.todos.get(&id).ok_or_else(|| Error::not_found("todo", id))?;
        (todo.clone(), state.id)
    };
    let body = node.json_at(resident, todo.text_seq)?;
    Ok(Todo {
        todo_id: id,
        tenant_id: resident.tenant,
        session_id,
        task_id: todo.task,
        text: body.and_then(|body| body.get("text")?.as_str().map(str::to_owned)),
        status: todo.status,
        created_at: todo.created_at,
        updated_at: todo.updated_at,
    })
}
