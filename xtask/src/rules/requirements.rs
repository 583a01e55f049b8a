//! Three sets are one: the ids of the contract, the paragraphs under `docs/contract/`, the rows of
//! `docs/status.md`; and what a row claims, a test proves.

use crate::ids;
use crate::status::{self, Row, State};
use crate::tests_found::{self, TestFn};
use crate::tree::lines;
use crate::{Finding, Tree};
use std::collections::BTreeMap;

const RULE: &str = "requirement";
const CONTRACT: &str = "docs/contract/";

/// One paragraph of the contract.
struct Paragraph<'a> {
    path: &'a str,
    line: usize,
    id: String,
    has_text: bool,
}

/// Holds ids, paragraphs, status rows and tests against one another.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = paragraphs(tree);
    findings.extend(rows(tree));
    findings
}

fn paragraphs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let known = ids::all();
    for paragraph in tree
        .ending(".md")
        .filter(|(path, _)| path.starts_with(CONTRACT))
        .flat_map(|(path, file)| read(path, &file.text))
    {
        let mut add = |message: String| {
            findings.push(Finding::new(paragraph.path, paragraph.line, RULE, message))
        };
        if !known.contains(&paragraph.id) {
            add(format!(
                "`{}` is not an id of the contract; add it to `FAMILIES` in `xtask/src/ids.rs`",
                paragraph.id
            ));
        } else if !paragraph.has_text {
            add(format!(
                "`{}` has a heading and no text; say what a caller can rely on",
                paragraph.id
            ));
        }
        if let Some(first) =
            seen.insert(paragraph.id.clone(), format!("{}:{}", paragraph.path, paragraph.line))
        {
            add(format!("`{}` stands at {first} already; keep one paragraph", paragraph.id));
        }
    }
    for id in known.iter().filter(|id| !seen.contains_key(*id)) {
        let message =
            format!("`{id}` has no paragraph; add `### {id} · title` to the file of its area");
        findings.push(Finding::new(CONTRACT, 1, RULE, message));
    }
    findings
}

/// The paragraphs of one file: `### SES-1 · title` and the text up to the next heading.
fn read<'a>(path: &'a str, text: &str) -> Vec<Paragraph<'a>> {
    let mut found: Vec<Paragraph<'a>> = Vec::new();
    let mut within = false;
    for (number, line) in lines(text) {
        if line.starts_with('#') {
            let id = line
                .strip_prefix("### ")
                .and_then(|title| title.split_whitespace().next())
                .filter(|id| looks_like_id(id));
            within = id.is_some();
            if let Some(id) = id {
                found.push(Paragraph { path, line: number, id: id.to_owned(), has_text: false });
            }
        } else if within && !line.trim().is_empty() {
            found.iter_mut().next_back().iter_mut().for_each(|paragraph| paragraph.has_text = true);
        }
    }
    found
}

fn looks_like_id(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.ends_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-')
}

fn rows(tree: &Tree) -> Vec<Finding> {
    let rows = match status::read(tree) {
        Ok(rows) => rows,
        Err(findings) => return findings,
    };
    let tests = tests_found::by_id(tree);
    let mut findings = Vec::new();
    let known = ids::all();
    for row in &rows {
        let own = tests.get(&row.id).map_or(&[][..], Vec::as_slice);
        findings.extend(
            row_faults(row, own)
                .into_iter()
                .map(|message| Finding::new(status::PATH, row.line, RULE, message)),
        );
        if !known.contains(&row.id) {
            findings.push(Finding::new(
                status::PATH,
                row.line,
                RULE,
                format!("`{}` is not an id of the contract; delete the row", row.id),
            ));
        }
        if rows.iter().filter(|other| other.id == row.id).count() > 1 {
            findings.push(Finding::new(
                status::PATH,
                row.line,
                RULE,
                format!("`{}` has several rows; keep one", row.id),
            ));
        }
    }
    for id in known.iter().filter(|id| !rows.iter().any(|row| row.id == **id)) {
        let message = format!("`{id}` has no row; run `cargo xtask status --write`");
        findings.push(Finding::new(status::PATH, 1, RULE, message));
    }
    findings
}

