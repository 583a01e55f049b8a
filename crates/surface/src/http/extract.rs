//! What comes in, read strictly: bodies, ids in paths, queries, idempotency keys. Whatever does not
//! fit is refused as a problem that says what would.

use super::limits::BODY_READ_MAX_MS;
use super::problem::Refusal;
use super::strict::Strict;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;
use tenure_contract::{Code, limits};

/// A JSON body.
pub(super) struct Json<T>(pub T);

/// A JSON body that may be left out.
pub(super) struct JsonOrNothing<T>(pub T);

/// The lines of an export.
pub(super) struct Lines(pub String);

/// The rows of a store without owners.
pub(super) struct LegacyRows(pub String);

/// The one parameter of a path, as an id or a name.
pub(super) struct Named<T>(pub T);

/// The query, without parameters nobody knows.
pub(super) struct Asked<T>(pub T);

/// The `Idempotency-Key` header, if any.
pub(super) struct Key(pub Option<String>);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        check_type(request.headers())?;
        let bytes = read(request, BODY).await?;
        parse(&bytes).map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for JsonOrNothing<T> {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let typed = check_type(request.headers());
        let bytes = read(request, BODY).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        typed?;
        parse(&bytes).map(Self)
    }
}

impl<S: Sync> FromRequest<S> for Lines {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        lines(request, EXPORT).await.map(Self)
    }
}

impl<S: Sync> FromRequest<S> for LegacyRows {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        lines(request, ROWS).await.map(Self)
    }
}

async fn lines(request: Request, most: Most) -> Result<String, Refusal> {
    let given = essence(request.headers());
    if given != "application/jsonl" {
        return Err(unread(&given, "application/jsonl"));
    }
    let bytes = read(request, most).await?;
    String::from_utf8(bytes).map_err(|why| {
        let after = why.utf8_error().valid_up_to();
        Refusal::new(Code::MalformedBody, format!("the body is not UTF-8 after {after} bytes"))
    })
}

impl<S: Send + Sync, T: FromStr<Err: Display>> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let refused = |why: &dyn Display| Refusal::new(Code::InvalidArgument, why.to_string());
        let found = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = found.map_err(|_| refused(&"the path is not UTF-8"))?;
        text.parse().map(Self).map_err(|why| refused(&why))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let found = Query::<T>::from_request_parts(parts, state).await;
        let Query(asked) = found.map_err(|why| {
            let text = why.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Refusal::new(Code::InvalidArgument, format!("query: {text}"))
        })?;
        Ok(Self(asked))
    }
}

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut given = parts.headers.get_all("idempotency-key").iter();
        let Some(first) = given.next() else { return Ok(Self(None)) };
        let text = first.to_str().ok().filter(|_| given.next().is_none());
        let text = text.ok_or_else(|| {
            let text = "the Idempotency-Key header is not one text of visible ASCII letters";
            Refusal::new(Code::InvalidArgument, text)
        })?;
        Ok(Self(Some(text.to_owned())))
    }
}

impl Key {
    /// The key of a request that may name it twice.
    pub fn agreeing_with(self, field: Option<String>) -> Result<Option<String>, Refusal> {
        match (self.0, field) {
            (Some(header), Some(field)) if header != field => {
                let text = "the Idempotency-Key header and the body name different keys; \
                            expected one of them, or the same";
                Err(Refusal::new(Code::InvalidArgument, text))
            }
            (header, field) => Ok(header.or(field)),
        }
    }
}

/// The content type without its parameters, in small letters.
fn essence(headers: &HeaderMap) -> String {
    let given =
        headers.get(header::CONTENT_TYPE).map(|given| String::from_utf8_lossy(given.as_bytes()));
    given.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let essence = essence(headers);
    if essence == "application/json"
        || essence.starts_with("application/") && essence.ends_with("+json")
    {
        return Ok(());
    }
    Err(unread(&essence, "application/json"))
}

fn unread(given: &str, expected: &str) -> Refusal {
    let shown: String = given.chars().take(100).collect();
    let text = format!("content type `{shown}` is not read here; expected `{expected}`");
    Refusal::new(Code::MalformedBody, text)
}

