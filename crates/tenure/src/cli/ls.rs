//! `tenure ls`: one table for each kind of thing, over all products of the tenant (`OPR-1`).

mod filters;

pub(super) use filters::Filters;

use super::print::{ago, table, took};
use super::{Cx, Exit, Failure, approvals, dispatch, handoff, outln, println_json, schedule, task};
use crate::client::Client;
use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenure_contract::SessionId;
use tenure_contract::resource::{Agent, DoubtSummary, Page, RunSummary, SessionSummary};
use tenure_engine::Motion;

/// Lists sessions, runs, tasks, dispatches, schedules, approvals, steps in doubt, handoffs or agents, the
/// newest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure ls\n  tenure ls runs --open\n  tenure ls runs --product shop --status failed\n  tenure ls tasks --user ada\n  tenure ls doubts --json\n\n`tenure inbox` shows only what needs a person."
)]
pub(super) struct Args {
    /// What to list.
    #[arg(value_enum, default_value_t = What::Sessions)]
    what: What,
    /// Only what has not ended.
    #[arg(long)]
    open: bool,
    /// Only those in this status.
    #[arg(long)]
    status: Option<String>,
    /// Only those of this session.
    #[arg(long)]
    session: Option<SessionId>,
    #[command(flatten)]
    filters: Filters,
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
    Tasks,
    Dispatches,
    Schedules,
    Approvals,
    Doubts,
    Handoffs,
    Agents,
}

impl Args {
    fn path(&self) -> Result<String, Failure> {
        let Filters { product, user } = &self.filters;
        let narrowed = self.open || self.status.is_some() || self.session.is_some();
        let noun = match self.what {
            What::Sessions if self.session.is_some() => {
                return Err(Failure::usage(
                    "`--session` narrows other lists than that of sessions",
                ));
            }
            What::Doubts if self.status.is_some() => {
                return Err(Failure::usage(
                    "steps in doubt have no `--status`; `--open` shows those that wait",
                ));
            }
            What::Agents if narrowed || product.is_some() || user.is_some() => {
                return Err(Failure::usage(
                    "agents belong to the whole tenant and are listed whole; leave the filters out",
                ));
            }
            What::Handoffs if user.is_some() => {
                return Err(Failure::usage(
                    "handoffs are between two and have no `--user`; `--product` shows those offered to one",
                ));
            }
            What::Sessions => "sessions",
            What::Runs => "runs",
            What::Tasks => "tasks",
            What::Dispatches => "dispatches",
            What::Schedules => "schedules",
            What::Approvals => "approvals",
            What::Doubts => "doubts",
            What::Handoffs => "handoffs",
            What::Agents => return Ok("/v1/agents".to_owned()),
        };
        let (limit, session) = (self.limit.to_string(), self.session.map(|id| id.to_string()));
        let more = [
            ("limit", Some(limit.as_str())),
            ("open", self.open.then_some("true")),
            ("status", self.status.as_deref()),
            ("session", session.as_deref()),
            ("cursor", self.cursor.as_deref()),
            ("toProduct", product.as_deref().filter(|_| self.what == What::Handoffs)),
        ];
        if self.what == What::Handoffs {
            return Ok(Filters::default().path(noun, &more));
        }
        Ok(self.filters.path(noun, &more))
    }
}

/// The columns of a list of sessions.
const SESSIONS: &[&str] = &["session", "status", "product", "user", "started"];
/// Of runs.
const RUNS: &[&str] = &["run", "status", "kind", "name", "reason", "submitted", "took", "session"];
/// Of steps in doubt.
const DOUBTS: &[&str] = &["step", "status", "cause", "since", "run", "session"];

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let path = args.path()?;
    let connection = cx.connect_existing(Motion::Still).await?;
    let client = &connection.client;
    let listed = match args.what {
        What::Sessions => list(cx, client, &path, SESSIONS, session).await,
        What::Runs => list(cx, client, &path, RUNS, run_row).await,
        What::Tasks => list(cx, client, &path, task::COLUMNS, task::row).await,
        What::Dispatches => list(cx, client, &path, dispatch::COLUMNS, dispatch::row).await,
        What::Schedules => list(cx, client, &path, schedule::COLUMNS, schedule::row).await,
        What::Approvals => list(cx, client, &path, approvals::COLUMNS, approvals::row).await,
        What::Doubts => list(cx, client, &path, DOUBTS, doubt).await,
        What::Handoffs => list(cx, client, &path, handoff::COLUMNS, handoff::row).await,
        What::Agents => list(cx, client, &path, &["agent", "version"], agent).await,
    };
    connection.close().await;
    listed?;
    Ok(Exit::Done)
}

pub(super) async fn list<T: DeserializeOwned + Serialize>(
    cx: &Cx,
    client: &Client,
    path: &str,
    columns: &[&str],
    row: fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    let page: Page<T> = client.get(path).await?;
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
        session.product_id.clone(),
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
