//! Where a session stands.

use super::Deed;
use crate::event::{
    HandoffOffered, Owner, RowBrought, SessionBound, SessionChanged, SessionOpened, SessionResumed,
    Usage,
};
use crate::words::{HandoffStatus, SessionStatus};
use crate::{ApprovalId, CheckpointId, RunId, SessionId, StepId};
use serde::{Deserialize, Serialize};

/// A session at the trail's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionTold {
    /// The session.
    pub id: SessionId,
    /// As what it was opened.
    pub opened_as: SessionOpened,
    /// Who opened it.
    pub opened: Deed,
    /// As what it was changed, the last of its changes.
    pub changed_to: Option<SessionChanged>,
    /// Who changed it, in order.
    pub changes: Vec<Deed>,
    /// The agent it was claimed for.
    pub binding: Option<SessionBound>,
    /// Where it stands.
    pub status: SessionStatus,
    /// Who ended it, once it has ended.
    pub ended: Option<Deed>,
    /// Why it ended, when somebody said so.
    pub reason: Option<String>,
    /// Its root runs, in the order of coming.
    pub runs: Vec<RunId>,
    /// Chat memory's version; 0 before the first save.
    pub memory_version: u64,
    /// Who cleared it, in order.
    pub memory_cleared: Vec<Deed>,
    /// The checkpoints that were made, in order (`CKP-1`).
    pub checkpoints: Vec<CheckpointId>,
    /// Where it was resumed, with what was found and chosen (`CKP-2`).
    pub resumes: Vec<ResumeTold>,
    /// Who owns it, once it was handed over (`HND-1`).
    pub owner: Option<Owner>,
    /// To whom it was offered, and what became of it, in order.
    pub handoffs: Vec<HandoffTold>,
    /// Where it came from, when that was a store without owners (`TEN-2`).
    pub brought: Option<RowBrought>,
    /// Every move on its way to another server, or from one.
    pub transfers: Vec<Deed>,
    /// Approvals nobody has decided yet.
    pub open_approvals: Vec<ApprovalId>,
    /// Steps in doubt that nobody has settled yet.
    pub open_doubts: Vec<StepId>,
    /// What all its runs used.
    pub spent: Usage,
}

/// A resume by token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResumeTold {
    /// Who resumed, from where.
    pub deed: Deed,
    /// What was found and chosen.
    pub resumed: SessionResumed,
}

/// A handoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandoffTold {
    /// Who offered it, from where.
    pub deed: Deed,
    /// What was offered to whom.
    pub offered: HandoffOffered,
    /// Where it stands.
    pub status: HandoffStatus,
    /// Who resolved it, from where; nobody while it is open.
    pub resolved: Option<Deed>,
    /// Why it came to nothing, when somebody said so.
    pub reason: Option<String>,
}
