//! `tenure demo`: a failure survived, for everyone to see.

use super::{Cx, Exit, Failure};
use crate::demo::{Kills, Operator, Plan};
use std::path::PathBuf;

/// Shows a failure survived: real payments, kill -9 in the middle of one, a restart, an approval, a
/// verified journal. Needs no key and no network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure demo\n  tenure demo --auto --json\n  tenure demo --auto --kills 20 --seed 7\n\nWithout --auto the large refund waits until you approve it from another terminal.\nThe data directory is a temporary one (--keep keeps it); --data is not used."
)]
pub(super) struct Args {
    /// Approves and resolves by itself instead of waiting for another terminal.
    #[arg(long)]
    auto: bool,
    /// Your own folder of order and refund documents, shaped as those in examples/demo.
    #[arg(long, value_name = "DIR")]
    input: Option<PathBuf>,
    /// Kills the server that often at random moments instead of the two planned ones.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    kills: Option<u64>,
    /// Which random moments.
    #[arg(long, default_value_t = 1, requires = "kills")]
    seed: u64,
    /// Keeps the directory.
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    use std::io::IsTerminal as _;
    let alone = !std::io::stdin().is_terminal();
    if alone && !args.auto && !cx.json {
        println!(
            "nobody can answer here (standard input is no terminal): going on as with --auto\n"
        );
    }
    let plan = Plan {
        input: args.input,
        kills: match args.kills {
            Some(count) => Kills::Random { count, seed: args.seed },
            None => Kills::Planned,
        },
        operator: if args.auto || alone || cx.json {
            Operator::Automatic
        } else {
            Operator::Elsewhere
        },
        keep: args.keep,
        json: cx.json,
    };
    crate::demo::run(plan).await
}
