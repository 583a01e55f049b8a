//! A journal in memory: its folded state, the head of its chain, and its unsettled tail.
//!
//! The state may run ahead of the disk; nothing leaves before what it depends on is durable. When
//! a commit fails the whole resident is void and the journal is read again.

use crate::durable::Durable;
use crate::mint::Mint;
use crate::policy::Seat;
use crate::seal::{Bodies, Sealed, seal_inline};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock};
use tenure_contract::entry::Principal;
use tenure_contract::words::Surface;
use tenure_contract::{Digest, Entry, EventId, Journal, RunId, TenantId, Time};
use tenure_core::ledger::LedgerState;
use tenure_core::position::Position;
use tenure_core::session::{Journalist, SessionState};
use tenure_core::{Draft, DraftBody, Fresh};
use tenure_store::{Body, NewEntry, Snapshot};

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
    /// Where its tenant's policy is; found when it is first asked for.
    pub policy: OnceLock<Arc<Seat>>,
}

/// What a journal's lock guards.
#[derive(Debug)]
pub(crate) struct Cell {
    pub state: Folded,
    pub chain: Chain,
    /// The last entry of each living run, which the next one names as its cause.
    pub last_of_run: HashMap<RunId, EventId>,
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
}

impl Actor {
    pub fn system() -> Self {
        Self { principal: Principal::system(), surface: None }
    }
}

impl Resident {
    pub fn new(journal: Journal, tenant: TenantId, state: Folded, chain: Chain) -> Self {
        let cell = Cell {
            state,
            chain,
            last_of_run: HashMap::new(),
            unsnapped: 0,
            snapshot_size: 0,
            revived: chain.seq == 0,
        };
        Self {
            journal,
            tenant,
            shard: Digest::of(&[&journal.key()]).bytes()[0],
            durable: Durable::at(chain.seq),
            tail: Mutex::new(VecDeque::new()),
            cell: Mutex::new(cell),
            policy: OnceLock::new(),
        }
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
