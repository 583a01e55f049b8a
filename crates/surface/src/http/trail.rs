//! The trail of a session as JSON Lines (`RPL-1`), told while it is read.

use super::caller::Who;
use super::extract::{Asked, Named};
use super::journal::place;
use super::page::blocking;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::try_unfold;
use serde::Deserialize;
use std::io;
use tenure_contract::SessionId;
use tenure_contract::trail::Line;
use tenure_core::trail::At;
use tenure_engine::Trailing;
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(tell_trail))
}

/// Up to where the trail is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TrailAsked {
    /// The last entry it takes account of; the newest when nothing is said.
    #[serde(default, deserialize_with = "place")]
    #[param(minimum = 1)]
    seq: Option<u64>,
}

/// Tell what happened in a session, as it stood at any entry.
///
/// JSON Lines: a head, one `observed` line per entry with its body (or that it was erased), then
/// one `derived` line per run, step, approval, artifact, task and todo, and at last the session's. A trail
/// without the session's line was cut on its way.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}/trail", tag = "journals", operation_id = "tellTrail",
    params(("sessionId" = SessionId, Path, description = "The session"), TrailAsked),
    responses((status = 200, description = "The trail, as JSON Lines", body = String,
        content_type = "application/jsonl")),
)]
async fn tell_trail(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Asked(asked): Asked<TrailAsked>,
) -> Result<Response, Refusal> {
    let at = asked.seq.map_or(At::Newest, At::Entry);
    let trailing = blocking(move || state.engine.trail(&caller, id, at)).await?;
    let lines = try_unfold(trailing, go_on);
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response())
}

/// The next piece; a failure cuts the answer short, which no client takes for its end.
async fn go_on(mut trailing: Trailing) -> io::Result<Option<(String, Trailing)>> {
    let read = blocking(move || trailing.read().map(|lines| (lines, trailing))).await;
    let (lines, trailing) = read.map_err(|refusal| io::Error::other(refusal.0))?;
    let text: String = lines.iter().map(|line: &Line| line.to_line() + "\n").collect();
    Ok((!text.is_empty()).then_some((text, trailing)))
}
