//! `tenure secret`: a tenant's secrets, written and never read back.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use std::io::Read as _;
use tenure_contract::resource::{Page, Secret, SetSecret};
use tenure_engine::Motion;

/// Sets, lists and deletes secrets.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure secret set OPENAI < key.txt\n  tenure secret ls\n  tenure secret rm OPENAI\n\nAn agent names it: api_key = \"secret:OPENAI\" for its model, {secret:NAME} in the headers of an http_action."
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sets a secret to what stands on standard input.
    Set {
        /// Its name.
        name: String,
    },
    /// Lists secrets, without their texts.
    Ls,
    /// Deletes a secret.
    Rm {
        /// Its name.
        name: String,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let request = match &args.what {
        What::Set { .. } => Some(SetSecret { value: typed()? }),
        What::Ls | What::Rm { .. } => None,
    };
    let motion = if matches!(args.what, What::Ls) { Motion::Still } else { Motion::Live };
    let connection = cx.connect(motion).await?;
    let client = &connection.client;
    let done = match (args.what, request) {
        (What::Set { name }, Some(request)) => {
            let set = client.put::<Secret>(&format!("/v1/secrets/{name}"), &request).await;
            set.map(|set| match cx.json {
                true => println_json(&set),
                false => outln(&format!("{} version {}", set.name, set.version)),
            })
        }
        (What::Rm { name }, _) => client.delete(&format!("/v1/secrets/{name}")).await,
        (What::Ls | What::Set { .. }, _) => {
            client.every::<Secret>("/v1/secrets").await.map(|page| listed(cx, &page))
        }
    };
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

/// Never an argument: those stand in the list of processes and in a shell's history.
fn typed() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn listed(cx: &Cx, page: &Page<Secret>) {
    if cx.json {
        return println_json(page);
    }
    let rows = page.items.iter().map(|secret| {
        vec![
            secret.name.clone(),
            secret.version.to_string(),
            format!("at most {}", secret.length_hint),
            secret.updated_at.to_string(),
        ]
    });
    outln(&table(&["secret", "version", "letters", "set"], rows));
}
