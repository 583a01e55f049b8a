//! Runs that an executor performs (`DSP-2`, `STP-1`): one step, intended under a claim and landed by
//! the executor's answer.
//!
//! A claim's number is its fencing token, counted on from the dispatch's. A claim performs at most one
//! attempt of the step: an answer names the claim, and so its attempt is known whenever it comes.

use super::run::{Progress, Run, Stand};
use super::state::SessionState;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::RemoteWork;
use tenure_contract::{ExecutorId, RunId, StepId};

/// The name of the one step of such a run.
pub const STEP_NAME: &str = "executor";

/// How a run stands with its executors.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Remote {
    /// What it is, with the newest claim.
    #[n(0)]
    pub work: RemoteWork,
    /// Whether the newest claim stands: not lost, not answered.
    #[n(1)]
    pub held: bool,
    /// Its step, once intended.
    #[n(2)]
    pub step: Option<StepId>,
    /// Claims that were lost while they performed an attempt and have not been heard of since.
    #[n(3)]
    pub lost: BTreeMap<u64, LostClaim>,
    /// The newest claim that was answered.
    #[n(4)]
    pub answered: Option<u64>,
}

/// A claim that was lost while it performed an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LostClaim {
    /// Who had it.
    #[n(0)]
    pub executor: ExecutorId,
    /// Which attempt.
    #[n(1)]
    pub attempt: u32,
}

/// What becomes of an executor's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It is the answer of the attempt under way, or of the one in doubt.
    Counts {
        /// The attempt.
        attempt: u32,
    },
    /// It came too late and changes nothing.
    Late {
        /// The attempt.
        attempt: u32,
    },
    /// It was given before.
    Known,
    /// The step has not begun.
    Early,
    /// Nobody waits for that claim.
    Over,
}

impl Remote {
    /// A run's remote side as it was submitted.
    #[must_use]
    pub const fn new(work: RemoteWork) -> Self {
        Self { work, held: true, step: None, lost: BTreeMap::new(), answered: None }
    }

    /// What an answer under a claim of that executor would be.
    #[must_use]
    pub fn hear(&self, progress: Option<&Progress>, claim: u64, executor: ExecutorId) -> Hearing {
        let open = self.step.and_then(|step| progress?.open.get(&step));
        let is_newest = self.work.claim == claim && self.work.executor == executor;
        if is_newest && self.answered == Some(claim) {
            return Hearing::Known;
        }
        if is_newest && self.held {
            return match open {
                Some(open) => Hearing::Counts { attempt: open.attempt },
                None => Hearing::Early,
            };
        }
        let lost = self.lost.get(&claim).filter(|lost| lost.executor == executor);
        let Some(lost) = lost else { return Hearing::Over };
        let attempt = lost.attempt;
        match open {
            // nobody else has begun since: its own answer is the best there is
            Some(open) if open.attempt == attempt && matches!(open.stand, Stand::InDoubt(_)) => {
                Hearing::Counts { attempt }
            }
            _ => Hearing::Late { attempt },
        }
    }

    /// Who has, or lately had, that claim.
    #[must_use]
    pub fn executor_of(&self, claim: u64) -> Option<ExecutorId> {
        if self.work.claim == claim {
            return Some(self.work.executor);
        }
        self.lost.get(&claim).map(|lost| lost.executor)
    }

    /// Whether an executor may take the run now: the one before is lost, and there is an attempt to
    /// make.
    #[must_use]
    pub fn wants_executor(&self, run: &Run) -> bool {
        let Some(progress) = run.progress().filter(|_| !self.held) else { return false };
        let is_due = match self.step.and_then(|step| progress.open.get(&step)) {
            Some(open) => open.stand == Stand::Intended,
            // not begun, or over and about to end
            None => self.step.is_none(),
        };
        is_due
            && run.status == tenure_contract::words::RunStatus::Running
            && progress.cancel.is_none()
    }

    /// The step an executor is to perform now, if there is one and its claim stands.
    #[must_use]
    pub fn performing(&self, progress: &Progress) -> Option<StepId> {
        let step = self.step.filter(|_| self.held)?;
        progress.open.get(&step).filter(|open| open.stand == Stand::Intended).map(|_| step)
    }

    /// The entry with the step's result, once there is one, and whether that is a failure.
    #[must_use]
    pub fn result(progress: &Progress) -> Option<(u64, bool)> {
        let memo = progress.memo.get(STEP_NAME)?;
        memo.result_seq.map(|seq| (seq, memo.failed))
    }
}

impl SessionState {
    /// The remote side of a run that has not ended.
    #[must_use]
    pub fn remote_of(&self, run: RunId) -> Option<&Remote> {
        self.remote.get(&run)
    }

    /// Runs that executors perform and that have not ended.
    pub fn live_remote(&self) -> impl Iterator<Item = (&Run, &Remote)> {
        let live = self.live.iter().filter_map(|run| self.runs.get(run));
        live.filter_map(|run| Some((run, self.remote.get(&run.id)?)))
    }
}
