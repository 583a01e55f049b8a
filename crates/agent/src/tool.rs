//! The tool seam (`T1` to `T14`): a definition and one call.

pub mod ask_human;
pub mod egress;
pub mod http_action;
pub mod http_request;
pub mod list_files;
pub mod loader;
pub mod read_file;
pub mod todos;
pub mod validate;
pub mod workspace;
pub mod write_file;

mod exchange;
mod progress;

pub use progress::Progress;

use crate::cancel::Cancel;
use futures::future::BoxFuture;
use serde_json::Value;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use tenure_contract::agent::{Confirm, ToolGrant};
use tenure_contract::limits::{CALL_TIMEOUT_DEFAULT_MS, TOOL_OUTPUT_DEFAULT_BYTES};
use tenure_contract::words::RecoveryClass;
use tenure_contract::{RunId, StepId, TenantId};

/// What a tool is, without what it does (`T10`).
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name, `^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$` (`T1`).
    pub name: String,
    /// What the model reads.
    pub description: String,
    /// JSON Schema of the arguments (`T2`).
    pub parameters: Option<Value>,
    /// What may be done again after a loss (`STP-2`).
    pub class: RecoveryClass,
    /// Time limit of one call, milliseconds.
    pub timeout_ms: u64,
    /// Output limit of one call, bytes.
    pub max_output_bytes: usize,
    /// When a person must decide first.
    pub confirm: Option<Confirm>,
    /// True when [`Tool::lookup`] can tell.
    pub has_lookup: bool,
    /// False for a declaration without an execute (`T4`).
    pub executable: bool,
    /// True when a person answers the call: the engine raises a question and never calls it.
    pub asks_human: bool,
    /// True when the call writes todos: the engine lands it with its entries and never calls it.
    pub keeps_todos: bool,
    /// Words for who looks for tools; nothing here acts on them (`T12`).
    pub tags: Vec<String>,
}

impl ToolSpec {
    /// A tool without arguments, never repeated unasked, every limit at its default.
    pub fn named(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            parameters: None,
            class: RecoveryClass::Once,
            timeout_ms: CALL_TIMEOUT_DEFAULT_MS,
            max_output_bytes: TOOL_OUTPUT_DEFAULT_BYTES,
            confirm: None,
            has_lookup: false,
            executable: true,
            asks_human: false,
            keeps_todos: false,
            tags: Vec::new(),
        }
    }

    /// The same tool as a definition grants it: what the grant says replaces what stands here.
    #[must_use]
    pub fn granted(self, grant: &ToolGrant) -> Self {
        Self {
            name: grant.name.clone().unwrap_or(self.name),
            description: grant.description.clone().unwrap_or(self.description),
            class: grant.class.unwrap_or(self.class),
            timeout_ms: grant.timeout_ms.unwrap_or(self.timeout_ms),
            max_output_bytes: grant.max_output_bytes.unwrap_or(self.max_output_bytes),
            confirm: grant.confirm.clone().or(self.confirm),
            tags: if grant.tags.is_empty() { self.tags } else { grant.tags.clone() },
            ..self
        }
    }
}

/// Where and for whom a call is made.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The tenant, resolved before any tool was loaded (`TEN-4`).
    pub tenant: TenantId,
    /// The run.
    pub run: RunId,
    /// The only folder file tools see.
    pub workspace: PathBuf,
}

/// One call, its arguments validated against the schema (`T3`).
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The step; its text is the idempotency key of every attempt (`STP-3`).
    pub step: StepId,
    /// The arguments.
    pub arguments: Value,
    /// Where and for whom.
    pub context: ToolContext,
    /// Given when the run is aborted.
    pub cancel: Cancel,
    /// Where it may say how far it is; who listens, if anyone, is not its affair (`T6`).
    pub progress: Progress,
}

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolFailure {
    /// The tool said no, or could not even begin: the effect did not happen and the model is told.
    #[error("{message}")]
    Refused {
        /// For the model and a person.
        message: String,
    },
    /// It did not happen now but may work in a while.
    #[error("{message}")]
    Transient {
        /// For the model and a person.
        message: String,
    },
    /// The request may have left and no answer came: the step is lost (`STP-1`).
    #[error("{message}")]
    Lost {
        /// For a person.
        message: String,
    },
}

