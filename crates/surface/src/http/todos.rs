//! Todos: make, list, see, change.

use super::caller::Who;
use super::extract::{Asked, Json, Key, Named};
use super::page::TodosAsked;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::resource::{ChangeTodo, CreateTodo, Page, Todo};
use tenure_contract::{SessionId, TodoId};
use tenure_engine::Listing;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(create_todo))
        .routes(routes!(list_todos))
        .routes(routes!(get_todo, change_todo))
}

/// Make a todo in a session.
///
/// With an `Idempotency-Key` the same request again returns the todo that was made first.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/todos", tag = "todos", operation_id = "createTodo",
    params(("sessionId" = SessionId, Path, description = "The session"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    request_body = CreateTodo,
    responses((status = 201, description = "The todo", body = Todo,
        headers(("Location" = String, description = "Where the todo is")))),
)]
async fn create_todo(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(session): Named<SessionId>,
    Key(key): Key,
    Json(request): Json<CreateTodo>,
) -> Result<impl IntoResponse, Refusal> {
    let todo = state.engine.create_todo(&caller, session, request, key.as_deref()).await?;
    let location = format!("/v1/todos/{}", todo.todo_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(todo)))
}

/// List todos, the newest first.
#[utoipa::path(
    get, path = "/v1/todos", tag = "todos", operation_id = "listTodos",
    params(TodosAsked),
    responses((status = 200, description = "A page of todos", body = Page<Todo>)),
)]
async fn list_todos(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<TodosAsked>,
) -> Result<axum::Json<Page<Todo>>, Refusal> {
    let listing = Listing::from(asked);
    state.engine.settled().await?;
    if let Some(session) = listing.session {
        state.engine.session(&caller, session).await?;
    }
    Ok(axum::Json(state.engine.todos(&caller, &listing).await?))
}

/// See a todo.
#[utoipa::path(
    get, path = "/v1/todos/{todoId}", tag = "todos", operation_id = "getTodo",
    params(("todoId" = TodoId, Path, description = "The todo")),
    responses((status = 200, description = "The todo", body = Todo)),
)]
async fn get_todo(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<TodoId>,
) -> Result<axum::Json<Todo>, Refusal> {
    Ok(axum::Json(state.engine.see_todo(&caller, id).await?))
}

/// Change a todo; an absent field stays.
#[utoipa::path(
    patch, path = "/v1/todos/{todoId}", tag = "todos", operation_id = "changeTodo",
    params(("todoId" = TodoId, Path, description = "The todo")),
    request_body = ChangeTodo,
    responses((status = 200, description = "The todo as it is now", body = Todo)),
)]
async fn change_todo(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<TodoId>,
    Json(request): Json<ChangeTodo>,
) -> Result<axum::Json<Todo>, Refusal> {
    Ok(axum::Json(state.engine.change_todo(&caller, id, request).await?))
}
