//! `tenure dispatch`: work that starts when its mode says: send it, list it, see it, give it up.

use super::print::{ago, brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use serde_json::{Value, json};
use tenure_contract::resource::{
    CancelDispatch, ContextChecked, CreateDispatch, Dispatch, DispatchSummary, DispatchWork, Page,
};
use tenure_contract::words::{DispatchMode, RecoveryClass, Surface};
use tenure_contract::{DispatchId, SessionId, Time};
use tenure_engine::Motion;

/// The product work is for when nothing is said.
const PRODUCT: &str = "tenure";

/// Dispatches work; checks, lists, shows and cancels dispatches.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure dispatch agent triage \"sort the inbox\" --mode queued --priority high\n  tenure dispatch intent ingest_file -p file=orders.csv --not-before 2026-12-01T08:00:00Z\n  tenure dispatch ls --open\n  tenure dispatch cancel dsp_…"
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Has an agent do a task.
    Agent {
        /// The agent.
        name: String,
        /// The task.
        task: String,
        /// Makes a task of that title in the session, and links the run to it.
        #[arg(long, value_name = "TITLE")]
        as_task: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Has an intent carried out.
    Intent {
        /// Its type.
        intent_type: String,
        /// A parameter; may be given more than once.
        #[arg(short, long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
        #[command(flatten)]
        how: How,
    },
    /// Checks a dispatch context and starts nothing.
    Validate {
        /// The context, as JSON.
        context: String,
    },
    /// Lists dispatches, the newest first.
    Ls {
        /// Only those that have not come to their end.
        #[arg(long)]
        open: bool,
        /// Where the page before ended: its `nextCursor`.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Shows a dispatch.
    Show {
        /// The dispatch.
        dispatch: DispatchId,
    },
    /// Gives a dispatch up before it starts.
    Cancel {
        /// The dispatch.
        dispatch: DispatchId,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// When, where and as what it starts.
#[derive(Debug, clap::Args)]
struct How {
    /// interactive, queued, scheduled or remote; `scheduled` when a time is given.
    #[arg(long)]
    mode: Option<DispatchMode>,
    /// urgent, high, normal or low; anything else counts as normal.
    #[arg(long)]
    priority: Option<String>,
    /// It starts no earlier.
    #[arg(long, value_name = "TIME")]
    not_before: Option<Time>,
    /// It does not start any more from then on.
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Time>,
    /// The session; a new one when nothing is said.
    #[arg(long)]
    session: Option<SessionId>,
    /// The product it is for.
    #[arg(long, default_value = PRODUCT)]
    product: String,
    /// The product it comes from.
    #[arg(long, default_value = PRODUCT)]
    from: String,
    /// Sent again under the same key it is the same dispatch; a new one when nothing is said.
    #[arg(long)]
    key: Option<String>,
    /// Where the tools of its new session execute: sandbox or local; a remote dispatch may name local
    /// and waits for its user's trusted executor.
    #[arg(long)]
    target: Option<String>,
    /// Whom it is for; whoever sends it when nothing is said.
    #[arg(long)]
    user: Option<String>,
    /// What may be done again when the executor of a remote dispatch is lost: read, idempotent or once.
    #[arg(long)]
    recovery: Option<RecoveryClass>,
    /// Who may decide approvals, as `kind:name`; may be given more than once.
    #[arg(long, value_name = "KIND:NAME")]
    approver: Vec<String>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match &args.verb {
        Verb::Validate { .. } | Verb::Ls { .. } | Verb::Show { .. } => Motion::Still,
        Verb::Agent { .. } | Verb::Intent { .. } | Verb::Cancel { .. } => Motion::Live,
    };
    let connection = cx.connect_existing(motion).await?;
    let done = perform(cx, &connection.client, args.verb).await;
    connection.close().await;
    done
}

async fn perform(cx: &Cx, client: &crate::client::Client, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Agent { name, task, as_task, how } => {
            let work = match as_task {
                Some(title) => DispatchWork::Task { title, agent: name },
                None => DispatchWork::Agent { name, version: None },
            };
            let request = how.request(work, json!({ "task": task }));
            show(cx, &client.post::<Dispatch>("/v1/dispatches", &request).await?);
        }
        Verb::Intent { intent_type, params, how } => {
            let work = DispatchWork::Intent { intent_type, solution_id: None };
            let request = how.request(work, super::run::parameters(&params)?);
            show(cx, &client.post::<Dispatch>("/v1/dispatches", &request).await?);
        }
        Verb::Validate { context } => {
            let given: Value = serde_json::from_str(&context)
                .map_err(|why| Failure::usage(format!("the context is not JSON: {why}")))?;
            let checked: ContextChecked = client.post("/v1/dispatch/validate", &given).await?;
            return Ok(validated(cx, &checked));
        }
        Verb::Ls { open, cursor } => {
            let mut path = "/v1/dispatches?limit=50".to_owned();
            path += &cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            path += if open { "&open=true" } else { "" };
            listed(cx, &client.get(&path).await?);
        }
        Verb::Show { dispatch } => {
            show(cx, &client.get::<Dispatch>(&format!("/v1/dispatches/{dispatch}")).await?);
        }
        Verb::Cancel { dispatch, reason } => {
            let path = format!("/v1/dispatches/{dispatch}/cancel");
            show(cx, &client.post::<Dispatch>(&path, &CancelDispatch { reason }).await?);
        }
    }
    Ok(Exit::Done)
}

impl How {
    fn request(self, work: DispatchWork, payload: Value) -> CreateDispatch {
        let by_time = match self.not_before {
            Some(_) => DispatchMode::Scheduled,
            None => DispatchMode::Interactive,
        };
        let context = json!({
            "originSurface": Surface::Desktop,
            "originProductId": self.from,
            "dispatchMode": self.mode.unwrap_or(by_time),
            "initiatedAt": tenure_engine::Clock::system().now(),
        });
        CreateDispatch {
            tenant_id: None,
            product_id: self.product,
            user_id: self.user,
            session_id: self.session,
            task_id: None,
            work,
            payload,
            context,
            priority: self.priority,
            not_before: self.not_before,
            expires_at: self.expires_at,
            input_policy: None,
            execution_target: self.target,
            recovery_class: self.recovery,
            approvers: self.approver,
            idempotency_key: Some(
                self.key.unwrap_or_else(|| format!("cli-{:032x}", rand::random::<u128>())),
            ),
        }
    }
}

fn validated(cx: &Cx, checked: &ContextChecked) -> Exit {
    if cx.json {
        println_json(checked);
    } else if checked.valid {
        outln("valid");
    } else {
        for problem in &checked.problems {
            outln(&format!("{}: {}", problem.field, problem.message));
        }
    }
    if checked.valid { Exit::Done } else { Exit::Usage }
}

fn listed(cx: &Cx, page: &Page<DispatchSummary>) {
    if cx.json {
        return println_json(page);
    }
    if page.items.is_empty() {
        eprintln!("none");
        return;
    }
    outln(&table(COLUMNS, page.items.iter().map(row)));
    if let Some(cursor) = &page.next_cursor {
        eprintln!("there are more: add --cursor {cursor}");
    }
}

/// The columns of a list of dispatches.
pub(super) const COLUMNS: &[&str] =
    &["dispatch", "mode", "status", "product", "priority", "made", "work"];

pub(super) fn row(one: &DispatchSummary) -> Vec<String> {
    vec![
        one.dispatch_id.to_string(),
        one.mode.to_string(),
        one.status.to_string(),
        one.product_id.clone(),
        one.priority.clone().unwrap_or_default(),
        ago(one.created_at),
        brief(&one.name, 60),
    ]
}

fn show(cx: &Cx, one: &Dispatch) {
    if cx.json {
        return println_json(one);
    }
    let mode = one.context.dispatch_mode;
    outln(&format!("dispatch {}  {mode}  {}", one.dispatch_id, one.status));
    if let Some(reason) = &one.reason {
        outln(&format!("  because: {}", brief(reason, 200)));
    }
    if let Some(executor) = one.claimed_by {
        outln(&format!("  executor {executor} has it"));
    }
    if let Some(at) = one.not_before {
        outln(&format!("  not before {at}"));
    }
    if let Some(run) = one.run_id {
        outln(&format!("  run {run}; `tenure resume {run}` follows it"));
    }
}
