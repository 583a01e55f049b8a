//! Decisions about a run that an executor performs: who has it, its answer, its loss.

use super::step::{Failure, fail_step, land_step, late, lose_step};
use super::{Decided, cancelling, live};
use crate::command::{Context, RemoteAnswer};
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::remote::{Hearing, Remote};
use crate::session::run::{Run, Stand};
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{ExecutorId, RunId};

fn remote(state: &SessionState, run: RunId) -> Result<&Remote, Refusal> {
    state.remote.get(&run).ok_or(Refusal::NoRun(run))
}

/// Another executor takes the run over.
pub(super) fn claim_run(state: &SessionState, claimed: &RunClaimed) -> Decided {
    let run = live(state, claimed.run)?;
    let known = remote(state, claimed.run)?;
    if !known.wants_executor(run) || known.work.claim + 1 != claimed.claim {
        let possible = "it is not to be had by an executor any more";
        return Err(Refusal::RunStatus { run: run.id, status: run.status, possible });
    }
    Ok(vec![draft(run, claimed.clone())])
}

/// The lease ran out. A run that ended, or was answered or taken over meanwhile, needs no entry.
pub(super) fn lose_claim(state: &SessionState, run: RunId, claim: u64, cx: &Context) -> Decided {
    let known = remote(state, run)?;
    let Some(of) = state.runs.get(&run).filter(|of| !of.status.is_final()) else {
        return Ok(Vec::new());
    };
    if !known.held || known.work.claim != claim {
        return Ok(Vec::new());
    }
    let cause = ReleaseCause::LeaseLost;
    let mut drafts = vec![draft(of, RunReleased { run, claim, cause })];
    let open = known.step.and_then(|step| Some((step, of.progress()?.open.get(&step)?)));
    if let Some((step, open)) = open.filter(|(_, open)| open.stand == Stand::Intended) {
        let class = ErrorClass::Handler;
        let lost = Failure { run, step, attempt: open.attempt, class, tokens: None };
        drafts.extend(lose_step(state, &lost, LossCause::Lease, cx.now)?);
    }
    Ok(drafts)
}

/// An executor's answer. The fencing token decides, here and nowhere else, whether it counts; an
/// answer that does not is journaled once and changes nothing (`STP-2`).
pub(super) fn answer(
    state: &SessionState,
    run: RunId,
    (claim, executor): (u64, ExecutorId),
    given: RemoteAnswer,
    cx: &Context,
) -> Decided {
    let of = state.runs.get(&run).ok_or(Refusal::NoRun(run))?;
    let known = remote(state, run)?;
    let over = || Refusal::ClaimOver { run, claim, status: of.status };
    let step = known.step;
    match known.hear(of.progress(), claim, executor) {
        Hearing::Known => Ok(Vec::new()),
        Hearing::Over => Err(over()),
        Hearing::Early => {
            let possible = "its step has not begun; wait until a heartbeat says `work`";
            Err(Refusal::RunStatus { run, status: of.status, possible })
        }
        Hearing::Late { attempt } => late(state, (run, step.ok_or_else(over)?, attempt), None),
        Hearing::Counts { attempt } => {
            let step = step.ok_or_else(over)?;
            match given {
                RemoteAnswer::Done => land_step(state, run, step, attempt, &[]),
                RemoteAnswer::Failed { may_pass } => {
                    let class = ErrorClass::Handler;
                    let failure = Failure { run, step, attempt, class, tokens: None };
                    fail_step(state, &failure, may_pass, cx.now)
                }
            }
        }
    }
}

/// A cancelled run's attempt that nobody has is given up: it never began.
pub(in crate::session) fn give_up(state: &SessionState, run: &Run) -> Option<Vec<crate::Draft>> {
    let known = state.remote.get(&run.id).filter(|known| !known.held && cancelling(run))?;
    let step = known.step?;
    let open = run.progress()?.open.get(&step)?;
    let idle = open.stand == Stand::Intended;
    idle.then(|| vec![draft(run, StepCancelled { run: run.id, step })])
}
