//! The writer: one physical transaction per batch, fenced in the same transaction.

use super::SEGMENT;
use super::checkpoint::Wal;
use super::lease::Shards;
use crate::failure::writing;
use rusqlite::{Connection, params};
use std::sync::Arc;
use tenure_core::position::Position;
use tenure_store::{Appended, Body, NewEntry, ShardEpoch, StoreError};

pub(super) struct Writer {
    connection: Connection,
    wal: Arc<Wal>,
    shards: Shards,
    last_row: u64,
    /// Whether `shards` and `last_row` are what the database holds: nobody else writes it.
    fresh: bool,
    /// Set by a failed flush: whatever is tried afterwards may build on what is not there.
    failed: Option<StoreError>,
}

impl Writer {
    /// Takes over a prepared connection, frees every shard and empties the write-ahead file.
    pub(super) fn open(connection: Connection, wal: Arc<Wal>) -> Result<Self, StoreError> {
        let shards = Shards::read(&connection)?;
        let mut writer = Self { connection, wal, shards, last_row: 0, fresh: false, failed: None };
        writer.lease(|shards| shards.free_all())?;
        writer.restart()?;
        Ok(writer)
    }

    pub(super) fn append(
        &mut self,
        fence: &[ShardEpoch],
        entries: &[NewEntry],
    ) -> Result<Appended, StoreError> {
        if self.wal.is_restart_due(entries.len()) {
            self.restart()?;
        }
        self.commit(|writer| {
            writer.shards.check(fence)?;
            let first = writer.last_row + 1;
            insert(&writer.connection, first, entries)?;
            writer.last_row += entries.len() as u64;
            let rows = first..=writer.last_row;
            Ok(Appended { positions: rows.map(|row| Position::new(SEGMENT, row)).collect() })
        })
    }

    pub(super) fn lease(
        &mut self,
        change: impl FnOnce(&mut Shards) -> Vec<ShardEpoch>,
    ) -> Result<Vec<ShardEpoch>, StoreError> {
        self.commit(|writer| {
            let told = change(&mut writer.shards);
            writer.shards.write(&writer.connection)?;
            Ok(told)
        })
    }

    pub(super) fn limit_pages(&mut self, pages: u32) -> Result<(), StoreError> {
        self.connection.pragma_update(None, "max_page_count", pages).map_err(writing)
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    #[cfg(test)]
    pub(super) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    #[cfg(test)]
    pub(super) fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        crate::connect::pragma(&self.connection, name)
    }

    /// Copies the write-ahead file into the database, so that the next commit begins it anew.
    pub(super) fn restart(&mut self) -> Result<(), StoreError> {
        self.check()?;
        self.wal.restart(&self.connection).map_err(|error| self.remember(error))
    }

    /// After this the next start has one frame to read instead of a whole write-ahead file.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        self.restart()?;
        let sql = "UPDATE meta SET value = value + 1 WHERE name = 'closed'";
        self.connection.execute(sql, []).map(drop).map_err(writing)
    }

    /// One transaction: durable when this is `Ok`, not there at all when it is any error but
    /// `Flush`.
    fn commit<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check()?;
        self.wal.writing(true);
        let done = self.attempt(work);
        self.wal.writing(false);
        done.map_err(|error| {
            self.roll_back();
            self.remember(error)
        })
    }

    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run("BEGIN IMMEDIATE")?;
        self.refresh()?;
        let answer = work(self)?;
        self.run("COMMIT")?;
        self.wal.committed();
        Ok(answer)
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(writing)?;
        statement.execute([]).map(drop).map_err(writing)
    }

    fn refresh(&mut self) -> Result<(), StoreError> {
        if !self.fresh {
            self.shards = Shards::read(&self.connection)?;
            self.last_row = last_row(&self.connection)?;
            self.fresh = true;
        }
        Ok(())
    }

    /// What this connection remembered may be ahead of what was rolled back: it is read anew.
    fn roll_back(&mut self) {
        self.fresh = false;
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            self.failed = Some(StoreError::Flush(format!("a batch did not roll back: {error}")));
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn remember(&mut self, error: StoreError) -> StoreError {
        if let StoreError::Flush(_) = error {
            self.failed = Some(error.clone());
        }
        error
    }
}

fn last_row(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT coalesce(max(pos), 0) FROM entry").map_err(writing)?;
    statement.query_row([], |row| row.get(0)).map_err(writing)
}

fn insert(connection: &Connection, first: u64, entries: &[NewEntry]) -> Result<(), StoreError> {
    let sql = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql).map_err(writing)?;
    for (row, entry) in (first..).zip(entries) {
        let inline = inline(connection, entry)?;
        let (tenant, hash) = (entry.tenant.bytes(), entry.hash.bytes());
        let values = params![row, tenant, entry.journal, entry.seq, entry.bytes, hash, inline];
        statement.execute(values).map_err(writing)?;
    }
    Ok(())
}

/// The body that goes into the entry's own row; a larger one gets a row of its own.
fn inline<'e>(
    connection: &Connection,
    entry: &'e NewEntry,
) -> Result<Option<&'e Vec<u8>>, StoreError> {
    match &entry.body {
        Body::None | Body::Blob(_) => Ok(None),
        Body::Inline(sealed) => Ok(Some(sealed)),
        Body::Row(digest, sealed) => {
            let sql = "INSERT INTO payload VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let mut statement = connection.prepare_cached(sql).map_err(writing)?;
            let values = params![entry.tenant.bytes(), digest.bytes(), sealed];
            statement.execute(values).map_err(writing)?;
            Ok(None)
        }
    }
}
