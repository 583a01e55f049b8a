//! The artifacts of a session.

use super::caller::Who;
use super::extract::Named;
use super::page::{blocking, whole};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use tenure_contract::SessionId;
use tenure_contract::resource::{Artifact, Page};
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(list_artifacts))
}

/// List a session's artifacts, in the order they were registered.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}/artifacts", tag = "sessions", operation_id = "listArtifacts",
    params(("sessionId" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "All of them", body = Page<Artifact>)),
)]
async fn list_artifacts(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
) -> Result<axum::Json<Page<Artifact>>, Refusal> {
    let artifacts = blocking(move || state.engine.artifacts(&caller, id)).await?;
    Ok(axum::Json(whole(artifacts)))
}
