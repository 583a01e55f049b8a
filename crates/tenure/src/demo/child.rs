//! The payment service as a process of its own.

use super::Kills;
use super::ledger::{self, Line};
use super::payments::Booked;
use crate::cli::Failure;
use crate::stage::{listening, myself};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, ChildStdin};
use tokio::sync::mpsc;

/// Longest wait of the payment service while kills fall at random, milliseconds.
const RANDOM_DELAY_MS: u64 = 30;

/// The payment service.
pub(super) struct Payments {
    pub endpoint: String,
    pub pid: u32,
    ledger: PathBuf,
    // its standard input ends with this value, and it with its input
    _stdin: Option<ChildStdin>,
    _child: Child,
}

impl Payments {
    /// Starts it; what it books is told on the channel.
    pub async fn start(
        dir: &Path,
        kills: Kills,
        charges: usize,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Booked>), Failure> {
        let ledger = dir.join("payments.jsonl");
        let mut command = myself()?;
        command.arg("demo-payments").arg("--ledger").arg(&ledger);
        // the second refund is the one nobody but a person can tell about
        command.args(["--unknown", "refund:2"]);
        match kills {
            Kills::Planned => command.args([
                "--hold",
                &format!("charge:{}", charges.min(3)),
                "--hold",
                "refund:1",
            ]),
            Kills::Random { seed, .. } => command.args([
                "--delay-ms",
                &RANDOM_DELAY_MS.to_string(),
                "--seed",
                &seed.to_string(),
            ]),
        };
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let (endpoint, mut lines) = listening(&mut child, "payment service").await?;
        let (teller, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(booked) = serde_json::from_str(&line) {
                    // nobody listens once the demo is over
                    let _ = teller.send(booked);
                }
            }
        });
        let pid = child.id().unwrap_or_default();
        Ok((Self { endpoint, pid, ledger, _stdin: stdin, _child: child }, told))
    }

    /// Its ledger so far.
    pub fn ledger(&self) -> Result<Vec<Line>, Failure> {
        Ok(ledger::read(&self.ledger)?)
    }

    pub fn ledger_path(&self) -> &Path {
        &self.ledger
    }
}
