//! What a session needs to go on (`SES-2`): entries whose bodies must be there, versions that must
//! be known.

use super::run::{CallOutcome, Run, Said};
use super::state::SessionState;
use std::collections::BTreeSet;
use tenure_contract::Digest;
use tenure_contract::event::Work;

/// What a session needs to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Entries whose bodies are read again.
    pub entries: BTreeSet<u64>,
    /// Agents' versions that are pinned.
    pub versions: BTreeSet<Digest>,
}

impl SessionState {
    /// What the session's living runs, and the next one's chat memory, need.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for run in self.live.iter().filter_map(|run| self.runs.get(run)) {
            needs.entries.insert(run.submitted_seq);
            needs.of(run);
            if let Work::Agent { version, .. } = &run.work {
                needs.versions.insert(*version);
            }
            let memo = run.progress().into_iter().flat_map(|progress| progress.memo.values());
            needs.entries.extend(memo.filter_map(|memo| memo.result_seq));
        }
        needs.entries.extend(self.brought.map(|brought| brought.seq));
        for run in self.memory.iter().filter_map(|run| self.runs.get(run)) {
            needs.of(run);
        }
        needs
    }
}

impl Needs {
    fn of(&mut self, run: &Run) {
        if !run.is_agent() {
            return;
        }
        for said in run.said() {
            match said {
                Said::Input(seq) | Said::Turn(seq) => drop(self.entries.insert(seq)),
                Said::Result { outcome, .. } => match outcome {
                    CallOutcome::Landed(seq)
                    | CallOutcome::Failed(seq)
                    | CallOutcome::Denied(seq)
                    | CallOutcome::Answered(seq) => drop(self.entries.insert(seq)),
                    CallOutcome::Open
                    | CallOutcome::Asked(_)
                    | CallOutcome::Approved { .. }
                    | CallOutcome::Performing(_)
                    | CallOutcome::Refused(_)
                    | CallOutcome::Doubtful
                    | CallOutcome::Cancelled => {}
                },
            }
        }
    }
}
