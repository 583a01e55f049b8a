//! `tenure executor work`: claims remote dispatches, one at a time, and carries each out by a command.
//!
//! The claim is kept by heartbeats while the command runs. Once it cannot be kept any more the command is
//! killed: from then on another executor may have the work.

mod performed;

use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::{Client, Fault};
use performed::{Performed, Performing};
use serde_json::json;
use std::time::Duration;
use tenure_contract::resource::{
    Answered, ClaimDispatch, ClaimStanding, Claimed, ClaimedDispatch, CompleteDispatch, Dispatch,
    Executor, FailDispatch, UseClaim,
};
use tenure_contract::words::{ClaimDirective, PrincipalStatus, RunStatus};
use tenure_contract::{Code, ExecutorId, error::Retry, limits};
use tenure_engine::Motion;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long one request waits for something to claim, milliseconds.
const WAIT_MS: u64 = 20_000;
/// How soon a server that does not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest time between two heartbeats while a run waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(1);

/// Claims remote dispatches, one at a time, and carries each out by a command.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The executor, by name.
    #[arg(long)]
    name: String,
    /// The command, run by the shell: reads the dispatch as JSON, writes its result.
    #[arg(long, value_name = "CMD")]
    exec: String,
    /// The server; the owner of the data directory when nothing is said.
    #[arg(long, requires = "key")]
    url: Option<String>,
    /// The key of the principal the executor is registered for.
    #[arg(long, env = "TENURE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// How long one heartbeat keeps a claim, milliseconds.
    #[arg(long, default_value_t = limits::EXECUTOR_LEASE_DEFAULT_MS)]
    lease_ms: u64,
    /// Ends after one dispatch, or when there is none.
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let Some(url) = &args.url else {
        let connection = cx.connect_existing(Motion::Live).await?;
        let done = serve(cx, &connection.client, &args).await;
        connection.close().await;
        return done;
    };
    let client = Client::new(url, args.key.as_deref().unwrap_or_default())?.acting_in(cx.tenant);
    serve(cx, &client, &args).await
}

/// One executor at work.
struct Worker<'a> {
    cx: &'a Cx,
    client: &'a Client,
    executor: ExecutorId,
    args: &'a Args,
    /// True once somebody asked for the end.
    ending: watch::Receiver<bool>,
}

async fn serve(cx: &Cx, client: &Client, args: &Args) -> Result<Exit, Failure> {
    let (end, ending) = watch::channel(false);
    let signal = crate::server::ended_by_signal()
        .map_err(|why| Failure::usage(format!("signals cannot be listened for: {why}")))?;
    tokio::spawn(async move {
        let name = signal.await;
        eprintln!("{name}: what is under way is finished, and nothing more is claimed");
        let _ = end.send(true);
    });
    let known = client.every::<Executor>("/v1/executors").await?;
    let named = known
        .items
        .iter()
        .find(|one| one.name == args.name && one.status == PrincipalStatus::Active);
    let Some(named) = named else {
        let names: Vec<&str> = known.items.iter().map(|one| one.name.as_str()).collect();
        let told = format!(
            "no executor `{}`; there are: {}; `tenure executor register` makes one",
            args.name,
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        );
        return Err(Failure::usage(told));
    };
    let worker = Worker { cx, client, executor: named.executor_id, args, ending };
    worker.work().await
}

