//! The projection's tables, written from the lists that `core` declares.
//!
//! There is no migration: a file made from other declarations is emptied and made again.

use crate::failure::reading;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tenure_contract::Digest;
use tenure_core::projection::{Column, Table};
use tenure_store::StoreError;

const FIXED: &str = "
    CREATE TABLE made_from (declarations BLOB NOT NULL);
    CREATE TABLE anchor (
        one INTEGER PRIMARY KEY, store BLOB NOT NULL, position INTEGER NOT NULL,
        hash BLOB NOT NULL);
    CREATE TABLE idx (
        journal BLOB NOT NULL, first_seq INTEGER NOT NULL, count INTEGER NOT NULL,
        positions BLOB NOT NULL, PRIMARY KEY (journal, first_seq)) WITHOUT ROWID;
    CREATE TABLE snapshot (
        journal BLOB PRIMARY KEY, tenant BLOB NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,
        fold_version INTEGER NOT NULL, bytes BLOB NOT NULL);
";

/// Makes the tables where they are missing or were made from other declarations.
pub(super) fn open(connection: &mut Connection) -> Result<(), StoreError> {
    let declarations = declarations();
    let current = Digest::of(&[declarations.as_bytes()]);
    if made_from(connection)? == Some(*current.bytes()) {
        return Ok(());
    }
    let behavior = TransactionBehavior::Immediate;
    let made = connection.transaction_with_behavior(behavior).map_err(reading)?;
    for table in tables(&made)? {
        made.execute_batch(&format!("DROP TABLE \"{table}\"")).map_err(reading)?;
    }
    made.execute_batch(&declarations).map_err(reading)?;
    made.execute("INSERT INTO made_from VALUES (?1)", [current.bytes()]).map_err(reading)?;
    made.commit().map_err(reading)
}

/// Forgets every row; the tables stay.
pub(super) fn clear(connection: &Connection) -> Result<(), StoreError> {
    for table in tables(connection)?.iter().filter(|table| *table != "made_from") {
        connection.execute_batch(&format!("DELETE FROM \"{table}\"")).map_err(reading)?;
    }
    Ok(())
}

fn made_from(connection: &Connection) -> Result<Option<[u8; 32]>, StoreError> {
    if !connection.table_exists(None, "made_from").map_err(reading)? {
        return Ok(None);
    }
    let found =
        connection.query_row("SELECT declarations FROM made_from", [], |row| row.get(0)).optional();
    found.map_err(reading)
}

fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql).map_err(reading)?;
    let names = statement.query_map([], |row| row.get(0)).map_err(reading)?;
    names.collect::<Result<_, _>>().map_err(reading)
}

fn declarations() -> String {
    Table::ALL.iter().fold(FIXED.to_owned(), |sql, table| sql + &declaration(*table))
}

/// One list: its rows by tenant and key, and an index for each way it is read in order.
fn declaration(table: Table) -> String {
    let name = table.name();
    let has = |column| table.columns().contains(&column);
    let columns: String = table.columns().iter().map(|column| quoted(*column) + ", ").collect();
    let mut sql = format!(
        "CREATE TABLE \"{name}\" (tenant BLOB NOT NULL, key BLOB NOT NULL, born INTEGER NOT NULL, \
         {columns} PRIMARY KEY (tenant, key)) WITHOUT ROWID;
         CREATE INDEX \"{name}_born\" ON \"{name}\" (tenant, born);"
    );
    if has(Column::Status) && has(Column::Open) {
        sql += &format!(
            "CREATE INDEX \"{name}_status\" ON \"{name}\" (tenant, status, born);
             CREATE INDEX \"{name}_open\" ON \"{name}\" (born) WHERE open = 1;
             CREATE INDEX \"{name}_tenant_open\" ON \"{name}\" (tenant, born) WHERE open = 1;"
        );
    }
    if has(Column::Session) {
        sql += &format!("CREATE INDEX \"{name}_session\" ON \"{name}\" (tenant, session, born);");
    }
    sql
}

/// A column's name as SQL: some of them are words of the language.
pub(super) fn quoted(column: Column) -> String {
    format!("\"{}\"", column.name())
}
