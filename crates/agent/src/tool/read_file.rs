//! `read_file`: one text file of the workspace; of a JSON file also the parsed value.

use crate::tool::workspace::{Workspace, refused};
use crate::tool::{Tool, ToolCall, ToolFailure, ToolSpec};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;
use tenure_contract::agent::ToolGrant;
use tenure_contract::words::RecoveryClass;

/// Reads a file. Answers `{path, content}`, and `json` besides if the name ends in `.json` and the
/// content is JSON.
#[derive(Debug)]
pub struct ReadFile {
    spec: ToolSpec,
}

impl ReadFile {
    /// The tool as granted.
    #[must_use]
    pub fn new(grant: &ToolGrant) -> Self {
        let about = "Reads a text file of the workspace. The path is relative to the workspace.";
        let spec = ToolSpec {
            parameters: Some(json!({
                "type": "object", "required": ["path"], "additionalProperties": false,
                "properties": {"path": {"type": "string", "minLength": 1}},
            })),
            class: RecoveryClass::Read,
            tags: vec!["files".to_owned()],
            ..ToolSpec::named("read_file", about)
        };
        Self { spec: spec.granted(grant) }
    }
}

impl Tool for ReadFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let limit = self.spec.max_output_bytes;
        super::blocking(move || {
            let path = super::text(&call.arguments, "path")?;
            read(&Workspace::open(&call.context.workspace)?, path, limit)
        })
    }
}

fn read(workspace: &Workspace, path: &str, limit: usize) -> Result<Value, ToolFailure> {
    let file = workspace.existing(path)?;
    let content = text_of(&file, path, limit)?;
    let mut result = json!({"path": workspace.shown(&file), "content": content});
    let is_json = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    if let (true, Ok(parsed)) = (is_json, serde_json::from_str(&content)) {
        result["json"] = parsed;
    }
    super::within_limit(result, limit)
}

fn text_of(file: &Path, path: &str, limit: usize) -> Result<String, ToolFailure> {
    let unreadable = |error: std::io::Error| refused(format!("`{path}` cannot be read: {error}"));
    // asked before opening: opening a pipe waits for its writer
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(refused(format!("`{path}` is not a file; `list_files` shows what it holds")));
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > limit {
        let size = about.len();
        return Err(refused(format!("`{path}` is {size} bytes; at most {limit} can be read")));
    }
    String::from_utf8(bytes).map_err(|_| refused(format!("`{path}` is not UTF-8 text")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::testing::{call_in, grant_of};

    async fn read_with(grant: &ToolGrant, folder: &Path, path: &str) -> Result<Value, ToolFailure> {
        ReadFile::new(grant).call(call_in(folder, json!({"path": path}))).await
    }

    #[tokio::test]
    async fn a_file_is_read_and_json_is_parsed_besides() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/x.json"), r#"{"n": 1}"#).unwrap();
        std::fs::write(folder.path().join("bad.json"), "{").unwrap();
        let grant = grant_of("read_file");
        assert_eq!(
            read_with(&grant, folder.path(), "./a/x.json").await,
            Ok(json!({"path": "a/x.json", "content": r#"{"n": 1}"#, "json": {"n": 1}}))
        );
        assert_eq!(
            read_with(&grant, folder.path(), "bad.json").await,
            Ok(json!({"path": "bad.json", "content": "{"}))
        );
    }

    #[tokio::test]
    async fn what_is_no_text_file_within_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("large"), "x".repeat(101)).unwrap();
        std::fs::write(folder.path().join("wrapped"), "x".repeat(99)).unwrap();
        std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let grant = ToolGrant { max_output_bytes: Some(100), ..grant_of("read_file") };
        for (path, why) in [
            ("large", "101 bytes"),
            ("wrapped", "at most 100"),
            ("binary", "UTF-8"),
            ("folder", "not a file"),
            ("nothing", "does not exist"),
            ("../x", "without `..`"),
        ] {
            let told = read_with(&grant, folder.path(), path).await.unwrap_err().to_string();
            assert!(told.contains(why), "{path}: {told}");
        }
    }
}
