//! A decision about what a token asks, signed with the app's own key. Nothing leaves this process but the
//! signed text.

use super::open::{Trusted, opened};
use super::token;
use crate::cli::app_key::AppKeyFile;
use crate::cli::{Cx, Exit, Failure, outln, println_json};
use clap::ValueEnum;
use serde_json::json;
use std::path::PathBuf;
use tenure_contract::token::{DECISION_TYPE, HandedDecision, HandedVerdict};
use tenure_core::token::sign;
use tenure_engine::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The token: a file, `-` for standard input, or the token itself.
    token: String,
    /// What is decided.
    #[arg(value_enum)]
    decision: Verdict,
    /// The app's key, as `tenure app-key new` made it; its product must be the one the token is for.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    trusted: Trusted,
    /// Why; kept in the journal.
    #[arg(long)]
    reason: Option<String>,
    /// Who decides, as this app knows them.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "local")]
    by: String,
    /// Other arguments to perform instead, with `approve`; the change is recorded.
    #[arg(long, value_name = "JSON")]
    arguments: Option<String>,
}

/// The two decisions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verdict {
    /// Do it.
    Approve,
    /// Do not.
    Deny,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let key = AppKeyFile::read(&args.key)?;
    let arguments = args.arguments.as_deref().map(crate::cli::resolve::json).transpose()?;
    if arguments.is_some() && args.decision == Verdict::Deny {
        return Err(Failure::usage("`--arguments` goes with `approve` only"));
    }
    let keys = args.trusted.read(cx).await?;
    let asked = opened(&token(&args.token)?, &keys, Some(&key.product_id))?;
    let decision = HandedDecision {
        iss: key.product_id.clone(),
        aud: asked.iss,
        jti: asked.jti,
        iat: Clock::system().now().micros() / 1_000_000,
        exp: asked.exp,
        approval: asked.approval,
        action_digest: asked.action_digest,
        decision: match args.decision {
            Verdict::Approve => HandedVerdict::Approve,
            Verdict::Deny => HandedVerdict::Deny,
        },
        decided_by: args.by,
        reason: args.reason,
        arguments,
    };
    let signed = sign(&key.secret()?, DECISION_TYPE, &decision);
    if cx.json {
        println_json(
            &json!({ "decision": signed, "returnAddress": asked.return_address, "claims": decision }),
        );
    } else {
        outln(&signed);
        eprintln!("to be returned to {}", asked.return_address);
    }
    Ok(Exit::Done)
}
