//! Files a play works on: shipped with the binary, or a person's own folder.

use crate::cli::Failure;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of a folder under `examples/`, as they were when the binary was built.
macro_rules! shipped {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/", $folder, "/", $name)),
        )),+]
    };
}
pub(crate) use shipped;

/// Texts by the path they are given under, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files(Vec<(PathBuf, String)>);

impl Files {
    /// Those that are shipped.
    pub fn shipped(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).collect())
    }

    /// Those in a person's folder whose names end so, 1 to `most` of them.
    pub fn in_folder(folder: &Path, ending: &str, most: usize) -> Result<Self, Failure> {
        let mut found = Vec::new();
        collect(folder, folder, (ending, most), &mut found).map_err(|error| {
            Failure::usage(format!("`--input {}` cannot be read: {error}", folder.display()))
        })?;
        found.sort();
        if found.is_empty() || found.len() > most {
            let told = format!(
                "`--input {}` holds {} files that end in `.{ending}`; expected 1 to {most}",
                folder.display(),
                found.len()
            );
            return Err(Failure::usage(told));
        }
        Ok(Self(found))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.0.iter().map(|(path, text)| (path.as_path(), text.as_str()))
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The same with every text changed so.
    pub fn with(&self, change: impl Fn(&str) -> String) -> Self {
        Self(self.0.iter().map(|(path, text)| (path.clone(), change(text))).collect())
    }

    /// Writes them into a folder, which is made.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (path, text) in &self.0 {
            let to = folder.join(path);
            fs::create_dir_all(to.parent().unwrap_or(folder))?;
            fs::write(to, text)?;
        }
        Ok(())
    }
}

fn collect(
    root: &Path,
    folder: &Path,
    (ending, most): (&str, usize),
    found: &mut Vec<(PathBuf, String)>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, (ending, most), found)?;
        } else if path.extension().is_some_and(|is| is == ending) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
            let text = fs::read_to_string(&path).map_err(|error| {
                io::Error::new(error.kind(), format!("`{}`: {error}", name.display()))
            })?;
            found.push((name, text));
        }
        if found.len() > most {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_deep_and_written_as_it_was() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = Files::shipped(&[("a/b.md", "b"), ("c.md", "c")]);
        files.write(from.path()).unwrap();
        fs::write(from.path().join("d.txt"), "not one").unwrap();
        fs::write(from.path().join("e.MD"), "not what an agent looks for").unwrap();
        let read = Files::in_folder(from.path(), "md", 2).unwrap();
        assert_eq!(read, files);
        read.write(to.path()).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("a/b.md")).unwrap(), "b");
        let many = Files::in_folder(from.path(), "md", 1).unwrap_err();
        assert!(many.error().message.contains("expected 1 to 1"), "{many:?}");
        let none = Files::in_folder(&from.path().join("nowhere"), "md", 1).unwrap_err();
        assert!(none.error().message.contains("cannot be read"), "{none:?}");
    }
}
