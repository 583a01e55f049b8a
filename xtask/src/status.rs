//! `docs/status.md`: for every requirement whether it works, and which tests prove it.
//!
//! `cargo xtask status --write` fills in what the tests' names say; what a person wrote by hand, a
//! note or `partly`, it leaves standing.

use crate::tests_found::{self, TestFn};
use crate::tree::lines;
use crate::{Finding, Tree, ids};
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

/// Where the table stands.
pub const PATH: &str = "docs/status.md";
/// Tests one row names; more are found by their names.
const TESTS_PER_ROW_MAX: usize = 3;
const HEAD: &str = "| id | state | proven by | note |";

/// How far a requirement is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In full, and a test proves it.
    Works,
    /// In part; the note says what is missing.
    Partly,
    /// Not yet.
    NotYet,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "works",
            Self::Partly => "partly",
            Self::NotYet => "not yet",
        })
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The requirement.
    pub id: String,
    /// How far it is met.
    pub state: State,
    /// The tests that prove it, as `path::name`.
    pub tests: Vec<String>,
    /// What a person should know.
    pub note: String,
    /// The line it stands on.
    pub line: usize,
}

/// Reads the table.
///
/// # Errors
/// A finding for the missing file or for every row that cannot be read.
pub fn read(tree: &Tree) -> Result<Vec<Row>, Vec<Finding>> {
    let Some(file) = tree.get(PATH) else {
        let message = "there is no status table; run `cargo xtask status --write`";
        return Err(vec![Finding::new(PATH, 1, "status", message)]);
    };
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    for (number, line) in lines(&file.text).filter(|(_, line)| is_row(line)) {
        match row(number, line) {
            Some(row) => rows.push(row),
            None => findings.push(Finding::new(
                PATH,
                number,
                "status",
                "a row is `| id | works, partly or not yet | tests in backticks | note |`",
            )),
        }
    }
    if findings.is_empty() { Ok(rows) } else { Err(findings) }
}

fn is_row(line: &str) -> bool {
    line.starts_with('|')
        && !line.starts_with("|--")
        && line.trim() != HEAD
        && !line.starts_with("| id ")
}

fn row(line: usize, text: &str) -> Option<Row> {
    let cells: Vec<&str> = text.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [id, state, tests, note] = cells.as_slice() else { return None };
    let state = match *state {
        "works" => State::Works,
        "partly" => State::Partly,
        "not yet" => State::NotYet,
        _ => return None,
    };
    let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some(Row { id: (*id).to_owned(), state, tests, note: (*note).to_owned(), line })
}

/// For every id the tests found by name, and what the table says of it.
#[must_use]
pub fn suggest(tree: &Tree) -> String {
    let rows = read(tree).unwrap_or_default();
    let tests = tests_found::by_id(tree);
    let mut out = String::new();
    for id in ids::all() {
        let state = rows
            .iter()
            .find(|row| row.id == id)
            .map_or("no row".to_owned(), |row| row.state.to_string());
        let own = tests.get(&id).map_or(&[][..], Vec::as_slice);
        let _ = writeln!(out, "{id}: {state}, {} tests", own.len());
        for test in own {
            let _ = writeln!(out, "    {}:{} {}", test.path, test.line, test.name);
        }
    }
    let _ = writeln!(out, "{} of {} ids have a test", tests.len(), ids::all().len());
    out
}

/// Writes the table anew from the tests' names and what was written by hand.
///
/// # Errors
/// When the tree cannot be read, a row cannot be read, or the file cannot be written.
pub fn write(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root).map_err(|e| format!("`{}` cannot be read: {e}", root.display()))?;
    let rows = match tree.get(PATH) {
        None => Vec::new(),
        Some(_) => read(&tree).map_err(|findings| findings[0].to_string())?,
    };
    let text = rendered(&tree, &rows);
    std::fs::write(root.join(PATH), &text)
        .map_err(|e| format!("`{PATH}` cannot be written: {e}"))?;
    for id in newly_working(&rows, &text) {
        println!(
            "{id} is now `works`: read its paragraph, and add a note if a part of it is missing"
        );
    }
    Ok(())
}

/// Ids whose row says `works` in `text` and did not before.
fn newly_working(before: &[Row], text: &str) -> Vec<String> {
    let after =
        lines(text).filter(|(_, line)| is_row(line)).filter_map(|(number, line)| row(number, line));
    let worked = |id: &str| before.iter().any(|row| row.id == id && row.state == State::Works);
    after.filter(|row| row.state == State::Works && !worked(&row.id)).map(|row| row.id).collect()
}

fn rendered(tree: &Tree, rows: &[Row]) -> String {
    let tests = tests_found::by_id(tree);
    let before = tree.get(PATH).map_or(PREFACE, |file| preface(&file.text));
    let mut out = format!("{}\n\n{HEAD}\n|---|---|---|---|\n", before.trim_end());
    for id in ids::all() {
        let own = tests.get(&id).map_or(&[][..], Vec::as_slice);
        let old = rows.iter().find(|row| row.id == id);
        let _ = writeln!(out, "{}", line_of(&merged(&id, old, own)));
    }
    out
}

