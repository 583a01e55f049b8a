//! API keys: make, list, revoke.

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::{OpenAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::StatusCode;
use tenure_contract::KeyId;
use tenure_contract::resource::{ApiKey, CreateKey, Page};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(create_key, list_keys)).routes(routes!(revoke_key))
}

/// Make an API key. Its text is in the answer and nowhere else.
///
/// A key belongs to a principal and may narrow what that one may do; a principal nobody registered
/// is registered with it. Nobody gives more than they hold. Scopes are `noun:verb`, `noun:*`,
/// `*:verb` or `*`; those of each route stand beside it as `x-scope`.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "createKey",
    request_body = CreateKey,
    responses((status = 201, description = "The key, with its text", body = ApiKey)),
)]
async fn create_key(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<CreateKey>,
) -> Result<(StatusCode, axum::Json<ApiKey>), Refusal> {
    let key = state.engine.create_key(&caller, request).await?;
    Ok((StatusCode::CREATED, axum::Json(key)))
}

/// List API keys, the newest first, without their texts.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", operation_id = "listKeys",
    params(OpenAsked),
    responses((status = 200, description = "A page of keys", body = Page<ApiKey>)),
)]
async fn list_keys(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<OpenAsked>,
) -> Result<axum::Json<Page<ApiKey>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::keys).await.map(axum::Json)
}

/// Revoke an API key; it is refused from the moment this is answered.
#[utoipa::path(
    delete, path = "/v1/keys/{keyId}", tag = "keys", operation_id = "revokeKey",
    params(("keyId" = KeyId, Path, description = "The key")),
    responses((status = 204, description = "The key is revoked")),
)]
async fn revoke_key(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<KeyId>,
) -> Result<StatusCode, Refusal> {
    state.engine.revoke_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
