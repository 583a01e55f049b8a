//! What a session's watchers are told besides its entries (`STR-1`, `T6`): provisional, from memory,
//! never journaled. What it came to is told by the entry that follows.

use crate::{RunId, StepId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// More of a turn's text, while the model says it. The turn's entry, `turn.landed`, replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TurnDelta {
    /// The run.
    pub run: RunId,
    /// The model step.
    pub step: StepId,
    /// The attempt that says it.
    pub attempt: u32,
    /// Where the text begins, in bytes of UTF-8 from the attempt's first.
    pub offset: u64,
    /// The text.
    pub text: String,
    /// True when it is everything that is kept of the attempt, and replaces what was shown of it.
    pub restated: bool,
}

/// An attempt was lost or failed: what was shown of its turn is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TurnRestarted {
    /// The run.
    pub run: RunId,
    /// The model step.
    pub step: StepId,
    /// The attempt whose text is withdrawn.
    pub attempt: u32,
}

/// How far a tool's call is; not its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolProgress {
    /// The run.
    pub run: RunId,
    /// The tool step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u32,
    /// Counts the attempt's values from 1; a watcher who is slow misses some.
    pub number: u64,
    /// What the tool said.
    pub value: Value,
}

/// One provisional event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Provisional {
    /// More of a turn's text.
    Delta(TurnDelta),
    /// An attempt's text is withdrawn.
    Restarted(TurnRestarted),
    /// How far a tool's call is.
    Progress(ToolProgress),
}

impl Provisional {
    /// Its name in an event stream; an entry's kind has a dot, these have none.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Delta(_) => "turn-delta",
            Self::Restarted(_) => "turn-restarted",
            Self::Progress(_) => "tool-progress",
        }
    }
}

/// A place within a turn under way, written `seq.attempt.offset`.
///
/// ```
/// use tenure_contract::live::Cursor;
/// let cursor: Cursor = "17.1.204".parse().unwrap();
/// assert_eq!((cursor.seq, cursor.attempt, cursor.offset), (17, 1, 204));
/// assert_eq!(cursor.to_string(), "17.1.204");
/// assert!("17.1".parse::<Cursor>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The entry with which the attempt began, the last one its client was told.
    pub seq: u64,
    /// The attempt.
    pub attempt: u32,
    /// Bytes of the attempt's text the client has.
    pub offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.seq, self.attempt, self.offset)
    }
}

/// A text that is no place within a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `seq.attempt.offset`, three whole numbers")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;
    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.split('.');
        let mut part = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or(BadCursor);
        let (seq, attempt, offset) = (part()?, part()?, part()?);
        let attempt = u32::try_from(attempt).map_err(|_| BadCursor)?;
        match parts.next() {
            None => Ok(Self { seq, attempt, offset }),
            Some(_) => Err(BadCursor),
        }
    }
}
