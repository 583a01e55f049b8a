//! Dispatches: check a context, dispatch, list, see, give up.

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
use serde_json::Value;
use tenure_contract::event::DispatchContext;
use tenure_contract::resource::{
    CancelDispatch, ContextChecked, CreateDispatch, Dispatch, DispatchSummary, Page,
};
use tenure_contract::words::DispatchStatus;
use tenure_contract::{DispatchId, SessionId};
use tenure_engine::{Engine, Listing};
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(check_context))
        .routes(routes!(create_dispatch, list_dispatches))
        .routes(routes!(get_dispatch))
        .routes(routes!(cancel_dispatch))
}

/// What a list of dispatches is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DispatchesAsked {
    /// Only those whose run is in this session.
    session: Option<SessionId>,
    /// Only those in this status.
    status: Option<DispatchStatus>,
    /// Only those that have not come to their end, or only those that have.
    open: Option<bool>,
    /// Only those for this product.
    product_id: Option<String>,
    /// Only those for this user.
    user_id: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<DispatchesAsked> for Listing {
    fn from(asked: DispatchesAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let DispatchesAsked { session, open, cursor, limit, product_id, user_id, .. } = asked;
        let (product, user) = (product_id, user_id);
        Self { session, status, product, user, open_only: open, cursor, limit, ..Self::default() }
    }
}

/// Check a dispatch context alone: nothing is started, and everything that is wrong is named.
#[utoipa::path(
    post, path = "/v1/dispatch/validate", tag = "dispatches", operation_id = "validateDispatch",
    request_body = DispatchContext,
    responses((status = 200, description = "Whether a dispatch with it would be read", body = ContextChecked)),
)]
async fn check_context(
    State(state): State<ServerState>,
    Who(_): Who,
    Json(given): Json<Value>,
) -> axum::Json<ContextChecked> {
    axum::Json(state.engine.check_context(&given))
}

/// Dispatch work: at once, by turn, at a time, or to an executor, as its context says.
///
/// The answer says that the dispatch is durable. The same key with the same body returns what became of
/// the first; with another body it conflicts.
#[utoipa::path(
    post, path = "/v1/dispatches", tag = "dispatches", operation_id = "createDispatch",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "The same as `idempotencyKey` in the body; one of them is needed")),
    request_body = CreateDispatch,
    responses((status = 202, description = "The dispatch as it stands", body = Dispatch,
        headers(("Location" = String, description = "Where the dispatch is")))),
)]
async fn create_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    key: Key,
    Json(mut request): Json<CreateDispatch>,
) -> Result<impl IntoResponse, Refusal> {
    request.idempotency_key = key.agreeing_with(request.idempotency_key.take())?;
    let dispatch = state.engine.dispatch(&caller, request).await?;
    let location = format!("/v1/dispatches/{}", dispatch.dispatch_id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(dispatch)))
}

/// List dispatches, the newest first.
#[utoipa::path(
    get, path = "/v1/dispatches", tag = "dispatches", operation_id = "listDispatches",
    params(DispatchesAsked),
    responses((status = 200, description = "A page of dispatches", body = Page<DispatchSummary>)),
)]
async fn list_dispatches(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<DispatchesAsked>,
) -> Result<axum::Json<Page<DispatchSummary>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::dispatches).await.map(axum::Json)
}

/// See a dispatch.
#[utoipa::path(
    get, path = "/v1/dispatches/{dispatchId}", tag = "dispatches", operation_id = "getDispatch",
    params(("dispatchId" = DispatchId, Path, description = "The dispatch")),
    responses((status = 200, description = "The dispatch", body = Dispatch)),
)]
async fn get_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<DispatchId>,
) -> Result<axum::Json<Dispatch>, Refusal> {
    Ok(axum::Json(state.engine.see_dispatch(&caller, id).await?))
}

/// Give a dispatch up before it starts.
#[utoipa::path(
    post, path = "/v1/dispatches/{dispatchId}/cancel", tag = "dispatches", operation_id = "cancelDispatch",
    params(("dispatchId" = DispatchId, Path, description = "The dispatch")),
    request_body(content = Option<CancelDispatch>, description = "Why; may be left out"),
    responses((status = 200, description = "The dispatch, cancelled", body = Dispatch)),
)]
async fn cancel_dispatch(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<DispatchId>,
    JsonOrNothing(request): JsonOrNothing<Option<CancelDispatch>>,
) -> Result<axum::Json<Dispatch>, Refusal> {
    let reason = request.and_then(|request| request.reason);
    Ok(axum::Json(state.engine.cancel_dispatch(&caller, id, reason).await?))
}
