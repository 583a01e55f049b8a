//! Sessions that move to another server: offered, accepted there, released, received there (`HND-2`).
//!
//! What travels is the export of the session; who carries it between the servers is nobody's here.

use super::caller::Who;
use super::extract::{Asked, Json, Lines, Named};
use super::page::blocking;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use serde::Deserialize;
use tenure_contract::digest::unhex;
use tenure_contract::event::HeadSeal;
use tenure_contract::export::HeadClaim;
use tenure_contract::resource::{AcceptedTransfer, OfferTransfer, ReleaseTransfer, Transfer};
use tenure_contract::{Code, SessionId};
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(offer_transfer, withdraw_transfer))
        .routes(routes!(release_transfer))
        .routes(routes!(accept_transfer))
        .routes(routes!(receive_transfer))
}

/// Whom the receiver expects to have signed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
struct SenderAsked {
    /// The root key of the sender's store, 64 hex digits. Without it whoever signed is only claimed.
    #[serde(default)]
    #[param(pattern = "^[0-9a-f]{64}$")]
    root: Option<String>,
}

impl SenderAsked {
    fn root(&self) -> Result<Option<[u8; 32]>, Refusal> {
        let Some(text) = &self.root else { return Ok(None) };
        let key = unhex(text).and_then(|bytes| bytes.try_into().ok());
        let told = || {
            let shown: String = text.chars().take(80).collect();
            format!("`root` is `{shown}`; expected a root key of 64 hex digits")
        };
        key.map(Some).ok_or_else(|| Refusal::new(Code::InvalidArgument, told()))
    }
}

/// Offer a session to another server.
///
/// Nothing stops here: until it is released the session goes on as before. Its export, made after
/// the offer, is what the receiver accepts.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/transfer", tag = "transfers", operation_id = "offerTransfer",
    params(("sessionId" = SessionId, Path, description = "The session")),
    request_body = OfferTransfer,
    responses((status = 200, description = "The offer", body = Transfer)),
)]
async fn offer_transfer(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Json(request): Json<OfferTransfer>,
) -> Result<axum::Json<Transfer>, Refusal> {
    Ok(axum::Json(state.engine.offer_transfer(&caller, id, request).await?))
}

/// Take an offer to another server back.
#[utoipa::path(
    delete, path = "/v1/sessions/{sessionId}/transfer", tag = "transfers", operation_id = "withdrawTransfer",
    params(("sessionId" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The offer as it was", body = Transfer)),
)]
async fn withdraw_transfer(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
) -> Result<axum::Json<Transfer>, Refusal> {
    Ok(axum::Json(state.engine.withdraw_transfer(&caller, id).await?))
}

/// Give an offered session away for good, to the server that accepted it.
///
/// Refused while a step of it is in flight or in doubt. Afterwards nothing of the session moves here;
/// its export, made now, is what the receiver takes.
#[utoipa::path(
    post, path = "/v1/sessions/{sessionId}/transfer/release", tag = "transfers", operation_id = "releaseTransfer",
    params(("sessionId" = SessionId, Path, description = "The session")),
    request_body = ReleaseTransfer,
    responses((status = 200, description = "The session is the receiver's", body = Transfer)),
)]
async fn release_transfer(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Json(request): Json<ReleaseTransfer>,
) -> Result<axum::Json<Transfer>, Refusal> {
    Ok(axum::Json(state.engine.release_transfer(&caller, id, request).await?))
}

/// Accept a session that is offered to this server.
///
/// The export is verified whole, and that every agent it goes on with is registered here. The answer
/// is this server's signature under what was offered; the sender releases the session for it.
#[utoipa::path(
    post, path = "/v1/transfers/accept", tag = "transfers", operation_id = "acceptTransfer",
    params(SenderAsked),
    request_body(content = String, content_type = "application/jsonl", description = "The session's export, made after the offer"),
    responses((status = 200, description = "What this server signs", body = AcceptedTransfer)),
)]
async fn accept_transfer(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<SenderAsked>,
    Lines(lines): Lines,
) -> Result<axum::Json<AcceptedTransfer>, Refusal> {
    let root = asked.root()?;
    let engine = state.engine.clone();
    let accepted = blocking(move || engine.accept_transfer(&caller, &lines, root)).await?;
    let claim = HeadClaim { at: state.clock.now(), epoch: state.signer.epoch, ..accepted.claim };
    Ok(axum::Json(AcceptedTransfer {
        transfer_id: accepted.transfer,
        session_id: accepted.session,
        accepted: HeadSeal::from(&state.signer.sign(claim)),
    }))
}

/// Take a session that was released to this server.
///
/// The export is verified whole and kept as it is, with one entry behind it that holds the sender's
/// signature; the session goes on here under its id. The same export again changes nothing.
#[utoipa::path(
    post, path = "/v1/transfers/receive", tag = "transfers", operation_id = "receiveTransfer",
    params(SenderAsked),
    request_body(content = String, content_type = "application/jsonl", description = "The session's export, made after its release"),
    responses((status = 200, description = "The session is here", body = Transfer)),
)]
async fn receive_transfer(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<SenderAsked>,
    Lines(lines): Lines,
) -> Result<axum::Json<Transfer>, Refusal> {
    let root = asked.root()?;
    Ok(axum::Json(state.engine.receive_transfer(&caller, lines, root).await?))
}
