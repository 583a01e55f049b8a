//! Every decision about a command: events or a refusal, nothing in between.

use super::draft;
use super::run::{OpenStep, Progress, Run, Stand, Turn};
use super::state::SessionState;
use crate::command::{Command, Context, Draft, DraftBody, HandlerOutcome, NewArtifact, Substep};
use crate::refusal::Refusal;
use std::collections::BTreeSet;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, Digest, Event, RunId, StepId, Time, limits};

type Decided = Result<Vec<Draft>, Refusal>;

pub(super) fn decide(state: &SessionState, command: &Command, cx: &mut Context) -> Decided {
    if let Command::OpenSession(opened) = command {
        return open_session(state, opened);
    }
    if state.opened.is_none() {
        return Err(Refusal::NoSession(state.id));
    }
    match command {
        Command::OpenSession(_) | Command::Wake => Ok(Vec::new()),
        Command::EndSession { status, reason } => end_session(state, *status, reason.clone()),
        Command::SubmitRun(submitted) => submit_run(state, submitted),
        Command::CancelRun { run, stop_reason, reason } => cancel_run(state, *run, *stop_reason, reason.as_ref()),
        Command::PauseRun { run } => pause_run(state, *run),
        Command::ResumeRun { run } => resume_run(state, *run),
        Command::IntendStep(substep) => intend_step(state, substep, cx),
        Command::RecordStep { substep, failed } => record_step(state, substep, *failed, cx),
        Command::LandStep { run, step, attempt } => land_step(state, *run, *step, *attempt),
        Command::LandTurn { run, step, attempt, calls, tokens, policy } => {
            let turn = TurnLanded {
                run: *run,
                step: *step,
                attempt: *attempt,
                calls: calls.clone(),
                tokens: *tokens,
                policy: policy.clone(),
            };
            land_turn(state, turn, cx)
        }
        Command::FailStep { run, step, attempt, class, may_pass, tokens } => {
            fail_step(state, &Failure { run: *run, step: *step, attempt: *attempt, class: *class, tokens: *tokens }, *may_pass, cx.now)
        }
        Command::LoseStep { run, step, attempt, cause, class } => {
            lose_step(state, &Failure { run: *run, step: *step, attempt: *attempt, class: *class, tokens: None }, *cause, cx.now)
        }
        Command::SkipStep { run, step } => skip_step(state, *run, *step),
        Command::ResolveStep { step, resolution, by_lookup, reason } => {
            resolve_step(state, *step, *resolution, *by_lookup, reason.clone(), cx.now)
        }
        Command::DecideApproval { approval, approve, principal, reason, edited } => {
            decide_approval(state, *approval, Verdict { approve: *approve, principal, reason, edited: *edited }, cx.now)
        }
        Command::FinishRun { run, outcome, artifacts } => finish_run(state, *run, outcome, artifacts, cx.now),
        Command::FailRun { run, class, code } => {
            let run = live(state, *run)?;
            if cancelling(run) {
                return Ok(Vec::new());
            }
            let mut drafts = leave_open(run, cx.now);
            drafts.push(given(ended(run, StopReason::Failed, Some((*class, code.clone())))));
            Ok(drafts)
        }
    }
}

fn given(draft: Draft) -> Draft {
    Draft { body: DraftBody::Given, ..draft }
}

fn unowned(event: impl Into<Event>) -> Draft {
    Draft { event: event.into(), run: None, parent: None, body: DraftBody::None }
}

/// The end of a run for a reason.
pub(super) fn ended(run: &Run, stop_reason: StopReason, error: Option<(ErrorClass, String)>) -> Draft {
    let (error_class, error_code) = error.unzip();
    let event = RunEnded {
        run: run.id,
        status: stop_reason.status(),
        stop_reason,
        error_class,
        error_code,
        usage: run.usage,
        receipt: None,
    };
    let end = draft(run, event);
    // the end of a run that never started hangs under its submission, as a nested run's entries do:
    // it was not the current one, and the session's status does not follow it
    let parent = end.parent.or((run.status == RunStatus::Queued).then_some(run.submitted_event));
    Draft { parent, ..end }
}

fn open_session(state: &SessionState, opened: &SessionOpened) -> Decided {
    match &state.opened {
        None => Ok(vec![unowned(opened.clone())]),
        Some(known) if known.request.is_some() && known.request == opened.request => Ok(Vec::new()),
        Some(_) => Err(Refusal::SessionKeyConflict(state.id)),
    }
}

