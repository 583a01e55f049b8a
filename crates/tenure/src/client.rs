//! The HTTP client of the command line: the contract over `/v1`, nothing else.

mod happening;

pub(crate) use happening::{Happening, Sent};

use futures::{Stream, StreamExt as _, stream};
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tenure_contract::resource::Page;
use tenure_contract::words::Surface;
use tenure_contract::{Code, Error, SessionId, TenantId};

/// How long a connection may take to come about; owners are on this machine.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// The command line counts as a desktop application (`TGT-1`).
const SURFACE: Surface = Surface::Desktop;

/// A way to one server, as one principal. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    endpoint: String,
    token: String,
    tenant: Option<TenantId>,
    surface: Surface,
    http: reqwest::Client,
}

/// Why a call has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Fault {
    /// The server answered, and said no.
    #[error("{0}")]
    Refused(Error),
    /// Nobody answered.
    #[error("nobody answers at `{endpoint}`: {why}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        why: String,
    },
}

impl Fault {
    /// What a caller reports.
    pub fn into_error(self) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Unreachable { .. } => Error::new(Code::Upstream, self.to_string()),
        }
    }
}

impl Client {
    pub fn new(endpoint: &str, token: &str) -> Result<Self, Fault> {
        let http = reqwest::Client::builder().connect_timeout(CONNECT_MAX).no_proxy().build();
        let http = http.map_err(|error| unreachable(endpoint, &error))?;
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Self { endpoint, token: token.to_owned(), tenant: None, surface: SURFACE, http })
    }

    /// The same, acting in that tenant, if one is named.
    pub fn acting_in(mut self, tenant: Option<TenantId>) -> Self {
        self.tenant = tenant;
        self
    }

    /// The same, as an application of another kind.
    pub fn on(mut self, surface: Surface) -> Self {
        self.surface = surface;
        self
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        read(self.send(Method::GET, path, None, &[]).await?).await
    }

    /// Every row of a list, page after page.
    pub async fn every<T: DeserializeOwned>(&self, path: &str) -> Result<Page<T>, Fault> {
        let mut all: Page<T> = self.get(path).await?;
        while let Some(cursor) = all.next_cursor.take() {
            let join = if path.contains('?') { '&' } else { '?' };
            let more: Page<T> = self.get(&format!("{path}{join}cursor={cursor}")).await?;
            all.items.extend(more.items);
            all.next_cursor = more.next_cursor;
        }
        Ok(all)
    }

    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Fault> {
        read(self.send_json(Method::PUT, path, body).await?).await
    }

    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Fault> {
        read(self.send_json(Method::PATCH, path, body).await?).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Fault> {
        read(self.send_json(Method::POST, path, body).await?).await
    }

    /// The same under an idempotency key, if one is given.
    pub async fn post_keyed<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        key: Option<&str>,
    ) -> Result<T, Fault> {
        let body = serde_json::to_vec(body)
            .map_err(|why| Fault::Refused(Error::new(Code::InvalidArgument, why.to_string())))?;
        let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        read(self.send(Method::POST, path, Some(body), &headers).await?).await
    }

    /// Sends the lines of an export.
    pub async fn post_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        lines: String,
    ) -> Result<T, Fault> {
        self.post_lines_keyed(path, lines, None).await
    }

    /// The same under an idempotency key, if one is given.
    pub async fn post_lines_keyed<T: DeserializeOwned>(
        &self,
        path: &str,
        lines: String,
        key: Option<&str>,
    ) -> Result<T, Fault> {
        let mut headers = vec![("content-type", "application/jsonl")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        read(self.send(Method::POST, path, Some(lines.into_bytes()), &headers).await?).await
    }

    /// A call whose answer nobody reads.
    pub async fn post_only(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<(), Fault> {
        self.send_json(Method::POST, path, body).await.map(drop)
    }

    async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Response, Fault> {
        let body = serde_json::to_vec(body)
            .map_err(|why| Fault::Refused(Error::new(Code::InvalidArgument, why.to_string())))?;
        self.send(method, path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Result<(), Fault> {
        self.send(Method::DELETE, path, None, &[]).await.map(drop)
    }

    pub async fn delete_for<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        read(self.send(Method::DELETE, path, None, &[]).await?).await
    }

    /// An answer as it comes, for an export.
    pub async fn stream(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<Vec<u8>, Fault>> + use<>, Fault> {
        let response = self.send(Method::GET, path, None, &[]).await?;
        let endpoint = self.endpoint.clone();
        let pieces = response.bytes_stream();
        Ok(pieces.map(move |piece| match piece {
            Ok(piece) => Ok(piece.to_vec()),
            Err(error) => Err(unreachable(&endpoint, &error)),
        }))
    }

    /// The entries of a session after `after`, as they become durable, and what is said between.
    pub async fn events(
        &self,
        session: SessionId,
        after: u64,
    ) -> Result<impl Stream<Item = Result<Sent, Fault>> + Send + use<>, Fault> {
        let path = format!("/v1/sessions/{session}/events?bodies=true");
        self.follow(&path, Some(&after.to_string())).await
    }

    /// The entries of a stream after a place, as they become durable; from its beginning without.
    pub async fn follow(
        &self,
        path: &str,
        place: Option<&str>,
    ) -> Result<impl Stream<Item = Result<Sent, Fault>> + Send + use<>, Fault> {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(place.map(|place| ("last-event-id", place)));
        let response = self.send(Method::GET, path, None, &headers).await?;
        let endpoint = self.endpoint.clone();
        let pieces = response.bytes_stream().boxed();
        let state = (pieces, happening::Reader::default(), endpoint);
        Ok(stream::unfold(state, |(mut pieces, mut reader, endpoint)| async move {
            loop {
                if let Some(told) = reader.next() {
                    return Some((Ok(told), (pieces, reader, endpoint)));
                }
                match pieces.next().await? {
                    Ok(piece) => reader.take(&piece),
                    Err(error) => {
                        let fault = unreachable(&endpoint, &error);
                        return Some((Err(fault), (stream::empty().boxed(), reader, endpoint)));
                    }
                }
            }
        }))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Response, Fault> {
        let mut request = self.http.request(method, format!("{}{path}", self.endpoint));
        request = request.bearer_auth(&self.token).header("tenure-surface", self.surface.as_str());
        if let Some(tenant) = self.tenant {
            request = request.header("tenure-tenant", tenant.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let is_typed = headers.iter().any(|(name, _)| *name == "content-type");
        if let Some(body) = body {
            request = request.body(body);
            if !is_typed {
                request = request.header("content-type", "application/json");
            }
        }
        let response = request.send().await.map_err(|error| unreachable(&self.endpoint, &error))?;
        if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Fault> {
    let endpoint = response.url().to_string();
    let body = response.bytes().await.map_err(|error| unreachable(&endpoint, &error))?;
    serde_json::from_slice(&body).map_err(|why| {
        let told =
            format!("the answer of `{endpoint}` cannot be read: {why}; is it another version?");
        Fault::Refused(Error::new(Code::Upstream, told))
    })
}

/// A problem (RFC 9457) as the error it was.
async fn refused(response: Response) -> Fault {
    let status = response.status();
    let body: Value = match response.bytes().await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let code = serde_json::from_value(body["code"].clone()).unwrap_or(Code::Upstream);
    let detail = body["detail"]
        .as_str()
        .map_or_else(|| format!("the server answered {status}"), str::to_owned);
    let mut error = Error::new(code, detail);
    error.subject = body["subject"].as_str().map(str::to_owned);
    Fault::Refused(error)
}

fn unreachable(endpoint: &str, error: &reqwest::Error) -> Fault {
    let mut why: &dyn std::error::Error = error;
    while let Some(inner) = why.source() {
        why = inner;
    }
    Fault::Unreachable { endpoint: endpoint.to_owned(), why: why.to_string() }
}
