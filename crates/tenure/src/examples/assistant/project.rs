//! The project the code thread works in: a shipped one, or a person's own.

use crate::cli::Failure;
use crate::stage::{Files, shipped};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Two files that say OPEN, two that do not.
const SHIPPED: &[(&str, &str)] = shipped!(
    "assistant/project": "CHANGES.md", "README.md", "docs/printing.md", "docs/taxes.md",
);

/// Files of a project; the person adds another one.
const FILES_MAX: usize = 32;
/// The file the person adds while they talk.
const ADDED: &str = "added-while-talking.md";
/// What it says.
const ADDED_TEXT: &str = "OPEN: thank whoever waited.\n";
/// What the coder looks for.
const MARK: &str = "OPEN";

pub(super) struct Project(Files);

impl Project {
    /// A person's own, if a folder is named.
    pub fn of(input: Option<&Path>) -> Result<Self, Failure> {
        let Some(folder) = input else { return Ok(Self(Files::shipped(SHIPPED))) };
        let project = Self(Files::in_folder(folder, "md", FILES_MAX)?);
        let open = project.open().count();
        if open == 0 || open == project.0.count() {
            return Err(Failure::usage(format!(
                "`--input {}` holds {} files, {open} of them say {MARK}; expected at least one that does and one that does not",
                folder.display(),
                project.0.count()
            )));
        }
        Ok(project)
    }

    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Those in which something is still to be done.
    fn open(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.0.iter().filter(|(_, text)| text.contains(MARK))
    }

    pub fn write(&self, workspace: &Path) -> io::Result<()> {
        self.0.write(workspace)
    }

    /// The person adds a file.
    pub fn add(workspace: &Path) -> io::Result<()> {
        Files::shipped(&[(ADDED, ADDED_TEXT)]).write(workspace)
    }

    /// What the coder is to have collected, by name.
    pub fn wanted(&self) -> BTreeMap<PathBuf, String> {
        let collected = |(path, text): (&Path, &str)| {
            let mut name = path.as_os_str().to_owned();
            name.push(".txt");
            (PathBuf::from(name), text.to_owned())
        };
        self.open().chain([(Path::new(ADDED), ADDED_TEXT)]).map(collected).collect()
    }

    /// What it did collect.
    pub fn collected(workspace: &Path) -> Result<BTreeMap<PathBuf, String>, Failure> {
        let files = Files::in_folder(&workspace.join("todo"), "txt", FILES_MAX + 1)?;
        Ok(files.iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex_10_the_shipped_project_has_something_to_collect() {
        let project = Project::of(None).unwrap();
        assert_eq!((project.count(), project.wanted().len()), (4, 3));
    }

    #[test]
    fn ex_10_a_project_that_shows_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.md"), "done").unwrap();
        let refused = Project::of(Some(folder.path())).err().unwrap();
        let told = &refused.error().message;
        assert!(told.contains("1 files, 0 of them say OPEN"), "{told}");
    }
}
