//! Reading the log: each function is one bounded piece of one read transaction.

use super::SEGMENT;
use crate::failure::reading;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tenure_contract::{Digest, TenantId};
use tenure_core::position::Position;
use tenure_store::{StoreError, Stored};

/// The most rows one read transaction reads: a longer one would hold up a checkpoint.
pub(super) const ROWS_MAX: usize = 4_096;

const COLUMNS: &str = "SELECT pos, tenant, journal, seq, bytes, hash, body FROM entry";

pub(super) fn fetch(
    connection: &Connection,
    positions: &[Position],
    found: &mut Vec<Stored>,
) -> Result<(), StoreError> {
    let sql = format!("{COLUMNS} WHERE pos = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(reading)?;
    for position in positions {
        let absent = || StoreError::Corrupt(format!("position `{}` is empty", position.number()));
        if position.segment() != SEGMENT {
            return Err(absent());
        }
        let entry = statement.query_row([position.row()], stored).optional().map_err(reading)?;
        found.push(entry.ok_or_else(absent)?);
    }
    Ok(())
}

pub(super) fn scan(
    connection: &Connection,
    after: Position,
    limit: usize,
    found: &mut Vec<Stored>,
) -> Result<(), StoreError> {
    let after = match after.segment() {
        segment if segment > SEGMENT => return Ok(()),
        SEGMENT => after.row(),
        _ => 0,
    };
    let sql = format!("{COLUMNS} WHERE pos > ?1 ORDER BY pos LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(reading)?;
    let rows = statement.query_map(params![after, limit], stored).map_err(reading)?;
    for row in rows {
        found.push(row.map_err(reading)?);
    }
    Ok(())
}

pub(super) fn end(connection: &Connection) -> Result<(Position, Digest), StoreError> {
    let sql = "SELECT pos, hash FROM entry ORDER BY pos DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let last = statement.query_row([], |row| {
        Ok((Position::new(SEGMENT, row.get(0)?), Digest::from_bytes(row.get(1)?)))
    });
    Ok(last.optional().map_err(reading)?.unwrap_or((Position::START, Digest::ZERO)))
}

pub(super) fn payload(
    connection: &Connection,
    tenant: TenantId,
    digest: Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT sealed FROM payload WHERE tenant = ?1 AND digest = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let found = statement.query_row(params![tenant.bytes(), digest.bytes()], |row| row.get(0));
    found.optional().map_err(reading)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        position: Position::new(SEGMENT, row.get(0)?),
        tenant: TenantId::from_bytes(row.get(1)?),
        journal: row.get(2)?,
        seq: row.get(3)?,
        bytes: row.get(4)?,
        hash: Digest::from_bytes(row.get(5)?),
        inline: row.get(6)?,
    })
}
