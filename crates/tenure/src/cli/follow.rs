//! Following a run: live lines until it has ended or a person must act.

use super::print::{interactive, watched};
use super::speech::Speech;
use super::{Exit, Failure, Teller, outln, println_json};
use crate::client::{Client, Fault, Sent};
use crate::connection::Connection;
use crate::server::ended_by_signal;
use futures::future::FusedFuture as _;
use futures::{FutureExt as _, StreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;
use tenure_contract::resource::Run;
use tenure_contract::words::{RunStatus, StuckReason};
use tenure_contract::{RunId, SessionId};
use tenure_engine::Motion;

/// How long a run halted by a step in doubt is watched for its tool's own look-up to settle it.
const LOOK_UP_GRACE: Duration = Duration::from_secs(10);
/// How long the last lines of an ended run may be on their way.
const LAST_LINES_MAX: Duration = Duration::from_secs(2);
/// How long one question for the run's state may wait at the server.
const WAIT_MS: u64 = 1_000;

/// Which run, and how.
pub(super) struct Following {
    pub session: SessionId,
    pub run: RunId,
    /// Entries up to this one are read, so that steps have names, and not told.
    pub known: u64,
    /// Whether to wait for approvals even where nobody could answer.
    pub wait: bool,
    pub json: bool,
}

/// Follows a run and tells how the command ends.
pub(super) async fn follow(connection: Connection, following: Following) -> Result<Exit, Failure> {
    let signal = ended_by_signal()?;
    let outcome = tokio::select! {
        outcome = watch(&connection.client, &following) => Some(outcome),
        _ = signal => None,
    };
    let Some(outcome) = outcome else { return Ok(interrupted(connection, &following).await) };
    let is_owner = connection.is_owner();
    let dir = connection.dir.clone();
    connection.close().await;
    let run = outcome?;
    let exit = Exit::of_run(&run);
    if following.json {
        println_json(&run);
    } else {
        tell(&run, exit, &dir, is_owner);
    }
    Ok(exit)
}

/// Ctrl-C ends this command, not the run.
async fn interrupted(connection: Connection, following: &Following) -> Exit {
    let session = following.session;
    if connection.is_owner() {
        eprintln!(
            "tenure: stopping; nothing is cancelled, `tenure resume {session}` continues (Ctrl-C again ends at once)"
        );
        let again = ended_by_signal();
        match again {
            Ok(again) => tokio::select! { () = connection.close() => {}, _ = again => {} },
            Err(_) => connection.close().await,
        }
    } else {
        eprintln!(
            "tenure: the run goes on at its server; `tenure resume {session}` follows it again, `tenure cancel {}` ends it",
            following.run
        );
    }
    Exit::Aborted
}

/// Watches until the run rests; shows lines meanwhile.
async fn watch(client: &Client, following: &Following) -> Result<Run, Failure> {
    let live = Live::new(following.json);
    let events = client.events(following.session, 0).await?;
    let lines = show(events, &live, following).fuse();
    let resting = rest(client, following, &live);
    tokio::pin!(lines, resting);
    let run = tokio::select! {
        run = &mut resting => run?,
        () = &mut lines => resting.await?,
    };
    // the last lines may still be on their way
    if run.status.is_final() && !lines.is_terminated() {
        let _ = tokio::time::timeout(LAST_LINES_MAX, lines).await;
    }
    live.clear();
    Ok(run)
}

/// Shows lines until the run's last one, or until the stream breaks.
async fn show(
    events: impl futures::Stream<Item = Result<Sent, Fault>>,
    live: &Live,
    following: &Following,
) {
    let mut teller = Teller::default();
    let run = following.run.to_string();
    tokio::pin!(events);
    let mut speech = Speech::of(following.run);
    while let Some(Ok(sent)) = events.next().await {
        let told = match sent {
            Sent::Entry(told) => told,
            Sent::Live(told) => {
                speech.hear(&told);
                live.murmur(speech.line());
                continue;
            }
        };
        speech.settle(&told);
        live.murmur(speech.line());
        if told.run.as_ref().is_some_and(|of| *of != run) {
            continue;
        }
        if let Some(line) = teller.line(&told).filter(|_| told.seq > following.known) {
            live.say(&line);
        }
        if told.kind == "run.ended" {
            return;
        }
    }
}

/// Waits until the run has ended, or only a person can move it.
async fn rest(client: &Client, following: &Following, live: &Live) -> Result<Run, Failure> {
    let mut said = false;
    let mut doubt_since = None;
    loop {
        let path = format!("/v1/runs/{}?waitMs={WAIT_MS}", following.run);
        let run: Run = client.get(&path).await.map_err(|fault| gone(fault, following.session))?;
        let stays = following.wait || interactive();
        // nothing moves it here any more
        if run.is_elsewhere() {
            return Ok(run);
        }
        match run.status {
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => return Ok(run),
            RunStatus::Queued | RunStatus::Running => doubt_since = None,
            RunStatus::Paused if is_in_doubt(&run) && within_grace(&mut doubt_since) => {}
            RunStatus::Paused | RunStatus::WaitingApproval if !stays => return Ok(run),
            RunStatus::Paused | RunStatus::WaitingApproval => {
                if !std::mem::replace(&mut said, true) {
                    how_to_move(&run, Motion::Live).iter().for_each(|line| live.say(line));
                    live.say("          still following; Ctrl-C leaves the run as it is");
                }
            }
        }
        if matches!(run.status, RunStatus::Paused | RunStatus::WaitingApproval) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn is_in_doubt(run: &Run) -> bool {
    run.waiting_for.as_ref().is_some_and(|waiting| waiting.reason == StuckReason::InDoubtStep)
}

fn within_grace(since: &mut Option<std::time::Instant>) -> bool {
    since.get_or_insert_with(std::time::Instant::now).elapsed() < LOOK_UP_GRACE
}

fn gone(fault: Fault, session: SessionId) -> Failure {
    match fault {
        Fault::Unreachable { .. } => Failure::failed(format!(
            "{fault}; nothing that was acknowledged is lost, `tenure resume {session}` continues"
        )),
        Fault::Refused(error) => error.into(),
    }
}

/// What a person can do for a run that waits for one, or that nobody moves.
pub(super) fn how_to_move(run: &Run, motion: Motion) -> Vec<String> {
    if motion == Motion::Still && matches!(run.status, RunStatus::Running | RunStatus::Queued) {
        return vec![
            "          no process owns the data directory, so nothing moves it".to_owned(),
            format!("            tenure resume {}", run.session_id),
        ];
    }
    let session = &run.session_id;
    let Some(waiting) = &run.waiting_for else { return Vec::new() };
    let subject = waiting.subject.as_deref().unwrap_or_default();
    let mut lines = vec![format!("          {}", waiting.text)];
    match waiting.reason {
        StuckReason::Approval | StuckReason::Budget | StuckReason::ClockHeld => {
            lines.push(format!("            tenure approve {subject} --reason \"…\""));
            lines.push(format!("            tenure deny {subject} --reason \"…\""));
        }
        StuckReason::InDoubtStep => {
            lines.push(format!(
                "            tenure resolve {subject} landed --result '{{…}}'    it happened"
            ));
            lines.push(format!("            tenure resolve {subject} did-not-happen          it did not; the model is told"));
            lines.push(format!(
                "            tenure resolve {subject} retry                   it did not; try again"
            ));
        }
        StuckReason::Operator => lines.push(format!("            tenure resume {session}")),
        _ => {}
    }
    lines
}

fn tell(run: &Run, exit: Exit, dir: &std::path::Path, is_owner: bool) {
    match exit {
        Exit::Waiting => {
            how_to_move(run, Motion::Live).iter().for_each(|line| eprintln!("{line}"));
            if is_owner {
                eprintln!(
                    "          then: tenure --data {} resume {}",
                    dir.display(),
                    run.session_id
                );
            }
        }
        _ => {
            if let Some(output) = &run.output {
                outln(&answer(output));
            }
            if let Some(error) = &run.error {
                eprintln!(
                    "tenure: run `{}` failed ({}, {} error): {}",
                    run.run_id, error.code, error.class, error.message
                );
            }
            let reason = run.stop_reason.map_or("", |reason| reason.as_str());
            eprintln!("          {} ({reason}); see: tenure show {}", run.status, run.session_id);
        }
    }
}

/// An agent's answer as text; anything else as JSON.
fn answer(output: &serde_json::Value) -> String {
    match output["content"].as_str() {
        Some(content) => content.to_owned(),
        None => serde_json::to_string_pretty(output).unwrap_or_default(),
    }
}

/// Lines on standard error, with a spinner beneath where a person watches.
struct Live {
    bar: Option<ProgressBar>,
    silent: bool,
}

impl Live {
    fn new(silent: bool) -> Self {
        let bar = (watched() && !silent).then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("          {spinner} {elapsed}  {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, silent }
    }

    /// What is being said beneath the lines, where a person watches.
    fn murmur(&self, line: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(line);
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None if self.silent => {}
            None => eprintln!("{line}"),
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
