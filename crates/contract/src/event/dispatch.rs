//! Events of a dispatch: entries of the tenant's ledger (`DSP-4`).

use super::{DispatchContext, RunSubmitted, SessionOpened, TaskCreated};
use crate::words::{DispatchStatus, ExecutionTarget, RecoveryClass};
use crate::{Digest, DispatchId, PolicyVersion, RunId, SessionId, Time};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A dispatch came in (`DSP-4`); its payload and its key are the body. Names are resolved and ids
/// derived by now, so that starting it later decides nothing anew.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchReceived {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// The product it is for.
    #[n(1)]
    pub product: String,
    /// The human or service it is for.
    #[n(2)]
    pub user: String,
    /// Where it came from and when it is to start.
    #[n(3)]
    pub context: DispatchContext,
    /// The session its run belongs to.
    #[n(4)]
    pub session: SessionId,
    /// How that session is opened; none when the request named one.
    #[n(5)]
    pub opens: Option<Box<SessionOpened>>,
    /// The task that is made for it; none when its work is no task, or one that exists.
    #[n(6)]
    pub makes: Option<Box<TaskCreated>>,
    /// The run it becomes.
    #[n(7)]
    pub run: Box<RunSubmitted>,
    /// Its priority, as it was written.
    #[n(8)]
    pub priority: Option<String>,
    /// It starts no earlier.
    #[n(9)]
    pub not_before: Option<Time>,
    /// It does not start any more from then on.
    #[n(10)]
    pub expires_at: Time,
    /// Digest of the request: the same key with another one is a conflict (`DSP-2`).
    #[n(11)]
    pub request: Digest,
    /// The version of the policy that decided whether it is taken.
    #[n(12)]
    pub decided_under: PolicyVersion,
    /// Where a remote one executes; none for what this server performs.
    #[n(20)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ExecutionTarget>,
    /// What may be done again when the executor of a remote one is lost; none for what this server
    /// performs.
    #[n(21)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<RecoveryClass>,
}

/// A dispatch was taken.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchAccepted {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
}

/// A dispatch was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchRejected {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// Why, and what would be possible.
    #[n(1)]
    pub reason: String,
}

/// A dispatch waits; for what, its mode says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchWaiting {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
}

/// A dispatch starts. This entry is the message to the session: open it if need be, submit that run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchStarted {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// The session.
    #[n(1)]
    pub session: SessionId,
    /// The run.
    #[n(2)]
    pub run: RunId,
}

/// The message of a dispatch's start was delivered: the session's journal has it, durably, or the
/// session refused it for good.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchDelivered {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// The run it became: its own, or the one it was steered into; none when the session refused it.
    #[n(3)]
    pub run: Option<RunId>,
    /// The code the session refused it with; none when it took it.
    #[n(1)]
    pub refused: Option<String>,
    /// Why it was refused.
    #[n(2)]
    pub reason: Option<String>,
}

/// A dispatch ended before it started.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchClosed {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// `cancelled` or `expired`.
    #[n(1)]
    pub status: DispatchStatus,
    /// Why, when somebody said so.
    #[n(2)]
    pub reason: Option<String>,
}
