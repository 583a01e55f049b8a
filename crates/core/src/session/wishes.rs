//! What the outside should do for a session, and when to look again.
//!
//! Wishes are computed, never stored: after a crash they come out the same.

use super::run::{Call, CallOutcome, OpenStep, Progress, Run, Stand};
use super::state::SessionState;
use tenure_contract::event::CallSite;
use tenure_contract::words::{RunStatus, StepKind};
use tenure_contract::{ApprovalId, PolicyVersion, RunId, StepId, Time};

/// Something the outside should do. Doing one twice at once is the shell's to prevent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Call the model for a turn.
    CallModel {
        /// The run.
        run: RunId,
        /// The model step.
        step: StepId,
        /// The attempt.
        attempt: u32,
    },
    /// Perform a tool call.
    CallTool {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// The call.
        site: CallSite,
        /// The entry with edited arguments, if an approver edited them.
        edited_seq: Option<u64>,
        /// The call's time limit, milliseconds.
        timeout_ms: u64,
    },
    /// Run an intent's handler.
    Invoke {
        /// The run.
        run: RunId,
    },
    /// Assess a call again under the policy in force.
    Assess {
        /// The run.
        run: RunId,
        /// The call.
        site: CallSite,
        /// The entry with edited arguments, if an approver edited them.
        edited_seq: Option<u64>,
        /// Who approved it, as `kind:name`, with the approval, if somebody did.
        approved: Option<(ApprovalId, String)>,
    },
    /// Ask a tool what became of a lost call.
    LookUp {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// The call.
        site: CallSite,
        /// The entry with edited arguments, if an approver edited them.
        edited_seq: Option<u64>,
        /// From then on `absent` may be acted on.
        travelling_until: Time,
    },
    /// Tell every effect of a run to stop.
    Stop {
        /// The run.
        run: RunId,
    },
}

/// Everything the outside should be doing for the session now, under the policy in force.
#[must_use]
pub fn wishes(state: &SessionState, in_force: PolicyVersion) -> Vec<Wish> {
    let mut wishes = Vec::new();
    if state.gone_to().is_some() {
        return wishes;
    }
    for run in state.live.iter().filter_map(|run| state.runs.get(run)) {
        if let Some(progress) = run.progress() {
            match state.remote.contains_key(&run.id) {
                // an executor performs it, elsewhere
                true => {}
                false => of_run(run, progress, &mut wishes),
            }
            wishes.extend(assessments(state, run, progress, in_force));
        }
    }
    wishes
}

fn of_run(run: &Run, progress: &Progress, wishes: &mut Vec<Wish>) {
    if progress.cancel.is_some() {
        wishes.push(Wish::Stop { run: run.id });
        return;
    }
    for (step, open) in &progress.open {
        wishes.extend(of_step(run.id, *step, open));
    }
    let started = matches!(run.status, RunStatus::Running);
    if !run.is_agent() && started && !progress.has_doubt() {
        wishes.push(Wish::Invoke { run: run.id });
    }
}

/// Calls whose step could begin but for a verdict that is not from the policy in force.
fn assessments(
    state: &SessionState,
    run: &Run,
    progress: &Progress,
    in_force: PolicyVersion,
) -> Vec<Wish> {
    let goes_on = matches!(run.status, RunStatus::Running | RunStatus::WaitingApproval);
    let Some(turn) = progress.turns.last().filter(|_| goes_on && progress.cancel.is_none()) else {
        return Vec::new();
    };
    let number = progress.turns.len() as u32;
    let calls = (0u32..).zip(&turn.calls).filter(|(_, call)| call.needs_assessment(in_force));
    let wish = |(index, call): (u32, &Call)| {
        let (approved, edited_seq) = match call.outcome {
            CallOutcome::Approved { approval, edited_seq } => {
                let resolver =
                    state.approvals.get(&approval).and_then(|known| known.resolver.clone());
                (resolver.map(|resolver| (approval, resolver)), edited_seq)
            }
            _ => (None, None),
        };
        Wish::Assess { run: run.id, site: CallSite { turn: number, index }, edited_seq, approved }
    };
    calls.map(wish).collect()
}

fn of_step(run: RunId, step: StepId, open: &OpenStep) -> Option<Wish> {
    let (attempt, edited_seq) = (open.attempt, open.edited_seq);
    match (&open.stand, open.kind) {
        (Stand::Intended, StepKind::Model) => Some(Wish::CallModel { run, step, attempt }),
        (Stand::Intended, StepKind::Tool) => {
            let site = open.site?;
            Some(Wish::CallTool {
                run,
                step,
                attempt,
                site,
                edited_seq,
                timeout_ms: open.timeout_ms,
            })
        }
        (Stand::InDoubt(doubt), StepKind::Tool) if open.has_lookup => {
            let site = open.site?;
            Some(Wish::LookUp {
                run,
                step,
                site,
                edited_seq,
                travelling_until: doubt.travelling_until,
            })
        }
        // a handler's substeps are performed by the handler; what waits for time is in `next_wake`
        _ => None,
    }
}

/// Whether nothing is under way in the session: its runs wait for decisions, for time or for
/// somebody. What the shell holds of it in memory may go then; reading it again brings back the
/// same. A look-up that is being made is the shell's to know of.
#[must_use]
pub fn rests(state: &SessionState) -> bool {
    if state.gone_to().is_some() {
        return true;
    }
    let rests = |run: &Run| {
        let Some(progress) = run.progress() else { return true };
        let is_handled = !run.is_agent() && run.status == RunStatus::Running;
        let is_begun = progress.open.values().any(|open| open.stand == Stand::Intended);
        progress.cancel.is_none() && !is_handled && !is_begun
    };
    state.live.iter().filter_map(|run| state.runs.get(run)).all(rests)
}

/// The next moment at which time alone changes something, if there is one.
#[must_use]
pub fn next_wake(state: &SessionState) -> Option<Time> {
    if state.gone_to().is_some() {
        return None;
    }
    let expiries = state.open_approvals().filter_map(|(_, approval)| approval.expires_at);
    let offer = state.open_handoff().map(|(_, handoff)| handoff.offered.expires_at);
    next_retry(state).into_iter().chain(expiries).chain(offer).min()
}

/// The next moment at which a step is tried again, if there is one; what expires is held.
#[must_use]
pub fn next_retry(state: &SessionState) -> Option<Time> {
    if state.gone_to().is_some() {
        return None;
    }
    let retries = state
        .live
        .iter()
        .filter_map(|run| state.runs.get(run))
        // a paused run tries nothing again until it goes on
        .filter(|run| run.status != RunStatus::Paused)
        .filter_map(Run::progress)
        .flat_map(|progress| progress.open.values())
        .filter_map(|open| match open.stand {
            Stand::RetryAt(at) => Some(at),
            Stand::Intended | Stand::InDoubt(_) => None,
        });
    retries.min()
}
