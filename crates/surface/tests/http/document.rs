//! The OpenAPI document says what there is, whole, and its frozen copy is in step.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tenure_surface::http::{ROUTES, openapi};

/// Set to write the frozen copy anew.
const WRITE: &str = "TENURE_WRITE_OPENAPI";

fn frozen() -> String {
    serde_json::to_string_pretty(&openapi()).unwrap() + "\n"
}

#[test]
fn the_frozen_copy_is_in_step() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi/v1.json");
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, frozen()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == frozen(),
        "docs/openapi/v1.json is not what the routes say; if that is meant, write it anew: \
         {WRITE}=1 cargo test -p tenure-surface --test http document"
    );
}

#[test]
fn every_route_stands_in_the_table_of_scopes_and_in_the_document() {
    let document = openapi();
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            documented.insert((method.to_uppercase(), path.clone()));
        }
    }
    let scoped: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    let open: Vec<_> = documented.difference(&scoped).map(|(_, path)| path.as_str()).collect();
    assert_eq!(open, ["/", "/healthz", "/openapi.json"]);
    assert_eq!(scoped.difference(&documented).count(), 0);
}

#[test]
fn every_operation_says_what_may_go_wrong() {
    let document = openapi();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert_eq!(document["info"]["title"], "Tenure");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("default"), "{method} {path}");
            let is_answer = |status: &String| status.starts_with('2') || status == "307";
            assert!(responses.keys().any(is_answer), "{method} {path}");
            assert!(
                operation["operationId"].is_string() && operation["summary"].is_string(),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_word_of_a_list_is_one_of_the_wire() {
    let document = openapi();
    let mut words = Vec::new();
    enums(&document, &mut words);
    assert!(words.len() > 100);
    for word in words {
        let lower = word.chars().any(|letter| letter.is_ascii_lowercase());
        let upper = word.chars().any(|letter| letter.is_ascii_uppercase());
        assert!(!(lower && upper), "`{word}` is a name in Rust");
    }
}

fn enums(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::Array(items) if name == "enum" => {
                        words.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => enums(field, words),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| enums(item, words)),
        _ => {}
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "$ref" => references.push(text.clone()),
                    _ => collect(field, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
