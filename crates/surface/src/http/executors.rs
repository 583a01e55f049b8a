//! Executors: register, list, see, revoke.

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::{OpenAsked, blocking, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::ExecutorId;
use tenure_contract::resource::{Executor, Page, RegisterExecutor};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(register_executor, list_executors))
        .routes(routes!(get_executor))
        .routes(routes!(revoke_executor))
}

/// Register an executor: a desktop that is trusted with one user's `local` work, or a worker that serves
/// the `sandbox`. It authenticates as the principal named, the caller when none is.
///
/// The same name, kind, principal and user again is the same executor.
#[utoipa::path(
    post, path = "/v1/executors", tag = "executors", operation_id = "registerExecutor",
    request_body = RegisterExecutor,
    responses((status = 201, description = "The executor", body = Executor,
        headers(("Location" = String, description = "Where the executor is")))),
)]
async fn register_executor(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<RegisterExecutor>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.register_executor(&caller, request).await?;
    let location = format!("/v1/executors/{}", made.executor_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(made)))
}

/// List executors, the newest first.
#[utoipa::path(
    get, path = "/v1/executors", tag = "executors", operation_id = "listExecutors",
    params(OpenAsked),
    responses((status = 200, description = "A page of executors", body = Page<Executor>)),
)]
async fn list_executors(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<OpenAsked>,
) -> Result<axum::Json<Page<Executor>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::executors).await.map(axum::Json)
}

/// See an executor.
#[utoipa::path(
    get, path = "/v1/executors/{executorId}", tag = "executors", operation_id = "getExecutor",
    params(("executorId" = ExecutorId, Path, description = "The executor")),
    responses((status = 200, description = "The executor", body = Executor)),
)]
async fn get_executor(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ExecutorId>,
) -> Result<axum::Json<Executor>, Refusal> {
    blocking(move || state.engine.executor(&caller, id)).await.map(axum::Json)
}

/// Trust an executor no more. What it had claimed and not started waits for another one.
#[utoipa::path(
    post, path = "/v1/executors/{executorId}/revoke", tag = "executors", operation_id = "revokeExecutor",
    params(("executorId" = ExecutorId, Path, description = "The executor")),
    responses((status = 200, description = "The executor, revoked", body = Executor)),
)]
async fn revoke_executor(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ExecutorId>,
) -> Result<axum::Json<Executor>, Refusal> {
    Ok(axum::Json(state.engine.revoke_executor(&caller, id).await?))
}
