//! The agent of the demo: a definition and a script, written as files a person can read and change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The definition as it is shipped.
const DEFINITION: &str = include_str!("../../../../examples/demo/clerk/agent.toml");
/// What its model answers.
const SCRIPT: &str = include_str!("../../../../examples/demo/clerk/script.toml");
/// What the shipped definition calls the payment service.
const PAYMENTS: &str = "http://payments.example";

/// Writes `agent.toml` and `script.toml`; returns the definition's path.
pub(super) fn write(folder: &Path, payments: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("script.toml"), SCRIPT)?;
    let path = folder.join("agent.toml");
    fs::write(&path, DEFINITION.replace(PAYMENTS, payments))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clerk_can_be_built_from_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "http://127.0.0.1:1").unwrap();
        let definition = crate::cli::definition(&path).unwrap();
        assert_eq!(definition.tools.len(), 6);
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains(PAYMENTS), "{text}");
    }
}
