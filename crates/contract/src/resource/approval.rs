//! Approvals: see one, decide it.

use crate::words::{ApprovalKind, ApprovalStatus, RiskLevel, Surface};
use crate::{ApprovalId, Digest, RunId, SessionId, StepId, TenantId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// An approval (`APR-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The approval.
    pub approval_id: ApprovalId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// What it decides about.
    pub kind: ApprovalKind,
    /// Its session.
    pub session_id: Option<SessionId>,
    /// The run that waits.
    pub run_id: Option<RunId>,
    /// The step that consumed it.
    pub step: Option<StepId>,
    /// What a person reads.
    pub action_label: String,
    /// Digest of the exact action (`APR-3`).
    pub action_digest: Digest,
    /// The exact action, while its body is there.
    pub action: Option<Value>,
    /// How much harm it could do.
    pub risk_level: RiskLevel,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// When it was asked for.
    pub requested_at: Time,
    /// When it becomes a refusal by itself.
    pub expires_at: Option<Time>,
    /// When it was decided.
    pub resolved_at: Option<Time>,
    /// Who decided, and where.
    pub resolver: Option<Resolver>,
    /// Why.
    pub reason: Option<String>,
}

/// Who decided an approval, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolver {
    /// Who, as `kind:name`.
    pub principal: String,
    /// Where.
    pub surface: Option<Surface>,
}

/// Decide an approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideApproval {
    /// `approve` or `deny`; anything else is refused, and is no approval.
    pub decision: Decision,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The arguments to perform instead, for an action.
    #[serde(default)]
    pub arguments: Option<Value>,
    /// The answer, for a question.
    #[serde(default)]
    pub answer: Option<String>,
}

/// The two decisions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Yes, exactly this.
    Approve,
    /// No.
    Deny,
}
