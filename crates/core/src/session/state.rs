//! What a session's journal folds to.

use super::owner::{Handoff, Owned};
use super::remote::Remote;
use super::run::{Doubt, Run, Unbilled};
use super::task::{Task, Todo};
use super::transfer::Transfer;
use crate::machine;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use tenure_contract::event::{CallSite, SessionBound, SessionOpened};
use tenure_contract::words::{
    ApprovalKind, ApprovalStatus, ArtifactState, CheckpointCause, RiskLevel, RunStatus,
    SessionStatus,
};
use tenure_contract::{
    ApprovalId, ArtifactId, Digest, EventId, HandoffId, RunId, SessionId, StepId, TaskId, TenantId,
    Time, TodoId, TokenId,
};

/// A session, folded from its journal. Holds digests and places, never bodies.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct SessionState {
    /// The session.
    #[n(0)]
    pub id: SessionId,
    /// Its owner.
    #[n(1)]
    pub tenant: TenantId,
    /// The last entry folded; 0 before the first.
    #[n(2)]
    pub seq: u64,
    /// When the last entry was decided.
    #[n(3)]
    pub at: Time,
    /// When and as what it was opened; none before the first entry.
    #[n(4)]
    pub opened: Option<SessionOpened>,
    /// When it was opened.
    #[n(5)]
    pub opened_at: Time,
    /// How it ended.
    #[n(6)]
    pub ended: Option<SessionStatus>,
    /// Its runs, ended ones in short.
    #[n(7)]
    pub runs: BTreeMap<RunId, Run>,
    /// Root runs not ended, in the order they are to go.
    #[n(8)]
    pub order: Vec<RunId>,
    /// Its approvals.
    #[n(9)]
    pub approvals: BTreeMap<ApprovalId, Approval>,
    /// Its artifacts.
    #[n(10)]
    pub artifacts: BTreeMap<ArtifactId, ArtifactState>,
    /// Chat memory: the runs it consists of, whose own entries tell the messages.
    #[n(11)]
    pub memory: Vec<RunId>,
    /// Chat memory's version; 0 before the first save.
    #[n(12)]
    pub memory_version: u64,
    /// Steps left in doubt by runs that have ended.
    #[n(13)]
    pub doubts: BTreeMap<StepId, Doubt>,
    /// Runs that have not ended, nested ones included.
    #[n(14)]
    pub live: Vec<RunId>,
    /// Approvals nobody has decided yet.
    #[n(15)]
    pub asked: BTreeSet<ApprovalId>,
    /// Its tasks.
    #[n(16)]
    pub tasks: BTreeMap<TaskId, Task>,
    /// Its todos.
    #[n(17)]
    pub todos: BTreeMap<TodoId, Todo>,
    /// Tasks that follow a run and are not over.
    #[n(18)]
    pub following: Vec<TaskId>,
    /// The agent it is bound to: the first that claimed it, or ran in it (`CLM-1`).
    #[n(19)]
    pub binding: Option<SessionBound>,
    /// Keyed submissions that became input, by the run they would have been (`INT-5`).
    #[n(20)]
    pub steered: BTreeMap<RunId, Steered>,
    /// The checkpoint a root run's move asks for, until it is made.
    #[n(21)]
    pub due: Option<Due>,
    /// Who owned it, in order; the last one does.
    #[n(40)]
    #[cbor(default)]
    pub owners: Vec<Owned>,
    /// Its handoffs.
    #[n(41)]
    #[cbor(default)]
    pub handoffs: BTreeMap<HandoffId, Handoff>,
    /// The handoff nobody has answered yet.
    #[n(42)]
    pub offered: Option<HandoffId>,
    /// Attempts of model calls that nobody waits for and nothing was charged for: a few bytes for
    /// each one that was under way when its process died.
    #[n(60)]
    #[cbor(default)]
    pub unbilled: BTreeSet<Unbilled>,
    /// The last entry of each living run, which the next one names as its cause.
    #[n(61)]
    #[cbor(default)]
    pub last_of_run: BTreeMap<RunId, EventId>,
    /// Runs that executors perform.
    #[n(50)]
    #[cbor(default)]
    pub remote: BTreeMap<RunId, Remote>,
    /// Its way to another server, while it is offered or gone.
    #[n(43)]
    #[cbor(default)]
    pub transfer: Option<Transfer>,
    /// What was said in it before it came from a store without owners, while chat memory begins with that.
    #[n(70)]
    #[cbor(default)]
    pub brought: Option<BroughtMemory>,
}

/// The beginning of chat memory that was brought along (`TEN-2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BroughtMemory {
    /// The entry the messages are beside.
    #[n(0)]
    pub seq: u64,
    /// How many.
    #[n(1)]
    pub messages: u64,
}

/// A checkpoint that is to be made in this commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Due {
    /// The root run that moved.
    #[n(0)]
    pub run: RunId,
    /// Why.
    #[n(1)]
    pub cause: CheckpointCause,
}

/// Where a keyed submission went that became input for a run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Steered {
    /// The run that got it.
    #[n(0)]
    pub run: RunId,
    /// Digest of the whole request.
    #[n(1)]
    pub request: Digest,
}

