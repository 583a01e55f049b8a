//! `authorizer`: a buyer asks about every order, and who decides is another app: a folder of its own with a
//! key of its own, without a data directory, without a way into the server's store. Signed tokens leave, the
//! server is killed while they are out, signed decisions return (`EX-5`).

mod app;
mod hostile;
mod orders;
mod proof;

use crate::cli::{Failure, definition};
use crate::stage::{Acks, Files, Server, Stage, Summary, shipped, tenure};
use app::App;
use orders::Orders;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tenure_contract::resource::{
    Accepted, Agent, AgentRequest, ApiKey, Approval, CreateKey, DecideApproval, Decision,
    OpenSession, Page, RegisterAgent, RegisterAppKey, Run, Session, SubmitRun,
};
use tenure_contract::token::HandedApproval;
use tenure_contract::words::RunStatus;
use tenure_contract::{ApprovalId, RunId, SessionId};

/// The product the work belongs to.
const SHOP: &str = "shop";
/// The product that decides.
const DESK: &str = "desk";
/// What the agent is asked for.
const TASK: &str = "Place the orders that came in.";

/// The buyer, as it is shipped.
const BUYER: &[(&str, &str)] = shipped!("authorizer": "buyer/agent.toml", "buyer/script.toml");

/// What was done from outside.
struct Notes {
    session: SessionId,
    run: RunId,
    /// What each token said, as the app read it.
    shown: Vec<HandedApproval>,
    /// What the app signed, by approval.
    signed: Vec<(ApprovalId, Decision)>,
    /// The approval that was decided at home while its token was out.
    at_home: ApprovalId,
    /// Each hostile decision with the code it was refused under.
    refused: Vec<hostile::Refused>,
    /// The run while the tokens were out, before the kill and after it.
    around_kill: [Run; 2],
    ended: Run,
    acks: Acks,
}

pub(super) async fn play(stage: &Stage, input: Option<&Path>) -> Result<Summary, Failure> {
    let orders = Orders::of(input)?;
    stage.say(&format!(
        "A buyer of the product `{SHOP}` asks about {} orders; the app `{DESK}` decides, elsewhere.\n\
         Everything is in {}\n",
        orders.count(),
        stage.dir().display()
    ));
    let server = stage.server("data").await?;
    let app = set_up(stage, &server).await?;
    let (session, run, acks) = ask(stage, &server, &orders).await?;
    let following = acks.follow(&server, session, |_| {});
    let notes = decide(stage, &server, &app, (session, run, acks)).await;
    following.abort();
    let notes = notes?;
    let summary = proof::of(stage, &server, &orders, &notes).await;
    server.stop().await;
    summary
}

/// The app with its key, registered here, and the API key it returns its decisions with.
async fn set_up(stage: &Stage, server: &Server) -> Result<App, Failure> {
    let app = App::set_up(&stage.dir().join("desk"), DESK).await?;
    let key = RegisterAppKey { product_id: DESK.to_owned(), public_key: app.public_key.clone() };
    server.post::<serde_json::Value>("/v1/app-keys", &key).await?;
    let wanted = CreateKey {
        principal: format!("service:{DESK}"),
        scopes: vec!["approvals:decide".to_owned(), "approvals:read".to_owned()],
        product_id: None,
        expires_at: None,
    };
    let made: ApiKey = server.post("/v1/keys", &wanted).await?;
    let data = server.data().to_string_lossy().into_owned();
    let keys = tenure(stage.dir(), ["--data", &data, "approvals", "keys"]).await?.done()?.out;
    stage.say(&format!("  {DESK} has its own key; its public half is registered here"));
    app.trust(&keys, made.key.as_deref().unwrap_or_default())
}

