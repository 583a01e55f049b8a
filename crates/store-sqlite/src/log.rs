//! The log file: append, fetch, scan. One writer connection, a few readers.
//!
//! Entries lie in arrival order in a table keyed by row number, with no secondary index: a batch
//! dirties the last pages only, so a lone commit is one flush of one page.

mod checkpoint;
mod lease;
mod read;
mod schema;
mod write;

use crate::connect::{self, Flushing, Readers, lock};
use crate::directory::{self, Directory};
use crate::failure::{flush, reading};
use checkpoint::{Checkpointer, Wal};
use rusqlite::Connection;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::Position;
use tenure_store::{Appended, Lease, Log, NewEntry, ShardEpoch, StoreError, Stored};
use write::Writer;

/// The only segment there is; positions carry it so that more may come.
const SEGMENT: u32 = 1;
const WRITER_CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How long the writer waits for a reader that keeps a restart from happening. Commits wait along,
/// so it is short; the restart is tried again.
const WRITER_BUSY_MAX_MS: u64 = 100;

pub(crate) struct LogFile {
    id: StoreId,
    // Dropped in this order: the thread first, the directory's lock last.
    checkpointer: Checkpointer,
    writer: Mutex<Writer>,
    readers: Readers,
    wal: Arc<Wal>,
    _directory: Arc<Directory>,
}

impl LogFile {
    pub(crate) fn open(directory: Arc<Directory>) -> Result<Self, StoreError> {
        let path = directory.log();
        let mut connection = connect::connect(&path)?;
        let id = schema::open(&mut connection)?;
        connect::prepare_writer(&connection, Flushing::Full, WRITER_CACHE_BYTES)?;
        connect::keep_wal(&connection)?;
        connection.busy_timeout(Duration::from_millis(WRITER_BUSY_MAX_MS)).map_err(reading)?;
        directory::flush_names(directory.path())
            .map_err(|error| flush("flush the data directory", &error))?;
        let wal = Arc::new(Wal::follow(&mut connection, &directory::wal(&path))?);
        let writer = Writer::open(connection, wal.clone())?;
        wal.warm()?;
        Ok(Self {
            id,
            checkpointer: Checkpointer::start(&path, wal.clone())?,
            writer: Mutex::new(writer),
            readers: Readers::keeping_wal(&path)?,
            wal,
            _directory: directory,
        })
    }

    pub(crate) fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        lock(&self.writer).limit_pages(pages)
    }
    pub(crate) fn with_writer<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        look(lock(&self.writer).connection())
    }
    pub(crate) fn wal_bytes_max(&self) -> u64 {
        self.wal.bytes_max()
    }
    pub(crate) fn flushes(&self) -> u64 {
        self.wal.commits()
    }
    pub(crate) fn restart(&self) -> Result<(), StoreError> {
        lock(&self.writer).restart()
    }
    pub(crate) fn payload(
        &self,
        tenant: TenantId,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers.read(|connection| read::payload(connection, tenant, digest))
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        self.checkpointer.stop();
        // Only a courtesy to the next start, which does the same for a process that was killed.
        if let Err(error) = lock(&self.writer).close() {
            tracing::warn!(%error, "the log was closed without a checkpoint");
        }
    }
}

impl Log for LogFile {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn append(&self, fence: &[ShardEpoch], entries: &[NewEntry]) -> Result<Appended, StoreError> {
        lock(&self.writer).append(fence, entries)
    }

    fn fetch(&self, positions: &[Position]) -> Result<Vec<Stored>, StoreError> {
        let mut found = Vec::with_capacity(positions.len());
        for some in positions.chunks(read::ROWS_MAX) {
            self.readers.read(|connection| read::fetch(connection, some, &mut found))?;
        }
        Ok(found)
    }

    fn scan(&self, after: Position, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let mut found: Vec<Stored> = Vec::new();
        loop {
            let after = found.last().map_or(after, |entry| entry.position);
            let wanted = (limit - found.len()).min(read::ROWS_MAX);
            let before = found.len();
            self.readers.read(|connection| read::scan(connection, after, wanted, &mut found))?;
            if found.len() - before < read::ROWS_MAX {
                return Ok(found);
            }
        }
    }

