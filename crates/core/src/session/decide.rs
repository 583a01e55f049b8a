//! Every decision about a command: events or a refusal, nothing in between.

mod approval;
mod assess;
mod brought;
mod checkpoint;
mod fields;
mod finish;
mod handoff;
mod intend;
mod remote;
mod step;
mod task;
mod travel;
mod turn;

pub(crate) use approval::covers;
use approval::{Verdict, decide_approval};
use fields::{Fields, bind_agent, change_session};
pub use fields::{check_offered, check_opening};
use finish::finish_run;
use intend::{Intention, intend_step};
use step::{Failure, fail_step, land_step, lose_step, record_step, resolve_step, skip_step};
use travel::hand_approval;
use turn::land_turn;

pub use travel::redeem;

use assess::assess_call;
pub(super) use checkpoint::checkpoint;
pub use checkpoint::opens;

pub(super) use finish::leave_open;
pub(super) use handoff::lapse;
pub(super) use remote::give_up;
pub(super) use step::out_of_budget;
pub use task::check_title;
pub(super) use task::give_up_tasks;
pub(super) use turn::room_to_ask;

use super::draft;
use super::run::{Run, Turn};
use super::state::SessionState;
use super::transfer;
use crate::command::{Command, Context, Draft, DraftBody};
use crate::policy::Ruled;
use crate::refusal::Refusal;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{Event, PolicyVersion, RunId, limits};

pub(super) type Decided = Result<Vec<Draft>, Refusal>;

