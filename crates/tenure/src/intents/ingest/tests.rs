//! Real files from `examples/ingest`, then one rule at a time.

use super::*;
use std::path::Path;

fn example(name: &str) -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/ingest").join(name);
    profile(&path, FILE_MAX_BYTES).unwrap()
}

fn kinds(profile: &Profile, list: &str) -> Vec<(String, String, u64)> {
    let fields = profile.schema[list].as_array().unwrap();
    let text = |field: &Value, name: &str| field[name].as_str().unwrap().to_owned();
    fields
        .iter()
        .map(|field| (text(field, "name"), text(field, "type"), field["present"].as_u64().unwrap()))
        .collect()
}

fn of(name: &str, content: &[u8]) -> Result<Profile, Refused> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    profile(&path, 1_000_000)
}

#[test]
fn ex_6_a_csv_has_typed_columns_and_its_short_row_is_reported() {
    let found = example("orders.csv");
    assert_eq!((found.format, found.record_count, found.bad_count), (Format::Csv, 5, 1));
    assert_eq!(
        (found.bad[0].line, found.bad[0].why.as_str()),
        (6, "the row has 4 fields, the header has 5")
    );
    let columns = kinds(&found, "columns");
    let expected = [
        ("order", "text", 5),
        ("customer", "text", 5),
        ("placed", "date", 5),
        ("cents", "integer", 5),
        ("express", "boolean", 4),
    ];
    let expected =
        expected.map(|(name, kind, present)| (name.to_owned(), kind.to_owned(), present));
    assert_eq!(columns, expected);
}

#[test]
fn ex_6_json_and_jsonl_have_typed_keys_and_a_broken_line_is_reported() {
    let found = example("catalogue.json");
    assert_eq!((found.format, found.record_count, found.bad_count), (Format::Json, 3, 0));
    assert!(kinds(&found, "keys").contains(&("cents".to_owned(), "number".to_owned(), 3)));
    assert!(kinds(&found, "keys").contains(&("tags".to_owned(), "list".to_owned(), 2)));
    let found = example("events.jsonl");
    assert_eq!((found.format, found.record_count, found.bad_count), (Format::Jsonl, 3, 1));
    assert_eq!(found.bad[0].line, 3);
    assert!(kinds(&found, "keys").contains(&("at".to_owned(), "time".to_owned(), 3)));
}

#[test]
fn ex_6_markdown_has_headings_and_text_has_paragraphs() {
    let found = example("handbook.md");
    let titles: Vec<&str> = found.schema["headings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|heading| heading["title"].as_str())
        .collect();
    assert_eq!((found.format, found.record_count), (Format::Markdown, 3));
    assert_eq!(titles, ["Returns", "Within 30 days", "Later"]);
    let found = example("note.txt");
    assert_eq!((found.format, found.record_count), (Format::Text, 2));
    assert_eq!(found.schema, json!({ "lines": 4, "words": 15 }));
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let content = b"id,name\n1,a\n";
    let found = of("a.csv", content).unwrap();
    assert_eq!(found.digest, Digest::of(&[content]).to_string());
    assert_eq!(found.bytes, content.len() as u64);
}

#[test]
fn what_is_no_text_file_within_the_limit_is_refused_with_a_code() {
    let dir = tempfile::tempdir().unwrap();
    let code = |path: &Path| profile(path, 10).unwrap_err().code();
    assert_eq!(code(Path::new("a.csv")), "relative-path");
    assert_eq!(code(&dir.path().join("nothing")), "unreadable");
    assert_eq!(code(dir.path()), "not-a-file");
    let large = dir.path().join("large");
    std::fs::write(&large, "12345678901").unwrap();
    let told = profile(&large, 10).unwrap_err().to_string();
    assert!(told.contains("11 bytes") && told.contains("FILE_MAX_BYTES is 10"), "{told}");
    assert_eq!(of("a", b"").unwrap_err().code(), "empty");
    for (content, at) in [(&b"a,b\n1,\xff\n"[..], 6), (&b"abc\xc3"[..], 3), (&b"a\0b"[..], 1)] {
        match of("a.csv", content) {
            Err(Refused::NotText { at: found, .. }) => assert_eq!(found, at),
            other => panic!("{content:?}: {other:?}"),
        }
    }
}

#[test]
fn a_file_longer_than_any_buffer_is_read_to_its_end() {
    let mut rows = "n,word\n".to_owned();
    (0..60_000).for_each(|n| rows.push_str(&format!("{n},wörd\n")));
    let found = of("long.csv", rows.as_bytes()).unwrap();
    assert_eq!((found.record_count, found.bad_count, found.bytes), (60_000, 0, rows.len() as u64));
    let list = format!("[{}]", vec![r#"{"a":1}"#; 60_000].join(",\n"));
    let found = of("long.json", list.as_bytes()).unwrap();
    assert_eq!((found.format, found.record_count), (Format::Json, 60_000));
}

#[test]
fn broken_json_is_reported_and_keeps_what_was_read() {
    let found = of("a.json", br#"[{"a":1},{"a":2},{"a"#).unwrap();
    assert_eq!((found.record_count, found.bad_count), (2, 1));
    let found = of("a.json", b"{} tail").unwrap();
    assert_eq!(found.bad_count, 1);
}
