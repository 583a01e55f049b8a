//! Checkpoints and resuming from them (`CKP-1`, `CKP-2`).

use crate::event::{DispatchContext, Pins};
use crate::ids::{read_base32, write_base32};
use crate::words::{CheckpointCause, PinName, PinVerdict, ResumeChoice, SessionStatus};
use crate::{
    ApprovalId, ArtifactId, CheckpointId, Digest, RunId, SessionId, TaskId, TenantId, Time, TodoId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// What a resume token begins with.
const MARK: &str = "rsm";

/// A resume token: which checkpoint, and a secret only the checkpoint's body knows.
///
/// ```
/// use tenure_contract::CheckpointId;
/// use tenure_contract::resource::ResumeToken;
/// let token = ResumeToken { checkpoint: CheckpointId::from_bytes([7; 16]), secret: [9; 16] };
/// assert_eq!(token.to_string().parse(), Ok(token));
/// assert!("rsm_of_nothing".parse::<ResumeToken>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResumeToken {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// What proves that the holder was given it.
    pub secret: [u8; 16],
}

/// A text that is no resume token. It does not say what was given: it may be a secret misspelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a resume token; expected `rsm_` followed by 53 letters, digits and `_`")]
pub struct BadToken;

impl ResumeToken {
    /// What an entry knows of the secret.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[b"tenure-resume-v1\0", &self.checkpoint.bytes(), &self.secret])
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}_")?;
        write_base32(self.checkpoint.bytes(), f)?;
        f.write_str("_")?;
        write_base32(self.secret, f)
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResumeToken of {}", self.checkpoint)
    }
}

impl FromStr for ResumeToken {
    type Err = BadToken;
    fn from_str(text: &str) -> Result<Self, BadToken> {
        let (checkpoint, secret) = text.rsplit_once('_').ok_or(BadToken)?;
        let checkpoint = read_base32(MARK, checkpoint).map_err(|_| BadToken)?;
        let secret = read_base32(MARK, &format!("{MARK}_{secret}")).map_err(|_| BadToken)?;
        Ok(Self { checkpoint: CheckpointId::from_bytes(checkpoint), secret })
    }
}

/// A checkpoint (`CKP-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The checkpoint.
    pub checkpoint_id: CheckpointId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its session.
    pub session_id: SessionId,
    /// The root run it was made for.
    pub run_id: Option<RunId>,
    /// The session's product.
    pub product_id: String,
    /// Whom the session is for.
    pub user_id: String,
    /// When it was made.
    pub created_at: Time,
    /// Why it was made.
    pub cause: CheckpointCause,
    /// The last entry before it.
    pub seq: u64,
    /// The chain's hash after that entry.
    pub head_hash: Digest,
    /// Where the session stood.
    pub status_at_capture: SessionStatus,
    /// The task in progress.
    pub current_task_id: Option<TaskId>,
    /// The session's todos.
    pub todo_ids: Vec<TodoId>,
    /// The session's artifacts.
    pub artifact_refs: Vec<ArtifactId>,
    /// What it remembers.
    pub memory_refs: Vec<String>,
    /// The session's approvals.
    pub approval_refs: Vec<ApprovalId>,
    /// References left out at the limit `CHECKPOINT_REFS_MAX` of each list.
    pub refs_left_out: u64,
    /// Where the work came from.
    pub dispatch_context: Option<DispatchContext>,
    /// What `POST /v1/resume` takes; null once erased.
    pub resume_token: Option<String>,
    /// How things stood.
    pub state_summary: StateSummary,
    /// What its run works with.
    pub pins: Pins,
}

/// How things stood at a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateSummary {
    /// What a person recognises it by.
    pub title: String,
    /// In words.
    pub summary: String,
    /// When something last happened.
    pub last_action_at: Option<Time>,
}

/// Go on with a session from a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeSession {
    /// The checkpoint's token.
    pub resume_token: String,
    /// What to run with where the pins have changed: `pinned` or `current`.
    #[serde(default)]
    pub accept: Option<ResumeChoice>,
    /// What a new run is given, where the checkpoint's has ended: a text for an agent, parameters
    /// for an intent; the same again when nothing is said.
    #[serde(default)]
    pub input: Option<Value>,
    /// The same key and body start one new run. The `Idempotency-Key` header says the same.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

/// What resuming came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resumed {
    /// The session.
    pub session_id: SessionId,
    /// The run that goes on, or began; null while a choice is asked for.
    pub run_id: Option<RunId>,
    /// What goes on.
    pub goes_on: GoesOn,
    /// What comparing the pins came to.
    pub verdict: PinVerdict,
    /// The pins that differ.
    pub differing: Vec<PinDiffers>,
}

/// What goes on after resuming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GoesOn {
    /// The checkpoint's own run, under its id.
    Run,
    /// A new run: the checkpoint's had ended.
    NewRun,
    /// Nothing yet: there was no run, and none was asked for.
    Session,
    /// Nothing yet: pins have changed, and `accept` must say what to run with.
    ChoiceNeeded,
}

/// One pin that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinDiffers {
    /// Which.
    pub pin: PinName,
    /// As the checkpoint has it.
    pub pinned: Option<String>,
    /// As it would be now.
    pub now: Option<String>,
}
