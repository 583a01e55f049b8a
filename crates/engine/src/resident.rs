//! A journal in memory: its folded state, the head of its chain, and its unsettled tail.
//!
//! The state may run ahead of the disk; nothing leaves before what it depends on is durable. When
//! a commit fails the whole resident is void and the journal is read again.

use crate::durable::Durable;
use crate::mint::Mint;
use crate::policy::Seat;
use crate::seal::{Bodies, Sealed, seal_inline};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tenure_contract::entry::Principal;
use tenure_contract::words::Surface;
use tenure_contract::{Digest, Entry, EventId, Journal, RunId, TenantId, Time};
use tenure_core::ledger::LedgerState;
use tenure_core::position::Position;
use tenure_core::session::{Authority, Journalist, SessionState};
use tenure_core::{Draft, DraftBody, Fresh};
use tenure_store::{Body, NewEntry, Snapshot};
use tokio::sync::Notify;

/// A journal in memory.
#[derive(Debug)]
pub(crate) struct Resident {
    pub journal: Journal,
    pub tenant: TenantId,
    pub shard: u8,
    pub durable: Durable,
    /// Durable entries the projection does not hold yet: an index until it does.
    pub tail: Mutex<VecDeque<(u64, Position)>>,
    pub cell: Mutex<Cell>,
    /// Told of whatever is decided about the session: who waits for a decision looks again.
    pub moved: Notify,
    /// Where its tenant's policy is; found when it is first asked for.
    pub policy: OnceLock<Arc<Seat>>,
    /// What it is reckoned to take in memory.
    pub weight: Weight,
    /// When it was used last, microseconds since 1970. Whoever uses it says so without a lock.
    used: AtomicU64,
}

/// What a resident takes besides its state, bytes: itself, its locks, its place in the node's maps
/// and among its timers.
const RESIDENT_BYTES: usize = 4 * 1024;
/// How much larger a state is in memory than as a snapshot, or as the entries it grew by since.
const STATE_FACTOR: usize = 4;

/// What one resident is reckoned to take, kept in a sum with the others' from when it is taken in
/// until it is gone, whoever held it last.
#[derive(Debug, Default)]
pub(crate) struct Weight {
    sum: OnceLock<Arc<AtomicU64>>,
    own: AtomicU64,
}

