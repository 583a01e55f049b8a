//! `tenure checkpoint`: points of a session to resume from.

use super::print::{ago, brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::resource::{Checkpoint, Page};
use tenure_contract::{CheckpointId, SessionId};
use tenure_engine::Motion;

/// Makes, lists and shows checkpoints.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure checkpoint new ses_…\n  tenure checkpoint ls ses_…\n  tenure resume --token rsm_…"
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes a checkpoint of a session as it stands.
    New {
        /// The session.
        session: SessionId,
    },
    /// Lists a session's checkpoints, the newest first.
    Ls {
        /// The session.
        session: SessionId,
    },
    /// Shows a checkpoint.
    Show {
        /// The checkpoint.
        checkpoint: CheckpointId,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.verb {
        Verb::Ls { .. } | Verb::Show { .. } => Motion::Still,
        Verb::New { .. } => Motion::Live,
    };
    let connection = cx.connect_existing(motion).await?;
    let client = &connection.client;
    let told = match args.verb {
        Verb::New { session } => {
            let path = format!("/v1/sessions/{session}/checkpoints");
            client.post(&path, &serde_json::json!({})).await.map(|one| Told::One(Box::new(one)))
        }
        Verb::Show { checkpoint } => client
            .get(&format!("/v1/checkpoints/{checkpoint}"))
            .await
            .map(|one| Told::One(Box::new(one))),
        Verb::Ls { session } => {
            let path = format!("/v1/sessions/{session}/checkpoints?limit=200");
            client.get(&path).await.map(Told::Page)
        }
    };
    connection.close().await;
    match told? {
        Told::One(one) if cx.json => println_json(&one),
        Told::Page(page) if cx.json => println_json(&page),
        Told::One(one) => show(&one),
        Told::Page(page) if page.items.is_empty() => eprintln!("none"),
        Told::Page(page) => {
            let columns = ["checkpoint", "cause", "session", "made", "how things stood"];
            outln(&table(&columns, page.items.iter().map(row)));
        }
    }
    Ok(Exit::Done)
}

enum Told {
    One(Box<Checkpoint>),
    Page(Page<Checkpoint>),
}

fn row(one: &Checkpoint) -> Vec<String> {
    vec![
        one.checkpoint_id.to_string(),
        one.cause.to_string(),
        one.status_at_capture.to_string(),
        ago(one.created_at),
        brief(&one.state_summary.summary, 80),
    ]
}

fn show(one: &Checkpoint) {
    outln(&format!("checkpoint {}  {}", one.checkpoint_id, brief(&one.state_summary.title, 100)));
    outln(&format!("  {} ({}), after entry {}", one.state_summary.summary, one.cause, one.seq));
    if let Some(token) = &one.resume_token {
        outln(&format!("  go on with: tenure resume --token {token}"));
    }
}
