//! Events of a session and of its chat memory.

use crate::words::{DispatchMode, ExecutionTarget, InputPolicy, SessionStatus, Surface};
use crate::{AgentId, Digest, RunId, Time, WorkspaceId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Where a session's work came from (`DSP-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, utoipa::ToSchema)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchContext {
    /// The surface it began on.
    #[n(0)]
    pub origin_surface: Surface,
    /// The product it began in.
    #[n(1)]
    pub origin_product_id: String,
    /// When it is to start.
    #[n(2)]
    pub dispatch_mode: DispatchMode,
    /// When it began.
    #[n(3)]
    pub initiated_at: Time,
}

/// A session began (`SES-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct SessionOpened {
    /// The product it belongs to.
    #[n(0)]
    pub product: String,
    /// The human or service it is for.
    #[n(1)]
    pub user: String,
    /// Where its tools execute.
    #[n(2)]
    pub target: ExecutionTarget,
    /// The workspace; none makes it a chat thread (`SES-4`).
    #[n(3)]
    pub workspace: Option<WorkspaceId>,
    /// What becomes of input that arrives while a run is in progress (`SES-3`).
    #[n(4)]
    pub input_policy: InputPolicy,
    /// Where the work came from.
    #[n(5)]
    pub dispatch: Option<DispatchContext>,
    /// True when the session was made for one run and ends with it.
    #[n(6)]
    pub ends_with_run: bool,
    /// Digest of the request that made it, when it carried an idempotency key.
    #[n(7)]
    pub request: Option<Digest>,
    /// Who may decide approvals, as `kind:name`; empty refuses all (`APR-2`).
    #[n(8)]
    pub approvers: Vec<String>,
    /// What a person calls it.
    #[n(9)]
    pub title: Option<String>,
    /// What it remembers besides its chat memory, as `<kind>:<id>[@version]`.
    #[n(10)]
    pub memory: Vec<String>,
    /// The surface it was opened from; what a surface does not offer as a target is refused.
    #[n(11)]
    pub surface: Option<Surface>,
}

/// A session's fields changed: all four as they are now (`SES-4`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct SessionChanged {
    /// What a person calls it.
    #[n(0)]
    pub title: Option<String>,
    /// The workspace; none makes it a chat thread.
    #[n(1)]
    pub workspace: Option<WorkspaceId>,
    /// What it remembers besides its chat memory.
    #[n(2)]
    pub memory: Vec<String>,
    /// What becomes of input that arrives while a run is in progress.
    #[n(3)]
    pub input_policy: InputPolicy,
}

/// A session was claimed for an agent, once (`CLM-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct SessionBound {
    /// The agent.
    #[n(0)]
    pub agent: AgentId,
    /// Its name, for people.
    #[n(1)]
    pub name: String,
    /// Its version.
    #[n(2)]
    pub version: Digest,
    /// The id another system knows it by.
    #[n(3)]
    pub external_id: Option<String>,
}

/// A session ended, for good.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// `completed`, `failed` or `cancelled`.
    #[n(0)]
    pub status: SessionStatus,
    /// Why, when somebody said so.
    #[n(1)]
    pub reason: Option<String>,
}

/// Chat memory was replaced by the first `keep` messages of the version before and `added` more,
/// which stand in the body: a whole snapshot to its reader (`CM1`), no copy on disk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MemorySaved {
    /// The run whose success it belongs to (`RT7`).
    #[n(0)]
    pub run: RunId,
    /// The new version; the one before was one less.
    #[n(1)]
    pub version: u64,
    /// Messages kept from the front of the version before.
    #[n(2)]
    pub keep: u64,
    /// Messages in the body.
    #[n(3)]
    pub added: u64,
}

/// Chat memory was emptied (`CM6`): the next run's model reads nothing of what was said before. The
/// messages themselves stay in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct MemoryCleared {
    /// The new version, of no message; the one before was one less.
    #[n(0)]
    pub version: u64,
}
