//! Tasks: make, list, see, change, retry.

use super::caller::Who;
use super::extract::{Asked, Json, Key, Named};
use super::page::{TasksAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::resource::{Accepted, ChangeTask, CreateTask, Page, Task, TaskSummary};
use tenure_contract::{SessionId, TaskId};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(create_task))
        .routes(routes!(list_tasks))
        .routes(routes!(get_task, change_task))
        .routes(routes!(retry_task))
}

/// Make a task in a session.
///
/// With an `Idempotency-Key` the same request again returns the task that was made first.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/tasks", tag = "tasks", operation_id = "createTask",
    params(("sessionId" = SessionId, Path, description = "The session"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    request_body = CreateTask,
    responses((status = 201, description = "The task", body = Task,
        headers(("Location" = String, description = "Where the task is")))),
)]
async fn create_task(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(session): Named<SessionId>,
    Key(key): Key,
    Json(request): Json<CreateTask>,
) -> Result<impl IntoResponse, Refusal> {
    let task = state.engine.create_task(&caller, session, request, key.as_deref()).await?;
    let location = format!("/v1/tasks/{}", task.task_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(task)))
}

/// List tasks, the newest first, or the most urgent first.
#[utoipa::path(
    get, path = "/v1/tasks", tag = "tasks", operation_id = "listTasks",
    params(TasksAsked),
    responses((status = 200, description = "A page of tasks", body = Page<TaskSummary>)),
)]
async fn list_tasks(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<TasksAsked>,
) -> Result<axum::Json<Page<TaskSummary>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::tasks).await.map(axum::Json)
}

/// See a task.
#[utoipa::path(
    get, path = "/v1/tasks/{taskId}", tag = "tasks", operation_id = "getTask",
    params(("taskId" = TaskId, Path, description = "The task")),
    responses((status = 200, description = "The task", body = Task)),
)]
async fn get_task(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<TaskId>,
) -> Result<axum::Json<Task>, Refusal> {
    Ok(axum::Json(state.engine.see_task(&caller, id).await?))
}

/// Change a task; an absent field stays, an explicit null clears.
///
/// A task that follows a run is moved by its run only.
#[utoipa::path(
    patch, path = "/v1/tasks/{taskId}", tag = "tasks", operation_id = "changeTask",
    params(("taskId" = TaskId, Path, description = "The task")),
    request_body = ChangeTask,
    responses((status = 200, description = "The task as it is now", body = Task)),
)]
async fn change_task(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<TaskId>,
    Json(request): Json<ChangeTask>,
) -> Result<axum::Json<Task>, Refusal> {
    Ok(axum::Json(state.engine.change_task(&caller, id, request).await?))
}

/// Try a failed task again: a new run of the same work.
#[utoipa::path(
    post, path = "/v1/tasks/{taskId}/retry", tag = "tasks", operation_id = "retryTask",
    params(("taskId" = TaskId, Path, description = "The task"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    responses((status = 202, description = "The new run is accepted", body = Accepted,
        headers(("Location" = String, description = "Where the run is")))),
)]
async fn retry_task(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<TaskId>,
    Key(key): Key,
) -> Result<impl IntoResponse, Refusal> {
    let accepted = state.engine.retry_task(&caller, id, key.as_deref()).await?;
    let location = format!("/v1/runs/{}", accepted.run_id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(accepted)))
}
