//! Everything derived: index, rows, snapshots, as plain maps.

use crate::seam::{IndexRun, Settle, Snapshot, StoreError};
use std::collections::BTreeMap;
use tenure_contract::TenantId;
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{Column, ListQuery, Order, Row, RowChange, Scope, Table, Value};

type Journal = [u8; 16];
type RowKey = (Table, TenantId, [u8; 16]);

#[derive(Clone, Default)]
pub(super) struct Lists {
    anchor: Option<Anchor>,
    index: BTreeMap<Journal, Vec<Position>>,
    rows: BTreeMap<RowKey, Row>,
    snapshots: BTreeMap<Journal, Snapshot>,
}

impl Lists {
    pub(super) fn anchor(&self) -> Option<Anchor> {
        self.anchor
    }

    /// Everything that can be refused is refused before the first change.
    pub(super) fn settle(&mut self, settle: &Settle) -> Result<(), StoreError> {
        settle.index.iter().try_for_each(|run| self.check_run(run))?;
        settle.rows.iter().try_for_each(|(_, change)| check_columns(change))?;
        for run in &settle.index {
            self.index.entry(run.journal).or_default().extend(&run.positions);
        }
        for (position, change) in &settle.rows {
            self.apply(*position, change);
        }
        for snapshot in &settle.snapshots {
            self.snapshots.insert(snapshot.journal, snapshot.clone());
        }
        self.anchor = Some(settle.upto);
        Ok(())
    }

    fn check_run(&self, run: &IndexRun) -> Result<(), StoreError> {
        let expected = self.head(run.journal) + 1;
        if run.first_seq == expected {
            return Ok(());
        }
        Err(StoreError::Other(format!(
            "an index run begins at `{}`, expected `{expected}`; settle entries in order",
            run.first_seq
        )))
    }

    fn apply(&mut self, position: Position, change: &RowChange) {
        let key = (change.table, change.tenant, change.key);
        let row = self.rows.entry(key).or_insert_with(|| empty_row(position, change));
        for (column, value) in &change.set {
            if let Some(slot) = row.values.iter_mut().find(|(name, _)| name == column) {
                slot.1 = value.clone();
            }
        }
    }

    pub(super) fn locate(&self, journal: Journal, from_seq: u64, limit: usize) -> Vec<Position> {
        let skip = usize::try_from(from_seq.saturating_sub(1)).unwrap_or(usize::MAX);
        self.index
            .get(&journal)
            .map(|positions| positions.iter().skip(skip).take(limit).copied().collect())
            .unwrap_or_default()
    }

    pub(super) fn head(&self, journal: Journal) -> u64 {
        self.index.get(&journal).map_or(0, |positions| positions.len() as u64)
    }

    pub(super) fn snapshot(&self, journal: Journal) -> Option<Snapshot> {
        self.snapshots.get(&journal).cloned()
    }

    pub(super) fn list(&self, query: &ListQuery) -> Result<Vec<Row>, StoreError> {
        let known = query.table.columns();
        if let Some((unknown, _)) = query.filters.iter().find(|(column, _)| !known.contains(column))
        {
            return Err(no_column(query.table, *unknown));
        }
        let mut rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|((table, _, _), row)| *table == query.table && is_asked(query, row))
            .map(|(_, row)| row)
            .collect();
        rows.sort_by_key(|row| row.born);
        if query.order == Order::NewestFirst {
            rows.reverse();
        }
        Ok(rows.into_iter().take(query.limit).cloned().collect())
    }
}

fn check_columns(change: &RowChange) -> Result<(), StoreError> {
    let known = change.table.columns();
    match change.set.iter().find(|(column, _)| !known.contains(column)) {
        Some((unknown, _)) => Err(no_column(change.table, *unknown)),
        None => Ok(()),
    }
}

fn no_column(table: Table, column: Column) -> StoreError {
    StoreError::Other(format!("list `{}` has no column `{}`", table.name(), column.name()))
}

fn empty_row(position: Position, change: &RowChange) -> Row {
    let values = change.table.columns().iter().map(|column| (*column, Value::Null)).collect();
    Row { tenant: change.tenant, key: change.key, born: position.number(), values }
}

fn is_asked(query: &ListQuery, row: &Row) -> bool {
    let in_scope = match query.scope {
        Scope::Tenant(tenant) => row.tenant == tenant,
        Scope::Engine => true,
    };
    let on_page = query.after.is_none_or(|after| match query.order {
        Order::NewestFirst => row.born < after,
        Order::OldestFirst => row.born > after,
    });
    in_scope
        && on_page
        && query.key.is_none_or(|key| row.key == key)
        && query.filters.iter().all(|(column, value)| row.get(*column) == value)
}
