//! The one folder a run's file tools see: from a path a model wrote to a path that is inside it.
//!
//! This is a check by name, made right before use. It stops a model, not another process that
//! swaps folders for links at the same moment; that is the sandbox's part (`TGT-2`).

use crate::tool::ToolFailure;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// A workspace whose own path is canonical.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

/// A refusal the model can act on.
pub(crate) fn refused(message: impl Into<String>) -> ToolFailure {
    ToolFailure::Refused { message: message.into() }
}

impl Workspace {
    /// Opens the workspace, making the folder if it is not there.
    ///
    /// # Errors
    /// [`ToolFailure::Refused`] if it cannot be made or is not a folder.
    pub fn open(folder: &Path) -> Result<Self, ToolFailure> {
        std::fs::create_dir_all(folder)
            .and_then(|()| folder.canonicalize())
            .map(|root| Self { root })
            .map_err(|error| refused(format!("the workspace cannot be opened: {error}")))
    }

    /// The canonical folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where an existing file or folder really lies.
    ///
    /// # Errors
    /// [`ToolFailure::Refused`] if nothing is there, or it lies outside.
    pub fn existing(&self, path: &str) -> Result<PathBuf, ToolFailure> {
        let inside = self.root.join(relative(path)?);
        let real = inside.canonicalize().map_err(|error| match error.kind() {
            ErrorKind::NotFound => refused(format!(
                "`{path}` does not exist; paths are relative to the workspace, see `list_files`"
            )),
            _ => refused(format!("`{path}` cannot be opened: {error}")),
        })?;
        self.within(path, real)
    }

    /// Where a file that may not exist yet is to lie; makes the folders above it.
    ///
    /// # Errors
    /// [`ToolFailure::Refused`] if the path leads outside or a folder cannot be made.
    pub fn to_write(&self, path: &str) -> Result<PathBuf, ToolFailure> {
        let relative = relative(path)?;
        let name = relative
            .file_name()
            .ok_or_else(|| refused(format!("`{path}` is not a file's path; expected a name")))?;
        let mut folder = self.root.clone();
        for part in relative.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            match std::fs::create_dir(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(refused(format!("`{path}` cannot be written: {error}")));
                }
            }
            // one part at a time: a link must be found out before anything is made behind it
            let real = folder
                .canonicalize()
                .map_err(|error| refused(format!("`{path}` cannot be written: {error}")))?;
            folder = self.within(path, real)?;
        }
        Ok(folder.join(name))
    }

    /// A path as the model knows it: relative to the workspace, with `/`.
    #[must_use]
    pub fn shown(&self, inside: &Path) -> String {
        let relative = inside.strip_prefix(&self.root).unwrap_or(inside);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }

    fn within(&self, path: &str, real: PathBuf) -> Result<PathBuf, ToolFailure> {
        if real.starts_with(&self.root) {
            return Ok(real);
        }
        Err(refused(format!("`{path}` leads out of the workspace; only files inside can be used")))
    }
}

/// The path's plain parts; anything that could lead elsewhere is refused, even if it leads back.
fn relative(path: &str) -> Result<PathBuf, ToolFailure> {
    let mut parts = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(refused(format!(
                    "`{path}` is not a path inside the workspace; expected a relative one \
                     without `..`"
                )));
            }
        }
    }
    if path.contains('\0') {
        return Err(refused("a path holds no zero bytes"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T: std::fmt::Debug>(result: Result<T, ToolFailure>) -> String {
        match result.unwrap_err() {
            ToolFailure::Refused { message } => message,
            other => panic!("expected a refusal, found {other:?}"),
        }
    }

    #[test]
    fn absolute_paths_and_parents_are_refused_for_reading_and_writing() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(folder.path()).unwrap();
        for path in ["/etc/passwd", "..", "../x", "a/../../x", "a/..", "a\0b"] {
            told(workspace.existing(path));
            told(workspace.to_write(path));
        }
        told(workspace.to_write(""));
        told(workspace.to_write("."));
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_are_refused_for_reading_and_writing() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        symlink(outside.path(), folder.path().join("door")).unwrap();
        symlink(outside.path().join("secret"), folder.path().join("hole")).unwrap();
        let workspace = Workspace::open(folder.path()).unwrap();
        assert!(told(workspace.existing("door/secret")).contains("out of the workspace"));
        assert!(told(workspace.existing("hole")).contains("out of the workspace"));
        assert!(told(workspace.to_write("door/new/x")).contains("out of the workspace"));
        assert!(!outside.path().join("new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_stay_inside_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::fs::write(folder.path().join("real/x"), "x").unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        let workspace = Workspace::open(folder.path()).unwrap();
        let found = workspace.existing("link/./x").unwrap();
        assert_eq!(workspace.shown(&found), "real/x");
        assert_eq!(workspace.shown(&workspace.to_write("link/y/z").unwrap()), "real/y/z");
    }
}
