//! The projection file: index, list rows, snapshots, and how far they reflect the log.
//!
//! Everything here can be made again from the log, so a file that cannot be read is moved aside and
//! an empty one takes its place: no anchor, so the engine rebuilds. Commits are not flushed one by
//! one; after a power cut the file is merely behind.

mod index;
mod query;
mod rows;
mod schema;
mod wal;

use crate::connect::{self, Flushing, Readers, lock};
use crate::directory::{self, Directory, beside, bytes_of};
use crate::failure::{self, reading};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{ListQuery, Row};
use tenure_store::{Projection, Settle, Snapshot, StoreError};
use wal::Wal;

const WRITER_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// The write-ahead file is cut when readers let it grow past this.
const WAL_CUT_BYTES: u64 = 128 * 1024 * 1024;
/// A file up to this size is read through once when it is opened; a larger one shows its damage
/// when the damaged part is read.
const CHECK_MAX_BYTES: u64 = 32 * 1024 * 1024;

pub(crate) struct Lists {
    /// None only when replacing a damaged file failed halfway.
    open: RwLock<Option<Open>>,
    directory: Arc<Directory>,
}

struct Open {
    // Closed in this order: the last one, the writer, leaves no write-ahead file behind.
    readers: Readers,
    writer: Mutex<Connection>,
    wal: Wal,
}

impl Lists {
    pub(crate) fn open(directory: Arc<Directory>) -> Result<Self, StoreError> {
        let open = open_or_replace(&directory.lists())?;
        Ok(Self { open: RwLock::new(Some(open)), directory })
    }

    pub(crate) fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.with(|open| {
            lock(&open.writer).pragma_update(None, "max_page_count", pages).map_err(reading)
        })
    }

    pub(crate) fn with_writer<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|open| look(&lock(&open.writer)))
    }

    fn with<T>(&self, work: impl FnOnce(&Open) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let closed = || StoreError::Other("the projection is closed; reset it".into());
        work(open.as_ref().ok_or_else(closed)?)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|open| open.readers.read(work))
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|open| {
            let mut writer = lock(&open.writer);
            // Dropped without a commit, it rolls back: nothing was applied.
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = transaction.map_err(reading)?;
            let answer = work(&transaction)?;
            transaction.commit().map_err(reading)?;
            open.wal.committed(&writer);
            Ok(answer)
        })
    }

    fn cut_wal(&self) {
        if bytes_of(&directory::wal(&self.directory.lists())) <= WAL_CUT_BYTES {
            return;
        }
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let cut = |open: &Open| lock(&open.writer).query_row(sql, [], |_| Ok(())).map_err(reading);
        if let Err(error) = self.with(cut) {
            tracing::warn!(%error, "the projection's write-ahead file was not cut");
        }
    }

    /// The old connections close first: the last of them removes its write-ahead file by name, and
    /// that name is the new file's, too.
    fn replace(&self) -> Result<(), StoreError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *open = None;
        set_aside(&self.directory.lists())?;
        *open = Some(Open::at(&self.directory.lists())?);
        Ok(())
    }
}

impl Projection for Lists {
    fn anchor(&self) -> Result<Option<Anchor>, StoreError> {
        self.read(anchor)
    }

    fn settle(&self, settle: &Settle) -> Result<(), StoreError> {
        self.write(|connection| {
            settle.index.iter().try_for_each(|run| index::extend(connection, run))?;
            rows::apply(connection, &settle.rows)?;
            settle.snapshots.iter().try_for_each(|snapshot| keep(connection, snapshot))?;
            set_anchor(connection, settle.upto)
        })?;
        self.cut_wal();
        Ok(())
    }

    fn reset(&self) -> Result<(), StoreError> {
        let is_open = self.open.read().unwrap_or_else(PoisonError::into_inner).is_some();
        match self.write(schema::clear) {
            Err(StoreError::Corrupt(_)) => self.replace(),
            Err(_) if !is_open => self.replace(),
            cleared => cleared,
        }
    }

    fn locate(
        &self,
        journal: [u8; 16],
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.read(|connection| index::locate(connection, journal, from_seq, limit))
    }

    fn head(&self, journal: [u8; 16]) -> Result<u64, StoreError> {
        self.read(|connection| index::head(connection, journal))
    }

    fn snapshot(&self, journal: [u8; 16]) -> Result<Option<Snapshot>, StoreError> {
        self.read(|connection| snapshot(connection, journal))
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Row>, StoreError> {
        self.read(|connection| query::list(connection, query))
    }
}

impl Open {
    fn at(path: &Path) -> Result<Self, StoreError> {
        let mut writer = connect::connect(path)?;
        if bytes_of(path) <= CHECK_MAX_BYTES {
            check(&writer)?;
        }
        connect::prepare_writer(&writer, Flushing::Normal, WRITER_CACHE_BYTES)?;
        schema::open(&mut writer)?;
        anchor(&writer)?;
        let wal = Wal::of(&mut writer, path)?;
        Ok(Self { readers: Readers::open(path)?, writer: Mutex::new(writer), wal })
    }
}

fn open_or_replace(path: &Path) -> Result<Open, StoreError> {
    match Open::at(path) {
        Err(StoreError::Corrupt(damage)) => {
            tracing::warn!(damage, "the projection is damaged; it is moved aside and made again");
            set_aside(path)?;
            Open::at(path)
        }
        opened => opened,
    }
}

fn check(connection: &Connection) -> Result<(), StoreError> {
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(reading)?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(found)) }
}

