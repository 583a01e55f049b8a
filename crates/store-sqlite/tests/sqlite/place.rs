//! Data directories for tests: temporary ones, and copies of them.

use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A data directory that is removed with this value.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Another directory with the files as they are. SQLite's shared memory is left out: it does
    /// not outlive a process.
    pub fn copied(&self) -> Self {
        let copy = Self::new();
        copy_folder(self.path(), copy.path());
        copy
    }
}

/// Puts one database, with what SQLite keeps beside it, in the place of another.
pub fn replace(database: &str, from: &Path, to: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let name = format!("{database}{ending}");
        let there = to.join(&name);
        if there.is_file() {
            fs::remove_file(&there).unwrap();
        }
        let kept = from.join(&name);
        if kept.is_file() {
            fs::copy(kept, there).unwrap();
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for found in fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let name = found.file_name();
        let there = to.join(&name);
        if found.file_type().unwrap().is_dir() {
            fs::create_dir(&there).unwrap();
            copy_folder(&found.path(), &there);
        } else if !name.to_string_lossy().ends_with("-shm") {
            fs::copy(found.path(), there).unwrap();
        }
    }
}