    fn end(&self) -> Result<(Position, Digest), StoreError> {
        self.readers.read(read::end)
    }
}

impl Lease for LogFile {
    fn acquire(&self, node: &str, ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError> {
        lock(&self.writer).lease(|shards| shards.acquire(node, ttl_ms))
    }
    fn renew(&self, node: &str, ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError> {
        lock(&self.writer).lease(|shards| shards.renew(node, ttl_ms))
    }
    fn release(&self, node: &str) -> Result<(), StoreError> {
        lock(&self.writer).lease(|shards| shards.release(node)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Instant;
    use tenure_contract::TenantId;
    use tenure_store::Body;

    fn opened(place: &Path) -> LogFile {
        LogFile::open(Arc::new(Directory::own(place).unwrap())).unwrap()
    }

    fn entry(seq: u64) -> NewEntry {
        let sealed = vec![7; 5_000];
        NewEntry {
            tenant: TenantId::from_bytes([1; 16]),
            journal: [2; 16],
            seq,
            bytes: seq.to_be_bytes().to_vec(),
            hash: Digest::of(&[&seq.to_be_bytes()]),
            body: Body::Row(Digest::of(&[&sealed, &seq.to_be_bytes()]), sealed),
        }
    }

    fn seqs(log: &LogFile) -> Vec<u64> {
        log.scan(Position::START, 100).unwrap().iter().map(|entry| entry.seq).collect()
    }

    /// The hook lets everything succeed up to COMMIT and turns that into ROLLBACK.
    fn refuse_commits(log: &LogFile, refused: bool) {
        let mut writer = lock(&log.writer);
        let hook = refused.then_some(|| true);
        writer.connection_mut().commit_hook(hook).unwrap();
    }

    #[test]
    fn log_4_a_commit_that_fails_leaves_nothing_and_is_no_end() {
        let place = tempfile::tempdir().unwrap();
        let log = opened(place.path());
        let fence = log.acquire("one", 60_000).unwrap();
        log.append(&fence, &[entry(1)]).unwrap();
        refuse_commits(&log, true);
        let refused = log.append(&fence, &[entry(2), entry(3)]);
        assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
        let lost = log.acquire("another", 60_000).and_then(|_| log.renew("one", 60_000));
        assert!(matches!(lost, Err(StoreError::Other(_))), "{lost:?}");
        assert_eq!(seqs(&log), [1]);
        let Body::Row(digest, _) = entry(2).body else { unreachable!() };
        assert_eq!(log.payload(entry(2).tenant, digest), Ok(None));
        refuse_commits(&log, false);
        // what was remembered of the failed batches is forgotten: rows follow on, and whoever held
        // the shards holds them
        let appended = log.append(&fence, &[entry(2)]).unwrap();
        assert_eq!(appended.positions, [Position::new(SEGMENT, 2)]);
        refuse_commits(&log, true);
        log.append(&fence, &[entry(3)]).unwrap_err();
        drop(log);
        assert_eq!(seqs(&opened(place.path())), [1, 2]);
    }

    #[test]
    fn a_log_that_is_never_idle_is_copied_beside_its_commits() {
        let place = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::own(place.path()).unwrap());
        let database = directory.log();
        let log = LogFile::open(directory).unwrap();
        let fence = log.acquire("one", 60_000).unwrap();
        let is_copied = || directory::bytes_of(&database) > 1024 * 1024;
        // 600 bodies of 5,000 bytes: too little to begin the file anew
        for seq in 1..=600 {
            log.append(&fence, &[entry(seq)]).unwrap();
            log.wal.writing(true);
        }
        let until = Instant::now() + Duration::from_secs(30);
        while !is_copied() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(is_copied(), "{} bytes", directory::bytes_of(&database));
    }

    /// No test over files can see a flush that is missing while the machine stays up, so this looks
    /// at what the connection that commits was told.
    #[test]
    fn log_4_the_committing_connection_flushes_every_commit() {
        let place = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::own(place.path()).unwrap());
        let log = LogFile::open(directory).unwrap();
        let pragma = |name| lock(&log.writer).pragma(name).unwrap();
        assert_eq!(pragma("synchronous"), 2);
        assert_eq!(pragma("wal_autocheckpoint"), 0);
    }
}
