//! `tenure show`: a session or a run as a picture: every step with its attempts and times.

mod tree;

use super::print::{brief, outln, println_json, took};
use super::subject::Subject;
use super::{Cx, Exit, Failure, handoff};
use crate::client::Client;
use crate::connection::Connection;
use serde_json::json;
use tenure_contract::resource::{Page, Run, RunSummary, Session, Step};
use tenure_contract::words::{RunStatus, StepStatus};
use tenure_contract::{RunId, SessionId, Time};
use tenure_engine::Motion;

/// Columns of the timeline.
const TIMELINE_COLUMNS: u64 = 28;

/// Shows a session or a run: every step with its status, attempts and times; or a handoff.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure show ses_…\n  tenure show ses_… --tree\n\n✓ landed  ✗ failed  ! in doubt  … under way  ■ given up"
)]
pub(super) struct Args {
    /// The session, the run, the schedule or the handoff; of a task, an approval or a dispatch the run it
    /// belongs to.
    #[arg(value_name = "ID")]
    id: String,
    /// Draws the session as a tree: tasks, runs, steps, approvals, todos.
    #[arg(long)]
    tree: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let subject = Subject::read(&args.id)?;
    let connection = cx.connect_existing(Motion::Still).await?;
    let shown = match args.tree {
        true => match subject.session(&connection.client).await {
            Ok(session) => tree::show(cx.json, &connection.client, session).await,
            Err(failure) => Err(failure),
        },
        false => show(cx, &connection, subject).await,
    };
    connection.close().await;
    shown?;
    Ok(Exit::Done)
}

async fn show(cx: &Cx, connection: &Connection, subject: Subject) -> Result<(), Failure> {
    match subject {
        Subject::Session(session) => show_session(cx, connection, session).await,
        Subject::Run(run) => show_run(cx, connection, run).await,
        Subject::Handoff(handoff) => handoff::see(cx, &connection.client, handoff).await,
        Subject::Schedule(id) => super::schedule::see(cx, &connection.client, id).await,
        Subject::Task(_) | Subject::Approval(_) | Subject::Dispatch(_) => {
            match subject.run(&connection.client).await? {
                Some(run) => show_run(cx, connection, run).await,
                None => {
                    let told = format!("{subject} has no run; `tenure explain {subject}` says why");
                    Err(Failure::usage(told))
                }
            }
        }
    }
}

async fn show_run(cx: &Cx, connection: &Connection, id: RunId) -> Result<(), Failure> {
    let (run, steps) = told(&connection.client, id).await?;
    if cx.json {
        println_json(&json!({ "run": run, "steps": steps }));
    } else {
        picture(&run, &steps, connection.motion()).iter().for_each(|line| outln(line));
    }
    Ok(())
}

async fn show_session(cx: &Cx, connection: &Connection, id: SessionId) -> Result<(), Failure> {
    let client = &connection.client;
    let session: Session = client.get(&format!("/v1/sessions/{id}")).await?;
    let page: Page<RunSummary> = client.get(&format!("/v1/runs?session={id}&limit=200")).await?;
    let offer = handoff::open_of(client, id).await?;
    let mut runs = Vec::new();
    for summary in page.items.iter().rev() {
        runs.push(told(client, summary.run_id).await?);
    }
    if cx.json {
        let runs: Vec<_> =
            runs.iter().map(|(run, steps)| json!({ "run": run, "steps": steps })).collect();
        println_json(&json!({ "session": session, "runs": runs, "handoff": offer }));
        return Ok(());
    }
    outln(&format!(
        "session {}  {}  for {} in {}, since {}",
        session.session_id, session.status, session.user_id, session.product_id, session.started_at
    ));
    outln(&format!(
        "journal of {} entries, {} approvals, {} artifacts",
        session.seq,
        session.approval_refs.len(),
        session.artifact_refs.len()
    ));
    if let Some(offer) = &offer {
        outln(&handoff::stands(offer));
    }
    for (run, steps) in &runs {
        outln("");
        picture(run, steps, connection.motion()).iter().for_each(|line| outln(line));
    }
    Ok(())
}

