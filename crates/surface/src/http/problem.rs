//! What goes wrong, as RFC 9457 problems. Every refusal of the surface takes this way, those of the
//! router and the extractors too; no route writes an error body of its own.

use super::limits::RETRY_AFTER_S;
use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tenure_contract::error::Retry;
use tenure_contract::{Code, Error};
use utoipa::ToSchema;

/// The media type of a problem.
pub(super) const PROBLEM_TYPE: &str = "application/problem+json";

/// Why a request was not answered (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Problem {
    /// `urn:tenure:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and what is possible now.
    pub detail: String,
    /// From the closed list.
    pub code: Code,
    /// Whether asking again can help.
    pub retry: Retry,
    /// The id or name it is about.
    pub subject: Option<String>,
    /// The path that was asked.
    pub instance: String,
}

/// An error on its way out of a route.
#[derive(Debug, Clone)]
pub(super) struct Refusal(pub Error);

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Error::new(code, message))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The error travels beside an empty body until [`finish`], which knows the path, writes it.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = status(self.0.code).into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// Around everything: writes problems, and what every answer says about itself.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let refused = response.extensions_mut().remove::<Error>();
    let refused = refused.or_else(|| unspoken(&method, &path, &response));
    if let Some(error) = refused {
        write(&mut response, error, path);
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The router answers a wrong method by itself, with nothing but `Allow`.
fn unspoken(method: &Method, path: &str, response: &Response) -> Option<Error> {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return None;
    }
    let allowed = response.headers().get(header::ALLOW).and_then(|allowed| allowed.to_str().ok());
    let allowed = allowed.unwrap_or("nothing").replace(',', ", ");
    let text = format!("`{method}` is not offered on `{path}`; it offers {allowed}");
    Some(Error::new(Code::MethodNotAllowed, text))
}

fn write(response: &mut Response, error: Error, instance: String) {
    let status = status(error.code);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if retried(status, error.retry) {
        const AFTER: HeaderName = header::RETRY_AFTER;
        headers.insert(AFTER, HeaderValue::from(RETRY_AFTER_S));
    }
    let problem = Problem {
        kind: format!("urn:tenure:error:{}", error.code),
        title: error.code.about().trim().trim_end_matches('.').to_owned(),
        status: status.as_u16(),
        detail: error.message,
        code: error.code,
        retry: error.retry,
        subject: error.subject,
        instance,
    };
    *response.status_mut() = status;
    // a problem has only texts and numbers, which always can be written
    *response.body_mut() = serde_json::to_vec(&problem).unwrap_or_default().into();
}

fn retried(status: StatusCode, retry: Retry) -> bool {
    let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    busy && retry == Retry::Later
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_and_a_title() {
        for code in Code::ALL {
            assert_eq!(status(*code).as_u16(), code.http_status(), "{code}");
            assert!(!code.about().trim().is_empty(), "{code}");
        }
    }
}