/// An approval as the session knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Approval {
    /// What it decides about.
    #[n(0)]
    pub kind: ApprovalKind,
    /// The run that waits.
    #[n(1)]
    pub run: Option<RunId>,
    /// The call it is about.
    #[n(2)]
    pub site: Option<CallSite>,
    /// Digest of the exact action.
    #[n(3)]
    pub action: Digest,
    /// Where it stands.
    #[n(4)]
    pub status: ApprovalStatus,
    /// Who may decide.
    #[n(5)]
    pub approvers: Vec<String>,
    /// When it becomes a refusal by itself.
    #[n(6)]
    pub expires_at: Option<Time>,
    /// When it was asked for.
    #[n(7)]
    pub requested_at: Time,
    /// For a budget: the steps asked for.
    #[n(8)]
    pub increment: Option<u64>,
    /// The entry that asked.
    #[n(9)]
    pub requested_seq: u64,
    /// True once a step's intent consumed it (`APR-4`).
    #[n(10)]
    pub consumed: bool,
    /// How much harm it could do.
    #[n(11)]
    pub risk: RiskLevel,
    /// True when a decision needs a reason.
    #[n(12)]
    pub needs_reason: bool,
    /// Who decided, as `kind:name`.
    #[n(13)]
    pub resolver: Option<String>,
    /// The entry with arguments that an earlier approver of the same call edited.
    #[n(14)]
    pub edited_seq: Option<u64>,
    /// The tokens it was handed out under (`APR-6`).
    #[n(20)]
    pub handed: BTreeMap<TokenId, Handed>,
    /// The token under which it was decided.
    #[n(21)]
    pub decided_under: Option<TokenId>,
}

/// A token an approval was handed out under.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Handed {
    /// The product whose decision it takes.
    #[n(0)]
    pub audience: String,
    /// Who handed it out, as `kind:name`.
    #[n(1)]
    pub by: String,
    /// From then on it takes none.
    #[n(2)]
    pub expires_at: Time,
}

impl SessionState {
    /// A session of which nothing is known yet.
    #[must_use]
    pub fn new(id: SessionId, tenant: TenantId) -> Self {
        Self {
            id,
            tenant,
            seq: 0,
            at: Time::default(),
            opened: None,
            opened_at: Time::default(),
            ended: None,
            runs: BTreeMap::new(),
            order: Vec::new(),
            approvals: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            memory: Vec::new(),
            memory_version: 0,
            doubts: BTreeMap::new(),
            live: Vec::new(),
            asked: BTreeSet::new(),
            tasks: BTreeMap::new(),
            todos: BTreeMap::new(),
            following: Vec::new(),
            binding: None,
            steered: BTreeMap::new(),
            due: None,
            owners: Vec::new(),
            handoffs: BTreeMap::new(),
            offered: None,
            unbilled: BTreeSet::new(),
            last_of_run: BTreeMap::new(),
            remote: BTreeMap::new(),
            transfer: None,
            brought: None,
        }
    }

    /// Where the session stands: final, or what its current root run makes of it (`SES-1`).
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        if let Some(ended) = self.ended {
            return ended;
        }
        match self.current_root().map(|run| run.status) {
            Some(RunStatus::Paused) => SessionStatus::Paused,
            Some(RunStatus::WaitingApproval) => SessionStatus::WaitingApproval,
            _ => SessionStatus::Active,
        }
    }

    /// The root run in progress: the first in order, if it has started.
    #[must_use]
    pub fn current_root(&self) -> Option<&Run> {
        self.order
            .first()
            .and_then(|run| self.runs.get(run))
            .filter(|run| run.status != RunStatus::Queued)
    }

    /// The root run in progress, or the one that was submitted last.
    #[must_use]
    pub fn last_root(&self) -> Option<RunId> {
        let roots = self.runs.values().filter(|run| run.parent.is_none());
        let last = roots.max_by_key(|run| run.submitted_seq);
        self.current_root().or(last).map(|run| run.id)
    }

    /// The approvals nobody has decided yet.
    pub fn open_approvals(&self) -> impl Iterator<Item = (&ApprovalId, &Approval)> {
        self.asked.iter().filter_map(|id| self.approvals.get_key_value(id))
    }

    /// The children of a run that have not ended.
    pub fn live_children(&self, parent: RunId) -> impl Iterator<Item = &Run> {
        self.live
            .iter()
            .filter_map(|run| self.runs.get(run))
            .filter(move |run| run.parent == Some(parent))
    }

    /// The root of a run's tree.
    #[must_use]
    pub fn root_of(&self, mut run: RunId) -> RunId {
        while let Some(parent) = self.runs.get(&run).and_then(|known| known.parent) {
            run = parent;
        }
        run
    }

    /// True while the table allows the status to follow.
    #[must_use]
    pub fn may_become(&self, status: SessionStatus) -> bool {
        machine::session::may(self.status(), status)
    }

    /// The run a step belongs to, among those not ended.
    #[must_use]
    pub fn run_of_step(&self, step: StepId) -> Option<RunId> {
        self.live.iter().copied().find(|run| {
            self.runs
                .get(run)
                .and_then(Run::progress)
                .is_some_and(|progress| progress.open.contains_key(&step))
        })
    }
}
