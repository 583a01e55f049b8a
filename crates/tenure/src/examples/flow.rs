//! `flow`: a planner puts a week on schedule, by the HTTP contract and a key that can do nothing else. Every
//! entry becomes one run of the planning session, which does its task and keeps its todos; the server is
//! killed before the first hour strikes and again while work is due, and nothing is done twice, early, or
//! before what it needs (`EX-2`).

mod hour;
mod order;
mod proof;
mod teller;
mod week;

use crate::cli::{Failure, definition};
use crate::examples::seen::Seen;
use crate::stage::{ASK_AGAIN, Acks, Files, Server, Stage, Summary, now_micros, shipped};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tenure_contract::resource::{
    Accepted, Agent, AgentRequest, ApiKey, CreateKey, OpenSession, RegisterAgent, Run, Schedule,
    Session, SubmitRun,
};
use tenure_contract::words::RunStatus;
use tenure_contract::{RunId, ScheduleId, SessionId, Time};
use week::Week;

/// The product the plan belongs to.
const FLOW: &str = "flow";
/// The principal the planner makes its schedule as.
const PLANNER: &str = "service:planner";
/// How long before the first hour of the plan planning begins; the next where the machine is slower.
const LEADS_MS: [u64; 5] = [3_000, 6_000, 12_000, 24_000, 48_000];
/// How long the work of all entries may take.
const DONE_MAX: Duration = Duration::from_secs(300);
/// What stands for the server in the planner's definition.
const PLACEHOLDER: &str = "http://tenure.example";

/// The agents, as they are shipped.
const AGENTS: &[(&str, &str)] = shipped!(
    "flow": "planner/agent.toml", "planner/script.toml", "worker/agent.toml", "worker/script.toml",
);

/// A plan that is on schedule.
struct Planned {
    session: SessionId,
    schedule: ScheduleId,
    /// The planner's own run.
    run: RunId,
    /// When the first item that has a time is due.
    first: Time,
    /// When the server was killed, before that.
    killed: u64,
    seen: Seen,
}

/// What was done from outside.
struct Notes {
    session: SessionId,
    schedule: ScheduleId,
    planning: RunId,
    first: Time,
    /// From the first kill until the server was there again, microseconds since 1970.
    away: (u64, u64),
    kills: u64,
    acks: Acks,
}

pub(super) async fn play(stage: &Stage, input: Option<&Path>) -> Result<Summary, Failure> {
    let week = Week::of(input)?;
    stage.say(&format!(
        "A planner puts a plan on schedule: {} items, {} at an hour of the week, the others by turn. The week takes seconds here.\n\
         Everything is in {}\n",
        week.0.len(),
        week.timed().count(),
        stage.dir().display()
    ));
    let server = stage.server("data").await?;
    set_up(stage, &server).await?;
    let planned = in_time(stage, &server, &week).await?;
    let notes = keep(stage, &server, &week, planned).await?;
    let summary = proof::of(stage, &server, &week, &notes).await;
    server.stop().await;
    summary
}

/// The planner's key, which may make schedules and nothing else; the agents can use it and never see it.
async fn set_up(stage: &Stage, server: &Server) -> Result<(), Failure> {
    let wanted = CreateKey {
        principal: PLANNER.to_owned(),
        scopes: vec!["schedules:write".to_owned()],
        product_id: None,
        expires_at: None,
    };
    let made: ApiKey = server.post("/v1/keys", &wanted).await?;
    let secret = json!({ "value": made.key.unwrap_or_default() });
    server.client().put::<Value>("/v1/secrets/PLANNER", &secret).await.map_err(Failure::from)?;
    Files::shipped(AGENTS).write(stage.dir())?;
    register(stage, server, "worker").await.map(drop)
}

/// Registers an agent, which reaches the server where it listens now.
async fn register(stage: &Stage, server: &Server, name: &str) -> Result<Agent, Failure> {
    let client = server.client();
    let here = Files::shipped(AGENTS).with(|text| text.replace(PLACEHOLDER, client.endpoint()));
    here.write(stage.dir())?;
    let definition = definition(&stage.dir().join(name).join("agent.toml"))?;
    server.post("/v1/agents", &RegisterAgent { definition }).await
}

/// A plan that was on schedule, and its server dead, before its first hour.
async fn in_time(stage: &Stage, server: &Arc<Server>, week: &Week) -> Result<Planned, Failure> {
    for lead_ms in LEADS_MS {
        if let Some(planned) = plan(stage, server, week, lead_ms).await? {
            return Ok(planned);
        }
        stage.say("  this machine was not there before the first hour; once more, with more time");
    }
    Err(Failure::failed(format!("no plan was on schedule within {} ms", LEADS_MS[4])))
}

