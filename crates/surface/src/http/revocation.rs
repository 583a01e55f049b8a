//! Answers that take long end with the credential they were asked with: revoked means gone within
//! two seconds, also for who is listening already (`AUT-1`).

use super::problem::Refusal;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use std::time::Duration;
use tenure_contract::{Code, limits};
use tenure_engine::{Credential, Engine};

/// Answers a request for as long as its credential stands. What writes is never cut off: it is
/// decided in a moment, and whoever asked must learn what became of it.
pub(super) async fn while_it_stands(
    engine: Engine,
    credential: Credential,
    request: Request,
    next: Next,
) -> Response {
    if credential == Credential::Local || request.method() != Method::GET {
        return next.run(request).await;
    }
    let response = tokio::select! {
        response = next.run(request) => response,
        () = fallen(engine.clone(), credential.clone()) => {
            let text = "the credential was revoked or expired while this was being answered";
            return Refusal::new(Code::Unauthenticated, text).into_response();
        }
    };
    let stream = HeaderValue::from_static("text/event-stream");
    if response.headers().get(header::CONTENT_TYPE) != Some(&stream) {
        return response;
    }
    response.map(|body| {
        let pieces = body.into_data_stream().take_until(Box::pin(fallen(engine, credential)));
        Body::from_stream(pieces)
    })
}

/// Resolves once the credential would no longer be let in.
async fn fallen(engine: Engine, credential: Credential) {
    let mut looks = tokio::time::interval(Duration::from_millis(limits::REVOCATION_CHECK_MS));
    loop {
        looks.tick().await;
        if !engine.stands(&credential) {
            return;
        }
    }
}
