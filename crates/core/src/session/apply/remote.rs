//! Folding what happens between a run and its executors.

use super::Folded;
use crate::session::remote::{LostClaim, Remote};
use crate::session::run::{Run, Stand};
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::{RunId, StepId};

impl SessionState {
    pub(super) fn remote_submitted(&mut self, event: &RunSubmitted) {
        if let Some(work) = &event.remote {
            self.remote.insert(event.run, Remote::new((**work).clone()));
        }
    }

    pub(super) fn run_claimed(&mut self, event: &RunClaimed) -> Folded {
        let remote = self.remote_mut(event.run)?;
        if remote.held || event.claim != remote.work.claim + 1 {
            return Err(format!("claim {} does not follow", event.claim));
        }
        remote.work.executor = event.executor;
        remote.work.claim = event.claim;
        remote.work.lease_ms = event.lease_ms;
        remote.held = true;
        Ok(())
    }

    pub(super) fn run_released(&mut self, event: &RunReleased) -> Folded {
        let progress = self.known(event.run)?.progress();
        let remote = self.remote.get(&event.run);
        let open = remote.and_then(|remote| progress?.open.get(&remote.step?));
        let attempt = open.filter(|open| open.stand == Stand::Intended).map(|open| open.attempt);
        let remote = self.remote_mut(event.run)?;
        if !remote.held || event.claim != remote.work.claim {
            return Err(format!("claim {} does not stand", event.claim));
        }
        remote.held = false;
        if let Some(attempt) = attempt {
            let lost = LostClaim { executor: remote.work.executor, attempt };
            remote.lost.insert(event.claim, lost);
        }
        Ok(())
    }

    /// An executor performs the step that was intended under its claim.
    pub(super) fn remote_intended(&mut self, run: RunId, step: StepId) {
        if let Some(remote) = self.remote.get_mut(&run) {
            remote.step = Some(step);
        }
    }

    /// The attempt under way was answered: the claim that performed it is over.
    pub(super) fn remote_answered(&mut self, run: RunId) {
        if let Some(remote) = self.remote.get_mut(&run).filter(|remote| remote.held) {
            remote.held = false;
            remote.answered = Some(remote.work.claim);
        }
    }

    /// A late answer was heard; it is not heard twice.
    pub(super) fn remote_late(&mut self, event: &StepLate) {
        if let Some(remote) = self.remote.get_mut(&event.run) {
            remote.lost.retain(|_, lost| lost.attempt != event.attempt);
        }
    }

    fn remote_mut(&mut self, run: RunId) -> Result<&mut Remote, String> {
        self.remote.get_mut(&run).ok_or_else(|| format!("run `{run}` is no executor's"))
    }
}

/// The entry with the result of a run's executor, for its ending.
pub(super) fn result_of(state: &SessionState, run: &Run) -> Option<u64> {
    state.remote.get(&run.id)?;
    Remote::result(run.progress()?).map(|(seq, _)| seq)
}
