//! Decisions about a step: begin it, take its answer or its loss, settle its doubt.

use super::task::write;
use super::{Decided, cancelling, given, live};
use crate::command::{Context, Draft, Substep, Write};
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::run::{OpenStep, Run, Stand, Unbilled};
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{RunId, StepId, Time, limits};

/// The run may take another step of a handler now. One that waits for a decision about one substep
/// goes on with another.
pub(super) fn may_step<'a>(state: &'a SessionState, substep: &Substep) -> Result<&'a Run, Refusal> {
    let run = live(state, substep.run)?;
    let progress = run.progress().ok_or(Refusal::NoRun(substep.run))?;
    let goes_on = run.status == RunStatus::Running
        || run.status == RunStatus::WaitingApproval && !run.is_agent();
    if progress.cancel.is_some() || !goes_on {
        let possible = "it takes no further step now";
        return Err(Refusal::RunStatus { run: run.id, status: run.status, possible });
    }
    if let Some(memo) = progress.memo.get(&substep.name) {
        return Err(if memo.input == substep.input {
            Refusal::StepUnderWay { run: run.id, name: substep.name.clone() }
        } else {
            Refusal::Divergence { run: run.id, name: substep.name.clone() }
        });
    }
    match out_of_budget(state, run) {
        Some(budget) => Err(Refusal::Budget { run: run.id, budget }),
        None => Ok(run),
    }
}

/// The budget of the run, or of one above it, that is used up.
pub(in crate::session) fn out_of_budget(state: &SessionState, run: &Run) -> Option<u64> {
    let mut at = Some(run);
    while let Some(run) = at {
        if run.usage.steps >= run.limits.budget_steps {
            return Some(run.limits.budget_steps);
        }
        at = run.parent.and_then(|parent| state.runs.get(&parent));
    }
    None
}

pub(super) fn record_step(
    state: &SessionState,
    substep: &Substep,
    failed: bool,
    writes: &[Write],
    cx: &mut Context,
) -> Decided {
    let run = may_step(state, substep)?;
    let written = write(state, writes, Some(run))?;
    let event = StepRecorded {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: substep.name.clone(),
        kind: substep.kind,
        input: substep.input,
        failed,
    };
    let mut drafts: Vec<Draft> = going_on(run).into_iter().collect();
    drafts.push(given(draft(run, event)));
    drafts.extend(written);
    Ok(drafts)
}

/// A run that waits goes on before what it does next.
pub(super) fn going_on(run: &Run) -> Option<Draft> {
    (run.status == RunStatus::WaitingApproval).then(|| draft(run, RunResumed { run: run.id }))
}

/// The open step an answer belongs to, if the answer is in time: that attempt has neither been
/// answered nor failed before.
pub(super) fn in_time(
    state: &SessionState,
    run: RunId,
    step: StepId,
    attempt: u32,
) -> Result<Option<(&Run, &OpenStep)>, Refusal> {
    let known = state.runs.get(&run).ok_or(Refusal::NoRun(run))?;
    let open = known.progress().and_then(|progress| progress.open.get(&step));
    let waits =
        |open: &&OpenStep| open.attempt == attempt && !matches!(open.stand, Stand::RetryAt(_));
    Ok(open.filter(waits).map(|open| (known, open)))
}

/// An answer nobody waits for any more is journaled and changes nothing (`STP-2`) but what the run
/// has used: every attempt of a model call is charged, once.
pub(super) fn late(
    state: &SessionState,
    (run, step, attempt): (RunId, StepId, u32),
    tokens: Option<TokensUsed>,
) -> Decided {
    let known = state.runs.get(&run).ok_or(Refusal::NoRun(run))?;
    let kept = given(draft(known, StepLate { run, step, attempt }));
    let is_owed = state.unbilled.contains(&Unbilled { run, step, attempt });
    Ok(std::iter::once(kept)
        .chain(bill(known, step, attempt, tokens).filter(|_| is_owed))
        .collect())
}

/// The charge for an attempt nobody waits for; none when nothing is known to have been used.
fn bill(run: &Run, step: StepId, attempt: u32, tokens: Option<TokensUsed>) -> Option<Draft> {
    let tokens = tokens.filter(|tokens| *tokens != TokensUsed::default())?;
    Some(draft(run, StepCharged { run: run.id, step, attempt, tokens }))
}

