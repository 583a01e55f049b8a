//! Printing: what goes to standard output, tables, durations. A closed pipe is no failure.

use comfy_table::{Cell, ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};
use tenure_contract::Time;

/// A line on standard output.
pub(crate) fn outln(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// One JSON object on standard output.
pub(crate) fn println_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => outln(&text),
        Err(why) => eprintln!("tenure: the answer is not JSON: {why}"),
    }
}

/// A table without a frame.
pub(crate) fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| Cell::new(column.to_uppercase())));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A duration as a person reads it.
pub(crate) fn took(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=59_999 => format!("{:.1} s", ms as f64 / 1e3),
        60_000..=3_599_999 => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// How long ago that was.
pub(crate) fn ago(at: Time) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = Time::from_micros(now.map_or(0, |passed| passed.as_micros() as u64));
    format!("{} ago", took(now.ms_since(at)))
}

/// A text on one line, cut to so many characters.
pub(crate) fn brief(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{cut}…")
}

/// Whether a person watches standard error.
pub(crate) fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether a person could answer here.
pub(crate) fn interactive() -> bool {
    std::io::stdin().is_terminal() && watched()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_texts_fit_a_line() {
        assert_eq!([took(7), took(1_500), took(61_000)], ["7 ms", "1.5 s", "1 min 1 s"]);
        assert_eq!(brief("a\n  b", 9), "a b");
        assert_eq!(brief("abcdef", 4), "abc…");
    }
}