/// Plans, and kills the server. None when the first hour had struck by then; nothing is left to be done of
/// that plan.
async fn plan(
    stage: &Stage,
    server: &Arc<Server>,
    week: &Week,
    lead_ms: u64,
) -> Result<Option<Planned>, Failure> {
    let first = Time::from_micros(now_micros()).plus_ms(lead_ms);
    let title = Some("the week".to_owned());
    let open = OpenSession { product_id: Some(FLOW.to_owned()), title, ..OpenSession::default() };
    let session = server.post::<Session>("/v1/sessions", &open).await?.session_id;
    let (voice, mut teller) = (stage.voice(), teller::Teller::default());
    let seen = Seen::follow(server, session, move |told| {
        if let Some(line) = teller.line(told) {
            voice.say(&line);
        }
    });
    week.write(&server.data().join("workspaces").join(session.to_string()), first)?;
    let planner = register(stage, server, "planner").await?;
    let request = SubmitRun {
        session_id: Some(session),
        agent: Some(AgentRequest {
            name: planner.name,
            version: Some(planner.version),
            task: session.to_string(),
            max_steps: None,
        }),
        idempotency_key: Some(format!("plan-{session}")),
        ..SubmitRun::default()
    };
    let run = server.post::<Accepted>("/v1/runs", &request).await?.run_id;
    let ended = server.rested(run).await?;
    let is_late = now_micros() >= first.micros();
    let schedule = match scheduled(&ended) {
        Ok(schedule) => schedule,
        Err(_) if is_late => return Ok(None),
        Err(why) => return Err(why),
    };
    let killed = server.kill().await?;
    if killed < first.micros() {
        stage.say(&format!("\n  ☠ kill -9 {}; now its hours strike", server.pid()));
        return Ok(Some(Planned { session, schedule, run, first, killed, seen }));
    }
    server.restart().await?;
    server.post::<Value>(&format!("/v1/schedules/{schedule}/cancel"), &json!({})).await?;
    Ok(None)
}

/// The schedule a planner says it made.
fn scheduled(run: &Run) -> Result<ScheduleId, Failure> {
    let said = run.output.as_ref().map(|output| output["content"].clone()).unwrap_or_default();
    let named = said.as_str().and_then(|said| said.rsplit(' ').next()?.parse().ok());
    let why = run.error.as_ref().map_or_else(|| said.to_string(), |error| error.message.clone());
    named
        .filter(|_| run.status == RunStatus::Completed)
        .ok_or_else(|| Failure::failed(format!("nothing was put on schedule: {why}")))
}

/// From the dead server to where everything that was planned is done.
async fn keep(
    stage: &Stage,
    server: &Arc<Server>,
    week: &Week,
    planned: Planned,
) -> Result<Notes, Failure> {
    let Planned { session, schedule, run: planning, first, killed, seen } = planned;
    while now_micros() <= week.midst(first).micros() {
        tokio::time::sleep(ASK_AGAIN).await;
    }
    let took = server.restart().await?;
    let back = now_micros();
    stage.say(&format!(
        "  ↻ started again as process {}, accepting after {} ms\n",
        server.pid(),
        took.as_millis()
    ));
    seen.begun_after(seen.begun()).await?;
    // work is under way, and more of it is due
    stage.kill_and_restart(server).await?;
    done(server, schedule, week.0.len()).await?;
    let acks = seen.acks.clone();
    Ok(Notes { session, schedule, planning, first, away: (killed, back), kills: 2, acks })
}

/// Waits until every entry has its run, and every run its end.
async fn done(server: &Server, schedule: ScheduleId, count: usize) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        let seen: Schedule = server.get(&format!("/v1/schedules/{schedule}")).await?;
        let entries = seen.entries.unwrap_or_default();
        let runs: Vec<RunId> = entries.iter().filter_map(|entry| entry.run_id).collect();
        if runs.len() == count {
            for run in runs {
                server.rested(run).await?;
            }
            return Ok(());
        }
        if begun.elapsed() > DONE_MAX {
            let stuck = entries.iter().find(|entry| entry.run_id.is_none());
            let why = stuck.and_then(|entry| {
                entry.reason.clone().or_else(|| Some(entry.waiting_for.as_ref()?.text.clone()))
            });
            let told = format!(
                "{} of {count} entries have a run; one has none: {}",
                runs.len(),
                why.unwrap_or_default()
            );
            return Err(Failure::failed(told));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
