//! The four traits and what passes through them.

use std::sync::Arc;
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{ListQuery, Row, RowChange};

/// One entry to append: its bytes are final, the store reads none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The owner; NOT NULL in every store (`TEN-1`).
    pub tenant: TenantId,
    /// The journal's sixteen bytes.
    pub journal: [u8; 16],
    /// The place in the journal.
    pub seq: u64,
    /// The entry, as hashed and exported.
    pub bytes: Vec<u8>,
    /// The chain's hash after this entry.
    pub hash: Digest,
    /// What stands beside it.
    pub body: Body,
}

/// The body beside an entry, always as salt and content in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// Small: in the entry's own row.
    Inline(Vec<u8>),
    /// Larger: in a payload row of the same commit, found by tenant and digest.
    Row(Digest, Vec<u8>),
    /// Larger still: already flushed through [`Payload::put`] under this digest.
    Blob(Digest),
}

/// One entry as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it lies.
    pub position: Position,
    /// The owner.
    pub tenant: TenantId,
    /// The journal's sixteen bytes.
    pub journal: [u8; 16],
    /// The place in the journal.
    pub seq: u64,
    /// The entry, as hashed and exported.
    pub bytes: Vec<u8>,
    /// The chain's hash after this entry.
    pub hash: Digest,
    /// Salt and content of a small body; larger ones are fetched through [`Payload::get`].
    pub inline: Option<Vec<u8>>,
}

/// Where a batch came to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// One position per entry, in the batch's order.
    pub positions: Vec<Position>,
}

/// A shard and the epoch its owner believes to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardEpoch {
    /// 0 to 255: the first byte of the SHA-256 of the journal's key.
    pub shard: u8,
    /// Grows with every change of owner.
    pub epoch: u64,
}

/// Why a store call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another owner holds the shard; nothing of the batch was written.
    #[error("shard {} is no longer held at epoch {}", .0.shard, .0.epoch)]
    Fenced(ShardEpoch),
    /// There is no room: the disk is full, a quota used up, a limit on file sizes reached; nothing of
    /// the batch was written.
    #[error("the disk is full, or a quota or a limit on file sizes is reached")]
    Full,
    /// A flush failed: what is on disk is unknown and the process must end.
    #[error("the disk failed: {0}")]
    Flush(String),
    /// The files are damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The files were written by a newer version.
    #[error("the store has version {found}, this program knows {known}; use a newer tenure")]
    TooNew {
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// Another process holds the files.
    #[error("the store is held by {0}")]
    Owned(String),
    /// Anything else; the call did nothing.
    #[error("the store refused: {0}")]
    Other(String),
}

/// The truth: append-only, in arrival order.
pub trait Log: Send + Sync {
    /// The store's own id, minted when it was made.
    fn store_id(&self) -> StoreId;
    /// Appends all entries, in order, as one physical transaction: when it returns `Ok`, all are
    /// durable; when it returns an error other than [`StoreError::Flush`], none is there. Every
    /// shard's epoch is checked in the same transaction.
    ///
    /// # Errors
    /// `Fenced`, `Full`, `Flush`, `Other`.
    fn append(&self, fence: &[ShardEpoch], entries: &[NewEntry]) -> Result<Appended, StoreError>;
    /// Fetches entries by position, in the order asked; one that is not there is an error.
    ///
    /// # Errors
    /// `Corrupt` when a position holds nothing, `Other`.
    fn fetch(&self, positions: &[Position]) -> Result<Vec<Stored>, StoreError>;
    /// Entries after a position in arrival order, at most `limit`.
    ///
    /// # Errors
    /// `Other`.
    fn scan(&self, after: Position, limit: usize) -> Result<Vec<Stored>, StoreError>;
    /// The last entry's position and hash; [`Position::START`] and [`Digest::ZERO`] for none.
    ///
    /// # Errors
    /// `Other`.
    fn end(&self) -> Result<(Position, Digest), StoreError>;
}

/// Consecutive entries of one journal and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRun {
    /// The journal's sixteen bytes.
    pub journal: [u8; 16],
    /// The first entry's place in the journal.
    pub first_seq: u64,
    /// One position per entry, ascending.
    pub positions: Vec<Position>,
}

