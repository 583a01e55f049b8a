//! What the README shows is what the binary prints.

use serde_json::Value;
use std::process::Command;

/// Figures that differ from run to run.
const VARYING: &[&str] =
    &["seconds", "session", "head", "dir", "entries", "acked", "inDoubt", "resolvedByLookUp"];

fn readme_block(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (_, rest) = readme.split_once(&format!("<!-- {name} -->")).unwrap();
    let (block, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap();
    block.lines().filter(|line| !line.starts_with("```")).collect()
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let ran = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["demo", "--auto", "--json"])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let printed: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let shown: Value = serde_json::from_str(&readme_block("demo")).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&printed), keys(&shown), "the README shows other figures than the demo prints");
    for (key, value) in shown.as_object().unwrap() {
        if !VARYING.contains(&key.as_str()) {
            assert_eq!(&printed[key], value, "`{key}`");
        }
    }
}
