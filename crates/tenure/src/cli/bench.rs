//! `tenure bench`: the real engine measured beside the disk's flush floor of the same run.

mod wire;

use super::{Cx, Exit, Failure, outln, println_json};
use clap::{Args as ClapArgs, Subcommand};
use tenure_bench::recover;
use tenure_bench::steps::{self, Figures, Plan};
use tenure_contract::words::RecoveryClass;
use tokio::io::AsyncReadExt as _;

/// What to measure.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: tenure bench steps --data /tmp/bench --inflight 64 --runs 6400 --class once"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Runs of sequential steps with 200-byte results: steps per second, to the last settled entry.
    Steps(StepsArgs),
    /// Kills a process with runs in flight and measures how soon they all move again.
    Recover(RecoverArgs),
    /// One client over HTTP: one-step runs, each created and waited for.
    Http(wire::RunsArgs),
    /// Many approvals that wait: what they cost, and how soon a list shows them.
    Approvals(wire::ApprovalsArgs),
    /// Followers of an event stream who are told nothing.
    Followers(wire::FollowersArgs),
    /// One tenant floods the server with dispatches; what another tenant notices.
    Flood(wire::FloodArgs),
    #[command(hide = true)]
    Hold(RecoverArgs),
}

#[derive(Debug, ClapArgs)]
struct RecoverArgs {
    /// Runs in flight at the kill.
    #[arg(long, default_value_t = 10_000)]
    runs: usize,
}

#[derive(Debug, ClapArgs)]
struct StepsArgs {
    /// Runs in flight at once.
    #[arg(long, default_value_t = 64)]
    inflight: usize,
    /// Runs in all.
    #[arg(long, default_value_t = 6_400)]
    runs: usize,
    /// Sequential steps of each run.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// The steps' recovery class: read, idempotent or once.
    #[arg(long, default_value = "once")]
    class: RecoveryClass,
}

/// Measures in the data directory, which must be empty: what is measured stays there to be looked at.
pub(crate) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    match args.what {
        What::Steps(args) => measure_steps(cx, &args).await,
        What::Recover(args) => measure_recovery(cx, &args).await,
        What::Http(args) => wire::runs(cx, &args).await,
        What::Approvals(args) => wire::approvals(cx, &args).await,
        What::Followers(args) => wire::followers(cx, &args).await,
        What::Flood(args) => wire::flood(cx, &args).await,
        What::Hold(args) => {
            recover::hold(&cx.data, args.runs).await?;
            outln("held");
            std::future::pending().await
        }
    }
}

/// Holds runs in another process, kills it without a word, and recovers them here.
async fn measure_recovery(cx: &Cx, args: &RecoverArgs) -> Result<Exit, Failure> {
    a_directory_of_its_own(cx)?;
    let failed = |why: std::io::Error| Failure::usage(format!("the process to be killed: {why}"));
    let mut child = tokio::process::Command::new(std::env::current_exe().map_err(failed)?)
        .args(["bench", "hold", "--runs", &args.runs.to_string(), "--data"])
        .arg(&cx.data)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut told = [0u8; 4];
    if let Some(mut output) = child.stdout.take() {
        output.read_exact(&mut told).await.map_err(failed)?;
    }
    child.kill().await.map_err(failed)?;
    let recovered = recover::recover(&cx.data, args.runs).await?;
    if cx.json {
        println_json(&recovered);
    } else {
        outln(&format!("{:>10.0} ms until requests are taken", recovered.accepting_ms));
        let runs = recovered.runs;
        outln(&format!("{:>10.0} ms until all {runs} runs move again", recovered.all_moving_ms));
    }
    Ok(Exit::Done)
}

async fn measure_steps(cx: &Cx, steps: &StepsArgs) -> Result<Exit, Failure> {
    if steps.inflight == 0 || steps.runs == 0 || steps.steps == 0 {
        return Err(Failure::usage("--inflight, --runs and --steps are at least 1".to_owned()));
    }
    a_directory_of_its_own(cx)?;
    let plan =
        Plan { inflight: steps.inflight, runs: steps.runs, steps: steps.steps, class: steps.class };
    let figures = steps::run(&cx.data, &plan).await?;
    if cx.json {
        println_json(&figures);
    } else {
        print(&figures);
    }
    Ok(Exit::Done)
}

fn a_directory_of_its_own(cx: &Cx) -> Result<(), Failure> {
    let is_taken = std::fs::read_dir(&cx.data).is_ok_and(|mut found| found.next().is_some());
    if is_taken {
        let told = format!(
            "`{}` is not empty; a benchmark wants a directory of its own, name one with --data",
            cx.data.display()
        );
        return Err(Failure::usage(told));
    }
    Ok(())
}

fn print(figures: &Figures) {
    outln(&format!("{:>10.0} steps/s, {} runs in flight", figures.steps_per_s, figures.inflight));
    outln(&format!("{:>10.0} µs flush floor of this run", figures.flush_floor_us));
    outln(&format!("{:>10.2} × the floor: mean time of a step", figures.ratio_to_floor));
    outln(&format!("{:>10.0} µs step p50, {:.0} µs p99", figures.step_p50_us, figures.step_p99_us));
    outln(&format!("{:>10.1} ms run p50, {:.1} ms p99", figures.run_p50_ms, figures.run_p99_ms));
    outln(&format!("{:>10} flushes for {} entries", figures.flushes, figures.entries));
    outln(&format!("{:>10.0} bytes per step, all files", figures.bytes_per_step));
    outln(&format!("{:>10} journals verified", figures.verified_journals));
}
