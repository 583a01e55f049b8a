//! Handoffs: a session moves between products and principals of a tenant (`HND-1`).

use crate::event::Owner;
use crate::words::{HandoffStatus, Surface};
use crate::{ApprovalId, CheckpointId, HandoffId, SessionId, TaskId, TenantId, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Offer a session to another owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferHandoff {
    /// Must equal the caller's when given (`TEN-1`).
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// Who may accept it.
    pub to: HandoffTo,
    /// The tasks it is about; all of the session that are not over when absent.
    #[serde(default)]
    pub task_ids: Option<Vec<TaskId>>,
    /// What else belongs to it, as `<kind>:<id>[@version]`.
    #[serde(default)]
    pub refs: Vec<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// From then on nobody may accept it; a week from now when absent.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// Whom a session is offered to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandoffTo {
    /// The product.
    pub product: String,
    /// The principal, as `kind:name`; the one who owns the session now when absent.
    #[serde(default)]
    pub principal: Option<String>,
}

/// Why a handoff is declined or withdrawn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseHandoff {
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A handoff (`HND-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Handoff {
    /// The handoff.
    pub handoff_id: HandoffId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Who owned the session when it was offered.
    pub from: Owner,
    /// Who may accept it, and owns the session once accepted.
    pub to: Owner,
    /// The session.
    pub session_id: SessionId,
    /// The tasks it is about.
    pub task_ids: Vec<TaskId>,
    /// The open approvals that go along; those that moved, once accepted.
    pub approval_ids: Vec<ApprovalId>,
    /// What else belongs to it.
    pub refs: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where it stands.
    pub status: HandoffStatus,
    /// Who offered it, as `kind:name`.
    pub offered_by: String,
    /// When it was offered.
    pub offered_at: Time,
    /// From then on nobody may accept it.
    pub expires_at: Time,
    /// When it left `offered`.
    pub resolved_at: Option<Time>,
    /// Who accepted, declined or withdrew it, as `kind:name`.
    pub resolved_by: Option<String>,
    /// From where.
    pub resolved_from: Option<Surface>,
    /// Why it was declined or withdrawn, when somebody said so.
    pub resolution: Option<String>,
    /// The checkpoint that was made as it was accepted (`CKP-1`).
    pub checkpoint_id: Option<CheckpointId>,
}

/// A handoff in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandoffSummary {
    /// The handoff.
    pub handoff_id: HandoffId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Who owned the session when it was offered.
    pub from: Owner,
    /// Who may accept it, and owns the session once accepted.
    pub to: Owner,
    /// The session.
    pub session_id: SessionId,
    /// Why.
    pub reason: Option<String>,
    /// Where it stands.
    pub status: HandoffStatus,
    /// When it was offered.
    pub offered_at: Time,
    /// From then on nobody may accept it.
    pub expires_at: Time,
    /// When it left `offered`.
    pub resolved_at: Option<Time>,
}
