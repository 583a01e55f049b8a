//! The command line: a client of the HTTP contract, one file per verb.

mod agent;
mod app_key;
mod approvals;
mod artifacts;
mod bench;
mod cancel;
mod checkpoint;
mod conformance;
mod decide;
mod demo;
mod demo_payments;
mod dispatch;
mod doctor;
mod example;
mod example_host;
mod executor;
mod exit;
mod explain;
mod export;
mod failure;
mod follow;
mod forget;
mod handoff;
mod inbox;
mod intents;
mod key;
mod ls;
mod migration;
mod policy;
mod principal;
mod print;
mod project;
mod resolve;
mod resume;
mod run;
mod schedule;
mod secret;
mod serve;
mod show;
mod speech;
mod subject;
mod task;
mod teller;
mod tenant;
mod todo;
mod trail;
mod transfer;
mod verify;
mod watch;
mod workspace;

pub(crate) use exit::Exit;
pub(crate) use export::to_file;
pub(crate) use failure::Failure;
pub(crate) use print::{outln, println_json};
pub(crate) use run::{definition, definition_as_written};
pub(crate) use teller::Teller;
pub(crate) use verify::check;

use crate::connection::Connection;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tenure_contract::TenantId;
use tenure_engine::Motion;

/// Runs AI agents and intents as durable, accountable work: kill it anywhere, nothing is lost.
#[derive(Debug, Parser)]
#[command(name = "tenure", version, after_help = exit::TABLE, propagate_version = true)]
struct Cli {
    /// The data directory.
    #[arg(long, global = true, env = "TENURE_DATA", default_value = ".tenure", value_name = "DIR")]
    data: PathBuf,
    /// The tenant to act in; the server's own when nothing is said.
    #[arg(long, global = true, env = "TENURE_TENANT", value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// Answers as JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows a failure survived: payments, kill -9, an approval, a verified journal.
    Demo(demo::Args),
    /// Plays an example, or lists them: what each shows, with every claim checked.
    Example(example::Args),
    /// Runs an agent on a task, or an intent, and follows it to its end.
    Run(run::Args),
    /// Follows a session's run on after an interruption; lets a paused one go on.
    Resume(resume::Args),
    /// Serves the HTTP API on a data directory.
    Serve(serve::Args),
    /// Shows what needs a person now, over all products.
    Inbox(inbox::Args),
    /// Lists sessions, runs, tasks, dispatches, schedules, approvals, steps in doubt, handoffs or agents.
    Ls(ls::Args),
    /// Shows a session, a run, a schedule or a handoff: every step with its attempts and times, or a tree.
    Show(show::Args),
    /// Says why a run, session, task, approval, dispatch, schedule or handoff is not moving, and what to do.
    Explain(explain::Args),
    /// Lists approvals that wait for a decision; hands one to another app and takes its decision back.
    Approvals(approvals::Args),
    /// Approves exactly what was asked.
    Approve(decide::ApproveArgs),
    /// Denies what was asked; the model is told.
    Deny(decide::DenyArgs),
    /// Ends a run, a session, a task or a dispatch.
    Cancel(cancel::Args),
    /// Empties a session's chat memory; the messages stay in the journal.
    Forget(forget::Args),
    /// Settles a step in doubt.
    Resolve(resolve::Args),
    /// Makes, lists and shows checkpoints.
    Checkpoint(checkpoint::Args),
    /// Dispatches work at once, by turn or at a time; lists, shows and cancels dispatches.
    Dispatch(Box<dispatch::Args>),
    /// Registers, lists and revokes executors of remote dispatches; is one.
    Executor(Box<executor::Args>),
    /// Offers a session to another product or principal; lists, shows and answers handoffs.
    Handoff(handoff::Args),
    /// Makes schedules and adds entries to them; lists, shows, pauses, resumes and cancels them.
    Schedule(Box<schedule::Args>),
    /// Makes, lists, shows, changes and retries tasks.
    Task(task::Args),
    /// Makes, lists and changes todos.
    Todo(todo::Args),
    /// Lists what a session made.
    Artifacts(artifacts::Args),
    /// Writes a session's journal as JSON lines, signed.
    Export(export::Args),
    /// Tells what happened in a session, at any entry: from a server, or from an export alone.
    Trail(trail::Args),
    /// Shows entries as they become durable: a session's, or the whole tenant's.
    Watch(watch::Args),
    /// Moves a session to another server, or takes one from there.
    Transfer(transfer::Args),
    /// Checks exports offline: names the first bad entry, and whether several tell one history.
    Verify(verify::Args),
    /// Looks at the disk, the store and the clock, and says what to do.
    Doctor(doctor::Args),
    /// Measures the real engine beside the disk's flush floor.
    Bench(bench::Args),
    /// Holds any server to the contract over HTTP and prints a scorecard.
    Conformance(conformance::Args),
    /// Registers definitions of agents.
    Agent(agent::Args),
    /// Makes, lists and revokes API keys.
    Key(key::Args),
    /// Makes, registers, lists and revokes the keys other apps sign their decisions with.
    AppKey(app_key::Args),
    /// Makes and lists the tenants of this server.
    Tenant(tenant::Args),
    /// Brings rows of a store without owners in, each to its owner's tenant.
    Migration(Box<migration::Args>),
    /// Sets, lists and deletes secrets.
    Secret(secret::Args),
    /// Makes and lists projects.
    Project(project::Args),
    /// Makes and lists workspaces, and says how they stand.
    Workspace(workspace::Args),
    /// Makes, lists, changes and disables principals.
    Principal(principal::Args),
    /// Sets, shows, checks and tries the policy.
    Policy(policy::Args),
    /// Lists the intents this server can run.
    Intents(intents::Args),
    #[command(hide = true)]
    DemoPayments(demo_payments::Args),
    #[command(hide = true)]
    ExampleHost(example_host::Args),
}

