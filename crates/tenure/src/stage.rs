//! The stage that `tenure demo` and `tenure example` play on: a server in a process of its own that
//! may be killed, the binary run as a person would run it, what a server showed as durable, what is
//! told meanwhile, and a summary whose every claim is checked.
//!
//! **Invariant:** nothing here reads a store. What is claimed comes from the HTTP contract, from
//! exports, or from what other programs wrote down.

mod acks;
mod binary;
mod files;
mod server;
mod summary;
mod voice;

pub(crate) use acks::Acks;
pub(crate) use binary::{Said, me, tenure};
pub(crate) use files::{Files, shipped};
pub(crate) use server::{ASK_AGAIN, Server, listening, myself};
pub(crate) use summary::Summary;
pub(crate) use voice::{Voice, mark};

use crate::cli::Failure;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder to play in, and the voice that tells what happens in it.
pub(crate) struct Stage {
    dir: PathBuf,
    voice: Voice,
}

impl Stage {
    pub const fn new(dir: PathBuf, voice: Voice) -> Self {
        Self { dir, voice }
    }

    /// The folder; everything a play leaves is in it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub const fn voice(&self) -> Voice {
        self.voice
    }

    /// Tells a person; says nothing with `--json`.
    pub fn say(&self, text: &str) {
        self.voice.say(text);
    }

    /// Starts a server on a data directory of that name.
    pub async fn server(&self, name: &str) -> Result<Arc<Server>, Failure> {
        self.server_as(name, &["serve".as_ref()]).await
    }

    /// The same by another verb of the binary, which listens and speaks as `serve` does.
    pub async fn server_as(&self, name: &str, verb: &[&OsStr]) -> Result<Arc<Server>, Failure> {
        Ok(Arc::new(Server::start_as(&self.dir.join(name), verb).await?))
    }

    /// Kills a server with SIGKILL and starts it again; returns when it died, microseconds since 1970.
    pub async fn kill_and_restart(&self, server: &Server) -> Result<u64, Failure> {
        self.say(&format!("\n  ☠ kill -9 {}", server.pid()));
        let at = server.kill().await?;
        let took = server.restart().await?;
        self.say(&format!(
            "  ↻ started again as process {}, accepting after {} ms\n",
            server.pid(),
            took.as_millis()
        ));
        Ok(at)
    }
}

/// Now, microseconds since 1970.
pub(crate) fn now_micros() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    passed.map_or(0, |passed| passed.as_micros() as u64)
}