pub(super) fn land_step(
    state: &SessionState,
    run: RunId,
    step: StepId,
    attempt: u32,
    writes: &[Write],
) -> Decided {
    match in_time(state, run, step, attempt)? {
        Some((_, open)) if open.kind == StepKind::Model => Err(Refusal::Invalid(format!(
            "step `{step}` is a model call; its answer lands as a turn"
        ))),
        Some((known, open)) if is_doubt(open) => Ok(vec![answer(known, step, Resolution::Landed)]),
        Some((known, _)) => {
            let mut drafts = vec![given(draft(known, StepLanded { run, step, attempt }))];
            drafts.extend(write(state, writes, Some(known))?);
            Ok(drafts)
        }
        None => late(state, (run, step, attempt), None),
    }
}

const fn is_doubt(open: &OpenStep) -> bool {
    matches!(open.stand, Stand::InDoubt(_))
}

/// The answer of a step in doubt came after all: it settles the doubt, so that whoever watches
/// doubts sees each one end by a resolution.
fn answer(run: &Run, step: StepId, resolution: Resolution) -> Draft {
    let reason = Some("its own answer arrived".to_owned());
    given(draft(run, StepResolved { run: run.id, step, resolution, by_lookup: false, reason }))
}

pub(super) struct Failure {
    pub(super) run: RunId,
    pub(super) step: StepId,
    pub(super) attempt: u32,
    pub(super) class: ErrorClass,
    pub(super) tokens: Option<TokensUsed>,
}

impl Failure {
    fn draft(&self, run: &Run, retry_at: Option<Time>, lost: Option<LossCause>) -> Draft {
        let event = StepFailed {
            run: self.run,
            step: self.step,
            attempt: self.attempt,
            class: self.class,
            retry_at,
            tokens: self.tokens,
            lost,
        };
        given(draft(run, event))
    }
}

/// When the next attempt is due: the wait doubles with each.
fn retry_at(now: Time, attempt: u32) -> Option<Time> {
    let doubled = limits::RETRY_BACKOFF_MS << attempt.saturating_sub(1).min(16);
    (attempt < limits::STEP_ATTEMPTS_MAX).then(|| now.plus_ms(doubled))
}

pub(super) fn fail_step(
    state: &SessionState,
    failure: &Failure,
    may_pass: bool,
    now: Time,
) -> Decided {
    let Some((run, open)) = in_time(state, failure.run, failure.step, failure.attempt)? else {
        return late(state, (failure.run, failure.step, failure.attempt), failure.tokens);
    };
    if is_doubt(open) {
        return Ok(vec![answer(run, failure.step, Resolution::DidNotHappen)]);
    }
    // a `once` step is never tried again unasked, not even after a failure that may pass
    let may_repeat = may_pass && !cancelling(run) && open.class != RecoveryClass::Once;
    let again = if may_repeat { retry_at(now, failure.attempt) } else { None };
    match (open.lost, again) {
        // an earlier attempt may have happened, and this one's failure does not say it did not
        (Some(cause), None) if may_pass && open.class == RecoveryClass::Idempotent => {
            Ok(vec![doubt(run, failure, open, cause, now)])
        }
        _ => Ok(vec![failure.draft(run, again, None)]),
    }
}

/// The step's attempt may have happened and nobody here can tell.
fn doubt(run: &Run, failure: &Failure, open: &OpenStep, cause: LossCause, now: Time) -> Draft {
    let Failure { step, attempt, .. } = *failure;
    let travelling_until = now.plus_ms(open.timeout_ms);
    draft(run, StepInDoubt { run: run.id, step, attempt, cause, travelling_until })
}

