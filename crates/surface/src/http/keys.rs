//! API keys: make, list, revoke.

use super::caller::Who;
use super::extract::{Json, Named};
use super::page::{blocking, whole};
use super::problem::Refusal;
use super::scope::{EVERYTHING, Scope};
use super::state::ServerState;
use axum::extract::State;
use axum::http::StatusCode;
use tenure_contract::resource::{ApiKey, Caller, CreateKey, Page};
use tenure_contract::{Code, KeyId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(create_key, list_keys)).routes(routes!(revoke_key))
}

/// Make an API key. Its text is in the answer and nowhere else.
///
/// Scopes are `read`, `run`, `approve`, `admin` and `*` for all of them, which is also meant when
/// none is named. A key holds no more than the caller who makes it.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "createKey",
    request_body = CreateKey,
    responses((status = 201, description = "The key, with its text", body = ApiKey)),
)]
async fn create_key(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(mut request): Json<CreateKey>,
) -> Result<(StatusCode, axum::Json<ApiKey>), Refusal> {
    if request.scopes.is_empty() {
        request.scopes.push(EVERYTHING.to_owned());
    }
    check_scopes(&caller, &request.scopes)?;
    let key = state.engine.create_key(&caller, request).await?;
    Ok((StatusCode::CREATED, axum::Json(key)))
}

/// List API keys, without their texts.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", operation_id = "listKeys",
    responses((status = 200, description = "All of them", body = Page<ApiKey>)),
)]
async fn list_keys(
    State(state): State<ServerState>,
    Who(caller): Who,
) -> Result<axum::Json<Page<ApiKey>>, Refusal> {
    // a key that was just made or revoked is listed as such
    state.engine.settled().await?;
    let keys = blocking(move || state.engine.keys(&caller)).await?;
    Ok(axum::Json(whole(keys)))
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

fn check_scopes(caller: &Caller, scopes: &[String]) -> Result<(), Refusal> {
    for wanted in scopes {
        let known = Scope::ALL.iter().find(|scope| scope.as_str() == wanted);
        let held = match known {
            Some(scope) => scope.is_held(caller),
            None if wanted == EVERYTHING => caller.scopes.iter().any(|held| held == EVERYTHING),
            None => {
                let shown: String = wanted.chars().take(60).collect();
                let text = format!(
                    "`{shown}` is not a scope; expected one of read, run, approve, admin, *"
                );
                return Err(Refusal::new(Code::InvalidArgument, text));
            }
        };
        if !held {
            let text = format!(
                "the scope `{wanted}` is more than this caller holds: {}",
                caller.scopes.join(", ")
            );
            return Err(Refusal::new(Code::Forbidden, text));
        }
    }
    Ok(())
}
