//! Folding checkpoints: when one is due, that it was made, and what resuming changes.

use super::Folded;
use crate::session::state::{Due, SessionState};
use tenure_contract::event::{SessionResumed, Work};
use tenure_contract::words::CheckpointCause;
use tenure_contract::{CheckpointId, Entry, RunId};

impl SessionState {
    /// A root run moved: a checkpoint follows in the same commit. What is nested is part of its root.
    pub(super) fn checkpoint_due(&mut self, run: RunId, cause: CheckpointCause) -> Folded {
        if self.known(run)?.parent.is_none() {
            self.due = Some(Due { run, cause });
        }
        Ok(())
    }

    pub(super) fn checkpoint_made(&mut self, entry: &Entry, id: CheckpointId) -> Folded {
        self.due = None;
        self.handoff_checkpoint(entry, id);
        Ok(())
    }

    /// An unfinished run may go on with another version of its agent.
    pub(super) fn session_resumed(&mut self, event: &SessionResumed) -> Folded {
        let (Some(repin), Some(run)) = (&event.repin, event.run) else { return Ok(()) };
        self.progress_mut(run)?;
        let run = self.run_mut(run)?;
        let Work::Agent { agent, version, .. } = &mut run.work else {
            return Err("an intent's run has no agent to change".to_owned());
        };
        (*agent, *version) = (repin.agent, repin.version);
        run.tools = Some(repin.tools);
        run.model = Some(repin.model.clone());
        Ok(())
    }
}
