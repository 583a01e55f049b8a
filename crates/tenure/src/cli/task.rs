//! `tenure task`: the work a person would recognise: make it, list it, change it, try it again.

use super::print::{ago, brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::resource::{
    Accepted, Change, ChangeTask, CreateTask, Page, Task, TaskSummary,
};
use tenure_contract::words::TaskStatus;
use tenure_contract::{SessionId, TaskId, WorkspaceId};
use tenure_engine::Motion;

/// Makes, lists, shows, changes and retries tasks.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure task new ses_… \"sweep the yard\" --priority high\n  tenure task ls --open --by-priority\n  tenure task set tsk_… --status blocked\n  tenure task retry tsk_…"
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes a task in a session.
    New {
        /// The session.
        session: SessionId,
        /// What it is called.
        title: String,
        /// What it is for, when the title does not say it all.
        #[arg(long)]
        intent: Option<String>,
        /// Any text; urgent, high, normal and low rank it.
        #[arg(long)]
        priority: Option<String>,
        /// The workspace that takes the place of its session's.
        #[arg(long)]
        workspace: Option<WorkspaceId>,
    },
    /// Lists tasks, the newest first.
    Ls {
        /// Only those of this session.
        #[arg(long)]
        session: Option<SessionId>,
        /// Only those that are not over.
        #[arg(long)]
        open: bool,
        /// The most urgent first.
        #[arg(long)]
        by_priority: bool,
        /// Where the page before ended: its `nextCursor`.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Shows a task.
    Show {
        /// The task.
        task: TaskId,
    },
    /// Changes a task; `none` clears a priority.
    Set {
        /// The task.
        task: TaskId,
        /// What it is called.
        #[arg(long)]
        title: Option<String>,
        /// Its priority.
        #[arg(long)]
        priority: Option<String>,
        /// Where it is to stand, if it follows no run.
        #[arg(long)]
        status: Option<TaskStatus>,
    },
    /// Tries a failed task again, as a new run.
    Retry {
        /// The task.
        task: TaskId,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.verb {
        Verb::Ls { .. } | Verb::Show { .. } => Motion::Still,
        Verb::New { .. } | Verb::Set { .. } | Verb::Retry { .. } => Motion::Live,
    };
    let connection = cx.connect_existing(motion).await?;
    let done = perform(cx, &connection.client, args.verb).await;
    connection.close().await;
    done.map(|()| Exit::Done)
}

async fn perform(cx: &Cx, client: &crate::client::Client, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::New { session, title, intent, priority, workspace } => {
            let request = CreateTask { title, intent, priority, workspace };
            let path = format!("/v1/sessions/{session}/tasks");
            show(cx, &client.post::<Task>(&path, &request).await?);
        }
        Verb::Ls { session, open, by_priority, cursor } => {
            let mut path = "/v1/tasks?limit=50".to_owned();
            path += &session.map(|session| format!("&session={session}")).unwrap_or_default();
            path += &cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            path += if open { "&open=true" } else { "" };
            path += if by_priority { "&sort=priority" } else { "" };
            listed(cx, &client.get(&path).await?);
        }
        Verb::Show { task } => show(cx, &client.get::<Task>(&format!("/v1/tasks/{task}")).await?),
        Verb::Set { task, title, priority, status } => {
            let priority = match priority.as_deref() {
                None => Change::Keep,
                Some("none") => Change::Clear,
                Some(text) => Change::Set(text.to_owned()),
            };
            let request = ChangeTask { title, priority, status, ..ChangeTask::default() };
            show(cx, &client.patch::<Task>(&format!("/v1/tasks/{task}"), &request).await?);
        }
        Verb::Retry { task } => {
            let path = format!("/v1/tasks/{task}/retry");
            let accepted: Accepted = client.post(&path, &serde_json::json!({})).await?;
            if cx.json {
                println_json(&accepted);
            } else {
                outln(&format!("run {}; `tenure resume {0}` follows it", accepted.run_id));
            }
        }
    }
    Ok(())
}

fn listed(cx: &Cx, page: &Page<TaskSummary>) {
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

/// The columns of a list of tasks.
pub(super) const COLUMNS: &[&str] = &["task", "status", "priority", "made", "title", "session"];

pub(super) fn row(task: &TaskSummary) -> Vec<String> {
    vec![
        task.task_id.to_string(),
        task.status.to_string(),
        task.priority.clone().unwrap_or_default(),
        ago(task.created_at),
        brief(&task.title, 80),
        task.session_id.to_string(),
    ]
}

fn show(cx: &Cx, task: &Task) {
    if cx.json {
        return println_json(task);
    }
    outln(&format!("task {}  {}  {}", task.task_id, task.status, brief(&task.title, 100)));
    if let Some(intent) = task.intent.as_ref().filter(|intent| **intent != task.title) {
        outln(&format!("  for: {}", brief(intent, 200)));
    }
    if let Some(priority) = &task.priority {
        outln(&format!("  priority: {priority}"));
    }
    if let Some(run) = task.run_id {
        outln(&format!("  run {run}, try {}", task.attempts));
    }
}
