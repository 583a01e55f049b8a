//! `tenure conformance`: holds any server to the contract, over HTTP, and prints a scorecard.

use super::print::{took, watched};
use super::{Cx, Exit, Failure, outln, println_json};
use indicatif::{ProgressBar, ProgressStyle};
use std::net::SocketAddr;
use std::time::Duration;
use tenure_conformance::{Case, CaseScore, Plan, Second, Verdict};

/// Holds a server to the contract over HTTP and prints a scorecard by requirement.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure conformance --url http://127.0.0.1:4137\n  tenure conformance --url http://127.0.0.1:4137 --key \"$KEY\" --other-key \"$OTHER\" --restart-cmd ./restart.sh\n  tenure conformance --url http://127.0.0.1:4137 --only APR-1,SUB-1 --json\n\nThe cases make their own data and leave it there: try a server whose data you can throw away."
)]
pub(super) struct Args {
    /// The server's base URL.
    #[arg(long)]
    url: String,
    /// The API key to call with.
    #[arg(long, env = "TENURE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// A key of another tenant, for what one tenant must not see of another.
    #[arg(long, env = "TENURE_OTHER_KEY", hide_env_values = true, value_name = "KEY")]
    other_key: Option<String>,
    /// The base URL of a second server that knows the same tenant, for sessions that move.
    #[arg(long, value_name = "URL")]
    second_url: Option<String>,
    /// The API key of that tenant at the second server.
    #[arg(
        long,
        env = "TENURE_SECOND_KEY",
        hide_env_values = true,
        value_name = "KEY",
        requires = "second_url"
    )]
    second_key: Option<String>,
    /// Run by the shell in the middle of runs: restarts the server and returns once it is up again.
    #[arg(long, value_name = "CMD")]
    restart_cmd: Option<String>,
    /// Only these requirements or cases, by id or name.
    #[arg(long, value_delimiter = ',', value_name = "ID,…")]
    only: Vec<String>,
    /// Where the kit's own model listens; the server must reach it there. Port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    let plan = Plan {
        url: args.url,
        key: args.key,
        other_key: args.other_key,
        second: args.second_url.map(|url| Second { url, key: args.second_key }),
        restart: args.restart_cmd,
        only: args.only,
        listen: args.listen,
    };
    let unready = |why: tenure_conformance::Unready| Failure::usage(why.to_string());
    let mut progress = Progress::new(plan.cases().map_err(unready)?.len());
    let card = tenure_conformance::run(plan, |case, score| progress.show(case, score)).await;
    progress.bar.finish_and_clear();
    let card = card.map_err(unready)?;
    if cx.json {
        println_json(&card);
    } else {
        outln(&card.to_string());
    }
    Ok(if card.failed == 0 { Exit::Done } else { Exit::CheckFailed })
}

/// What a person sees while cases run: the one that runs, and each that failed.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(cases: usize) -> Self {
        if !watched() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new(cases as u64);
        let style = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }

    fn show(&mut self, case: &Case, score: Option<&CaseScore>) {
        let Some(score) = score else {
            self.bar.set_message(format!("{} {}", case.id, case.name));
            return;
        };
        self.bar.inc(1);
        if score.verdict == Verdict::Failed {
            let why = score.why.as_deref().unwrap_or_default();
            self.bar.println(format!("✗ {} {} ({}): {why}", case.id, case.name, took(score.ms)));
        }
    }
}
