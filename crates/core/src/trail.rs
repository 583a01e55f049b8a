//! The trail of a session: rebuilt from its entries alone, at any of them (`RPL-1`).
//!
//! [`Trail::observe`] takes entries one by one and gives each back as an observed line;
//! [`Trail::derive`] gives what follows from those so far. Neither looks ahead, so the trail at an
//! entry is the trail of the journal cut there. It is a fold like the machine's own, and where the
//! machine knows a status the trail asks the machine; what the machine forgets (steps of ended
//! runs, who did what) is kept here, in one file per subject.
//!
//! Bodies are not read here: whoever reads entries attaches what is left of them. What is kept
//! grows with the steps of a session, never with its bodies.

mod approval;
mod artifact;
mod run;
mod session;
mod step;
mod task;

#[cfg(test)]
mod tests;

use crate::{Illegal, SessionState};
use std::collections::BTreeMap;
use tenure_contract::trail::{ApprovalTold, ArtifactTold, Derived, Head, Observed, RunTold};
use tenure_contract::trail::{SessionTold, StepTold, Subject, TRAIL_VERSION, TaskTold, TodoTold};
use tenure_contract::words::HandoffStatus;
use tenure_contract::{ApprovalId, ArtifactId, Code, Digest, Entry, Error, Event, RunId};
use tenure_contract::{SessionId, StepId, TaskId, TenantId, TodoId};

/// Up to where a trail is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Up to the last entry there is.
    Newest,
    /// Up to this entry.
    Entry(u64),
}

impl At {
    /// The last entry a trail takes account of, in a journal of `last` entries.
    ///
    /// # Errors
    /// `invalid-argument` for an entry that is not there.
    pub fn within(self, last: u64) -> Result<u64, Error> {
        match self {
            Self::Newest => Ok(last),
            Self::Entry(seq) if (1..=last).contains(&seq) => Ok(seq),
            Self::Entry(seq) => {
                let text = format!("the journal has no entry {seq}; expected 1 to {last}");
                Err(Error::new(Code::InvalidArgument, text))
            }
        }
    }
}

/// A trail while entries come.
#[derive(Debug, Clone)]
pub struct Trail {
    state: SessionState,
    session: Option<SessionTold>,
    runs: Told<RunId, RunTold>,
    steps: Told<StepId, StepTold>,
    approvals: Told<ApprovalId, ApprovalTold>,
    artifacts: Told<ArtifactId, ArtifactTold>,
    tasks: Told<TaskId, TaskTold>,
    todos: Told<TodoId, TodoTold>,
}

impl Trail {
    /// A trail of which nothing is known yet.
    #[must_use]
    pub fn new(session: SessionId, tenant: TenantId) -> Self {
        Self {
            state: SessionState::new(session, tenant),
            session: None,
            runs: Told::default(),
            steps: Told::default(),
            approvals: Told::default(),
            artifacts: Told::default(),
            tasks: Told::default(),
            todos: Told::default(),
        }
    }

    /// The first line of a trail up to an entry.
    #[must_use]
    pub const fn head(session: SessionId, tenant: TenantId, seq: u64) -> Head {
        Head { trail: TRAIL_VERSION, session, tenant, seq }
    }

    /// Takes the next entry and tells it.
    ///
    /// # Errors
    /// [`Illegal`] when it cannot follow.
    pub fn observe(&mut self, entry: &Entry) -> Result<Observed, Illegal> {
        self.state.apply(entry)?;
        let told = self.tell(entry).ok_or_else(|| Illegal {
            seq: entry.seq,
            kind: entry.event.name(),
            why: "it is about nothing that was told before".to_owned(),
        });
        told.map(|subject| Observed::new(entry, subject))
    }

