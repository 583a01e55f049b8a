//! The HTTP client of the kit: one server, one caller.

use crate::answer::Answer;
use crate::case::{Outcome, failed};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use std::time::Duration;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take; the longest wait a case asks for is well below.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A way to the server as one caller. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    base: String,
    key: Option<String>,
    http: reqwest::Client,
}

/// Headers of one request.
pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

impl Client {
    pub fn new(base: &str, key: Option<String>) -> Result<Self, reqwest::Error> {
        // its own limits, so that a stream may stay open
        let http = reqwest::Client::builder().connect_timeout(CONNECT_MAX).no_proxy().build()?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), key, http })
    }

    /// The same server as another caller, or as nobody.
    pub fn as_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub const fn has_key(&self) -> bool {
        self.key.is_some()
    }

    pub async fn get(&self, path: &str) -> Outcome<Answer> {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn delete(&self, path: &str) -> Outcome<Answer> {
        self.send(Method::DELETE, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.post_with(path, &[], body).await
    }

    pub async fn post_with(
        &self,
        path: &str,
        headers: Headers<'_>,
        body: &Value,
    ) -> Outcome<Answer> {
        let typed = [headers, &[("content-type", "application/json")]].concat();
        self.send(Method::POST, path, &typed, Some(body.to_string().into_bytes())).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Outcome<Answer> {
        let typed = [("content-type", "application/json")];
        self.send(Method::PATCH, path, &typed, Some(body.to_string().into_bytes())).await
    }

    /// Any request, its body as bytes.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: Option<Vec<u8>>,
    ) -> Outcome<Answer> {
        let asked = format!("{method} {path}");
        let request = self.request(method, path, headers);
        let request = body.into_iter().fold(request, RequestBuilder::body);
        let read = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?.to_vec()))
        };
        let path = path.split('?').next().unwrap_or_default().to_owned();
        match tokio::time::timeout(ANSWER_MAX, read).await {
            Ok(Ok((status, headers, bytes))) => Ok(Answer { asked, path, status, headers, bytes }),
            Ok(Err(error)) => failed(format!("`{asked}` has no answer: {}", innermost(&error))),
            Err(_) => failed(format!("`{asked}` has no answer within {} s", ANSWER_MAX.as_secs())),
        }
    }

    /// An answer whose body is read as it comes.
    pub async fn open(&self, path: &str, headers: Headers<'_>) -> Outcome<Response> {
        let begun =
            tokio::time::timeout(ANSWER_MAX, self.request(Method::GET, path, headers).send());
        match begun.await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => failed(format!("`GET {path}` has no answer: {}", innermost(&error))),
            Err(_) => {
                failed(format!("`GET {path}` has no answer within {} s", ANSWER_MAX.as_secs()))
            }
        }
    }

    fn request(&self, method: Method, path: &str, headers: Headers<'_>) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.key.iter().fold(request, RequestBuilder::bearer_auth)
    }
}

/// The innermost reason; the outer ones only repeat the URL.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}
