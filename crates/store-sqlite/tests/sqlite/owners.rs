//! No row without a tenant: what the files themselves refuse.

use super::place::Place;
use rusqlite::Connection;
use tenure_store_sqlite::SqliteStore;

/// Tables of the store itself: they hold no entity, or only places of entries, which have their tenant in
/// the log.
const OF_NOBODY: &[&str] = &["meta", "shard", "anchor", "made_from", "idx"];

struct Column {
    name: String,
    kind: String,
    never_null: bool,
}

fn columns(file: &Connection, table: &str) -> Vec<Column> {
    let mut told = file.prepare(&format!("PRAGMA table_info(\"{table}\")")).unwrap();
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Column { name: row.get(1)?, kind: row.get(2)?, never_null: row.get(3)? })
    };
    told.query_map([], read).unwrap().map(Result::unwrap).collect()
}

fn tables(file: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut told = file.prepare(sql).unwrap();
    told.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A value that fits a column.
fn value(column: &Column) -> &'static str {
    match column.kind.as_str() {
        "BLOB" => "x'00'",
        "INTEGER" => "1",
        _ => "'x'",
    }
}

#[test]
fn ten_2_the_files_refuse_a_row_without_a_tenant_in_every_table() {
    let place = Place::new();
    drop(SqliteStore::open(place.path()).unwrap());
    let mut owned = 0;
    for name in ["log-000001.db", "lists.db"] {
        let file = Connection::open(place.path().join(name)).unwrap();
        for table in tables(&file).iter().filter(|table| !OF_NOBODY.contains(&table.as_str())) {
            let columns = columns(&file, table);
            let tenant = columns.iter().find(|column| column.name == "tenant");
            assert!(tenant.is_some_and(|tenant| tenant.never_null), "`{table}` of {name}");
            let names: Vec<String> =
                columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
            let insert = |orphan: bool| {
                let values: Vec<&str> = columns
                    .iter()
                    .map(|column| match column.name.as_str() {
                        "tenant" if orphan => "NULL",
                        _ => value(column),
                    })
                    .collect();
                let (names, values) = (names.join(", "), values.join(", "));
                file.execute(&format!("INSERT INTO \"{table}\" ({names}) VALUES ({values})"), [])
            };
            let told = insert(true).unwrap_err().to_string();
            assert!(told.contains("NOT NULL") && told.contains("tenant"), "{table}: {told}");
            // it was the tenant and nothing else
            assert_eq!(insert(false), Ok(1), "{table}");
            owned += 1;
        }
    }
    // entry, payload, snapshot and every list
    assert_eq!(owned, 3 + tenure_core::projection::Table::ALL.len());
}
