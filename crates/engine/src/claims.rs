//! Runs on their way into the lists: which session a submitted one went to, until the lists tell.
//!
//! A keyed run's id comes from its key, and the session it goes to is the client's choice: two
//! sessions must not both take it (`INT-5`). What is settled is found in the lists; what is not is
//! found here, so that the two together are exact at every moment. It also spares whoever submits a run
//! and asks for it to wait for the lists, which may be busy with what others did.

use crate::lock;
use crate::resident::Resident;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use tenure_contract::{RunId, SessionId};

/// Keys that are decided side by side; two in one stripe wait for each other.
const STRIPES: usize = 64;
/// Claims that are kept before the first look at which of them are over.
const SWEEP_FROM: usize = 256;

/// Runs that were submitted and may not be in the lists yet.
#[derive(Debug)]
pub(crate) struct Claims {
    turns: Vec<Mutex<()>>,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    by_run: HashMap<RunId, Claim>,
    sweep_at: usize,
}

/// The entry that took the run into a session is at `seq` or before.
#[derive(Debug)]
struct Claim {
    session: Weak<Resident>,
    seq: u64,
}

/// Another session's claim: a conflict once it is durable, nothing if it is lost.
pub(crate) struct Elsewhere {
    pub session: Arc<Resident>,
    pub seq: u64,
}

impl Default for Claims {
    fn default() -> Self {
        let known = Known { by_run: HashMap::new(), sweep_at: SWEEP_FROM };
        Self { turns: (0..STRIPES).map(|_| Mutex::new(())).collect(), known: Mutex::new(known) }
    }
}

impl Claims {
    /// Held from looking for a run to its claim, so that nobody else looks in between.
    pub fn turn(&self, run: RunId) -> MutexGuard<'_, ()> {
        lock(&self.turns[usize::from(run.bytes()[0]) % STRIPES])
    }

    /// The claim of a session that does not have this key, while the lists may not tell it.
    pub fn elsewhere(&self, run: RunId, here: [u8; 16]) -> Option<Elsewhere> {
        let known = lock(&self.known);
        let claim = known.by_run.get(&run)?;
        let session = claim.standing()?;
        (session.journal.key() != here).then_some(Elsewhere { session, seq: claim.seq })
    }

    /// The session that has the run, while the lists may not tell it.
    pub fn session_of(&self, run: RunId) -> Option<SessionId> {
        let session = lock(&self.known).by_run.get(&run)?.standing()?;
        let cell = lock(&session.cell);
        // one that became input for another run is none of the session's
        cell.session().filter(|state| state.runs.contains_key(&run)).map(|state| state.id)
    }

    /// A session took the run.
    pub fn make(&self, run: RunId, session: &Arc<Resident>, seq: u64) {
        let mut known = lock(&self.known);
        if known.by_run.len() >= known.sweep_at {
            known.by_run.retain(|_, claim| claim.standing().is_some());
            known.sweep_at = SWEEP_FROM.max(known.by_run.len() * 2);
        }
        known.by_run.insert(run, Claim { session: Arc::downgrade(session), seq });
    }
}

impl Claim {
    /// The session, unless its entry is in the lists by now, or was lost. A session is let go only
    /// when it is settled or void.
    fn standing(&self) -> Option<Arc<Resident>> {
        let session = self.session.upgrade()?;
        let stands = if session.durable.seq() < self.seq {
            session.durable.lost().is_none()
        } else {
            lock(&session.tail).front().is_some_and(|(seq, _)| *seq <= self.seq)
        };
        stands.then_some(session)
    }
}
