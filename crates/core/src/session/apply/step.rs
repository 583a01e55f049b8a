//! Folding what happens to a step: its intent, its attempts, its end, and an agent's turns.

use super::{Folded, call_mut};
use crate::session::run::{
    Call, CallOutcome, Doubt, Memo, OpenStep, Progress, Stand, Turn, Unbilled,
};
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::words::{Resolution, RunStatus, StepKind};
use tenure_contract::{Entry, PolicyVersion, RunId, StepId};

impl SessionState {
    pub(super) fn step_intended(&mut self, entry: &Entry, event: &StepIntended) -> Folded {
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
            lost: None,
            begun_seq: entry.seq,
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
                let memo =
                    Memo { step: event.step, input: event.input, result_seq: None, failed: false };
                if progress.memo.insert(event.name.clone(), memo).is_some() {
                    return Err(format!("substep `{}` was intended already", event.name));
                }
                self.remote_intended(event.run, event.step);
            }
        }
        match self.progress_mut(event.run)?.open.insert(event.step, open) {
            None => Ok(()),
            Some(_) => Err(format!("step `{}` was intended already", event.step)),
        }
    }

    /// Only a running run begins anything; a committed cancel wins over what has not begun.
    fn may_begin(&self, run: RunId) -> Folded {
        let run = self.known(run)?;
        match run.progress() {
            Some(progress) if run.status == RunStatus::Running && progress.cancel.is_none() => {
                Ok(())
            }
            _ => Err(format!("run `{}` takes no further step", run.id)),
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

    pub(super) fn step_attempted(&mut self, entry: &Entry, event: &StepAttempted) -> Folded {
        let open = self.open_mut(event.run, event.step)?;
        if event.attempt != open.attempt + 1 {
            return Err(format!("attempt {} follows attempt {}", event.attempt, open.attempt));
        }
        certain(open)?;
        // one that waited for its time was charged when it failed, or is owed since then
        let is_lost = open.stand == Stand::Intended;
        open.attempt = event.attempt;
        open.begun_seq = entry.seq;
        open.stand = Stand::Intended;
        open.lost = open.lost.or(event.cause);
        if open.kind != StepKind::Model {
            return Ok(());
        }
        if is_lost {
            self.owe(event.run, event.step, event.attempt - 1);
        }
        let mut at = Some(event.run);
        while let Some(id) = at {
            let run = self.run_mut(id)?;
            run.usage.model_calls += 1;
            at = run.parent;
        }
        Ok(())
    }

    fn owe(&mut self, run: RunId, step: StepId, attempt: u32) {
        self.unbilled.insert(Unbilled { run, step, attempt });
    }

    /// What an attempt nobody waits for cost counts in its run and above, ended or not.
    pub(super) fn step_charged(&mut self, event: &StepCharged) -> Folded {
        let StepCharged { run, step, attempt, tokens } = *event;
        if !self.unbilled.remove(&Unbilled { run, step, attempt }) {
            return Err(format!("attempt {attempt} of step `{step}` is charged, or under way"));
        }
        self.charge_tokens(run, tokens)
    }

    pub(super) fn step_landed(&mut self, entry: &Entry, event: &StepLanded) -> Folded {
        let open = self.answered(event.run, event.step, event.attempt)?;
        if open.kind == StepKind::Model {
            return Err("a model call lands as a turn".to_owned());
        }
        self.remote_answered(event.run);
        self.keep_result(entry, event.run, event.step, true)
    }

    pub(super) fn step_failed(&mut self, entry: &Entry, event: &StepFailed) -> Folded {
        self.answered(event.run, event.step, event.attempt)?;
        self.remote_answered(event.run);
        let open = self.open_mut(event.run, event.step)?;
        open.lost = open.lost.or(event.lost);
        let is_model = open.kind == StepKind::Model;
        match event.tokens {
            Some(tokens) => self.charge_tokens(event.run, tokens)?,
            None if is_model => self.owe(event.run, event.step, event.attempt),
            None => {}
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

    /// The open step an answer is for: that attempt's, under way. A failed attempt is followed by
    /// another one, and doubt ends by a resolution.
    fn answered(&mut self, run: RunId, step: StepId, attempt: u32) -> Result<&OpenStep, String> {
        let open = self.open_mut(run, step)?;
        if open.attempt != attempt || open.stand != Stand::Intended {
            return Err(format!("attempt {attempt} answers and is not under way"));
        }
        Ok(open)
    }

    fn keep_result(&mut self, entry: &Entry, run: RunId, step: StepId, landed: bool) -> Folded {
        let open = self.settle(run, step)?;
        let outcome =
            if landed { CallOutcome::Landed(entry.seq) } else { CallOutcome::Failed(entry.seq) };
        settle_result(self.progress_mut(run)?, &open, outcome, entry.seq, !landed)
    }

    pub(super) fn step_in_doubt(&mut self, entry: &Entry, event: &StepInDoubt) -> Folded {
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

    pub(super) fn step_resolved(&mut self, entry: &Entry, event: &StepResolved) -> Folded {
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

    pub(super) fn step_recorded(&mut self, entry: &Entry, event: &StepRecorded) -> Folded {
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

    /// A refusal is a result: whoever asks for the substep again gets it again.
    pub(super) fn step_refused(&mut self, entry: &Entry, event: &StepRefused) -> Folded {
        self.may_begin(event.run)?;
        self.charge(event.run, event.kind)?;
        let memo = Memo {
            step: event.step,
            input: event.input,
            result_seq: Some(entry.seq),
            failed: true,
        };
        let progress = self.progress_mut(event.run)?;
        progress.asked_steps.remove(&event.name);
        match progress.memo.insert(event.name.clone(), memo) {
            None => Ok(()),
            Some(_) => Err(format!("substep `{}` was recorded already", event.name)),
        }
    }

    /// A call that waits for its step has a new verdict; the request for a decision, if one is
    /// asked for, follows as an entry of its own.
    pub(super) fn call_assessed(&mut self, event: &CallAssessed) -> Folded {
        let call = call_mut(self.progress_mut(event.run)?, event.site)?;
        if !call.is_ready() || !call.is_policed() {
            return Err(format!("call `{}` is not to be assessed", call.noted.call_id));
        }
        call.noted.verdict = event.verdict.clone();
        call.policy = Some(event.policy);
        if let CallVerdict::Refuse { why } = event.verdict {
            call.outcome = CallOutcome::Refused(why);
        }
        Ok(())
    }

    /// A step given up never was: its call is told so, its name is free again, its turn is undone.
    pub(super) fn step_cancelled(&mut self, run: RunId, step: StepId) -> Folded {
        certain(self.open_mut(run, step)?)?;
        let progress = self.progress_mut(run)?;
        let open = progress.open.remove(&step).ok_or("the step is not open")?;
        progress.stopped += u64::from(progress.cancel.is_some());
        match (open.kind, open.site) {
            (StepKind::Tool, Some(site)) => {
                call_mut(progress, site)?.outcome = CallOutcome::Cancelled
            }
            (StepKind::Model, _) => {
                let turn =
                    progress.turns.pop().filter(|turn| turn.step == step).ok_or("no such turn")?;
                progress.steered.splice(0..0, turn.steered);
                if open.stand == Stand::Intended {
                    self.owe(run, step, open.attempt);
                }
            }
            _ => {
                progress.memo.remove(&open.name);
            }
        }
        Ok(())
    }

    pub(super) fn turn_landed(&mut self, entry: &Entry, event: &TurnLanded) -> Folded {
        self.answered(event.run, event.step, event.attempt)?;
        self.settle(event.run, event.step)?;
        self.charge_tokens(event.run, event.tokens)?;
        self.run_mut(event.run)?.policy_version = Some(event.policy.to_string());
        let progress = self.progress_mut(event.run)?;
        let turn = progress
            .turns
            .last_mut()
            .filter(|turn| turn.step == event.step)
            .ok_or("no such turn")?;
        turn.seq = Some(entry.seq);
        turn.policy = event.policy;
        turn.calls = event
            .calls
            .iter()
            .map(|noted| Call {
                noted: noted.clone(),
                outcome: match noted.verdict {
                    CallVerdict::Refuse { why } => CallOutcome::Refused(why),
                    CallVerdict::Permit
                    | CallVerdict::Ask { .. }
                    | CallVerdict::AskHuman { .. } => CallOutcome::Open,
                },
                policy: Some(event.policy),
            })
            .collect();
        Ok(())
    }

    fn open_mut(&mut self, run: RunId, step: StepId) -> Result<&mut OpenStep, String> {
        self.progress_mut(run)?
            .open
            .get_mut(&step)
            .ok_or_else(|| format!("step `{step}` is not open"))
    }

    /// Takes a step out of the open ones; counts it if an end was asked for.
    fn settle(&mut self, run: RunId, step: StepId) -> Result<OpenStep, String> {
        let progress = self.progress_mut(run)?;
        let open =
            progress.open.remove(&step).ok_or_else(|| format!("step `{step}` is not open"))?;
        if let Some(cancel) = &mut progress.cancel {
            cancel.landed_after += 1;
        }
        Ok(open)
    }
}

/// Doubt ends by a resolution only.
fn certain(open: &OpenStep) -> Folded {
    match open.stand {
        Stand::InDoubt(_) => Err("the step is in doubt".to_owned()),
        Stand::Intended | Stand::RetryAt(_) => Ok(()),
    }
}

/// A call's step begins: it was permitted, or this very intent consumed its approval.
fn begin_call(progress: &mut Progress, event: &StepIntended) -> Folded {
    let call = call_mut(progress, event.site.ok_or("a tool step names its call")?)?;
    let permitted = match call.outcome {
        CallOutcome::Open => {
            call.noted.verdict == CallVerdict::Permit && call.noted.action == event.input
        }
        CallOutcome::Approved { approval, .. } => event.approval == Some(approval),
        _ => false,
    };
    if !permitted {
        return Err(format!("call `{}` may not begin", call.noted.call_id));
    }
    if call.is_policed() && event.policy != call.policy {
        return Err(format!("call `{}` was assessed under another policy", call.noted.call_id));
    }
    #[cfg(feature = "planted")]
    if event.approval.is_some()
        && crate::planted::strikes(crate::planted::Bug::ApprovalConsumedTwice)
    {
        return Ok(());
    }
    call.outcome = CallOutcome::Performing(event.step);
    Ok(())
}

fn begin_turn(progress: &mut Progress, step: StepId) -> Folded {
    if progress.turns.last().is_some_and(|turn| turn.seq.is_none()) {
        return Err("the turn before has not landed".to_owned());
    }
    let steered = std::mem::take(&mut progress.steered);
    progress.turns.push(Turn {
        step,
        seq: None,
        calls: Vec::new(),
        steered,
        policy: PolicyVersion::Default,
    });
    Ok(())
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
