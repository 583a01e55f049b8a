//! `cowork`: two products dispatch into one queue, one of them floods it; the urgent work of the other goes
//! before what waits, asks people, is killed, halted, killed again, and goes on by a checkpoint's token to
//! its end, in one journal without a gap (`EX-1`).

mod claims;
mod flood;
mod proof;

use crate::cli::{Failure, definition};
use crate::stage::{Acks, Files, Server, Stage, Summary, shipped};
use claims::Claims;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tenure_contract::SessionId;
use tenure_contract::resource::{
    Agent, Approval, Checkpoint, CreateDispatch, DecideApproval, Decision, Dispatch, DispatchWork,
    OpenSession, Page, RegisterAgent, ResumeSession, Resumed, Run, Session,
};
use tenure_contract::words::{CheckpointCause, RunStatus};

/// The product that floods the queue.
const MAIL: &str = "mail";
/// The product whose work is urgent.
const OFFICE: &str = "office";
/// What the task is called.
const TITLE: &str = "Settle the claims";

/// The agents, as they are shipped.
const AGENTS: &[(&str, &str)] = shipped!(
    "cowork": "clerk/agent.toml", "clerk/script.toml", "sorter/agent.toml", "sorter/script.toml",
);

/// What was done from outside.
struct Notes {
    session: SessionId,
    /// The urgent dispatch, once it had started.
    dispatch: Dispatch,
    /// The same key and body again, after a kill.
    again: Dispatch,
    resumed: Resumed,
    approved: u64,
    denied: u64,
    kills: u64,
    ended: Run,
    acks: Acks,
}

pub(super) async fn play(stage: &Stage, input: Option<&Path>) -> Result<Summary, Failure> {
    let claims = Claims::of(input)?;
    stage.say(&format!(
        "The product `{MAIL}` floods the queue with {} dispatches; then `{OFFICE}` has {} urgent claims.\n\
         Everything is in {}\n",
        flood::COUNT,
        claims.count(),
        stage.dir().display()
    ));
    let server = stage.server("data").await?;
    Files::shipped(AGENTS).write(stage.dir())?;
    for agent in ["clerk", "sorter"] {
        let definition = definition(&stage.dir().join(agent).join("agent.toml"))?;
        server.post::<Agent>("/v1/agents", &RegisterAgent { definition }).await?;
    }
    let open = OpenSession {
        product_id: Some(OFFICE.to_owned()),
        title: Some(TITLE.to_owned()),
        ..OpenSession::default()
    };
    let session = server.post::<Session>("/v1/sessions", &open).await?.session_id;
    claims.write(&server.data().join("workspaces").join(session.to_string()))?;
    let acks = Acks::default();
    let following = acks.follow(&server, session, |_| {});
    let notes = act(stage, &server, (session, acks)).await;
    following.abort();
    let notes = notes?;
    stage.say("  the urgent work is done; the flood comes to its end");
    let flood = flood::ended(&server).await?;
    let summary = proof::of(stage, &server, (&claims, &notes), &flood).await;
    server.stop().await;
    summary
}

/// The urgent work, from its dispatch to its end.
async fn act(
    stage: &Stage,
    server: &Arc<Server>,
    (session, acks): (SessionId, Acks),
) -> Result<Notes, Failure> {
    flood::send(server).await?;
    let urgent = flood::request(OFFICE, "urgent", "claims");
    let urgent = CreateDispatch {
        session_id: Some(session),
        work: DispatchWork::Task { title: TITLE.to_owned(), agent: "claims-clerk".to_owned() },
        priority: Some("urgent".to_owned()),
        ..urgent
    };
    let sent: Dispatch = server.post("/v1/dispatches", &urgent).await?;
    stage.say(&format!("  {OFFICE} dispatched {}: {}", sent.dispatch_id, sent.status));
    // the flood is under way, and whether the urgent one has started nobody knows
    stage.kill_and_restart(server).await?;
    let again: Dispatch = server.post("/v1/dispatches", &urgent).await?;
    let (dispatch, run) = flood::started(server, sent.dispatch_id).await?;
    let waits = server.rested(run).await?;
    stage.say(&format!("  {run} is {}", waits.status));
    server.post::<Value>(&format!("/v1/runs/{run}/pause"), &json!({})).await?;
    stage.say("  halted by a person");
    stage.kill_and_restart(server).await?;
    let resumed = resume(stage, server, session).await?;
    let (approved, denied) = decide(server, session).await?;
    let ended = server.rested(run).await?;
    if ended.status != RunStatus::Completed {
        return Err(Failure::failed(format!("run {run} is {}, not completed", ended.status)));
    }
    Ok(Notes { session, dispatch, again, resumed, approved, denied, kills: 2, ended, acks })
}

/// Goes on from the checkpoint of the pause, by its token, as any node allowed to could.
async fn resume(stage: &Stage, server: &Server, session: SessionId) -> Result<Resumed, Failure> {
    let path = format!("/v1/sessions/{session}/checkpoints?limit=50");
    let page: Page<Checkpoint> = server.get(&path).await?;
    let made = page.items.iter().find(|made| made.cause == CheckpointCause::Pause);
    let made = made.ok_or_else(|| Failure::failed("the pause left no checkpoint"))?;
    let made: Checkpoint = server.get(&format!("/v1/checkpoints/{}", made.checkpoint_id)).await?;
    let token = made.resume_token.ok_or_else(|| Failure::failed("the checkpoint has no token"))?;
    stage.say(&format!(
        "  ▶ goes on from checkpoint {}, after entry {}",
        made.checkpoint_id, made.seq
    ));
    let request = ResumeSession { resume_token: token, ..ResumeSession::default() };
    server.post("/v1/resume", &request).await
}

/// Decides every claim by its amount.
async fn decide(server: &Server, session: SessionId) -> Result<(u64, u64), Failure> {
    let path = format!("/v1/approvals?open=true&session={session}&limit=200");
    let open: Page<Approval> = server.get(&path).await?;
    let (mut approved, mut denied) = (0, 0);
    for asked in open.items {
        let path = format!("/v1/approvals/{}", asked.approval_id);
        let shown: Approval = server.get(&path).await?;
        let action = shown.action.unwrap_or_default();
        let text = action["arguments"]["content"].as_str().unwrap_or_default();
        let (decision, reason) = if claims::is_small(text) {
            approved += 1;
            (Decision::Approve, "small enough")
        } else {
            denied += 1;
            (Decision::Deny, "ask the carrier first")
        };
        let reason = Some(reason.to_owned());
        let request = DecideApproval { decision, reason, arguments: None, answer: None };
        server.post::<Approval>(&format!("{path}/decision"), &request).await?;
    }
    Ok((approved, denied))
}
