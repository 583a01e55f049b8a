//! Why a run is not moving, in one typed reason (`RUN-5`).

use super::run::{OpenStep, Progress, Stand};
use super::state::SessionState;
use crate::clock::Hold;
use tenure_contract::words::{RunStatus, StuckReason};
use tenure_contract::{RunId, Time};

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The kind of reason.
    pub reason: StuckReason,
    /// The id or name of what it waits for.
    pub subject: Option<String>,
    /// Since when.
    pub since: Option<Time>,
    /// In words, with what is possible now.
    pub text: String,
}

fn stuck(reason: StuckReason, subject: impl ToString, since: Option<Time>, text: String) -> Stuck {
    Stuck { reason, subject: Some(subject.to_string()), since, text }
}

/// That what a run waits for has expired and is held, since the clock is not believed; none when
/// that is not why it waits.
#[must_use]
pub fn held(state: &SessionState, run: RunId, hold: Hold, now: Time) -> Option<Stuck> {
    if state.gone_to().is_some() {
        return None;
    }
    let why = hold.text()?;
    let asked = state.runs.get(&run)?.progress()?.asked();
    let late = |id: &tenure_contract::ApprovalId| {
        let expires_at = state.approvals.get(id).and_then(|asked| asked.expires_at);
        expires_at.is_some_and(|at| at <= now)
    };
    let approval = asked.into_iter().find(late)?;
    let since = state.approvals.get(&approval).and_then(|asked| asked.expires_at);
    let text = format!("approval `{approval}` would have expired, but {why}; approve or deny it");
    Some(stuck(StuckReason::ClockHeld, approval, since, text))
}

/// Why the run is not moving; none when it is about to.
#[must_use]
pub fn explain(state: &SessionState, run: RunId) -> Option<Stuck> {
    let known = state.runs.get(&run)?;
    if let Some(ending) = known.ending() {
        let text = format!("it ended as {} ({})", known.status, ending.stop_reason);
        return Some(stuck(StuckReason::Ended, run, Some(ending.at), text));
    }
    let progress = known.progress()?;
    if let Some(gone) = state.gone_to() {
        let text = format!("its session was released to store `{}`; go on there", gone.to);
        return Some(stuck(StuckReason::Elsewhere, gone.to, Some(state.at), text));
    }
    if known.status == RunStatus::Queued {
        let other_tree = |other: &RunId| state.root_of(*other) != state.root_of(run);
        let mut before = state.order.first().into_iter().chain(&state.live).copied();
        let first = before.find(other_tree).or(known.parent)?;
        let text = format!("run `{first}` of the same session goes first");
        return Some(stuck(StuckReason::Dependency, first, Some(known.created_at), text));
    }
    if let Some(stuck_with) = with_executors(state, run, progress) {
        return Some(stuck_with);
    }
    let open =
        |wanted: fn(&OpenStep) -> bool| progress.open.iter().find(move |(_, open)| wanted(open));
    if let Some((step, lost)) = open(|open| matches!(open.stand, Stand::InDoubt(_))) {
        let text = format!(
            "step `{step}` (`{}`) is in doubt: its request may have left and no answer is committed; \
             resolve it with landed, did-not-happen or retry",
            lost.name
        );
        let since = match &lost.stand {
            Stand::InDoubt(doubt) => Some(doubt.since),
            Stand::Intended | Stand::RetryAt(_) => None,
        };
        return Some(stuck(StuckReason::InDoubtStep, step, since, text));
    }
    if progress.halted {
        return Some(stuck(
            StuckReason::Operator,
            run,
            None,
            "somebody paused it; resume it".to_owned(),
        ));
    }
    if let Some(approval) = progress.budget_asked {
        let text = format!("its budget is used up; approval `{approval}` would raise it");
        return Some(stuck(
            StuckReason::Budget,
            approval,
            state.approvals.get(&approval).map(|asked| asked.requested_at),
            text,
        ));
    }
    if let Some((step, open)) = open(|open| matches!(open.stand, Stand::Intended)) {
        let text = format!("`{}` is under way, attempt {}", open.name, open.attempt);
        return Some(stuck(StuckReason::Effect, step, Some(open.since), text));
    }
    if let Some(approval) = progress.asked().next() {
        let about = progress.asked_step(approval);
        let about = about.map(|(name, _)| format!(" about substep `{name}`")).unwrap_or_default();
        let text = format!("approval `{approval}`{about} is open; approve or deny it");
        return Some(stuck(
            StuckReason::Approval,
            approval,
            state.approvals.get(&approval).map(|asked| asked.requested_at),
            text,
        ));
    }
    let (step, waiting) = open(|open| matches!(open.stand, Stand::RetryAt(_)))?;
    let at = match waiting.stand {
        Stand::RetryAt(at) => Some(at),
        Stand::Intended | Stand::InDoubt(_) => None,
    };
    let text = format!(
        "`{}` failed and is tried again, attempt {} next",
        waiting.name,
        waiting.attempt + 1
    );
    Some(stuck(StuckReason::Alarm, step, at, text))
}

/// An executor has the run, or none has; doubt, halts and retries are told like any run's.
fn with_executors(state: &SessionState, run: RunId, progress: &Progress) -> Option<Stuck> {
    let remote = state.remote.get(&run)?;
    let known = state.runs.get(&run)?;
    if remote.wants_executor(known) {
        let work = &remote.work;
        let text = format!(
            "its executor was lost; another one that serves `{}` for `{}` may claim it",
            work.target, work.user
        );
        let queue = format!("{}/{}", work.target, work.user);
        return Some(stuck(StuckReason::Worker, queue, Some(state.at), text));
    }
    let step = remote.performing(progress)?;
    let since = progress.open.get(&step).map(|open| open.since);
    let (executor, claim) = (remote.work.executor, remote.work.claim);
    let text = format!(
        "executor `{executor}` performs step `{step}` and holds its lease under claim {claim}"
    );
    Some(stuck(StuckReason::Lease, executor, since, text))
}
