//! `ask_human`: a question whose answer is the call's result. A declaration only: the engine
//! raises a durable question and never calls it (`APR-1`).

use crate::tool::{Tool, ToolCall, ToolFailure, ToolSpec};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tenure_contract::agent::ToolGrant;
use tenure_contract::limits::REASON_MAX_CHARS;
use tenure_contract::words::RecoveryClass;

/// Asks a person.
#[derive(Debug)]
pub struct AskHuman {
    spec: ToolSpec,
}

impl AskHuman {
    /// The tool as granted.
    #[must_use]
    pub fn new(grant: &ToolGrant) -> Self {
        let about = "Asks a person a question and waits for the answer, which may take days.";
        let spec = ToolSpec {
            parameters: Some(json!({
                "type": "object", "required": ["question"], "additionalProperties": false,
                "properties": {"question": {
                    "type": "string", "minLength": 1, "maxLength": REASON_MAX_CHARS,
                }},
            })),
            class: RecoveryClass::Read,
            asks_human: true,
            tags: vec!["people".to_owned()],
            ..ToolSpec::named("ask_human", about)
        };
        Self { spec: spec.granted(grant) }
    }
}

impl Tool for AskHuman {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, _call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let message = format!("`{}` is answered by a person and never executed", self.spec.name);
        Box::pin(async { Err(ToolFailure::Refused { message }) })
    }
}