impl Worker<'_> {
    async fn work(&self) -> Result<Exit, Failure> {
        let mut ending = self.ending.clone();
        let mut is_reached = true;
        loop {
            let claimed = tokio::select! {
                _ = ending.wait_for(|ends| *ends) => return Ok(Exit::Done),
                claimed = self.claim() => claimed,
            };
            match claimed {
                Ok(Some(claimed)) => {
                    is_reached = true;
                    let exit = self.carry_out(claimed).await?;
                    if self.args.once {
                        return Ok(exit);
                    }
                }
                Ok(None) if self.args.once => {
                    eprintln!("none");
                    return Ok(Exit::Done);
                }
                Ok(None) => is_reached = true,
                Err(fault) if may_come_back(&fault) => {
                    if std::mem::replace(&mut is_reached, false) {
                        eprintln!("{fault}; asking again until it answers");
                    }
                    tokio::select! {
                        _ = ending.wait_for(|ends| *ends) => return Ok(Exit::Done),
                        () = tokio::time::sleep(AGAIN) => {}
                    }
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    async fn claim(&self) -> Result<Option<ClaimedDispatch>, Fault> {
        let wait_ms = if self.args.once { 0 } else { WAIT_MS };
        let request = ClaimDispatch {
            executor_id: self.executor,
            wait_ms: Some(wait_ms),
            lease_ms: Some(self.args.lease_ms),
        };
        let claimed: Claimed = self.client.post("/v1/dispatches/claim", &request).await?;
        Ok(claimed.claimed)
    }

    /// Starts it, waits for its turn, does the work, says what came of it.
    async fn carry_out(&self, claimed: ClaimedDispatch) -> Result<Exit, Failure> {
        let ClaimedDispatch { dispatch, standing } = claimed;
        if *self.ending.borrow() {
            self.say::<Dispatch>(&standing, "release", &used(&standing)).await.ok();
            return Ok(Exit::Done);
        }
        let standing = match self.begin(standing).await {
            Ok(standing) => standing,
            Err(fault) => return self.lost(&dispatch, &fault),
        };
        if standing.directive == ClaimDirective::Stop {
            return self.stopped(&standing).await;
        }
        let performing = Performing::begin(&self.args.exec, &dispatch, &standing)?;
        match self.attend(performing, &standing).await {
            Ok(performed) => self.answer(&standing, performed).await,
            Err(fault) => self.lost(&dispatch, &fault),
        }
    }

    async fn begin(&self, claimed: ClaimStanding) -> Result<ClaimStanding, Fault> {
        let mut standing = claimed;
        let mut kept = Instant::now();
        loop {
            let verb = match standing.directive {
                ClaimDirective::Start => "start",
                ClaimDirective::Wait => "heartbeat",
                ClaimDirective::Work | ClaimDirective::Stop => return Ok(standing),
            };
            if verb == "heartbeat" {
                tokio::time::sleep(pace(&standing).min(TURN_MAX)).await;
            }
            let asked = Instant::now();
            match self.say(&standing, verb, &used(&standing)).await {
                Ok(told) => {
                    standing = told;
                    kept = asked;
                }
                Err(fault) if may_come_back(&fault) && kept.elapsed() < lease(&standing) => {
                    tokio::time::sleep(pace(&standing).min(AGAIN)).await;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Keeps the claim while the command runs.
    async fn attend(
        &self,
        mut performing: Performing,
        standing: &ClaimStanding,
    ) -> Result<Performed, Fault> {
        let mut kept = Instant::now();
        loop {
            tokio::select! {
                performed = performing.end() => return Ok(performed),
                () = tokio::time::sleep(pace(standing)) => {}
            }
            let (asked, token) = (Instant::now(), used(standing));
            let beat = self.say::<ClaimStanding>(standing, "heartbeat", &token);
            // a beat that hangs must not outlive the lease it is to extend
            let beat = tokio::time::timeout_at(kept + lease(standing), beat).await;
            match beat {
                Ok(Ok(told)) if told.directive == ClaimDirective::Stop => {
                    performing.kill().await;
                    return Ok(Performed::Stopped);
                }
                Ok(Ok(_)) => kept = asked,
                Ok(Err(fault)) if may_come_back(&fault) && kept.elapsed() < lease(standing) => {}
                Ok(Err(fault)) => {
                    performing.kill().await;
                    return Err(fault);
                }
                Err(_) => {
                    performing.kill().await;
                    let why = "no heartbeat was answered within the lease".to_owned();
                    return Err(Fault::Unreachable {
                        endpoint: self.client.endpoint().to_owned(),
                        why,
                    });
                }
            }
        }
    }

    /// A result is offered until the server takes or refuses it.
    async fn answer(
        &self,
        standing: &ClaimStanding,
        performed: Performed,
    ) -> Result<Exit, Failure> {
        let claim = standing.claim;
        let (verb, body) = match performed {
            Performed::Done { output } => ("complete", json!(CompleteDispatch { claim, output })),
            Performed::Failed { message, retryable } => {
                ("fail", json!(FailDispatch { claim, message, retryable }))
            }
            Performed::Stopped => return self.stopped(standing).await,
        };
        let answered: Answered = loop {
            match self.say(standing, verb, &body).await {
                Ok(answered) => break answered,
                Err(fault) if may_come_back(&fault) => tokio::time::sleep(AGAIN).await,
                Err(fault) => {
                    eprintln!("dispatch {}: the result was refused: {fault}", standing.dispatch_id);
                    return Ok(Exit::Failed);
                }
            }
        };
        Ok(self.tell(standing, &answered))
    }

    async fn stopped(&self, standing: &ClaimStanding) -> Result<Exit, Failure> {
        let message = "stopped: its run was cancelled".to_owned();
        let body = FailDispatch { claim: standing.claim, message, retryable: false };
        match self.say::<Answered>(standing, "fail", &body).await {
            Ok(answered) => drop(self.tell(standing, &answered)),
            Err(fault) => eprintln!("dispatch {}: {fault}", standing.dispatch_id),
        }
        Ok(Exit::Aborted)
    }

    fn lost(&self, dispatch: &Dispatch, fault: &Fault) -> Result<Exit, Failure> {
        eprintln!("dispatch {}: the claim is lost: {fault}", dispatch.dispatch_id);
        Ok(Exit::Failed)
    }

    fn tell(&self, standing: &ClaimStanding, answered: &Answered) -> Exit {
        let run = &answered.run;
        if self.cx.json {
            println_json(answered);
        } else {
            let late = if answered.counts { "" } else { "  too late" };
            outln(&format!("{}  {}  {}{late}", standing.dispatch_id, run.run_id, run.status));
        }
        match run.status {
            RunStatus::Completed => Exit::Done,
            _ => Exit::of_run(run),
        }
    }

    async fn say<T: serde::de::DeserializeOwned>(
        &self,
        standing: &ClaimStanding,
        verb: &str,
        body: &(impl serde::Serialize + Sync),
    ) -> Result<T, Fault> {
        let path = format!("/v1/dispatches/{}/{verb}", standing.dispatch_id);
        self.client.post(&path, body).await
    }
}

const fn used(standing: &ClaimStanding) -> UseClaim {
    UseClaim { claim: standing.claim }
}

const fn lease(standing: &ClaimStanding) -> Duration {
    Duration::from_millis(standing.lease_ms)
}

/// Two heartbeats may be lost before the claim is.
const fn pace(standing: &ClaimStanding) -> Duration {
    Duration::from_millis(standing.lease_ms / 3)
}

/// Whether the same call may work once the server is up again.
fn may_come_back(fault: &Fault) -> bool {
    match fault {
        Fault::Unreachable { .. } => true,
        Fault::Refused(error) => error.code == Code::Upstream || error.code.retry() == Retry::Later,
    }
}
