//! Sessions: open, list, see, end.

use super::caller::Who;
use super::extract::{Asked, Json, Key, Named};
use super::page::{SessionsAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use tenure_contract::SessionId;
use tenure_contract::resource::{
    ChangeSession, Claim, ClaimSession, OpenSession, Page, Session, SessionSummary,
};
use tenure_contract::words::SessionStatus;
use tenure_engine::Engine;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(open_session, list_sessions))
        .routes(routes!(get_session, change_session))
        .routes(routes!(claim_session))
        .routes(routes!(end_session))
        .routes(routes!(clear_memory))
}

/// End a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndSession {
    /// How it ends.
    status: Ending,
    /// Why.
    #[serde(default)]
    reason: Option<String>,
}

/// The statuses a session ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Ending {
    /// What it was for is done.
    Completed,
    /// It cannot be done.
    Failed,
    /// Nobody wants it any more.
    Cancelled,
}

impl From<Ending> for SessionStatus {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Completed => Self::Completed,
            Ending::Failed => Self::Failed,
            Ending::Cancelled => Self::Cancelled,
        }
    }
}

/// Open a session.
///
/// With an `Idempotency-Key` the same request again returns the session that was opened first.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", operation_id = "openSession",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    request_body = OpenSession,
    responses((status = 201, description = "The session", body = Session,
        headers(("Location" = String, description = "Where the session is")))),
)]
async fn open_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    Key(key): Key,
    Json(request): Json<OpenSession>,
) -> Result<impl IntoResponse, Refusal> {
    let session = state.engine.open_session(&caller, request, key.as_deref()).await?;
    let location = format!("/v1/sessions/{}", session.session_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(session)))
}

/// List sessions, the newest first.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", operation_id = "listSessions",
    params(SessionsAsked),
    responses((status = 200, description = "A page of sessions", body = Page<SessionSummary>)),
)]
async fn list_sessions(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<SessionsAsked>,
) -> Result<axum::Json<Page<SessionSummary>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::sessions).await.map(axum::Json)
}

/// See a session.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}", tag = "sessions", operation_id = "getSession",
    params(("sessionId" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The session", body = Session)),
)]
async fn get_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
) -> Result<axum::Json<Session>, Refusal> {
    Ok(axum::Json(state.engine.session(&caller, id).await?))
}

/// Change a session; an absent field stays, an explicit null clears.
#[utoipa::path(
    patch, path = "/v1/sessions/{sessionId}", tag = "sessions", operation_id = "changeSession",
    params(("sessionId" = SessionId, Path, description = "The session")),
    request_body = ChangeSession,
    responses((status = 200, description = "The session as it is now", body = Session)),
)]
async fn change_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Json(request): Json<ChangeSession>,
) -> Result<axum::Json<Session>, Refusal> {
    Ok(axum::Json(state.engine.change_session(&caller, id, request).await?))
}

/// Claim a session for an agent.
///
/// Of any number of claims exactly one has `won`. The others are told the winner, and by `orphan`
/// what they have made elsewhere for nothing and are to remove.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/agent-binding", tag = "sessions", operation_id = "claimSession",
    params(("sessionId" = SessionId, Path, description = "The session")),
    request_body = ClaimSession,
    responses((status = 200, description = "Who has the session", body = Claim)),
)]
async fn claim_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Json(request): Json<ClaimSession>,
) -> Result<axum::Json<Claim>, Refusal> {
    Ok(axum::Json(state.engine.claim_session(&caller, id, request).await?))
}

/// End a session that has no run in progress.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/end", tag = "sessions", operation_id = "endSession",
    params(("sessionId" = SessionId, Path, description = "The session")),
    request_body = EndSession,
    responses((status = 200, description = "The session, ended", body = Session)),
)]
async fn end_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Json(request): Json<EndSession>,
) -> Result<axum::Json<Session>, Refusal> {
    let ended =
        state.engine.end_session(&caller, id, request.status.into(), request.reason).await?;
    Ok(axum::Json(ended))
}

/// Empty a session's chat memory, between two runs.
///
/// What the next run's model reads begins anew; the messages stay in the journal.
#[utoipa::path(
    delete, path = "/v1/sessions/{sessionId}/memory", tag = "sessions", operation_id = "clearMemory",
    params(("sessionId" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The session, its memory empty", body = Session)),
)]
async fn clear_memory(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
) -> Result<axum::Json<Session>, Refusal> {
    Ok(axum::Json(state.engine.clear_memory(&caller, id).await?))
}
