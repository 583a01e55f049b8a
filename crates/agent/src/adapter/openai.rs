//! `openai`: Chat Completions as a stream, from any server that speaks them.
//!
//! Retries, rates and budgets are not its business: one request leaves, one answer comes back or
//! a failure that says whether the same call may work in a while.

mod answer;
mod sse;
mod wire;

use crate::adapter::{Adapter, AdapterFailure, Chunk, ModelRequest, Source};
use crate::secrets::{HIDDEN, Secrets};
use answer::Reader;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use reqwest::{Client, Response, StatusCode, Url};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tenure_contract::limits::MODEL_SILENCE_DEFAULT_MS;
use tokio::time::Instant;

/// Where requests go when a definition names no server.
pub const BASE_URL_DEFAULT: &str = "https://api.openai.com/v1";
/// The most of an error's body that is read, bytes.
const ERROR_BODY_MAX_BYTES: usize = 4 * 1024;
/// The most of an error's body that is told, characters.
const ERROR_TOLD_MAX_CHARS: usize = 500;
/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// A server and the variable that holds its key.
#[derive(Debug, Clone)]
pub struct Endpoint {
    url: Url,
    key_variable: Option<String>,
    secret: Option<(String, Arc<dyn Secrets>)>,
    silence: Duration,
}

impl Endpoint {
    /// The server below a base URL, such as `http://127.0.0.1:11434/v1`. With `key_variable`, the
    /// environment variable of that name is read at every call.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(base_url: &str, key_variable: Option<String>) -> Result<Self, String> {
        let mut url: Url =
            base_url.parse().map_err(|error| format!("is `{base_url}`, not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("is `{base_url}`; expected `http` or `https`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user or password in it; use `api_key_env`".to_owned());
        }
        // by parts, so that a query such as a version stays where it is
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(["chat", "completions"]);
        }
        let silence = Duration::from_millis(MODEL_SILENCE_DEFAULT_MS);
        Ok(Self { url, key_variable, secret: None, silence })
    }

    /// The same server, with the key that a tenant's secret holds (`TEN-4`).
    #[must_use]
    pub fn with_secret(self, name: &str, secrets: Arc<dyn Secrets>) -> Self {
        Self { secret: Some((name.to_owned(), secrets)), ..self }
    }

    /// The same server with another limit of silence (`STR-1`).
    #[must_use]
    pub fn with_silence(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }
}

/// A model behind Chat Completions.
pub struct OpenAi {
    line: Arc<Line>,
}

struct Line {
    endpoint: Endpoint,
    client: OnceLock<Client>,
}

impl OpenAi {
    /// A model of that server; nothing is opened until a call is streamed.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { line: Arc::new(Line { endpoint, client: OnceLock::new() }) }
    }
}

impl Adapter for OpenAi {
    fn source(&self, request: Arc<ModelRequest>) -> Box<dyn Source> {
        Box::new(Call { line: Arc::clone(&self.line), request })
    }
}

struct Call {
    line: Arc<Line>,
    request: Arc<ModelRequest>,
}

impl Source for Call {
    fn stream(self: Box<Self>) -> BoxStream<'static, Chunk> {
        stream::once(self.answer()).flatten().boxed()
    }
}

impl Call {
    async fn answer(self) -> BoxStream<'static, Chunk> {
        let silence = self.line.endpoint.silence;
        let begun = tokio::time::timeout(silence, self.line.send(&self.request));
        let key = self.line.key().unwrap_or_default();
        match begun.await.unwrap_or_else(|_| Err(silent(silence))) {
            Ok(response) => {
                let bytes = response.bytes_stream().map(|piece| match piece {
                    Ok(bytes) => Ok(bytes.to_vec()),
                    Err(error) => Err(cause(&error)),
                });
                chunks(bytes.boxed(), silence)
                    .map(move |chunk| without(key.as_deref(), chunk))
                    .boxed()
            }
            Err(failure) => stream::iter([without(key.as_deref(), Chunk::Failed(failure))]).boxed(),
        }
    }
}

impl Line {
    fn key(&self) -> Result<Option<String>, AdapterFailure> {
        if let Some((name, secrets)) = &self.endpoint.secret {
            return secrets.reveal(name).map(Some).map_err(final_failure);
        }
        let Some(variable) = &self.endpoint.key_variable else {
            return Ok(None);
        };
        match std::env::var(variable) {
            Ok(key) if !key.is_empty() => Ok(Some(key)),
            _ => Err(final_failure(format!("the environment variable `{variable}` is not set"))),
        }
    }

