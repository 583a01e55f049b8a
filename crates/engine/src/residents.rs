//! The journals in memory: found by key, weighed, and let go.
//!
//! A session that rests (see `tenure_core::session::rests`) and is settled can be let go at any
//! moment: reading it again brings back the same, and what it waits for stands in the node's timers.
//! One that has no run goes at once; one that waits goes when all of them together weigh more than
//! they may, whoever was used longest ago first.

use crate::lock;
use crate::node::Node;
use crate::resident::{Folded, Resident};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tenure_core::session;

/// After too much was found in memory, it is brought down by this part of what it may be, so that
/// not every settled entry begins a search.
const MARGIN: u64 = 8;

/// The journals in memory.
pub(crate) struct Residents {
    known: Mutex<HashMap<[u8; 16], Arc<Resident>>>,
    /// What they are reckoned to take, bytes; each one counts itself in and out.
    weight: Arc<AtomicU64>,
    max_bytes: u64,
    /// The weight from which on a search is worth it.
    search_from: AtomicU64,
    /// Waiting sessions let go so far.
    evicted: AtomicU64,
    /// One searches at a time.
    searching: Mutex<()>,
}

/// How quiet a session must be to be let go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quiet {
    /// It has no run.
    Idle,
    /// Its runs wait, and nothing is under way.
    Resting,
}

impl Residents {
    pub fn new(max_bytes: u64) -> Self {
        Self {
            known: Mutex::default(),
            weight: Arc::default(),
            max_bytes,
            search_from: AtomicU64::new(max_bytes),
            evicted: AtomicU64::new(0),
            searching: Mutex::default(),
        }
    }

    pub fn get(&self, key: &[u8; 16]) -> Option<Arc<Resident>> {
        lock(&self.known).get(key).cloned()
    }

    /// Takes one in, in place of a void one of the same journal.
    pub fn put(&self, resident: Arc<Resident>) {
        resident.weight.counts_in(&self.weight);
        lock(&self.known).insert(resident.journal.key(), resident);
    }

    pub fn count(&self) -> usize {
        lock(&self.known).len()
    }

    /// What they are reckoned to take, and what they may, bytes.
    pub fn bytes(&self) -> (u64, u64) {
        (self.weight.load(Ordering::Relaxed), self.max_bytes)
    }

    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// All keys, in their order: a map's is another in every process, and one seed, one history.
    fn keys(&self) -> Vec<[u8; 16]> {
        let mut keys: Vec<_> = lock(&self.known).keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// All keys, the longest unused first.
    fn by_use(&self) -> Vec<(u64, [u8; 16])> {
        let known = lock(&self.known);
        let mut keys: Vec<_> = known.iter().map(|(key, held)| (held.used(), *key)).collect();
        drop(known);
        keys.sort_unstable();
        keys
    }

    fn weighs_too_much(&self) -> bool {
        self.weight.load(Ordering::Relaxed) > self.search_from.load(Ordering::Relaxed)
    }
}

impl Node {
    /// Everything of these journals by now is in the lists; what nobody needs is let go.
    pub fn settled(&self, residents: Vec<Arc<Resident>>) {
        for resident in &residents {
            self.let_go(resident);
        }
        drop(residents);
        self.make_room();
    }

    fn let_go(&self, resident: &Arc<Resident>) {
        self.let_go_if(resident, Quiet::Idle);
    }

    /// Lets a session go that is settled and as quiet as that; whoever needs it reads it again.
    fn let_go_if(&self, resident: &Arc<Resident>, quiet: Quiet) -> bool {
        let is_settled = lock(&resident.tail).is_empty();
        let mut residents = lock(&self.residents.known);
        // one is the map's, one the caller's; anyone else may be about to write
        let is_needed = !is_settled || Arc::strong_count(resident) > 2;
        #[cfg(feature = "planted")]
        let is_needed =
            is_needed && !tenure_core::planted::is(tenure_core::planted::Bug::EvictBeforeSettle);
        if is_needed {
            return false;
        }
        let Ok(cell) = resident.cell.try_lock() else { return false };
        let is_void = resident.durable.lost().is_some();
        let is_quiet = match &cell.state {
            // a void one stays until it is read again: see `sweep`
            Folded::Session(state) => {
                let rests = match quiet {
                    Quiet::Idle => state.live.is_empty(),
                    Quiet::Resting => session::rests(state),
                };
                !is_void && rests && cell.chain.seq == resident.durable.seq()
            }
            Folded::Ledger(_) => is_void,
        };
        let key = resident.journal.key();
        let is_known = residents.get(&key).is_some_and(|known| Arc::ptr_eq(known, resident));
        if is_quiet && is_known {
            residents.remove(&key);
        }
        is_quiet && is_known
    }

    /// Lets go of sessions that rest, the longest unused first, when all in memory weigh too much.
    pub fn make_room(&self) {
        if !self.residents.weighs_too_much() {
            return;
        }
        let Ok(_one_at_a_time) = self.residents.searching.try_lock() else { return };
        let (_, may) = self.residents.bytes();
        let enough = may - may / MARGIN;
        for (_, key) in self.residents.by_use() {
            if self.residents.bytes().0 <= enough {
                break;
            }
            let found = self.residents.get(&key);
            if found.is_some_and(|resident| self.let_go_if(&resident, Quiet::Resting)) {
                self.residents.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
        // what could not go is under way; until there is much more of it another search is in vain
        let left = self.residents.bytes().0;
        let next = if left <= may { may } else { left + may / MARGIN };
        self.residents.search_from.store(next, Ordering::Relaxed);
    }

    /// Lets go of everything nobody needs.
    pub fn sweep(self: &Arc<Self>) {
        for key in self.residents.keys() {
            match self.residents.get(&key) {
                // whoever waited for its commit may be gone: its runs must not wait for a visitor
                Some(void) if void.durable.lost().is_some() => {
                    self.wake(void.journal);
                    let mut residents = lock(&self.residents.known);
                    let nothing_of_it = lock(&void.tail).is_empty()
                        && residents.get(&key).is_some_and(|known| Arc::ptr_eq(known, &void));
                    if nothing_of_it {
                        residents.remove(&key);
                    }
                }
                Some(resident) => self.let_go(&resident),
                None => {}
            }
        }
        // runs may have come to rest since without another byte
        self.residents.search_from.store(self.residents.bytes().1, Ordering::Relaxed);
        self.make_room();
    }
}
