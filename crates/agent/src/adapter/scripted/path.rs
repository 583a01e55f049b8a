//! Paths such as `orders.*.json.cents`, and texts with `{{path}}` in them.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::fmt;

/// What paths can name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Results by name, and `input`.
    pub(super) found: &'a Value,
    /// In a `for_each`, the item and its place.
    pub(super) item: Option<(&'a Value, usize)>,
}

/// Where a value lies among what was found so far.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    parts: Vec<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

impl std::str::FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<String> = text.trim().split('.').map(str::to_owned).collect();
        if parts.iter().any(|part| part.is_empty() || part.contains(char::is_whitespace)) {
            return Err(format!("`{text}` is not a path; expected names with dots between them"));
        }
        Ok(Self { parts })
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Place {
    /// Refuses a path that begins with a name nothing has by then.
    pub(super) fn check(&self, known: &[&str], per_item: bool) -> Result<(), String> {
        let first = self.parts.first().map(String::as_str).unwrap_or_default();
        let of_items = matches!(first, "item" | "index");
        if (of_items && per_item) || (!of_items && known.contains(&first)) {
            return Ok(());
        }
        let named: Vec<&str> = known
            .iter()
            .copied()
            .filter(|name| per_item || !matches!(*name, "item" | "index"))
            .collect();
        Err(format!("`{self}` begins with no name known by then; known: {}", named.join(", ")))
    }

    /// The value there, counted from a value.
    pub(super) fn find(&self, among: &Value) -> Option<Value> {
        find(&self.parts, among)
    }

    /// The value there, counted from everything that has a name.
    fn look(&self, scope: Scope<'_>) -> Option<Value> {
        match (self.parts.split_first()?, scope.item) {
            ((first, rest), Some((item, _))) if first == "item" => find(rest, item),
            ((first, rest), Some((_, index))) if first == "index" => find(rest, &json!(index)),
            _ => find(&self.parts, scope.found),
        }
    }
}

fn find(parts: &[String], value: &Value) -> Option<Value> {
    let Some((part, rest)) = parts.split_first() else {
        return Some(value.clone());
    };
    match value {
        Value::Array(items) if part == "*" => {
            Some(items.iter().filter_map(|item| find(rest, item)).collect())
        }
        Value::Array(items) if part == "length" => find(rest, &json!(items.len())),
        Value::String(text) if part == "length" => find(rest, &json!(text.chars().count())),
        Value::Array(items) => find(rest, items.get(part.parse::<usize>().ok()?)?),
        Value::Object(fields) => find(rest, fields.get(part)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A piece of a text.
enum Piece<'a> {
    Plain(&'a str),
    Filled(Place),
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once("{{") {
        let (place, after) = after
            .split_once("}}")
            .ok_or_else(|| format!("`{text}` has a `{{{{` without `}}}}`"))?;
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        pieces.push(Piece::Filled(place.parse()?));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    Ok(pieces)
}

/// Checks every path in a text.
pub(super) fn check_text(text: &str, known: &[&str], per_item: bool) -> Result<(), String> {
    pieces(text)?.iter().try_for_each(|piece| match piece {
        Piece::Plain(_) => Ok(()),
        Piece::Filled(place) => place.check(known, per_item),
    })
}

/// Checks every path in the texts of a value.
pub(super) fn check_value(value: &Value, known: &[&str], per_item: bool) -> Result<(), String> {
    match value {
        Value::String(text) => check_text(text, known, per_item),
        Value::Array(items) => items.iter().try_for_each(|item| check_value(item, known, per_item)),
        Value::Object(fields) => {
            fields.values().try_for_each(|field| check_value(field, known, per_item))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// A value with its texts filled.
pub(super) fn fill(value: &Value, scope: Scope<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => fill_typed(text, scope)?,
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill(item, scope)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let mut filled = Map::new();
            for (name, field) in fields {
                filled.insert(name.clone(), fill(field, scope)?);
            }
            Value::Object(filled)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// A text that is one path keeps the value's type.
fn fill_typed(text: &str, scope: Scope<'_>) -> Result<Value, String> {
    match pieces(text)?.as_slice() {
        [Piece::Filled(place)] => found(place, scope),
        _ => fill_text(text, scope).map(Value::String),
    }
}

/// A text with every path's value in its place.
pub(super) fn fill_text(text: &str, scope: Scope<'_>) -> Result<String, String> {
    let mut filled = String::new();
    for piece in pieces(text)? {
        match piece {
            Piece::Plain(plain) => filled.push_str(plain),
            Piece::Filled(place) => match found(&place, scope)? {
                Value::String(value) => filled.push_str(&value),
                value => filled.push_str(&value.to_string()),
            },
        }
    }
    Ok(filled)
}

fn found(place: &Place, scope: Scope<'_>) -> Result<Value, String> {
    place.look(scope).ok_or_else(|| format!("nothing was found at `{place}`"))
}
