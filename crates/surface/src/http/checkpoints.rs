//! Checkpoints: make, list, see, and go on from one.

use super::caller::Who;
use super::extract::{Asked, Json, Key, Named};
use super::page::{CheckpointsAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::resource::{Checkpoint, Page, ResumeSession, Resumed};
use tenure_contract::{CheckpointId, SessionId};
use tenure_engine::{Engine, Listing};
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(make_checkpoint, list_checkpoints))
        .routes(routes!(get_checkpoint))
        .routes(routes!(resume_session))
}

/// Make a checkpoint of a session as it stands.
///
/// Others are made by themselves at every pause, wait for approval and end of a root run.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/checkpoints", tag = "checkpoints", operation_id = "makeCheckpoint",
    params(("sessionId" = SessionId, Path, description = "The session")),
    responses((status = 201, description = "The checkpoint", body = Checkpoint,
        headers(("Location" = String, description = "Where the checkpoint is")))),
)]
async fn make_checkpoint(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(session): Named<SessionId>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.make_checkpoint(&caller, session).await?;
    let location = format!("/v1/checkpoints/{}", made.checkpoint_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(made)))
}

/// List a session's checkpoints, the newest first.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}/checkpoints", tag = "checkpoints", operation_id = "listCheckpoints",
    params(("sessionId" = SessionId, Path, description = "The session"), CheckpointsAsked),
    responses((status = 200, description = "A page of checkpoints", body = Page<Checkpoint>)),
)]
async fn list_checkpoints(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(session): Named<SessionId>,
    Asked(asked): Asked<CheckpointsAsked>,
) -> Result<axum::Json<Page<Checkpoint>>, Refusal> {
    let listing = Listing { session: Some(session), ..asked.into() };
    list(state.engine, caller, listing, Engine::checkpoints).await.map(axum::Json)
}

/// See a checkpoint.
#[utoipa::path(
    get, path = "/v1/checkpoints/{checkpointId}", tag = "checkpoints", operation_id = "getCheckpoint",
    params(("checkpointId" = CheckpointId, Path, description = "The checkpoint")),
    responses((status = 200, description = "The checkpoint", body = Checkpoint)),
)]
async fn get_checkpoint(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<CheckpointId>,
) -> Result<axum::Json<Checkpoint>, Refusal> {
    Ok(axum::Json(state.engine.see_checkpoint(&caller, id).await?))
}

/// Go on with a session from a checkpoint.
///
/// An unfinished run goes on under its id; after an ended one a new run starts. Where the pins have
/// changed, nothing happens and the answer says `choice-needed` until `accept` says what to run with.
#[utoipa::path(
    post, path = "/v1/resume", tag = "checkpoints", operation_id = "resumeSession",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "The same as `idempotencyKey` in the body")),
    request_body = ResumeSession,
    responses((status = 200, description = "What goes on, and what had changed", body = Resumed)),
)]
async fn resume_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    key: Key,
    Json(mut request): Json<ResumeSession>,
) -> Result<axum::Json<Resumed>, Refusal> {
    request.idempotency_key = key.agreeing_with(request.idempotency_key.take())?;
    Ok(axum::Json(state.engine.resume_session(&caller, request).await?))
}