impl Weight {
    /// From now on it counts in that sum.
    pub fn counts_in(&self, sum: &Arc<AtomicU64>) {
        if self.sum.set(sum.clone()).is_ok() {
            sum.fetch_add(self.own.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    fn set(&self, bytes: u64) {
        let before = self.own.swap(bytes, Ordering::Relaxed);
        if let Some(sum) = self.sum.get() {
            // a sum that wraps is right again once the other half of it is added
            sum.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What a journal's lock guards.
#[derive(Debug)]
pub(crate) struct Cell {
    pub state: Folded,
    pub chain: Chain,
    /// Journal bytes since the last snapshot, and how large that one was.
    pub unsnapped: usize,
    pub snapshot_size: usize,
    /// True once steps that were open when the journal was read have been declared lost.
    pub revived: bool,
}

/// The two kinds of journal.
#[derive(Debug)]
pub(crate) enum Folded {
    Session(Box<SessionState>),
    Ledger(Box<LedgerState>),
}

/// The head of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    pub seq: u64,
    pub hash: Digest,
    pub at: Time,
}

/// Entries on their way to the disk.
pub(crate) struct Submission {
    pub resident: std::sync::Arc<Resident>,
    pub rows: Vec<NewEntry>,
    pub entries: Vec<Entry>,
    pub hashes: Vec<Digest>,
    pub snapshot: Option<Snapshot>,
}

/// Who acts, from where.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub principal: Principal,
    pub surface: Option<Surface>,
    pub authority: Authority,
}

impl Actor {
    pub fn system() -> Self {
        Self { principal: Principal::system(), surface: None, authority: Authority::Engine }
    }
}

impl Resident {
    pub fn new(journal: Journal, tenant: TenantId, state: Folded, chain: Chain) -> Self {
        let cell = Cell { state, chain, unsnapped: 0, snapshot_size: 0, revived: chain.seq == 0 };
        let weight = Weight::default();
        weight.set(cell.bytes());
        Self {
            journal,
            tenant,
            shard: Digest::of(&[&journal.key()]).bytes()[0],
            durable: Durable::at(chain.seq),
            tail: Mutex::new(VecDeque::new()),
            cell: Mutex::new(cell),
            moved: Notify::new(),
            policy: OnceLock::new(),
            weight,
            used: AtomicU64::new(0),
        }
    }

    /// Somebody uses it.
    pub fn touch(&self, now: Time) {
        self.used.store(now.micros(), Ordering::Relaxed);
    }

    /// When somebody used it last, microseconds since 1970.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Reckons anew what it takes; its lock is held.
    pub fn weigh(&self, cell: &Cell) {
        self.weight.set(cell.bytes());
    }
}

impl Cell {
    /// What a resident with this cell is reckoned to take, bytes: by the size of its last snapshot and the
    /// entries since, which are at hand. A ledger is never let go, and keeps its own limits.
    fn bytes(&self) -> u64 {
        let state = match &self.state {
            Folded::Session(_) => (self.snapshot_size + self.unsnapped) * STATE_FACTOR,
            Folded::Ledger(_) => 0,
        };
        (RESIDENT_BYTES + state) as u64
    }
}

/// Turns drafts into entries: numbered, chained, encoded.
pub(crate) struct Writer<'a> {
    pub journal: Journal,
    pub tenant: TenantId,
    pub actor: &'a Actor,
    pub now: Time,
    pub mint: &'a dyn Mint,
    pub fresh: Fresh,
    pub bodies: Bodies,
    pub chain: Chain,
    pub cause: Option<EventId>,
    pub correlation: Option<[u8; 16]>,
    pub rows: Vec<NewEntry>,
    pub entries: Vec<Entry>,
}

impl Writer<'_> {
    fn body(&mut self, choice: DraftBody) -> Option<Sealed> {
        match choice {
            DraftBody::None => None,
            DraftBody::Given => self.bodies.given.clone(),
            DraftBody::Action(index) => self.bodies.actions.get(index as usize).cloned().flatten(),
            DraftBody::Refusal => self.bodies.refusal.clone(),
            DraftBody::Artifact(index) => self.bodies.artifacts.get(index as usize).cloned(),
            DraftBody::Token(token) => {
                let body = serde_json::json!({ "resumeToken": token.to_string() }).to_string();
                Some(seal_inline(self.mint, body.as_bytes()))
            }
            DraftBody::Write(index) => self.bodies.writes.get(index as usize).cloned().flatten(),
        }
    }
}

impl Journalist for Writer<'_> {
    fn enter(&mut self, draft: Draft) -> &Entry {
        let event_id = EventId::from_bytes(self.fresh.take());
        let sealed = self.body(draft.body);
        let correlation = draft.run.map(RunId::bytes).or(self.correlation);
        let entry = Entry {
            journal: self.journal,
            seq: self.chain.seq + 1,
            at: self.now,
            event_id,
            tenant: self.tenant,
            run: draft.run,
            principal: self.actor.principal.clone(),
            surface: self.actor.surface,
            correlation_id: correlation.unwrap_or(event_id.bytes()),
            causation_id: self.cause.unwrap_or(event_id),
            parent_event_id: draft.parent,
            payload: sealed.as_ref().map(|sealed| sealed.reference),
            event: draft.event,
        };
        let bytes = entry.to_bytes();
        let hash = Entry::hash(&self.chain.hash, &bytes);
        self.chain = Chain { seq: entry.seq, hash, at: entry.at };
        self.cause = Some(event_id);
        self.correlation = correlation;
        self.rows.push(NewEntry {
            tenant: self.tenant,
            journal: self.journal.key(),
            seq: entry.seq,
            bytes,
            hash,
            body: sealed.map_or(Body::None, |sealed| sealed.body),
        });
        let last = self.entries.len();
        self.entries.push(entry);
        &self.entries[last]
    }
}
