//! Steps in doubt: list and settle.

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::{DoubtsAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::StatusCode;
use tenure_contract::StepId;
use tenure_contract::resource::{DoubtSummary, Page, ResolveStep};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(list_doubts)).routes(routes!(resolve_step))
}

/// List steps in doubt, the newest first.
#[utoipa::path(
    get, path = "/v1/doubts", tag = "steps", operation_id = "listDoubts",
    params(DoubtsAsked),
    responses((status = 200, description = "A page of steps", body = Page<DoubtSummary>)),
)]
async fn list_doubts(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<DoubtsAsked>,
) -> Result<axum::Json<Page<DoubtSummary>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::doubts).await.map(axum::Json)
}

/// Settle a step in doubt: say that it landed, that it did not happen, or to try again.
#[utoipa::path(
    post, path = "/v1/steps/{stepId}/resolution", tag = "steps", operation_id = "resolveStep",
    params(("stepId" = StepId, Path, description = "The step")),
    request_body = ResolveStep,
    responses((status = 204, description = "The step is settled")),
)]
async fn resolve_step(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<StepId>,
    Json(request): Json<ResolveStep>,
) -> Result<StatusCode, Refusal> {
    state.engine.resolve(&caller, id, request).await?;
    Ok(StatusCode::NO_CONTENT)
}
