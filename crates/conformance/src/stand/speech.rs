//! What the kit's model says in one turn, as Chat Completions write it.

use super::wire::Said;
use serde_json::{Value, json};

/// What waits until the case lets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing.
    #[default]
    Not,
    /// The whole answer.
    Whole,
    /// What comes after the words.
    Ending,
}

/// One answer of the model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn {
    text: String,
    calls: Vec<(String, String)>,
    held: Held,
    refusal: Option<u16>,
}

impl Turn {
    /// It says this and calls nothing.
    pub fn say(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// It calls a tool of the kit's with `{"what": …}`.
    pub fn call(tool: &str, what: &str) -> Self {
        Self::default().and_call(tool, what)
    }

    /// It calls this one too.
    #[must_use]
    pub fn and_call(self, tool: &str, what: &str) -> Self {
        self.and_call_raw(tool, &json!({ "what": what }).to_string())
    }

    /// It calls a tool with arguments as they stand, malformed if need be.
    #[must_use]
    pub fn and_call_raw(mut self, tool: &str, arguments: &str) -> Self {
        self.calls.push((tool.to_owned(), arguments.to_owned()));
        self
    }

    /// It says nothing before the case lets it.
    #[must_use]
    pub fn held(self) -> Self {
        Self { held: Held::Whole, ..self }
    }

    /// It says its words and does not end before the case lets it, where it is asked to stream.
    #[must_use]
    pub fn unfinished(self) -> Self {
        Self { held: Held::Ending, ..self }
    }

    /// Its server refuses the call with that status.
    pub fn fail(status: u16) -> Self {
        Self { refusal: Some(status), ..Self::default() }
    }

    pub const fn held_back(&self) -> Held {
        self.held
    }

    /// As an answer on the wire, in pieces if it was asked for so; an unfinished one ends once it is
    /// released.
    pub(super) fn to_answer(
        &self,
        turn: usize,
        in_pieces: bool,
        released: impl Future<Output = ()> + Send + 'static,
    ) -> Said {
        if let Some(status) = self.refusal {
            return Said::json(
                status,
                &json!({ "error": { "message": "the kit's model fails here" } }),
            );
        }
        let finish = if self.calls.is_empty() { "stop" } else { "tool_calls" };
        let usage = json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 });
        if !in_pieces {
            let message = json!({ "role": "assistant", "content": self.text, "tool_calls": self.calls(turn) });
            let choice = json!({ "index": 0, "message": message, "finish_reason": finish });
            let whole = json!({ "id": "kit", "object": "chat.completion", "model": "kit", "choices": [choice], "usage": usage });
            return Said::json(200, &whole);
        }
        let piece = |delta: Value, finish: Value| {
            json!({ "id": "kit", "object": "chat.completion.chunk", "model": "kit",
                "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
        };
        let mut pieces =
            vec![piece(json!({ "role": "assistant", "content": self.text }), Value::Null)];
        if !self.calls.is_empty() {
            pieces.push(piece(json!({ "tool_calls": self.calls(turn) }), Value::Null));
        }
        pieces.push(piece(json!({}), json!(finish)));
        pieces.push(json!({ "id": "kit", "object": "chat.completion.chunk", "model": "kit", "choices": [], "usage": usage }));
        let mut pieces = pieces.iter().map(|piece| format!("data: {piece}\n\n"));
        let first = pieces.next().unwrap_or_default();
        let second = pieces.collect::<String>() + "data: [DONE]\n\n";
        match self.held {
            Held::Ending => Said::Halves { first, wait: Box::pin(released), second },
            Held::Not | Held::Whole => Said::events(first + &second),
        }
    }

    fn calls(&self, turn: usize) -> Vec<Value> {
        let calls = self.calls.iter().enumerate();
        let wire = calls.map(|(index, (tool, arguments))| {
            json!({ "index": index, "id": format!("call_{turn}_{index}"), "type": "function",
                "function": { "name": tool, "arguments": arguments } })
        });
        wire.collect()
    }
}
