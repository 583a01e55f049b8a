//! Typed ids: sixteen bytes on disk, `prefix_` and 26 letters and digits in text.
//!
//! Order never comes from an id (`LOG-1`); `seq` gives order.

use crate::macros::ids;
use thiserror::Error;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};

ids! {
    /// Owner of everything.
    TenantId = "ten",
    /// A durable container of context with one writer at a time.
    SessionId = "ses",
    /// A unit of work a person would recognise.
    TaskId = "tsk",
    /// A checklist item.
    TodoId = "tod",
    /// One execution of an intent by a handler or of a task by an agent.
    RunId = "run",
    /// The smallest durable unit in a run; its text is the step's idempotency key (`STP-3`).
    StepId = "stp",
    /// A durable question bound to one exact action.
    ApprovalId = "apr",
    /// Registered output with lineage.
    ArtifactId = "art",
    /// A versioned agent definition.
    AgentId = "agt",
    /// One entry of a journal.
    EventId = "evt",
    /// A named request with parameters.
    IntentId = "int",
    /// An API key.
    KeyId = "key",
    /// A principal of a tenant.
    PrincipalId = "prn",
    /// A checkpoint of a session.
    CheckpointId = "ckp",
    /// A request to start work that came from somewhere.
    DispatchId = "dsp",
    /// Whoever carries remote dispatches out.
    ExecutorId = "exe",
    /// A schedule: entries that start runs when they are due.
    ScheduleId = "sch",
    /// Responsibility for a session moving elsewhere.
    HandoffId = "hnd",
    /// A session moving to another server.
    TransferId = "trf",
    /// Rows that come in from a store without owners.
    MigrationId = "mig",
    /// A token under which an approval is decided in another app (`APR-6`).
    TokenId = "tok",
    /// A project of a tenant.
    ProjectId = "prj",
    /// A workspace of a tenant.
    WorkspaceId = "wsp",
    /// One place an artifact's body lies.
    MaterializationId = "mat",
    /// A data directory or database, minted when it is made.
    StoreId = "sto",
}

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{found}` is not an id; expected `{prefix}_` followed by 26 letters and digits")]
pub struct BadId {
    /// What was given, cut to sixty characters.
    pub found: String,
    /// The prefix that was expected.
    pub prefix: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

pub(crate) fn write_base32(bytes: [u8; 16], f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let value = u128::from_be_bytes(bytes);
    let mut text = [0u8; TEXT_LEN];
    for (place, letter) in text.iter_mut().enumerate() {
        let shift = 5 * (TEXT_LEN - 1 - place);
        *letter = ALPHABET[((value >> shift) & 31) as usize];
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| std::fmt::Error)?)
}

pub(crate) fn read_base32(prefix: &'static str, text: &str) -> Result<[u8; 16], BadId> {
    let bad = || BadId { found: text.chars().take(60).collect(), prefix };
    let letters = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or_else(bad)?
        .as_bytes();
    if letters.len() != TEXT_LEN || !(b'0'..=b'7').contains(&letters[0]) {
        return Err(bad());
    }
    let mut value = 0u128;
    for letter in letters {
        let digit = ALPHABET.iter().position(|known| known == letter).ok_or_else(bad)?;
        value = (value << 5) | digit as u128;
    }
    Ok(value.to_be_bytes())
}

pub(crate) fn id_schema(prefix: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$")))
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = RunId::from_bytes([255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0]);
        assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
    }

    #[test]
    fn another_prefix_a_short_text_and_an_overflow_are_refused() {
        let run = RunId::from_bytes([7; 16]).to_string();
        assert!(run.parse::<StepId>().is_err());
        assert!(run[..20].parse::<RunId>().is_err());
        assert!("run_zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<RunId>().is_err());
        let told = "run_É".parse::<RunId>().unwrap_err().to_string();
        assert!(told.contains("run_É") && told.contains("26 letters"), "{told}");
    }
}
