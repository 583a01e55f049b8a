//! Approvals: list, see, decide.

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::{ApprovalsAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use tenure_contract::ApprovalId;
use tenure_contract::resource::{Approval, DecideApproval, Page};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(list_approvals))
        .routes(routes!(get_approval))
        .routes(routes!(decide_approval))
}

/// List approvals, the newest first, without their exact actions.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals", operation_id = "listApprovals",
    params(ApprovalsAsked),
    responses((status = 200, description = "A page of approvals", body = Page<Approval>)),
)]
async fn list_approvals(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<ApprovalsAsked>,
) -> Result<axum::Json<Page<Approval>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::approvals).await.map(axum::Json)
}

/// See an approval with its exact action.
#[utoipa::path(
    get, path = "/v1/approvals/{approvalId}", tag = "approvals", operation_id = "getApproval",
    params(("approvalId" = ApprovalId, Path, description = "The approval")),
    responses((status = 200, description = "The approval", body = Approval)),
)]
async fn get_approval(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ApprovalId>,
) -> Result<axum::Json<Approval>, Refusal> {
    Ok(axum::Json(state.engine.approval(&caller, id).await?))
}

/// Decide an approval, once.
///
/// `decision` is `approve` or `deny`. Anything else is refused and decides nothing.
#[utoipa::path(
    post, path = "/v1/approvals/{approvalId}/decision", tag = "approvals", operation_id = "decideApproval",
    params(("approvalId" = ApprovalId, Path, description = "The approval")),
    request_body = DecideApproval,
    responses((status = 200, description = "The approval, decided", body = Approval)),
)]
async fn decide_approval(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ApprovalId>,
    Json(request): Json<DecideApproval>,
) -> Result<axum::Json<Approval>, Refusal> {
    Ok(axum::Json(state.engine.decide(&caller, id, request).await?))
}
