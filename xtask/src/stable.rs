//! What a released major version promised and what today's code says, compared (`STB-1`).
//!
//! Two frozen files hold the promise: [`WIRE_FROZEN`], the OpenAPI document without its texts, and
//! [`FORMAT_FROZEN`], the numbers and names of kinds, fields and words. [`wire`] and [`format`] say,
//! purely, what of the one is no longer kept by the other. Whatever was only added is no finding, and
//! is promised from the next `cargo xtask generate --freeze` on.

pub mod format;
pub mod wire;

use crate::Tree;
use serde_json::{Map, Value};

/// The document as the code says it today, written by the surface's own test.
pub const WIRE_TODAY: &str = "docs/openapi/v1.json";
/// The document as it was promised.
pub const WIRE_FROZEN: &str = "docs/openapi/v1.frozen.json";
/// The record format's numbers and names as they were promised.
pub const FORMAT_FROZEN: &str = "docs/format/frozen.json";

/// Keys of a document that only explain.
const TEXTS: &[&str] =
    &["description", "summary", "title", "example", "examples", "externalDocs", "tags"];

/// Path and text of every frozen file as today's code would have it.
///
/// # Errors
/// When a source or the document of today does not parse.
pub fn files(tree: &Tree) -> Result<Vec<(String, String)>, String> {
    let wire = without_texts(&json(tree, WIRE_TODAY)?);
    let format = format::shape(tree)?;
    let written = |path: &str, value: &Value| (path.to_owned(), format!("{value:#}\n"));
    Ok(vec![written(WIRE_FROZEN, &wire), written(FORMAT_FROZEN, &format)])
}

/// Every promise of the frozen files that today's code does not keep, as path and message.
///
/// # Errors
/// When a frozen file or a source does not parse, or a frozen file is missing.
pub fn broken(tree: &Tree) -> Result<Vec<(&'static str, String)>, String> {
    let wire = wire::breaks(&json(tree, WIRE_FROZEN)?, &json(tree, WIRE_TODAY)?);
    let format = format::breaks(&json(tree, FORMAT_FROZEN)?, &format::shape(tree)?);
    let told = |path| move |message| (path, message);
    Ok(wire
        .into_iter()
        .map(told(WIRE_FROZEN))
        .chain(format.into_iter().map(told(FORMAT_FROZEN)))
        .collect())
}

fn json(tree: &Tree, path: &str) -> Result<Value, String> {
    let file = tree.get(path).ok_or_else(|| {
        format!("`{path}` does not exist; `cargo xtask generate --freeze` writes what is frozen")
    })?;
    serde_json::from_str(&file.text).map_err(|why| format!("`{path}` does not parse: {why}"))
}

/// The same document without what only explains it; names of properties and schemas are no keys of
/// a document, whatever they are called.
#[must_use]
pub fn without_texts(value: &Value) -> Value {
    let Value::Object(fields) = value else {
        return match value {
            Value::Array(items) => items.iter().map(without_texts).collect(),
            plain => plain.clone(),
        };
    };
    let kept = fields.iter().filter(|(key, _)| !TEXTS.contains(&key.as_str()));
    let kept = kept.map(|(key, field)| {
        let is_named = matches!(key.as_str(), "properties" | "schemas" | "headers");
        let field = match (is_named, field) {
            (true, Value::Object(named)) => {
                named.iter().map(|(name, it)| (name.clone(), without_texts(it))).collect()
            }
            _ => without_texts(field),
        };
        (key.clone(), field)
    });
    // sorted, whatever features the JSON library was built with
    let sorted: std::collections::BTreeMap<String, Value> = kept.collect();
    Value::Object(sorted.into_iter().collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stb_1_texts_are_left_out_and_properties_of_such_names_are_not() {
        let document = json!({
            "info": { "title": "T", "version": "v1" },
            "properties": { "description": { "type": "string", "description": "Why." } },
        });
        let kept = json!({
            "info": { "version": "v1" }, "properties": { "description": { "type": "string" } },
        });
        assert_eq!(without_texts(&document), kept);
    }
}