fn end_session(state: &SessionState, status: SessionStatus, reason: Option<String>) -> Decided {
    still_open(state)?;
    if let Some(run) = state.live.first().and_then(|run| state.runs.get(run)) {
        let possible = "cancel it or wait for its end before the session is ended";
        return Err(Refusal::RunStatus { run: run.id, status: run.status, possible });
    }
    if !status.is_final() {
        return Err(Refusal::Invalid(format!("`{status}` does not end a session; expected completed, failed or cancelled")));
    }
    Ok(vec![unowned(SessionEnded { status, reason })])
}

fn still_open(state: &SessionState) -> Result<(), Refusal> {
    match state.ended {
        Some(status) => Err(Refusal::SessionEnded { session: state.id, status }),
        None => Ok(()),
    }
}

fn submit_run(state: &SessionState, submitted: &RunSubmitted) -> Decided {
    if let Some(known) = state.runs.get(&submitted.run) {
        let same = known.request.is_some() && known.request == submitted.request;
        return if same { Ok(Vec::new()) } else { Err(Refusal::RunKeyConflict(submitted.run)) };
    }
    still_open(state)?;
    let mut drafts = match submitted.parent {
        Some(parent) => nest(state, parent)?,
        None => return arrive(state, submitted),
    };
    drafts.push(submission(submitted));
    Ok(drafts)
}

fn submission(submitted: &RunSubmitted) -> Draft {
    Draft {
        event: submitted.clone().into(),
        run: Some(submitted.run),
        parent: None,
        body: DraftBody::Given,
    }
}

fn nest(state: &SessionState, parent: RunId) -> Decided {
    let refuse = |why| Err(Refusal::NoParent { parent, why });
    let known = live(state, parent)?;
    if known.status == RunStatus::Queued {
        return refuse("it has not started");
    }
    if known.progress().is_some_and(|progress| progress.cancel.is_some()) {
        return refuse("it is being cancelled");
    }
    let mut depth = 1;
    let mut at = known.parent;
    while let Some(above) = at {
        depth += 1;
        at = state.runs.get(&above).and_then(|run| run.parent);
    }
    if depth >= limits::RUN_DEPTH_MAX {
        return refuse("the depth limit RUN_DEPTH_MAX is reached");
    }
    Ok(Vec::new())
}

/// A root run arrives: what becomes of it is the declared policy's (`SES-3`).
fn arrive(state: &SessionState, submitted: &RunSubmitted) -> Decided {
    if state.order.len() >= limits::QUEUED_RUNS_MAX {
        return Err(Refusal::QueueFull { session: state.id });
    }
    let busy = state.order.first().copied();
    match (submitted.policy, busy) {
        (InputPolicy::Reject, Some(current)) => Err(Refusal::SessionBusy { session: state.id, current }),
        (InputPolicy::Interrupt, Some(current)) => {
            let mut drafts = cancel_run(state, current, StopReason::Superseded, None)?;
            drafts.push(submission(submitted));
            Ok(drafts)
        }
        (InputPolicy::Steer, Some(current)) => match state.runs.get(&current).filter(|run| takes_input(run)) {
            Some(run) => Ok(vec![given(draft(run, RunSteered { run: current }))]),
            None => Ok(vec![submission(submitted)]),
        },
        _ => Ok(vec![submission(submitted)]),
    }
}

/// An agent's run takes input while it has another model call to give it to; what comes later is a
/// run of its own.
fn takes_input(run: &Run) -> bool {
    let left = |turns: &[Turn]| (turns.len() as u32) < run.limits.max_steps;
    run.is_agent() && !cancelling(run) && run.progress().is_some_and(|progress| left(&progress.turns))
}

fn live(state: &SessionState, run: RunId) -> Result<&Run, Refusal> {
    let known = state.runs.get(&run).ok_or(Refusal::NoRun(run))?;
    if known.status.is_final() {
        return Err(Refusal::RunStatus { run, status: known.status, possible: "it has ended; submit a new run" });
    }
    Ok(known)
}

