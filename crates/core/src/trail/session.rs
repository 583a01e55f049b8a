//! What is told of the session itself.

use super::Trail;
use super::run::add;
use crate::SessionState;
use crate::session::Stand;
use tenure_contract::event::{
    CheckpointMade, HandoffOffered, RowBrought, SessionBound, SessionChanged, SessionEnded,
    SessionOpened, SessionResumed, Usage,
};
use tenure_contract::trail::{Deed, HandoffTold, ResumeTold, RunTold, SessionTold, Subject};
use tenure_contract::words::{HandoffStatus, SessionStatus};
use tenure_contract::{Entry, HandoffId};

impl Trail {
    pub(super) fn session_opened(
        &mut self,
        entry: &Entry,
        event: &SessionOpened,
    ) -> Option<Subject> {
        self.session = Some(SessionTold {
            id: self.state.id,
            opened_as: event.clone(),
            opened: Deed::of(entry),
            changed_to: None,
            changes: Vec::new(),
            binding: None,
            status: SessionStatus::Active,
            ended: None,
            reason: None,
            runs: Vec::new(),
            memory_version: 0,
            memory_cleared: Vec::new(),
            checkpoints: Vec::new(),
            resumes: Vec::new(),
            owner: None,
            handoffs: Vec::new(),
            brought: None,
            transfers: Vec::new(),
            open_approvals: Vec::new(),
            open_doubts: Vec::new(),
            spent: Usage::default(),
        });
        Some(Subject::Session(self.state.id))
    }

    pub(super) fn session_changed(
        &mut self,
        entry: &Entry,
        event: &SessionChanged,
    ) -> Option<Subject> {
        self.session(|told| {
            told.changed_to = Some(event.clone());
            told.changes.push(Deed::of(entry));
        })
    }

    pub(super) fn session_bound(&mut self, event: &SessionBound) -> Option<Subject> {
        self.session(|told| told.binding = Some(event.clone()))
    }

    /// An artifact's line tells how it was registered; that it was brought stands in the entry.
    pub(super) fn row_brought(&mut self, event: &RowBrought) -> Option<Subject> {
        match event.id.parse() {
            Ok(artifact) => self.artifacts.get(&artifact).map(|_| Subject::Artifact(artifact)),
            Err(_) => self.session(|told| told.brought = Some(event.clone())),
        }
    }

    pub(super) fn memory_cleared(&mut self, entry: &Entry) -> Option<Subject> {
        self.session(|told| told.memory_cleared.push(Deed::of(entry)))
    }

    pub(super) fn checkpoint_made(&mut self, event: &CheckpointMade) -> Option<Subject> {
        self.session(|told| told.checkpoints.push(event.checkpoint))
    }

    pub(super) fn session_resumed(
        &mut self,
        entry: &Entry,
        event: &SessionResumed,
    ) -> Option<Subject> {
        let resume = ResumeTold { deed: Deed::of(entry), resumed: event.clone() };
        self.session(|told| told.resumes.push(resume))
    }

    pub(super) fn handoff_offered(
        &mut self,
        entry: &Entry,
        event: &HandoffOffered,
    ) -> Option<Subject> {
        let handoff = HandoffTold {
            deed: Deed::of(entry),
            offered: event.clone(),
            status: HandoffStatus::Offered,
            resolved: None,
            reason: None,
        };
        self.session(|told| told.handoffs.push(handoff))
    }

    pub(super) fn handoff_resolved(
        &mut self,
        entry: &Entry,
        id: HandoffId,
        status: HandoffStatus,
        reason: Option<&String>,
    ) -> Option<Subject> {
        let told = self.session.as_mut()?;
        let handoff = told.handoffs.iter_mut().find(|told| told.offered.handoff == id)?;
        handoff.status = status;
        handoff.resolved = Some(Deed::of(entry));
        handoff.reason = reason.cloned();
        if status == HandoffStatus::Accepted {
            told.owner = Some(handoff.offered.to.clone());
        }
        Some(Subject::Session(self.state.id))
    }

    /// What was done stands in the entry; a trail's session tells when.
    pub(super) fn session_moved(&mut self, entry: &Entry) -> Option<Subject> {
        self.session(|told| told.transfers.push(Deed::of(entry)))
    }

    pub(super) fn session_ended(&mut self, entry: &Entry, event: &SessionEnded) -> Option<Subject> {
        self.session(|told| {
            told.ended = Some(Deed::of(entry));
            told.reason.clone_from(&event.reason);
        })
    }

    fn session(&mut self, tell: impl FnOnce(&mut SessionTold)) -> Option<Subject> {
        tell(self.session.as_mut()?);
        Some(Subject::Session(self.state.id))
    }
}

/// Completes what only the machine knows, and what the runs add up to.
pub(super) fn finish(mut told: SessionTold, state: &SessionState, runs: &[RunTold]) -> SessionTold {
    told.status = state.status();
    told.memory_version = state.memory_version;
    told.open_approvals = state.asked.iter().copied().collect();
    told.open_doubts = open_doubts(state);
    for run in runs.iter().filter(|run| run.parent.is_none()) {
        told.runs.push(run.id);
        add(&mut told.spent, run.spent.total);
    }
    told
}

fn open_doubts(state: &SessionState) -> Vec<tenure_contract::StepId> {
    let live = state.live.iter().filter_map(|run| state.runs.get(run)?.progress());
    let open = live.flat_map(|progress| &progress.open);
    let open = open.filter(|(_, open)| matches!(open.stand, Stand::InDoubt(_)));
    let mut doubts: Vec<_> =
        open.map(|(step, _)| *step).chain(state.doubts.keys().copied()).collect();
    doubts.sort_unstable();
    doubts
}
