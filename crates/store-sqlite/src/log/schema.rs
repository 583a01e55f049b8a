//! The log file's tables, its id and its version.

use crate::failure::{reading, writing};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tenure_contract::StoreId;
use tenure_store::StoreError;

/// The version this program writes, and the newest it reads.
const FORMAT: u32 = 1;

/// No secondary index: an entry is found through the projection's index, or by scanning.
const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE entry (
        pos INTEGER PRIMARY KEY, tenant BLOB NOT NULL, journal BLOB NOT NULL, seq INTEGER NOT NULL,
        bytes BLOB NOT NULL, hash BLOB NOT NULL, body BLOB);
    CREATE TABLE payload (
        tenant BLOB NOT NULL, digest BLOB NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY (tenant, digest)) WITHOUT ROWID;
    CREATE TABLE shard (
        shard INTEGER PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL,
        expires_at INTEGER NOT NULL);
    WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 255)
        INSERT INTO shard SELECT n, NULL, 0, 0 FROM number;
    INSERT INTO meta VALUES ('store', randomblob(16)), ('closed', 0);
";

/// Makes the tables of a new file, checks those of an old one, and tells the store's id.
pub(super) fn open(connection: &mut Connection) -> Result<StoreId, StoreError> {
    if is_new(connection)? {
        connection.pragma_update(None, "journal_mode", "WAL").map_err(reading)?;
        let made = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let made = made.map_err(writing)?;
        made.execute_batch(TABLES).map_err(writing)?;
        made.execute("INSERT INTO meta VALUES ('format', ?1)", [FORMAT]).map_err(writing)?;
        made.commit().map_err(writing)?;
    }
    let found: u32 = meta(connection, "format")?;
    if found > FORMAT {
        return Err(StoreError::TooNew { found, known: FORMAT });
    }
    meta(connection, "store").map(StoreId::from_bytes)
}

fn is_new(connection: &Connection) -> Result<bool, StoreError> {
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    tables.map(|tables: u32| tables == 0).map_err(reading)
}

fn meta<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<T, StoreError> {
    let missing = || StoreError::Corrupt(format!("the log file does not tell its `{name}`"));
    if !connection.table_exists(None, "meta").map_err(reading)? {
        return Err(missing());
    }
    let found = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional();
    found.map_err(reading)?.ok_or_else(missing)
}
