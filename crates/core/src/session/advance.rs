//! What moves by itself once a command is folded: one move at a time, until nothing does.

use super::decide::{
    checkpoint, ended, give_up, give_up_tasks, lapse, leave_open, out_of_budget, room_to_ask,
};
use super::draft;
use super::remote::{Remote, STEP_NAME};
use super::run::{Call, CallOutcome, Progress, Run, Stand, Turn};
use super::state::SessionState;
use crate::command::{Context, Draft, DraftBody};
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, Digest, PolicyVersion, RunId, StepId, limits};

/// The next move, or none when everything waits for the outside.
pub(super) fn advance(state: &SessionState, cx: &mut Context) -> Option<Vec<Draft>> {
    // whose it is moves it
    if state.gone_to().is_some() {
        return None;
    }
    follow(state)
        .or_else(|| make_due(state, cx))
        .or_else(|| expire(state, cx))
        .or_else(|| lapse(state, cx).map(|closed| vec![about(state, None, closed)]))
        .or_else(|| {
            state
                .live
                .iter()
                .filter_map(|run| state.runs.get(run))
                .find_map(|run| move_run(state, run, cx))
        })
        .or_else(|| start(state))
        .or_else(|| end_with_run(state))
}

/// A task comes after its run in the commit of the run's move (`TSK-1`).
fn follow(state: &SessionState) -> Option<Vec<Draft>> {
    let (task, run, status) = state.lagging_task()?;
    Some(vec![about(state, Some(run), TaskMoved { task, status, run: Some(run) })])
}

/// The checkpoint of a root run's pause, wait or end, in its commit (`CKP-1`).
fn make_due(state: &SessionState, cx: &mut Context) -> Option<Vec<Draft>> {
    let due = state.due?;
    Some(vec![checkpoint(state, Some(due.run), due.cause, cx)])
}

fn expire(state: &SessionState, cx: &Context) -> Option<Vec<Draft>> {
    let (id, approval) = state
        .open_approvals()
        .find(|(_, approval)| approval.expires_at.is_some_and(|at| cx.hold.is_over(at, cx.now)))?;
    let event =
        ApprovalClosed { approval: *id, run: approval.run, status: ApprovalStatus::Expired };
    Some(vec![about(state, approval.run, event)])
}

fn about(state: &SessionState, run: Option<RunId>, event: impl Into<Event>) -> Draft {
    match run.and_then(|run| state.runs.get(&run)) {
        Some(run) => draft(run, event),
        None => Draft { event: event.into(), run: None, parent: None, body: DraftBody::None },
    }
}

/// Starts the first root run in order, or a nested run whose parent lives.
fn start(state: &SessionState) -> Option<Vec<Draft>> {
    if state.ended.is_some() {
        return None;
    }
    // runs nested in a root that has ended wind down first: one root's tree at a time
    let winding_down = state.live.iter().any(|run| !state.order.contains(&state.root_of(*run)));
    let first = state.order.first().filter(|_| !winding_down);
    let run = state.live.iter().filter_map(|run| state.runs.get(run)).find(|run| {
        run.status == RunStatus::Queued && (run.parent.is_some() || first == Some(&run.id))
    })?;
    Some(vec![draft(run, RunStarted { run: run.id })])
}

/// A session made for one run ends with it.
fn end_with_run(state: &SessionState) -> Option<Vec<Draft>> {
    let made_for_one = state.opened.as_ref().is_some_and(|opened| opened.ends_with_run);
    if !made_for_one || state.ended.is_some() || !state.live.is_empty() {
        return None;
    }
    let last = state
        .runs
        .values()
        .filter(|run| run.parent.is_none())
        .max_by_key(|run| run.submitted_seq)?;
    let status = match last.status {
        RunStatus::Completed => SessionStatus::Completed,
        RunStatus::Cancelled => SessionStatus::Cancelled,
        _ => SessionStatus::Failed,
    };
    let mut drafts = give_up_tasks(state);
    drafts.push(about(state, None, SessionEnded { status, reason: None }));
    Some(drafts)
}

