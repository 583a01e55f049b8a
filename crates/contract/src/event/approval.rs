//! Events of an approval.

use crate::event::CallSite;
use crate::words::{ApprovalKind, ApprovalStatus, RiskLevel};
use crate::{ApprovalId, Digest, PolicyVersion, RunId, Time, TokenId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A decision is asked for (`APR-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRequested {
    /// The approval.
    #[n(0)]
    pub approval: ApprovalId,
    /// What it decides about.
    #[n(1)]
    pub kind: ApprovalKind,
    /// The run that waits.
    #[n(2)]
    pub run: Option<RunId>,
    /// The call it is about.
    #[n(3)]
    pub site: Option<CallSite>,
    /// What a person reads.
    #[n(4)]
    pub label: String,
    /// Digest of the exact action (`APR-3`).
    #[n(5)]
    pub action: Digest,
    /// How much harm it could do.
    #[n(6)]
    pub risk: RiskLevel,
    /// The version of the policy that asked.
    #[n(7)]
    pub policy: PolicyVersion,
    /// Who may decide, as `kind:name`.
    #[n(8)]
    pub approvers: Vec<String>,
    /// When it becomes a refusal by itself.
    #[n(9)]
    pub expires_at: Option<Time>,
    /// For a budget: the steps asked for.
    #[n(10)]
    pub increment: Option<u64>,
    /// True when a decision needs a reason.
    #[n(11)]
    pub needs_reason: bool,
}

/// Somebody decided; who and from where stands in the entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalDecided {
    /// The approval.
    #[n(0)]
    pub approval: ApprovalId,
    /// The run that waits.
    #[n(1)]
    pub run: Option<RunId>,
    /// `approved` or `denied`.
    #[n(2)]
    pub status: ApprovalStatus,
    /// Why.
    #[n(3)]
    pub reason: Option<String>,
    /// Digest of the action after its arguments were edited; the arguments are the body.
    #[n(4)]
    pub edited: Option<Digest>,
    /// The version of the policy that let its decider decide.
    #[n(5)]
    pub policy: PolicyVersion,
    /// The token under which another app decided (`APR-6`).
    #[n(20)]
    pub token: Option<TokenId>,
}

/// A request closed without a decision.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalClosed {
    /// The approval.
    #[n(0)]
    pub approval: ApprovalId,
    /// The run that waited.
    #[n(1)]
    pub run: Option<RunId>,
    /// `expired` or `cancelled`.
    #[n(2)]
    pub status: ApprovalStatus,
}
