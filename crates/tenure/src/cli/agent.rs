//! `tenure agent`: definitions of agents, registered for whoever names them.

use super::{Cx, Exit, Failure, definition, outln, println_json};
use clap::Subcommand;
use std::path::PathBuf;
use tenure_contract::resource::{Agent, RegisterAgent};
use tenure_engine::Motion;

/// Registers definitions of agents; `tenure ls agents` lists them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure agent register clerk/agent.toml\n  tenure run -a clerk \"sort the post\"\n\nThe same definition again is the same version; another one is a new version of the agent of that name."
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Registers a definition.
    Register {
        /// A TOML or JSON file.
        file: PathBuf,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let Verb::Register { file } = args.verb;
    let request = RegisterAgent { definition: definition(&file)? };
    let connection = cx.connect(Motion::Live).await?;
    let made = connection.client.post::<Agent>("/v1/agents", &request).await;
    connection.close().await;
    let made = made?;
    if cx.json {
        println_json(&made);
    } else {
        outln(&format!("{}@{}", made.name, made.version));
    }
    Ok(Exit::Done)
}
