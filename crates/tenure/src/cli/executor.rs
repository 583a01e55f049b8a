//! `tenure executor`: whoever carries remote dispatches out: register, list, revoke, and be one.

mod work;

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::ExecutorId;
use tenure_contract::resource::{Executor, Page, RegisterExecutor};
use tenure_contract::words::ExecutorKind;
use tenure_engine::Motion;

/// Registers, lists and revokes executors; claims remote dispatches and carries them out.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure executor register desk --kind desktop --user ada --principal worker:desk\n  tenure key create worker:desk --scope 'executors:*' --scope dispatches:read\n  tenure executor work --name desk --url http://127.0.0.1:4137 --key \"$KEY\" --exec ./carry-out.sh\n  tenure dispatch intent tidy_up --mode remote --target local --user ada\n  tenure executor revoke exe_…\n\nThe command given to `work` reads the dispatch as JSON on standard input and writes its result, as JSON or\ntext, to standard output. Exit status 0 completes the dispatch, 75 fails it as one that may be tried again,\nany other fails it. TENURE_STEP is the idempotency key for what it does outside."
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Registers an executor; the same again is the same one.
    Register {
        /// What a person calls it.
        name: String,
        /// `desktop` serves the `local` work of its user, `worker` the `sandbox`.
        #[arg(long, default_value = "worker")]
        kind: ExecutorKind,
        /// The user it is trusted for; a desktop needs one.
        #[arg(long)]
        user: Option<String>,
        /// Whom it authenticates as, as `kind:name`; whoever registers it when nothing is said.
        #[arg(long, value_name = "KIND:NAME")]
        principal: Option<String>,
    },
    /// Lists executors.
    Ls,
    /// Trusts an executor no more; what it had not started waits for another one.
    Revoke {
        /// The executor.
        executor: ExecutorId,
    },
    /// Claims remote dispatches and carries each out by a command.
    Work(work::Args),
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.verb {
        Verb::Work(args) => return work::run(cx, args).await,
        Verb::Ls => Motion::Still,
        Verb::Register { .. } | Verb::Revoke { .. } => Motion::Live,
    };
    let connection = cx.connect(motion).await?;
    let client = &connection.client;
    let done = match args.verb {
        Verb::Register { name, kind, user: user_id, principal } => {
            let wanted = RegisterExecutor { name, kind, principal, user_id };
            client.post("/v1/executors", &wanted).await.map(|made| tell(cx, &made))
        }
        Verb::Revoke { executor } => {
            let path = format!("/v1/executors/{executor}/revoke");
            client.post(&path, &serde_json::json!({})).await.map(|gone| tell(cx, &gone))
        }
        Verb::Ls | Verb::Work(_) => client.every("/v1/executors").await.map(|page| list(cx, &page)),
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

fn row(known: &Executor) -> Vec<String> {
    vec![
        known.executor_id.to_string(),
        known.name.clone(),
        known.kind.to_string(),
        known.principal.clone(),
        known.user_id.clone().unwrap_or_else(|| "every user".to_owned()),
        known.status.to_string(),
    ]
}

fn tell(cx: &Cx, executor: &Executor) {
    match cx.json {
        true => println_json(executor),
        false => outln(&row(executor).join("  ")),
    }
}

fn list(cx: &Cx, page: &Page<Executor>) {
    if cx.json {
        return println_json(page);
    }
    let head = ["executor", "name", "kind", "principal", "user", "status"];
    outln(&table(&head, page.items.iter().map(row)));
}
