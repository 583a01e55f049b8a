//! `tenure cancel`: ends a run, or a session with its run, and says what became of its effects.

use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use serde_json::json;
use tenure_contract::resource::{CancelRun, Run, Session};
use tenure_contract::{RunId, SessionId};
use tenure_engine::Motion;

/// How long the end is waited for; an effect in flight may take its time.
const END_WAIT_MS: u64 = 10_000;

/// Ends a run, or a session with its run, and says what became of its effects.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure cancel run_… --reason \"no longer needed\"")]
pub(super) struct Args {
    /// The run, or the session.
    #[arg(value_name = "RUN|SESSION")]
    id: String,
    /// Why; kept in the journal.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Live).await?;
    let ended = match (args.id.parse::<RunId>(), args.id.parse::<SessionId>()) {
        (Ok(run), _) => cancel_run(&connection.client, run, args.reason).await.map(Some),
        (_, Ok(session)) => cancel_session(&connection.client, session, args.reason).await,
        (Err(_), Err(_)) => Err(Failure::usage(format!(
            "`{}` is neither a run `run_…` nor a session `ses_…`",
            args.id
        ))),
    };
    connection.close().await;
    match ended? {
        Some(run) if cx.json => println_json(&run),
        Some(run) => tell(&run),
        None if cx.json => println_json(&json!({ "cancelled": args.id })),
        None => outln(&format!("{} cancelled", args.id)),
    }
    Ok(Exit::Done)
}

async fn cancel_run(client: &Client, run: RunId, reason: Option<String>) -> Result<Run, Failure> {
    let asked: Run = client.post(&format!("/v1/runs/{run}/cancel"), &CancelRun { reason }).await?;
    if asked.status.is_final() {
        return Ok(asked);
    }
    Ok(client.get(&format!("/v1/runs/{run}?waitMs={END_WAIT_MS}")).await?)
}

/// The run in progress first; then the session, if it did not end with it.
async fn cancel_session(
    client: &Client,
    id: SessionId,
    reason: Option<String>,
) -> Result<Option<Run>, Failure> {
    let path = format!("/v1/sessions/{id}");
    let session: Session = client.get(&path).await?;
    let ended = match session.current_run_id {
        Some(run) => Some(cancel_run(client, run, reason.clone()).await?),
        None => None,
    };
    let session: Session = client.get(&path).await?;
    if !session.status.is_final() && session.current_run_id.is_none() {
        let body = json!({ "status": "cancelled", "reason": reason });
        client.post_only(&format!("{path}/end"), &body).await?;
    }
    Ok(ended)
}

fn tell(run: &Run) {
    match (run.status.is_final(), run.stop_receipt) {
        (true, Some(receipt)) => outln(&format!(
            "{} {}: {} steps never started, {} landed after the cancel, {} in doubt",
            run.run_id, run.status, receipt.stopped, receipt.landed_after, receipt.in_doubt
        )),
        (true, None) => outln(&format!("{} {}", run.run_id, run.status)),
        (false, _) => outln(&format!("{} ends once its effects in flight are settled", run.run_id)),
    }
}
