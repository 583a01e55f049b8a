//! Approvals that travel to another app and back, and the keys for it (`APR-6`).

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::{OpenAsked, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::StatusCode;
use tenure_contract::ApprovalId;
use tenure_contract::resource::{
    AppKey, Approval, HandApproval, HandedToken, Page, RegisterAppKey, ReturnDecision, SigningKeys,
};
use tenure_contract::token::HANDED_TYPE;
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(hand_approval))
        .routes(routes!(return_decision))
        .routes(routes!(register_app_key, list_app_keys))
        .routes(routes!(revoke_app_key))
        .routes(routes!(list_signing_keys))
}

/// Hand an approval to another app.
///
/// The answer holds a signed token with everything a person there needs to decide; it is for that app
/// only, works once, expires, and stands in this answer and nowhere else. The caller must be one who
/// may decide, or the approval must name the app's principal, `service:<product>`.
#[utoipa::path(
    post, path = "/v1/approvals/{approvalId}/tokens", tag = "approvals", operation_id = "handApproval",
    params(("approvalId" = ApprovalId, Path, description = "The approval")),
    request_body = HandApproval,
    responses((status = 201, description = "The token", body = HandedToken)),
)]
async fn hand_approval(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ApprovalId>,
    Json(mut request): Json<HandApproval>,
) -> Result<(StatusCode, axum::Json<HandedToken>), Refusal> {
    request.return_address.get_or_insert_with(|| "/v1/approval-decisions".to_owned());
    let claims = state.engine.hand_approval(&caller, id, request).await?;
    let token = HandedToken {
        token_id: claims.jti,
        approval_id: claims.approval,
        audience: claims.aud.clone(),
        expires_at: tenure_core::token::instant(claims.exp),
        token: state.signer.sign_token(HANDED_TYPE, &claims),
    };
    Ok((StatusCode::CREATED, axum::Json(token)))
}

/// Take a decision that returns from another app.
///
/// It is signed with that app's own registered key. A forged, expired, re-targeted, replayed or stale
/// one is refused, each under its own code, and decides nothing.
#[utoipa::path(
    post, path = "/v1/approval-decisions", tag = "approvals", operation_id = "returnDecision",
    request_body = ReturnDecision,
    responses((status = 200, description = "The approval, decided", body = Approval)),
)]
async fn return_decision(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<ReturnDecision>,
) -> Result<axum::Json<Approval>, Refusal> {
    Ok(axum::Json(state.engine.return_decision(&caller, &request.decision).await?))
}

/// Register the key an app signs its decisions with. The same again is nothing new.
#[utoipa::path(
    post, path = "/v1/app-keys", tag = "keys", operation_id = "registerAppKey",
    request_body = RegisterAppKey,
    responses((status = 201, description = "The key", body = AppKey)),
)]
async fn register_app_key(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<RegisterAppKey>,
) -> Result<(StatusCode, axum::Json<AppKey>), Refusal> {
    let key = state.engine.register_app_key(&caller, request).await?;
    Ok((StatusCode::CREATED, axum::Json(key)))
}

/// List the keys of other apps, the newest first.
#[utoipa::path(
    get, path = "/v1/app-keys", tag = "keys", operation_id = "listAppKeys",
    params(OpenAsked),
    responses((status = 200, description = "A page of keys", body = Page<AppKey>)),
)]
async fn list_app_keys(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<OpenAsked>,
) -> Result<axum::Json<Page<AppKey>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::app_keys).await.map(axum::Json)
}

/// Revoke the key of an app; its signatures prove nothing from the moment this is answered.
#[utoipa::path(
    delete, path = "/v1/app-keys/{kid}", tag = "keys", operation_id = "revokeAppKey",
    params(("kid" = String, Path, description = "The key's short name")),
    responses((status = 204, description = "The key is revoked")),
)]
async fn revoke_app_key(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(kid): Named<String>,
) -> Result<StatusCode, Refusal> {
    state.engine.revoke_app_key(&caller, kid).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the keys this server signs with, as JSON Web Keys.
///
/// A verifier that must not trust this answer gets the root key from elsewhere: exports carry the
/// certificate.
#[utoipa::path(
    get, path = "/v1/signing-keys", tag = "keys", operation_id = "listSigningKeys",
    responses((status = 200, description = "The keys", body = SigningKeys)),
)]
async fn list_signing_keys(State(state): State<ServerState>) -> axum::Json<SigningKeys> {
    axum::Json(state.signer.keys())
}
