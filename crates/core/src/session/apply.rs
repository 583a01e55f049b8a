//! The fold: one entry onto the state, the same live, in recovery and in replay.
//!
//! A released event's fold is frozen: new meaning is a new event.

mod approval;
mod checkpoint;
mod handoff;
mod remote;
mod step;
mod task;

use super::owner::Owned;
use super::run::{Call, CallOutcome, Cancelling, Doubt, Ending, Progress, Run, Stage, Stand};
use super::state::{BroughtMemory, SessionState, Steered};
use crate::{Illegal, machine};
use std::fmt::Display;
use tenure_contract::event::*;
use tenure_contract::words::{
    ArtifactState, CheckpointCause, InputPolicy, LegacyKind, PauseCause, RunStatus, StepKind,
    StopReason,
};
use tenure_contract::{Entry, RunId, StepId};

type Folded = Result<(), String>;

impl SessionState {
    /// Folds the next entry of the journal.
    ///
    /// # Errors
    /// [`Illegal`] when the entry cannot follow; the state must then be dropped.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Illegal> {
        let folded = if entry.seq == self.seq + 1 {
            self.fold(entry)
        } else {
            Err(format!("expected entry {}", self.seq + 1))
        };
        folded.map_err(|why| Illegal { seq: entry.seq, kind: entry.event.name(), why })?;
        self.seq = entry.seq;
        self.at = entry.at;
        self.remember(entry);
        Ok(())
    }

    /// The entry is the cause of what its run does next.
    fn remember(&mut self, entry: &Entry) {
        let Some(run) = entry.run else { return };
        // what follows a run's end is not the run's any more
        let is_over = self.runs.get(&run).is_none_or(|known| known.progress().is_none());
        match entry.event {
            _ if is_over => drop(self.last_of_run.remove(&run)),
            Event::TaskMoved(_) | Event::CheckpointMade(_) => {}
            _ => drop(self.last_of_run.insert(run, entry.event_id)),
        }
    }

    fn fold(&mut self, entry: &Entry) -> Folded {
        if self.opened.is_none() && !matches!(entry.event, Event::SessionOpened(_)) {
            return Err("the session is not open".to_owned());
        }
        if self.gone_to().is_some() && !matches!(entry.event, Event::TransferReceived(_)) {
            return Err("the session is another server's".to_owned());
        }
        match &entry.event {
            Event::TransferOffered(event) => self.transfer_offered(entry.seq, event),
            Event::TransferWithdrawn(event) => self.transfer_withdrawn(event),
            Event::TransferReleased(event) => self.transfer_released(entry.seq, event),
            Event::TransferReceived(event) => self.transfer_received(event),
            Event::SessionOpened(event) => self.session_opened(entry, event),
            Event::SessionEnded(event) => self.session_ended(event),
            Event::SessionChanged(event) => self.session_changed(event),
            Event::SessionBound(event) => self.session_bound(event),
            Event::RunSubmitted(event) => self.run_submitted(entry, event),
            Event::RunStarted(event) => self.run_started(entry, event),
            Event::RunPaused(event) => self.run_paused(event),
            Event::RunWaiting(event) => self.run_waits(event.run),
            Event::RunResumed(event) => self.run_resumed(event.run),
            Event::RunCancelRequested(event) => self.cancel_requested(event),
            Event::RunEnded(event) => self.run_ended(entry, event),
            Event::RunSteered(event) => self.run_steered(entry, event),
            Event::StepIntended(event) => self.step_intended(entry, event),
            Event::StepAttempted(event) => self.step_attempted(entry, event),
            Event::StepLanded(event) => self.step_landed(entry, event),
            Event::StepFailed(event) => self.step_failed(entry, event),
            Event::StepInDoubt(event) => self.step_in_doubt(entry, event),
            Event::StepResolved(event) => self.step_resolved(entry, event),
            Event::StepLate(event) => {
                self.remote_late(event);
                self.known(event.run).map(drop)
            }
            Event::RunClaimed(event) => self.run_claimed(event),
            Event::RunReleased(event) => self.run_released(event),
            Event::StepCharged(event) => self.step_charged(event),
            Event::StepRecorded(event) => self.step_recorded(entry, event),
            Event::StepRefused(event) => self.step_refused(entry, event),
            Event::StepAsked(event) => self.step_asked(event),
            Event::CallAssessed(event) => self.call_assessed(event),
            Event::StepCancelled(event) => self.step_cancelled(event.run, event.step),
            Event::TurnLanded(event) => self.turn_landed(entry, event),
            Event::ApprovalRequested(event) => self.approval_requested(entry, event),
            Event::ApprovalDecided(event) => self.approval_decided(entry, event),
            Event::ApprovalClosed(event) => self.approval_closed(event),
            Event::ApprovalHanded(event) => self.approval_handed(entry, event),
            Event::ArtifactRegistered(event) => self.artifact_registered(event),
            Event::ArtifactMoved(event) => self.artifact_moved(event),
            Event::TaskCreated(event) => self.task_created(entry, event),
            Event::TaskChanged(event) => self.task_changed(entry, event),
            Event::TaskMoved(event) => self.task_moved(entry, event),
            Event::TodoCreated(event) => self.todo_created(entry, event),
            Event::TodoChanged(event) => self.todo_changed(entry, event),
            Event::HandoffOffered(event) => self.handoff_offered(entry, event),
            Event::HandoffAccepted(event) => self.handoff_accepted(entry, event),
            Event::HandoffClosed(event) => self.handoff_closed(entry, event),
            Event::CheckpointMade(event) => self.checkpoint_made(entry, event.checkpoint),
            Event::SessionResumed(event) => self.session_resumed(event),
            Event::RowBrought(event) => self.row_brought(entry, event),
            Event::MemorySaved(event) => self.memory_saved(event),
            Event::MemoryCleared(event) => self.memory_cleared(event),
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
            | Event::AccessDenied(_) => Err("it belongs to a ledger".to_owned()),
        }
    }

    fn session_opened(&mut self, entry: &Entry, event: &SessionOpened) -> Folded {
        if self.opened.is_some() {
            return Err("the session is open already".to_owned());
        }
        let owner = handoff::first_owner(entry, &event.product, &event.user);
        self.owners = vec![Owned { since: 0, owner, handoff: None }];
        self.opened = Some(event.clone());
        self.opened_at = entry.at;
        Ok(())
    }

    fn session_ended(&mut self, event: &SessionEnded) -> Folded {
        legal(self.may_become(event.status), self.status(), event.status)?;
        if let Some(run) = self.live.first() {
            return Err(format!("run `{run}` has not ended"));
        }
        self.ended = Some(event.status);
        Ok(())
    }

    fn session_changed(&mut self, event: &SessionChanged) -> Folded {
        let opened = self.opened.as_mut().ok_or("the session is not open")?;
        opened.title.clone_from(&event.title);
        opened.workspace = event.workspace;
        opened.memory.clone_from(&event.memory);
        opened.input_policy = event.input_policy;
        Ok(())
    }

    fn session_bound(&mut self, event: &SessionBound) -> Folded {
        match &self.binding {
            Some(known) => Err(format!("the session is bound to `{}`", known.name)),
            None => {
                self.binding = Some(event.clone());
                Ok(())
            }
        }
    }

    fn run_submitted(&mut self, entry: &Entry, event: &RunSubmitted) -> Folded {
        if self.runs.contains_key(&event.run) {
            return Err(format!("run `{}` was submitted already", event.run));
        }
        if let Some(status) = self.ended {
            return Err(format!("the session is {status}"));
        }
        if let Some(parent) = event.parent {
            self.progress_mut(parent)?;
        }
        let run = Run {
            id: event.run,
            parent: event.parent,
            task: event.task,
            work: event.work.clone(),
            trigger: event.trigger,
            policy: event.policy,
            limits: event.limits,
            request: event.request,
            status: RunStatus::Queued,
            created_at: entry.at,
            started_at: None,
            submitted_seq: entry.seq,
            submitted_event: entry.event_id,
            usage: Usage::default(),
            stage: Stage::Live(Box::new(Progress {
                refused: event.refused,
                ..Progress::default()
            })),
            memory: event.memory,
            approvers: event.approvers.clone(),
            attempt: event.attempt,
            tools: event.tools,
            model: event.model.clone(),
            policy_version: None,
            scheduled: event.scheduled,
        };
        if let Some(task) = event.task {
            self.task_taken(task, event.run)?;
        }
        if event.parent.is_none() {
            // an agent that works in a session nobody claimed has claimed it
            self.binding = self.binding.take().or_else(|| bound_by(&event.work));
            let place = self.place_in_order(event.policy);
            self.order.insert(place, event.run);
        }
        self.remote_submitted(event);
        self.live.push(event.run);
        self.runs.insert(event.run, run);
        Ok(())
    }

    /// An interrupting run goes right after the one it interrupts, any other to the end.
    fn place_in_order(&self, policy: InputPolicy) -> usize {
        match policy {
            InputPolicy::Interrupt => usize::from(self.current_root().is_some()),
            InputPolicy::Queue | InputPolicy::Reject | InputPolicy::Steer => self.order.len(),
        }
    }

    fn run_started(&mut self, entry: &Entry, event: &RunStarted) -> Folded {
        let run = self.run_mut(event.run)?;
        let root = run.parent.is_none();
        run.started_at = Some(entry.at);
        if root && self.order.first() != Some(&event.run) {
            return Err("another root run goes first".to_owned());
        }
        self.run_moves(event.run, RunStatus::Running)
    }

    fn run_paused(&mut self, event: &RunPaused) -> Folded {
        self.run_moves(event.run, RunStatus::Paused)?;
        self.checkpoint_due(event.run, CheckpointCause::Pause)?;
        self.progress_mut(event.run)?.halted |= event.cause == PauseCause::Operator;
        Ok(())
    }

    fn run_waits(&mut self, run: RunId) -> Folded {
        self.run_moves(run, RunStatus::WaitingApproval)?;
        self.checkpoint_due(run, CheckpointCause::WaitingApproval)
    }

    fn run_resumed(&mut self, run: RunId) -> Folded {
        self.run_moves(run, RunStatus::Running)?;
        self.progress_mut(run)?.halted = false;
        Ok(())
    }

    fn run_moves(&mut self, run: RunId, to: RunStatus) -> Folded {
        let run = self.run_mut(run)?;
        legal(machine::run::may(run.status, to), run.status, to)?;
        run.status = to;
        Ok(())
    }

    fn cancel_requested(&mut self, event: &RunCancelRequested) -> Folded {
        legal_end(event.stop_reason, RunStatus::Cancelled)?;
        let cancel = &mut self.progress_mut(event.run)?.cancel;
        if cancel.is_some() {
            return Err("its end was asked for already".to_owned());
        }
        *cancel = Some(Cancelling { stop_reason: event.stop_reason, landed_after: 0 });
        Ok(())
    }

    fn run_ended(&mut self, entry: &Entry, event: &RunEnded) -> Folded {
        let remote = remote::result_of(self, self.known(event.run)?);
        let run = self.run_mut(event.run)?;
        legal(machine::run::may(run.status, event.status), run.status, event.status)?;
        legal_end(event.stop_reason, event.status)?;
        let left = leave(run.progress_mut().ok_or("the run has ended")?)?;
        let said = if run.is_agent() { run.said() } else { Vec::new() };
        let progress = run.progress_mut().ok_or("the run has ended")?;
        let ending = Ending {
            stop_reason: event.stop_reason,
            at: entry.at,
            seq: entry.seq,
            last_turn_seq: progress.turns.iter().rev().find_map(|turn| turn.seq).or(remote),
            error_class: event.error_class,
            error_code: event.error_code.clone(),
            receipt: event.receipt,
            turns: progress.turns.len() as u32,
            error_seq: error_seq(entry, event, progress)
                .or(remote.filter(|_| event.error_class.is_some())),
            said,
        };
        run.status = event.status;
        run.usage = event.usage;
        run.stage = Stage::Ended(ending);
        let parent = run.parent;
        self.checkpoint_due(event.run, CheckpointCause::RunEnd)?;
        self.doubts.extend(left);
        self.order.retain(|known| *known != event.run);
        self.live.retain(|known| *known != event.run);
        if let Some(parent) =
            parent.and_then(|parent| self.runs.get_mut(&parent)).and_then(Run::progress_mut)
        {
            let with_it = parent.cancel.is_some() && event.stop_reason == StopReason::Aborted;
            parent.children_ended += u64::from(with_it);
        }
        Ok(())
    }

    fn run_steered(&mut self, entry: &Entry, event: &RunSteered) -> Folded {
        self.progress_mut(event.run)?.steered.push(entry.seq);
        if let Some(keyed) = event.keyed {
            let steered = Steered { run: event.run, request: keyed.request };
            self.steered.insert(keyed.submission, steered);
        }
        Ok(())
    }

    fn artifact_registered(&mut self, event: &ArtifactRegistered) -> Folded {
        if !matches!(event.state, ArtifactState::Pending | ArtifactState::Ready) {
            return Err(format!("an artifact is not registered as {}", event.state));
        }
        if let Some(parent) = event.parents.iter().find(|parent| **parent == event.artifact) {
            return Err(format!("artifact `{parent}` cannot be made from itself"));
        }
        match self.artifacts.insert(event.artifact, event.state) {
            None => Ok(()),
            Some(_) => Err(format!("artifact `{}` was registered already", event.artifact)),
        }
    }

    fn artifact_moved(&mut self, event: &ArtifactMoved) -> Folded {
        let state = self.artifacts.get_mut(&event.artifact).ok_or("no such artifact")?;
        legal(machine::artifact::may(*state, event.state), *state, event.state)?;
        *state = event.state;
        Ok(())
    }

    fn memory_cleared(&mut self, event: &MemoryCleared) -> Folded {
        self.next_memory(event.version)?;
        if let Some(run) = self.current_root() {
            return Err(format!("memory is cleared while run `{}` reads it", run.id));
        }
        self.memory_version = event.version;
        self.memory.clear();
        self.brought = None;
        Ok(())
    }

    /// A session says so right after it was opened: what was said in it is the beginning of its memory.
    fn row_brought(&mut self, entry: &Entry, event: &RowBrought) -> Folded {
        match event.row.kind {
            LegacyKind::Artifact => Ok(()),
            LegacyKind::Session if self.seq == 1 => {
                if event.messages > 0 {
                    self.memory_version = 1;
                    self.brought = Some(BroughtMemory { seq: entry.seq, messages: event.messages });
                }
                Ok(())
            }
            LegacyKind::Session => Err("it does not follow the session's opening".to_owned()),
            LegacyKind::Project | LegacyKind::Workspace | LegacyKind::Agent => {
                Err("it belongs to a ledger".to_owned())
            }
        }
    }

    fn next_memory(&self, version: u64) -> Folded {
        if version != self.memory_version + 1 {
            return Err(format!("memory version {version} follows {}", self.memory_version));
        }
        Ok(())
    }

    fn memory_saved(&mut self, event: &MemorySaved) -> Folded {
        self.next_memory(event.version)?;
        self.progress_mut(event.run)?.memory_saved = true;
        self.memory_version = event.version;
        self.memory.push(event.run);
        Ok(())
    }

    fn known(&self, run: RunId) -> Result<&Run, String> {
        self.runs.get(&run).ok_or_else(|| format!("no run `{run}`"))
    }

    pub(super) fn run_mut(&mut self, run: RunId) -> Result<&mut Run, String> {
        self.runs.get_mut(&run).ok_or_else(|| format!("no run `{run}`"))
    }

    pub(super) fn progress_mut(&mut self, run: RunId) -> Result<&mut Progress, String> {
        self.run_mut(run)?.progress_mut().ok_or_else(|| format!("run `{run}` has ended"))
    }
}

