//! Which crate may depend on which: dependencies only point down (`ARCHITECTURE.md`).

use crate::tree::lines;
use crate::{Finding, Tree};

const RULE: &str = "edge";

/// A crate's place in the map.
struct Layer {
    /// The package.
    name: &'static str,
    /// Its height; a test may use anything that is not above it.
    height: u8,
    /// What it may depend on.
    allowed: &'static [&'static str],
}

const fn layer(name: &'static str, height: u8, allowed: &'static [&'static str]) -> Layer {
    Layer { name, height, allowed }
}

const BELOW_BINARY: &[&str] = &[
    "tenure-contract",
    "tenure-core",
    "tenure-store",
    "tenure-store-sqlite",
    "tenure-agent",
    "tenure-engine",
    "tenure-surface",
    "tenure-bench",
    "tenure-conformance",
];

const LAYERS: &[Layer] = &[
    layer("tenure-contract", 0, &[]),
    layer("tenure-core", 1, &["tenure-contract"]),
    // over HTTP and from the documented format: nothing of a server's own code
    layer("tenure-conformance", 1, &["tenure-contract"]),
    layer("tenure-agent", 1, &["tenure-contract"]),
    layer("tenure-store", 2, &["tenure-contract", "tenure-core"]),
    layer("tenure-store-sqlite", 3, &["tenure-contract", "tenure-core", "tenure-store"]),
    layer("tenure-engine", 3, &["tenure-contract", "tenure-core", "tenure-store", "tenure-agent"]),
    layer("tenure-surface", 4, &["tenure-contract", "tenure-core", "tenure-engine"]),
    layer(
        "tenure-sim",
        4,
        &["tenure-contract", "tenure-core", "tenure-store", "tenure-agent", "tenure-engine"],
    ),
    layer(
        "tenure-bench",
        4,
        &[
            "tenure-contract",
            "tenure-core",
            "tenure-store",
            "tenure-store-sqlite",
            "tenure-agent",
            "tenure-engine",
        ],
    ),
    layer("tenure", 5, BELOW_BINARY),
    layer("xtask", 6, &["tenure-contract", "tenure-core"]),
];

/// Holds every member's manifest against the map.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending("Cargo.toml")
        .filter(|(path, _)| *path != "Cargo.toml")
        .flat_map(|(path, file)| in_manifest(path, &file.text))
        .collect()
}

fn in_manifest(path: &str, text: &str) -> Vec<Finding> {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(e) => {
            return vec![Finding::new(path, 1, RULE, format!("the manifest does not parse: {e}"))];
        }
    };
    let package = table.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str());
    let Some(own) = package.and_then(|name| LAYERS.iter().find(|layer| layer.name == name)) else {
        let name = package.unwrap_or("?");
        let message = format!(
            "`{name}` is not in the map; add its row to `LAYERS` in `xtask/src/rules/edges.rs` and an ADR"
        );
        return vec![Finding::new(path, 1, RULE, message)];
    };
    let mut findings = Vec::new();
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for name in keys(&table, section) {
            if let Some(message) = refusal(own, section, &name) {
                findings.push(Finding::new(path, line_of(text, &name), RULE, message));
            }
        }
    }
    findings
}

fn keys(table: &toml::Table, section: &str) -> Vec<String> {
    let entries = table.get(section).and_then(|s| s.as_table());
    entries.map(|s| s.keys().cloned().collect()).unwrap_or_default()
}

fn refusal(own: &Layer, section: &str, name: &str) -> Option<String> {
    let other = LAYERS.iter().find(|layer| layer.name == name)?;
    if section == "dev-dependencies" {
        return (other.height > own.height).then(|| {
            format!(
                "`{}` tests itself with `{name}`, which lies above it; move the test to `{name}`",
                own.name
            )
        });
    }
    (!own.allowed.contains(&name)).then(|| {
        let may = if own.allowed.is_empty() { "nothing of ours".to_owned() } else { own.allowed.join(", ") };
        format!(
            "`{}` depends on `{name}`; it may depend on {may}. Move the word to `tenure-contract` or the decision to `tenure-core`",
            own.name
        )
    })
}

fn line_of(text: &str, key: &str) -> usize {
    let is_key = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '=', '.']))
    };
    lines(text).find(|(_, line)| is_key(line)).map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_manifest(text: &str) -> Vec<String> {
        in_manifest("crates/x/Cargo.toml", text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_edge_down_passes_and_one_up_does_not() {
        let down = "[package]\nname = \"tenure-core\"\n[dependencies]\ntenure-contract.workspace = true\nserde = \"1\"\n";
        assert_eq!(check_manifest(down), Vec::<String>::new());
        let up =
            "[package]\nname = \"tenure-core\"\n[dependencies]\ntenure-store.workspace = true\n";
        let found = check_manifest(up);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with(
                "crates/x/Cargo.toml:4: edge: `tenure-core` depends on `tenure-store`"
            ),
            "{found:?}"
        );
    }

    #[test]
    fn a_test_may_use_what_is_not_above() {
        let beside = "[package]\nname = \"tenure-engine\"\n[dev-dependencies]\ntenure-store-sqlite.workspace = true\n";
        assert!(check_manifest(beside).is_empty());
        let above = "[package]\nname = \"tenure-core\"\n[dev-dependencies]\ntenure-engine.workspace = true\n";
        assert_eq!(check_manifest(above).len(), 1);
    }

    #[test]
    fn an_unknown_crate_is_refused() {
        let found = check_manifest("[package]\nname = \"tenure-extras\"\n");
        assert!(found[0].contains("not in the map"), "{found:?}");
    }
}
