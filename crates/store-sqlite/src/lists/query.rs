//! The closed list query as one statement, read through an index in the order asked.

use super::rows::{Cell, no_column};
use super::schema::quoted;
use crate::failure::reading;
use rusqlite::types::{ToSql, ValueRef};
use rusqlite::{Connection, params_from_iter};
use tenure_contract::TenantId;
use tenure_core::projection::{Column, ListQuery, Order, Row, Scope, Table, Value};
use tenure_store::StoreError;

pub(super) fn list(connection: &Connection, query: &ListQuery) -> Result<Vec<Row>, StoreError> {
    let (sql, values) = statement(query)?;
    let mut statement = connection.prepare_cached(&sql).map_err(reading)?;
    let values = params_from_iter(values.iter().map(|value| value.as_ref()));
    let mut rows = statement.query(values).map_err(reading)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(reading)? {
        found.push(read(query.table, row)?);
    }
    Ok(found)
}

type Values<'a> = Vec<Box<dyn ToSql + 'a>>;

fn statement(query: &ListQuery) -> Result<(String, Values<'_>), StoreError> {
    let mut terms: Vec<String> = Vec::new();
    let mut values: Values<'_> = Vec::new();
    if let Scope::Tenant(tenant) = query.scope {
        terms.push("tenant = ?".into());
        values.push(Box::new(tenant.bytes()));
    }
    if let Some(key) = query.key {
        terms.push("key = ?".into());
        values.push(Box::new(key));
    }
    for (column, value) in &query.filters {
        if !query.table.columns().contains(column) {
            return Err(no_column(query.table, *column));
        }
        let (term, bound) = term(*column, value);
        terms.push(term);
        values.extend(bound.map(|cell| Box::new(cell) as Box<dyn ToSql>));
    }
    let (beyond, direction) = match query.order {
        Order::NewestFirst => ("<", "DESC"),
        Order::OldestFirst => (">", "ASC"),
    };
    if let Some(after) = query.after {
        terms.push(format!("born {beyond} ?"));
        // A number past what a column holds is past every row's.
        values.push(Box::new(i64::try_from(after).unwrap_or(i64::MAX)));
    }
    values.push(Box::new(i64::try_from(query.limit).unwrap_or(i64::MAX)));
    let condition =
        if terms.is_empty() { String::new() } else { format!("WHERE {}", terms.join(" AND ")) };
    let columns: String =
        query.table.columns().iter().map(|column| format!(", {}", quoted(*column))).collect();
    let table = query.table.name();
    let sql = format!(
        "SELECT tenant, key, born{columns} FROM \"{table}\" {condition} \
         ORDER BY born {direction} LIMIT ?"
    );
    Ok((sql, values))
}

/// `open = 1` is written out: only so does SQLite see that the index over open rows will do.
fn term<'a>(column: Column, value: &'a Value) -> (String, Option<Cell<'a>>) {
    let name = quoted(column);
    match (column, value) {
        (_, Value::Null) => (format!("{name} IS NULL"), None),
        (Column::Open, Value::Number(1)) => (format!("{name} = 1"), None),
        _ => (format!("{name} = ?"), Some(Cell(value))),
    }
}

fn read(table: Table, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let values = (3..).zip(table.columns()).map(|(place, column)| {
        let cell = row.get_ref(place).map_err(reading)?;
        Ok((*column, value(cell)?))
    });
    Ok(Row {
        tenant: TenantId::from_bytes(row.get(0).map_err(reading)?),
        key: row.get(1).map_err(reading)?,
        born: row.get(2).map_err(reading)?,
        values: values.collect::<Result<_, StoreError>>()?,
    })
}

fn value(cell: ValueRef<'_>) -> Result<Value, StoreError> {
    let damaged = || StoreError::Corrupt("a list row does not read back; reset the lists".into());
    match cell {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Number(number)),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Text(text) => {
            String::from_utf8(text.to_vec()).map(Value::Text).map_err(|_| damaged())
        }
        ValueRef::Real(_) => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::schema;

    fn plan(query: &ListQuery) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::open(&mut connection).unwrap();
        let (sql, values) = statement(query).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = params_from_iter(values.iter().map(|value| value.as_ref()));
        let steps = statement.query_map(values, |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    /// Each way a list is read has an index that gives the rows in order: a page costs as much as
    /// the page, however long the list is.
    #[test]
    fn every_page_is_read_from_an_index_in_order() {
        let open = vec![(Column::Open, Value::Number(1))];
        let status = vec![(Column::Status, Value::Text("paused".into()))];
        let session = vec![(Column::Session, Value::Bytes(vec![1; 16]))];
        let tenant = Scope::Tenant(TenantId::from_bytes([1; 16]));
        let cases = [
            (tenant, vec![], "run_born"),
            (tenant, status, "run_status"),
            (tenant, session, "run_session"),
            (tenant, open.clone(), "run_tenant_open"),
            (Scope::Engine, open, "run_open"),
        ];
        for (scope, filters, index) in cases {
            for (order, after) in [(Order::NewestFirst, Some(9)), (Order::OldestFirst, None)] {
                let (table, key, limit) = (Table::Run, None, 50);
                let filters = filters.clone();
                let query = ListQuery { scope, table, key, filters, order, after, limit };
                let plan = plan(&query);
                assert!(
                    plan.contains(&format!("INDEX {index} ("))
                        || plan.ends_with(&format!("INDEX {index}")),
                    "{query:?}: {plan}"
                );
                assert!(!plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
            }
        }
    }
}
