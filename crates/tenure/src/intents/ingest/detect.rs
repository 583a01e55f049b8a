//! Which parser a file is for: what it holds decides, its name settles what could be either.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// The formats there are parsers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Rows with a header.
    Csv,
    /// One JSON value.
    Json,
    /// One JSON value per line.
    Jsonl,
    /// Markdown.
    Markdown,
    /// Anything else that is text.
    Text,
}

impl Format {
    /// The parser's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Markdown => "markdown",
            Self::Text => "text",
        }
    }

    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Jsonl => "application/jsonl",
            Self::Markdown => "text/markdown",
            Self::Text => "text/plain",
        }
    }
}

/// A format and, for rows, what stands between their fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detected {
    pub format: Format,
    pub delimiter: u8,
}

/// Looks at a file's beginning and its name. `whole` tells that the beginning is all of it.
pub(super) fn detect(path: &Path, head: &str, whole: bool) -> Detected {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let (delimiter, is_rows) = rows(head, &ending);
    let format = if let Some(format) = json(head, &ending, whole) {
        format
    } else {
        match ending.as_str() {
            "csv" | "tsv" => Format::Csv,
            "md" | "markdown" => Format::Markdown,
            "txt" | "log" => Format::Text,
            _ if is_rows => Format::Csv,
            _ if is_markdown(head) => Format::Markdown,
            _ => Format::Text,
        }
    };
    Detected { format, delimiter }
}

fn json(head: &str, ending: &str, whole: bool) -> Option<Format> {
    let begins = head.trim_start().starts_with(['{', '[']);
    let is_value = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    // the last line of a beginning may be cut
    let mut lines = head.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let second = lines.next();
    let more = lines.next().is_some();
    let two_values =
        is_value(first) && second.is_some_and(|line| is_value(line) || (!whole && !more));
    match ending {
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "json" if two_values => Some(Format::Jsonl),
        "json" => Some(Format::Json),
        _ if begins && two_values => Some(Format::Jsonl),
        _ if begins
            && (is_value(head)
                || (!whole
                    && head.trim_start()[1..].trim_start().starts_with(['"', '{', '[']))) =>
        {
            Some(Format::Json)
        }
        _ => None,
    }
}

/// The delimiter that cuts the first lines into equally many fields.
fn rows(head: &str, ending: &str) -> (u8, bool) {
    let lines: Vec<&str> = head.lines().filter(|line| !line.trim().is_empty()).take(6).collect();
    let first = lines.first().copied().unwrap_or_default();
    let counted = |delimiter: char| first.matches(delimiter).count();
    if ending == "tsv" {
        return (b'\t', true);
    }
    let best = [',', ';', '\t', '|']
        .into_iter()
        .max_by_key(|delimiter| counted(*delimiter))
        .unwrap_or(',');
    let fields = counted(best);
    // prose has commas too, but not equally many on each of its lines
    let even = lines.len() >= 2 && lines.iter().all(|line| line.matches(best).count() == fields);
    let delimiter = if fields == 0 { b',' } else { best as u8 };
    (delimiter, fields > 0 && even && !first.trim_start().starts_with(['#', '|', '-']))
}

fn is_markdown(head: &str) -> bool {
    head.lines().any(|line| {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        (1..=6).contains(&level) && line[level..].starts_with(' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_the_name_settles() {
        for (name, head, expected) in [
            ("a.csv", "id,name\n1,x\n", Format::Csv),
            ("a", "id;name\n1;x\n2;y\n", Format::Csv),
            ("a.tsv", "id\tname\n1\tx\n", Format::Csv),
            ("a.json", "{\"a\": 1}", Format::Json),
            ("a", "[1,\n 2]", Format::Json),
            ("a.json", "{\"a\":1}\n{\"a\":2}\n", Format::Jsonl),
            ("a.jsonl", "not json\n{\"a\":2}\n", Format::Jsonl),
            ("a.md", "words", Format::Markdown),
            ("a", "# A title\n\nwords, and more\n", Format::Markdown),
            ("a.txt", "# not a title", Format::Text),
            ("a", "Dear all, hello.\nNo comma here.\n", Format::Text),
            ("a", "{ this is a brace\nof prose", Format::Text),
        ] {
            assert_eq!(detect(Path::new(name), head, true).format, expected, "{name}: {head:?}");
        }
        assert_eq!(detect(Path::new("a"), "a|b\n1|2\n", true).delimiter, b'|');
    }
}
