//! Decisions about checkpoints: what one holds, and what resuming from one does.

use super::{Decided, cancelling, judged, still_open, submit_run, unowned};
use crate::command::{Context, Draft, DraftBody, Resume};
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::run::Run;
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::resource::ResumeToken;
use tenure_contract::words::*;
use tenure_contract::{CheckpointId, Digest, RunId, limits};

/// A checkpoint as things stand. References only, each list up to a limit: what it costs does not
/// depend on how much there is in a session.
pub(in crate::session) fn checkpoint(
    state: &SessionState,
    run: Option<RunId>,
    cause: CheckpointCause,
    cx: &mut Context,
) -> Draft {
    const MOST: usize = limits::CHECKPOINT_REFS_MAX;
    let checkpoint = CheckpointId::from_bytes(cx.fresh.take());
    let hidden = Digest::of(&[b"tenure-resume-secret\0", &cx.secret, &checkpoint.bytes()]);
    let token = ResumeToken { checkpoint, secret: hidden.first_half() };
    let known = run.and_then(|run| state.runs.get(&run));
    let over = |held: usize| held.saturating_sub(MOST) as u64;
    let left_out =
        over(state.todos.len()) + over(state.artifacts.len()) + over(state.approvals.len());
    let event = CheckpointMade {
        checkpoint,
        run,
        cause,
        status: state.status(),
        current_task: state.current_task(),
        todos: state.todos.keys().rev().take(MOST).copied().collect(),
        artifacts: state.artifacts.keys().rev().take(MOST).copied().collect(),
        memory: state.memory_refs(),
        approvals: state.approvals.keys().rev().take(MOST).copied().collect(),
        left_out,
        dispatch: state.opened.as_ref().and_then(|opened| opened.dispatch.clone()),
        token: token.digest(),
        title: title(state, known),
        summary: summary(state, known),
        last_action_at: Some(state.at),
        pins: known.map(Run::pins).unwrap_or_default(),
    };
    let made = known.map_or_else(|| unowned(event.clone()), |run| draft(run, event.clone()));
    Draft { body: DraftBody::Token(token), ..made }
}

/// The checkpoint somebody asks for: of the root run in progress, or of the last one.
pub(super) fn on_demand(state: &SessionState, cx: &mut Context) -> Decided {
    still_open(state)?;
    Ok(vec![checkpoint(state, state.last_root(), CheckpointCause::Demand, cx)])
}

fn title(state: &SessionState, run: Option<&Run>) -> String {
    let task = run.and_then(|run| run.task).or_else(|| state.current_task());
    let of_task = task.and_then(|task| state.tasks.get(&task)).map(|task| task.title.clone());
    let of_session = || state.opened.as_ref().and_then(|opened| opened.title.clone());
    let of_run = || run.map(|run| run.name().to_owned());
    of_task.or_else(of_session).or_else(of_run).unwrap_or_else(|| state.id.to_string())
}

fn summary(state: &SessionState, run: Option<&Run>) -> String {
    let mut text = match run {
        None => "no run yet".to_owned(),
        Some(run) => {
            let why = run.ending().map(|ending| format!(" ({})", ending.stop_reason));
            format!("`{}` is {}{}", run.name(), run.status, why.unwrap_or_default())
        }
    };
    let asked = state.asked.len();
    if asked > 0 {
        text += &format!("; {asked} approvals are open");
    }
    let done = state.todos.values().filter(|todo| todo.status == TodoStatus::Done).count();
    if !state.todos.is_empty() {
        text += &format!("; {done} of {} todos are done", state.todos.len());
    }
    text
}

/// Goes on from a checkpoint (`CKP-2`): an unfinished run under its id, after an ended one a new run.
pub(super) fn resume(state: &SessionState, asked: &Resume) -> Decided {
    let next = asked.next.as_ref().map(|(next, ruled)| judged(next, ruled));
    let next = next.as_ref();
    if let Some(known) = next.and_then(|next| state.runs.get(&next.run)) {
        let same = known.request.is_some() && known.request == next.and_then(|next| next.request);
        return if same { Ok(Vec::new()) } else { Err(Refusal::RunKeyConflict(known.id)) };
    }
    still_open(state)?;
    if asked.verdict == PinVerdict::Changed && asked.choice.is_none() {
        return Err(Refusal::ChoiceNeeded { checkpoint: asked.checkpoint });
    }
    let unfinished = asked
        .run
        .and_then(|run| state.runs.get(&run))
        .filter(|run| !run.status.is_final() && !cancelling(run));
    let event = SessionResumed {
        checkpoint: asked.checkpoint,
        run: unfinished.map(|run| run.id).or(next.map(|next| next.run)),
        verdict: asked.verdict,
        differing: asked.differing.clone(),
        choice: asked.choice,
        repin: asked.repin.clone().filter(|_| unfinished.is_some()),
    };
    let mut drafts = vec![unowned(event)];
    match (unfinished, next) {
        (Some(run), _) => drafts.extend(let_go_on(run)),
        (None, Some(next)) => {
            // a failed task is tried again; one that is done, or given up, is not
            let failed = |task: &tenure_contract::TaskId| {
                state.tasks.get(task).is_some_and(|task| task.status == TaskStatus::Failed)
            };
            let task = next.task.filter(failed);
            // it waits its turn, whatever the session's policy does to others
            let next = RunSubmitted { task, policy: InputPolicy::Queue, ..next.clone() };
            drafts.extend(submit_run(state, &next)?);
        }
        (None, None) => {}
    }
    Ok(drafts)
}

/// A run somebody halted goes on; whatever else holds one up still does.
fn let_go_on(run: &Run) -> Option<Draft> {
    let halted = run.progress().is_some_and(|progress| progress.halted && !progress.has_doubt());
    (run.status == RunStatus::Paused && halted).then(|| draft(run, RunResumed { run: run.id }))
}

/// Whether a token is the one the checkpoint was made with.
#[must_use]
pub fn opens(made: &CheckpointMade, token: &ResumeToken) -> bool {
    made.checkpoint == token.checkpoint && made.token == token.digest()
}