fn bound_by(work: &Work) -> Option<SessionBound> {
    match work {
        Work::Agent { agent, version, name } => Some(SessionBound {
            agent: *agent,
            name: name.clone(),
            version: *version,
            external_id: None,
        }),
        Work::Intent { .. } => None,
    }
}

fn legal(may: bool, from: impl Display, to: impl Display) -> Folded {
    if may { Ok(()) } else { Err(format!("`{from}` cannot become `{to}`")) }
}

/// Where a failed run's error stands: beside its end, or beside the model call that failed.
fn error_seq(entry: &Entry, event: &RunEnded, progress: &Progress) -> Option<u64> {
    event.error_class?;
    if entry.payload.is_some() {
        Some(entry.seq)
    } else {
        progress.model_failed.map(|(_, seq)| seq)
    }
}

fn legal_end(reason: StopReason, status: RunStatus) -> Folded {
    if reason.status() == status {
        Ok(())
    } else {
        Err(format!("`{reason}` does not end in `{status}`"))
    }
}

/// What a run leaves behind: its steps in doubt. Nothing else may be open at its end.
fn leave(progress: &mut Progress) -> Result<Vec<(StepId, Doubt)>, String> {
    if let Some(approval) = progress.asked().next() {
        return Err(format!("approval `{approval}` is open"));
    }
    let mut left = Vec::new();
    for (step, open) in std::mem::take(&mut progress.open) {
        let Stand::InDoubt(doubt) = open.stand else {
            return Err(format!("step `{step}` is open"));
        };
        if let (StepKind::Tool, Some(site)) = (open.kind, open.site) {
            call_mut(progress, site)?.outcome = CallOutcome::Doubtful;
        }
        left.push((step, doubt));
    }
    Ok(left)
}

fn call_mut(progress: &mut Progress, site: CallSite) -> Result<&mut Call, String> {
    let turn = (site.turn as usize).checked_sub(1).and_then(|turn| progress.turns.get_mut(turn));
    turn.and_then(|turn| turn.calls.get_mut(site.index as usize))
        .ok_or_else(|| format!("turn {} has no call {}", site.turn, site.index))
}
