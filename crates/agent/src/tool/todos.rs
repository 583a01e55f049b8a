//! `todos`: the session's checklist, read and written in mid-run (`TOD-1`). A declaration only: what
//! it writes are entries of the step's own commit, so the engine lands it and never calls it.

use crate::tool::{Tool, ToolCall, ToolFailure, ToolSpec};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tenure_contract::agent::ToolGrant;
use tenure_contract::limits::{TODO_TEXT_MAX_CHARS, WRITES_PER_STEP_MAX};
use tenure_contract::words::{RecoveryClass, TodoStatus};

/// Keeps the session's todos.
#[derive(Debug)]
pub struct Todos {
    spec: ToolSpec,
}

impl Todos {
    /// The tool as granted. Its class is its own: until it lands nothing of it has happened.
    #[must_use]
    pub fn new(grant: &ToolGrant) -> Self {
        let about = "Keeps the checklist of this session: adds todos, changes their status or text, \
                     and answers the whole list. Without arguments it only answers the list.";
        let text = json!({ "type": "string", "minLength": 1, "maxLength": TODO_TEXT_MAX_CHARS });
        let words: Vec<&str> = TodoStatus::ALL.iter().map(|word| word.as_str()).collect();
        let list = |item: Value| json!({ "type": "array", "maxItems": WRITES_PER_STEP_MAX, "items": item });
        let add = list(json!({
            "type": "object", "required": ["text"], "additionalProperties": false,
            "properties": { "text": text },
        }));
        let change = list(json!({
            "type": "object", "required": ["todoId"], "additionalProperties": false,
            "properties": {
                "todoId": { "type": "string" }, "text": text,
                "status": { "type": "string", "enum": words },
            },
        }));
        let parameters = json!({
            "type": "object", "additionalProperties": false,
            "properties": { "add": add, "change": change },
        });
        let spec = ToolSpec {
            parameters: Some(parameters),
            tags: vec!["work".to_owned()],
            ..ToolSpec::named("todos", about)
        };
        let spec =
            ToolSpec { keeps_todos: true, class: RecoveryClass::Read, ..spec.granted(grant) };
        Self { spec }
    }
}

impl Tool for Todos {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, _call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let message = format!("`{}` is landed by the engine and never executed", self.spec.name);
        Box::pin(async { Err(ToolFailure::Refused { message }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::testing::grant_of;

    #[test]
    fn tod_1_its_class_stays_read_whatever_a_grant_says() {
        let grant = ToolGrant { class: Some(RecoveryClass::Once), ..grant_of("todos") };
        let tool = Todos::new(&grant);
        assert_eq!((tool.spec().class, tool.spec().keeps_todos), (RecoveryClass::Read, true));
    }
}
