//! `contract` and `core` hold no async, no I/O, no clock and no randomness.

use crate::tree::{has_word, lines};
use crate::{Finding, Tree};

const RULE: &str = "purity";
const PURE: &[&str] = &["crates/contract/", "crates/core/"];

/// What may not stand in pure code, and what stands there instead.
const BANNED: &[(&str, &str)] = &[
    ("tokio", "return a wish and let `tenure-engine` perform it"),
    ("futures", "return a wish and let `tenure-engine` perform it"),
    ("async fn", "write a plain function; `tenure-engine` awaits"),
    ("async move", "write a plain function; `tenure-engine` awaits"),
    (".await", "write a plain function; `tenure-engine` awaits"),
    ("std::thread", "return a wish and let `tenure-engine` perform it"),
    ("Instant", "take `now: Time` as an argument"),
    ("SystemTime", "take `now: Time` as an argument"),
    ("Timestamp::now", "take `now: Time` as an argument"),
    ("Zoned::now", "take `now: Time` as an argument"),
    ("rand", "take the random value in the command, minted by the shell"),
    ("now_v7", "take the id in the command, minted by the shell"),
    ("new_v4", "take the id in the command, minted by the shell"),
    ("std::fs", "take the bytes as an argument; files belong to `tenure` and the stores"),
    ("std::net", "return a wish; the network belongs to `tenure-agent` and `tenure-surface`"),
    ("std::env", "take the value as an argument; configuration belongs to `tenure`"),
    ("std::process", "return a wish; processes belong to `tenure-agent`"),
    ("rusqlite", "use the seam in `tenure-store`"),
    ("reqwest", "return a wish; the network belongs to `tenure-agent`"),
];

/// Looks for impure names in the pure crates' code; comments and strings are not code.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let pure = tree.rust().filter(|(path, _)| PURE.iter().any(|dir| path.starts_with(dir)));
    pure.flat_map(|(path, file)| in_code(path, &file.code)).collect()
}

fn in_code(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in lines(code) {
        for (name, instead) in BANNED {
            if stands_in(line, name) {
                findings.push(Finding::new(
                    path,
                    number,
                    RULE,
                    format!("`{name}` in a pure crate: {instead}"),
                ));
            }
        }
    }
    findings
}

/// A path such as `std::fs` is also found inside `use std::{fs, fmt}`.
fn stands_in(line: &str, name: &str) -> bool {
    if has_word(line, name) || (name.starts_with('.') && line.contains(name)) {
        return true;
    }
    let grouped = name.strip_prefix("std::").filter(|_| line.contains("std::{"));
    grouped.is_some_and(|module| {
        let list = line.split_once("std::{").map_or("", |(_, list)| list);
        list.split([',', '}', '{'])
            .any(|item| item.trim() == module || item.trim().starts_with(&format!("{module}::")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_source(path: &str, source: &str) -> Vec<String> {
        check(&Tree::of(&[(path, source)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn pure_code_passes_even_when_it_speaks_of_clocks() {
        let source = "//! No tokio, no SystemTime.\nfn f(now: Time) -> &'static str { \"rand\" }\nuse std::{fmt, io};\n";
        assert!(check_source("crates/core/src/a.rs", source).is_empty());
    }

    #[test]
    fn every_banned_name_is_found_and_its_replacement_named() {
        for (name, instead) in BANNED {
            let found =
                check_source("crates/contract/src/a.rs", &format!("\nlet x = {name} ();\n"));
            let own = found.iter().find(|finding| finding.contains(&format!("`{name}`")));
            let own = own.unwrap_or_else(|| panic!("`{name}` was not found"));
            assert!(
                own.starts_with("crates/contract/src/a.rs:2: purity:") && own.ends_with(instead),
                "{own}"
            );
        }
    }

    #[test]
    fn a_grouped_import_is_seen_through() {
        assert_eq!(check_source("crates/core/src/a.rs", "use std::{fs::File, fmt};").len(), 1);
    }

    #[test]
    fn other_crates_may() {
        assert!(check_source("crates/engine/src/a.rs", "use tokio::sync;").is_empty());
    }
}
