//! The store seam on SQLite: one data directory, one owner.
//!
//! | file | holds |
//! |---|---|
//! | `log-000001.db` | the log, bodies up to a payload row, the shards; every commit flushed |
//! | `lists.db` | everything derived: index, rows, snapshots; may be lost and is rebuilt |
//! | `blobs/` | larger bodies, one file each |
//! | `lock` | held for as long as the directory has an owner |
//!
//! **Invariant:** no decision about a run. This crate appends, fences, applies rows it does not
//! understand and answers a closed query.

mod bodies;
mod connect;
mod directory;
mod failure;
mod lists;
mod log;

use bodies::Bodies;
use directory::Directory;
use lists::Lists;
use log::LogFile;
use std::path::Path;
use std::sync::Arc;
use tenure_store::{Store, StoreError};

/// A data directory this process owns. Cheap to clone; a clone, and the parts handed out by
/// [`SqliteStore::store`], keep it owned until the last of them is dropped.
#[derive(Clone)]
pub struct SqliteStore {
    directory: Arc<Directory>,
    log: Arc<LogFile>,
    lists: Arc<Lists>,
    bodies: Arc<Bodies>,
}

/// How one of the two databases is set, read back from the connection that writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// Its name in the data directory.
    pub file: String,
    /// SQLite's `journal_mode`, as `wal`.
    pub journal_mode: String,
    /// SQLite's `synchronous`: 0 off, 1 normal, 2 full, 3 extra.
    pub synchronous: i64,
    /// Bytes of the database.
    pub bytes: u64,
    /// Bytes of its write-ahead file, in use or kept allocated.
    pub wal_bytes: u64,
}

/// What tests and measurements may set; the default is what everyone else wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The most pages either database may grow to, to stand in for a full disk.
    pub max_pages: Option<u32>,
}

impl SqliteStore {
    /// Opens a data directory, making it when it is new. Every shard is free afterwards: whoever
    /// held one held the directory's lock, and no longer does.
    ///
    /// # Errors
    /// `Owned` while another process has it, `TooNew`, `Corrupt` when the log is damaged, `Full`,
    /// `Other`. A damaged `lists.db` is no error: it is moved aside to be rebuilt.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, Options::default())
    }

    /// Opens a data directory with options.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let directory = Arc::new(Directory::own(dir)?);
        let log = Arc::new(LogFile::open(directory.clone())?);
        let lists = Arc::new(Lists::open(directory.clone())?);
        let bodies = Arc::new(Bodies::open(directory.clone(), log.clone())?);
        let store = Self { directory, log, lists, bodies };
        if let Some(pages) = options.max_pages {
            store.limit_pages(pages)?;
        }
        Ok(store)
    }

    /// The four parts, over this directory.
    #[must_use]
    pub fn store(&self) -> Store {
        Store {
            log: self.log.clone(),
            projection: self.lists.clone(),
            lease: self.log.clone(),
            payload: self.bodies.clone(),
        }
    }

    /// Sets the most pages either database may grow to; never below what it has.
    ///
    /// # Errors
    /// `Other`.
    pub fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.log.limit_pages(pages)?;
        self.lists.limit_pages(pages)
    }

    /// The most bytes the log's write-ahead file has held since it was opened.
    #[must_use]
    pub fn wal_bytes_max(&self) -> u64 {
        self.log.wal_bytes_max()
    }

    /// Flushes of the log since it was opened: one per commit, batches and leases alike.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.log.flushes()
    }

    /// Copies the whole write-ahead file of the log into the database and lets it begin anew.
    ///
    /// # Errors
    /// `Full`, `Flush`, `Other`.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.log.restart()
    }

    /// How the log and the lists are set, each read back from the connection that writes it.
    ///
    /// # Errors
    /// `Other`, `Corrupt`.
    pub fn settings(&self) -> Result<Vec<FileSettings>, StoreError> {
        let (log, lists) = (self.directory.log(), self.directory.lists());
        Ok(vec![
            self.log.with_writer(|writer| connect::settings(writer, &log))?,
            self.lists.with_writer(|writer| connect::settings(writer, &lists))?,
        ])
    }

    /// Bytes of both databases and their write-ahead files, without blobs.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.directory.database_bytes()
    }
}
