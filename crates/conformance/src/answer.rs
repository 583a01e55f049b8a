//! One HTTP answer, and the ways a case holds it against the contract.

use crate::case::{Outcome, Stop, ensure, failed, same, skipped};
use reqwest::header::HeaderMap;
use serde_json::Value;
use tenure_contract::Code;

/// The media type of a problem (RFC 9457).
const PROBLEM_TYPE: &str = "application/problem+json";
/// Letters of a body that are shown in a failure.
const SHOWN_MAX_CHARS: usize = 300;

/// What a server answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// What was asked, such as `POST /v1/runs`.
    pub asked: String,
    /// The path that was asked, without its query.
    pub path: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body of an answer of that status. A route the server does not have skips the case.
    pub fn ok(&self, status: u16) -> Outcome<Value> {
        self.offered()?;
        if self.status == status {
            return Ok(self.json());
        }
        failed(format!("`{}` answered {}; expected {status}", self.asked, self.shown()))
    }

    /// Skips the case if the server says that it has no such route.
    pub fn offered(&self) -> Outcome {
        match self.code() {
            Some(Code::NoSuchRoute | Code::MethodNotAllowed) => {
                skipped(format!("the server does not offer `{}`", self.asked))
            }
            _ => Ok(()),
        }
    }

    /// A well-formed problem of one of these codes.
    pub fn refused(&self, codes: &[Code]) -> Outcome<Value> {
        self.offered()?;
        let problem = self.problem()?;
        let code = self.code();
        if code.is_some_and(|code| codes.contains(&code)) {
            return Ok(problem);
        }
        let expected: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        failed(format!(
            "`{}` was refused as {}; expected the code {}",
            self.asked,
            self.shown(),
            expected.join(" or ")
        ))
    }

    /// The code of a problem.
    pub fn code(&self) -> Option<Code> {
        serde_json::from_value(self.json()["code"].clone()).ok()
    }

    /// A refusal of the caller's making in the shape of RFC 9457: typed, with a code of the closed
    /// list under its status, and words for a person.
    pub fn problem(&self) -> Outcome<Value> {
        let asked = &self.asked;
        ensure((400..500).contains(&self.status), || {
            format!("`{asked}` answered {}; expected a refusal of the 400s", self.shown())
        })?;
        let media = self.header("content-type");
        ensure(media.starts_with(PROBLEM_TYPE), || {
            format!("`{asked}` was refused as `{media}`; expected `{PROBLEM_TYPE}`")
        })?;
        let problem = self.json();
        for field in ["type", "title", "detail", "code", "retry", "instance"] {
            let is_text = problem[field].as_str().is_some_and(|text| !text.trim().is_empty());
            ensure(is_text, || {
                format!("the problem of `{asked}` has no text `{field}`: {}", self.shown())
            })?;
        }
        let Some(code) = self.code() else {
            return failed(format!(
                "the problem of `{asked}` has a code outside the closed list: {}",
                self.shown()
            ));
        };
        same(
            &format!("the status in the problem of `{asked}`"),
            problem["status"].as_u64(),
            Some(u64::from(self.status)),
        )?;
        same(&format!("the status of `{code}` at `{asked}`"), self.status, code.http_status())?;
        same(
            &format!("the instance of `{asked}`"),
            problem["instance"].as_str(),
            Some(self.path.as_str()),
        )?;
        Ok(problem)
    }

    /// Status and the beginning of the body, for a failure's text.
    pub fn shown(&self) -> String {
        let body: String = self.text().chars().take(SHOWN_MAX_CHARS).collect();
        format!("{} {body}", self.status)
    }
}

/// A text member, or a failure that shows the whole.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> Outcome<&'a str> {
    value[field].as_str().ok_or_else(|| Stop::Failed(format!("`{field}` is no text in {value}")))
}

/// A number, or a failure that shows the whole.
pub(crate) fn number(value: &Value, field: &str) -> Outcome<u64> {
    value[field].as_u64().ok_or_else(|| Stop::Failed(format!("`{field}` is no number in {value}")))
}

/// The rows of a page.
pub(crate) fn items(page: &Value) -> Outcome<&Vec<Value>> {
    page["items"].as_array().ok_or_else(|| Stop::Failed(format!("no `items` in {page}")))
}

/// Every field is there, null or not: absent on the wire only in what a client sends.
pub(crate) fn has_fields(what: &str, value: &Value, fields: &[&str]) -> Outcome {
    let missing: Vec<&str> =
        fields.iter().filter(|field| value.get(**field).is_none()).copied().collect();
    ensure(missing.is_empty(), || format!("{what} lacks {}: {value}", missing.join(", ")))
}

/// A field is one of a list's words.
pub(crate) fn is_word(value: &Value, field: &str, words: &[&str]) -> Outcome {
    let found = text(value, field)?;
    ensure(words.contains(&found), || {
        format!("`{field}` is `{found}`; expected one of {}", words.join(", "))
    })
}

/// A field is an instant in RFC 3339, in UTC.
pub(crate) fn is_time(value: &Value, field: &str) -> Outcome {
    let found = text(value, field)?;
    let read = found.parse::<tenure_contract::Time>();
    ensure(read.is_ok() && found.ends_with('Z'), || {
        format!("`{field}` is `{found}`; expected an RFC 3339 instant in UTC")
    })
}
