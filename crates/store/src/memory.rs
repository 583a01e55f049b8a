//! The in-memory reference: what the four traits mean, in as few words as possible.
//!
//! Durable here means: it survives dropping every handle and [`MemoryStore::reopen`]. It is not a
//! cache and not fast; the other backends are held against it. Its clock stands still until
//! [`MemoryStore::pass_ms`], so that one seed always gives one trace.

mod lease;
mod lists;
mod log;

use crate::seam::{Appended, NewEntry, StoreError, Stored};
use crate::seam::{Lease, Log, Payload, Projection, Settle, ShardEpoch, Snapshot, Store};
use lease::Shards;
use lists::Lists;
use log::Entries;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{ListQuery, Row};

/// A store that lives in memory; clones share the same contents.
#[derive(Clone)]
pub struct MemoryStore {
    disk: Arc<Disk>,
}

impl MemoryStore {
    /// A new, empty store with an id of its own.
    #[must_use]
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(1);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let mut id = *b"memory\0\0\0\0\0\0\0\0\0\0";
        id[8..].copy_from_slice(&made.to_be_bytes());
        Self::with_id(StoreId::from_bytes(id))
    }

    /// A new, empty store with this id.
    #[must_use]
    pub fn with_id(id: StoreId) -> Self {
        let truth = Truth { entries: Entries::default(), shards: Shards::default() };
        Self { disk: Arc::new(Disk { id, truth: Mutex::new(truth), lists: Mutex::default() }) }
    }

    /// The four parts, over this store's contents.
    #[must_use]
    pub fn store(&self) -> Store {
        Store {
            log: self.disk.clone(),
            projection: self.disk.clone(),
            lease: self.disk.clone(),
            payload: self.disk.clone(),
        }
    }

    /// The same contents as a new process would find them. Whoever reopens a store is its only
    /// owner, so every shard is free again and appends at former epochs are fenced.
    #[must_use]
    pub fn reopen(&self) -> Self {
        self.disk.truth().shards.free_all();
        self.clone()
    }

    /// Another store with equal contents and the same id, as a copy of its files would be.
    #[must_use]
    pub fn copied(&self) -> Self {
        let truth = self.disk.truth().clone();
        let lists = self.disk.lists().clone();
        let (truth, lists) = (Mutex::new(truth), Mutex::new(lists));
        Self { disk: Arc::new(Disk { id: self.disk.id, truth, lists }) }
    }

    /// Puts another store's projection in the place of this one's.
    pub fn take_projection_of(&self, other: &Self) {
        let theirs = other.disk.lists().clone();
        *self.disk.lists() = theirs;
    }

    /// Lets the store's own clock, which leases are measured by, advance.
    pub fn pass_ms(&self, ms: u64) {
        self.disk.truth().shards.pass_ms(ms);
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// What a database's first file holds: the log, the bodies, the shards.
#[derive(Clone)]
struct Truth {
    entries: Entries,
    shards: Shards,
}

struct Disk {
    id: StoreId,
    truth: Mutex<Truth>,
    lists: Mutex<Lists>,
}

impl Disk {
    // Nothing here panics between two halves of a change, so a poisoned lock guards whole contents.
    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Disk {
    fn store_id(&self) -> StoreId {
        self.id
    }
    fn append(&self, fence: &[ShardEpoch], entries: &[NewEntry]) -> Result<Appended, StoreError> {
        let mut truth = self.truth();
        truth.shards.check(fence)?;
        Ok(Appended { positions: entries.iter().map(|entry| truth.entries.push(entry)).collect() })
    }
    fn fetch(&self, positions: &[Position]) -> Result<Vec<Stored>, StoreError> {
        let truth = self.truth();
        positions.iter().map(|position| truth.entries.at(*position)).collect()
    }
    fn scan(&self, after: Position, limit: usize) -> Result<Vec<Stored>, StoreError> {
        Ok(self.truth().entries.after(after, limit))
    }
    fn end(&self) -> Result<(Position, Digest), StoreError> {
        Ok(self.truth().entries.end())
    }
}

impl Payload for Disk {
    fn put(&self, tenant: TenantId, digest: Digest, sealed: &[u8]) -> Result<(), StoreError> {
        self.truth().entries.keep_body(tenant, digest, sealed);
        Ok(())
    }
    fn get(&self, tenant: TenantId, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.truth().entries.body(tenant, digest))
    }
}

impl Lease for Disk {
    fn acquire(&self, node: &str, ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError> {
        Ok(self.truth().shards.acquire(node, ttl_ms))
    }
    fn renew(&self, node: &str, ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError> {
        Ok(self.truth().shards.renew(node, ttl_ms))
    }
    fn release(&self, node: &str) -> Result<(), StoreError> {
        self.truth().shards.release(node);
        Ok(())
    }
}

impl Projection for Disk {
    fn anchor(&self) -> Result<Option<Anchor>, StoreError> {
        Ok(self.lists().anchor())
    }
    fn settle(&self, settle: &Settle) -> Result<(), StoreError> {
        self.lists().settle(settle)
    }
    fn reset(&self) -> Result<(), StoreError> {
        *self.lists() = Lists::default();
        Ok(())
    }
    fn locate(
        &self,
        journal: [u8; 16],
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        Ok(self.lists().locate(journal, from_seq, limit))
    }
    fn head(&self, journal: [u8; 16]) -> Result<u64, StoreError> {
        Ok(self.lists().head(journal))
    }
    fn snapshot(&self, journal: [u8; 16]) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.lists().snapshot(journal))
    }
    fn list(&self, query: &ListQuery) -> Result<Vec<Row>, StoreError> {
        self.lists().list(query)
    }
}
