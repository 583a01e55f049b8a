//! Chat Completions as they stand on the wire.

use crate::adapter::ModelRequest;
use serde::Deserialize;
use serde_json::{Value, json};
use tenure_contract::agent::{Message, Role, ToolCallAsked};

/// The body of a request.
pub(super) fn body(request: &ModelRequest) -> Value {
    let system = Message::text(Role::System, request.system.as_str());
    let system = (!request.system.is_empty()).then_some(&system);
    let messages: Vec<Value> = system.into_iter().chain(&request.messages).map(message).collect();
    let mut body = json!({
        "model": request.model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = json!(temperature);
    }
    if let Some(max_tokens) = request.max_tokens {
        body["max_tokens"] = json!(max_tokens);
    }
    body
}

fn message(message: &Message) -> Value {
    let mut wire = json!({"role": message.role, "content": message.content});
    if !message.tool_calls.is_empty() {
        if message.content.is_empty() {
            wire["content"] = Value::Null;
        }
        wire["tool_calls"] = message.tool_calls.iter().map(call).collect();
    }
    if let Some(id) = &message.tool_call_id {
        wire["tool_call_id"] = json!(id);
    }
    wire
}

/// A call the model made earlier. Many servers read the arguments again and refuse the whole
/// conversation for one call that was malformed, so such arguments are shown inside an object.
fn call(call: &ToolCallAsked) -> Value {
    let is_object =
        serde_json::from_str::<Value>(&call.arguments).is_ok_and(|read| read.is_object());
    let arguments = match call.arguments.as_str() {
        arguments if is_object => arguments.to_owned(),
        "" => "{}".to_owned(),
        malformed => json!({"malformed": malformed}).to_string(),
    };
    let function = json!({"name": call.name, "arguments": arguments});
    json!({"id": call.id, "type": "function", "function": function})
}

fn tool(offer: &crate::adapter::ToolOffer) -> Value {
    let nothing = || json!({"type": "object", "properties": {}});
    let parameters = offer.parameters.clone().unwrap_or_else(nothing);
    json!({"type": "function", "function": {
        "name": offer.name, "description": offer.description, "parameters": parameters,
    }})
}

/// One event of an answer. Everything is optional: servers differ.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Usage>,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) system_fingerprint: Option<String>,
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: u64,
    pub(super) delta: Option<Delta>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<Fragment>>,
}

/// Part of a tool call.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fragment {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Usage {
    #[serde(default)]
    pub(super) prompt_tokens: u64,
    #[serde(default)]
    pub(super) completion_tokens: u64,
}

/// The message of an error's body, in the shapes servers give it.
pub(super) fn error_message(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    text_of(value.get("error")?)
}

/// The message of an `error` member.
pub(super) fn text_of(error: &Value) -> Option<String> {
    let text = error.as_str().or_else(|| error.get("message")?.as_str());
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::ToolOffer;

    #[test]
    fn a_conversation_stands_on_the_wire_as_servers_read_it() {
        let asked = |id: &str, arguments: &str| ToolCallAsked {
            id: id.to_owned(),
            name: "pay".to_owned(),
            arguments: arguments.to_owned(),
        };
        let calls = vec![asked("1", r#"{"n":1}"#), asked("2", "{oops"), asked("3", "")];
        let request = ModelRequest {
            model: "m".to_owned(),
            system: "be brief".to_owned(),
            messages: vec![
                Message::text(Role::User, "hello"),
                Message { tool_calls: calls, ..Message::text(Role::Assistant, "") },
                Message::tool("1", "done"),
            ],
            tools: vec![ToolOffer {
                name: "pay".to_owned(),
                description: "pays".to_owned(),
                parameters: None,
            }],
            temperature: Some(0.0),
            max_tokens: Some(5),
        };
        let before = request.clone();
        let function = |arguments: &str| json!({"name": "pay", "arguments": arguments});
        assert_eq!(
            body(&request),
            json!({
                "model": "m", "stream": true, "stream_options": {"include_usage": true},
                "temperature": 0.0, "max_tokens": 5,
                "messages": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": "hello"},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "1", "type": "function", "function": function(r#"{"n":1}"#)},
                        {"id": "2", "type": "function",
                         "function": function(r#"{"malformed":"{oops"}"#)},
                        {"id": "3", "type": "function", "function": function("{}")},
                    ]},
                    {"role": "tool", "content": "done", "tool_call_id": "1"},
                ],
                "tools": [{"type": "function", "function": {
                    "name": "pay", "description": "pays",
                    "parameters": {"type": "object", "properties": {}},
                }}],
            })
        );
        assert_eq!(request, before);
    }

    #[test]
    fn errors_are_read_in_every_usual_shape() {
        for (body, expected) in [
            (r#"{"error":{"message":"no"}}"#, Some("no")),
            (r#"{"error":"no"}"#, Some("no")),
            (r#"{"detail":"no"}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(error_message(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
