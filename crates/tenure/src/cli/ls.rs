//! `tenure ls`: sessions, runs, steps in doubt, agents, one table each.

use super::print::{ago, table, took};
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenure_contract::resource::{Agent, DoubtSummary, Page, RunSummary, SessionSummary};
use tenure_engine::Motion;

/// Lists sessions, runs, steps in doubt or agents, the newest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure ls\n  tenure ls runs --open\n  tenure ls doubts --json"
)]
pub(super) struct Args {
    /// What to list.
    #[arg(value_enum, default_value_t = What::Sessions)]
    what: What,
    /// Only what has not ended.
    #[arg(long)]
    open: bool,
    /// Rows at the most, 1 to 200.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Where the page before ended: its `nextCursor`.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Sessions,
    Runs,
    Doubts,
    Agents,
}

impl Args {
    fn path(&self) -> String {
        let noun = match self.what {
            What::Sessions => "sessions",
            What::Runs => "runs",
            What::Doubts => "doubts",
            What::Agents => return "/v1/agents".to_owned(),
        };
        let open = if self.open { "&open=true" } else { "" };
        let cursor =
            self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        format!("/v1/{noun}?limit={}{open}{cursor}", self.limit)
    }
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let client = &connection.client;
    let listed = match args.what {
        What::Sessions => {
            list(cx, client, &args, &["session", "status", "user", "started"], session).await
        }
        What::Runs => {
            list(
                cx,
                client,
                &args,
                &["run", "status", "kind", "name", "reason", "submitted", "took", "session"],
                run_row,
            )
            .await
        }
        What::Doubts => {
            list(cx, client, &args, &["step", "status", "cause", "since", "run", "session"], doubt)
                .await
        }
        What::Agents => list(cx, client, &args, &["agent", "version"], agent).await,
    };
    connection.close().await;
    listed?;
    Ok(Exit::Done)
}

async fn list<T: DeserializeOwned + Serialize>(
    cx: &Cx,
    client: &Client,
    args: &Args,
    columns: &[&str],
    row: fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    let page: Page<T> = client.get(&args.path()).await?;
    if cx.json {
        println_json(&page);
        return Ok(());
    }
    if page.items.is_empty() {
        eprintln!("none");
        return Ok(());
    }
    outln(&table(columns, page.items.iter().map(row)));
    if let Some(cursor) = page.next_cursor {
        eprintln!("there are more: add --cursor {cursor}");
    }
    Ok(())
}

fn session(session: &SessionSummary) -> Vec<String> {
    vec![
        session.session_id.to_string(),
        session.status.to_string(),
        session.user_id.clone(),
        ago(session.started_at),
    ]
}

fn run_row(run: &RunSummary) -> Vec<String> {
    vec![
        run.run_id.to_string(),
        run.status.to_string(),
        run.kind.clone(),
        run.name.clone(),
        run.reason.clone().unwrap_or_default(),
        ago(run.created_at),
        run.completed_at.map(|at| took(at.ms_since(run.created_at))).unwrap_or_default(),
        run.session_id.to_string(),
    ]
}

fn doubt(doubt: &DoubtSummary) -> Vec<String> {
    vec![
        doubt.step_id.to_string(),
        doubt.status.clone(),
        doubt.cause.clone().unwrap_or_default(),
        ago(doubt.created_at),
        doubt.run_id.to_string(),
        doubt.session_id.to_string(),
    ]
}

fn agent(agent: &Agent) -> Vec<String> {
    vec![agent.name.clone(), agent.version.to_string()]
}