    /// What an entry is about, once that knows of it. A new kind of entry gets its arm here and
    /// its telling in the file of its subject.
    fn tell(&mut self, entry: &Entry) -> Option<Subject> {
        match &entry.event {
            Event::SessionOpened(event) => self.session_opened(entry, event),
            Event::SessionChanged(event) => self.session_changed(entry, event),
            Event::SessionBound(event) => self.session_bound(event),
            Event::SessionEnded(event) => self.session_ended(entry, event),
            Event::TransferOffered(_)
            | Event::TransferWithdrawn(_)
            | Event::TransferReleased(_)
            | Event::TransferReceived(_) => self.session_moved(entry),
            Event::RunSubmitted(event) => self.run_submitted(entry, event),
            Event::RunStarted(event) => self.run_started(entry, event),
            Event::RunPaused(event) => self.run_halted(entry, event.run, event.cause.into()),
            Event::RunWaiting(event) => self.run_waits(entry, event.run),
            Event::RunResumed(event) => self.run_resumed(entry, event.run),
            Event::RunCancelRequested(event) => self.run_cancelled(entry, event),
            Event::RunEnded(event) => self.run_ended(entry, event),
            Event::RunClaimed(event) => self.run_passed(event.run),
            Event::RunReleased(event) => self.run_passed(event.run),
            Event::RunSteered(event) => self.run_steered(entry, event.run),
            Event::MemoryCleared(_) => self.memory_cleared(entry),
            Event::MemorySaved(event) => self.memory_saved(event),
            Event::RowBrought(event) => self.row_brought(event),
            Event::StepIntended(event) => self.step_intended(entry, event),
            Event::StepRecorded(event) => self.step_recorded(entry, event),
            Event::StepRefused(event) => self.step_refused(entry, event),
            Event::StepAsked(event) => self.step_asked(event),
            Event::CallAssessed(event) => self.call_assessed(entry, event),
            Event::StepAttempted(event) => self.step_attempted(entry, event),
            Event::StepLanded(event) => self.step_landed(entry, event.step),
            Event::StepFailed(event) => self.step_failed(entry, event),
            Event::StepInDoubt(event) => self.step_in_doubt(entry, event),
            Event::StepResolved(event) => self.step_resolved(entry, event),
            Event::StepLate(event) => self.step_late(entry, event.step),
            Event::StepCharged(event) => self.step_charged(event),
            Event::StepCancelled(event) => self.step_cancelled(entry, event.step),
            Event::TurnLanded(event) => self.turn_landed(entry, event),
            Event::ApprovalRequested(event) => self.approval_requested(entry, event),
            Event::ApprovalDecided(event) => self.approval_decided(entry, event),
            Event::ApprovalClosed(event) => self.approval_closed(entry, event),
            Event::ApprovalHanded(event) => self.approval_handed(entry, event),
            Event::CheckpointMade(event) => self.checkpoint_made(event),
            Event::SessionResumed(event) => self.session_resumed(entry, event),
            Event::HandoffOffered(event) => self.handoff_offered(entry, event),
            Event::HandoffAccepted(event) => {
                self.handoff_resolved(entry, event.handoff, HandoffStatus::Accepted, None)
            }
            Event::HandoffClosed(event) => {
                self.handoff_resolved(entry, event.handoff, event.status, event.reason.as_ref())
            }
            Event::ArtifactRegistered(event) => self.artifact_registered(entry, event),
            Event::ArtifactMoved(event) => self.artifact_moved(entry, event),
            Event::TaskCreated(event) => self.task_created(entry, event),
            Event::TaskChanged(event) => self.task_changed(entry, event),
            Event::TaskMoved(event) => self.task_moved(entry, event),
            Event::TodoCreated(event) => self.todo_created(entry, event),
            Event::TodoChanged(event) => self.todo_changed(entry, event),
            // the machine refuses them before they come here: they are a ledger's
            Event::TenantOpened(_)
            | Event::AgentRegistered(_)
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::PrincipalCreated(_)
            | Event::PrincipalChanged(_)
            | Event::ProjectCreated(_)
            | Event::WorkspaceCreated(_)
            | Event::WorkspaceMoved(_)
            | Event::SecretSet(_)
            | Event::SecretDeleted(_)
            | Event::PolicySet(_)
            | Event::AppKeyRegistered(_)
            | Event::AppKeyRevoked(_)
            | Event::DispatchReceived(_)
            | Event::DispatchAccepted(_)
            | Event::DispatchRejected(_)
            | Event::DispatchWaiting(_)
            | Event::DispatchStarted(_)
            | Event::DispatchDelivered(_)
            | Event::DispatchClosed(_)
            | Event::DispatchClaimed(_)
            | Event::DispatchReleased(_)
            | Event::ExecutorRegistered(_)
            | Event::ExecutorRevoked(_)
            | Event::ScheduleCreated(_)
            | Event::ScheduleChanged(_)
            | Event::ScheduleMoved(_)
            | Event::ScheduleEntryAdded(_)
            | Event::ScheduleEntryMoved(_)
            | Event::ScheduleEntryDispatched(_)
            | Event::ScheduleEntryClosed(_)
            | Event::MigrationBegun(_)
            | Event::MigrationRowsRead(_)
            | Event::MigrationUsersMapped(_)
            | Event::MigrationRowsMoved(_)
            | Event::MigrationFinished(_)
            | Event::AccessDenied(_) => None,
        }
    }

    /// What follows from the entries so far: one line per subject, the session's the last.
    pub fn derive(self) -> impl Iterator<Item = Derived> + Send {
        let Self { state, session, mut runs, steps, approvals, artifacts, mut tasks, todos } = self;
        run::finish(&mut runs.items, &state);
        task::finish(&mut tasks.items, &state);
        let session = session.map(|told| session::finish(told, &state, &runs.items));
        let runs = runs.items.into_iter().map(Box::new).map(Derived::Run);
        let steps = steps.items.into_iter().map(Derived::Step);
        let approvals = approvals.items.into_iter().map(Derived::Approval);
        let artifacts = artifacts.items.into_iter().map(Derived::Artifact);
        let tasks = tasks.items.into_iter().map(Derived::Task);
        let todos = todos.items.into_iter().map(Derived::Todo);
        let things = runs.chain(steps).chain(approvals).chain(artifacts).chain(tasks).chain(todos);
        things.chain(session.map(Box::new).map(Derived::Session))
    }
}

/// Things of one kind in the order of coming, found by their ids.
#[derive(Debug, Clone)]
struct Told<K, T> {
    places: BTreeMap<K, usize>,
    items: Vec<T>,
}

impl<K, T> Default for Told<K, T> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), items: Vec::new() }
    }
}

impl<K: Ord, T> Told<K, T> {
    fn add(&mut self, key: K, item: T) {
        self.places.insert(key, self.items.len());
        self.items.push(item);
    }
    fn get(&self, key: &K) -> Option<&T> {
        self.items.get(*self.places.get(key)?)
    }
    fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        self.items.get_mut(*self.places.get(key)?)
    }
}

/// Digest of the body beside an entry.
fn beside(entry: &Entry) -> Option<Digest> {
    entry.payload.map(|payload| payload.digest)
}
