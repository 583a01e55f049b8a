//! `tenure-contract` is packaged alone, from what a registry would get (`STB-1`).

use std::path::Path;
use std::process::Command;

fn package(more: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let told = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["package", "--package", "tenure-contract", "--offline", "--allow-dirty"])
        .args(["--no-verify", "--target-dir", env!("CARGO_TARGET_TMPDIR")])
        .args(more)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{err}");
    assert!(!err.contains("warning: manifest has no"), "{err}");
    out.into_owned()
}

#[test]
fn stb_1_the_contract_crate_is_packaged_alone() {
    let listed = package(&["--list"]);
    let files: Vec<&str> = listed.lines().collect();
    for wanted in ["Cargo.toml", "README.md", "src/lib.rs", "src/event.rs"] {
        assert!(files.contains(&wanted), "{wanted}: {files:?}");
    }
    package(&[]);
    let packed = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("package/tenure-contract-{}.crate", env!("CARGO_PKG_VERSION")));
    assert!(packed.is_file(), "{}", packed.display());
}
