//! `tenure run`: an agent on a task, or an intent, followed to its end.

use super::follow::{Following, follow};
use super::{Cx, Exit, Failure, outln, println_json};
use crate::connection::Connection;
use serde_json::{Map, Value};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use tenure_contract::SessionId;
use tenure_contract::agent::AgentDefinition;
use tenure_contract::resource::{
    Accepted, Agent, AgentRequest, IntentRequest, OpenSession, RegisterAgent, Session, SubmitRun,
};
use tenure_engine::Motion;

/// Runs an agent on a task, or an intent, and follows it to its end.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure run -a agent.toml \"summarise the notes\" --files notes/\n  tenure run --intent ingest_file -p file=orders.csv\n\nInterrupted by Ctrl-C or kill -9, `tenure resume SESSION` continues."
)]
pub(super) struct Args {
    /// The agent's definition: a TOML or JSON file, or the name of a registered agent.
    #[arg(
        short,
        long,
        value_name = "FILE|NAME",
        required_unless_present = "intent",
        conflicts_with = "intent"
    )]
    agent: Option<String>,
    /// The task; `-` reads it from standard input.
    #[arg(required_unless_present = "intent", conflicts_with = "intent")]
    task: Option<String>,
    /// The intent to run instead of an agent; `tenure intents` lists them.
    #[arg(long, value_name = "TYPE")]
    intent: Option<String>,
    /// A parameter of the intent; a value that is JSON is taken as such.
    #[arg(short, long = "param", value_name = "KEY=VALUE", requires = "intent")]
    param: Vec<String>,
    /// The session; a new one, which ends with the run, when absent.
    #[arg(long)]
    session: Option<SessionId>,
    /// Copies a file or a folder into the session's workspace first.
    #[arg(long, value_name = "PATH", conflicts_with = "intent")]
    files: Option<PathBuf>,
    /// Lowers the agent's cap on turns.
    #[arg(long, value_name = "N")]
    max_steps: Option<u32>,
    /// Idempotency key: the same key and task again return the first run.
    #[arg(long)]
    key: Option<String>,
    /// Returns once the run is accepted; needs a running server.
    #[arg(long)]
    detach: bool,
    /// Waits for approvals instead of ending with status 3.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let work = prepare(&args)?;
    let connection = cx.connect(Motion::Live).await?;
    if args.detach && connection.is_owner() {
        connection.close().await;
        return Err(Failure::usage(
            "`--detach` needs a server that goes on; start `tenure serve` on this data directory first",
        ));
    }
    match submit(&connection, &args, work).await {
        Ok(accepted) if args.detach => {
            connection.close().await;
            detached(cx, &accepted);
            Ok(Exit::Done)
        }
        Ok(accepted) => {
            if !cx.json {
                eprintln!("          session {}  run {}", accepted.session_id, accepted.run_id);
            }
            let following = Following {
                session: accepted.session_id,
                run: accepted.run_id,
                known: 0,
                wait: args.wait,
                json: cx.json,
            };
            follow(connection, following).await
        }
        Err(failure) => {
            connection.close().await;
            Err(failure)
        }
    }
}

fn detached(cx: &Cx, accepted: &Accepted) {
    if cx.json {
        println_json(accepted);
    } else {
        outln(&accepted.run_id.to_string());
        eprintln!("accepted; `tenure resume {}` follows it", accepted.session_id);
    }
}

/// What is to be run, checked as far as it can be without a server.
enum Work {
    Defined { definition: Box<AgentDefinition>, task: String },
    Named { name: String, task: String },
    Intent(IntentRequest),
}

fn prepare(args: &Args) -> Result<Work, Failure> {
    if let Some(intent_type) = &args.intent {
        let parameters = parameters(&args.param)?;
        let intent_type = intent_type.clone();
        return Ok(Work::Intent(IntentRequest {
            intent_type,
            parameters,
            metadata: Value::Null,
            solution_id: None,
        }));
    }
    let task = task(args.task.as_deref().unwrap_or_default())?;
    let agent = args.agent.clone().unwrap_or_default();
    let path = Path::new(&agent);
    if path.exists() || path.extension().is_some() || agent.contains('/') {
        return Ok(Work::Defined { definition: Box::new(definition(path)?), task });
    }
    Ok(Work::Named { name: agent, task })
}

fn task(given: &str) -> Result<String, Failure> {
    let mut task = given.to_owned();
    if given == "-" {
        task.clear();
        std::io::stdin().read_to_string(&mut task)?;
    }
    let most = tenure_contract::limits::RUN_INPUT_MAX_BYTES;
    if task.len() > most {
        let told = format!(
            "the task has {} bytes; the limit RUN_INPUT_MAX_BYTES is {most}; put the rest in a file and give it with `--files`",
            task.len()
        );
        return Err(tenure_contract::Error::new(tenure_contract::Code::TooLarge, told).into());
    }
    if task.trim().is_empty() {
        return Err(Failure::usage("the task is empty; expected what the agent is to do"));
    }
    Ok(task)
}

