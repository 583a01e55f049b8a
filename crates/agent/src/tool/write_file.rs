//! `write_file`: a whole file of the workspace, either the old one or the new one, never half.

use crate::tool::workspace::{Workspace, refused};
use crate::tool::{Tool, ToolCall, ToolFailure, ToolSpec};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use tenure_contract::StepId;
use tenure_contract::agent::ToolGrant;
use tenure_contract::limits::RUN_INPUT_MAX_BYTES;
use tenure_contract::words::RecoveryClass;

/// What an unfinished write's file begins with; [`super::list_files`] leaves such files out.
pub(crate) const UNFINISHED_PREFIX: &str = ".tenure-write-";

/// Writes a file. Answers `{path, bytes}`. Repeating it with the same content changes nothing.
#[derive(Debug)]
pub struct WriteFile {
    spec: ToolSpec,
}

impl WriteFile {
    /// The tool as granted.
    #[must_use]
    pub fn new(grant: &ToolGrant) -> Self {
        let about = "Writes a text file of the workspace, replacing what was there. The path is \
                     relative to the workspace; missing folders are made.";
        let spec = ToolSpec {
            parameters: Some(json!({
                "type": "object", "required": ["path", "content"], "additionalProperties": false,
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "content": {"type": "string", "maxLength": RUN_INPUT_MAX_BYTES},
                },
            })),
            class: RecoveryClass::Idempotent,
            tags: vec!["files".to_owned()],
            ..ToolSpec::named("write_file", about)
        };
        Self { spec: spec.granted(grant) }
    }
}

impl Tool for WriteFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        super::blocking(move || {
            let path = super::text(&call.arguments, "path")?;
            let content = super::text(&call.arguments, "content")?;
            let (workspace, content) = (&call.context.workspace, content.as_bytes());
            let path = write(workspace, path, call.step, content)?;
            Ok(json!({"path": path, "bytes": content.len()}))
        })
    }
}

/// Writes a whole file of a workspace as a step does, durably when it returns; returns its path as
/// [`Workspace::shown`]. It blocks.
///
/// # Errors
/// [`ToolFailure::Refused`] when the path leads outside or cannot be written, [`ToolFailure::Lost`] when
/// it is not known whether what was written will last.
pub fn write(
    workspace: &Path,
    path: &str,
    step: StepId,
    content: &[u8],
) -> Result<String, ToolFailure> {
    let workspace = Workspace::open(workspace)?;
    let target = workspace.to_write(path)?;
    if target.is_dir() {
        return Err(refused(format!("`{path}` is a folder; expected a file's path")));
    }
    replace(&target, step, content)
        .map_err(|error| refused(format!("`{path}` cannot be written: {error}")))?;
    // renamed already: without this flush the new name may still be lost with the power
    flush_folder(&target).map_err(|error| ToolFailure::Lost {
        message: format!("`{path}` was written, but may not be durable: {error}"),
    })?;
    Ok(workspace.shown(&target))
}

/// Writes beside the target, flushes, renames. The name is the step's, so that a repeated attempt
/// finds and replaces what a lost one left behind.
fn replace(target: &Path, step: StepId, content: &[u8]) -> std::io::Result<()> {
    let folder = target.parent().ok_or(ErrorKind::InvalidInput)?;
    let unfinished = folder.join(format!("{UNFINISHED_PREFIX}{step}"));
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // `create_new` follows no link that stands at the name
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&unfinished)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, target));
    if let Err(error) = written {
        // the first error is the one to tell; what is left behind is hidden and replaced next time
        let _ = std::fs::remove_file(&unfinished);
        return Err(error);
    }
    Ok(())
}

/// Makes the rename durable, where the system has a way to.
fn flush_folder(target: &Path) -> std::io::Result<()> {
    match target.parent() {
        Some(folder) if cfg!(unix) => std::fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::testing::{call_in, grant_of};

    async fn write(folder: &Path, path: &str, content: &str) -> Result<Value, ToolFailure> {
        let arguments = json!({"path": path, "content": content});
        WriteFile::new(&grant_of("write_file")).call(call_in(folder, arguments)).await
    }

    #[tokio::test]
    async fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            write(folder.path(), "a/b/x.txt", "long content").await,
            Ok(json!({"path": "a/b/x.txt", "bytes": 12}))
        );
        for _ in 0..2 {
            write(folder.path(), "a/b/x.txt", "short").await.unwrap();
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("a/b/x.txt")).unwrap(), "short");
        assert_eq!(std::fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_is_replaced_and_what_it_points_to_is_kept() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("kept"), "kept").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let step = call_in(folder.path(), json!({})).step;
        for name in ["x", &format!("{UNFINISHED_PREFIX}{step}")] {
            let link = folder.path().join(name);
            std::os::unix::fs::symlink(outside.path().join("kept"), link).unwrap();
        }
        write(folder.path(), "x", "new").await.unwrap();
        assert_eq!(std::fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
        assert_eq!(std::fs::read_to_string(folder.path().join("x")).unwrap(), "new");
    }

    #[tokio::test]
    async fn folders_and_paths_outside_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        for path in ["folder", "../x", "/tmp/tenure-never"] {
            assert!(matches!(
                write(folder.path(), path, "x").await,
                Err(ToolFailure::Refused { .. })
            ));
        }
    }
}
