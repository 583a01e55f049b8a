//! Secrets: set, list, delete (`TEN-4`). What is set is never answered.

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::{PageAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::StatusCode;
use tenure_contract::resource::{Page, Secret, SetSecret};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(list_secrets)).routes(routes!(set_secret, delete_secret))
}

/// List secrets, the newest first, without their texts.
#[utoipa::path(
    get, path = "/v1/secrets", tag = "secrets", operation_id = "listSecrets",
    params(PageAsked),
    responses((status = 200, description = "A page of secrets", body = Page<Secret>)),
)]
async fn list_secrets(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<PageAsked>,
) -> Result<axum::Json<Page<Secret>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::secrets).await.map(axum::Json)
}

/// Set a secret: a new one, or the next version of one.
///
/// An agent names it: `api_key = "secret:NAME"` for its model, `{secret:NAME}` in the headers of an
/// `http_action`. It is encrypted at rest and never answered.
#[utoipa::path(
    put, path = "/v1/secrets/{secretName}", tag = "secrets", operation_id = "setSecret",
    params(("secretName" = String, Path, description = "The secret's name")),
    request_body = SetSecret,
    responses((status = 200, description = "The secret, without its text", body = Secret)),
)]
async fn set_secret(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(name): Named<String>,
    Json(request): Json<SetSecret>,
) -> Result<axum::Json<Secret>, Refusal> {
    Ok(axum::Json(state.engine.set_secret(&caller, &name, request).await?))
}

/// Delete a secret.
#[utoipa::path(
    delete, path = "/v1/secrets/{secretName}", tag = "secrets", operation_id = "deleteSecret",
    params(("secretName" = String, Path, description = "The secret's name")),
    responses((status = 204, description = "The secret is deleted")),
)]
async fn delete_secret(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(name): Named<String>,
) -> Result<StatusCode, Refusal> {
    state.engine.delete_secret(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
