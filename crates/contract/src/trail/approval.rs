//! Where an approval stands: what exactly was asked, who decided, from where, and what was edited.

use super::Deed;
use crate::event::ApprovalRequested;
use crate::words::ApprovalStatus;
use crate::{ApprovalId, Digest, StepId, Time, TokenId};
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
    /// The tokens it was handed to other apps under (`APR-6`).
    pub handed: Vec<HandingTold>,
    /// Who decided.
    pub decision: Option<DecisionTold>,
    /// The entry that closed it without a decision.
    pub closed: Option<Deed>,
    /// The step that used it up (`APR-4`).
    pub used_by: Option<StepId>,
}

/// A token for another app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandingTold {
    /// Who handed it out, from where.
    pub deed: Deed,
    /// The token.
    pub token: TokenId,
    /// The product whose decision it takes.
    pub audience: String,
    /// From then on it takes none.
    pub expires_at: Time,
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
