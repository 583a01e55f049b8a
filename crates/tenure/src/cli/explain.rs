//! `tenure explain`: why something is not moving, in one typed reason, and what is possible now.

mod other;

use super::follow::how_to_move;
use super::subject::Subject;
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use tenure_contract::SessionId;
use tenure_contract::resource::{Page, Run, RunSummary, Session};
use tenure_engine::Motion;

/// Says why a run, session, task, approval, dispatch, schedule or handoff is not moving, and what is
/// possible now; without an id, for all open runs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure explain\n  tenure explain run_… --json\n  tenure explain dsp_…"
)]
pub(super) struct Args {
    /// What is meant; of a session its current run.
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let subject = args.id.as_deref().map(Subject::read).transpose()?;
    let connection = cx.connect_existing(Motion::Still).await?;
    let motion = connection.motion();
    let told = match subject {
        None => all(cx, &connection.client, motion).await,
        Some(Subject::Session(session)) => {
            of_session(cx, &connection.client, (session, motion)).await
        }
        Some(Subject::Run(run)) => of_run(cx, &connection.client, (run, motion)).await,
        // of each entry it says why it waits
        Some(Subject::Schedule(id)) => super::schedule::see(cx, &connection.client, id).await,
        Some(other) => other::explain(cx, &connection.client, (other, motion)).await,
    };
    connection.close().await;
    told?;
    Ok(Exit::Done)
}

async fn all(cx: &Cx, client: &Client, motion: Motion) -> Result<(), Failure> {
    let page: Page<RunSummary> = client.get("/v1/runs?open=true&limit=200").await?;
    let mut runs: Vec<Run> = Vec::new();
    for run in &page.items {
        runs.push(client.get(&format!("/v1/runs/{}", run.run_id)).await?);
    }
    if cx.json {
        let told: Vec<_> = runs.iter().map(|run| explained(run, motion)).collect();
        println_json(&serde_json::json!({ "items": told }));
        return Ok(());
    }
    if runs.is_empty() {
        outln("no run is open");
    }
    runs.iter().for_each(|run| tell(run, motion));
    Ok(())
}

async fn of_run(
    cx: &Cx,
    client: &Client,
    (run, motion): (tenure_contract::RunId, Motion),
) -> Result<(), Failure> {
    let run: Run = client.get(&format!("/v1/runs/{run}")).await?;
    if cx.json {
        println_json(&explained(&run, motion));
    } else {
        tell(&run, motion);
    }
    Ok(())
}

async fn of_session(
    cx: &Cx,
    client: &Client,
    (session, motion): (SessionId, Motion),
) -> Result<(), Failure> {
    let found: Session = client.get(&format!("/v1/sessions/{session}")).await?;
    let run = found.current_run_id.ok_or_else(|| {
        Failure::usage(format!(
            "session `{session}` has no run in progress; it is {}",
            found.status
        ))
    })?;
    of_run(cx, client, (run, motion)).await
}

fn tell(run: &Run, motion: Motion) {
    outln(&format!("{}  {}", run.run_id, run.status));
    let how = how_to_move(run, motion);
    if how.is_empty() && run.status.is_final() {
        let why = run.stop_reason.map(|why| format!(": {why}")).unwrap_or_default();
        outln(&format!("          it has ended{why}"));
    } else if how.is_empty() {
        outln("          it is moving: nothing holds it up");
    }
    how.iter().for_each(|line| outln(line));
}

fn explained(run: &Run, motion: Motion) -> serde_json::Value {
    serde_json::json!({
        "runId": run.run_id, "sessionId": run.session_id, "status": run.status, "waitingFor": run.waiting_for,
        "possible": how_to_move(run, motion).iter().skip(1).map(|line| line.trim()).collect::<Vec<_>>(),
    })
}