fn move_run(state: &SessionState, run: &Run, cx: &mut Context) -> Option<Vec<Draft>> {
    let progress = run.progress()?;
    if let Some(cancel) = &progress.cancel {
        return wind_down(state, run, progress, cancel.stop_reason);
    }
    if progress.refused {
        return Some(refuse(run));
    }
    if run.parent.and_then(|parent| state.runs.get(&parent)).is_some_and(is_ending) {
        // whatever ends the parent ends what is nested in it
        let event =
            RunCancelRequested { run: run.id, stop_reason: StopReason::Aborted, reason: None };
        return Some(vec![draft(run, event)]);
    }
    if run.status == RunStatus::Queued {
        return None;
    }
    match (progress.has_doubt(), run.status) {
        (true, RunStatus::Running | RunStatus::WaitingApproval) => {
            return Some(vec![draft(run, RunPaused { run: run.id, cause: PauseCause::InDoubt })]);
        }
        (false, RunStatus::Paused) if !progress.halted => {
            return Some(vec![draft(run, RunResumed { run: run.id })]);
        }
        (_, RunStatus::Paused) => return None,
        _ => {}
    }
    if let Some(remote) = state.remote.get(&run.id) {
        return retry(run, progress, cx).or_else(|| move_remote(run, remote, progress, cx));
    }
    retry(run, progress, cx).or_else(|| match run.is_agent() {
        true => move_agent(state, run, progress, cx),
        false => move_handled(state, run, progress),
    })
}

/// A handler's run waits while nothing of it moves but for a decision. What its handler does in this
/// process and has not told yet is not seen here: the run goes on as soon as it is told.
fn move_handled(state: &SessionState, run: &Run, progress: &Progress) -> Option<Vec<Draft>> {
    let moves = progress.has_effect() || state.live_children(run.id).next().is_some();
    match (!moves && progress.asked().next().is_some(), run.status) {
        (true, RunStatus::Running) => Some(vec![draft(run, RunWaiting { run: run.id })]),
        (false, RunStatus::WaitingApproval) => Some(vec![draft(run, RunResumed { run: run.id })]),
        _ => None,
    }
}

/// An executor's run: its step is intended once somebody has it, and its result is the run's.
fn move_remote(
    run: &Run,
    remote: &Remote,
    progress: &Progress,
    cx: &mut Context,
) -> Option<Vec<Draft>> {
    match Remote::result(progress) {
        Some((_, false)) => Some(vec![ended(run, StopReason::Finished, None)]),
        Some((_, true)) => {
            let why = (ErrorClass::Handler, "executor-failed".to_owned());
            Some(vec![ended(run, StopReason::Failed, Some(why))])
        }
        None if remote.held && remote.step.is_none() => {
            Some(vec![draft(run, remote_step(run, remote, cx))])
        }
        None => None,
    }
}

/// An executor learns within a lease's time that it lost its claim: that long its work may go on.
fn remote_step(run: &Run, remote: &Remote, cx: &mut Context) -> StepIntended {
    StepIntended {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: STEP_NAME.to_owned(),
        kind: StepKind::Delegation,
        class: remote.work.class,
        input: run.request.unwrap_or(Digest::ZERO),
        site: None,
        timeout_ms: remote.work.lease_ms,
        approval: None,
        has_lookup: false,
        policy: None,
    }
}

/// Policy refused the run itself; why is the command's body (`RUN-2`).
fn refuse(run: &Run) -> Vec<Draft> {
    let why = (ErrorClass::Programmer, "denied-by-policy".to_owned());
    let end = ended(run, StopReason::Refused, Some(why));
    vec![Draft { body: DraftBody::Refusal, ..end }]
}

fn is_ending(run: &Run) -> bool {
    run.progress().is_none_or(|progress| progress.cancel.is_some())
}

fn retry(run: &Run, progress: &Progress, cx: &Context) -> Option<Vec<Draft>> {
    progress.open.iter().find_map(|(step, open)| match open.stand {
        Stand::RetryAt(at) if at <= cx.now => {
            let event =
                StepAttempted { run: run.id, step: *step, attempt: open.attempt + 1, cause: None };
            Some(vec![draft(run, event)])
        }
        Stand::RetryAt(_) | Stand::Intended | Stand::InDoubt(_) => None,
    })
}

