//! List rows: many changes merged to one upsert per row, in key order.

use super::schema::quoted;
use crate::failure::reading;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};
use std::collections::{BTreeMap, HashMap};
use tenure_contract::TenantId;
use tenure_core::position::Position;
use tenure_core::projection::{Column, RowChange, Table, Value};
use tenure_store::StoreError;

/// What one step of settling does to one row.
struct Merged<'a> {
    /// The first change's position: the row's birth, unless it is there already.
    born: u64,
    /// By place in [`Table::columns`]; the last change wins.
    set: Vec<Option<&'a Value>>,
}

type Key = (Table, TenantId, [u8; 16]);

pub(super) fn apply(
    connection: &Connection,
    changes: &[(Position, RowChange)],
) -> Result<(), StoreError> {
    let mut upserts = HashMap::new();
    for ((table, tenant, key), merged) in merge(changes)? {
        let columns = merged.set.iter().enumerate().filter(|(_, value)| value.is_some());
        let places = columns.fold(0u64, |places, (place, _)| places | 1 << place);
        let sql = upserts.entry((table, places)).or_insert_with(|| upsert(table, &merged.set));
        let (tenant, born) = (tenant.bytes(), merged.born);
        let fixed: [&dyn ToSql; 3] = [&tenant, &key, &born];
        let cells: Vec<Cell<'_>> = merged.set.into_iter().flatten().map(Cell).collect();
        let values = fixed.into_iter().chain(cells.iter().map(|cell| cell as &dyn ToSql));
        let mut statement = connection.prepare_cached(sql).map_err(reading)?;
        statement.execute(params_from_iter(values)).map_err(reading)?;
    }
    Ok(())
}

fn merge(changes: &[(Position, RowChange)]) -> Result<BTreeMap<Key, Merged<'_>>, StoreError> {
    let mut rows = BTreeMap::new();
    for (position, change) in changes {
        let columns = change.table.columns();
        let merged = rows
            .entry((change.table, change.tenant, change.key))
            .or_insert_with(|| Merged { born: position.number(), set: vec![None; columns.len()] });
        for (column, value) in &change.set {
            let place = columns.iter().position(|known| known == column);
            merged.set[place.ok_or_else(|| no_column(change.table, *column))?] = Some(value);
        }
    }
    Ok(rows)
}

fn upsert(table: Table, set: &[Option<&Value>]) -> String {
    let named = table.columns().iter().zip(set).filter(|(_, value)| value.is_some());
    let columns: Vec<String> = named.map(|(column, _)| quoted(*column)).collect();
    let names: String = columns.iter().map(|column| format!(", {column}")).collect();
    let marks: String = (4..columns.len() + 4).map(|place| format!(", ?{place}")).collect();
    let updates: Vec<String> =
        columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    let update = match updates.is_empty() {
        true => "NOTHING".to_owned(),
        false => format!("UPDATE SET {}", updates.join(", ")),
    };
    format!(
        "INSERT INTO \"{}\" (tenant, key, born{names}) VALUES (?1, ?2, ?3{marks}) \
         ON CONFLICT (tenant, key) DO {update}",
        table.name()
    )
}

pub(super) fn no_column(table: Table, column: Column) -> StoreError {
    StoreError::Other(format!("list `{}` has no column `{}`", table.name(), column.name()))
}

/// A value on its way into a statement.
pub(super) struct Cell<'a>(pub(super) &'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
