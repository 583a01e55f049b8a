//! The two other processes: a server that is killed and started again, and the payment service.

use super::Kills;
use super::ledger::{self, Line};
use super::payments::{Booked, now_micros};
use crate::cli::Failure;
use crate::client::Client;
use crate::owner::Owner;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};

/// How long a process may take until it says where it listens.
const START_MAX: Duration = Duration::from_secs(30);
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

/// The server; it is another process after every kill.
pub(super) struct Server {
    data: PathBuf,
    child: tokio::sync::Mutex<Child>,
    client: watch::Sender<Client>,
    pid: Mutex<u32>,
}

impl Server {
    pub async fn start(data: &Path) -> Result<Self, Failure> {
        let (child, client) = spawn(data).await?;
        let pid = Mutex::new(child.id().unwrap_or_default());
        let (client, _) = watch::channel(client);
        Ok(Self { data: data.to_owned(), child: tokio::sync::Mutex::new(child), client, pid })
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A client of the server that runs now.
    pub fn client(&self) -> Client {
        self.client.borrow().clone()
    }

    /// Tells when another process took over.
    pub fn clients(&self) -> watch::Receiver<Client> {
        self.client.subscribe()
    }

    pub fn pid(&self) -> u32 {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SIGKILL: no handler runs, nothing is flushed, nothing is said. Returns when.
    pub async fn kill(&self) -> Result<u64, Failure> {
        let mut child = self.child.lock().await;
        child.start_kill()?;
        child.wait().await?;
        Ok(now_micros())
    }

    /// Starts it again, and returns how long it took until it accepted requests.
    pub async fn restart(&self) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let mut child = self.child.lock().await;
        let (again, client) = spawn(&self.data).await?;
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = again.id().unwrap_or_default();
        *child = again;
        self.client.send_replace(client);
        Ok(begun.elapsed())
    }

    /// Starts it and kills it before it may have said anything. Returns when.
    pub async fn start_and_kill(&self, after: Duration) -> Result<u64, Failure> {
        let mut child = self.child.lock().await;
        *child = serve(&self.data)?.stdout(Stdio::null()).spawn()?;
        tokio::time::sleep(after).await;
        child.start_kill()?;
        child.wait().await?;
        Ok(now_micros())
    }

    /// SIGTERM, and the orderly end.
    pub async fn stop(&self) {
        let mut child = self.child.lock().await;
        let asked = match child.id() {
            Some(pid) => Command::new("kill").arg(pid.to_string()).status().await.is_ok(),
            None => true,
        };
        if !asked || tokio::time::timeout(START_MAX, child.wait()).await.is_err() {
            // it is killed with this value, as it was before
            tracing::warn!("the server did not end by itself");
        }
    }
}

fn myself() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.stdout(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

fn serve(data: &Path) -> Result<Command, Failure> {
    let mut command = myself()?;
    command.arg("--data").arg(data).args(["serve", "--listen", "127.0.0.1:0", "--json"]);
    command.stdin(Stdio::null());
    Ok(command)
}

async fn spawn(data: &Path) -> Result<(Child, Client), Failure> {
    let mut child = serve(data)?.spawn()?;
    let (endpoint, mut lines) = listening(&mut child, "server").await?;
    // the pipe stays open until the process ends: a server must not fail for want of a reader
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let owner =
        Owner::read(data).ok_or_else(|| Failure::failed("the server left no `owner.json`"))?;
    Ok((child, Client::new(&endpoint, &owner.token)?))
}

/// Reads where a process listens from its first line.
async fn listening(
    child: &mut Child,
    what: &str,
) -> Result<(String, Lines<BufReader<ChildStdout>>), Failure> {
    let out =
        child.stdout.take().ok_or_else(|| Failure::failed(format!("the {what} has no output")))?;
    let mut lines = BufReader::new(out).lines();
    let first = tokio::time::timeout(START_MAX, lines.next_line()).await;
    let first = first.map_err(|_| {
        Failure::failed(format!("the {what} did not start within {} s", START_MAX.as_secs()))
    })?;
    let told: Value = first?.and_then(|line| serde_json::from_str(&line).ok()).unwrap_or_default();
    match told["listening"].as_str() {
        Some(endpoint) => Ok((endpoint.to_owned(), lines)),
        None => Err(Failure::failed(format!(
            "the {what} did not start: {}",
            told["error"]["message"].as_str().unwrap_or("it said nothing")
        ))),
    }
}
