//! A server in a process of its own, which is killed and started again.

use super::now_micros;
use crate::cli::Failure;
use crate::client::{Client, Fault};
use crate::owner::Owner;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tenure_contract::resource::Run;
use tenure_contract::words::RunStatus;
use tenure_contract::{Code, RunId};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

/// How long a process may take until it says where it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a server may be gone before a play gives up.
const GONE_MAX: Duration = Duration::from_secs(60);
/// How long a run may take until it ends or waits for a person.
const REST_MAX: Duration = Duration::from_secs(60);
/// How long between two questions to a server that is gone or has nothing new.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(20);

/// The server; it is another process after every kill.
pub(crate) struct Server {
    data: PathBuf,
    /// The verb of the binary that serves, with what is its own.
    verb: Vec<OsString>,
    child: tokio::sync::Mutex<Child>,
    client: watch::Sender<Client>,
    pid: Mutex<u32>,
}

impl Server {
    pub async fn start(data: &Path) -> Result<Self, Failure> {
        Self::start_as(data, &["serve".as_ref()]).await
    }

    pub async fn start_as(data: &Path, verb: &[&OsStr]) -> Result<Self, Failure> {
        let verb: Vec<OsString> = verb.iter().map(|word| (*word).to_owned()).collect();
        let (child, client) = spawn(data, &verb).await?;
        let pid = Mutex::new(child.id().unwrap_or_default());
        let (client, _) = watch::channel(client);
        let child = tokio::sync::Mutex::new(child);
        Ok(Self { data: data.to_owned(), verb, child, client, pid })
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A client of the server that runs now.
    pub fn client(&self) -> Client {
        self.client.borrow().clone()
    }

    /// Asks until a server answers; what it refuses is refused.
    pub async fn insist<T, F, Fut>(&self, ask: F) -> Result<T, Failure>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let begun = Instant::now();
        loop {
            match ask(self.client()).await {
                Ok(answer) => return Ok(answer),
                Err(Fault::Refused(error)) => return Err(error.into()),
                Err(fault) if begun.elapsed() > GONE_MAX => return Err(fault.into()),
                Err(Fault::Unreachable { .. }) => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    }

    /// Reads, however often the server dies meanwhile.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.insist(|client| async move { client.get(path).await }).await
    }

    /// Sends; only for what may be sent twice, or while nobody kills.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Failure> {
        self.insist(|client| async move { client.post(path, body).await }).await
    }

    /// A run once it has ended, or waits for a person. One that was dispatched may be on its way to its
    /// session still.
    pub async fn rested(&self, run: RunId) -> Result<Run, Failure> {
        let begun = Instant::now();
        loop {
            let seen: Run = match self.get(&format!("/v1/runs/{run}?waitMs=500")).await {
                Ok(seen) => seen,
                Err(error)
                    if error.error().code == Code::NotFound && begun.elapsed() < REST_MAX =>
                {
                    tokio::time::sleep(ASK_AGAIN).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let waits = matches!(seen.status, RunStatus::Paused | RunStatus::WaitingApproval);
            if seen.status.is_final() || waits {
                return Ok(seen);
            }
            if begun.elapsed() > REST_MAX {
                let why = seen.waiting_for.map_or_else(|| "nothing".to_owned(), |why| why.text);
                let told = format!("run {run} is {} and waits for: {why}", seen.status);
                return Err(Failure::failed(told));
            }
        }
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
        let (again, client) = spawn(&self.data, &self.verb).await?;
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = again.id().unwrap_or_default();
        *child = again;
        self.client.send_replace(client);
        Ok(begun.elapsed())
    }

    /// Starts it and kills it before it may have said anything. Returns when.
    pub async fn start_and_kill(&self, after: Duration) -> Result<u64, Failure> {
        let mut child = self.child.lock().await;
        *child = serve(&self.data, &self.verb)?.stdout(Stdio::null()).spawn()?;
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

/// This binary as another process, its output read here, ended with the value.
pub(crate) fn myself() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env_remove("TENURE_DATA").env_remove("TENURE_TENANT");
    command.stdout(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

fn serve(data: &Path, verb: &[OsString]) -> Result<Command, Failure> {
    let mut command = myself()?;
    command.arg("--data").arg(data).args(verb).args(["--listen", "127.0.0.1:0", "--json"]);
    command.stdin(Stdio::null());
    Ok(command)
}

async fn spawn(data: &Path, verb: &[OsString]) -> Result<(Child, Client), Failure> {
    let mut child = serve(data, verb)?.spawn()?;
    let (endpoint, mut lines) = listening(&mut child, "server").await?;
    // the pipe stays open until the process ends: a server must not fail for want of a reader
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let owner =
        Owner::read(data).ok_or_else(|| Failure::failed("the server left no `owner.json`"))?;
    Ok((child, Client::new(&endpoint, &owner.token)?))
}

/// Reads where a process listens from its first line.
pub(crate) async fn listening(
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
