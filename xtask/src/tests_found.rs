//! Which functions are tests, by their attributes, and which requirement each proves, by its name.

use crate::ids;
use crate::tree::{Tree, has_word, lines};
use std::collections::BTreeMap;

/// One test function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestFn {
    /// The file, from the workspace's root.
    pub path: String,
    /// The line of its name.
    pub line: usize,
    /// The function's name.
    pub name: String,
}

impl TestFn {
    /// How `docs/status.md` names it.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}::{}", self.path, self.name)
    }
}

/// Every test of the tree: functions with a test attribute, and the exported cases of suites.
#[must_use]
pub fn tests_in(tree: &Tree) -> Vec<TestFn> {
    tree.rust().flat_map(|(path, file)| in_file(path, &file.code)).collect()
}

/// The tests of every requirement that has one.
#[must_use]
pub fn by_id(tree: &Tree) -> BTreeMap<String, Vec<TestFn>> {
    let tests = tests_in(tree);
    let mut found = BTreeMap::new();
    for id in ids::all() {
        let prefix = ids::test_prefix(&id);
        let own: Vec<TestFn> =
            tests.iter().filter(|test| test.name.starts_with(&prefix)).cloned().collect();
        if !own.is_empty() {
            found.insert(id, own);
        }
    }
    found
}

fn in_file(path: &str, code: &str) -> Vec<TestFn> {
    let suite = is_suite(path);
    let mut found = Vec::new();
    let mut marked = false;
    for (number, line) in lines(code) {
        let trimmed = line.trim();
        if trimmed.starts_with("#[")
            && has_word(attribute(trimmed), "test")
            && !trimmed.contains("cfg(")
        {
            marked = true;
        }
        if let Some(name) = fn_name(line) {
            if marked || suite {
                found.push(TestFn { path: path.to_owned(), line: number, name });
            }
            marked = false;
        } else if !trimmed.is_empty() && !trimmed.starts_with("#[") {
            marked = false;
        }
    }
    found
}

fn attribute(trimmed: &str) -> &str {
    trimmed.split_once(']').map_or(trimmed, |(attribute, _)| attribute)
}

/// Suites are exported as plain functions and called by each implementation's own test file.
fn is_suite(path: &str) -> bool {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let own = stem.split('/').any(|part| part == "suite" || part == "conformance");
    own && !stem.ends_with("/tests")
}

/// The name of the function a line of code declares.
#[must_use]
pub fn fn_name(line: &str) -> Option<String> {
    let at = line.match_indices("fn ").find(|(at, _)| {
        !line[..*at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
    })?;
    let name: String = line[at.0 + 3..]
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, source: &str) -> Vec<String> {
        tests_in(&Tree::of(&[(path, source)])).into_iter().map(|test| test.name).collect()
    }

    #[test]
    fn a_test_is_known_by_its_attribute() {
        let source = "#[test]\n/// why\nfn ses_1_a() {}\n#[tokio::test(flavor = \"x\")]\nasync fn ses_2_b() {}\nfn ses_3_c() {}\n#[cfg(test)]\nfn ses_4_d() {}\n#[test] fn e() {}";
        assert_eq!(names("crates/x/src/a.rs", source), ["ses_1_a", "ses_2_b", "e"]);
    }

    #[test]
    fn a_suites_functions_are_tests() {
        for path in [
            "crates/store/src/suite.rs",
            "crates/agent/src/conformance/tool.rs",
            "crates/conformance/src/a.rs",
        ] {
            assert_eq!(names(path, "pub fn log_4_a() {}"), ["log_4_a"], "{path}");
        }
        assert!(names("crates/agent/src/conformance/tests.rs", "fn log_4_a() {}").is_empty());
    }

    #[test]
    fn a_test_belongs_to_the_id_its_name_begins_with() {
        let tree = Tree::of(&[("a.rs", "#[test]\nfn rt1_x() {}\n#[test]\nfn rt11_y() {}")]);
        let found = by_id(&tree);
        assert_eq!(found["RT1"].len(), 1);
        assert_eq!(found["RT11"][0].place(), "a.rs::rt11_y");
    }
}