const PREFACE: &str = "# Status

What works today, requirement by requirement; [the contract](contract/README.md) says what each one promises. `works` means in
full and proven by the tests named here; `partly` means the note says what is missing; `not yet` promises nothing today.
Only some of an id's tests are named; all begin with the id. `cargo xtask status --write` fills in this table.";

fn preface(text: &str) -> &str {
    text.split_once(HEAD).map_or(PREFACE, |(before, _)| before)
}

/// The row as it should stand. What was written by hand stays: a note, and `partly`, which is also
/// what a row with a note becomes once a test proves some of it.
fn merged(id: &str, old: Option<&Row>, own: &[TestFn]) -> Row {
    let places: Vec<String> = own.iter().map(TestFn::place).collect();
    let note = old.map_or_else(String::new, |row| row.note.clone());
    let was = old.map_or(State::NotYet, |row| row.state);
    let state = match was {
        _ if own.is_empty() => State::NotYet,
        State::NotYet if !note.is_empty() => State::Partly,
        State::Partly => State::Partly,
        State::NotYet | State::Works => State::Works,
    };
    let named = old.map_or(&[][..], |row| row.tests.as_slice());
    let kept: Vec<String> = named.iter().filter(|test| places.contains(test)).cloned().collect();
    let tests =
        if kept.is_empty() { places.into_iter().take(TESTS_PER_ROW_MAX).collect() } else { kept };
    Row { id: id.to_owned(), state, tests, note, line: 0 }
}

fn line_of(row: &Row) -> String {
    let tests: Vec<String> = row.tests.iter().map(|test| format!("`{test}`")).collect();
    let cell = |text: &str| if text.is_empty() { " ".to_owned() } else { format!(" {text} ") };
    format!("| {} | {} |{}|{}|", row.id, row.state, cell(&tests.join(" ")), cell(&row.note))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: (&str, &str) = ("a.rs", "#[test]\nfn ten_1_a() {}\n#[test]\nfn ten_2_b() {}\n");

    fn after(table: &str) -> String {
        let text = format!("# Mine\n\n{HEAD}\n|---|---|---|---|\n{table}");
        let tree = Tree::of(&[(PATH, &text), SOURCE]);
        rendered(&tree, &read(&tree).unwrap())
    }

    #[test]
    fn a_named_test_makes_a_row_work_and_the_preface_stays() {
        let text = after("| TEN-1 | not yet | | |\n");
        assert!(text.starts_with("# Mine\n\n| id |"), "{text}");
        assert!(text.contains("| TEN-1 | works | `a.rs::ten_1_a` | |\n"), "{text}");
        assert!(text.contains("| TEN-3 | not yet | | |\n"), "{text}");
    }

    #[test]
    fn what_was_written_by_hand_stays() {
        let text =
            after("| TEN-1 | partly | | lists only |\n| TEN-2 | works | | since the start |\n");
        assert!(text.contains("| TEN-1 | partly | `a.rs::ten_1_a` | lists only |"), "{text}");
        assert!(text.contains("| TEN-2 | works | `a.rs::ten_2_b` | since the start |"), "{text}");
    }

    #[test]
    fn a_note_that_says_what_is_missing_makes_a_proven_row_partly() {
        let text = after(
            "| TEN-2 | not yet | | needs PostgreSQL |\n| TEN-3 | not yet | | needs two nodes |\n",
        );
        assert!(text.contains("| TEN-2 | partly | `a.rs::ten_2_b` | needs PostgreSQL |"), "{text}");
        assert!(text.contains("| TEN-3 | not yet | | needs two nodes |"), "{text}");
    }

    #[test]
    fn a_row_whose_tests_are_gone_works_no_more() {
        let text = after("| TEN-3 | works | `a.rs::ten_3_gone` | |\n");
        assert!(text.contains("| TEN-3 | not yet | | |"), "{text}");
    }

    #[test]
    fn what_now_claims_to_work_is_told() {
        let text = after("| TEN-1 | works | `a.rs::ten_1_a` | |\n");
        let before = [row(1, "| TEN-1 | works | | |").unwrap()];
        assert_eq!(newly_working(&before, &text), ["TEN-2"]);
    }

    #[test]
    fn writing_twice_changes_nothing() {
        let tree = Tree::of(&[SOURCE]);
        let once = rendered(&tree, &[]);
        let tree = Tree::of(&[SOURCE, (PATH, &once)]);
        assert_eq!(rendered(&tree, &read(&tree).unwrap()), once);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_a_finding() {
        let tree = Tree::of(&[(PATH, "| TEN-1 | perhaps | | |\n")]);
        assert_eq!(read(&tree).unwrap_err().len(), 1);
    }
}
