//! `trail`: an editor's run is interrupted, decided about and ended; then its server is gone, and everything
//! that happened is told from the exported journal alone (`EX-3`).
//!
//! What people and the kernel did is noted while it happens. The trail is then held against these notes,
//! against what the server showed before it ended, and against the files the agent published.

mod drafts;
mod proof;
mod record;

use crate::cli::{Failure, Teller, definition};
use crate::client::Happening;
use crate::stage::{Acks, Files, Server, Stage, Summary, shipped};
use drafts::Drafts;
use record::Record;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tenure_contract::resource::{
    Accepted, Agent, AgentRequest, Approval, CreateTask, DecideApproval, Decision, OpenSession,
    Page, RegisterAgent, Run, Session, SubmitRun, Task,
};
use tenure_contract::words::RunStatus;
use tenure_contract::{ApprovalId, RunId, SessionId, TaskId};

/// What the agent is asked for.
const TASK: &str = "Review the drafts that came in, and publish those that are ready.";
/// Why a draft is published.
const READY: &str = "read it; it is ready";
/// Why it is not.
const NOT_READY: &str = "it still says TBD";

/// The editor, as it is shipped.
const EDITOR: &[(&str, &str)] = shipped!("trail": "editor/agent.toml", "editor/script.toml");

/// What was done from outside, as those who did it remember it.
struct Notes {
    session: SessionId,
    run: RunId,
    task: TaskId,
    /// Every decision, by whom it was made here.
    decisions: Vec<Noted>,
    /// SIGKILLs, microseconds since 1970.
    kills: Vec<u64>,
    /// Entries the server showed as durable.
    acks: Acks,
}

/// A decision as the person remembers it.
struct Noted {
    approval: ApprovalId,
    decision: Decision,
    reason: &'static str,
}

pub(super) async fn play(stage: &Stage, input: Option<&Path>) -> Result<Summary, Failure> {
    let drafts = Drafts::of(input)?;
    stage.say(&format!(
        "An editor reviews {} drafts and asks before it publishes one. Everything is in {}\n",
        drafts.count(),
        stage.dir().display()
    ));
    let server = stage.server("data").await?;
    let notes = act(stage, &server, &drafts).await?;
    let record = Record::take(stage, &server, &notes).await?;
    server.stop().await;
    stage.say("\nThe server is gone. From here on there is the export, and nothing else.");
    proof::against(stage, &drafts, &notes, &record).await
}

/// The run, from the task to its end, with everything that comes between.
async fn act(stage: &Stage, server: &Arc<Server>, drafts: &Drafts) -> Result<Notes, Failure> {
    Files::shipped(EDITOR).write(stage.dir())?;
    let editor = definition(&stage.dir().join("editor/agent.toml"))?;
    let editor: Agent = server.post("/v1/agents", &RegisterAgent { definition: editor }).await?;
    let title = Some("this week's drafts".to_owned());
    let open = OpenSession { title, ..OpenSession::default() };
    let session = server.post::<Session>("/v1/sessions", &open).await?.session_id;
    drafts.write(&server.data().join("workspaces").join(session.to_string()))?;
    let acks = Acks::default();
    let (voice, mut teller) = (stage.voice(), Teller::default());
    let following = acks.follow(server, session, move |told: &Happening| {
        if let Some(line) = teller.line(told) {
            voice.say(&line);
        }
    });
    let done = perform(stage, server, (session, &editor)).await;
    following.abort();
    let (run, task, decisions, killed) = done?;
    Ok(Notes { session, run, task, decisions, kills: vec![killed], acks })
}

async fn perform(
    stage: &Stage,
    server: &Server,
    (session, editor): (SessionId, &Agent),
) -> Result<(RunId, TaskId, Vec<Noted>, u64), Failure> {
    let wanted = CreateTask { title: "Publish what is ready".to_owned(), ..CreateTask::default() };
    let task: Task = server.post(&format!("/v1/sessions/{session}/tasks"), &wanted).await?;
    let run = submit(server, session, task.task_id, editor).await?;
    expect(&server.rested(run).await?, RunStatus::WaitingApproval)?;
    // halted by a person while it waits, and the server dies under it
    server.post::<Value>(&format!("/v1/runs/{run}/pause"), &json!({})).await?;
    let killed = stage.kill_and_restart(server).await?;
    expect(&server.get(&format!("/v1/runs/{run}")).await?, RunStatus::Paused)?;
    server.post::<Value>(&format!("/v1/runs/{run}/resume"), &json!({})).await?;
    let decisions = decide(server, session).await?;
    expect(&server.rested(run).await?, RunStatus::Completed)?;
    Ok((run, task.task_id, decisions, killed))
}

async fn submit(
    server: &Server,
    session: SessionId,
    task: TaskId,
    editor: &Agent,
) -> Result<RunId, Failure> {
    let request = SubmitRun {
        session_id: Some(session),
        task_id: Some(task),
        agent: Some(AgentRequest {
            name: editor.name.clone(),
            version: Some(editor.version),
            task: TASK.to_owned(),
            max_steps: None,
        }),
        idempotency_key: Some("trail".to_owned()),
        ..SubmitRun::default()
    };
    Ok(server.post::<Accepted>("/v1/runs", &request).await?.run_id)
}

/// Reads every draft that is to be published, and decides by what it says.
async fn decide(server: &Server, session: SessionId) -> Result<Vec<Noted>, Failure> {
    let path = format!("/v1/approvals?open=true&session={session}&limit=200");
    let open: Page<Approval> = server.get(&path).await?;
    let mut decisions = Vec::new();
    for asked in open.items {
        let approval = asked.approval_id;
        let shown: Approval = server.get(&format!("/v1/approvals/{approval}")).await?;
        let action = shown.action.unwrap_or_default();
        let text = action["arguments"]["content"].as_str().unwrap_or_default();
        let (decision, reason) = if drafts::is_ready(text) {
            (Decision::Approve, READY)
        } else {
            (Decision::Deny, NOT_READY)
        };
        let request = DecideApproval {
            decision,
            reason: Some(reason.to_owned()),
            arguments: None,
            answer: None,
        };
        let path = format!("/v1/approvals/{approval}/decision");
        server.post::<Approval>(&path, &request).await?;
        decisions.push(Noted { approval, decision, reason });
    }
    Ok(decisions)
}

fn expect(run: &Run, status: RunStatus) -> Result<(), Failure> {
    if run.status == status {
        return Ok(());
    }
    let why = run.error.as_ref().map(|error| format!(": {}", error.message)).unwrap_or_default();
    Err(Failure::failed(format!("run {} is {}, not {status}{why}", run.run_id, run.status)))
}
