//! What the second host notes of the engine's own work and of what failed in it. Whoever tells it holds
//! locks, so a thread of its own writes.

use futures::future::BoxFuture;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use tenure_engine::host::{Background, ErrorReports, Failure};
use tokio::runtime::Handle;

/// A file and the thread that writes it.
pub(super) struct Diary(Sender<String>);

impl Diary {
    pub fn at(file: &Path) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        let (tell, told) = channel::<String>();
        std::thread::Builder::new().name("diary".to_owned()).spawn(move || {
            for line in told {
                if let Err(why) = writeln!(file, "{line}") {
                    tracing::error!(%why, "the host's diary cannot be written");
                }
            }
        })?;
        Ok(Self(tell))
    }

    fn note(&self, line: String) {
        // a writer that is gone has said why
        let _ = self.0.send(line);
    }
}

impl Background for Diary {
    fn schedule(&self, runtime: &Handle, task: BoxFuture<'static, ()>) {
        self.note("work".to_owned());
        runtime.spawn(task);
    }
}

impl ErrorReports for Diary {
    fn report(&self, failure: &Failure) {
        self.note(failure.to_string());
    }
}
