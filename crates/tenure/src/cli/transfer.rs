//! `tenure transfer`: a session on its way to another server, by files one carries oneself.

use super::verify::root_key;
use super::{Cx, Exit, Failure, outln, println_json};
use crate::client::{Client, Fault};
use clap::Subcommand;
use std::path::{Path, PathBuf};
use tenure_contract::digest::hex;
use tenure_contract::resource::{AcceptedTransfer, OfferTransfer, ReleaseTransfer, Transfer};
use tenure_contract::words::TransferStatus;
use tenure_contract::{SessionId, StoreId};
use tenure_engine::Motion;

const STEPS: &str = "\
A session moves in four steps, each at one of the two data directories; both have the same tenant:
  at B  tenure transfer here                                   tells B's store
  at A  tenure transfer offer ses_… --to sto_…                 A goes on as before
  at A  tenure export ses_… -o offered.jsonl
  at B  tenure --tenant ten_… transfer accept offered.jsonl -o accepted.json
  at A  tenure transfer release ses_… accepted.json            from here on it is B's
  at A  tenure export ses_… -o a.jsonl
  at B  tenure --tenant ten_… transfer receive a.jsonl         B goes on
  anyone, later, with B's export b.jsonl:  tenure verify a.jsonl b.jsonl

B has no such tenant yet: tenure tenant create NAME --id ten_…
B lacks an agent it goes on with: tenure --tenant ten_… agent register FILE";

/// Moves a session to another server, or takes one from there.
#[derive(Debug, clap::Args)]
#[command(after_help = STEPS)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tells which store this is.
    Here,
    /// Offers a session to another store; here everything goes on.
    Offer {
        /// The session.
        session: SessionId,
        /// The receiver's store.
        #[arg(long, value_name = "STORE")]
        to: StoreId,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Takes an offer back.
    Withdraw {
        /// The session.
        session: SessionId,
    },
    /// Verifies a session offered to this store and signs for it.
    Accept {
        /// Its export, made after the offer.
        export: PathBuf,
        /// Where the signature goes; standard output when absent.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The sender's root key, hex, or a file that holds it.
        #[arg(long, value_name = "KEY|FILE")]
        root: Option<String>,
    },
    /// Gives a session away for good, to the store that signed for it.
    Release {
        /// The session.
        session: SessionId,
        /// What the receiver signed.
        accepted: PathBuf,
    },
    /// Takes a session that was released to this store.
    Receive {
        /// Its export, made after the release.
        export: PathBuf,
        /// The sender's root key, hex, or a file that holds it.
        #[arg(long, value_name = "KEY|FILE")]
        root: Option<String>,
    },
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let motion = match args.verb {
        Verb::Here | Verb::Accept { .. } => Motion::Still,
        _ => Motion::Live,
    };
    // the store a session comes to may be new
    let connection = match args.verb {
        Verb::Here => cx.connect(motion).await?,
        _ => cx.connect_existing(motion).await?,
    };
    let done = perform(cx, &connection.client, args.verb).await;
    connection.close().await;
    done?;
    Ok(Exit::Done)
}

async fn perform(cx: &Cx, client: &Client, verb: Verb) -> Result<(), Failure> {
    let path = |session: SessionId| format!("/v1/sessions/{session}/transfer");
    let moved: Transfer = match verb {
        Verb::Here => {
            let server: serde_json::Value = client.get("/v1/server").await?;
            let store = server["storeId"].as_str().unwrap_or_default();
            if cx.json {
                println_json(&serde_json::json!({ "storeId": store }));
            } else {
                outln(store);
            }
            return Ok(());
        }
        Verb::Offer { session, to, reason } => {
            client.post(&path(session), &OfferTransfer { to_store: to, reason }).await?
        }
        Verb::Withdraw { session } => client.delete_for(&path(session)).await?,
        Verb::Accept { export, output, root } => {
            let path = sender("/v1/transfers/accept", root.as_deref())?;
            let accepted = client.post_lines(&path, read(&export)?).await?;
            return signed(&accepted, output.as_deref());
        }
        Verb::Release { session, accepted } => {
            let text = read(&accepted)?;
            let found: AcceptedTransfer = serde_json::from_str(&text).map_err(|why| {
                let file = accepted.display();
                Failure::usage(format!(
                    "`{file}` is not what `tenure transfer accept` writes: {why}"
                ))
            })?;
            let request = ReleaseTransfer { accepted: found.accepted };
            client.post(&format!("{}/release", path(session)), &request).await?
        }
        Verb::Receive { export, root } => {
            let path = sender("/v1/transfers/receive", root.as_deref())?;
            client.post_lines(&path, read(&export)?).await?
        }
    };
    told(cx, &moved);
    Ok(())
}

fn sender(path: &str, root: Option<&str>) -> Result<String, Failure> {
    let root = root.map(root_key).transpose()?;
    Ok(root.map_or_else(|| path.to_owned(), |root| format!("{path}?root={}", hex(&root))))
}

/// A file whole, or standard input.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let failed =
        |why: std::io::Error| Failure::usage(format!("`{}` cannot be read: {why}", file.display()));
    if file == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).map_err(failed);
    }
    std::fs::read_to_string(file).map_err(failed)
}

fn signed(accepted: &AcceptedTransfer, output: Option<&Path>) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(accepted).map_err(|why| {
        Fault::Refused(tenure_contract::Error::new(
            tenure_contract::Code::Internal,
            why.to_string(),
        ))
    })?;
    match output {
        None => outln(&text),
        Some(file) => std::fs::write(file, text + "\n").map_err(|why| {
            Failure::usage(format!("`{}` cannot be written: {why}", file.display()))
        })?,
    }
    eprintln!(
        "signed for {}; give it to the sender: tenure transfer release {} FILE",
        accepted.session_id, accepted.session_id
    );
    Ok(())
}

fn told(cx: &Cx, moved: &Transfer) {
    if cx.json {
        return println_json(moved);
    }
    let Transfer { transfer_id, session_id, to_store, seq, .. } = moved;
    outln(&match moved.status {
        TransferStatus::Offered => format!(
            "{transfer_id}: {session_id} is offered to {to_store}\nnext: tenure export {session_id} -o offered.jsonl, and accept that there"
        ),
        TransferStatus::Withdrawn => format!("{transfer_id}: taken back; {session_id} stays"),
        TransferStatus::Released => format!(
            "{transfer_id}: {session_id} is {to_store}'s from entry {seq} on\nnext: tenure export {session_id} -o a.jsonl, and receive that there"
        ),
        TransferStatus::Received => {
            format!("{transfer_id}: {session_id} is here and goes on behind entry {seq}")
        }
    });
}
