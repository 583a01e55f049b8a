//! Runs: submit, list, see, wait for, and the three words that steer them.

use super::caller::Who;
use super::extract::{Asked, Json, JsonOrNothing, Key, Named};
use super::limits::WAIT_MAX_MS;
use super::page::{RunsAsked, list, whole};
use super::problem::Refusal;
use super::route::Routes;
use super::serve::Closing;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use std::time::Duration;
use tenure_contract::resource::{Accepted, CancelRun, Page, Run, RunSummary, Step, SubmitRun};
use tenure_contract::{Code, RunId};
use tenure_engine::Engine;
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(submit_run, list_runs))
        .routes(routes!(get_run))
        .routes(routes!(list_steps))
        .routes(routes!(cancel_run))
        .routes(routes!(pause_run))
        .routes(routes!(resume_run))
}

/// How a run is looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RunAsked {
    /// Answer only once the run has ended or waits for somebody, or after so many milliseconds.
    #[param(minimum = 0, maximum = 60_000)]
    wait_ms: Option<u64>,
}

/// Submit a run: an intent, or a task for an agent.
///
/// The answer says that the run is durable, not that it is done. The same idempotency key with the
/// same body returns the first run; with another body it conflicts.
#[utoipa::path(
    post, path = "/v1/runs", tag = "runs", operation_id = "submitRun",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "The same as `idempotencyKey` in the body")),
    request_body = SubmitRun,
    responses((status = 202, description = "The run is accepted", body = Accepted,
        headers(("Location" = String, description = "Where the run is")))),
)]
async fn submit_run(
    State(state): State<ServerState>,
    Who(caller): Who,
    key: Key,
    Json(mut request): Json<SubmitRun>,
) -> Result<impl IntoResponse, Refusal> {
    request.idempotency_key = key.agreeing_with(request.idempotency_key.take())?;
    let accepted = state.engine.submit(&caller, request).await?;
    let location = format!("/v1/runs/{}", accepted.run_id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(accepted)))
}

/// List runs, the newest first.
#[utoipa::path(
    get, path = "/v1/runs", tag = "runs", operation_id = "listRuns",
    params(RunsAsked),
    responses((status = 200, description = "A page of runs", body = Page<RunSummary>)),
)]
async fn list_runs(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<RunsAsked>,
) -> Result<axum::Json<Page<RunSummary>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::runs).await.map(axum::Json)
}

/// See a run, or wait for it.
#[utoipa::path(
    get, path = "/v1/runs/{runId}", tag = "runs", operation_id = "getRun",
    params(("runId" = RunId, Path, description = "The run"), RunAsked),
    responses((status = 200, description = "The run", body = Run)),
)]
async fn get_run(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<RunId>,
    Asked(asked): Asked<RunAsked>,
    mut closing: Closing,
) -> Result<axum::Json<Run>, Refusal> {
    let wait_ms = asked.wait_ms.unwrap_or(0);
    if wait_ms > WAIT_MAX_MS {
        let text = format!("waitMs {wait_ms} is out of range; expected 0 to {WAIT_MAX_MS}");
        return Err(Refusal::new(Code::InvalidArgument, text));
    }
    if wait_ms > 0 {
        tokio::select! {
            run = state.engine.wait(&caller, id, Duration::from_millis(wait_ms)) => {
                return Ok(axum::Json(run?));
            }
            () = closing.begun() => {}
        }
    }
    Ok(axum::Json(state.engine.run(&caller, id).await?))
}

/// List a run's steps in the order they began, with their results.
#[utoipa::path(
    get, path = "/v1/runs/{runId}/steps", tag = "runs", operation_id = "listSteps",
    params(("runId" = RunId, Path, description = "The run")),
    responses((status = 200, description = "All of them", body = Page<Step>)),
)]
async fn list_steps(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<RunId>,
) -> Result<axum::Json<Page<Step>>, Refusal> {
    let steps = state.engine.steps(&caller, id).await?;
    Ok(axum::Json(whole(steps)))
}

/// Ask for a run's end; it ends once its effects are settled.
#[utoipa::path(
    post, path = "/v1/runs/{runId}/cancel", tag = "runs", operation_id = "cancelRun",
    params(("runId" = RunId, Path, description = "The run")),
    request_body(content = Option<CancelRun>, description = "Why; may be left out"),
    responses((status = 200, description = "The run as it is now", body = Run)),
)]
async fn cancel_run(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<RunId>,
    JsonOrNothing(request): JsonOrNothing<Option<CancelRun>>,
) -> Result<axum::Json<Run>, Refusal> {
    let reason = request.and_then(|request| request.reason);
    Ok(axum::Json(state.engine.cancel(&caller, id, reason).await?))
}

/// Halt a run before its next step.
#[utoipa::path(
    post, path = "/v1/runs/{runId}/pause", tag = "runs", operation_id = "pauseRun",
    params(("runId" = RunId, Path, description = "The run")),
    responses((status = 200, description = "The run as it is now", body = Run)),
)]
async fn pause_run(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<RunId>,
) -> Result<axum::Json<Run>, Refusal> {
    Ok(axum::Json(state.engine.pause(&caller, id).await?))
}

/// Let a halted run go on.
#[utoipa::path(
    post, path = "/v1/runs/{runId}/resume", tag = "runs", operation_id = "resumeRun",
    params(("runId" = RunId, Path, description = "The run")),
    responses((status = 200, description = "The run as it is now", body = Run)),
)]
async fn resume_run(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<RunId>,
) -> Result<axum::Json<Run>, Refusal> {
    Ok(axum::Json(state.engine.resume(&caller, id).await?))
}
