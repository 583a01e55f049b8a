//! What every file owes its reader: a page that says what it is for, no unfinished work, no
//! switched-off tests, no lint silenced for a whole file.

use crate::tree::{has_word, lines};
use crate::{Finding, Tree};

/// Unfinished work, spelled so that this file does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MARKED_ENDINGS: &[&str] = &[".rs", ".sh", ".toml"];

/// Checks every Rust file, and the other sources for marks of unfinished work.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in tree.rust() {
        findings.extend(module_docs(path, &file.text));
        findings.extend(file_name(path));
        findings.extend(code(path, &file.code));
    }
    for ending in MARKED_ENDINGS {
        for (path, file) in tree.ending(ending) {
            findings.extend(marks(path, &file.text));
        }
    }
    findings
}

fn module_docs(path: &str, text: &str) -> Option<Finding> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let told = first.strip_prefix("//!").map(str::trim);
    match told {
        Some("" | "placeholder") | None => Some(Finding::new(
            path,
            1,
            "file-docs",
            "the file does not begin with `//!` and a sentence; say in one or two sentences what it is for and what it is not",
        )),
        Some(_) => None,
    }
}

fn file_name(path: &str) -> Option<Finding> {
    let dir = path.strip_suffix("/mod.rs")?;
    Some(Finding::new(path, 1, "mod-rs", format!("`mod.rs` hides its name; call it `{dir}.rs`")))
}

fn code(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in lines(code) {
        let mut add =
            |rule, message: &str| findings.push(Finding::new(path, number, rule, message));
        if line.contains("#[ignore") {
            add(
                "ignored-test",
                "a switched-off test proves nothing; fix it, delete it, or gate it with `TENURE_SLOW`",
            );
        }
        for name in [concat!("to", "do!"), concat!("unimpl", "emented!")] {
            if has_word(line, name) || line.contains(&format!("{name}(")) {
                add(
                    "unfinished",
                    &format!(
                        "`{name}` ends the process at run time; write it, or return a typed error"
                    ),
                );
            }
        }
        if line.contains("#![allow") {
            add(
                "file-allow",
                "a lint is silenced for the whole file; use `#[expect(lint, reason = \"…\")]` on the item",
            );
        }
    }
    findings
}

fn marks(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in lines(text) {
        for mark in MARKS {
            if has_word(line, mark) {
                let message =
                    format!("`{mark}` is a note to nobody; finish it now or open an issue");
                findings.push(Finding::new(path, number, "unfinished", message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(path: &str, source: &str) -> Vec<&'static str> {
        check(&Tree::of(&[(path, source)])).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_decent_file_passes() {
        let source = "//! What it is for.\n#![expect(dead_code, reason = \"x\")]\nfn f() { g(\"#[ignore]\") }\n";
        assert!(rules_of("crates/a/src/a.rs", source).is_empty());
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(rules_of("a.rs", "use x;\n"), ["file-docs"]);
        assert_eq!(rules_of("a.rs", "//! placeholder\n"), ["file-docs"]);
        assert_eq!(rules_of("a.rs", "// plain\n//! late\n"), ["file-docs"]);
    }

    #[test]
    fn a_module_is_named_after_itself() {
        assert_eq!(rules_of("crates/a/src/b/mod.rs", "//! b\n"), ["mod-rs"]);
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_comments() {
        let marked = format!("//! x\n// {}: later\n", MARKS[0]);
        assert_eq!(rules_of("a.rs", &marked), ["unfinished"]);
        assert_eq!(rules_of("scripts/a.sh", &format!("# {}", MARKS[1])), ["unfinished"]);
        let called = concat!("//! x\nfn f() { to", "do!() }\n");
        assert_eq!(rules_of("a.rs", called), ["unfinished"]);
        assert!(rules_of("a.rs", "//! x\nconst TODO_MAX: u8 = 1; fn todo() {}\n").is_empty());
    }

    #[test]
    fn a_test_is_not_switched_off_nor_a_lint_for_a_file() {
        assert_eq!(rules_of("a.rs", "//! x\n#[ignore = \"slow\"]\nfn f() {}\n"), ["ignored-test"]);
        assert_eq!(rules_of("a.rs", "//! x\n#![allow(dead_code)]\n"), ["file-allow"]);
    }
}
