//! What executors ask and say: claim, heartbeat, start, complete, fail, give back.

use super::caller::Who;
use super::extract::{Json, Named};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use tenure_contract::DispatchId;
use tenure_contract::resource::{
    Answered, ClaimDispatch, ClaimStanding, Claimed, CompleteDispatch, Dispatch, FailDispatch,
    UseClaim,
};
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(claim_dispatch))
        .routes(routes!(heartbeat_dispatch))
        .routes(routes!(start_dispatch))
        .routes(routes!(complete_dispatch))
        .routes(routes!(fail_dispatch))
        .routes(routes!(release_dispatch))
}

/// Claim the most urgent remote dispatch the executor may have; waits for one up to `waitMs`.
///
/// Exactly one of any number of executors gets it. What it says from then on names `claim`, the fencing
/// token; a heartbeat keeps the claim for another `leaseMs`, and silence for that long loses it.
#[utoipa::path(
    post, path = "/v1/dispatches/claim", tag = "executors", operation_id = "claimDispatch",
    request_body = ClaimDispatch,
    responses((status = 200, description = "The dispatch, or null when there was none in that time", body = Claimed)),
)]
async fn claim_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<ClaimDispatch>,
) -> Result<axum::Json<Claimed>, Refusal> {
    Ok(axum::Json(state.engine.claim_dispatch(&caller, request).await?))
}

/// Keep a claim for another lease, and hear what to do.
#[utoipa::path(
    post, path = "/v1/dispatches/{dispatchId}/heartbeat", tag = "executors", operation_id = "heartbeatDispatch",
    params(("dispatchId" = DispatchId, Path, description = "The dispatch")),
    request_body = UseClaim,
    responses((status = 200, description = "How the claim stands", body = ClaimStanding)),
)]
async fn heartbeat_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<DispatchId>,
    Json(request): Json<UseClaim>,
) -> Result<axum::Json<ClaimStanding>, Refusal> {
    Ok(axum::Json(state.engine.heartbeat(&caller, id, request.claim).await?))
}

/// Start a claimed dispatch: its session gets the run. The work begins once `directive` says `work`.
#[utoipa::path(
    post, path = "/v1/dispatches/{dispatchId}/start", tag = "executors", operation_id = "startDispatch",
    params(("dispatchId" = DispatchId, Path, description = "The dispatch")),
    request_body = UseClaim,
    responses((status = 200, description = "How the claim stands", body = ClaimStanding)),
)]
async fn start_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<DispatchId>,
    Json(request): Json<UseClaim>,
) -> Result<axum::Json<ClaimStanding>, Refusal> {
    Ok(axum::Json(state.engine.start_claimed(&caller, id, request.claim).await?))
}

/// Say that the work is done; the output is the run's. The same again is nothing new, and what comes too
/// late is journaled and changes nothing.
#[utoipa::path(
    post, path = "/v1/dispatches/{dispatchId}/complete", tag = "executors", operation_id = "completeDispatch",
    params(("dispatchId" = DispatchId, Path, description = "The dispatch")),
    request_body = CompleteDispatch,
    responses((status = 200, description = "Whether it counts, and the run", body = Answered)),
)]
async fn complete_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<DispatchId>,
    Json(request): Json<CompleteDispatch>,
) -> Result<axum::Json<Answered>, Refusal> {
    Ok(axum::Json(state.engine.complete_dispatch(&caller, id, request).await?))
}

/// Say that the work failed and that nothing of it is under way any more.
#[utoipa::path(
    post, path = "/v1/dispatches/{dispatchId}/fail", tag = "executors", operation_id = "failDispatch",
    params(("dispatchId" = DispatchId, Path, description = "The dispatch")),
    request_body = FailDispatch,
    responses((status = 200, description = "Whether it counts, and the run", body = Answered)),
)]
async fn fail_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<DispatchId>,
    Json(request): Json<FailDispatch>,
) -> Result<axum::Json<Answered>, Refusal> {
    Ok(axum::Json(state.engine.fail_dispatch(&caller, id, request).await?))
}

/// Give a claimed dispatch back before it starts; it waits for another claim.
#[utoipa::path(
    post, path = "/v1/dispatches/{dispatchId}/release", tag = "executors", operation_id = "releaseDispatch",
    params(("dispatchId" = DispatchId, Path, description = "The dispatch")),
    request_body = UseClaim,
    responses((status = 200, description = "The dispatch, waiting", body = Dispatch)),
)]
async fn release_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<DispatchId>,
    Json(request): Json<UseClaim>,
) -> Result<axum::Json<Dispatch>, Refusal> {
    Ok(axum::Json(state.engine.give_back(&caller, id, request.claim).await?))
}