/// Reads a definition, and builds it as a server would that has the built-in tools.
pub(crate) fn definition(path: &Path) -> Result<AgentDefinition, Failure> {
    let definition = definition_as_written(path)?;
    let absolute = std::path::absolute(path)?;
    let base = absolute.parent().unwrap_or(Path::new("/"));
    tenure_agent::build::preflight(&definition, base).map_err(|why| bad(path, &why))?;
    Ok(definition)
}

/// Reads a definition; the files it names become absolute, since the owner may run elsewhere. Which tools
/// there are is its host's to say.
pub(crate) fn definition_as_written(path: &Path) -> Result<AgentDefinition, Failure> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("definition `{shown}` cannot be read: {error}")))?;
    let mut definition: AgentDefinition = match path.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("json") => serde_json::from_str(&text)
            .map_err(|why| {
                Failure::usage(format!(
                    "{shown}, line {}, column {}: {why}",
                    why.line(),
                    why.column()
                ))
            })?,
        _ => tenure_agent::build::parse(&text, &shown).map_err(|why| bad(path, &why))?,
    };
    let absolute = std::path::absolute(path)?;
    let base = absolute.parent().unwrap_or(Path::new("/"));
    if let Some(file) = &mut definition.model.file {
        *file = base.join(&*file).to_string_lossy().into_owned();
    }
    Ok(definition)
}

fn bad(path: &Path, why: &tenure_agent::build::BuildError) -> Failure {
    Failure::usage(match why {
        tenure_agent::build::BuildError::Malformed { .. } => why.to_string(),
        _ => format!("{}: {why}", path.display()),
    })
}

pub(super) fn parameters(given: &[String]) -> Result<Value, Failure> {
    let mut parameters = Map::new();
    for pair in given {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{pair}` is not a parameter; expected `-p key=value`"))
        })?;
        let value = match key {
            // a path that happens to be a number is still a path
            "file" => Value::String(std::path::absolute(value)?.to_string_lossy().into_owned()),
            _ => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
        };
        parameters.insert(key.to_owned(), value);
    }
    Ok(Value::Object(parameters))
}

async fn submit(connection: &Connection, args: &Args, work: Work) -> Result<Accepted, Failure> {
    let client = &connection.client;
    let mut request = SubmitRun {
        session_id: args.session,
        idempotency_key: args.key.clone(),
        ..SubmitRun::default()
    };
    match work {
        Work::Intent(intent) => request.intent = Some(intent),
        Work::Defined { definition, task } => {
            let name = definition.name.clone();
            let agent: Agent =
                client.post("/v1/agents", &RegisterAgent { definition: *definition }).await?;
            let version = Some(agent.version);
            request.agent = Some(AgentRequest { name, version, task, max_steps: args.max_steps });
        }
        Work::Named { name, task } => {
            request.agent =
                Some(AgentRequest { name, version: None, task, max_steps: args.max_steps });
        }
    }
    if let Some(files) = &args.files {
        fs::metadata(files)
            .map_err(|error| Failure::usage(format!("`--files {}`: {error}", files.display())))?;
        let session = match request.session_id {
            Some(session) => session,
            None => {
                client.post::<Session>("/v1/sessions", &OpenSession::default()).await?.session_id
            }
        };
        request.session_id = Some(session);
        let data = connection.dir.canonicalize()?;
        copy_in(files, &data, &data.join("workspaces").join(session.to_string()))?;
    }
    Ok(client.post("/v1/runs", &request).await?)
}

/// Copies a file, or what a folder holds, into a session's workspace.
fn copy_in(from: &Path, data: &Path, workspace: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("`{}` cannot be copied into the workspace: {error}", path.display()))
    };
    fs::create_dir_all(workspace).map_err(|error| failed(workspace, error))?;
    if from.is_file() {
        let name = from.file_name().unwrap_or_default();
        fs::copy(from, workspace.join(name)).map_err(|error| failed(from, error))?;
        return Ok(());
    }
    for entry in fs::read_dir(from).map_err(|error| failed(from, error))? {
        let entry = entry.map_err(|error| failed(from, error))?;
        let (path, to) = (entry.path(), workspace.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| failed(&path, error))?;
        // the data directory may lie in the folder; it is not one of its files
        let is_data = kind.is_dir() && path.canonicalize().is_ok_and(|path| path == data);
        if kind.is_dir() && !is_data {
            copy_in(&path, data, &to)?;
        } else if kind.is_file() {
            fs::copy(&path, &to).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}
