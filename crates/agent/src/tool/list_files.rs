//! `list_files`: what a folder of the workspace holds, sorted, bounded, links not followed.

use crate::tool::workspace::{Workspace, refused};
use crate::tool::write_file::UNFINISHED_PREFIX;
use crate::tool::{Progress, Tool, ToolCall, ToolFailure, ToolSpec};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::fs::DirEntry;
use std::path::Path;
use tenure_contract::agent::ToolGrant;
use tenure_contract::words::RecoveryClass;

/// Entries of one answer.
pub const LIST_MAX_ENTRIES: usize = 1_000;
/// Entries of one folder that are looked at to sort them.
const FOLDER_MAX_ENTRIES: usize = 100_000;
/// Entries between two words of progress.
const PROGRESS_EVERY_ENTRIES: usize = 250;
/// How deep a recursive list goes.
const LIST_MAX_DEPTH: usize = 64;

/// Lists a folder. Answers `{entries: [{path, bytes, kind}]}`, sorted by path, `kind` one of
/// `file`, `folder`, `link`, `other`; `truncated` is true if there was more.
#[derive(Debug)]
pub struct ListFiles {
    spec: ToolSpec,
}

impl ListFiles {
    /// The tool as granted.
    #[must_use]
    pub fn new(grant: &ToolGrant) -> Self {
        let about = "Lists a folder of the workspace, sorted. Paths are relative to the workspace; \
                     without `path` it is the workspace itself.";
        let spec = ToolSpec {
            parameters: Some(json!({
                "type": "object", "additionalProperties": false,
                "properties": {
                    "path": {"type": "string"},
                    "recursive": {"type": "boolean", "description": "also what its folders hold"},
                },
            })),
            class: RecoveryClass::Read,
            tags: vec!["files".to_owned()],
            ..ToolSpec::named("list_files", about)
        };
        Self { spec: spec.granted(grant) }
    }
}

impl Tool for ListFiles {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let limit = self.spec.max_output_bytes;
        super::blocking(move || {
            let path = call.arguments["path"].as_str().unwrap_or(".");
            let workspace = Workspace::open(&call.context.workspace)?;
            let folder = workspace.existing(path)?;
            if !folder.is_dir() {
                return Err(refused(format!("`{path}` is not a folder; `read_file` reads a file")));
            }
            let recursive = call.arguments["recursive"].as_bool().unwrap_or(false);
            let entries = Vec::new();
            let progress = &call.progress;
            let mut list =
                List { workspace: &workspace, progress, recursive, entries, truncated: false };
            list.add(&folder, 1)
                .map_err(|error| refused(format!("`{path}` cannot be listed: {error}")))?;
            super::within_limit(list.into_value(), limit)
        })
    }
}

struct List<'a> {
    workspace: &'a Workspace,
    progress: &'a Progress,
    recursive: bool,
    entries: Vec<(String, u64, &'static str)>,
    truncated: bool,
}

impl List<'_> {
    fn add(&mut self, folder: &Path, depth: usize) -> std::io::Result<()> {
        if depth > LIST_MAX_DEPTH {
            self.truncated = true;
            return Ok(());
        }
        let mut found: Vec<DirEntry> =
            std::fs::read_dir(folder)?.take(FOLDER_MAX_ENTRIES).collect::<Result<_, _>>()?;
        self.truncated |= found.len() == FOLDER_MAX_ENTRIES;
        found.sort_by_key(DirEntry::file_name);
        for entry in found {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
                continue;
            }
            if self.entries.len() == LIST_MAX_ENTRIES {
                self.truncated = true;
                return Ok(());
            }
            let about = entry.metadata()?;
            let (kind, bytes) = if about.is_dir() {
                ("folder", 0)
            } else if about.is_file() {
                ("file", about.len())
            } else if about.is_symlink() {
                ("link", 0)
            } else {
                ("other", 0)
            };
            self.entries.push((self.workspace.shown(&entry.path()), bytes, kind));
            if self.entries.len().is_multiple_of(PROGRESS_EVERY_ENTRIES) {
                self.progress.tell(json!({"entries": self.entries.len()}));
            }
            if kind == "folder" && self.recursive {
                self.add(&entry.path(), depth + 1)?;
            }
        }
        Ok(())
    }

    fn into_value(mut self) -> Value {
        self.entries.sort();
        let entries: Vec<Value> = self
            .entries
            .iter()
            .map(|(path, bytes, kind)| json!({"path": path, "bytes": bytes, "kind": kind}))
            .collect();
        let mut value = json!({"entries": entries});
        if self.truncated {
            value["truncated"] = Value::Bool(true);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::testing::{call_in, grant_of};

    async fn list(folder: &Path, arguments: Value) -> Result<Value, ToolFailure> {
        ListFiles::new(&grant_of("list_files")).call(call_in(folder, arguments)).await
    }

    #[tokio::test]
    async fn entries_are_sorted_and_recursive_on_request() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for (path, content) in [("z.txt", "12"), ("a.txt", "1"), ("b/c/y", "")] {
            std::fs::write(folder.path().join(path), content).unwrap();
        }
        std::fs::write(folder.path().join(format!("{UNFINISHED_PREFIX}x")), "").unwrap();
        assert_eq!(
            list(folder.path(), json!({})).await.unwrap(),
            json!({"entries": [
                {"path": "a.txt", "bytes": 1, "kind": "file"},
                {"path": "b", "bytes": 0, "kind": "folder"},
                {"path": "z.txt", "bytes": 2, "kind": "file"},
            ]})
        );
        let deep = list(folder.path(), json!({"path": "b", "recursive": true})).await.unwrap();
        assert_eq!(
            deep,
            json!({"entries": [
                {"path": "b/c", "bytes": 0, "kind": "folder"},
                {"path": "b/c/y", "bytes": 0, "kind": "file"},
            ]})
        );
    }

    #[tokio::test]
    async fn t6_a_long_list_says_how_far_it_is_and_answers_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..2 * PROGRESS_EVERY_ENTRIES {
            std::fs::write(folder.path().join(format!("{number:05}")), "").unwrap();
        }
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let ears = heard.clone();
        let mut call = call_in(folder.path(), json!({}));
        call.progress = Progress::to(move |value| ears.lock().unwrap().push(value));
        let result = ListFiles::new(&grant_of("list_files")).call(call).await;
        let steps = [PROGRESS_EVERY_ENTRIES, 2 * PROGRESS_EVERY_ENTRIES];
        assert_eq!(*heard.lock().unwrap(), steps.map(|entries| json!({"entries": entries})));
        assert_eq!(result, list(folder.path(), json!({})).await);
    }

    #[tokio::test]
    async fn a_long_list_is_cut_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=LIST_MAX_ENTRIES {
            std::fs::write(folder.path().join(format!("{number:05}")), "").unwrap();
        }
        let cut = list(folder.path(), json!({})).await.unwrap();
        assert_eq!(cut["entries"].as_array().unwrap().len(), LIST_MAX_ENTRIES);
        assert_eq!(cut["truncated"], json!(true));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_named_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("door")).unwrap();
        let found = list(folder.path(), json!({"recursive": true})).await.unwrap();
        assert_eq!(found, json!({"entries": [{"path": "door", "bytes": 0, "kind": "link"}]}));
        assert!(list(folder.path(), json!({"path": "door"})).await.is_err());
    }
}
