//! A disk that forgets: what was written and not flushed may be lost, whole or in part, when the
//! power goes.
//!
//! Readers see what was written, flushed or not, as a system's page cache shows it. Only what is
//! flushed is durable, and only that reaches the [`Witness`].

use crate::dice::Dice;
use crate::trace::Trace;
use crate::witness::Witness;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::Position;
use tenure_store::{Body, MemoryStore, NewEntry, Settle, Store, StoreError, Stored};

/// There is one segment.
const SEGMENT: u32 = 1;

/// Where the next commit or settle step meets the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before anything was written.
    BeforeAppend,
    /// Written, not flushed: whole, torn or absent afterwards.
    InFlush,
    /// The flush was refused: an I/O error.
    FlushRefused,
    /// Durable, and nobody was told.
    BeforeAck,
    /// In the middle of a settle step.
    InSettle,
}

/// A body by its owner and digest.
pub type BodyKey = (TenantId, Digest);

/// Entries of one append and the bodies of the same commit.
#[derive(Clone, Default)]
struct Batch {
    entries: Vec<Stored>,
    bodies: Vec<(BodyKey, Vec<u8>)>,
}

/// What the disk holds, and what only the cache does.
pub struct Platter {
    /// The store's id.
    pub id: StoreId,
    /// Flushed entries.
    flushed: Vec<Stored>,
    cached: Vec<Batch>,
    /// Flushed bodies.
    bodies: BTreeMap<BodyKey, Vec<u8>>,
    cached_bodies: BTreeMap<BodyKey, Vec<u8>>,
    settles: Vec<Settle>,
    settles_flushed: usize,
    /// The lists as the process sees them.
    pub lists: MemoryStore,
    /// The shards' common epoch.
    pub epoch: u64,
    /// True while nothing more can be written.
    pub full: bool,
    /// The next crash.
    pub armed: Option<CrashPoint>,
    /// True once the process must end.
    pub dead: bool,
    witness: Arc<Mutex<Witness>>,
    trace: Trace,
}

