//! Connections: how one is opened, and a small pool for reading. Nothing here knows a table.

use crate::FileSettings;
use crate::directory::{bytes_of, wal};
use crate::failure::reading;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenure_store::StoreError;

const READERS: usize = 3;
const BUSY_MAX_MS: u64 = 5_000;
const STATEMENTS_MAX: usize = 128;
/// SQLite's way to files of which one process only has connections, as the directory's lock ensures:
/// the locks between connections and the index of the write-ahead file are in memory, which saves a
/// commit nine system calls.
const ONE_PROCESS: &str = "unix-excl";

/// How much of its commits a connection flushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushing {
    /// Every commit, before it returns.
    Full,
    /// Only before checkpoints: the last commits may be lost, never torn.
    Normal,
}

impl Flushing {
    const fn number(self) -> i64 {
        match self {
            Self::Normal => 1,
            Self::Full => 2,
        }
    }
}

/// Opens a database for any use; nothing of it is read yet.
pub(crate) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags_and_vfs(path, flags, ONE_PROCESS).map_err(reading)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MAX_MS)).map_err(reading)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // without this guarantee a statement whose plan might depend on a value is parsed and planned
    // again every time that value is bound: a quarter of settling went there
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(reading)?;
    Ok(connection)
}

/// Makes a connection the writer of its database and reads back that it is what it was told to be:
/// SQLite ignores what it cannot do without a word.
pub(crate) fn prepare_writer(
    connection: &Connection,
    flushing: Flushing,
    cache_bytes: u64,
) -> Result<(), StoreError> {
    let set = |name: &str, value: &dyn rusqlite::ToSql| {
        connection.pragma_update(None, name, value).map_err(reading)
    };
    set("journal_mode", &"WAL")?;
    set("synchronous", &flushing.number())?;
    set("cache_size", &-i64::try_from(cache_bytes / 1024).unwrap_or(i64::MAX))?;
    set("temp_store", &"MEMORY")?;
    let mode: String = pragma(connection, "journal_mode")?;
    let synchronous: i64 = pragma(connection, "synchronous")?;
    if mode != "wal" || synchronous != flushing.number() {
        return Err(StoreError::Other(format!(
            "the database runs with journal `{mode}`, synchronous `{synchronous}`; \
             expected `wal`, `{}`; put the data directory on a local file system",
            flushing.number()
        )));
    }
    Ok(())
}

/// How a database is set, as its connection says, and how large its files are.
pub(crate) fn settings(connection: &Connection, path: &Path) -> Result<FileSettings, StoreError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(FileSettings {
        file,
        journal_mode: pragma(connection, "journal_mode")?,
        synchronous: pragma(connection, "synchronous")?,
        bytes: bytes_of(path),
        wal_bytes: bytes_of(&wal(path)),
    })
}

/// Leaves the write-ahead file in place when the last connection closes: it stays allocated, so
/// that the next process's first commits need not grow it.
pub(crate) fn keep_wal(connection: &Connection) -> Result<(), StoreError> {
    let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    match kept.map_err(reading)? {
        true => Ok(()),
        false => Err(StoreError::Other("the database cannot keep its write-ahead file".into())),
    }
}

/// Runs a statement that answers nothing.
fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    statement.execute([]).map(drop).map_err(reading)
}

/// One value of a pragma.
pub(crate) fn pragma<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> Result<T, StoreError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(reading)
}

/// Nothing under these locks is left half changed by a panic: a transaction rolls back on drop.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A few connections that only read.
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::prepared(path, |_| Ok(()))
    }

    /// Readers of a database whose write-ahead file outlives them: see [`keep_wal`].
    pub(crate) fn keeping_wal(path: &Path) -> Result<Self, StoreError> {
        Self::prepared(path, keep_wal)
    }

    fn prepared(
        path: &Path,
        prepare: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let reader = |_| {
            let connection = connect(path)?;
            prepare(&connection)?;
            connection.pragma_update(None, "query_only", true).map_err(reading)?;
            Ok(Mutex::new(connection))
        };
        let connections = (0..READERS).map(reader).collect::<Result<_, _>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// Runs one bounded read transaction.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.idle();
        run(&connection, "BEGIN")?;
        let answer = work(&connection);
        // a read transaction has nothing to roll back; it only must not stay open
        run(&connection, "COMMIT")?;
        answer
    }

    fn idle(&self) -> MutexGuard<'_, Connection> {
        let free = self.connections.iter().find_map(|connection| connection.try_lock().ok());
        free.unwrap_or_else(|| {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            lock(&self.connections[turn % self.connections.len()])
        })
    }
}
