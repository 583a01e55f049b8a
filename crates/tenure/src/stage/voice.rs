//! What is told to a person while it happens; with `--json` only the summary speaks.

use crate::cli::outln;

/// Whether a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// On standard output, as it happens.
    Aloud,
    /// Nothing but the summary, as one JSON object.
    Json,
}

impl Voice {
    pub const fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Aloud }
    }

    pub fn say(self, text: &str) {
        match self {
            Self::Aloud => outln(text),
            Self::Json => {}
        }
    }
}

/// The mark before what must hold.
pub(crate) const fn mark(good: bool) -> &'static str {
    if good { "✓" } else { "✗" }
}