/// Asks for the end of a run and of everything under it; asking twice changes nothing.
fn cancel_run(state: &SessionState, run: RunId, stop_reason: StopReason, reason: Option<&String>) -> Decided {
    let known = live(state, run)?;
    if stop_reason.status() != RunStatus::Cancelled {
        return Err(Refusal::Invalid(format!("`{stop_reason}` does not cancel a run; expected aborted or superseded")));
    }
    if cancelling(known) {
        return Ok(Vec::new());
    }
    let mut drafts = Vec::new();
    for child in state.live_children(run) {
        drafts.extend(cancel_run(state, child.id, StopReason::Aborted, reason)?);
    }
    drafts.push(draft(known, RunCancelRequested { run, stop_reason, reason: reason.cloned() }));
    Ok(drafts)
}

fn pause_run(state: &SessionState, run: RunId) -> Decided {
    let known = live(state, run)?;
    match known.status {
        RunStatus::Running | RunStatus::WaitingApproval => {
            Ok(vec![draft(known, RunPaused { run, cause: PauseCause::Operator })])
        }
        status => Err(Refusal::RunStatus { run, status, possible: "only a running or waiting run can be paused" }),
    }
}

fn resume_run(state: &SessionState, run: RunId) -> Decided {
    let known = live(state, run)?;
    let progress = known.progress().ok_or(Refusal::NoRun(run))?;
    if known.status != RunStatus::Paused {
        let possible = "only a paused run can be resumed";
        return Err(Refusal::RunStatus { run, status: known.status, possible });
    }
    if progress.has_doubt() {
        let possible = "resolve its step in doubt first: landed, did-not-happen or retry";
        return Err(Refusal::RunStatus { run, status: known.status, possible });
    }
    Ok(vec![draft(known, RunResumed { run })])
}

