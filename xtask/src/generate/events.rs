//! `docs/format/events.md`: the fields of every kind of entry with their integer keys.

use super::kinds;
use super::shapes::{Field, Shape, shapes};
use super::{source, table_head, table_row};
use crate::Tree;
use crate::stable::format::in_order;
use serde_json::Value;
use std::fmt::Write as _;
use tenure_contract::Event;

const KINDS: &str = "crates/contract/src/event.rs";
const DIR: &str = "crates/contract/src/event/";

/// The page.
///
/// # Errors
/// When a source is missing or an event's type is not found in it.
pub fn page(tree: &Tree) -> Result<String, String> {
    let all = all_shapes(tree);
    let kinds_text = source(tree, KINDS)?;
    let mut out = String::from(
        "# Event bodies\n\nField 14 of an entry is the event: a CBOR map whose integer keys stand below, ascending; an absent optional \
         field is left out of the map. How an entry is built around it stands in [the record format](entry.md), the \
         numbers of the words in [words](words.md), and [kinds](../contract/kinds.md) is the short list.\n",
    );
    let mut events = Vec::new();
    for (number, name) in Event::KINDS {
        let about = kinds::about(kinds_text, *number, name)
            .ok_or_else(|| format!("`{KINDS}` has no line for kind {number} `{name}`"))?;
        let shape = all
            .iter()
            .find(|shape| shape.name == about.variant)
            .ok_or_else(|| format!("`{DIR}` declares no `{}` with keys", about.variant))?;
        let _ = write!(out, "\n## {number} {name}\n\n{}\n\n", about.text);
        out += &fields_table(&shape.fields, &all);
        events.push(about.variant);
    }
    out += "\n# Shapes inside event bodies\n";
    for shape in all.iter().filter(|shape| !events.contains(&shape.name)) {
        let _ = write!(out, "\n## {}\n\n{}\n\n", shape.name, shape.about);
        out += &shape_text(shape, &all);
    }
    Ok(out)
}

/// Shape → key → name and form of every field and variant of entries' bodies, as they are frozen.
///
/// # Errors
/// When no shape is found.
pub(crate) fn shapes_of_bodies(tree: &Tree) -> Result<Value, String> {
    let all = all_shapes(tree);
    if all.is_empty() {
        return Err(format!("`{DIR}` declares no shape with keys"));
    }
    let told = |field: &Field| Value::from(format!("{}: {}", field.name, form(&field.ty)));
    let shapes = all.iter().map(|shape| {
        let fields = shape.fields.iter().map(|field| (field.key.to_string(), told(field)));
        let variants = shape.variants.iter().flat_map(|variant| {
            let own = (variant.key.to_string(), Value::from(variant.name.clone()));
            let fields = variant.fields.iter();
            let fields =
                fields.map(|field| (format!("{}.{}", variant.key, field.key), told(field)));
            std::iter::once(own).chain(fields)
        });
        (shape.name.clone(), in_order(fields.chain(variants)))
    });
    Ok(in_order(shapes))
}

/// A Rust type as it is frozen: where it lies in memory does not matter.
fn form(ty: &str) -> String {
    if let Some(inner) = generic(ty, "Option") {
        return format!("{}, optional", form(inner));
    }
    generic(ty, "Box").map_or_else(|| ty.to_owned(), form)
}

fn all_shapes(tree: &Tree) -> Vec<Shape> {
    tree.rust()
        .filter(|(path, _)| path.starts_with(DIR))
        .flat_map(|(_, file)| shapes(&file.text))
        .collect()
}

fn shape_text(shape: &Shape, all: &[Shape]) -> String {
    if shape.variants.is_empty() {
        return fields_table(&shape.fields, all);
    }
    if shape.variants.iter().all(|variant| variant.fields.is_empty()) {
        let mut out = table_head(&["number", "word", "meaning"]);
        for variant in &shape.variants {
            out += &table_row(&[&variant.key.to_string(), &variant.name, &variant.about]);
        }
        return format!("One unsigned integer.\n\n{out}");
    }
    let mut out = String::from(
        "An array of two: the variant's number, then an array of its fields in the order of their keys, `null` for an absent one.\n",
    );
    for variant in &shape.variants {
        let _ = write!(out, "\n**{} {}**: {}\n", variant.key, variant.name, variant.about);
        if !variant.fields.is_empty() {
            let _ = write!(out, "\n{}", fields_table(&variant.fields, all));
        }
    }
    out
}

fn fields_table(fields: &[Field], all: &[Shape]) -> String {
    let mut out = table_head(&["key", "field", "CBOR", "meaning"]);
    for field in fields {
        let name = format!("`{}`", field.name);
        out += &table_row(&[&field.key.to_string(), &name, &cbor(&field.ty, all), &field.about]);
    }
    out
}

/// How a Rust type stands on disk.
fn cbor(ty: &str, all: &[Shape]) -> String {
    if let Some(inner) = generic(ty, "Option") {
        return format!("{}, optional", cbor(inner, all));
    }
    // a box is where it lies in memory, not on disk
    if let Some(inner) = generic(ty, "Box") {
        return cbor(inner, all);
    }
    if let Some(inner) = generic(ty, "Vec") {
        return format!("array of {}", cbor(inner, all));
    }
    match ty {
        "String" => "text".to_owned(),
        "bool" => "boolean".to_owned(),
        "u8" | "u16" | "u32" | "u64" => "unsigned integer".to_owned(),
        "Time" => "unsigned integer, microseconds since 1970".to_owned(),
        "Digest" => "32 bytes".to_owned(),
        "PolicyVersion" => "32 bytes of a digest, or none for the built-in policy".to_owned(),
        id if id.ends_with("Id") => format!("16 bytes, {id}"),
        shape if all.iter().any(|known| known.name == shape) => {
            format!("[{shape}](#{})", anchor(shape))
        }
        word => format!("word [{word}](words.md#{})", word.to_lowercase()),
    }
}

/// The heading a shape stands under: an event's begins with its number.
fn anchor(shape: &str) -> String {
    let bare = shape.to_lowercase();
    let kind = Event::KINDS.iter().find(|(_, name)| name.replace(['.', '-'], "") == bare);
    kind.map_or(bare.clone(), |(number, _)| format!("{number}-{bare}"))
}

fn generic<'a>(ty: &'a str, outer: &str) -> Option<&'a str> {
    ty.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_as_they_stand_on_disk() {
        let all = shapes("pub struct Site {\n#[n(0)]\npub turn: u32,\n}\n");
        assert_eq!(cbor("Option<Vec<RunId>>", &all), "array of 16 bytes, RunId, optional");
        assert_eq!(cbor("Site", &all), "[Site](#site)");
        assert_eq!(cbor("Option<Box<Site>>", &all), "[Site](#site), optional");
        assert_eq!(cbor("RunStatus", &all), "word [RunStatus](words.md#runstatus)");
    }
}
