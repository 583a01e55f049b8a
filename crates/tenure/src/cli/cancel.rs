//! `tenure cancel`: ends a run, a session, a task, a dispatch or a schedule, and says what became of its effects.

use super::subject::Subject;
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use serde_json::json;
use tenure_contract::resource::{
    CancelDispatch, CancelRun, CancelSchedule, ChangeTask, Dispatch, Run, Schedule, Session, Task,
};
use tenure_contract::words::{DispatchStatus, TaskStatus};
use tenure_contract::{DispatchId, RunId, SessionId, TaskId};
use tenure_engine::Motion;

/// How long the end is waited for; an effect in flight may take its time.
const END_WAIT_MS: u64 = 10_000;

/// Ends a run, a session with its run, a task, a dispatch or a schedule, and says what became of its effects.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure cancel run_… --reason \"no longer needed\"\n  tenure cancel dsp_…\n\nA task with a run, and a dispatch that has started, end with that run. A schedule ends with the entries \
                  that have not started; their runs go on."
)]
pub(super) struct Args {
    /// The run, session, task, dispatch or schedule.
    #[arg(value_name = "ID")]
    id: String,
    /// Why; kept in the journal.
    #[arg(long)]
    reason: Option<String>,
}

/// What ended.
enum Ended {
    Run(Box<Run>),
    Session,
    Task(Task),
    Dispatch(Box<Dispatch>),
    Schedule(Schedule),
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let subject = Subject::read(&args.id)?;
    let connection = cx.connect_existing(Motion::Live).await?;
    let ended = cancel(&connection.client, subject, args.reason).await;
    connection.close().await;
    match ended? {
        Ended::Run(run) if cx.json => println_json(&run),
        Ended::Task(task) if cx.json => println_json(&task),
        Ended::Dispatch(dispatch) if cx.json => println_json(&dispatch),
        Ended::Schedule(schedule) if cx.json => println_json(&schedule),
        Ended::Session if cx.json => println_json(&json!({ "cancelled": args.id })),
        Ended::Run(run) => tell(&run),
        Ended::Task(_) | Ended::Dispatch(_) | Ended::Schedule(_) | Ended::Session => {
            outln(&format!("{} cancelled", args.id));
        }
    }
    Ok(Exit::Done)
}

async fn cancel(
    client: &Client,
    subject: Subject,
    reason: Option<String>,
) -> Result<Ended, Failure> {
    match subject {
        Subject::Run(run) => {
            cancel_run(client, run, reason).await.map(|run| Ended::Run(Box::new(run)))
        }
        Subject::Session(session) => Ok(cancel_session(client, session, reason)
            .await?
            .map_or(Ended::Session, |run| Ended::Run(Box::new(run)))),
        Subject::Task(task) => cancel_task(client, task, reason).await,
        Subject::Dispatch(dispatch) => cancel_dispatch(client, dispatch, reason).await,
        Subject::Schedule(id) => {
            let path = format!("/v1/schedules/{id}/cancel");
            Ok(Ended::Schedule(client.post(&path, &CancelSchedule { reason }).await?))
        }
        Subject::Approval(approval) => Err(Failure::usage(format!(
            "an approval is decided, not cancelled: `tenure deny {approval} --reason …`"
        ))),
        Subject::Handoff(handoff) => Err(Failure::usage(format!(
            "an offer is taken back, not cancelled: `tenure handoff withdraw {handoff} --reason …`"
        ))),
    }
}

/// A task that follows a run is moved by its run only.
async fn cancel_task(
    client: &Client,
    id: TaskId,
    reason: Option<String>,
) -> Result<Ended, Failure> {
    let path = format!("/v1/tasks/{id}");
    let task: Task = client.get(&path).await?;
    if let Some(run) = task.run_id.filter(|_| !task.status.is_over()) {
        return Ok(Ended::Run(Box::new(cancel_run(client, run, reason).await?)));
    }
    let change = ChangeTask { status: Some(TaskStatus::Cancelled), ..ChangeTask::default() };
    Ok(Ended::Task(client.patch(&path, &change).await?))
}

async fn cancel_dispatch(
    client: &Client,
    id: DispatchId,
    reason: Option<String>,
) -> Result<Ended, Failure> {
    let path = format!("/v1/dispatches/{id}");
    let dispatch: Dispatch = client.get(&path).await?;
    match (dispatch.status, dispatch.run_id) {
        (DispatchStatus::Started, Some(run)) => {
            Ok(Ended::Run(Box::new(cancel_run(client, run, reason).await?)))
        }
        _ => {
            let cancelled =
                client.post(&format!("{path}/cancel"), &CancelDispatch { reason }).await?;
            Ok(Ended::Dispatch(Box::new(cancelled)))
        }
    }
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
