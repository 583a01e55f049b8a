//! Rows with a header: columns with inferred types, rows of another length reported.

use super::profile::Found;
use super::shape::{Field, Kind};
use csv::{ReaderBuilder, StringRecord};
use serde_json::json;
use std::io::{self, Read};

/// Columns that are told apart; more would be no table.
const COLUMNS_MAX: usize = 4_096;

pub(super) fn read(source: &mut impl Read, delimiter: u8) -> io::Result<Found> {
    let mut rows = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(source);
    let mut found = Found::default();
    let header = match rows.headers() {
        Ok(header) => header.clone(),
        Err(error) => return unreadable(found, 1, error),
    };
    let mut fields: Vec<Field> = header
        .iter()
        .take(COLUMNS_MAX)
        .map(|name| Field::named(name.trim_start_matches('\u{feff}')))
        .collect();
    let mut row = StringRecord::new();
    loop {
        match rows.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => take(&mut found, &mut fields, header.len(), &row),
            Err(error) if error.is_io_error() => return unreadable(found, 0, error),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                found.bad(line, "the row is not text");
            }
        }
    }
    found.schema = json!({ "columns": fields, "delimiter": char::from(delimiter) });
    Ok(found)
}

fn take(found: &mut Found, fields: &mut [Field], columns: usize, row: &StringRecord) {
    if row.len() != columns {
        let line = row.position().map_or(0, csv::Position::line);
        found.bad(line, format!("the row has {} fields, the header has {columns}", row.len()));
        return;
    }
    found.records += 1;
    for (field, text) in fields.iter_mut().zip(row) {
        field.take(Kind::of_text(text));
    }
}

fn unreadable(mut found: Found, line: u64, error: csv::Error) -> io::Result<Found> {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Err(error),
        _ => {
            found.bad(line, "the header is not text");
            Ok(found)
        }
    }
}
