//! `tenure schedule`: work that starts at its time or by turn: make it, extend it, see it, hold it,
//! give it up.

use super::ls::{Filters, list};
use super::print::{ago, brief};
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use clap::Subcommand;
use serde_json::{Value, json};
use tenure_contract::resource::{
    AddScheduleEntry, CancelSchedule, CreateSchedule, DispatchWork, MoveScheduleEntry, Schedule,
    ScheduleEntry, ScheduleSummary,
};
use tenure_contract::words::{MissedPolicy, ScheduleEntryKind};
use tenure_contract::{ScheduleId, SessionId, TaskId, Time};
use tenure_engine::Motion;

/// Makes schedules and adds entries to them; lists, shows, pauses, resumes and cancels them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure schedule add \"nightly\" --agent triage --task \"sort the inbox\" --at 2026-12-01T02:00:00Z --at 2026-12-02T02:00:00Z\n  tenure schedule add \"backlog\" --intent ingest_file -p file=orders.csv\n  tenure schedule extend sch_… --at 2026-12-03T02:00:00Z\n  tenure schedule show sch_…\n  tenure schedule cancel sch_… --entry 2\n\nThis server carries entries out. Work for an executor is sent as a dispatch: \
                  `tenure dispatch … --mode remote --not-before TIME`."
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes a schedule: an entry for each time given; without one a queued entry, due at once.
    Add {
        /// What it is called.
        title: String,
        #[command(flatten)]
        what: What,
        /// When an entry is due; may be given more than once.
        #[arg(long, value_name = "TIME")]
        at: Vec<Time>,
        /// The session its runs belong to; each entry has a new one when nothing is said.
        #[arg(long)]
        session: Option<SessionId>,
        /// The product its runs are for.
        #[arg(long)]
        product: Option<String>,
        /// What becomes of entries whose time passes while nothing can start them: run or skip.
        #[arg(long)]
        missed: Option<MissedPolicy>,
        /// Who may decide approvals of sessions made for it, as `kind:name`; may be given more than once.
        #[arg(long, value_name = "KIND:NAME")]
        approver: Vec<String>,
        /// Sent again under the same key it is the same schedule; a new one when nothing is said.
        #[arg(long)]
        key: Option<String>,
    },
    /// Adds an entry; what it does not say is the schedule's.
    Extend {
        /// The schedule.
        schedule: ScheduleId,
        #[command(flatten)]
        what: What,
        /// When it is due; at once, and then by turn, when nothing is said.
        #[arg(long, value_name = "TIME")]
        at: Option<Time>,
        /// The task of the schedule's session it is a try of.
        #[arg(long, value_name = "TASK")]
        task_id: Option<TaskId>,
        /// Sent again under the same key it is the same entry; another one when nothing is said.
        #[arg(long)]
        key: Option<String>,
    },
    /// Lists schedules, the newest first; `tenure ls schedules` narrows the list further.
    Ls {
        /// Only those that are active or paused.
        #[arg(long)]
        open: bool,
        /// Where the page before ended: its `nextCursor`.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Shows a schedule: each entry, what became of it, or why it waits.
    Show {
        /// The schedule.
        schedule: ScheduleId,
    },
    /// Has a pending entry be due at another time.
    Move {
        /// The schedule.
        schedule: ScheduleId,
        /// The entry's number.
        entry: u32,
        /// When it is due.
        #[arg(long, value_name = "TIME")]
        at: Time,
    },
    /// Holds its entries until it is resumed.
    Pause {
        /// The schedule.
        schedule: ScheduleId,
    },
    /// Lets a paused one go on.
    Resume {
        /// The schedule.
        schedule: ScheduleId,
    },
    /// Gives it up, or one of its entries.
    Cancel {
        /// The schedule.
        schedule: ScheduleId,
        /// Only this entry.
        #[arg(long)]
        entry: Option<u32>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// What is done.
#[derive(Debug, clap::Args)]
struct What {
    /// The agent that does it.
    #[arg(long, conflicts_with = "intent")]
    agent: Option<String>,
    /// The agent's task.
    #[arg(long, conflicts_with = "intent")]
    task: Option<String>,
    /// The type of the intent that is carried out.
    #[arg(long)]
    intent: Option<String>,
    /// A parameter of the intent; may be given more than once.
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// urgent, high, normal or low; anything else counts as normal.
    #[arg(long)]
    priority: Option<String>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match &args.verb {
        Verb::Ls { .. } | Verb::Show { .. } => Motion::Still,
        Verb::Add { .. }
        | Verb::Extend { .. }
        | Verb::Move { .. }
        | Verb::Pause { .. }
        | Verb::Resume { .. }
        | Verb::Cancel { .. } => Motion::Live,
    };
    let connection = cx.connect_existing(motion).await?;
    let done = perform(cx, &connection.client, args.verb).await;
    connection.close().await;
    done.map(|()| Exit::Done)
}

async fn perform(cx: &Cx, client: &Client, verb: Verb) -> Result<(), Failure> {
    let at_entry =
        |schedule: ScheduleId, entry: u32| format!("/v1/schedules/{schedule}/entries/{entry}");
    let shown: Schedule = match verb {
        Verb::Add { title, what, at, session, product, missed, approver, key } => {
            if what.work().is_none() {
                let told = "what is to be done? say `--intent TYPE`, or `--agent NAME --task TEXT`";
                return Err(Failure::usage(told));
            }
            let entries = match at.as_slice() {
                [] => vec![entry(None)],
                times => times.iter().map(|at| entry(Some(*at))).collect(),
            };
            let request = CreateSchedule {
                tenant_id: None,
                product_id: product,
                user_id: None,
                title,
                session_id: session,
                priority: what.priority.clone(),
                payload: what.payload()?,
                work: what.work(),
                input_policy: None,
                execution_target: None,
                approvers: approver,
                missed_policy: missed,
                entries,
            };
            client.post_keyed("/v1/schedules", &request, Some(&keyed(key))).await?
        }
        Verb::Extend { schedule, what, at, task_id, key } => {
            let request = AddScheduleEntry {
                work: what.work(),
                payload: what.payload()?,
                priority: what.priority,
                task_id,
                ..entry(at)
            };
            let path = format!("/v1/schedules/{schedule}/entries");
            client.post_keyed(&path, &request, Some(&keyed(key))).await?
        }
        Verb::Ls { open, cursor } => {
            let open = open.then_some("true");
            let asked = [("limit", Some("50")), ("cursor", cursor.as_deref()), ("open", open)];
            let path = Filters::default().path("schedules", &asked);
            return list(cx, client, &path, COLUMNS, row).await;
        }
        Verb::Show { schedule } => return see(cx, client, schedule).await,
        Verb::Move { schedule, entry, at } => {
            client.patch(&at_entry(schedule, entry), &MoveScheduleEntry { at }).await?
        }
        Verb::Pause { schedule } => {
            client.post(&format!("/v1/schedules/{schedule}/pause"), &json!({})).await?
        }
        Verb::Resume { schedule } => {
            client.post(&format!("/v1/schedules/{schedule}/resume"), &json!({})).await?
        }
        Verb::Cancel { schedule, entry, reason } => {
            let path = match entry {
                Some(entry) => at_entry(schedule, entry),
                None => format!("/v1/schedules/{schedule}"),
            };
            client.post(&format!("{path}/cancel"), &CancelSchedule { reason }).await?
        }
    };
    show(cx, &shown);
    Ok(())
}

/// Shows a schedule: what became of its entries, or why they wait.
pub(super) async fn see(cx: &Cx, client: &Client, id: ScheduleId) -> Result<(), Failure> {
    show(cx, &client.get(&format!("/v1/schedules/{id}")).await?);
    Ok(())
}

fn keyed(key: Option<String>) -> String {
    key.unwrap_or_else(|| format!("cli-{:032x}", rand::random::<u128>()))
}

fn entry(at: Option<Time>) -> AddScheduleEntry {
    let kind = if at.is_some() { ScheduleEntryKind::At } else { ScheduleEntryKind::Queued };
    AddScheduleEntry { kind, at, work: None, payload: Value::Null, priority: None, task_id: None }
}

impl What {
    fn work(&self) -> Option<DispatchWork> {
        let agent = |name: &String| DispatchWork::Agent { name: name.clone(), version: None };
        let intent = |intent_type: &String| DispatchWork::Intent {
            intent_type: intent_type.clone(),
            solution_id: None,
        };
        self.agent.as_ref().map(agent).or_else(|| self.intent.as_ref().map(intent))
    }

    fn payload(&self) -> Result<Value, Failure> {
        match &self.task {
            Some(task) => Ok(json!({ "task": task })),
            None if self.params.is_empty() && self.intent.is_none() => Ok(Value::Null),
            None => super::run::parameters(&self.params),
        }
    }
}

/// The columns of a list of schedules.
pub(super) const COLUMNS: &[&str] = &["schedule", "status", "product", "missed", "made", "title"];

pub(super) fn row(one: &ScheduleSummary) -> Vec<String> {
    vec![
        one.schedule_id.to_string(),
        one.status.to_string(),
        one.product_id.clone(),
        one.missed_policy.to_string(),
        ago(one.created_at),
        brief(&one.title, 60),
    ]
}

fn show(cx: &Cx, one: &Schedule) {
    if cx.json {
        return println_json(one);
    }
    outln(&format!("schedule {}  {}  {}", one.schedule_id, one.status, brief(&one.title, 60)));
    if let Some(reason) = &one.reason {
        outln(&format!("  because: {}", brief(reason, 200)));
    }
    match &one.entries {
        None => outln("  it ended long ago; its entries stand in the ledger's journal"),
        Some(entries) => entries.iter().for_each(show_entry),
    }
}

fn show_entry(one: &ScheduleEntry) {
    let when = one.at.map_or_else(|| one.kind.to_string(), |at| at.to_string());
    let late = one.late_ms.filter(|late| *late > 0).map(|late| format!("  {late} ms late"));
    outln(&format!("  {:>3}  {when}  {}{}", one.entry, one.status, late.unwrap_or_default()));
    if let Some(reason) = &one.reason {
        outln(&format!("       because: {}", brief(reason, 200)));
    }
    if let Some(waiting) = &one.waiting_for {
        outln(&format!("       waits ({}): {}", waiting.reason, waiting.text));
    }
    if let (Some(dispatch), Some(status), None) = (one.dispatch_id, one.dispatch_status, one.run_id)
    {
        outln(&format!("       dispatch {dispatch}  {status}, without a run"));
    }
    if let Some(run) = one.run_id {
        outln(&format!("       run {run}; `tenure resume {run}` follows it"));
    }
}
