//! The projection's write-ahead file, brought to the disk in small pieces.
//!
//! A checkpoint flushes the write-ahead file, copies it into the database and flushes that. Sixteen megabytes at
//! once keep the disk busy for longer than a hundred commits of the log take, and every commit waits for them.
//! So what the settler writes is flushed piece by piece as it comes, and copied in small portions: that costs a
//! settler that is busy all the time about a fourteenth of its pace, and nobody else notices it.

use crate::directory::wal;
use crate::failure::{self, reading};
use rusqlite::Connection;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tenure_store::StoreError;

/// Pages after which the write-ahead file is copied into the database: a megabyte and a half.
const CHECKPOINT_PAGES: u64 = 384;
/// Pages after which they are flushed: half a megabyte, about as long as a commit takes.
const FLUSH_PAGES: u64 = 128;

pub(super) struct Wal {
    file: File,
    /// Pages in use after the last commit, as SQLite told the hook.
    pages: Arc<AtomicU64>,
    flushed: AtomicU64,
}

impl Wal {
    /// Of a database whose first transaction is over: the file is there from then on.
    pub(super) fn of(writer: &mut Connection, database: &Path) -> Result<Self, StoreError> {
        let file = File::open(wal(database))
            .map_err(|error| failure::files("open the projection's write-ahead file", &error))?;
        let pages = Arc::new(AtomicU64::new(0));
        let told = pages.clone();
        // it also takes the place of SQLite's own checkpoints
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            told.store(u64::try_from(pages).unwrap_or(0), Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(reading)?;
        Ok(Self { file, pages, flushed: AtomicU64::new(0) })
    }

    /// Told after every commit. What goes wrong here is no failure of the commit: the next one tries again.
    pub(super) fn committed(&self, writer: &Connection) {
        let pages = self.pages.load(Relaxed);
        let flushed = self.flushed.load(Relaxed);
        // fewer than there were: the file was begun anew
        let flushed = if pages < flushed { 0 } else { flushed };
        if pages - flushed >= FLUSH_PAGES {
            if let Err(error) = self.file.sync_data() {
                tracing::warn!(%error, "the projection's write-ahead file was not flushed");
                return;
            }
            self.flushed.store(pages, Relaxed);
        }
        if pages >= CHECKPOINT_PAGES {
            let copied = writer.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = copied {
                tracing::warn!(%error, "the projection's write-ahead file was not copied");
            }
        }
    }
}