/// The disk; clones share it.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    /// A new disk, watched.
    #[must_use]
    pub fn new(witness: Arc<Mutex<Witness>>, trace: Trace) -> Self {
        let id = StoreId::from_bytes(*b"simulated\0\0\0\0\0\0\0");
        Self(Arc::new(Mutex::new(Platter {
            id,
            flushed: Vec::new(),
            cached: Vec::new(),
            bodies: BTreeMap::new(),
            cached_bodies: BTreeMap::new(),
            settles: Vec::new(),
            settles_flushed: 0,
            lists: MemoryStore::with_id(id),
            epoch: 0,
            full: false,
            armed: None,
            dead: false,
            witness,
            trace,
        })))
    }

    /// Its contents.
    pub fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    fn lock_witness(witness: &Mutex<Witness>) -> MutexGuard<'_, Witness> {
        witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a batch into the cache and tells where it lies.
    pub fn write(&mut self, entries: &[NewEntry]) -> Vec<Position> {
        let first = self.len() + 1;
        let mut batch = Batch::default();
        for (row, entry) in (first..).zip(entries) {
            let position = Position::new(SEGMENT, row);
            let inline = match &entry.body {
                Body::Inline(sealed) => Some(sealed.clone()),
                Body::Row(digest, sealed) => {
                    batch.bodies.push(((entry.tenant, *digest), sealed.clone()));
                    None
                }
                Body::None | Body::Blob(_) => None,
            };
            batch.entries.push(Stored {
                position,
                tenant: entry.tenant,
                journal: entry.journal,
                seq: entry.seq,
                bytes: entry.bytes.clone(),
                hash: entry.hash,
                inline,
            });
        }
        let positions = batch.entries.iter().map(|entry| entry.position).collect();
        self.cached.push(batch);
        positions
    }

    /// Flushes everything written to the log.
    pub fn flush(&mut self) {
        for batch in std::mem::take(&mut self.cached) {
            self.keep(batch);
        }
    }

    /// Flushes every batch but the last.
    pub fn flush_all_but_last(&mut self) {
        let before = self.cached.len().saturating_sub(1);
        for batch in self.cached.drain(..before).collect::<Vec<_>>() {
            self.keep(batch);
        }
    }

    fn keep(&mut self, batch: Batch) {
        self.trace.say(format!(" flushed {} entries", batch.entries.len()));
        self.bodies.extend(batch.bodies);
        for entry in batch.entries {
            Self::lock_witness(&self.witness).see(&entry);
            self.flushed.push(entry);
        }
    }

    /// Writes a body into the cache.
    pub fn write_body(&mut self, key: BodyKey, sealed: &[u8]) {
        self.cached_bodies.entry(key).or_insert_with(|| sealed.to_vec());
    }

    /// Flushes every body.
    pub fn flush_bodies(&mut self) {
        self.bodies.append(&mut self.cached_bodies);
    }

    /// A body, as a reader sees it.
    #[must_use]
    pub fn body(&self, key: BodyKey) -> Option<Vec<u8>> {
        let mut cached = self.cached.iter().flat_map(|batch| &batch.bodies);
        let found = self.bodies.get(&key).or_else(|| self.cached_bodies.get(&key));
        found.or_else(|| cached.find(|(known, _)| *known == key).map(|(_, body)| body)).cloned()
    }

    /// A body, if it is durable.
    #[must_use]
    pub fn flushed_body(&self, key: BodyKey) -> Option<&Vec<u8>> {
        self.bodies.get(&key)
    }

    /// Entries that are durable.
    #[must_use]
    pub fn flushed(&self) -> &[Stored] {
        &self.flushed
    }

    /// Every entry in order, as a reader sees them.
    pub fn seen(&self) -> impl Iterator<Item = &Stored> {
        self.flushed.iter().chain(self.cached.iter().flat_map(|batch| &batch.entries))
    }

    fn len(&self) -> u64 {
        self.seen().count() as u64
    }

    /// The entry at a position, as a reader sees it.
    #[must_use]
    pub fn at(&self, position: Position) -> Option<Stored> {
        let index = usize::try_from(position.row()).ok()?.checked_sub(1)?;
        if position.segment() != SEGMENT {
            return None;
        }
        match self.flushed.get(index) {
            Some(entry) => Some(entry.clone()),
            None => self.seen().nth(index).cloned(),
        }
    }

    /// The lists' store.
    #[must_use]
    pub fn projection(&self) -> Store {
        self.lists.store()
    }

    /// Settles into the lists; what is settled is flushed later, or never.
    ///
    /// # Errors
    /// What the lists refuse.
    pub fn settle(&mut self, settle: &Settle) -> Result<(), StoreError> {
        self.lists.store().projection.settle(settle)?;
        self.settles.push(settle.clone());
        Ok(())
    }

    /// Empties the lists.
    pub fn reset_lists(&mut self) {
        self.settles.clear();
        self.settles_flushed = 0;
        self.lists = MemoryStore::with_id(self.id);
    }

    /// The power goes: what was not flushed stays or goes as the dice say. The log keeps a prefix
    /// of its batches; one that is torn fails its checksum and is dropped whole when it is opened.
    pub fn power_off(&mut self, dice: &mut Dice) {
        let written = std::mem::take(&mut self.cached);
        let whole = dice.below(written.len() as u64 + 1) as usize;
        let torn = whole < written.len() && dice.chance(500);
        if !written.is_empty() {
            let lost = written.len() - whole;
            self.trace.say(format!(" power off: {lost} batches lost, torn: {torn}"));
        }
        for batch in written.into_iter().take(whole) {
            self.keep(batch);
        }
        for (key, body) in std::mem::take(&mut self.cached_bodies) {
            if dice.chance(500) {
                self.bodies.insert(key, body);
            }
        }
        self.lose_lists(dice);
        self.armed = None;
        self.dead = false;
        self.full = false;
    }

    /// The lists' file falls back to some flush of its own, or is gone.
    fn lose_lists(&mut self, dice: &mut Dice) {
        if dice.chance(50) {
            self.trace.say(" power off: the lists' file is gone");
            return self.reset_lists();
        }
        let unflushed = self.settles.len() - self.settles_flushed;
        let kept = self.settles_flushed + dice.below(unflushed as u64 + 1) as usize;
        self.trace.say(format!(" power off: {kept} of {} settle steps kept", self.settles.len()));
        self.settles.truncate(kept);
        self.settles_flushed = kept;
        self.replay_lists();
    }

    fn replay_lists(&mut self) {
        self.lists = MemoryStore::with_id(self.id);
        let projection = self.lists.store().projection;
        for settle in &self.settles {
            if let Err(error) = projection.settle(settle) {
                self.trace.broke("settle steps replay", error.to_string());
            }
        }
    }

    /// The last settle step, as its anchor alone reached the disk.
    pub fn hollow_last_settle(&mut self) {
        if let Some(last) = self.settles.last_mut() {
            last.index.clear();
            last.rows.clear();
            last.snapshots.clear();
            self.settles_flushed = self.settles.len();
        }
    }

    /// The log without its last entries, as an older copy of its file would be. Returns what
    /// [`Platter::put_back`] takes.
    pub fn take_away(&mut self, entries: usize) -> Vec<Stored> {
        let keep = self.flushed.len().saturating_sub(entries);
        self.flushed.split_off(keep)
    }

    /// Puts back what was taken away.
    pub fn put_back(&mut self, mut entries: Vec<Stored>) {
        self.flushed.append(&mut entries);
    }
}
