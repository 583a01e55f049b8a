//! Events of executors: whom a tenant trusts to carry work out elsewhere, and who has which run
//! (`DSP-2`, `TGT-2`).

use crate::words::{ExecutionTarget, ExecutorKind, RecoveryClass, ReleaseCause};
use crate::{DispatchId, ExecutorId, RunId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// An executor was registered: what authenticates as that principal may claim remote dispatches.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ExecutorRegistered {
    /// The executor.
    #[n(0)]
    pub executor: ExecutorId,
    /// What a person calls it; one active executor has a name.
    #[n(1)]
    pub name: String,
    /// What it serves: a desktop its user's `local` work, a worker the `sandbox`.
    #[n(2)]
    pub kind: ExecutorKind,
    /// Whom it authenticates as, as `kind:name`.
    #[n(3)]
    pub principal: String,
    /// The user it is trusted for; none, for a worker, serves every user.
    #[n(4)]
    pub user: Option<String>,
}

/// An executor is trusted no more: it claims nothing, and what it had not started is given to others.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ExecutorRevoked {
    /// The executor.
    #[n(0)]
    pub executor: ExecutorId,
}

/// An executor has a remote dispatch and a lease on it (`DSP-4`). How long a lease has left is no
/// entry: whoever holds the newest claim keeps it by heartbeats.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchClaimed {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// Who has it.
    #[n(1)]
    pub executor: ExecutorId,
    /// The fencing token: one more than the claim before.
    #[n(2)]
    pub claim: u64,
    /// How long one heartbeat keeps it, milliseconds.
    #[n(3)]
    pub lease_ms: u64,
}

/// A claimed dispatch waits again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct DispatchReleased {
    /// The dispatch.
    #[n(0)]
    pub dispatch: DispatchId,
    /// The claim that ended.
    #[n(1)]
    pub claim: u64,
    /// Why.
    #[n(2)]
    pub cause: ReleaseCause,
}

/// What a run carries that an executor performs: whose it is and what may be done after a loss.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RemoteWork {
    /// The dispatch it came by.
    #[n(0)]
    pub dispatch: DispatchId,
    /// Who has it.
    #[n(1)]
    pub executor: ExecutorId,
    /// The fencing token.
    #[n(2)]
    pub claim: u64,
    /// How long one heartbeat keeps it, milliseconds.
    #[n(3)]
    pub lease_ms: u64,
    /// What may be done again when its executor is lost (`STP-2`).
    #[n(4)]
    pub class: RecoveryClass,
    /// Where it executes.
    #[n(5)]
    pub target: ExecutionTarget,
    /// The user it is for.
    #[n(6)]
    pub user: String,
    /// The product it is for.
    #[n(7)]
    pub product: String,
}

/// An executor has a run whose former executor was lost.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunClaimed {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// Who has it.
    #[n(1)]
    pub executor: ExecutorId,
    /// The fencing token: one more than the claim before, also of its dispatch.
    #[n(2)]
    pub claim: u64,
    /// How long one heartbeat keeps it, milliseconds.
    #[n(3)]
    pub lease_ms: u64,
}

/// A run's executor is lost; what that means for its step follows as an entry of its own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct RunReleased {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The claim that ended.
    #[n(1)]
    pub claim: u64,
    /// Why.
    #[n(2)]
    pub cause: ReleaseCause,
}
