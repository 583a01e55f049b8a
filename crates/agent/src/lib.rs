//! One step performed: model adapters, tools and chat memory, each behind a seam of one to three
//! methods, built-ins one file each.
//!
//! **Invariant:** nothing here schedules or persists. A tool performs one call, an adapter one
//! model call; when, how often and what is kept of it is the engine's.

pub mod adapter;
pub mod assess;
pub mod build;
pub mod cancel;
pub mod conformance;
pub mod secrets;
pub mod tool;

#[cfg(test)]
mod loopback;

pub use adapter::{Adapter, AdapterFailure, Chunk, ModelRequest, Source};
pub use assess::{action_digest, action_json, assess, refusal_text};
pub use build::{Agent, BuildError, BuiltTool, build, build_with};
pub use cancel::Cancel;
pub use secrets::{NoSecrets, Secrets};
pub use tool::loader::{BuiltIns, ToolLoader};
pub use tool::{BadGrant, Lookup, Progress, Tool, ToolCall, ToolContext, ToolFailure, ToolSpec};

/// RFC 8785 canonical JSON.
fn canonical(value: &serde_json::Value) -> String {
    // it fails only for numbers that are not finite and keys that are not texts, and a JSON value
    // has neither; an empty text instead would give every such value the same digest
    serde_json_canonicalizer::to_string(value).expect("a JSON value has a canonical form")
}