pub(super) fn decide(state: &SessionState, command: &Command, cx: &mut Context) -> Decided {
    if let Command::OpenSession(opened) = command {
        return open_session(state, opened);
    }
    if let Command::BringSession(bringing) = command {
        return brought::session(state, bringing);
    }
    if state.opened.is_none() {
        return Err(Refusal::NoSession(state.id));
    }
    if let Some(gone) = state.gone_to() {
        return match command {
            Command::ReceiveTransfer { released, end } => transfer::receive(state, released, *end),
            Command::Wake => Ok(Vec::new()),
            _ => Err(Refusal::Gone { session: state.id, to: gone.to }),
        };
    }
    if ruled_under(command).is_some_and(|under| under != cx.policy) {
        return Err(Refusal::PolicyChanged);
    }
    match command {
        Command::OpenSession(_) | Command::BringSession(_) | Command::Wake => Ok(Vec::new()),
        Command::BringArtifact { registered, brought } => {
            Ok(brought::artifact(state, registered, brought))
        }
        Command::EndSession { status, reason } => end_session(state, *status, reason.clone()),
        Command::ChangeSession { title, workspace, memory, input_policy } => {
            let memory = memory.as_ref();
            let fields = Fields { title, workspace, memory, input_policy: *input_policy };
            change_session(state, fields)
        }
        Command::OfferTransfer { to, here, reason } => {
            transfer::offer(state, *to, *here, reason.clone(), cx)
        }
        Command::WithdrawTransfer => transfer::withdraw(state),
        Command::ReleaseTransfer { accepted, offered } => {
            transfer::release(state, accepted, *offered)
        }
        // only a session that was released can be received
        Command::ReceiveTransfer { .. } => Err(Refusal::NotOffered(state.id)),
        Command::BindAgent(claim) => bind_agent(state, claim),
        Command::ClearMemory => clear_memory(state),
        Command::SubmitRun { submitted, ruled } => submit_run(state, &judged(submitted, ruled)),
        Command::CancelRun { run, stop_reason, reason } => {
            cancel_run(state, *run, *stop_reason, reason.as_ref())
        }
        Command::PauseRun { run } => pause_run(state, *run),
        Command::ResumeRun { run } => resume_run(state, *run),
        Command::IntendStep { substep, ruled, shown, approver } => {
            let shown = shown.as_ref();
            let intention =
                Intention { substep, ruling: &ruled.ruling, shown, approver: *approver };
            intend_step(state, &intention, cx)
        }
        Command::RecordStep { substep, failed, writes } => {
            record_step(state, substep, *failed, writes, cx)
        }
        Command::OfferHandoff { offer, ruled } => handoff::offer(state, offer, &ruled.ruling, cx),
        Command::AcceptHandoff { handoff, by, ruled } => {
            handoff::accept(state, *handoff, by, &ruled.ruling, cx)
        }
        Command::DeclineHandoff { handoff, by, reason } => {
            handoff::decline(state, *handoff, by, reason.clone(), cx)
        }
        Command::WithdrawHandoff { handoff, by, reason } => {
            handoff::withdraw(state, *handoff, by, reason.clone(), cx)
        }
        Command::MakeCheckpoint => checkpoint::on_demand(state, cx),
        Command::Resume(asked) => checkpoint::resume(state, asked),
        Command::Write(one) => task::write(state, std::slice::from_ref(one), None),
        Command::LandStep { run, step, attempt, writes } => {
            land_step(state, *run, *step, *attempt, writes)
        }
        Command::LandTurn { run, step, attempt, calls, tokens, policy } => {
            let turn = TurnLanded {
                run: *run,
                step: *step,
                attempt: *attempt,
                calls: calls.clone(),
                tokens: *tokens,
                policy: *policy,
            };
            land_turn(state, turn, cx)
        }
        Command::FailStep { run, step, attempt, class, may_pass, tokens } => fail_step(
            state,
            &Failure { run: *run, step: *step, attempt: *attempt, class: *class, tokens: *tokens },
            *may_pass,
            cx.now,
        ),
        Command::LoseStep { run, step, attempt, cause, class, tokens } => lose_step(
            state,
            &Failure { run: *run, step: *step, attempt: *attempt, class: *class, tokens: *tokens },
            *cause,
            cx.now,
        ),
        Command::SkipStep { run, step } => skip_step(state, *run, *step),
        Command::ResolveStep { step, resolution, by_lookup, reason } => {
            resolve_step(state, *step, *resolution, *by_lookup, reason.clone(), cx.now)
        }
        Command::AssessCall { run, site, verdict, policy, approver } => {
            let assessed =
                CallAssessed { run: *run, site: *site, verdict: verdict.clone(), policy: *policy };
            assess_call(state, assessed, *approver, cx)
        }
        Command::HandApproval { handed, principal } => hand_approval(state, handed, principal, cx),
        Command::DecideApproval {
            approval,
            approve,
            principal,
            reason,
            edited,
            ruled,
            returned,
        } => {
            let verdict = Verdict {
                approve: *approve,
                principal,
                reason,
                edited: *edited,
                ruling: &ruled.ruling,
                returned: returned.as_ref(),
            };
            decide_approval(state, *approval, verdict, cx)
        }
        Command::FinishRun { run, outcome, artifacts } => {
            finish_run(state, *run, outcome, artifacts, cx.now)
        }
        Command::ClaimRun(claimed) => remote::claim_run(state, claimed),
        Command::LoseClaim { run, claim } => remote::lose_claim(state, *run, *claim, cx),
        Command::AnswerRemote { run, claim, executor, answer } => {
            remote::answer(state, *run, (*claim, *executor), *answer, cx)
        }
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

/// A submission with what policy said of it.
fn judged(submitted: &RunSubmitted, ruled: &Ruled) -> RunSubmitted {
    RunSubmitted {
        refused: ruled.ruling.clone().at_once().is_err(),
        decided_under: ruled.under,
        ..submitted.clone()
    }
}

/// The policy whose ruling a command brings.
const fn ruled_under(command: &Command) -> Option<PolicyVersion> {
    match command {
        Command::SubmitRun { ruled, .. }
        | Command::IntendStep { ruled, .. }
        | Command::OfferHandoff { ruled, .. }
        | Command::AcceptHandoff { ruled, .. }
        | Command::DecideApproval { ruled, .. } => Some(ruled.under),
        Command::Resume(asked) => match &asked.next {
            Some((_, ruled)) => Some(ruled.under),
            None => None,
        },
        Command::OpenSession(_)
        | Command::BringSession(_)
        | Command::BringArtifact { .. }
        | Command::EndSession { .. }
        | Command::ChangeSession { .. }
        | Command::ClearMemory
        | Command::BindAgent(_)
        | Command::Write(_)
        | Command::CancelRun { .. }
        | Command::PauseRun { .. }
        | Command::ResumeRun { .. }
        | Command::RecordStep { .. }
        | Command::LandStep { .. }
        | Command::LandTurn { .. }
        | Command::AssessCall { .. }
        | Command::FailStep { .. }
        | Command::LoseStep { .. }
        | Command::SkipStep { .. }
        | Command::ResolveStep { .. }
        | Command::HandApproval { .. }
        | Command::DeclineHandoff { .. }
        | Command::WithdrawHandoff { .. }
        | Command::FinishRun { .. }
        | Command::FailRun { .. }
        | Command::ClaimRun(_)
        | Command::LoseClaim { .. }
        | Command::AnswerRemote { .. }
        | Command::MakeCheckpoint
        | Command::OfferTransfer { .. }
        | Command::WithdrawTransfer
        | Command::ReleaseTransfer { .. }
        | Command::ReceiveTransfer { .. }
        | Command::Wake => None,
    }
}

fn given(draft: Draft) -> Draft {
    Draft { body: DraftBody::Given, ..draft }
}

pub(super) fn unowned(event: impl Into<Event>) -> Draft {
    Draft { event: event.into(), run: None, parent: None, body: DraftBody::None }
}

/// The end of a run for a reason.
pub(super) fn ended(
    run: &Run,
    stop_reason: StopReason,
    error: Option<(ErrorClass, String)>,
) -> Draft {
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
        None => {
            check_opening(opened)?;
            Ok(vec![unowned(opened.clone())])
        }
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
        return Err(Refusal::Invalid(format!(
            "`{status}` does not end a session; expected completed, failed or cancelled"
        )));
    }
    let mut drafts = give_up_tasks(state);
    drafts.push(unowned(SessionEnded { status, reason }));
    Ok(drafts)
}

/// A run in progress has read the memory it would be taken from (`RT7`). What is empty already
/// needs no entry.
fn clear_memory(state: &SessionState) -> Decided {
    still_open(state)?;
    if let Some(run) = state.current_root() {
        let possible = "memory is cleared between runs: wait for its end, or cancel it";
        return Err(Refusal::RunStatus { run: run.id, status: run.status, possible });
    }
    if state.memory.is_empty() && state.brought.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![unowned(MemoryCleared { version: state.memory_version + 1 })])
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
    if let Some(known) = state.steered.get(&submitted.run) {
        let same = submitted.request == Some(known.request);
        return if same { Ok(Vec::new()) } else { Err(Refusal::RunKeyConflict(submitted.run)) };
    }
    still_open(state)?;
    if submitted.remote.is_some() && submitted.trigger != Trigger::Dispatch {
        let told = "an executor performed that run; dispatch the work again";
        return Err(Refusal::Invalid(told.to_owned()));
    }
    let attempt = task::attempt_of(state, submitted)?;
    let submitted = &RunSubmitted { attempt, ..submitted.clone() };
    let mut drafts = match submitted.parent {
        Some(parent) => nest(state, parent)?,
        None if submitted.refused => {
            has_room(state)?;
            Vec::new()
        }
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

fn has_room(state: &SessionState) -> Result<(), Refusal> {
    if state.order.len() >= limits::QUEUED_RUNS_MAX {
        return Err(Refusal::QueueFull { session: state.id });
    }
    Ok(())
}

/// A root run arrives: what becomes of it is the declared policy's (`SES-3`).
fn arrive(state: &SessionState, submitted: &RunSubmitted) -> Decided {
    has_room(state)?;
    let busy = state.order.first().copied();
    match (submitted.policy, busy) {
        (InputPolicy::Reject, Some(current)) => {
            Err(Refusal::SessionBusy { session: state.id, current })
        }
        (InputPolicy::Interrupt, Some(current)) => {
            let mut drafts = cancel_run(state, current, StopReason::Superseded, None)?;
            drafts.push(submission(submitted));
            Ok(drafts)
        }
        // a try of a task is a run of its own
        (InputPolicy::Steer, Some(current)) if submitted.task.is_none() => {
            let takes = |run: &&Run| takes_input(run) && !state.remote.contains_key(&run.id);
            match state.runs.get(&current).filter(takes) {
                Some(run) => {
                    let keyed = submitted
                        .request
                        .map(|request| KeyedInput { submission: submitted.run, request });
                    Ok(vec![given(draft(run, RunSteered { run: current, keyed }))])
                }
                None => Ok(vec![submission(submitted)]),
            }
        }
        _ => Ok(vec![submission(submitted)]),
    }
}

/// An agent's run takes input while it has another model call to give it to; what comes later is a
/// run of its own.
fn takes_input(run: &Run) -> bool {
    let left = |turns: &[Turn]| (turns.len() as u32) < run.limits.max_steps;
    run.is_agent()
        && !cancelling(run)
        && run.progress().is_some_and(|progress| left(&progress.turns))
}

fn live(state: &SessionState, run: RunId) -> Result<&Run, Refusal> {
    let known = state.runs.get(&run).ok_or(Refusal::NoRun(run))?;
    if known.status.is_final() {
        return Err(Refusal::RunStatus {
            run,
            status: known.status,
            possible: "it has ended; submit a new run",
        });
    }
    Ok(known)
}

/// Asks for the end of a run and of everything under it; asking twice changes nothing.
fn cancel_run(
    state: &SessionState,
    run: RunId,
    stop_reason: StopReason,
    reason: Option<&String>,
) -> Decided {
    let known = live(state, run)?;
    if stop_reason.status() != RunStatus::Cancelled {
        return Err(Refusal::Invalid(format!(
            "`{stop_reason}` does not cancel a run; expected aborted or superseded"
        )));
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
        status => Err(Refusal::RunStatus {
            run,
            status,
            possible: "only a running or waiting run can be paused",
        }),
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

fn cancelling(run: &Run) -> bool {
    run.progress().is_some_and(|progress| progress.cancel.is_some())
}
