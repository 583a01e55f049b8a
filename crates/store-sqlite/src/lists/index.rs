//! Where each journal's entries lie: a few rows per journal, each with up to [`RUN_MAX`] positions
//! as variable-length differences, two or three bytes an entry.

use crate::failure::reading;
use rusqlite::{Connection, OptionalExtension, params};
use tenure_core::position::Position;
use tenure_store::{IndexRun, StoreError};

/// Positions of one row. Short runs are added to the journal's last row until it is full, so that
/// many small settles take no more room than a large one.
const RUN_MAX: usize = 256;

struct Run {
    first_seq: u64,
    positions: Vec<Position>,
}

impl Run {
    fn next_seq(&self) -> u64 {
        self.first_seq + self.positions.len() as u64
    }
}

/// Adds a run after what the index has of its journal.
pub(super) fn extend(connection: &Connection, run: &IndexRun) -> Result<(), StoreError> {
    let last = last(connection, run.journal)?;
    let expected = last.as_ref().map_or(1, Run::next_seq);
    if run.first_seq != expected {
        return Err(StoreError::Other(format!(
            "an index run begins at `{}`, expected `{expected}`; settle entries in order",
            run.first_seq
        )));
    }
    let mut rest = run.positions.as_slice();
    let mut first_seq = run.first_seq;
    if let Some(mut last) = last.filter(|last| last.positions.len() < RUN_MAX) {
        let (fitting, left) = rest.split_at(rest.len().min(RUN_MAX - last.positions.len()));
        last.positions.extend_from_slice(fitting);
        put(connection, run.journal, &last)?;
        first_seq = last.next_seq();
        rest = left;
    }
    for positions in rest.chunks(RUN_MAX) {
        let row = Run { first_seq, positions: positions.to_vec() };
        put(connection, run.journal, &row)?;
        first_seq = row.next_seq();
    }
    Ok(())
}

pub(super) fn locate(
    connection: &Connection,
    journal: [u8; 16],
    from_seq: u64,
    limit: usize,
) -> Result<Vec<Position>, StoreError> {
    let sql = "SELECT first_seq, count, positions FROM idx WHERE journal = ?1 AND first_seq >= (
            SELECT coalesce(max(first_seq), 0) FROM idx WHERE journal = ?1 AND first_seq <= ?2)
        ORDER BY first_seq";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let from_seq = from_seq.min(i64::MAX as u64);
    let mut rows = statement.query(params![journal, from_seq]).map_err(reading)?;
    let mut found = Vec::new();
    let mut expected = None;
    while found.len() < limit {
        let Some(row) = rows.next().map_err(reading)? else { break };
        let run = run(row)?;
        if expected.is_some_and(|expected| expected != run.first_seq) {
            return Err(damaged());
        }
        expected = Some(run.next_seq());
        let skip = usize::try_from(from_seq.saturating_sub(run.first_seq)).unwrap_or(usize::MAX);
        let wanted = limit - found.len();
        found.extend(run.positions.iter().skip(skip).take(wanted));
    }
    Ok(found)
}

pub(super) fn head(connection: &Connection, journal: [u8; 16]) -> Result<u64, StoreError> {
    let sql = "SELECT first_seq + count - 1 FROM idx WHERE journal = ?1
        ORDER BY first_seq DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let found = statement.query_row([journal], |row| row.get(0)).optional();
    Ok(found.map_err(reading)?.unwrap_or(0))
}

fn last(connection: &Connection, journal: [u8; 16]) -> Result<Option<Run>, StoreError> {
    let sql = "SELECT first_seq, count, positions FROM idx WHERE journal = ?1
        ORDER BY first_seq DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let mut rows = statement.query([journal]).map_err(reading)?;
    rows.next().map_err(reading)?.map(run).transpose()
}

fn put(connection: &Connection, journal: [u8; 16], run: &Run) -> Result<(), StoreError> {
    let sql = "INSERT INTO idx VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE
        SET count = excluded.count, positions = excluded.positions";
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let values = params![journal, run.first_seq, run.positions.len(), pack(&run.positions)];
    statement.execute(values).map(drop).map_err(reading)
}

fn run(row: &rusqlite::Row<'_>) -> Result<Run, StoreError> {
    let first_seq = row.get(0).map_err(reading)?;
    let count: usize = row.get(1).map_err(reading)?;
    let packed = row.get_ref(2).map_err(reading)?.as_blob().map_err(|_| damaged())?;
    let positions = unpack(packed).filter(|positions| positions.len() == count);
    Ok(Run { first_seq, positions: positions.ok_or_else(damaged)? })
}

fn damaged() -> StoreError {
    StoreError::Corrupt("the index does not read back; reset it".into())
}

/// The first position and then the differences, seven bits to a byte, the lowest first.
fn pack(positions: &[Position]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(positions.len() * 2 + 8);
    let mut before = 0;
    for position in positions {
        let mut rest = position.number().wrapping_sub(before);
        before = position.number();
        while rest >= 0x80 {
            packed.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        packed.push(rest as u8);
    }
    packed
}

fn unpack(packed: &[u8]) -> Option<Vec<Position>> {
    let mut positions = Vec::with_capacity(packed.len());
    let (mut before, mut difference, mut shift) = (0u64, 0u64, 0u32);
    for byte in packed {
        difference |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            before = before.wrapping_add(difference);
            positions.push(Position::from_number(before));
            (difference, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back_and_are_small() {
        let rows = [1, 2, 3, 130, 40_000, 1 << 39];
        let mut positions: Vec<Position> = rows.map(|row| Position::new(1, row)).to_vec();
        positions.push(Position::new(2, 1));
        let packed = pack(&positions);
        assert_eq!(unpack(&packed), Some(positions));
        let dense: Vec<Position> = (1..=256).map(|row| Position::new(1, row * 1_000)).collect();
        assert!(pack(&dense).len() < 256 * 3);
    }

    #[test]
    fn a_cut_or_overlong_packing_is_refused() {
        assert_eq!(unpack(&[0x80]), None);
        assert_eq!(unpack(&[0xff; 11]), None);
        assert_eq!(unpack(&[]), Some(vec![]));
    }
}
