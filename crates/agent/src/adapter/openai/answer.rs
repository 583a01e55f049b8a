//! From the events of an answer to chunks: fragments of calls become whole calls, and an answer is
//! done only if the server said so (`A3`, `A5`).

use super::wire::{Delta, Event, Fragment, Usage, text_of};
use super::{final_failure, passing};
use crate::adapter::{AdapterFailure, Chunk};
use serde_json::{Map, Value};
use tenure_contract::agent::ToolCallAsked;
use tenure_contract::limits::{CALLS_PER_TURN_MAX, STEP_RESULT_MAX_BYTES};

/// The event that says there are no more.
const LAST_EVENT: &str = "[DONE]";

/// Whether a text is a whole event.
pub(super) fn is_event(data: &str) -> bool {
    data.trim() == LAST_EVENT || serde_json::from_str::<Event>(data).is_ok()
}

/// What was read of one answer so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    calls: Vec<Begun>,
    usage: Option<Usage>,
    finish: Option<String>,
    metadata: Map<String, Value>,
    bytes: usize,
}

/// A tool call whose fragments are still coming.
#[derive(Debug)]
struct Begun {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl Reader {
    /// The chunks of one event; an ending is the last of them.
    pub(super) fn take(&mut self, data: &str) -> Vec<Chunk> {
        if data.trim() == LAST_EVENT {
            return std::mem::take(self).end();
        }
        self.read(data).unwrap_or_else(|failure| std::mem::take(self).fail(failure))
    }

    /// The ending of an answer whose bytes stopped for that reason. What the server had finished
    /// is whole, whatever became of the connection afterwards.
    pub(super) fn close(self, why: AdapterFailure) -> Vec<Chunk> {
        if self.finish.is_some() { self.end() } else { self.fail(why) }
    }

    fn read(&mut self, data: &str) -> Result<Vec<Chunk>, AdapterFailure> {
        let event: Event = serde_json::from_str(data).map_err(|error| {
            final_failure(format!("the model's server sent an event that is not one: {error}"))
        })?;
        if let Some(error) = event.error.filter(|error| !error.is_null()) {
            return Err(told(&error));
        }
        self.usage = event.usage.or(self.usage);
        let about = [
            ("id", event.id),
            ("model", event.model),
            ("system_fingerprint", event.system_fingerprint),
        ];
        for (name, said) in about {
            if let Some(said) = said.filter(|said| !said.is_empty()) {
                // servers repeat it in every event
                self.metadata.entry(name).or_insert(Value::String(said));
            }
        }
        let mut chunks = Vec::new();
        for choice in event.choices.into_iter().filter(|choice| choice.index == 0) {
            chunks.extend(self.delta(choice.delta.unwrap_or_default())?);
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish = Some(reason);
            }
        }
        Ok(chunks)
    }

    fn delta(&mut self, delta: Delta) -> Result<Vec<Chunk>, AdapterFailure> {
        let texts = [delta.content, delta.refusal];
        let texts: Vec<String> =
            texts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        self.bytes += texts.iter().map(String::len).sum::<usize>();
        for fragment in delta.tool_calls.into_iter().flatten() {
            self.fragment(fragment)?;
        }
        if self.bytes > STEP_RESULT_MAX_BYTES {
            let message = format!("the answer is larger than {STEP_RESULT_MAX_BYTES} bytes");
            return Err(final_failure(message));
        }
        Ok(texts.into_iter().map(Chunk::Text).collect())
    }

    /// Adds a fragment to its call. Servers differ: some give an index, some only a new id, some
    /// the index 0 to every call.
    fn fragment(&mut self, fragment: Fragment) -> Result<(), AdapterFailure> {
        let id = fragment.id.unwrap_or_default();
        let function = fragment.function.unwrap_or_default();
        let place = match fragment.index {
            Some(index) => self.calls.iter().rposition(|call| call.index == index),
            None => self.calls.len().checked_sub(1),
        };
        let continued = place
            .filter(|&at| id.is_empty() || self.calls[at].id.is_empty() || self.calls[at].id == id);
        let at = match continued {
            Some(at) => at,
            None => self.begin(fragment.index)?,
        };
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            call.id = id;
        }
        if let Some(name) = function.name.filter(|_| call.name.is_empty()) {
            call.name = name;
        }
        let arguments = function.arguments.unwrap_or_default();
        self.bytes += arguments.len();
        call.arguments.push_str(&arguments);
        Ok(())
    }

    fn begin(&mut self, index: Option<u64>) -> Result<usize, AdapterFailure> {
        let at = self.calls.len();
        if at == CALLS_PER_TURN_MAX {
            let message =
                format!("the model asked for more than {CALLS_PER_TURN_MAX} calls at once");
            return Err(final_failure(message));
        }
        let index = index.unwrap_or(at as u64);
        let (id, name, arguments) = (String::new(), String::new(), String::new());
        self.calls.push(Begun { index, id, name, arguments });
        Ok(at)
    }

    /// The good ending, unless the reason the server gave is a bad one: an answer that was cut at
    /// a limit or by a filter is not an answer (`A3`).
    fn end(mut self) -> Vec<Chunk> {
        match self.finish.as_deref() {
            Some("length") => self.fail(final_failure(
                "the answer was cut at the token limit; raise `max_tokens` or ask for less"
                    .to_owned(),
            )),
            Some("content_filter") => {
                self.fail(final_failure("the provider's filter cut the answer".to_owned()))
            }
            _ if self.calls.iter().any(|call| call.name.is_empty()) => {
                self.fail(passing("the model asked for a call without naming a tool".to_owned()))
            }
            _ => {
                let calls = std::mem::take(&mut self.calls);
                let mut chunks: Vec<Chunk> =
                    (0..).zip(calls).map(|(place, call)| whole(place, call)).collect();
                chunks.extend(self.usage.map(counted));
                if !self.metadata.is_empty() {
                    chunks.push(Chunk::Metadata(self.metadata));
                }
                chunks.push(Chunk::Done);
                chunks
            }
        }
    }

    /// The bad ending; what was charged is told all the same.
    fn fail(self, failure: AdapterFailure) -> Vec<Chunk> {
        self.usage.map(counted).into_iter().chain([Chunk::Failed(failure)]).collect()
    }
}

fn whole(place: usize, call: Begun) -> Chunk {
    let id = if call.id.is_empty() { format!("call_{place}") } else { call.id };
    Chunk::ToolCall(ToolCallAsked { id, name: call.name, arguments: call.arguments })
}

fn counted(usage: Usage) -> Chunk {
    Chunk::Usage { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens }
}

/// An error in the middle of an answer: the server's trouble, unless it says the call was wrong.
fn told(error: &Value) -> AdapterFailure {
    let code = error.get("code").or_else(|| error.get("status"));
    let status = code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    let is_final = status.is_some_and(|status| matches!(status, 400..=499) && status != 429);
    let said = text_of(error).unwrap_or_else(|| error.to_string());
    let said: String = said.chars().take(super::ERROR_TOLD_MAX_CHARS).collect();
    let message = format!("the model's server broke off its answer: {said}");
    AdapterFailure { message, may_pass: !is_final }
}