/// The name of a limit of bodies, and its bytes.
type Most = (&'static str, usize);
const BODY: Most = ("REQUEST_BODY_MAX_BYTES", limits::REQUEST_BODY_MAX_BYTES);
const EXPORT: Most = ("TRANSFER_MAX_BYTES", limits::TRANSFER_MAX_BYTES);
const ROWS: Most = ("MIGRATION_MAX_BYTES", limits::MIGRATION_MAX_BYTES);

/// Reads a body up to the limit. What is above it is thrown away as it comes, as much again at the
/// most: a client that is still sending would not read the refusal.
async fn read(request: Request, most: Most) -> Result<Vec<u8>, Refusal> {
    let reading = collect(request.into_body(), most);
    match tokio::time::timeout(Duration::from_millis(BODY_READ_MAX_MS), reading).await {
        Ok(read) => read,
        Err(_) => {
            let text =
                format!("the body did not arrive within BODY_READ_MAX_MS, {BODY_READ_MAX_MS} ms");
            Err(Refusal::new(Code::MalformedBody, text))
        }
    }
}

async fn collect(body: Body, (name, limit): Most) -> Result<Vec<u8>, Refusal> {
    let (mut bytes, mut seen) = (Vec::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::new(Code::MalformedBody, "the body ended early"))?;
        seen += chunk.len();
        if seen <= limit {
            bytes.extend_from_slice(&chunk);
        } else if seen > 2 * limit {
            break;
        }
    }
    if seen <= limit {
        return Ok(bytes);
    }
    let text = format!("the body is too large; the limit {name} is {limit}");
    Err(Refusal::new(Code::TooLarge, text))
}

/// Reads JSON: UTF-8, no deeper than the limit, and what the type says.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let malformed = |text: String| Refusal::new(Code::MalformedBody, text);
    let text = std::str::from_utf8(bytes).map_err(|why| {
        malformed(format!("the body is not UTF-8 after {} bytes", why.valid_up_to()))
    })?;
    if depth(text) > limits::JSON_DEPTH_MAX {
        let limit = limits::JSON_DEPTH_MAX;
        return Err(malformed(format!("the body nests deeper than JSON_DEPTH_MAX, {limit}")));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Strict(&mut reader)).and_then(|value| reader.end().map(|()| value));
    value.map_err(|why| match why.classify() {
        serde_json::error::Category::Data => Refusal::new(Code::InvalidArgument, why.to_string()),
        _ => malformed(format!("the body is not JSON: {why}")),
    })
}

/// How deep brackets nest, those in texts not counted.
fn depth(text: &str) -> usize {
    let (mut deep, mut deepest) = (0usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                deep += 1;
                deepest = deepest.max(deep);
            }
            b']' | b'}' if !quoted => deep = deep.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn depth_counts_brackets_and_no_texts() {
        assert_eq!(depth(r#"{"a":[1,{"b":"[[[\"[["}]}"#), 3);
        assert_eq!(depth(""), 0);
    }

    #[test]
    fn nesting_and_bad_utf_8_are_malformed() {
        let limit = limits::JSON_DEPTH_MAX;
        let nested = |deep: usize| format!("{}{}", "[".repeat(deep), "]".repeat(deep));
        assert!(parse::<Value>(nested(limit).as_bytes()).is_ok());
        for body in [nested(limit + 1).into_bytes(), vec![b'"', 0xff, b'"'], b"{".to_vec()] {
            let Err(Refusal(error)) = parse::<Value>(&body) else { panic!("{body:?}") };
            assert_eq!(error.code, Code::MalformedBody);
        }
    }

    #[test]
    fn two_keys_must_agree() {
        let both = |header: &str, field: &str| {
            Key(Some(header.to_owned())).agreeing_with(Some(field.to_owned()))
        };
        assert!(matches!(both("a", "a"), Ok(Some(key)) if key == "a"));
        assert!(both("a", "b").is_err());
        assert!(matches!(Key(None).agreeing_with(None), Ok(None)));
    }
}