/// The run may take another step of a handler now.
fn may_step<'a>(state: &'a SessionState, substep: &Substep) -> Result<&'a Run, Refusal> {
    let run = live(state, substep.run)?;
    let progress = run.progress().ok_or(Refusal::NoRun(substep.run))?;
    if progress.cancel.is_some() || run.status != RunStatus::Running {
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
pub(super) fn out_of_budget(state: &SessionState, run: &Run) -> Option<u64> {
    let mut at = Some(run);
    while let Some(run) = at {
        if run.usage.steps >= run.limits.budget_steps {
            return Some(run.limits.budget_steps);
        }
        at = run.parent.and_then(|parent| state.runs.get(&parent));
    }
    None
}

fn intend_step(state: &SessionState, substep: &Substep, cx: &mut Context) -> Decided {
    if matches!(substep.kind, StepKind::Model | StepKind::Tool) {
        let kind = substep.kind;
        return Err(Refusal::Invalid(format!("a {kind} step is begun by its agent's turn; expected a kind of substep")));
    }
    let run = may_step(state, substep)?;
    let event = StepIntended {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: substep.name.clone(),
        kind: substep.kind,
        class: substep.class,
        input: substep.input,
        site: None,
        timeout_ms: substep.timeout_ms,
        approval: None,
        has_lookup: false,
    };
    Ok(vec![draft(run, event)])
}

fn record_step(state: &SessionState, substep: &Substep, failed: bool, cx: &mut Context) -> Decided {
    let run = may_step(state, substep)?;
    let event = StepRecorded {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: substep.name.clone(),
        kind: substep.kind,
        input: substep.input,
        failed,
    };
    Ok(vec![given(draft(run, event))])
}

/// The open step an answer belongs to, if the answer is in time.
fn in_time(state: &SessionState, run: RunId, step: StepId, attempt: u32) -> Result<Option<(&Run, &OpenStep)>, Refusal> {
    let known = state.runs.get(&run).ok_or(Refusal::NoRun(run))?;
    let open = known.progress().and_then(|progress| progress.open.get(&step));
    Ok(open.filter(|open| open.attempt == attempt).map(|open| (known, open)))
}

/// An answer nobody waits for any more is journaled and changes nothing (`STP-2`).
fn late(state: &SessionState, run: RunId, step: StepId, attempt: u32) -> Decided {
    let known = state.runs.get(&run).ok_or(Refusal::NoRun(run))?;
    Ok(vec![given(draft(known, StepLate { run, step, attempt }))])
}

fn land_step(state: &SessionState, run: RunId, step: StepId, attempt: u32) -> Decided {
    match in_time(state, run, step, attempt)? {
        Some((_, open)) if open.kind == StepKind::Model => {
            Err(Refusal::Invalid(format!("step `{step}` is a model call; its answer lands as a turn")))
        }
        Some((known, open)) if is_doubt(open) => Ok(vec![answer(known, step, Resolution::Landed)]),
        Some((known, _)) => Ok(vec![given(draft(known, StepLanded { run, step, attempt }))]),
        None => late(state, run, step, attempt),
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

fn land_turn(state: &SessionState, turn: TurnLanded, cx: &mut Context) -> Decided {
    let Some((run, open)) = in_time(state, turn.run, turn.step, turn.attempt)? else {
        return late(state, turn.run, turn.step, turn.attempt);
    };
    if open.kind != StepKind::Model {
        return Err(Refusal::Invalid(format!("step `{}` is no model call; its answer lands as a step", turn.step)));
    }
    let turn = TurnLanded { calls: sifted(run, turn.calls), ..turn };
    let number = run.progress().map_or(0, |progress| progress.turns.len() as u32);
    let mut drafts = vec![given(draft(run, turn.clone()))];
    if cancelling(run) {
        return Ok(drafts);
    }
    for (index, call) in (0u32..).zip(&turn.calls) {
        let (kind, risk, label) = match &call.verdict {
            CallVerdict::Ask { risk, label } => (ApprovalKind::Action, *risk, label),
            CallVerdict::AskHuman { label } => (ApprovalKind::Question, RiskLevel::Low, label),
            CallVerdict::Permit | CallVerdict::Refuse { .. } => continue,
        };
        let event = ApprovalRequested {
            approval: ApprovalId::from_bytes(cx.fresh.take()),
            kind,
            run: Some(run.id),
            site: Some(CallSite { turn: number, index }),
            label: label.clone(),
            action: call.action,
            risk,
            policy: turn.policy.clone(),
            approvers: run.approvers.clone(),
            expires_at: Some(cx.now.plus_ms(limits::APPROVAL_EXPIRY_DEFAULT_MS)),
            increment: None,
        };
        drafts.push(Draft { body: DraftBody::Action(index), ..draft(run, event) });
    }
    Ok(drafts)
}

/// Refuses what needs no assessment to be refused: a call id that stood earlier in the turn (`T13`),
/// and a question nobody may decide (`APR-2`).
fn sifted(run: &Run, calls: Vec<CallNoted>) -> Vec<CallNoted> {
    let mut seen = BTreeSet::new();
    let sift = |mut call: CallNoted| {
        let asks = matches!(call.verdict, CallVerdict::Ask { .. } | CallVerdict::AskHuman { .. });
        if !seen.insert(call.call_id.clone()) {
            call.verdict = CallVerdict::Refuse { why: CallRefusal::DuplicateCallId };
        } else if asks && run.approvers.is_empty() {
            call.verdict = CallVerdict::Refuse { why: CallRefusal::NoApprover };
        }
        call
    };
    calls.into_iter().map(sift).collect()
}

struct Failure {
    run: RunId,
    step: StepId,
    attempt: u32,
    class: ErrorClass,
    tokens: Option<TokensUsed>,
}

impl Failure {
    fn draft(&self, run: &Run, retry_at: Option<Time>) -> Draft {
        let event = StepFailed {
            run: self.run,
            step: self.step,
            attempt: self.attempt,
            class: self.class,
            retry_at,
            tokens: self.tokens,
        };
        given(draft(run, event))
    }
}

/// When the next attempt is due: the wait doubles with each.
fn retry_at(now: Time, attempt: u32) -> Option<Time> {
    let doubled = limits::RETRY_BACKOFF_MS << attempt.saturating_sub(1).min(16);
    (attempt < limits::STEP_ATTEMPTS_MAX).then(|| now.plus_ms(doubled))
}

fn cancelling(run: &Run) -> bool {
    run.progress().is_some_and(|progress| progress.cancel.is_some())
}

fn fail_step(state: &SessionState, failure: &Failure, may_pass: bool, now: Time) -> Decided {
    let Some((run, open)) = in_time(state, failure.run, failure.step, failure.attempt)? else {
        return late(state, failure.run, failure.step, failure.attempt);
    };
    if is_doubt(open) {
        return Ok(vec![answer(run, failure.step, Resolution::DidNotHappen)]);
    }
    // a `once` step is never tried again unasked, not even after a failure that may pass
    let may_repeat = may_pass && !cancelling(run) && open.class != RecoveryClass::Once;
    let again = if may_repeat { retry_at(now, failure.attempt) } else { None };
    Ok(vec![failure.draft(run, again)])
}

/// What a lost effect means, by its class (`STP-1`, `STP-2`).
fn lose_step(state: &SessionState, failure: &Failure, cause: LossCause, now: Time) -> Decided {
    let Some((run, open)) = in_time(state, failure.run, failure.step, failure.attempt)? else {
        return Ok(Vec::new());
    };
    if matches!(open.stand, Stand::InDoubt(_) | Stand::RetryAt(_)) {
        return Ok(Vec::new());
    }
    let (run_id, step, attempt) = (failure.run, failure.step, failure.attempt);
    let doubt = || {
        let travelling_until = now.plus_ms(open.timeout_ms);
        vec![draft(run, StepInDoubt { run: run_id, step, attempt, cause, travelling_until })]
    };
    let died = matches!(cause, LossCause::Crash | LossCause::Fenced | LossCause::Abort);
    Ok(match open.class {
        RecoveryClass::Read if cancelling(run) => vec![failure.draft(run, None)],
        RecoveryClass::Once => doubt(),
        RecoveryClass::Idempotent if cancelling(run) => doubt(),
        RecoveryClass::Read | RecoveryClass::Idempotent if died => {
            vec![draft(run, StepAttempted { run: run_id, step, attempt: attempt + 1, cause: Some(cause) })]
        }
        RecoveryClass::Read => vec![failure.draft(run, retry_at(now, attempt))],
        RecoveryClass::Idempotent => match retry_at(now, attempt) {
            Some(at) => vec![failure.draft(run, Some(at))],
            None => doubt(),
        },
    })
}

fn skip_step(state: &SessionState, run: RunId, step: StepId) -> Decided {
    let known = live(state, run)?;
    let open = known.progress().and_then(|progress| progress.open.get(&step));
    match open.map(|open| &open.stand) {
        Some(Stand::Intended | Stand::RetryAt(_)) => Ok(vec![draft(known, StepCancelled { run, step })]),
        Some(Stand::InDoubt(_)) | None => Ok(Vec::new()),
    }
}

fn resolve_step(
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
        drafts.push(draft(run, StepAttempted { run: run.id, step, attempt: attempt + 1, cause: None }));
    }
    Ok(drafts)
}

/// A step in doubt: its run, until when it may travel, and its attempt while its run lives.
fn find_doubt(state: &SessionState, step: StepId) -> Result<(&Run, Time, Option<u32>), Refusal> {
    if let Some(doubt) = state.doubts.get(&step) {
        let run = state.runs.get(&doubt.run).ok_or(Refusal::NoRun(doubt.run))?;
        return Ok((run, doubt.travelling_until, None));
    }
    let run = state.run_of_step(step).and_then(|run| state.runs.get(&run)).ok_or(Refusal::NoStep(step))?;
    let open = run.progress().and_then(|progress| progress.open.get(&step)).ok_or(Refusal::NoStep(step))?;
    match &open.stand {
        Stand::InDoubt(doubt) => Ok((run, doubt.travelling_until, Some(open.attempt))),
        Stand::Intended => Err(Refusal::NotInDoubt { step, status: StepStatus::Intended }),
        Stand::RetryAt(_) => Err(Refusal::NotInDoubt { step, status: StepStatus::Failed }),
    }
}

struct Verdict<'a> {
    approve: bool,
    principal: &'a str,
    reason: &'a Option<String>,
    edited: Option<Digest>,
}

fn decide_approval(state: &SessionState, id: ApprovalId, verdict: Verdict<'_>, now: Time) -> Decided {
    let approval = state.approvals.get(&id).ok_or(Refusal::NoApproval(id))?;
    let expired = approval.expires_at.is_some_and(|at| at <= now);
    match (approval.status, expired) {
        (ApprovalStatus::Requested, false) => {}
        (ApprovalStatus::Requested, true) => {
            return Err(Refusal::AlreadyDecided { approval: id, status: ApprovalStatus::Expired });
        }
        (status, _) => return Err(Refusal::AlreadyDecided { approval: id, status }),
    }
    if !approval.approvers.iter().any(|allowed| covers(allowed, verdict.principal)) {
        return Err(Refusal::NotAnApprover {
            approval: id,
            principal: verdict.principal.to_owned(),
            allowed: approval.approvers.clone(),
        });
    }
    let event = ApprovalDecided {
        approval: id,
        run: approval.run,
        status: if verdict.approve { ApprovalStatus::Approved } else { ApprovalStatus::Denied },
        reason: verdict.reason.clone(),
        // only an approved action has arguments to edit
        edited: verdict.edited.filter(|_| verdict.approve && approval.kind == ApprovalKind::Action),
    };
    Ok(vec![match approval.run.and_then(|run| state.runs.get(&run)) {
        Some(run) => given(draft(run, event)),
        None => given(unowned(event)),
    }])
}

/// Whether an approver's word covers a principal: the same `kind:name`, or `kind:*`.
fn covers(allowed: &str, principal: &str) -> bool {
    allowed == principal
        || allowed
            .strip_suffix('*')
            .is_some_and(|kind| kind.ends_with(':') && principal.starts_with(kind))
}

fn finish_run(
    state: &SessionState,
    run: RunId,
    outcome: &HandlerOutcome,
    artifacts: &[NewArtifact],
    now: Time,
) -> Decided {
    let known = live(state, run)?;
    if known.is_agent() {
        return Err(Refusal::Invalid(format!("run `{run}` is an agent's and ends by itself; fail or cancel it")));
    }
    if cancelling(known) {
        return Ok(Vec::new());
    }
    if known.status != RunStatus::Running {
        let possible = "a handler can end a running run only";
        return Err(Refusal::RunStatus { run, status: known.status, possible });
    }
    check_artifacts(state, artifacts)?;
    let mut drafts = leave_open(known, now);
    drafts.extend((0u32..).zip(artifacts).map(|(index, made)| registration(known, made, index)));
    drafts.push(given(match outcome {
        HandlerOutcome::Done => ended(known, StopReason::Finished, None),
        HandlerOutcome::OutOfBudget => ended(known, StopReason::Budget, Some((ErrorClass::Budget, "budget-exceeded".into()))),
        HandlerOutcome::Failed { class, code } => ended(known, StopReason::Failed, Some((*class, code.clone()))),
    }));
    Ok(drafts)
}

/// Artifacts are new, in a state to begin with, and not made from themselves (`ART-2`).
fn check_artifacts(state: &SessionState, artifacts: &[NewArtifact]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for made in artifacts {
        let id = made.artifact;
        let wrong = if state.artifacts.contains_key(&id) || !seen.insert(id) {
            "is registered already"
        } else if made.parents.contains(&id) {
            "cannot be made from itself"
        } else if !matches!(made.state, ArtifactState::Pending | ArtifactState::Ready) {
            "begins as PENDING or READY"
        } else {
            continue;
        };
        return Err(Refusal::Invalid(format!("artifact `{id}` {wrong}")));
    }
    Ok(())
}

/// What a run leaves behind at its end: its questions are closed, steps that may have happened are
/// in doubt, the rest given up.
pub(super) fn leave_open(run: &Run, now: Time) -> Vec<Draft> {
    let asked = run.progress().into_iter().flat_map(Progress::asked);
    let close = |approval| {
        let status = ApprovalStatus::Cancelled;
        draft(run, ApprovalClosed { approval, run: Some(run.id), status })
    };
    let open = run.progress().into_iter().flat_map(|progress| &progress.open);
    let left = open.filter_map(|(step, open)| match (&open.stand, open.class) {
        (Stand::InDoubt(_), _) => None,
        (Stand::Intended, RecoveryClass::Once | RecoveryClass::Idempotent) => {
            let travelling_until = now.plus_ms(open.timeout_ms);
            let cause = LossCause::Abort;
            Some(draft(run, StepInDoubt { run: run.id, step: *step, attempt: open.attempt, cause, travelling_until }))
        }
        (Stand::Intended, RecoveryClass::Read) | (Stand::RetryAt(_), _) => {
            Some(draft(run, StepCancelled { run: run.id, step: *step }))
        }
    });
    asked.map(close).chain(left).collect()
}

fn registration(run: &Run, made: &NewArtifact, index: u32) -> Draft {
    let intent = match &run.work {
        Work::Intent { intent_type, .. } => intent_type,
        Work::Agent { name, .. } => name,
    };
    let event = ArtifactRegistered {
        artifact: made.artifact,
        artifact_type: made.artifact_type.clone(),
        run: run.id,
        intent: intent.clone(),
        state: made.state,
        parents: made.parents.clone(),
        digest: made.digest,
    };
    Draft { body: DraftBody::Artifact(index), ..draft(run, event) }
}