/// The run, up to where every order waits for a decision.
async fn ask(
    stage: &Stage,
    server: &Arc<Server>,
    orders: &Orders,
) -> Result<(SessionId, RunId, Acks), Failure> {
    Files::shipped(BUYER).write(stage.dir())?;
    let buyer = definition(&stage.dir().join("buyer/agent.toml"))?;
    let buyer: Agent = server.post("/v1/agents", &RegisterAgent { definition: buyer }).await?;
    let open = OpenSession { product_id: Some(SHOP.to_owned()), ..OpenSession::default() };
    let session = server.post::<Session>("/v1/sessions", &open).await?.session_id;
    orders.write(&server.data().join("workspaces").join(session.to_string()))?;
    let request = SubmitRun {
        session_id: Some(session),
        agent: Some(AgentRequest {
            name: buyer.name,
            version: Some(buyer.version),
            task: TASK.to_owned(),
            max_steps: None,
        }),
        idempotency_key: Some("authorizer".to_owned()),
        ..SubmitRun::default()
    };
    let run = server.post::<Accepted>("/v1/runs", &request).await?.run_id;
    server.rested(run).await?;
    Ok((session, run, Acks::default()))
}

async fn decide(
    stage: &Stage,
    server: &Arc<Server>,
    app: &App,
    (session, run, acks): (SessionId, RunId, Acks),
) -> Result<Notes, Failure> {
    let path = format!("/v1/approvals?open=true&session={session}&limit=200");
    let open: Page<Approval> = server.get(&path).await?;
    let data = server.data().to_string_lossy().into_owned();
    for asked in &open.items {
        let id = asked.approval_id.to_string();
        let hand = ["--data", &data, "approvals", "hand", &id, "--to", DESK, "--ttl", "8h"];
        app.receive(&id, &tenure(stage.dir(), hand).await?.done()?.out)?;
    }
    stage.say(&format!(
        "  {} tokens are out; each is for {DESK} only, and works once",
        open.items.len()
    ));
    let before: Run = server.get(&format!("/v1/runs/{run}")).await?;
    stage.kill_and_restart(server).await?;
    let after: Run = server.get(&format!("/v1/runs/{run}")).await?;
    // another process listens elsewhere now; who returns something asks for the way again
    let at = format!("{}/v1/approval-decisions", server.client().endpoint());
    let mut notes = Notes {
        session,
        run,
        shown: Vec::new(),
        signed: Vec::new(),
        at_home: home_decides(server, &open.items).await?,
        refused: Vec::new(),
        around_kill: [before, after],
        ended: server.get(&format!("/v1/runs/{run}")).await?,
        acks,
    };
    for asked in &open.items {
        notes.shown.push(app.open(&asked.approval_id.to_string()).await?);
    }
    notes.refused = hostile::all(stage, server, app, &notes).await?;
    for asked in notes.shown.clone() {
        if asked.approval == notes.at_home {
            continue;
        }
        let decision = app.sign(&asked).await?;
        stage.say(&format!("  ▪ {DESK} reads “{}” and signs: {decision:?}", asked.action_label));
        app.send_back(&asked, &at).await?.done()?;
        notes.signed.push((asked.approval, decision));
    }
    notes.refused.extend(hostile::late(stage, app, &notes, &at).await?);
    notes.ended = server.rested(run).await?;
    match notes.ended.status {
        RunStatus::Completed => Ok(notes),
        status => Err(Failure::failed(format!("run {run} is {status}, not completed"))),
    }
}

/// One approval is decided here while its token is out: the app comes too late with it.
async fn home_decides(server: &Server, open: &[Approval]) -> Result<ApprovalId, Failure> {
    let last = open.iter().find(|asked| orders::is_plain(&asked.action_label));
    let id =
        last.map(|asked| asked.approval_id).ok_or_else(|| Failure::failed("nothing was asked"))?;
    let request = DecideApproval {
        decision: Decision::Approve,
        reason: Some("decided at home".to_owned()),
        arguments: None,
        answer: None,
    };
    server.post::<Approval>(&format!("/v1/approvals/{id}/decision"), &json!(request)).await?;
    Ok(id)
}