/// A session's state at a place in its journal; holds digests, never bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The owner.
    pub tenant: TenantId,
    /// The journal's sixteen bytes.
    pub journal: [u8; 16],
    /// The last entry it contains.
    pub seq: u64,
    /// That entry's hash.
    pub hash: Digest,
    /// The fold it was made with; another fold refolds.
    pub fold_version: u32,
    /// The state.
    pub bytes: Vec<u8>,
}

/// One step of settling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// How far the projection reflects the log afterwards.
    pub upto: Anchor,
    /// What the index gains; at most one run per journal, sorted by journal.
    pub index: Vec<IndexRun>,
    /// Row changes in the order of their entries, each with its entry's position.
    pub rows: Vec<(Position, RowChange)>,
    /// Snapshots to keep; each replaces its journal's former one.
    pub snapshots: Vec<Snapshot>,
}

/// Everything derived from the log: index, list rows, snapshots. May be lost and rebuilt.
pub trait Projection: Send + Sync {
    /// How far the projection reflects the log; none when it was never settled.
    ///
    /// # Errors
    /// `Corrupt`, `Other`.
    fn anchor(&self) -> Result<Option<Anchor>, StoreError>;
    /// Applies one step of settling, all or nothing.
    ///
    /// # Errors
    /// `Full`, `Corrupt`, `Other`; nothing was applied.
    fn settle(&self, settle: &Settle) -> Result<(), StoreError>;
    /// Forgets everything, to be settled again from the log's start.
    ///
    /// # Errors
    /// `Full`, `Other`.
    fn reset(&self) -> Result<(), StoreError>;
    /// Positions of a journal's entries from `from_seq` on, at most `limit`, without gaps.
    ///
    /// # Errors
    /// `Corrupt`, `Other`.
    fn locate(
        &self,
        journal: [u8; 16],
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError>;
    /// The last settled `seq` of a journal; 0 for none.
    ///
    /// # Errors
    /// `Corrupt`, `Other`.
    fn head(&self, journal: [u8; 16]) -> Result<u64, StoreError>;
    /// The journal's snapshot.
    ///
    /// # Errors
    /// `Corrupt`, `Other`.
    fn snapshot(&self, journal: [u8; 16]) -> Result<Option<Snapshot>, StoreError>;
    /// One page of a list.
    ///
    /// # Errors
    /// `Corrupt`, `Other`.
    fn list(&self, query: &ListQuery) -> Result<Vec<Row>, StoreError>;
}

/// Who may append to which shards.
pub trait Lease: Send + Sync {
    /// Takes every shard that is free, expired, or held under this very name (a former process of
    /// the same node, known to be dead), for a node that lives `ttl_ms` from now by the store's
    /// clock; each one's epoch grows.
    ///
    /// # Errors
    /// `Other`.
    fn acquire(&self, node: &str, ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError>;
    /// Prolongs what the node still holds and tells what that is.
    ///
    /// # Errors
    /// `Other`.
    fn renew(&self, node: &str, ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError>;
    /// Gives up everything the node holds.
    ///
    /// # Errors
    /// `Other`.
    fn release(&self, node: &str) -> Result<(), StoreError>;
}

/// Bodies that do not stand in an entry's own row, as salt and content in one.
pub trait Payload: Send + Sync {
    /// Stores a large body, durable on return; the same digest again is the same body.
    ///
    /// # Errors
    /// `Full`, `Flush`, `Other`.
    fn put(&self, tenant: TenantId, digest: Digest, sealed: &[u8]) -> Result<(), StoreError>;
    /// A body by its owner and digest; none when it was erased or belongs to another tenant.
    ///
    /// # Errors
    /// `Corrupt`, `Other`.
    fn get(&self, tenant: TenantId, digest: Digest) -> Result<Option<Vec<u8>>, StoreError>;
}

/// A whole store: the four parts together.
#[derive(Clone)]
pub struct Store {
    /// The truth.
    pub log: Arc<dyn Log>,
    /// What is derived from it.
    pub projection: Arc<dyn Projection>,
    /// Who may append.
    pub lease: Arc<dyn Lease>,
    /// Larger bodies.
    pub payload: Arc<dyn Payload>,
}
