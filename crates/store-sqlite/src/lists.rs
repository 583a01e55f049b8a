//! The projection file: index, list rows, snapshots, and how far they reflect the log.
//!
//! Everything here can be made again from the log, so a file that cannot be read is moved aside and
//! an empty one takes its place: no anchor, so the engine rebuilds. Commits are not flushed one by
//! one; after a power cut the file is merely behind.

mod index;
mod query;
mod rows;
mod schema;

use crate::connect::{self, Flushing, Readers, lock};
use crate::directory::{self, Directory, beside, bytes_of};
use crate::failure::{self, reading};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{ListQuery, Row};
use tenure_store::{Projection, Settle, Snapshot, StoreError};

const WRITER_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Pages after which a commit copies its write-ahead file into the database.
const CHECKPOINT_PAGES: u32 = 4_096;
/// The write-ahead file is cut when readers let it grow past this.
const WAL_CUT_BYTES: u64 = 128 * 1024 * 1024;
/// A file up to this size is read through once when it is opened; a larger one shows its damage
/// when the damaged part is read.
const CHECK_MAX_BYTES: u64 = 32 * 1024 * 1024;

pub(crate) struct Lists {
    open: RwLock<Open>,
    directory: Arc<Directory>,
}

struct Open {
    // Closed in this order: the last one, the writer, leaves no write-ahead file behind.
    readers: Readers,
    writer: Mutex<Connection>,
}

impl Lists {
    pub(crate) fn open(directory: Arc<Directory>) -> Result<Self, StoreError> {
        let open = open_or_replace(&directory.lists())?;
        Ok(Self { open: RwLock::new(open), directory })
    }

    pub(crate) fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        let open = self.opened();
        let writer = lock(&open.writer);
        writer.pragma_update(None, "max_page_count", pages).map_err(reading)
    }

    fn opened(&self) -> RwLockReadGuard<'_, Open> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.opened().readers.read(work)
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let open = self.opened();
        let mut writer = lock(&open.writer);
        // Dropped without a commit, it rolls back: nothing was applied.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(reading)?;
        let answer = work(&transaction)?;
        transaction.commit().map_err(reading)?;
        Ok(answer)
    }

    fn cut_wal(&self) {
        if bytes_of(&directory::wal(&self.directory.lists())) <= WAL_CUT_BYTES {
            return;
        }
        let open = self.opened();
        let cut = lock(&open.writer).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = cut {
            tracing::warn!(%error, "the projection's write-ahead file was not cut");
        }
    }

    fn replace(&self) -> Result<(), StoreError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        set_aside(&self.directory.lists())?;
        *open = Open::at(&self.directory.lists())?;
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
        match self.write(schema::clear) {
            Err(StoreError::Corrupt(_)) => self.replace(),
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
        writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(reading)?;
        schema::open(&mut writer)?;
        anchor(&writer)?;
        Ok(Self { readers: Readers::open(path)?, writer: Mutex::new(writer) })
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
    fs::rename(path, beside(path, ".damaged")).map_err(failed)
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
