//! `assistant`: chat threads and code threads of a second host, which brings every seam of its own
//! (`HST-1`). Threads are made and claimed by many at once (`CLM-1`), asked for on every surface (`TGT-1`),
//! told apart by their workspace alone (`SES-4`), and go on talking over a kill (`EX-10`).

mod host;
mod project;
mod proof;
mod race;
mod talk;
mod targets;
mod threads;

pub(crate) use host::seams;

use crate::cli::{Failure, definition_as_written};
use crate::stage::{Files, Server, Stage, Summary, shipped};
use project::Project;
use race::Race;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use talk::{Interrupted, Thread};
use tenure_contract::WorkspaceId;
use tenure_contract::resource::{Agent, RegisterAgent};

/// The verb that serves on the second host.
const HOST: &str = "example-host";

/// The agents, as they are shipped.
const AGENTS: &[(&str, &str)] = shipped!(
    "assistant": "coder/agent.toml", "coder/script.toml", "talker/agent.toml", "talker/script.toml",
);

/// What was done from outside.
struct Notes {
    /// The second host's folder.
    host: PathBuf,
    targets: targets::Tried,
    lists: threads::Told,
    workspace: WorkspaceId,
    /// The chat thread and the code thread.
    threads: [Thread; 2],
    races: [Race; 2],
    kills: u64,
}

pub(super) async fn play(stage: &Stage, input: Option<&Path>) -> Result<Summary, Failure> {
    let project = Project::of(input)?;
    stage.say(&format!(
        "A second host keeps threads its own way: one to chat in, one that works on {} files.\n\
         Everything is in {}\n",
        project.count(),
        stage.dir().display()
    ));
    let host = stage.dir().join("host");
    let verb = [HOST.as_ref(), "--host".as_ref(), host.as_os_str()];
    let server = stage.server_as("data", &verb).await?;
    let notes = act(stage, &server, &project, host).await?;
    let taken = proof::take(stage, &server, &notes).await?;
    server.stop().await;
    stage.say("\nThe host is gone; what it kept is compared with the journals.");
    proof::of(&server, (&project, &notes), &taken)
}

async fn act(
    stage: &Stage,
    server: &Arc<Server>,
    project: &Project,
    host: PathBuf,
) -> Result<Notes, Failure> {
    Files::shipped(AGENTS).write(stage.dir())?;
    for agent in ["talker", "coder"] {
        // the house's tool is known to its host alone
        let definition = definition_as_written(&stage.dir().join(agent).join("agent.toml"))?;
        server.post::<Agent>("/v1/agents", &RegisterAgent { definition }).await?;
    }
    let targets = targets::all(server).await?;
    stage.say("  every surface asked for every target");
    let workspace = threads::workspace(server).await?;
    let folder = stage.dir().join("claimers");
    let opening = threads::opening("chat", None);
    let (mut chat_race, chat) = Race::open(server, &folder, ("chat", opening)).await?;
    let opening = threads::opening("code", Some(workspace));
    let (mut code_race, code) = Race::open(server, &folder, ("code", opening)).await?;
    chat_race.claim(server, chat, "talker").await?;
    code_race.claim(server, code, "coder").await?;
    stage.say(&format!("  {} made and claimed each thread at once; one did\n", race::MANY));
    let lists = threads::try_all(server, [chat, code], workspace).await?;
    let folder = server.data().join("workspaces").join(code.to_string());
    project.write(&folder)?;
    let threads = [
        Thread::new(stage, server, ("chat", chat, "talker")),
        Thread::new(stage, server, ("code", code, "coder")),
    ];
    talk::round(stage, server, &threads, (0, Interrupted::No)).await?;
    talk::round(stage, server, &threads, (1, Interrupted::Killed)).await?;
    Project::add(&folder)?;
    talk::round(stage, server, &threads, (2, Interrupted::No)).await?;
    chat_race.claim_late(server, "coder").await?;
    code_race.claim_late(server, "talker").await?;
    let races = [chat_race, code_race];
    Ok(Notes { host, targets, lists, workspace, threads, races, kills: 1 })
}
