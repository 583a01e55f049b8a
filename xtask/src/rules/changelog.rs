//! The change log has a place for what comes next, or the version just made.

use crate::tree::lines;
use crate::{Finding, Tree};

const PATH: &str = "CHANGELOG.md";

/// Looks for an `Unreleased` or version heading.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let text = tree.get(PATH).map_or("", |file| file.text.as_str());
    if lines(text).any(|(_, line)| is_unreleased(line) || version(line).is_some()) {
        return Vec::new();
    }
    let message =
        "there is no `## Unreleased` and no `## 0.1.0`; add the heading and say what changed";
    vec![Finding::new(PATH, 1, "changelog", message)]
}

/// True once a version stands in the change log: the record format is frozen from then on.
#[must_use]
pub fn is_released(tree: &Tree) -> bool {
    tree.get(PATH).is_some_and(|file| lines(&file.text).any(|(_, line)| version(line).is_some()))
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("## ").map(|rest| rest.trim_start_matches('['))
}

fn is_unreleased(line: &str) -> bool {
    heading(line).is_some_and(|rest| rest.starts_with("Unreleased"))
}

fn version(line: &str) -> Option<&str> {
    heading(line)
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Tree::of(&[(PATH, text)])).len()
    }

    #[test]
    fn either_heading_will_do() {
        assert_eq!(count("# Changes\n## Unreleased\n"), 0);
        assert_eq!(count("## [0.2.0] 2026-01-01\n"), 0);
    }

    #[test]
    fn none_will_not() {
        assert_eq!(count("# Changes\n"), 1);
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }

    #[test]
    fn a_release_is_a_version_heading() {
        assert!(!is_released(&Tree::of(&[(PATH, "## Unreleased\n")])));
        assert!(is_released(&Tree::of(&[(PATH, "## Unreleased\n## 0.1.0\n")])));
    }
}