/// What a lost effect means, by its class (`STP-1`, `STP-2`).
pub(super) fn lose_step(
    state: &SessionState,
    failure: &Failure,
    cause: LossCause,
    now: Time,
) -> Decided {
    let (run_id, step, attempt) = (failure.run, failure.step, failure.attempt);
    let Some((run, open)) = in_time(state, run_id, step, attempt)? else {
        let owed = Unbilled { run: run_id, step, attempt };
        let known = state.runs.get(&run_id).filter(|_| state.unbilled.contains(&owed));
        return Ok(known
            .and_then(|run| bill(run, step, attempt, failure.tokens))
            .into_iter()
            .collect());
    };
    if is_doubt(open) {
        return Ok(Vec::new());
    }
    let doubt = || vec![doubt(run, failure, open, cause, now)];
    let lost = Some(cause);
    let died =
        matches!(cause, LossCause::Crash | LossCause::Fenced | LossCause::Abort | LossCause::Lease);
    Ok(match open.class {
        RecoveryClass::Read if cancelling(run) => vec![failure.draft(run, None, lost)],
        #[cfg(feature = "planted")]
        RecoveryClass::Once
            if cause == LossCause::Timeout
                && crate::planted::is(crate::planted::Bug::OnceRetriedOnTimeout) =>
        {
            vec![failure.draft(run, retry_at(now, attempt), lost)]
        }
        RecoveryClass::Once => doubt(),
        RecoveryClass::Idempotent if cancelling(run) => doubt(),
        RecoveryClass::Read | RecoveryClass::Idempotent
            if died && attempt < limits::STEP_ATTEMPTS_AFTER_LOSS_MAX =>
        {
            let event =
                StepAttempted { run: run_id, step, attempt: attempt + 1, cause: Some(cause) };
            let billed = bill(run, step, attempt, failure.tokens);
            let billed = billed.filter(|_| open.kind == StepKind::Model);
            std::iter::once(draft(run, event)).chain(billed).collect()
        }
        RecoveryClass::Idempotent if died => doubt(),
        RecoveryClass::Read => vec![failure.draft(run, retry_at(now, attempt), lost)],
        RecoveryClass::Idempotent => match retry_at(now, attempt) {
            Some(at) => vec![failure.draft(run, Some(at), lost)],
            None => doubt(),
        },
    })
}

pub(super) fn skip_step(state: &SessionState, run: RunId, step: StepId) -> Decided {
    let known = live(state, run)?;
    let open = known.progress().and_then(|progress| progress.open.get(&step));
    match open.map(|open| &open.stand) {
        Some(Stand::Intended | Stand::RetryAt(_)) => {
            Ok(vec![draft(known, StepCancelled { run, step })])
        }
        Some(Stand::InDoubt(_)) | None => Ok(Vec::new()),
    }
}

pub(super) fn resolve_step(
    state: &SessionState,
    step: StepId,
    resolution: Resolution,
    by_lookup: bool,
    reason: Option<String>,
    now: Time,
) -> Decided {
    let (run, doubt, attempt) = find_doubt(state, step)?;
    if resolution != Resolution::Landed && now < doubt {
        return Err(Refusal::StillTravelling { step, resolution, until: doubt });
    }
    let over = attempt.is_none() || cancelling(run);
    if resolution == Resolution::Retry && over {
        let possible = "it takes no further attempt; `landed` and `did-not-happen` are possible";
        return Err(Refusal::RunStatus { run: run.id, status: run.status, possible });
    }
    let resolved = StepResolved { run: run.id, step, resolution, by_lookup, reason };
    let mut drafts = vec![given(draft(run, resolved))];
    if let (Resolution::Retry, Some(attempt)) = (resolution, attempt) {
        drafts.push(draft(
            run,
            StepAttempted { run: run.id, step, attempt: attempt + 1, cause: None },
        ));
    }
    Ok(drafts)
}

/// A step in doubt: its run, until when it may travel, and its attempt while its run lives.
fn find_doubt(state: &SessionState, step: StepId) -> Result<(&Run, Time, Option<u32>), Refusal> {
    if let Some(doubt) = state.doubts.get(&step) {
        let run = state.runs.get(&doubt.run).ok_or(Refusal::NoRun(doubt.run))?;
        return Ok((run, doubt.travelling_until, None));
    }
    let run = state
        .run_of_step(step)
        .and_then(|run| state.runs.get(&run))
        .ok_or(Refusal::StepSettled(step))?;
    let open = run
        .progress()
        .and_then(|progress| progress.open.get(&step))
        .ok_or(Refusal::StepSettled(step))?;
    match &open.stand {
        Stand::InDoubt(doubt) => Ok((run, doubt.travelling_until, Some(open.attempt))),
        Stand::Intended => Err(Refusal::NotInDoubt { step, status: StepStatus::Intended }),
        Stand::RetryAt(_) => Err(Refusal::NotInDoubt { step, status: StepStatus::Failed }),
    }
}
