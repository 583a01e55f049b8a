//! Handoffs: offer a session, list, see, accept, decline, withdraw.

use super::caller::Who;
use super::extract::{Asked, Json, JsonOrNothing, Key, Named};
use super::page::list;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use tenure_contract::resource::{CloseHandoff, Handoff, HandoffSummary, OfferHandoff, Page};
use tenure_contract::words::HandoffStatus;
use tenure_contract::{HandoffId, SessionId};
use tenure_engine::{Engine, Listing};
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(offer_handoff))
        .routes(routes!(list_handoffs))
        .routes(routes!(get_handoff))
        .routes(routes!(accept_handoff))
        .routes(routes!(decline_handoff))
        .routes(routes!(withdraw_handoff))
}

/// What a list of handoffs is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HandoffsAsked {
    /// Only those of this session.
    session: Option<SessionId>,
    /// Only those in this status.
    status: Option<HandoffStatus>,
    /// Only those offered to this product.
    to_product: Option<String>,
    /// Only those this product offered.
    from_product: Option<String>,
    /// Only those nobody has answered yet, or only the others.
    open: Option<bool>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<HandoffsAsked> for Listing {
    fn from(asked: HandoffsAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let HandoffsAsked { session, open, cursor, limit, to_product, from_product, .. } = asked;
        Self {
            session,
            status,
            product: to_product,
            from_product,
            open_only: open,
            cursor,
            limit,
            ..Self::default()
        }
    }
}

/// Offer a session to another product or principal of the tenant.
///
/// Its owner may, or who holds `handoffs:admin`. The owner goes on working until it is accepted. With
/// an `Idempotency-Key` the same request again returns the handoff that was offered first.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/handoffs", tag = "handoffs", operation_id = "offerHandoff",
    params(
        ("sessionId" = SessionId, Path, description = "The session"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "The same key and body return the first answer; another body conflicts"),
    ),
    request_body = OfferHandoff,
    responses((status = 201, description = "The handoff", body = Handoff,
        headers(("Location" = String, description = "Where the handoff is")))),
)]
async fn offer_handoff(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(session): Named<SessionId>,
    key: Key,
    Json(request): Json<OfferHandoff>,
) -> Result<impl IntoResponse, Refusal> {
    let offered = state.engine.offer_handoff(&caller, session, request, key.0.as_deref()).await?;
    let location = format!("/v1/handoffs/{}", offered.handoff_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(offered)))
}

/// List handoffs, the newest first. A key bound to a product lists what is offered to it, and with
/// `fromProduct` what it offered.
#[utoipa::path(
    get, path = "/v1/handoffs", tag = "handoffs", operation_id = "listHandoffs",
    params(HandoffsAsked),
    responses((status = 200, description = "A page of handoffs", body = Page<HandoffSummary>)),
)]
async fn list_handoffs(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<HandoffsAsked>,
) -> Result<axum::Json<Page<HandoffSummary>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::handoffs).await.map(axum::Json)
}

/// See a handoff.
#[utoipa::path(
    get, path = "/v1/handoffs/{handoffId}", tag = "handoffs", operation_id = "getHandoff",
    params(("handoffId" = HandoffId, Path, description = "The handoff")),
    responses((status = 200, description = "The handoff", body = Handoff)),
)]
async fn get_handoff(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<HandoffId>,
) -> Result<axum::Json<Handoff>, Refusal> {
    Ok(axum::Json(state.engine.see_handoff(&caller, id).await?))
}

/// Take a session over.
///
/// Only whom it is offered to may. The former owner is shut out from this entry on; runs in progress go
/// on, open approvals move along, and a checkpoint is made. Accepting again is nothing new.
#[utoipa::path(
    post, path = "/v1/handoffs/{handoffId}/accept", tag = "handoffs", operation_id = "acceptHandoff",
    params(("handoffId" = HandoffId, Path, description = "The handoff")),
    responses((status = 200, description = "The handoff, accepted", body = Handoff)),
)]
async fn accept_handoff(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<HandoffId>,
) -> Result<axum::Json<Handoff>, Refusal> {
    Ok(axum::Json(state.engine.accept_handoff(&caller, id).await?))
}

/// Do not take a session over. Only whom it is offered to may.
#[utoipa::path(
    post, path = "/v1/handoffs/{handoffId}/decline", tag = "handoffs", operation_id = "declineHandoff",
    params(("handoffId" = HandoffId, Path, description = "The handoff")),
    request_body(content = Option<CloseHandoff>, description = "Why; may be left out"),
    responses((status = 200, description = "The handoff, declined", body = Handoff)),
)]
async fn decline_handoff(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<HandoffId>,
    JsonOrNothing(request): JsonOrNothing<Option<CloseHandoff>>,
) -> Result<axum::Json<Handoff>, Refusal> {
    let reason = request.and_then(|request| request.reason);
    Ok(axum::Json(state.engine.decline_handoff(&caller, id, reason).await?))
}

/// Take an offer back. The owner may, or who holds `handoffs:admin`.
#[utoipa::path(
    post, path = "/v1/handoffs/{handoffId}/withdraw", tag = "handoffs", operation_id = "withdrawHandoff",
    params(("handoffId" = HandoffId, Path, description = "The handoff")),
    request_body(content = Option<CloseHandoff>, description = "Why; may be left out"),
    responses((status = 200, description = "The handoff, withdrawn", body = Handoff)),
)]
async fn withdraw_handoff(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<HandoffId>,
    JsonOrNothing(request): JsonOrNothing<Option<CloseHandoff>>,
) -> Result<axum::Json<Handoff>, Refusal> {
    let reason = request.and_then(|request| request.reason);
    Ok(axum::Json(state.engine.withdraw_handoff(&caller, id, reason).await?))
}