/// What a tool knows of a lost call (`STP-2`).
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// It happened; this was the answer.
    Landed(Value),
    /// It certainly did not happen.
    Absent,
    /// It cannot tell.
    Unknown,
}

/// One tool.
pub trait Tool: Send + Sync {
    /// What it is.
    fn spec(&self) -> &ToolSpec;
    /// Performs one call. A JSON object with an `error` member is a failure (`T11`).
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>>;
    /// Tells what became of a lost call; asked before any human.
    fn lookup(&self, _call: ToolCall) -> BoxFuture<'static, Lookup> {
        Box::pin(async { Lookup::Unknown })
    }
    /// Makes ready what calls share, before the first of them; again is harmless and does nothing
    /// more (`T7`). When it fails, the call it was for did not happen.
    fn init(&self) -> BoxFuture<'static, Result<(), ToolFailure>> {
        Box::pin(async { Ok(()) })
    }
    /// Lets go of what `init` made; never during a call (`T8`). Another call begins with `init`.
    ///
    /// Best effort: a failure is logged, and a process that dies disposes of nothing.
    fn dispose(&self) -> BoxFuture<'static, Result<(), ToolFailure>> {
        Box::pin(async { Ok(()) })
    }
}

/// The error in a result, if it is one: an object with an `error` that is not null (`T11`). Such a
/// call failed and is never counted as complete.
///
/// ```
/// use serde_json::json;
/// use tenure_agent::tool::error_in;
/// assert_eq!(error_in(&json!({"error": "no such order"})).as_deref(), Some("no such order"));
/// assert_eq!(error_in(&json!({"order": "A-7", "error": null})), None);
/// ```
#[must_use]
pub fn error_in(result: &Value) -> Option<String> {
    match result.as_object()?.get("error")? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A grant that a tool cannot be made from; the author's mistake (`RT14`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadGrant {
    /// What is wrong and what was expected.
    pub message: String,
}

impl BadGrant {
    /// A grant of which this is wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Runs file work where it blocks nobody else.
fn blocking<F>(work: F) -> BoxFuture<'static, Result<Value, ToolFailure>>
where
    F: FnOnce() -> Result<Value, ToolFailure> + Send + 'static,
{
    Box::pin(async {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            Err(ToolFailure::Lost { message: format!("the call broke off: {error}") })
        })
    })
}

/// A required text argument. The schema has promised it; a caller that skipped it is refused.
fn text<'a>(arguments: &'a Value, field: &str) -> Result<&'a str, ToolFailure> {
    arguments.get(field).and_then(Value::as_str).ok_or_else(|| ToolFailure::Refused {
        message: format!("argument `{field}` is missing; expected a text"),
    })
}

/// Refuses a result above the tool's output limit (`T14`).
fn within_limit(result: Value, limit: usize) -> Result<Value, ToolFailure> {
    let found = result.to_string().len();
    if found <= limit {
        return Ok(result);
    }
    let message = format!("the result is {found} bytes; at most {limit} are allowed");
    Err(ToolFailure::Refused { message })
}

#[cfg(test)]
pub(crate) mod testing {
    //! Calls and grants for the tools' own tests.

    use super::{Cancel, Path, Progress, StepId, ToolCall, ToolContext, ToolGrant, Value};
    use tenure_contract::{RunId, TenantId};

    /// A grant that says nothing but the built-in's name.
    pub(crate) fn grant_of(builtin: &str) -> ToolGrant {
        serde_json::from_value(serde_json::json!({"use": builtin})).unwrap()
    }

    /// A call in that workspace.
    pub(crate) fn call_in(workspace: &Path, arguments: Value) -> ToolCall {
        ToolCall {
            step: StepId::from_bytes([7; 16]),
            arguments,
            context: ToolContext {
                tenant: TenantId::from_bytes([1; 16]),
                run: RunId::from_bytes([2; 16]),
                workspace: workspace.to_owned(),
            },
            cancel: Cancel::default(),
            progress: Progress::default(),
        }
    }
}