/// A cancelled run: close its questions, give up what has not started, wait for what has, end.
fn wind_down(
    state: &SessionState,
    run: &Run,
    progress: &Progress,
    stop_reason: StopReason,
) -> Option<Vec<Draft>> {
    if let Some(approval) = progress.asked().next() {
        let event =
            ApprovalClosed { approval, run: Some(run.id), status: ApprovalStatus::Cancelled };
        return Some(vec![draft(run, event)]);
    }
    let waiting = progress.open.iter().find(|(_, open)| matches!(open.stand, Stand::RetryAt(_)));
    if let Some((step, _)) = waiting {
        return Some(vec![draft(run, StepCancelled { run: run.id, step: *step })]);
    }
    if let Some(drafts) = give_up(state, run) {
        return Some(drafts);
    }
    if progress.has_effect() || state.live_children(run.id).next().is_some() {
        return None;
    }
    let in_doubt = progress.open.len() as u64;
    let receipt = StopReceipt {
        stopped: progress.stopped,
        landed_after: progress.cancel.as_ref().map_or(0, |cancel| cancel.landed_after),
        in_doubt,
        children: progress.children_ended,
    };
    let mut end = ended(run, stop_reason, None);
    if let Event::RunEnded(event) = &mut end.event {
        event.receipt = Some(receipt);
    }
    Some(vec![end])
}

/// What an agent's run does next.
enum Next<'a> {
    /// Take a call's step.
    Step(&'a Call, CallSite),
    /// Call the model.
    Turn,
    /// The model is done.
    Done,
    /// Wait for effects or decisions.
    Wait,
}

fn next(progress: &Progress, in_force: PolicyVersion) -> Next<'_> {
    let Some(turn) = progress.turns.last() else { return Next::Turn };
    if turn.seq.is_none() {
        return Next::Wait;
    }
    if let Some((call, site)) = startable(turn, progress.turns.len() as u32, in_force) {
        return Next::Step(call, site);
    }
    if !turn.calls.iter().all(|call| call.outcome.is_settled()) {
        return Next::Wait;
    }
    if turn.calls.is_empty() && progress.steered.is_empty() { Next::Done } else { Next::Turn }
}

/// A call whose step may begin: its verdict, and the approval it may have, are from the policy that
/// is in force. Any other one waits until it is assessed again.
fn startable(turn: &Turn, number: u32, in_force: PolicyVersion) -> Option<(&Call, CallSite)> {
    let ready = |call: &Call| {
        let outdated = call.needs_assessment(in_force);
        #[cfg(feature = "planted")]
        let outdated = outdated && !crate::planted::is(crate::planted::Bug::PolicyNotCheckedAgain);
        call.is_ready() && !outdated
    };
    let index = turn.calls.iter().position(ready)?;
    Some((&turn.calls[index], CallSite { turn: number, index: index as u32 }))
}

fn move_agent(
    state: &SessionState,
    run: &Run,
    progress: &Progress,
    cx: &mut Context,
) -> Option<Vec<Draft>> {
    let gives_up = gives_up(progress);
    if let Some((stop_reason, class, code)) = gives_up.filter(|_| !progress.has_effect()) {
        return Some(end(run, stop_reason, class, code, cx));
    }
    // what is under way may answer first
    let next = if gives_up.is_some() { Next::Wait } else { next(progress, cx.policy) };
    let waits = match next {
        Next::Wait => !progress.has_effect() && progress.asked().next().is_some(),
        Next::Step(..) | Next::Turn | Next::Done => progress.budget_asked.is_some(),
    };
    match (waits, run.status) {
        (true, RunStatus::Running) => return Some(vec![draft(run, RunWaiting { run: run.id })]),
        (false, RunStatus::WaitingApproval) => {
            return Some(vec![draft(run, RunResumed { run: run.id })]);
        }
        (true, _) => return None,
        (false, _) => {}
    }
    match next {
        Next::Wait => None,
        Next::Done => Some(finish(state, run, progress, cx)),
        Next::Turn if progress.turns.len() as u32 >= run.limits.max_steps => {
            Some(end(run, StopReason::MaxSteps, ErrorClass::Budget, "max-steps", cx))
        }
        Next::Turn | Next::Step(..) => Some(match (out_of_budget(state, run), next) {
            (Some(used_up), _) => return ask_for_budget(state, run, used_up, cx),
            (None, Next::Step(call, site)) => {
                vec![draft(run, tool_step(state, run, call, site, cx))]
            }
            (None, _) => vec![draft(run, model_step(run, progress, cx))],
        }),
    }
}

/// Why the run cannot go on, if it cannot.
fn gives_up(progress: &Progress) -> Option<(StopReason, ErrorClass, &'static str)> {
    match progress.model_failed {
        Some((class, _)) => Some((StopReason::Failed, class, "model-failed")),
        None if progress.budget_denied => {
            Some((StopReason::Budget, ErrorClass::Budget, "budget-exceeded"))
        }
        None => None,
    }
}

