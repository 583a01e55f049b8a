//! Why a task, an approval, a dispatch or a handoff is not moving: by itself, and by the run it belongs to.

use super::{explained, tell};
use crate::cli::subject::Subject;
use crate::cli::{Cx, Failure, outln, println_json};
use crate::client::Client;
use serde_json::json;
use tenure_contract::resource::{Approval, Dispatch, Handoff, Run, Task};
use tenure_contract::words::{ApprovalStatus, DispatchMode, DispatchStatus, HandoffStatus};
use tenure_engine::Motion;

/// What is known of it besides its run.
struct Standing {
    status: String,
    text: String,
    possible: Vec<String>,
}

pub(super) async fn explain(
    cx: &Cx,
    client: &Client,
    (subject, motion): (Subject, Motion),
) -> Result<(), Failure> {
    let standing = match subject {
        Subject::Approval(id) => approval(&client.get(&format!("/v1/approvals/{id}")).await?),
        Subject::Dispatch(id) => dispatch(&client.get(&format!("/v1/dispatches/{id}")).await?),
        Subject::Handoff(id) => handoff(&client.get(&format!("/v1/handoffs/{id}")).await?),
        Subject::Task(id) => task(&client.get(&format!("/v1/tasks/{id}")).await?),
        Subject::Session(_) | Subject::Run(_) | Subject::Schedule(_) => {
            return Err(Failure::failed(format!("{subject} is explained by its runs")));
        }
    };
    let run: Option<Run> = match subject.run(client).await? {
        Some(run) => Some(client.get(&format!("/v1/runs/{run}")).await?),
        None => None,
    };
    let Standing { status, text, possible } = standing;
    if cx.json {
        println_json(&json!({
            "id": subject.to_string(), "status": status, "text": text, "possible": possible,
            "run": run.as_ref().map(|run| explained(run, motion)),
        }));
        return Ok(());
    }
    outln(&format!("{subject}  {status}\n          {text}"));
    possible.iter().for_each(|line| outln(&format!("            {line}")));
    if let Some(run) = &run {
        tell(run, motion);
    }
    Ok(())
}

fn approval(asked: &Approval) -> Standing {
    let id = asked.approval_id;
    let (text, possible) = match asked.status {
        ApprovalStatus::Requested => {
            let until =
                asked.expires_at.map(|at| format!(", a refusal from {at}")).unwrap_or_default();
            let text = format!("waits for a decision since {}{until}", asked.requested_at);
            let verbs =
                ["approve", "deny"].map(|verb| format!("tenure {verb} {id} --reason \"…\""));
            (text, verbs.to_vec())
        }
        status => {
            let by = asked.resolver.as_ref().map(|by| format!(" by {}", by.principal));
            let why = asked.reason.as_ref().map(|why| format!(": {why}"));
            (format!("{status}{}{}", by.unwrap_or_default(), why.unwrap_or_default()), Vec::new())
        }
    };
    let text = format!("{}; {text}", asked.action_label);
    Standing { status: asked.status.to_string(), text, possible }
}

fn dispatch(one: &Dispatch) -> Standing {
    let id = one.dispatch_id;
    let because = one.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let until = format!("it expires at {}", one.expires_at);
    let text = match (one.status, one.context.dispatch_mode) {
        (DispatchStatus::Received, _) => {
            "whether it is taken is not decided; `tenure approvals` shows who is asked".to_owned()
        }
        (DispatchStatus::Accepted, _) => "it is taken and about to be started".to_owned(),
        (DispatchStatus::Waiting, DispatchMode::Remote) => {
            format!("waits for an executor that claims it; {until}")
        }
        (DispatchStatus::Waiting, DispatchMode::Scheduled) => match one.not_before {
            Some(at) => format!("waits for its time, {at}"),
            None => format!("waits for its time; {until}"),
        },
        (DispatchStatus::Waiting, DispatchMode::Queued | DispatchMode::Interactive) => {
            let priority = one.priority.as_deref().unwrap_or("normal");
            format!("waits for its turn at priority {priority}; {until}")
        }
        (DispatchStatus::Claimed, _) => "an executor holds it under a lease".to_owned(),
        (DispatchStatus::Started, _) if one.run_id.is_some() => {
            "it has started; its run tells the rest".to_owned()
        }
        (DispatchStatus::Started, _) => format!("it has started, its run is not there{because}"),
        (DispatchStatus::Rejected | DispatchStatus::Cancelled | DispatchStatus::Expired, _) => {
            format!("{}{because}", one.status)
        }
    };
    let possible = match one.status.is_final() {
        true => Vec::new(),
        false => vec![format!("tenure cancel {id}")],
    };
    Standing { status: one.status.to_string(), text, possible }
}

fn handoff(one: &Handoff) -> Standing {
    let (id, to) = (one.handoff_id, &one.to);
    let (text, possible) = match one.status {
        HandoffStatus::Offered => {
            let text = format!(
                "offered to {} in {} since {}, until {}; till then {} in {} works on",
                to.principal,
                to.product,
                one.offered_at,
                one.expires_at,
                one.from.principal,
                one.from.product
            );
            let verbs = ["accept", "decline", "withdraw"];
            (text, verbs.map(|verb| format!("tenure handoff {verb} {id}")).to_vec())
        }
        status => {
            let by = one.resolved_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let why = one.resolution.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            (format!("{status}{by}{why}"), Vec::new())
        }
    };
    Standing { status: one.status.to_string(), text, possible }
}

fn task(task: &Task) -> Standing {
    let id = task.task_id;
    let (text, possible) = match (task.run_id, task.status.is_over()) {
        (Some(run), false) => (format!("follows {run}"), Vec::new()),
        (Some(run), true) => (format!("ended with {run}, try {}", task.attempts), retry(task)),
        (None, true) => ("it is over".to_owned(), retry(task)),
        (None, false) => {
            let moves = format!("tenure task set {id} --status running|blocked|cancelled");
            ("follows no run; somebody has to move it".to_owned(), vec![moves])
        }
    };
    Standing { status: task.status.to_string(), text, possible }
}

fn retry(task: &Task) -> Vec<String> {
    match task.status {
        tenure_contract::words::TaskStatus::Failed => {
            vec![format!("tenure task retry {}", task.task_id)]
        }
        _ => Vec::new(),
    }
}
