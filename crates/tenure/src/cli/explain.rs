//! `tenure explain`: why a run is not moving, in one typed reason, and what is possible now.

use super::follow::how_to_move;
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use tenure_contract::resource::{Page, Run, RunSummary, Session};
use tenure_contract::{RunId, SessionId};
use tenure_engine::Motion;

/// Says why a run is not moving, and what is possible now; without an id, for all open runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tenure explain\n  tenure explain run_… --json")]
pub(super) struct Args {
    /// The run, or the session whose current run is meant.
    #[arg(value_name = "RUN|SESSION")]
    id: Option<String>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let found = find(&connection.client, args.id.as_deref()).await;
    let motion = connection.motion();
    connection.close().await;
    let runs = found?;
    if cx.json {
        let told: Vec<_> = runs.iter().map(|run| explained(run, motion)).collect();
        match (&args.id, told.as_slice()) {
            (Some(_), [one]) => println_json(one),
            _ => println_json(&serde_json::json!({ "items": told })),
        }
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        outln("no run is open");
    }
    for run in &runs {
        outln(&format!("{}  {}", run.run_id, run.status));
        let how = how_to_move(run, motion);
        if how.is_empty() {
            outln("          it is moving: nothing holds it up");
        }
        how.iter().for_each(|line| outln(line));
    }
    Ok(Exit::Done)
}

fn explained(run: &Run, motion: Motion) -> serde_json::Value {
    serde_json::json!({
        "runId": run.run_id, "sessionId": run.session_id, "status": run.status, "waitingFor": run.waiting_for,
        "possible": how_to_move(run, motion).iter().skip(1).map(|line| line.trim()).collect::<Vec<_>>(),
    })
}

async fn find(client: &Client, id: Option<&str>) -> Result<Vec<Run>, Failure> {
    let ids = match id {
        None => {
            let page: Page<RunSummary> = client.get("/v1/runs?open=true&limit=200").await?;
            page.items.iter().map(|run| run.run_id).collect()
        }
        Some(id) => vec![one(client, id).await?],
    };
    let mut runs = Vec::new();
    for id in ids {
        runs.push(client.get(&format!("/v1/runs/{id}")).await?);
    }
    Ok(runs)
}

async fn one(client: &Client, id: &str) -> Result<RunId, Failure> {
    match (id.parse::<RunId>(), id.parse::<SessionId>()) {
        (Ok(run), _) => Ok(run),
        (_, Ok(session)) => {
            let found: Session = client.get(&format!("/v1/sessions/{session}")).await?;
            found.current_run_id.ok_or_else(|| {
                Failure::usage(format!(
                    "session `{session}` has no run in progress; it is {}",
                    found.status
                ))
            })
        }
        (Err(_), Err(_)) => {
            Err(Failure::usage(format!("`{id}` is neither a run `run_…` nor a session `ses_…`")))
        }
    }
}