async fn told(client: &Client, id: RunId) -> Result<(Run, Vec<Step>), Failure> {
    let run: Run = client.get(&format!("/v1/runs/{id}")).await?;
    let steps: Page<Step> = client.get(&format!("/v1/runs/{id}/steps")).await?;
    Ok((run, steps.items))
}

fn picture(run: &Run, steps: &[Step], motion: Motion) -> Vec<String> {
    let what = run.agent.as_deref().or(run.intent_type.as_deref()).unwrap_or("?");
    let what = what.split_once('@').map_or(what, |(name, _)| name);
    let reason = run.stop_reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let mut lines = vec![format!("run {}  {what}  {}{reason}", run.run_id, run.status)];
    let span = span(run, steps);
    let widest = steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0).min(24);
    for (place, step) in steps.iter().enumerate() {
        let corner = if place + 1 == steps.len() { "└" } else { "├" };
        lines.push(format!("{corner} {}", step_line(step, widest, span)));
    }
    let stands = matches!(run.status, RunStatus::Running | RunStatus::Queued);
    if stands && motion == Motion::Still {
        lines.push(format!("  ▌▌ nothing moves it now; tenure resume {}", run.session_id));
    } else if let Some(waiting) = &run.waiting_for {
        lines.push(format!("  ▌▌ {}", waiting.text));
    }
    if let Some(error) = &run.error {
        lines.push(format!(
            "  ✗ {} ({} error): {}",
            error.code,
            error.class,
            brief(&error.message, 200)
        ));
    }
    let usage = run.usage;
    lines.push(format!(
        "  {} steps, {} model calls, {} tool calls, {} + {} tokens, {}",
        usage.steps,
        usage.model_calls,
        usage.tool_calls,
        usage.input_tokens,
        usage.output_tokens,
        took(span.1.ms_since(span.0))
    ));
    lines
}

/// From when to when the picture goes.
fn span(run: &Run, steps: &[Step]) -> (Time, Time) {
    let from = run.started_at.unwrap_or(run.created_at);
    let last =
        steps.iter().flat_map(|step| [Some(step.created_at), step.completed_at]).flatten().max();
    (from, run.completed_at.or(last).unwrap_or(from).max(from))
}

fn step_line(step: &Step, widest: usize, (from, to): (Time, Time)) -> String {
    let mark = match step.status {
        StepStatus::Landed => "✓",
        StepStatus::Failed => "✗",
        StepStatus::InDoubt => "!",
        StepStatus::Intended => "…",
        StepStatus::Cancelled => "■",
    };
    let whole = to.ms_since(from).max(1);
    let place = |at: Time| at.ms_since(from).min(whole) * (TIMELINE_COLUMNS - 1) / whole;
    let (begin, end) = (place(step.created_at), place(step.completed_at.unwrap_or(to)));
    let bar: String = (0..TIMELINE_COLUMNS)
        .map(|column| if (begin..=end).contains(&column) { '▬' } else { '·' })
        .collect();
    let spent =
        step.completed_at.map_or_else(|| "…".to_owned(), |at| took(at.ms_since(step.created_at)));
    let name = brief(&step.name, 24);
    let attempts =
        if step.attempts > 1 { format!("  {} attempts", step.attempts) } else { String::new() };
    let (kind, class) = (step.kind.to_string(), step.class.to_string());
    format!(
        "{mark} {name:widest$}  {bar} {spent:>9}  {kind:7} {class:10} {}{attempts}",
        last_word(step)
    )
}

/// What a step came to; its id where somebody may have to name it.
fn last_word(step: &Step) -> String {
    match (&step.result, step.status) {
        (Some(result), StepStatus::Landed) => match result["content"].as_str() {
            Some(content) => brief(content, 50),
            None => brief(&result.to_string(), 50),
        },
        (Some(result), StepStatus::Failed) => {
            brief(result["error"].as_str().unwrap_or_default(), 80)
        }
        _ => step.step_id.to_string(),
    }
}
