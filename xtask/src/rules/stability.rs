//! What was promised within this major version is kept (`STB-1`): the wire and the record format only
//! grow, and `tenure-contract` can be published alone.

use crate::stable::{FORMAT_FROZEN, broken};
use crate::{Finding, Tree};
use toml::Value;

const RULE: &str = "stability";
const MANIFEST: &str = "crates/contract/Cargo.toml";
/// What a registry asks of a crate, and whoever finds it there.
const WANTED: &[&str] = &["description", "license", "readme", "documentation", "keywords"];
const OURS: &str = "tenure";

/// Compares the frozen files with today's, and looks at the manifest of the contract.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = publishable(tree);
    match broken(tree) {
        Ok(broken) => findings.extend(broken.into_iter().map(|(path, told)| {
            let message = format!(
                "{told}; add beside it instead, or, before the first release, run `cargo xtask generate --thaw`"
            );
            Finding::new(path, 1, RULE, message)
        })),
        Err(message) => findings.push(Finding::new(FORMAT_FROZEN, 1, RULE, message)),
    }
    findings
}

/// The manifest's own faults: a dependency of ours, a missing word about it, a lock on publishing.
fn publishable(tree: &Tree) -> Vec<Finding> {
    let found = |message: String| Finding::new(MANIFEST, 1, RULE, message);
    let Some(table) = tree.get(MANIFEST).and_then(|file| file.text.parse::<toml::Table>().ok())
    else {
        return vec![found("the manifest of `tenure-contract` cannot be read".to_owned())];
    };
    let mut findings = Vec::new();
    let package = table.get("package").and_then(Value::as_table);
    let field = |name: &str| package.and_then(|package| package.get(name));
    for name in WANTED.iter().filter(|name| field(name).is_none()) {
        findings.push(found(format!("`{name}` is missing; a published crate has one")));
    }
    if field("publish").and_then(Value::as_bool) != Some(true) {
        findings.push(found("`publish` is not `true`; the contract is publishable".to_owned()));
    }
    if let Some(readme) = field("readme").and_then(Value::as_str)
        && !tree.exists(&format!("crates/contract/{readme}"))
    {
        findings.push(found(format!("the readme `{readme}` does not exist")));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let names = table.get(section).and_then(Value::as_table).into_iter().flatten();
        for (name, how) in names {
            if name.starts_with(OURS) || how.get("path").is_some() {
                findings.push(found(format!(
                    "`{section}` has `{name}`; the contract is publishable alone and depends on nothing of ours"
                )));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "[package]\nname = \"tenure-contract\"\ndescription = \"x\"\nlicense.workspace = true\n\
        readme = \"README.md\"\ndocumentation = \"x\"\nkeywords = [\"x\"]\npublish = true\n[dependencies]\nserde = \"1\"\n";

    fn told(manifest: &str) -> Vec<String> {
        let tree = Tree::of(&[(MANIFEST, manifest), ("crates/contract/README.md", "")]);
        publishable(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn stb_1_a_contract_that_stands_alone_passes() {
        assert_eq!(told(WHOLE), [""; 0]);
    }

    #[test]
    fn stb_1_whatever_would_stop_the_contract_from_being_published_is_found() {
        let table = [
            ("description = \"x\"\n", "", "`description` is missing"),
            ("license.workspace = true\n", "", "`license` is missing"),
            ("readme = \"README.md\"\n", "", "`readme` is missing"),
            ("README.md", "ABOUT.md", "the readme `ABOUT.md` does not exist"),
            ("publish = true", "publish = false", "`publish` is not `true`"),
            ("publish = true", "publish.workspace = true", "`publish` is not `true`"),
            ("serde = \"1\"", "tenure-core = \"1\"", "`dependencies` has `tenure-core`"),
            ("serde = \"1\"", "x = { path = \"../x\" }", "`dependencies` has `x`"),
            (
                "[dependencies]",
                "[dev-dependencies]\ntenure-sim = \"1\"\n[dependencies]",
                "`dev-dependencies` has `tenure-sim`",
            ),
        ];
        for (from, to, expected) in table {
            assert!(WHOLE.contains(from), "{from}");
            let told = told(&WHOLE.replacen(from, to, 1));
            assert_eq!(told.len(), 1, "{expected}: {told:?}");
            assert!(told[0].contains(expected), "{expected}: {told:?}");
        }
    }
}
