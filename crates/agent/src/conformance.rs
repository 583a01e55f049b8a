//! What any adapter and any tool must keep, as cases to run against an implementation.
//!
//! The cases see only the seam. They prove what can be seen from outside; that a server's cut
//! stream becomes a failure, say, is the adapter's own test.

mod adapter;
mod tool;

pub use adapter::{AdapterCase, adapter};
pub use tool::{ToolCase, tool};

/// A rule that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct Violation {
    /// The rule's id in the contract.
    pub rule: &'static str,
    /// What was seen and what was expected.
    pub message: String,
}

/// Holds a rule to what was seen.
fn expect(
    rule: &'static str,
    kept: bool,
    message: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if kept { Ok(()) } else { Err(Violation { rule, message: message() }) }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::{Counted, Echo};
