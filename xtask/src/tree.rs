//! The workspace's files, read once; rules look at nothing else, so that a test can hand them a
//! tree that exists only in memory.

use crate::masked::masked;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// Files whose text the rules read.
const TEXT_ENDINGS: &[&str] = &[".rs", ".toml", ".md", ".sh", ".json", ".jsonl"];
/// Files above this size are listed, not read.
const TEXT_MAX_BYTES: u64 = 2 * 1024 * 1024;

/// One file's text, and for Rust the same with comments and literals blanked.
#[derive(Debug, Clone)]
pub struct File {
    /// The text as it stands.
    pub text: String,
    /// The code alone: same lines, comments and literals replaced by spaces. Empty unless Rust.
    pub code: String,
}

/// A snapshot of the workspace.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, File>,
    names: BTreeSet<String>,
}

impl Tree {
    /// Reads the workspace under `root`; build directories and `.git` are left out.
    ///
    /// # Errors
    /// Whatever reading a directory or file says.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_dir(root, "")?;
        Ok(tree)
    }

    /// A tree of these paths and texts.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.insert(path, (*text).to_owned());
        }
        tree
    }

    /// The file at that path, from the root.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// True when a file or a directory of that path exists.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        self.names.contains(path)
            || self.names.range(below.clone()..).next().is_some_and(|name| name.starts_with(&below))
    }

    /// Every file that ends so, in the order of the paths.
    pub fn ending(&self, ending: &str) -> impl Iterator<Item = (&str, &File)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, file)| (path.as_str(), file))
    }

    /// Every Rust file.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &File)> {
        self.ending(".rs")
    }

    /// Every file's path.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn insert(&mut self, path: &str, text: String) {
        let code = if path.ends_with(".rs") { masked(&text) } else { String::new() };
        self.names.insert(path.to_owned());
        self.files.insert(path.to_owned(), File { text, code });
    }

    fn read_dir(&mut self, dir: &Path, prefix: &str) -> io::Result<()> {
        for item in fs::read_dir(dir)? {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = item.file_type()?;
            if kind.is_dir() && !left_out(&name, prefix) {
                self.read_dir(&item.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.read_file(&item.path(), &path)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, file: &Path, path: &str) -> io::Result<()> {
        self.names.insert(path.to_owned());
        let text =
            TEXT_ENDINGS.iter().any(|ending| path.ends_with(ending)) || path.starts_with(".ci/");
        if text && fs::metadata(file)?.len() <= TEXT_MAX_BYTES {
            self.insert(path, fs::read_to_string(file)?);
        }
        Ok(())
    }
}

fn left_out(name: &str, prefix: &str) -> bool {
    name == ".git" || name == "node_modules" || (prefix.is_empty() && name.starts_with("target"))
}

/// Every line with its number, from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// True when `word` stands in `line` with no letter, digit or underscore on either side.
#[must_use]
pub fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_exists_when_a_file_lies_in_it() {
        let tree = Tree::of(&[("docs/a/b.md", "")]);
        assert!(tree.exists("docs/a") && tree.exists("docs/a/") && tree.exists("docs/a/b.md"));
        assert!(!tree.exists("docs/b") && !tree.exists("doc"));
    }

    #[test]
    fn a_word_is_found_whole_only() {
        assert!(has_word("use tokio::x", "tokio"));
        assert!(!has_word("my_tokio", "tokio") && !has_word("tokios", "tokio"));
    }
}
