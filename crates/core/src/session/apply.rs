//! The fold: one entry onto the state, the same live, in recovery and in replay.
//!
//! A released event's fold is frozen: new meaning is a new event.

use super::run::{
    Call, CallOutcome, Cancelling, Doubt, Ending, Memo, OpenStep, Progress, Run, Stage, Stand, Turn,
};
use super::state::{Approval, SessionState};
use crate::{Illegal, machine};
use std::fmt::Display;
use tenure_contract::event::*;
use tenure_contract::words::{
    ApprovalKind, ApprovalStatus, ArtifactState, CallRefusal, InputPolicy, PauseCause, Resolution, RunStatus, StepKind, StopReason,
};
use tenure_contract::{ApprovalId, Entry, RunId, StepId};

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
        Ok(())
    }

    fn fold(&mut self, entry: &Entry) -> Folded {
        if self.opened.is_none() && !matches!(entry.event, Event::SessionOpened(_)) {
            return Err("the session is not open".to_owned());
        }
        match &entry.event {
            Event::SessionOpened(event) => self.session_opened(entry, event),
            Event::SessionEnded(event) => self.session_ended(event),
            Event::RunSubmitted(event) => self.run_submitted(entry, event),
            Event::RunStarted(event) => self.run_started(entry, event),
            Event::RunPaused(event) => self.run_paused(event),
            Event::RunWaiting(event) => self.run_moves(event.run, RunStatus::WaitingApproval),
            Event::RunResumed(event) => self.run_resumed(event.run),
            Event::RunCancelRequested(event) => self.cancel_requested(event),
            Event::RunEnded(event) => self.run_ended(entry, event),
            Event::RunSteered(event) => self.run_steered(entry, event),
            Event::StepIntended(event) => self.step_intended(entry, event),
            Event::StepAttempted(event) => self.step_attempted(event),
            Event::StepLanded(event) => self.step_landed(entry, event),
            Event::StepFailed(event) => self.step_failed(entry, event),
            Event::StepInDoubt(event) => self.step_in_doubt(entry, event),
            Event::StepResolved(event) => self.step_resolved(entry, event),
            Event::StepLate(event) => self.known(event.run).map(drop),
            Event::StepRecorded(event) => self.step_recorded(entry, event),
            Event::StepCancelled(event) => self.step_cancelled(event.run, event.step),
            Event::TurnLanded(event) => self.turn_landed(entry, event),
            Event::ApprovalRequested(event) => self.approval_requested(entry, event),
            Event::ApprovalDecided(event) => self.approval_decided(entry, event),
            Event::ApprovalClosed(event) => self.approval_closed(event),
            Event::ArtifactRegistered(event) => self.artifact_registered(event),
            Event::ArtifactMoved(event) => self.artifact_moved(event),
            Event::MemorySaved(event) => self.memory_saved(event),
            Event::TenantOpened(_)
            | Event::AgentRegistered(_)
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::AccessDenied(_) => Err("it belongs to a ledger".to_owned()),
        }
    }

    fn session_opened(&mut self, entry: &Entry, event: &SessionOpened) -> Folded {
        if self.opened.is_some() {
            return Err("the session is open already".to_owned());
        }
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
            stage: Stage::Live(Box::default()),
            memory: event.memory,
            approvers: event.approvers.clone(),
        };
        if event.parent.is_none() {
            let place = self.place_in_order(event.policy);
            self.order.insert(place, event.run);
        }
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
        self.progress_mut(event.run)?.halted |= event.cause == PauseCause::Operator;
        Ok(())
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
            last_turn_seq: progress.turns.iter().rev().find_map(|turn| turn.seq),
            error_class: event.error_class,
            error_code: event.error_code.clone(),
            receipt: event.receipt,
            turns: progress.turns.len() as u32,
            error_seq: error_seq(entry, event, progress),
            said,
        };
        run.status = event.status;
        run.usage = event.usage;
        run.stage = Stage::Ended(ending);
        let parent = run.parent;
        self.doubts.extend(left);
        self.order.retain(|known| *known != event.run);
        self.live.retain(|known| *known != event.run);
        if let Some(parent) = parent.and_then(|parent| self.runs.get_mut(&parent)).and_then(Run::progress_mut) {
            let with_it = parent.cancel.is_some() && event.stop_reason == StopReason::Aborted;
            parent.children_ended += u64::from(with_it);
        }
        Ok(())
    }

    fn run_steered(&mut self, entry: &Entry, event: &RunSteered) -> Folded {
        self.progress_mut(event.run)?.steered.push(entry.seq);
        Ok(())
    }

    fn step_intended(&mut self, entry: &Entry, event: &StepIntended) -> Folded {
        self.may_begin(event.run)?;
        let edited_seq = match event.approval {
            Some(approval) => self.consume(approval, event)?,
            None => None,
        };
        let open = OpenStep {
            name: event.name.clone(),
            kind: event.kind,
            class: event.class,
            attempt: 1,
            timeout_ms: event.timeout_ms,
            site: event.site,
            has_lookup: event.has_lookup,
            stand: Stand::Intended,
            since: entry.at,
            edited_seq,
        };
        self.charge(event.run, event.kind)?;
        let progress = self.progress_mut(event.run)?;
        match event.kind {
            StepKind::Model => begin_turn(progress, event.step)?,
            StepKind::Tool => begin_call(progress, event)?,
            StepKind::Substep
            | StepKind::Wait
            | StepKind::Retrieval
            | StepKind::Delegation
            | StepKind::StateWrite => {
                let memo = Memo { step: event.step, input: event.input, result_seq: None, failed: false };
                if progress.memo.insert(event.name.clone(), memo).is_some() {
                    return Err(format!("substep `{}` was intended already", event.name));
                }
            }
        }
        match progress.open.insert(event.step, open) {
            None => Ok(()),
            Some(_) => Err(format!("step `{}` was intended already", event.step)),
        }
    }

    /// Only a running run begins anything; a committed cancel wins over what has not begun.
    fn may_begin(&self, run: RunId) -> Folded {
        let run = self.known(run)?;
        match run.progress() {
            Some(progress) if run.status == RunStatus::Running && progress.cancel.is_none() => Ok(()),
            _ => Err(format!("run `{}` takes no further step", run.id)),
        }
    }

    /// Uses an approval up for one step's intent (`APR-4`).
    fn consume(&mut self, id: ApprovalId, event: &StepIntended) -> Result<Option<u64>, String> {
        let approval = self.approvals.get_mut(&id).ok_or_else(|| format!("no approval `{id}`"))?;
        if approval.status != ApprovalStatus::Approved || approval.consumed {
            return Err(format!("approval `{id}` is not there to be used"));
        }
        if approval.run != Some(event.run) || approval.site != event.site || approval.action != event.input {
            return Err(format!("approval `{id}` is for another action"));
        }
        approval.consumed = true;
        let site = event.site.ok_or("an approved step names its call")?;
        match call_mut(self.progress_mut(event.run)?, site)?.outcome {
            CallOutcome::Approved { approval, edited_seq } if approval == id => Ok(edited_seq),
            _ => Err(format!("the call does not wait for approval `{id}`")),
        }
    }

    /// One more durable step, for the run and everything above it.
    fn charge(&mut self, run: RunId, kind: StepKind) -> Folded {
        let mut at = Some(run);
        while let Some(id) = at {
            let run = self.run_mut(id)?;
            run.usage.steps += 1;
            run.usage.model_calls += u64::from(kind == StepKind::Model);
            run.usage.tool_calls += u64::from(kind == StepKind::Tool);
            at = run.parent;
        }
        Ok(())
    }

    fn charge_tokens(&mut self, run: RunId, tokens: TokensUsed) -> Folded {
        let mut at = Some(run);
        while let Some(id) = at {
            let run = self.run_mut(id)?;
            run.usage.input_tokens += tokens.input;
            run.usage.output_tokens += tokens.output;
            at = run.parent;
        }
        Ok(())
    }

    fn step_attempted(&mut self, event: &StepAttempted) -> Folded {
        let open = self.open_mut(event.run, event.step)?;
        if event.attempt != open.attempt + 1 {
            return Err(format!("attempt {} follows attempt {}", event.attempt, open.attempt));
        }
        certain(open)?;
        open.attempt = event.attempt;
        open.stand = Stand::Intended;
        if open.kind != StepKind::Model {
            return Ok(());
        }
        let mut at = Some(event.run);
        while let Some(id) = at {
            let run = self.run_mut(id)?;
            run.usage.model_calls += 1;
            at = run.parent;
        }
        Ok(())
    }

    fn step_landed(&mut self, entry: &Entry, event: &StepLanded) -> Folded {
        let open = self.answered(event.run, event.step, event.attempt)?;
        if open.kind == StepKind::Model {
            return Err("a model call lands as a turn".to_owned());
        }
        self.keep_result(entry, event.run, event.step, true)
    }

    fn step_failed(&mut self, entry: &Entry, event: &StepFailed) -> Folded {
        self.answered(event.run, event.step, event.attempt)?;
        if let Some(tokens) = event.tokens {
            self.charge_tokens(event.run, tokens)?;
        }
        let open = self.open_mut(event.run, event.step)?;
        if let Some(at) = event.retry_at {
            open.stand = Stand::RetryAt(at);
            return Ok(());
        }
        if open.kind == StepKind::Model {
            self.settle(event.run, event.step)?;
            self.progress_mut(event.run)?.model_failed = Some((event.class, entry.seq));
            return Ok(());
        }
        self.keep_result(entry, event.run, event.step, false)
    }

    /// The open step an answer is for: that attempt's, and not in doubt, since doubt ends by a
    /// resolution only.
    fn answered(&mut self, run: RunId, step: StepId, attempt: u32) -> Result<&OpenStep, String> {
        let open = self.open_mut(run, step)?;
        certain(open)?;
        if open.attempt != attempt {
            return Err(format!("attempt {attempt} answers, attempt {} is under way", open.attempt));
        }
        Ok(open)
    }

    fn keep_result(&mut self, entry: &Entry, run: RunId, step: StepId, landed: bool) -> Folded {
        let open = self.settle(run, step)?;
        let outcome = if landed { CallOutcome::Landed(entry.seq) } else { CallOutcome::Failed(entry.seq) };
        settle_result(self.progress_mut(run)?, &open, outcome, entry.seq, !landed)
    }

    fn step_in_doubt(&mut self, entry: &Entry, event: &StepInDoubt) -> Folded {
        let doubt = Doubt {
            cause: event.cause,
            travelling_until: event.travelling_until,
            since: entry.at,
            run: event.run,
        };
        let open = self.open_mut(event.run, event.step)?;
        if matches!(open.stand, Stand::InDoubt(_)) {
            return Err("the step is in doubt already".to_owned());
        }
        open.stand = Stand::InDoubt(doubt);
        Ok(())
    }

    fn step_resolved(&mut self, entry: &Entry, event: &StepResolved) -> Folded {
        if self.doubts.remove(&event.step).is_some() {
            return Ok(());
        }
        let open = self.open_mut(event.run, event.step)?;
        if !matches!(open.stand, Stand::InDoubt(_)) {
            return Err("the step is not in doubt".to_owned());
        }
        match event.resolution {
            // the attempt follows as an entry of its own
            Resolution::Retry => {
                open.stand = Stand::Intended;
                Ok(())
            }
            Resolution::Landed => self.keep_result(entry, event.run, event.step, true),
            Resolution::DidNotHappen => self.keep_result(entry, event.run, event.step, false),
        }
    }

    fn step_recorded(&mut self, entry: &Entry, event: &StepRecorded) -> Folded {
        self.may_begin(event.run)?;
        self.charge(event.run, event.kind)?;
        let memo = Memo {
            step: event.step,
            input: event.input,
            result_seq: Some(entry.seq),
            failed: event.failed,
        };
        match self.progress_mut(event.run)?.memo.insert(event.name.clone(), memo) {
            None => Ok(()),
            Some(_) => Err(format!("substep `{}` was recorded already", event.name)),
        }
    }

    /// A step given up never was: its call is told so, its name is free again, its turn is undone.
    fn step_cancelled(&mut self, run: RunId, step: StepId) -> Folded {
        certain(self.open_mut(run, step)?)?;
        let progress = self.progress_mut(run)?;
        let open = progress.open.remove(&step).ok_or("the step is not open")?;
        progress.stopped += u64::from(progress.cancel.is_some());
        match (open.kind, open.site) {
            (StepKind::Tool, Some(site)) => call_mut(progress, site)?.outcome = CallOutcome::Cancelled,
            (StepKind::Model, _) => {
                let turn = progress.turns.pop().filter(|turn| turn.step == step).ok_or("no such turn")?;
                progress.steered.splice(0..0, turn.steered);
            }
            _ => {
                progress.memo.remove(&open.name);
            }
        }
        Ok(())
    }

    fn turn_landed(&mut self, entry: &Entry, event: &TurnLanded) -> Folded {
        self.answered(event.run, event.step, event.attempt)?;
        self.settle(event.run, event.step)?;
        self.charge_tokens(event.run, event.tokens)?;
        let progress = self.progress_mut(event.run)?;
        let turn = progress.turns.last_mut().filter(|turn| turn.step == event.step).ok_or("no such turn")?;
        turn.seq = Some(entry.seq);
        turn.policy.clone_from(&event.policy);
        turn.calls = event
            .calls
            .iter()
            .map(|noted| Call {
                noted: noted.clone(),
                outcome: match noted.verdict {
                    CallVerdict::Refuse { why } => CallOutcome::Refused(why),
                    CallVerdict::Permit | CallVerdict::Ask { .. } | CallVerdict::AskHuman { .. } => CallOutcome::Open,
                },
            })
            .collect();
        Ok(())
    }

    fn approval_requested(&mut self, entry: &Entry, event: &ApprovalRequested) -> Folded {
        let approval = Approval {
            kind: event.kind,
            run: event.run,
            site: event.site,
            action: event.action,
            status: ApprovalStatus::Requested,
            approvers: event.approvers.clone(),
            expires_at: event.expires_at,
            requested_at: entry.at,
            increment: event.increment,
            requested_seq: entry.seq,
            consumed: false,
        };
        if let Some(run) = event.run {
            let progress = self.progress_mut(run)?;
            match event.site {
                Some(site) => call_mut(progress, site)?.outcome = CallOutcome::Asked(event.approval),
                None if event.kind == ApprovalKind::Budget => progress.budget_asked = Some(event.approval),
                None => {}
            }
        }
        self.asked.insert(event.approval);
        match self.approvals.insert(event.approval, approval) {
            None => Ok(()),
            Some(_) => Err(format!("approval `{}` was requested already", event.approval)),
        }
    }

    fn approval_decided(&mut self, entry: &Entry, event: &ApprovalDecided) -> Folded {
        let approval = self.close(event.approval, event.status)?;
        if let Some(edited) = event.edited {
            self.approvals.entry(event.approval).and_modify(|known| known.action = edited);
        }
        let approved = event.status == ApprovalStatus::Approved;
        let outcome = match approval.kind {
            ApprovalKind::Question if approved => CallOutcome::Answered(entry.seq),
            _ if approved => {
                let edited_seq = event.edited.map(|_| entry.seq);
                CallOutcome::Approved { approval: event.approval, edited_seq }
            }
            _ => CallOutcome::Denied(entry.seq),
        };
        self.tell(&approval, outcome, approved)
    }

    fn approval_closed(&mut self, event: &ApprovalClosed) -> Folded {
        let approval = self.close(event.approval, event.status)?;
        let outcome = match event.status {
            ApprovalStatus::Expired => CallOutcome::Refused(CallRefusal::ApprovalExpired),
            _ => CallOutcome::Cancelled,
        };
        self.tell(&approval, outcome, false)
    }

    fn close(&mut self, id: ApprovalId, status: ApprovalStatus) -> Result<Approval, String> {
        let approval = self.approvals.get_mut(&id).ok_or_else(|| format!("no approval `{id}`"))?;
        legal(machine::approval::may(approval.status, status), approval.status, status)?;
        approval.status = status;
        self.asked.remove(&id);
        Ok(approval.clone())
    }

    /// Tells the waiting call, or the budget, what was decided.
    fn tell(&mut self, approval: &Approval, outcome: CallOutcome, approved: bool) -> Folded {
        let Some(run) = approval.run else { return Ok(()) };
        if let Some(increment) = approval.increment.filter(|_| approved) {
            self.raise(run, increment)?;
        }
        let Some(progress) = self.run_mut(run)?.progress_mut() else { return Ok(()) };
        match approval.site {
            Some(site) => call_mut(progress, site)?.outcome = outcome,
            None if approval.kind == ApprovalKind::Budget => {
                progress.budget_asked = None;
                progress.budget_denied = !approved;
            }
            None => {}
        }
        Ok(())
    }

    /// Raises every budget the run is held up by: its own and those of the runs above it.
    fn raise(&mut self, run: RunId, increment: u64) -> Folded {
        let mut at = Some(run);
        while let Some(id) = at {
            let run = self.run_mut(id)?;
            if run.usage.steps >= run.limits.budget_steps {
                run.limits.budget_steps = run.limits.budget_steps.saturating_add(increment);
            }
            at = run.parent;
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

    fn memory_saved(&mut self, event: &MemorySaved) -> Folded {
        if event.version != self.memory_version + 1 {
            return Err(format!("memory version {} follows {}", event.version, self.memory_version));
        }
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

    fn open_mut(&mut self, run: RunId, step: StepId) -> Result<&mut OpenStep, String> {
        self.progress_mut(run)?.open.get_mut(&step).ok_or_else(|| format!("step `{step}` is not open"))
    }

    /// Takes a step out of the open ones; counts it if an end was asked for.
    fn settle(&mut self, run: RunId, step: StepId) -> Result<OpenStep, String> {
        let progress = self.progress_mut(run)?;
        let open = progress.open.remove(&step).ok_or_else(|| format!("step `{step}` is not open"))?;
        if let Some(cancel) = &mut progress.cancel {
            cancel.landed_after += 1;
        }
        Ok(open)
    }
}

fn legal(may: bool, from: impl Display, to: impl Display) -> Folded {
    if may { Ok(()) } else { Err(format!("`{from}` cannot become `{to}`")) }
}

/// Where a failed run's error stands: beside its end, or beside the model call that failed.
fn error_seq(entry: &Entry, event: &RunEnded, progress: &Progress) -> Option<u64> {
    event.error_class?;
    if entry.payload.is_some() { Some(entry.seq) } else { progress.model_failed.map(|(_, seq)| seq) }
}

fn legal_end(reason: StopReason, status: RunStatus) -> Folded {
    if reason.status() == status { Ok(()) } else { Err(format!("`{reason}` does not end in `{status}`")) }
}

/// Doubt ends by a resolution only.
fn certain(open: &OpenStep) -> Folded {
    match open.stand {
        Stand::InDoubt(_) => Err("the step is in doubt".to_owned()),
        Stand::Intended | Stand::RetryAt(_) => Ok(()),
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

/// A call's step begins: it was permitted, or this very intent consumed its approval.
fn begin_call(progress: &mut Progress, event: &StepIntended) -> Folded {
    let call = call_mut(progress, event.site.ok_or("a tool step names its call")?)?;
    let permitted = match call.outcome {
        CallOutcome::Open => call.noted.verdict == CallVerdict::Permit && call.noted.action == event.input,
        CallOutcome::Approved { approval, .. } => event.approval == Some(approval),
        _ => false,
    };
    if !permitted {
        return Err(format!("call `{}` may not begin", call.noted.call_id));
    }
    call.outcome = CallOutcome::Performing(event.step);
    Ok(())
}

fn begin_turn(progress: &mut Progress, step: StepId) -> Folded {
    if progress.turns.last().is_some_and(|turn| turn.seq.is_none()) {
        return Err("the turn before has not landed".to_owned());
    }
    let steered = std::mem::take(&mut progress.steered);
    progress.turns.push(Turn { step, seq: None, calls: Vec::new(), steered, policy: String::new() });
    Ok(())
}

fn call_mut(progress: &mut Progress, site: CallSite) -> Result<&mut Call, String> {
    let turn = (site.turn as usize).checked_sub(1).and_then(|turn| progress.turns.get_mut(turn));
    turn.and_then(|turn| turn.calls.get_mut(site.index as usize))
        .ok_or_else(|| format!("turn {} has no call {}", site.turn, site.index))
}

/// Writes a settled step's result where its asker looks for it.
fn settle_result(
    progress: &mut Progress,
    open: &OpenStep,
    outcome: CallOutcome,
    seq: u64,
    failed: bool,
) -> Folded {
    match (open.kind, open.site) {
        (StepKind::Tool, Some(site)) => call_mut(progress, site)?.outcome = outcome,
        (StepKind::Model, _) => {}
        _ => {
            let memo = progress.memo.get_mut(&open.name).ok_or("no such substep")?;
            memo.result_seq = Some(seq);
            memo.failed = failed;
        }
    }
    Ok(())
}