    fn client(&self) -> Result<&Client, AdapterFailure> {
        if let Some(made) = self.client.get() {
            return Ok(made);
        }
        let mut builder = Client::builder()
            .user_agent(concat!("tenure/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_MAX);
        if matches!(self.endpoint.url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            // a proxy's loopback is another machine's
            builder = builder.no_proxy();
        }
        let made = builder
            .build()
            .map_err(|error| final_failure(format!("no HTTP client can be made: {error}")))?;
        Ok(self.client.get_or_init(|| made))
    }

    async fn send(&self, request: &ModelRequest) -> Result<Response, AdapterFailure> {
        let mut call = self.client()?.post(self.endpoint.url.clone()).json(&wire::body(request));
        if let Some(key) = self.key()? {
            call = call.bearer_auth(key);
        }
        let response = call.send().await.map_err(|error| AdapterFailure {
            message: format!("the model's server cannot be reached: {}", cause(&error)),
            may_pass: !error.is_builder(),
        })?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }
}

/// What an error status means: the server is overloaded or broken for now, or the call is wrong.
async fn refusal(mut response: Response) -> AdapterFailure {
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < ERROR_BODY_MAX_BYTES
        && let Ok(Some(piece)) = response.chunk().await
    {
        body.extend_from_slice(&piece);
    }
    body.truncate(ERROR_BODY_MAX_BYTES);
    let said = wire::error_message(&body)
        .unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
    let told: String = said.chars().take(ERROR_TOLD_MAX_CHARS).collect();
    let message = if told.is_empty() {
        format!("the model's server answered {status}")
    } else {
        format!("the model's server answered {status}: {told}")
    };
    let passing = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
    AdapterFailure { message, may_pass: status.is_server_error() || passing.contains(&status) }
}

fn final_failure(message: String) -> AdapterFailure {
    AdapterFailure { message, may_pass: false }
}

fn silent(limit: Duration) -> AdapterFailure {
    let message = format!("the model was silent for {} ms", limit.as_millis());
    AdapterFailure { message, may_pass: true }
}

/// The innermost reason; the outer ones only repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

/// Takes the key out of a failure: servers repeat what they were given (`TEN-4`).
fn without(key: Option<&str>, chunk: Chunk) -> Chunk {
    match (chunk, key) {
        (Chunk::Failed(AdapterFailure { message, may_pass }), Some(key)) => {
            Chunk::Failed(AdapterFailure { message: message.replace(key, HIDDEN), may_pass })
        }
        (Chunk::Text(text), Some(key)) if text.contains(key) => {
            Chunk::Text(text.replace(key, HIDDEN))
        }
        (chunk, _) => chunk,
    }
}

type Bytes = BoxStream<'static, Result<Vec<u8>, String>>;

/// From bytes to chunks.
fn chunks(bytes: Bytes, silence: Duration) -> BoxStream<'static, Chunk> {
    let (events, reader, ready) =
        (sse::Parser::default(), Some(Reader::default()), VecDeque::new());
    let hearing = Hearing { bytes, silence, events, reader, ready };
    stream::unfold(hearing, |mut hearing| async move {
        let chunk = hearing.next().await?;
        Some((chunk, hearing))
    })
    .boxed()
}

struct Hearing {
    bytes: Bytes,
    silence: Duration,
    events: sse::Parser,
    /// None once the ending is among `ready`.
    reader: Option<Reader>,
    ready: VecDeque<Chunk>,
}

impl Hearing {
    async fn next(&mut self) -> Option<Chunk> {
        let mut deadline = Instant::now() + self.silence;
        while self.ready.is_empty() && self.reader.is_some() {
            match tokio::time::timeout_at(deadline, self.bytes.next()).await {
                Ok(Some(Ok(piece))) => {
                    // only what the model says breaks a silence, not the comments by which a
                    // proxy keeps the connection open
                    if self.hear(&piece) {
                        deadline = Instant::now() + self.silence;
                    }
                }
                Ok(Some(Err(why))) => self.close(passing(format!("the answer broke off: {why}"))),
                Ok(None) => {
                    // servers forget the last empty line; half an event is a cut, though
                    if let Some(rest) = self.events.rest().filter(|rest| answer::is_event(rest)) {
                        self.tell(&rest);
                    }
                    self.close(passing("the answer ended without an ending".to_owned()));
                }
                Err(_) => self.close(silent(self.silence)),
            }
        }
        self.ready.pop_front()
    }

    /// Takes bytes; true if there was an event among them.
    fn hear(&mut self, piece: &[u8]) -> bool {
        match self.events.push(piece) {
            Ok(events) => {
                events.iter().for_each(|event| self.tell(event));
                !events.is_empty()
            }
            Err(message) => {
                self.reader = None;
                self.ready.push_back(Chunk::Failed(final_failure(message)));
                true
            }
        }
    }

    fn tell(&mut self, event: &str) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        self.ready.extend(reader.take(event));
        if matches!(self.ready.back(), Some(Chunk::Done | Chunk::Failed(_))) {
            self.reader = None;
        }
    }

    fn close(&mut self, why: AdapterFailure) {
        if let Some(reader) = self.reader.take() {
            self.ready.extend(reader.close(why));
        }
    }
}

fn passing(message: String) -> AdapterFailure {
    AdapterFailure { message, may_pass: true }
}

#[cfg(test)]
mod tests;
