//! The model seam (`A1` to `A10`): one request in, one stream of chunks out.

pub mod cassette;
pub mod openai;
pub mod scripted;

use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use tenure_contract::agent::{Message, ToolCallAsked};

/// One model call, whole. Adapters never change it (`A7`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelRequest {
    /// The model's name at its provider.
    pub model: String,
    /// The system prompt; empty for none.
    pub system: String,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// The tools on offer.
    pub tools: Vec<ToolOffer>,
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub temperature: Option<f64>,
    /// The most tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_tokens: Option<u32>,
}

/// A tool as the model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolOffer {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments; none means it takes no structured arguments (`T2`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parameters: Option<Value>,
}

/// One piece of an answer; each stands alone (`A4`).
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk {
    /// More text.
    Text(String),
    /// One tool call, complete (`A5`).
    ToolCall(ToolCallAsked),
    /// What the call cost so far; the last one counts.
    Usage {
        /// Tokens read.
        input_tokens: u64,
        /// Tokens written.
        output_tokens: u64,
    },
    /// What the provider says of the answer besides, such as its id there: an object, opaque to
    /// everyone but the adapter, optional (`A8`). Of several, later members win.
    Metadata(Map<String, Value>),
    /// The good ending; nothing follows (`A3`).
    Done,
    /// The bad ending; nothing follows (`A3`, `A9`).
    Failed(AdapterFailure),
}

/// Why a model call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AdapterFailure {
    /// For a person; never a key.
    pub message: String,
    /// True when the same call may work in a while (rate limit, overload, connection).
    pub may_pass: bool,
}

/// One model call that can be streamed once (`A2`): streaming consumes it.
pub trait Source: Send {
    /// Starts the call. Dropping the stream aborts it, at any time (`A6`).
    fn stream(self: Box<Self>) -> BoxStream<'static, Chunk>;
}

/// A way to a model.
pub trait Adapter: Send + Sync {
    /// Prepares a call without any effect (`A1`).
    fn source(&self, request: Arc<ModelRequest>) -> Box<dyn Source>;
}