/// What every verb is given.
pub(crate) struct Cx {
    /// The data directory.
    pub data: PathBuf,
    /// The tenant to act in, if another than the server's own.
    pub tenant: Option<TenantId>,
    /// Whether the answer is JSON.
    pub json: bool,
}

impl Cx {
    /// The way to the directory's owner, which this process becomes if there is none: a still one
    /// for a verb that only reads, so that looking at a run never moves it.
    async fn connect(&self, motion: Motion) -> Result<Connection, Failure> {
        Ok(Connection::to(&self.data, motion).await?.acting_in(self.tenant))
    }

    /// The same for a verb about what is there: what is not is not made.
    async fn connect_existing(&self, motion: Motion) -> Result<Connection, Failure> {
        if !self.data.exists() {
            let told = format!(
                "no data directory `{}`; `tenure run` and `tenure serve` make one, `--data DIR` names another",
                self.data.display()
            );
            return Err(Failure::usage(told));
        }
        self.connect(motion).await
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    // only fails when one is installed already, and then there is one
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            let exit = if told.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = told.print();
            return exit.into();
        }
    };
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tenure: no runtime: {error}");
            return Exit::Failed.into();
        }
    };
    let cx = Cx { data: cli.data, tenant: cli.tenant, json: cli.json };
    let exit = runtime.block_on(async {
        match perform(&cx, cli.verb).await {
            Ok(exit) => exit,
            Err(failure) => failure.report(cx.json),
        }
    });
    // what still runs here is a reader nobody waits for
    runtime.shutdown_background();
    exit.into()
}

async fn perform(cx: &Cx, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Demo(args) => demo::run(cx, args).await,
        Verb::Example(args) => example::run(cx, args).await,
        Verb::Run(args) => run::run(cx, args).await,
        Verb::Resume(args) => resume::run(cx, args).await,
        Verb::Serve(args) => serve::run(cx, args).await,
        Verb::Inbox(args) => inbox::run(cx, args).await,
        Verb::Ls(args) => ls::run(cx, args).await,
        Verb::Show(args) => show::run(cx, args).await,
        Verb::Explain(args) => explain::run(cx, args).await,
        Verb::Approvals(args) => approvals::run(cx, args).await,
        Verb::Approve(args) => decide::approve(cx, args).await,
        Verb::Deny(args) => decide::deny(cx, args).await,
        Verb::Cancel(args) => cancel::run(cx, args).await,
        Verb::Forget(args) => forget::run(cx, args).await,
        Verb::Resolve(args) => resolve::run(cx, args).await,
        Verb::Checkpoint(args) => checkpoint::run(cx, args).await,
        Verb::Dispatch(args) => dispatch::run(cx, *args).await,
        Verb::Executor(args) => executor::run(cx, *args).await,
        Verb::Handoff(args) => handoff::run(cx, args).await,
        Verb::Schedule(args) => schedule::run(cx, *args).await,
        Verb::Task(args) => task::run(cx, args).await,
        Verb::Todo(args) => todo::run(cx, args).await,
        Verb::Artifacts(args) => artifacts::run(cx, args).await,
        Verb::Export(args) => export::run(cx, args).await,
        Verb::Trail(args) => trail::run(cx, args).await,
        Verb::Watch(args) => watch::run(cx, args).await,
        Verb::Agent(args) => agent::run(cx, args).await,
        Verb::Transfer(args) => transfer::run(cx, args).await,
        Verb::Verify(args) => verify::run(cx, &args),
        Verb::Doctor(args) => doctor::run(cx, args).await,
        Verb::Bench(args) => bench::run(cx, args).await,
        Verb::Conformance(args) => conformance::run(cx, args).await,
        Verb::Key(args) => key::run(cx, args).await,
        Verb::AppKey(args) => app_key::run(cx, args).await,
        Verb::Tenant(args) => tenant::run(cx, args).await,
        Verb::Migration(args) => migration::run(cx, *args).await,
        Verb::Secret(args) => secret::run(cx, args).await,
        Verb::Project(args) => project::run(cx, args).await,
        Verb::Workspace(args) => workspace::run(cx, args).await,
        Verb::Principal(args) => principal::run(cx, args).await,
        Verb::Policy(args) => policy::run(cx, args).await,
        Verb::Intents(args) => intents::run(cx, args).await,
        Verb::DemoPayments(args) => demo_payments::run(args).await,
        Verb::ExampleHost(args) => example_host::run(cx, args).await,
    }
}

/// Logs go to standard error; `TENURE_LOG` says how much.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("TENURE_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(print::watched())
        .with_writer(std::io::stderr);
    // only fails when an embedder has set one already
    let _ = subscriber.try_init();
}
