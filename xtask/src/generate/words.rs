//! `docs/format/words.md`: the closed word lists with their numbers on disk.

use super::shapes::Docs;
use super::{source, table_head, table_row};
use crate::Tree;
use crate::stable::format::in_order;
use serde_json::Value;
use std::fmt::Write as _;

const SOURCE: &str = "crates/contract/src/words.rs";

/// The page.
///
/// # Errors
/// When the source is missing or declares no list.
pub fn page(tree: &Tree) -> Result<String, String> {
    let lists = lists(source(tree, SOURCE)?);
    if lists.is_empty() {
        return Err(format!(
            "`{SOURCE}` declares no word list; the generator looks for `words! {{`"
        ));
    }
    let mut out = String::from(
        "# Words\n\nA word of a closed list stands on disk as its number and on the wire as its text. Numbers are frozen once released; \
         an unknown number or text is refused, never guessed.\n",
    );
    for list in lists {
        let _ = write!(out, "\n## {}\n\n{}\n\n", list.name, list.about);
        out += &table_head(&["number", "word", "meaning"]);
        for (number, word, about) in &list.words {
            out += &table_row(&[number, &format!("`{word}`"), about]);
        }
    }
    Ok(out)
}

/// List → number → word, as they are frozen.
///
/// # Errors
/// When the source is missing or declares no list.
pub(crate) fn lists_of_words(tree: &Tree) -> Result<Value, String> {
    let lists = lists(source(tree, SOURCE)?);
    if lists.is_empty() {
        return Err(format!("`{SOURCE}` declares no word list"));
    }
    let words = |list: List| {
        let words = list.words.into_iter();
        (list.name, in_order(words.map(|(number, word, _)| (number, Value::from(word)))))
    };
    Ok(in_order(lists.into_iter().map(words)))
}

struct List {
    name: String,
    about: String,
    words: Vec<(String, String, String)>,
}

fn lists(text: &str) -> Vec<List> {
    let mut found: Vec<List> = Vec::new();
    let mut docs = Docs::default();
    let mut within = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed == "words! {" {
            within = true;
        } else if line == "}" {
            within = false;
        } else if within && let Some((number, word)) = word(trimmed) {
            let about = docs.take();
            found
                .iter_mut()
                .next_back()
                .map(|list| list.words.push((number, word, about)))
                .unwrap_or_default();
        } else if within && trimmed.ends_with('{') {
            let name = trimmed.trim_end_matches('{').trim().to_owned();
            found.push(List { name, about: docs.take(), words: Vec::new() });
        }
        docs.read(trimmed);
    }
    found
}

/// Reads `3 WaitingApproval = "waiting-approval",`.
fn word(line: &str) -> Option<(String, String)> {
    let (number, rest) = line.split_once(' ')?;
    let text = rest.split('"').nth(1)?;
    number.parse::<u8>().ok().map(|number| (number.to_string(), text.to_owned()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_list_is_read_with_its_numbers() {
        let text = "words! {\n    /// Where.\n    Place {\n        /// In here.\n        1 Here = \"here\",\n    }\n}\nfn f() {\n}\n";
        let lists = super::lists(text);
        assert_eq!((lists[0].name.as_str(), lists[0].about.as_str()), ("Place", "Where."));
        assert_eq!(lists[0].words, [("1".to_owned(), "here".to_owned(), "In here.".to_owned())]);
    }
}