/// Moves a damaged file aside and removes what SQLite keeps beside it.
fn set_aside(path: &Path) -> Result<(), StoreError> {
    let failed = |error| failure::files("move the damaged projection aside", &error);
    for ending in ["-wal", "-shm"] {
        match fs::remove_file(beside(path, ending)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    match fs::rename(path, beside(path, ".damaged")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

fn anchor(connection: &Connection) -> Result<Option<Anchor>, StoreError> {
    let sql = "SELECT store, position, hash FROM anchor";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let found = statement.query_row([], |row| {
        Ok(Anchor {
            store: StoreId::from_bytes(row.get(0)?),
            position: Position::from_number(row.get(1)?),
            hash: Digest::from_bytes(row.get(2)?),
        })
    });
    found.optional().map_err(reading)
}

fn set_anchor(connection: &Connection, upto: Anchor) -> Result<(), StoreError> {
    let sql = "INSERT INTO anchor VALUES (1, ?1, ?2, ?3) ON CONFLICT DO UPDATE
        SET store = excluded.store, position = excluded.position, hash = excluded.hash";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let values = params![upto.store.bytes(), upto.position.number(), upto.hash.bytes()];
    statement.execute(values).map(drop).map_err(reading)
}

fn keep(connection: &Connection, snapshot: &Snapshot) -> Result<(), StoreError> {
    let sql = "INSERT INTO snapshot VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
        SET tenant = excluded.tenant, seq = excluded.seq, hash = excluded.hash,
            fold_version = excluded.fold_version, bytes = excluded.bytes";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let (tenant, hash) = (snapshot.tenant.bytes(), snapshot.hash.bytes());
    let values = params![
        snapshot.journal,
        tenant,
        snapshot.seq,
        hash,
        snapshot.fold_version,
        snapshot.bytes
    ];
    statement.execute(values).map(drop).map_err(reading)
}

fn snapshot(connection: &Connection, journal: [u8; 16]) -> Result<Option<Snapshot>, StoreError> {
    let sql = "SELECT tenant, seq, hash, fold_version, bytes FROM snapshot WHERE journal = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let found = statement.query_row([journal], |row| {
        Ok(Snapshot {
            tenant: TenantId::from_bytes(row.get(0)?),
            journal,
            seq: row.get(1)?,
            hash: Digest::from_bytes(row.get(2)?),
            fold_version: row.get(3)?,
            bytes: row.get(4)?,
        })
    });
    found.optional().map_err(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure_store::IndexRun;

    #[test]
    fn a_file_replaced_while_open_is_a_whole_new_one() {
        let place = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::own(place.path()).unwrap());
        let lists = Lists::open(directory.clone()).unwrap();
        let store = StoreId::from_bytes([1; 16]);
        let upto = Anchor { store, position: Position::new(1, 1), hash: Digest::ZERO };
        let step = Settle { upto, index: vec![], rows: vec![], snapshots: vec![] };
        lists.settle(&step).unwrap();
        lists.replace().unwrap();
        assert_eq!(lists.anchor(), Ok(None));
        assert!(beside(&directory.lists(), ".damaged").is_file());
        lists.settle(&step).unwrap();
        assert!(directory::wal(&directory.lists()).is_file(), "the new file's was removed");
        drop(lists);
        assert_eq!(Lists::open(directory).unwrap().anchor(), Ok(Some(upto)));
    }

    #[test]
    fn log_4_a_step_whose_commit_fails_is_not_applied_and_can_be_made_again() {
        let place = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::own(place.path()).unwrap());
        let lists = Lists::open(directory.clone()).unwrap();
        let step = |row: u64| {
            let position = Position::new(1, row);
            let upto = Anchor { store: StoreId::from_bytes([1; 16]), position, hash: Digest::ZERO };
            let run = IndexRun { journal: [3; 16], first_seq: row, positions: vec![position] };
            Settle { upto, index: vec![run], rows: vec![], snapshots: vec![] }
        };
        let refuse_commits = |refused: bool| {
            let hook = refused.then_some(|| true);
            let set = |open: &Open| {
                lock(&open.writer).commit_hook(hook).unwrap();
                Ok(())
            };
            lists.with(set).unwrap();
        };
        lists.settle(&step(1)).unwrap();
        refuse_commits(true);
        for _ in 0..2 {
            assert!(matches!(lists.settle(&step(2)), Err(StoreError::Other(_))));
            assert_eq!(lists.anchor(), Ok(Some(step(1).upto)));
            assert_eq!(lists.head([3; 16]), Ok(1));
        }
        refuse_commits(false);
        lists.settle(&step(2)).unwrap();
        refuse_commits(true);
        lists.settle(&step(3)).unwrap_err();
        drop(lists);
        let lists = Lists::open(directory).unwrap();
        assert_eq!((lists.anchor(), lists.head([3; 16])), (Ok(Some(step(2).upto)), Ok(2)));
    }

    #[test]
    fn a_projection_closed_by_a_failed_replacement_comes_back_with_a_reset() {
        let place = tempfile::tempdir().unwrap();
        let lists = Lists::open(Arc::new(Directory::own(place.path()).unwrap())).unwrap();
        *lists.open.write().unwrap() = None;
        assert!(matches!(lists.anchor(), Err(StoreError::Other(_))));
        lists.reset().unwrap();
        assert_eq!(lists.anchor(), Ok(None));
    }
}
