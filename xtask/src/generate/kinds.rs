//! `docs/contract/kinds.md`: every kind of entry with its number and what it says.

use super::shapes::Docs;
use super::{source, table_head, table_row};
use crate::Tree;
use tenure_contract::Event;

const SOURCE: &str = "crates/contract/src/event.rs";

/// The page.
///
/// # Errors
/// When the source is missing or a kind has no line in it.
pub fn page(tree: &Tree) -> Result<String, String> {
    let text = source(tree, SOURCE)?;
    let mut out = String::from(
        "# Kinds of entries\n\nEvery state change is an entry of one of these kinds (`LOG-1`). Number and name are frozen once \
         released: new meaning is a new kind. The fields of each stand in [the record format](../format/events.md).\n\n",
    );
    out += &table_head(&["number", "kind", "what it says"]);
    for (number, name) in Event::KINDS {
        let about = about(text, *number, name)
            .ok_or_else(|| format!("`{SOURCE}` has no line for kind {number} `{name}`"))?;
        out += &table_row(&[&number.to_string(), &format!("`{name}`"), &about.text]);
    }
    Ok(out)
}

/// What the source says of one kind, and the type that carries it.
pub struct About {
    /// The doc comment above the kind, as one line.
    pub text: String,
    /// The event's type.
    pub variant: String,
}

/// Finds the line `10 "run.submitted" RunSubmitted,` and the comment above it.
pub fn about(text: &str, number: u16, name: &str) -> Option<About> {
    let marker = format!("{number} \"{name}\" ");
    let mut docs = Docs::default();
    for line in text.lines().map(str::trim) {
        if let Some(variant) = line.strip_prefix(&marker) {
            return Some(About {
                text: docs.take(),
                variant: variant.trim_end_matches(',').to_owned(),
            });
        }
        docs.read(line);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kinds_comment_is_read() {
        let found = about(
            "/// Other.\n1 \"a.b\" X,\n/// A run\n/// ended.\n16 \"run.ended\" RunEnded,",
            16,
            "run.ended",
        )
        .unwrap();
        assert_eq!((found.text.as_str(), found.variant.as_str()), ("A run ended.", "RunEnded"));
        assert!(about("1 \"a.b\" X,", 2, "a.b").is_none());
    }
}
