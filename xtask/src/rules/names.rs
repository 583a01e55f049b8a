//! Names that say nothing: a type is named for what it is, a module for what it knows.

use crate::tree::lines;
use crate::{Finding, Tree};

const RULE: &str = "name";
const TYPE_SUFFIXES: &[(&str, &str)] = &[
    ("Manager", "name what it keeps, such as `Sessions` or `Leases`"),
    ("Service", "name what it does, such as `Committer` or `Settler`"),
    ("Helper", "make it a function in the module that needs it"),
    ("Data", "name the thing itself, such as `Usage` or `Receipt`"),
    ("Info", "name the thing itself, such as `Usage` or `Receipt`"),
];
const MODULES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "shared"];
const DECLARES: &[&str] = &["struct", "enum", "trait", "type", "union"];

/// Looks at every declared type and module.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in tree.rust() {
        for (number, line) in lines(&file.code) {
            findings.extend(type_name(path, number, line));
        }
        findings.extend(module_name(path));
    }
    findings
}

fn type_name(path: &str, number: usize, line: &str) -> Option<Finding> {
    let words: Vec<&str> =
        line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    let declares = words.iter().position(|word| DECLARES.contains(word))?;
    let name = words.get(declares + 1)?;
    let (suffix, instead) = TYPE_SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix))?;
    Some(Finding::new(path, number, RULE, format!("`{name}` ends in `{suffix}`; {instead}")))
}

fn module_name(path: &str) -> Option<Finding> {
    let stem = path.rsplit('/').next()?.strip_suffix(".rs")?;
    let folders = path.split('/').rev().skip(1);
    let named = std::iter::once(stem).chain(folders).find(|part| MODULES.contains(part))?;
    let message = format!(
        "a module called `{named}` collects whatever nobody placed; name it for what it knows"
    );
    Some(Finding::new(path, 1, RULE, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, source: &str) -> usize {
        check(&Tree::of(&[(path, source)])).len()
    }

    #[test]
    fn a_name_that_says_something_passes() {
        assert_eq!(
            count(
                "crates/a/src/lease.rs",
                "pub struct Metadata; enum Informed {} impl x::Info for A {}"
            ),
            0
        );
    }

    #[test]
    fn a_name_that_says_nothing_does_not() {
        for (suffix, _) in TYPE_SUFFIXES {
            assert_eq!(
                count("a.rs", &format!("pub(crate) struct Session{suffix}<'a> {{")),
                1,
                "{suffix}"
            );
        }
        assert_eq!(count("crates/a/src/util.rs", ""), 1);
        assert_eq!(count("crates/a/src/common/x.rs", ""), 1);
    }
}
