//! `tenure demo-payments`: the demo's payment service, as a process of its own. Not for use by hand.

use super::{Exit, Failure};
use crate::demo::ledger::Request;
use crate::demo::payments::{Behaviour, serve};
use std::path::PathBuf;

/// The payment service of `tenure demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where every request is written down.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Keeps back the answer of that payment, such as `charge:2`.
    #[arg(long, value_name = "TOOL:N")]
    hold: Vec<String>,
    /// The same, and its look-up cannot tell.
    #[arg(long, value_name = "TOOL:N")]
    unknown: Vec<String>,
    /// Longest wait before and after money moves.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Which waits.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let which =
        |given: &[String]| given.iter().map(|text| payment(text)).collect::<Result<Vec<_>, _>>();
    let behaviour = Behaviour {
        hold: which(&args.hold)?,
        unknown: which(&args.unknown)?,
        ledger: args.ledger,
        delay_ms: args.delay_ms,
        seed: args.seed,
    };
    serve(behaviour).await?;
    Ok(Exit::Done)
}

fn payment(text: &str) -> Result<(Request, u64), Failure> {
    let read = text.split_once(':').and_then(|(tool, number)| {
        let request = match tool {
            "charge" => Request::Charge,
            "refund" => Request::Refund,
            _ => return None,
        };
        Some((request, number.parse().ok()?))
    });
    read.ok_or_else(|| {
        Failure::usage(format!("`{text}` is no payment; expected `charge:N` or `refund:N`"))
    })
}