/// The end of a run that did not succeed, after everything it leaves open.
fn end(
    run: &Run,
    stop_reason: StopReason,
    class: ErrorClass,
    code: &str,
    cx: &Context,
) -> Vec<Draft> {
    let mut drafts = leave_open(run, cx.now);
    drafts.push(ended(run, stop_reason, Some((class, code.to_owned()))));
    drafts
}

/// The run succeeded: its messages join chat memory in the commit of its end (`RT7`). A nested run
/// has a memory of its own and leaves its session's alone (`RT10`).
fn finish(state: &SessionState, run: &Run, progress: &Progress, cx: &Context) -> Vec<Draft> {
    let mut drafts = leave_open(run, cx.now);
    if run.memory && run.parent.is_none() && !progress.memory_saved {
        let brought = state.brought.map_or(0, |brought| brought.messages);
        let endings = state.memory.iter().filter_map(|run| state.runs.get(run)?.ending());
        let event = MemorySaved {
            run: run.id,
            version: state.memory_version + 1,
            keep: brought + endings.map(|ending| ending.said.len() as u64).sum::<u64>(),
            added: run.said().len() as u64,
        };
        drafts.push(draft(run, event));
    }
    drafts.push(ended(run, StopReason::Finished, None));
    drafts
}

/// A breach pauses and asks for the increment (`RT16`); nobody to ask is a refusal, and so is no
/// room for another question (`APR-5`).
fn ask_for_budget(
    state: &SessionState,
    run: &Run,
    used_up: u64,
    cx: &mut Context,
) -> Option<Vec<Draft>> {
    let refused = match (run.approvers.is_empty(), room_to_ask(state)) {
        (true, _) => Some("budget-exceeded"),
        (false, 0) => Some("approvals-full"),
        (false, _) => None,
    };
    if let Some(code) = refused {
        let is_busy = run.progress().is_some_and(Progress::has_effect);
        let end = || end(run, StopReason::Budget, ErrorClass::Budget, code, cx);
        return (!is_busy).then(end);
    }
    let increment = used_up.max(1);
    let label = format!("{increment} more steps for a run that has used its {used_up}");
    let event = ApprovalRequested {
        approval: ApprovalId::from_bytes(cx.fresh.take()),
        kind: ApprovalKind::Budget,
        run: Some(run.id),
        site: None,
        action: Digest::of(&[
            b"budget",
            &run.id.bytes(),
            &increment.to_be_bytes(),
            &run.usage.steps.to_be_bytes(),
        ]),
        label,
        risk: RiskLevel::Medium,
        policy: cx.policy,
        approvers: run.approvers.clone(),
        expires_at: Some(cx.now.plus_ms(limits::APPROVAL_EXPIRY_DEFAULT_MS)),
        increment: Some(increment),
        needs_reason: false,
    };
    Some(vec![draft(run, event)])
}

/// A model call's inputs are the journal up to here, under the pinned version.
fn model_step(run: &Run, progress: &Progress, cx: &mut Context) -> StepIntended {
    let input = match &run.work {
        Work::Agent { version, .. } => *version,
        Work::Intent { .. } => Digest::ZERO,
    };
    StepIntended {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: "model".to_owned(),
        kind: StepKind::Model,
        class: RecoveryClass::Read,
        input,
        site: Some(CallSite { turn: progress.turns.len() as u32 + 1, index: 0 }),
        timeout_ms: limits::MODEL_SILENCE_DEFAULT_MS,
        approval: None,
        has_lookup: false,
        policy: None,
    }
}

fn tool_step(
    state: &SessionState,
    run: &Run,
    call: &Call,
    site: CallSite,
    cx: &mut Context,
) -> StepIntended {
    let approval = match call.outcome {
        CallOutcome::Approved { approval, .. } => Some(approval),
        _ => None,
    };
    let approved = approval
        .and_then(|approval| state.approvals.get(&approval))
        .map(|approval| approval.action);
    StepIntended {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: call.noted.tool.clone(),
        kind: StepKind::Tool,
        class: call.noted.class,
        input: approved.unwrap_or(call.noted.action),
        site: Some(site),
        timeout_ms: call.noted.timeout_ms,
        approval,
        has_lookup: call.noted.has_lookup,
        policy: call.policy.filter(|_| call.is_policed()),
    }
}
