//! Principals: make, list, see, change (`AUT-1`).

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::{OpenAsked, blocking, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::PrincipalId;
use tenure_contract::resource::{ChangePrincipal, CreatePrincipal, KnownPrincipal, Page};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(create_principal, list_principals))
        .routes(routes!(get_principal, change_principal))
}

/// Make a principal: somebody or something that acts in the tenant, with the scopes it may use.
///
/// The same kind, name and scopes again is the same principal. Nobody gives more than they hold.
#[utoipa::path(
    post, path = "/v1/principals", tag = "principals", operation_id = "createPrincipal",
    request_body = CreatePrincipal,
    responses((status = 201, description = "The principal", body = KnownPrincipal,
        headers(("Location" = String, description = "Where the principal is")))),
)]
async fn create_principal(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<CreatePrincipal>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.create_principal(&caller, request).await?;
    let location = format!("/v1/principals/{}", made.principal_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(made)))
}

/// List principals, the newest first.
#[utoipa::path(
    get, path = "/v1/principals", tag = "principals", operation_id = "listPrincipals",
    params(OpenAsked),
    responses((status = 200, description = "A page of principals", body = Page<KnownPrincipal>)),
)]
async fn list_principals(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<OpenAsked>,
) -> Result<axum::Json<Page<KnownPrincipal>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::principals).await.map(axum::Json)
}

/// See a principal.
#[utoipa::path(
    get, path = "/v1/principals/{principalId}", tag = "principals", operation_id = "getPrincipal",
    params(("principalId" = PrincipalId, Path, description = "The principal")),
    responses((status = 200, description = "The principal", body = KnownPrincipal)),
)]
async fn get_principal(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<PrincipalId>,
) -> Result<axum::Json<KnownPrincipal>, Refusal> {
    blocking(move || state.engine.principal(&caller, id)).await.map(axum::Json)
}

/// Change what a principal may do, disable it or enable it again.
///
/// Its keys and tokens do as it says from the moment this is answered.
#[utoipa::path(
    patch, path = "/v1/principals/{principalId}", tag = "principals",
    operation_id = "changePrincipal",
    params(("principalId" = PrincipalId, Path, description = "The principal")),
    request_body = ChangePrincipal,
    responses((status = 200, description = "The principal, changed", body = KnownPrincipal)),
)]
async fn change_principal(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<PrincipalId>,
    Json(request): Json<ChangePrincipal>,
) -> Result<axum::Json<KnownPrincipal>, Refusal> {
    Ok(axum::Json(state.engine.change_principal(&caller, id, request).await?))
}
