//! `tenure approvals`: what waits for a decision, and the way to another app and back (`APR-6`).

mod hand;
mod open;
mod sign;

use super::ls::Filters;
use super::print::{ago, brief, table};
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use tenure_contract::resource::{Approval, Page};
use tenure_engine::Motion;

/// Lists approvals that wait for a decision; hands one to another app and takes its decision back.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  tenure approvals\n  tenure approve apr_… --reason \"checked with the customer\"\n\nTo another app and back:\n  tenure approvals keys > keys.json                       # what its tokens are checked with\n  tenure approvals hand apr_… --to desk > token           # signed, for `desk` only, works once\n  tenure approvals open token --keys keys.json            # in the app: what is asked\n  tenure approvals sign token --keys keys.json --key key.json approve --reason \"seen\" > decision\n  tenure approvals return decision                        # here; or from the app with --at URL"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Also those that are decided.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filters: Filters,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Hands an approval to another app: prints a signed token.
    Hand(hand::HandArgs),
    /// Takes the decision another app signed.
    Return(hand::ReturnArgs),
    /// Prints the keys this server signs tokens with, as a JSON Web Key Set.
    Keys,
    /// Shows what a token asks, once its signature holds; needs no server.
    Open(open::Args),
    /// Signs a decision about what a token asks; needs no server.
    Sign(sign::Args),
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    match args.what {
        None => list(cx, args.all, &args.filters).await,
        Some(What::Hand(args)) => hand::hand(cx, args).await,
        Some(What::Return(args)) => hand::take_back(cx, args).await,
        Some(What::Keys) => hand::keys(cx).await,
        Some(What::Open(args)) => open::run(cx, &args).await,
        Some(What::Sign(args)) => sign::run(cx, args).await,
    }
}

async fn list(cx: &Cx, all: bool, filters: &Filters) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let open = if all { None } else { Some("true") };
    let path = filters.path("approvals", &[("open", open), ("limit", Some("200"))]);
    let page = connection.client.get::<Page<Approval>>(&path).await;
    connection.close().await;
    let page = page?;
    if cx.json {
        println_json(&page);
    } else if page.items.is_empty() {
        outln("nothing waits for a decision");
    } else {
        outln(&table(COLUMNS, page.items.iter().map(row)));
    }
    Ok(Exit::Done)
}

/// The columns of a list of approvals.
pub(super) const COLUMNS: &[&str] = &["approval", "status", "risk", "asked", "what"];

pub(super) fn row(approval: &Approval) -> Vec<String> {
    vec![
        approval.approval_id.to_string(),
        approval.status.to_string(),
        approval.risk_level.to_string(),
        ago(approval.requested_at),
        brief(&approval.action_label, 100),
    ]
}

/// A token: in a file, on standard input, or as it is.
fn token(given: &str) -> Result<String, Failure> {
    let text = match given {
        "-" => std::io::read_to_string(std::io::stdin())?,
        // a file's name has no reason to have three parts of base64url
        _ if given.len() > 200 && given.split('.').count() == 3 => given.to_owned(),
        _ => std::fs::read_to_string(given)
            .map_err(|error| Failure::usage(format!("`{given}` cannot be read: {error}")))?,
    };
    Ok(text.trim().to_owned())
}
