//! What the documents point at exists: links, anchors, and paths in backticks.

use crate::tree::lines;
use crate::{Finding, Tree};

const TOP_DIRS: &[&str] = &[
    "crates/",
    "docs/",
    "xtask/",
    "scripts/",
    "examples/",
    "clients/",
    ".ci/",
    ".cargo/",
    ".github/",
];

/// Checks every document; the change log may speak of what is gone.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.ending(".md").filter(|(path, _)| *path != "CHANGELOG.md");
    documents.flat_map(|(path, file)| in_document(tree, path, &file.text)).collect()
}

fn in_document(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(text) {
        for span in code_spans(line) {
            if let Some(named) = repository_path(span).filter(|named| !tree.exists(named)) {
                let message =
                    format!("`{named}` does not exist; name the path as it is now, from the root");
                findings.push(Finding::new(path, number, "path", message));
            }
        }
        for target in link_targets(line) {
            if let Some(message) = broken(tree, path, target) {
                findings.push(Finding::new(path, number, "link", message));
            }
        }
    }
    findings
}

/// The lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    lines(text).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The repository path a code span names, if it looks like one: no pattern, no placeholder.
fn repository_path(span: &str) -> Option<&str> {
    let first = span.split_whitespace().next()?;
    let bare = first.strip_prefix("./").unwrap_or(first);
    let bare = bare.split("::").next()?.split('#').next()?;
    let bare = bare.split_once(':').map_or(bare, |(path, _)| path);
    let patterned =
        bare.contains(['<', '>', '*', '{', '}', '$', '…', '|']) || bare.contains("NNNN");
    (!patterned && TOP_DIRS.iter().any(|dir| bare.starts_with(dir))).then_some(bare)
}

fn link_targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once("](") {
        let (target, tail) = after.split_once(')').unwrap_or((after, ""));
        found.push(target.split_whitespace().next().unwrap_or(""));
        rest = tail;
    }
    found
}

fn broken(tree: &Tree, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_owned() } else { resolved(from, file) };
    if !tree.exists(&path) {
        return Some(format!(
            "`{target}` leads to `{path}`, which does not exist; link to a file that does"
        ));
    }
    let document = tree.get(&path).filter(|_| !anchor.is_empty() && path.ends_with(".md"))?;
    let there = prose(&document.text).filter_map(|(_, line)| slug(line)).any(|slug| slug == anchor);
    (!there).then(|| format!("`{path}` has no heading `#{anchor}`; link to one it has"))
}

fn resolved(from: &str, file: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// The anchor of a heading line, as code hosts derive it.
fn slug(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = title
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    Some(kept.replace(' ', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let files =
            [("docs/a.md", text), ("docs/b/c.md", "# A Title: `x`\n"), ("crates/x/src/lib.rs", "")];
        check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_exists_passes() {
        let text = "[a](b/c.md) [b](b/c.md#a-title-x) [c](https://x.y/z) [d](../crates/x) [e](#own)\n# Own\n\
                    `crates/x/src/lib.rs::name` `./crates/x/` `crates/<name>` `docs/adr/NNNN-title.md` `cargo test`\n\
                    ```\n`docs/nothing.md`\n```\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_exist_is_found() {
        let text = "see `crates/y/src/lib.rs`\n[a](gone.md)\n[b](b/c.md#other)\n";
        let found = found(text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("docs/a.md:1: path: `crates/y/src/lib.rs`"));
        assert!(found[1].starts_with("docs/a.md:2: link: `gone.md` leads to `docs/gone.md`"));
        assert!(found[2].contains("no heading `#other`"));
    }
}
