//! The binary itself, run as somebody at another terminal would: no state is shared with it.

use super::myself;
use crate::cli::Failure;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its exit status; -1 when a signal ended it.
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// What a command says, run to its end.
    pub async fn of(command: &mut Command) -> Result<Self, Failure> {
        let ended = command.output().await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            status: ended.status.code().unwrap_or(-1),
            out: text(ended.stdout),
            err: text(ended.stderr),
        })
    }

    /// Its answer as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_default()
    }

    /// Its answer, or the failure it told of.
    pub fn done(self) -> Result<Self, Failure> {
        if self.status == 0 { Ok(self) } else { Err(Failure::failed(self.err.trim().to_owned())) }
    }
}

/// Runs a command of this binary in a folder, without what the environment says of Tenure.
pub(crate) async fn tenure<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Said, Failure> {
    let mut command = myself()?;
    command.args(arguments).current_dir(folder);
    Said::of(command.stdin(Stdio::null()).stderr(Stdio::piped())).await
}

/// The binary as another terminal names it.
pub(crate) fn me() -> String {
    std::env::current_exe().map_or_else(|_| "tenure".to_owned(), |me| me.display().to_string())
}
