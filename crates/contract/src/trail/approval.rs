//! Where an approval stands: what exactly was asked, who decided, from where, and what was edited.

use super::Deed;
use crate::event::ApprovalRequested;
use crate::words::ApprovalStatus;
use crate::{ApprovalId, Digest, StepId};
use serde::{Deserialize, Serialize};

/// An approval at the trail's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalTold {
    /// The approval.
    pub id: ApprovalId,
    /// What was asked.
    pub request: ApprovalRequested,
    /// The entry that asked.
    pub asked: Deed,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who decided.
    pub decision: Option<DecisionTold>,
    /// The entry that closed it without a decision.
    pub closed: Option<Deed>,
    /// The step that used it up (`APR-4`).
    pub used_by: Option<StepId>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionTold {
    /// Who decided, from where.
    pub deed: Deed,
    /// Why.
    pub reason: Option<String>,
    /// Digest of the action with edited arguments; they are the body of that entry.
    pub edited: Option<Digest>,
}