fn row_faults(row: &Row, tests: &[TestFn]) -> Vec<String> {
    let mut faults = Vec::new();
    match row.state {
        State::NotYet if !tests.is_empty() => faults.push(format!(
            "`{}` is `not yet` and `{}` proves it; say `works` or `partly`, or rename the test",
            row.id,
            tests[0].place()
        )),
        State::Works | State::Partly if row.tests.is_empty() => faults.push(format!(
            "`{}` is `{}` and names no test; name one, or say `not yet`",
            row.id, row.state
        )),
        State::NotYet | State::Works | State::Partly => {}
    }
    for named in &row.tests {
        if !tests.iter().any(|test| test.place() == *named) {
            let prefix = ids::test_prefix(&row.id);
            faults.push(format!(
                "`{}` names `{named}`, and there is no such test beginning with `{prefix}`; run `cargo xtask status --suggest`",
                row.id
            ));
        }
    }
    if row.state == State::Partly && row.note.is_empty() {
        faults.push(format!("`{}` is `partly`; the note says what is missing", row.id));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: (&str, &str) = ("crates/x/src/a.rs", "//! x\n#[test]\nfn ten_1_a() {}\n");

    /// A tree in which everything agrees, with the row of TEN-1 as given.
    fn tree(row: &str) -> Tree {
        let contract: String =
            ids::all().iter().map(|id| format!("### {id} · title\n\ntext\n\n")).collect();
        let others: String = ids::all()
            .iter()
            .filter(|id| *id != "TEN-1")
            .map(|id| format!("| {id} | not yet | | |\n"))
            .collect();
        let status =
            format!("# Status\n\n| id | state | test | note |\n|---|---|---|---|\n{row}\n{others}");
        Tree::of(&[("docs/contract/a.md", &contract), (status::PATH, &status), TEST])
    }

    fn messages(tree: &Tree) -> Vec<String> {
        check(tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sets_that_agree_pass() {
        assert_eq!(
            messages(&tree("| TEN-1 | works | `crates/x/src/a.rs::ten_1_a` | |")),
            Vec::<String>::new()
        );
        assert_eq!(
            messages(&tree("| TEN-1 | partly | `crates/x/src/a.rs::ten_1_a` | lists only |")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_row_that_claims_too_much_or_too_little_is_found() {
        for (row, part) in [
            ("| TEN-1 | not yet | | |", "is `not yet` and `crates/x/src/a.rs::ten_1_a` proves it"),
            ("| TEN-1 | works | | |", "names no test"),
            ("| TEN-1 | works | `crates/x/src/a.rs::ten_1_gone` | |", "no such test"),
            ("| TEN-1 | partly | `crates/x/src/a.rs::ten_1_a` | |", "what is missing"),
            ("| TEN-9 | not yet | | |", "`TEN-9` is not an id"),
            ("", "`TEN-1` has no row"),
        ] {
            let found = messages(&tree(row));
            assert!(found.iter().any(|message| message.contains(part)), "{row}: {found:?}");
        }
    }

    #[test]
    fn each_id_has_exactly_one_paragraph() {
        let texts = [
            ("### TEN-1 · a\n\nx\n### TEN-1 · b\n\ny\n", "stands at docs/contract/a.md:1 already"),
            ("### TEN-1 · a\n### TEN-2 · b\n\ny\n", "`TEN-1` has a heading and no text"),
            ("### ZZZ-1 · a\n\nx\n", "`ZZZ-1` is not an id"),
            ("", "`TEN-1` has no paragraph"),
        ];
        for (text, part) in texts {
            let found = messages(&Tree::of(&[("docs/contract/a.md", text)]));
            assert!(found.iter().any(|message| message.contains(part)), "{text}: {found:?}");
        }
    }
}
