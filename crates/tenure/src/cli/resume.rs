//! `tenure resume`: follows a session's run on after an interruption.

use super::follow::{Following, follow};
use super::{Cx, Exit, Failure};
use crate::client::Client;
use tenure_contract::resource::{Page, Run, RunSummary, Session};
use tenure_contract::words::{RunStatus, StuckReason};
use tenure_contract::{RunId, SessionId};
use tenure_engine::Motion;

/// Follows a session's run on after an interruption; lets a paused one go on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tenure resume ses_…\n\nA run goes on by itself once its data directory has an owner; this command is one while it follows."
)]
pub(super) struct Args {
    /// The session, or one of its runs.
    #[arg(value_name = "SESSION|RUN")]
    id: String,
    /// Waits for approvals instead of ending with status 3.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Live).await?;
    match find(&connection.client, &args.id).await {
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
