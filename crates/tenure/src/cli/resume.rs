//! `tenure resume`: follows a session's run on after an interruption.

use super::follow::{Following, follow};
use super::{Cx, Exit, Failure};
use crate::client::Client;
use tenure_contract::resource::{GoesOn, Page, ResumeSession, Resumed, Run, RunSummary, Session};
use tenure_contract::words::{ResumeChoice, RunStatus, StuckReason};
use tenure_contract::{RunId, SessionId};
use tenure_engine::Motion;

/// Follows a session's run on after an interruption; lets a paused one go on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tenure resume ses_…\n  tenure resume --token rsm_… --accept pinned\n\nA run goes on by itself once its data directory has an owner; this command is one while it follows."
)]
pub(super) struct Args {
    /// The session, or one of its runs.
    #[arg(value_name = "SESSION|RUN", required_unless_present = "token", conflicts_with = "token")]
    id: Option<String>,
    /// A checkpoint's resume token: goes on from there.
    #[arg(long)]
    token: Option<String>,
    /// What to run with where the pins have changed: pinned or current.
    #[arg(long, requires = "token")]
    accept: Option<ResumeChoice>,
    /// What a new run is given, where the checkpoint's has ended; the same again by default.
    #[arg(long, requires = "token")]
    input: Option<String>,
    /// Waits for approvals instead of ending with status 3.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Live).await?;
    let found = match (&args.token, &args.id) {
        (Some(token), _) => from_checkpoint(cx, &connection.client, token, &args).await,
        (None, Some(id)) => find(&connection.client, id).await.map(Some),
        (None, None) => Err(Failure::usage("neither a session nor a token is given".to_owned())),
    };
    let found = match found {
        Ok(Some(run)) => Ok(run),
        Ok(None) => {
            connection.close().await;
            return Ok(Exit::Done);
        }
        Err(failure) => Err(failure),
    };
    match found {
        Ok(run) => {
            // what has ended is told from its beginning: it is short, and nobody saw its end
            let known = if run.status.is_final() { 0 } else { run.seq };
            let (session, run) = (run.session_id, run.run_id);
            follow(connection, Following { session, run, known, wait: args.wait, json: cx.json })
                .await
        }
        Err(failure) => {
            connection.close().await;
            Err(failure)
        }
    }
}

/// Goes on from a checkpoint; the run to follow, if there is one.
async fn from_checkpoint(
    cx: &Cx,
    client: &Client,
    token: &str,
    args: &Args,
) -> Result<Option<Run>, Failure> {
    let request = ResumeSession {
        resume_token: token.to_owned(),
        accept: args.accept,
        input: args.input.clone().map(serde_json::Value::String),
        idempotency_key: None,
    };
    let resumed: Resumed = client.post("/v1/resume", &request).await?;
    for differs in &resumed.differing {
        let text = |pin: &Option<String>| pin.clone().unwrap_or_else(|| "none".to_owned());
        let (pinned, now) = (text(&differs.pinned), text(&differs.now));
        eprintln!("{} has changed: pinned {pinned}, now {now}", differs.pin);
    }
    if resumed.goes_on == GoesOn::ChoiceNeeded {
        let told = "what would run now is not what the checkpoint pins; add `--accept pinned` or `--accept current`";
        return Err(Failure::usage(told.to_owned()));
    }
    let Some(run) = resumed.run_id else {
        if cx.json {
            super::println_json(&resumed);
        } else {
            eprintln!("session {} has no run yet", resumed.session_id);
        }
        return Ok(None);
    };
    let run: Run = client.get(&format!("/v1/runs/{run}")).await?;
    Ok(Some(run))
}

/// The run to follow, going again if somebody had halted it.
async fn find(client: &Client, id: &str) -> Result<Run, Failure> {
    let run = match (id.parse::<RunId>(), id.parse::<SessionId>()) {
        (Ok(run), _) => run,
        (_, Ok(session)) => run_of(client, session).await?,
        (Err(_), Err(_)) => {
            return Err(Failure::usage(format!(
                "`{id}` is neither a session `ses_…` nor a run `run_…`"
            )));
        }
    };
    let run: Run = client.get(&format!("/v1/runs/{run}")).await?;
    let halted =
        run.waiting_for.as_ref().is_some_and(|waiting| waiting.reason == StuckReason::Operator);
    if run.status == RunStatus::Paused && halted {
        return Ok(client
            .post(&format!("/v1/runs/{}/resume", run.run_id), &serde_json::json!({}))
            .await?);
    }
    Ok(run)
}

/// The run in progress, or the last one.
async fn run_of(client: &Client, session: SessionId) -> Result<RunId, Failure> {
    let found: Session = client.get(&format!("/v1/sessions/{session}")).await?;
    if let Some(run) = found.current_run_id {
        return Ok(run);
    }
    let page: Page<RunSummary> = client.get(&format!("/v1/runs?session={session}&limit=1")).await?;
    let last = page.items.first().map(|run| run.run_id);
    last.ok_or_else(|| {
        Failure::usage(format!(
            "session `{session}` has no run yet; `tenure run --session {session} …` starts one"
        ))
    })
}
