//! Every rule over the whole workspace, so that `cargo test` runs them.

use std::path::Path;
use xtask::{Tree, rules};

#[test]
fn the_workspace_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let findings = rules::all(&Tree::read(root).unwrap());
    let told: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    assert!(findings.is_empty(), "{} findings\n{told}", findings.len());
}
