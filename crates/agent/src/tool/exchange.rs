//! One HTTP request and what its answer, or the lack of one, means for the step.
//!
//! The question that matters is whether the effect may have happened. `refused` and `transient`
//! claim that it did not; whenever that is not certain, the call is lost.

use crate::secrets::HIDDEN;
use crate::tool::{Progress, ToolCall, ToolFailure, ToolSpec};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, Request, Response, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::words::RecoveryClass;

/// Part of an error answer that is told to the model, characters.
const ERROR_BODY_MAX_CHARS: usize = 1_000;

/// Bytes of a body between two words of progress.
const PROGRESS_EVERY_BYTES: usize = 64 * 1024;

/// What one exchange may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What may be done again after a loss.
    pub(crate) class: RecoveryClass,
    /// Time limit of the whole exchange.
    pub(crate) timeout: Duration,
    /// The most of a body that is kept, bytes.
    pub(crate) max_bytes: usize,
}

impl Terms {
    pub(crate) fn of(spec: &ToolSpec) -> Self {
        let timeout = Duration::from_millis(spec.timeout_ms);
        Self { class: spec.class, timeout, max_bytes: spec.max_output_bytes }
    }
}

/// The addresses a request's host was checked to have; every name resolves to them and to nothing
/// else.
#[derive(Debug, Clone)]
pub(crate) struct Pinned(pub(crate) Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// A client that follows no redirect, repeats nothing and reuses no connection: a request is
/// either not sent or sent once, and a failure to connect is certainly before sending.
///
/// With `pinned` it also uses no proxy, since a proxy would resolve the name again.
pub(crate) fn client(terms: Terms, pinned: Option<Pinned>) -> Result<Client, ToolFailure> {
    let mut builder = Client::builder()
        .user_agent(concat!("tenure/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .connect_timeout(terms.timeout / 2);
    if let Some(pinned) = pinned {
        builder = builder.no_proxy().dns_resolver(Arc::new(pinned));
    }
    builder.build().map_err(|error| ToolFailure::Refused {
        message: format!("no HTTP client can be made: {error}"),
    })
}

/// An answer as it came, its body cut at the limit.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    body: Vec<u8>,
    truncated: bool,
    retry_after: bool,
    location: Option<String>,
}

/// Sends one request and reads its answer, whatever its status.
pub(crate) async fn send(
    client: &Client,
    request: Request,
    terms: Terms,
    call: &ToolCall,
) -> Result<Answer, ToolFailure> {
    let (cancel, progress) = (&call.cancel, &call.progress);
    let what = format!("`{} {}`", request.method(), request.url());
    if cancel.is_cancelled() {
        let message = format!("{what} was not sent: the run was aborted");
        return Err(ToolFailure::Refused { message });
    }
    let lost = |why: &str| ToolFailure::Lost { message: format!("{what} {why}") };
    tokio::select! {
        // an answer that is there counts, abort or not
        biased;
        answer = tokio::time::timeout(terms.timeout, exchange(client, request, (terms, progress), &what)) =>
            answer.unwrap_or_else(|_| {
                let limit = terms.timeout.as_millis();
                Err(lost(&format!("gave no answer within {limit} ms")))
            }),
        () = cancel.cancelled() => Err(lost("was aborted before it answered")),
    }
}

async fn exchange(
    client: &Client,
    request: Request,
    (terms, progress): (Terms, &Progress),
    what: &str,
) -> Result<Answer, ToolFailure> {
    let response = client.execute(request).await.map_err(|error| {
        let why = cause(&error);
        if error.is_builder() {
            ToolFailure::Refused { message: format!("{what} cannot be sent: {why}") }
        } else if error.is_connect() {
            ToolFailure::Transient { message: format!("{what} did not connect: {why}") }
        } else {
            ToolFailure::Lost { message: format!("{what} was sent and not answered: {why}") }
        }
    })?;
    read(response, terms.max_bytes, progress).await.map_err(|error| {
        let why = cause(&error);
        ToolFailure::Lost { message: format!("{what} broke off within its answer: {why}") }
    })
}

/// The innermost reason; the outer ones only repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

async fn read(
    mut response: Response,
    max_bytes: usize,
    progress: &Progress,
) -> Result<Answer, reqwest::Error> {
    let header = |name| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let mut answer = Answer {
        status: response.status(),
        content_type: header(CONTENT_TYPE).unwrap_or_default(),
        body: Vec::new(),
        truncated: false,
        retry_after: header(RETRY_AFTER).is_some(),
        location: header(LOCATION),
    };
    let mut told = 0;
    while let Some(piece) = response.chunk().await? {
        let room = max_bytes - answer.body.len();
        answer.body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            answer.truncated = true;
            break;
        }
        if answer.body.len() - told >= PROGRESS_EVERY_BYTES {
            told = answer.body.len();
            progress.tell(json!({"bytes": told}));
        }
    }
    Ok(answer)
}

impl Answer {
    /// The answer without these texts: a service may send back what it was sent.
    pub(crate) fn without(mut self, secrets: &[String]) -> Self {
        for secret in secrets {
            let clean = |text: String| text.replace(secret.as_str(), HIDDEN);
            self.content_type = clean(self.content_type);
            self.location = self.location.map(clean);
            let held = self.body.windows(secret.len()).any(|part| part == secret.as_bytes());
            if held {
                self.body = clean(String::from_utf8_lossy(&self.body).into_owned()).into_bytes();
            }
            // a body cut within a secret ends with the beginning of one
            let begins = |long: &usize| self.body.ends_with(&secret.as_bytes()[..*long]);
            let cut = if self.truncated { (1..secret.len()).rev().find(begins) } else { None };
            self.body.truncate(self.body.len() - cut.unwrap_or_default());
        }
        self
    }

    /// The answer if its status says that it was done; what else it means otherwise.
    pub(crate) fn done(self, class: RecoveryClass) -> Result<Self, ToolFailure> {
        if self.status.is_success() {
            return Ok(self);
        }
        let message = self.complaint();
        Err(match (self.status.as_u16(), class) {
            // the limiter stands before the service (RFC 6585 §4)
            (429, _) => ToolFailure::Transient { message },
            // a service that says when to come back has not begun (RFC 9110 §15.6.4); a gateway's
            // bare 503 may stand for a connection that broke in the middle. 409 so marked means
            // that an earlier request with this key is still being worked on.
            (503 | 409, _) if self.retry_after => match (self.status.as_u16(), class) {
                (409, RecoveryClass::Once) => ToolFailure::Lost { message },
                _ => ToolFailure::Transient { message },
            },
            (400..=499, _) | (300..=399, RecoveryClass::Read) => ToolFailure::Refused { message },
            (500..=599, RecoveryClass::Read | RecoveryClass::Idempotent) => {
                ToolFailure::Transient { message }
            }
            // a redirected effect may have happened: many services answer 303 after doing it
            _ => ToolFailure::Lost { message },
        })
    }

    fn complaint(&self) -> String {
        let mut message = format!("the service answered {}", self.status);
        if let Some(location) = &self.location {
            message.push_str(&format!(" to `{location}`; redirects are not followed"));
        }
        let body = String::from_utf8_lossy(&self.body);
        let told: String = body.trim().chars().take(ERROR_BODY_MAX_CHARS).collect();
        if !told.is_empty() {
            message.push_str(": ");
            message.push_str(&told);
        }
        message
    }

    /// Whether there was no body at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The body as JSON, or its text as `{"text": …}`; always within the limit, since a result
    /// that is too long is still the result of something that happened.
    pub(crate) fn into_value(self, limit: usize) -> Value {
        if let (false, Ok(value)) = (self.truncated, serde_json::from_slice::<Value>(&self.body))
            && value.to_string().len() <= limit
        {
            return value;
        }
        let text = String::from_utf8_lossy(&self.body);
        let whole = json!({"text": text});
        if !self.truncated && whole.to_string().len() <= limit {
            return whole;
        }
        cut(&text, limit)
    }
}

/// As much of the text as fits once it is escaped and wrapped.
fn cut(text: &str, limit: usize) -> Value {
    let mut keep = limit.min(text.len());
    loop {
        while !text.is_char_boundary(keep) {
            keep -= 1;
        }
        let value = json!({"text": text[..keep], "truncated": true});
        if keep == 0 || value.to_string().len() <= limit {
            return value;
        }
        keep /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: bool, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: String::new(),
            body: body.as_bytes().to_vec(),
            truncated: false,
            retry_after,
            location: None,
        }
    }

    fn verdict(status: u16, retry_after: bool, class: RecoveryClass) -> &'static str {
        match answer(status, retry_after, "why").done(class) {
            Ok(_) => "done",
            Err(ToolFailure::Refused { .. }) => "refused",
            Err(ToolFailure::Transient { .. }) => "transient",
            Err(ToolFailure::Lost { .. }) => "lost",
        }
    }

    #[test]
    fn a_status_means_for_each_class_what_is_certain() {
        use RecoveryClass::{Idempotent, Once, Read};
        for (status, retry_after, read, idempotent, once) in [
            (200, false, "done", "done", "done"),
            (204, false, "done", "done", "done"),
            (303, false, "refused", "lost", "lost"),
            (400, false, "refused", "refused", "refused"),
            (404, true, "refused", "refused", "refused"),
            (409, false, "refused", "refused", "refused"),
            (409, true, "transient", "transient", "lost"),
            (429, false, "transient", "transient", "transient"),
            (500, true, "transient", "transient", "lost"),
            (502, false, "transient", "transient", "lost"),
            (503, false, "transient", "transient", "lost"),
            (503, true, "transient", "transient", "transient"),
        ] {
            let found = [Read, Idempotent, Once].map(|class| verdict(status, retry_after, class));
            assert_eq!(found, [read, idempotent, once], "{status} {retry_after}");
        }
    }

    #[test]
    fn a_body_is_json_or_text_and_never_above_the_limit() {
        let value = |body: &str, limit| answer(200, false, body).into_value(limit);
        assert_eq!(value(r#"{"a":[1]}"#, 100), json!({"a": [1]}));
        assert_eq!(value("hello", 100), json!({"text": "hello"}));
        assert_eq!(value("", 100), json!({"text": ""}));
        let long = value(&"\u{1}é".repeat(200), 100);
        assert_eq!(long["truncated"], json!(true));
        assert!(long.to_string().len() <= 100);
    }
}
