//! What is told of approvals: what exactly was asked, who decided it and from where.

use super::Trail;
use tenure_contract::event::{
    ApprovalClosed, ApprovalDecided, ApprovalHanded, ApprovalRequested, StepAsked,
};
use tenure_contract::trail::{ApprovalTold, DecisionTold, Deed, HandingTold, Subject};
use tenure_contract::words::ApprovalStatus;
use tenure_contract::{ApprovalId, Entry};

impl Trail {
    pub(super) fn approval_requested(
        &mut self,
        entry: &Entry,
        event: &ApprovalRequested,
    ) -> Option<Subject> {
        let told = ApprovalTold {
            id: event.approval,
            request: event.clone(),
            asked: Deed::of(entry),
            status: ApprovalStatus::Requested,
            handed: Vec::new(),
            decision: None,
            closed: None,
            used_by: None,
        };
        self.approvals.add(event.approval, told);
        Some(Subject::Approval(event.approval))
    }

    /// Which substep waits is told in what its approval asks.
    pub(super) fn step_asked(&mut self, event: &StepAsked) -> Option<Subject> {
        self.approval(event.approval, |_| ())
    }

    pub(super) fn approval_handed(
        &mut self,
        entry: &Entry,
        event: &ApprovalHanded,
    ) -> Option<Subject> {
        let handing = HandingTold {
            deed: Deed::of(entry),
            token: event.token,
            audience: event.audience.clone(),
            expires_at: event.expires_at,
        };
        self.approval(event.approval, |told| told.handed.push(handing))
    }

    pub(super) fn approval_decided(
        &mut self,
        entry: &Entry,
        event: &ApprovalDecided,
    ) -> Option<Subject> {
        let decision = DecisionTold {
            deed: Deed::of(entry),
            reason: event.reason.clone(),
            edited: event.edited,
        };
        self.approval(event.approval, |told| {
            told.status = event.status;
            told.decision = Some(decision);
        })
    }

    pub(super) fn approval_closed(
        &mut self,
        entry: &Entry,
        event: &ApprovalClosed,
    ) -> Option<Subject> {
        self.approval(event.approval, |told| {
            told.status = event.status;
            told.closed = Some(Deed::of(entry));
        })
    }

    fn approval(
        &mut self,
        approval: ApprovalId,
        tell: impl FnOnce(&mut ApprovalTold),
    ) -> Option<Subject> {
        tell(self.approvals.get_mut(&approval)?);
        Some(Subject::Approval(approval))
    }
}
