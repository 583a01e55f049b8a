//! `tenure bench http|approvals|followers|flood`: a server in a process of its own, measured from
//! outside.

use super::a_directory_of_its_own;
use crate::cli::{Cx, Exit, Failure, outln, println_json};
use crate::owner::Owner;
use crate::stage::Server;
use serde::Serialize;
use std::time::Duration;
use tenure_bench::wire::followers::{self, Whose};
use tenure_bench::wire::{Target, approvals, flood, runs};

/// One client's runs.
#[derive(Debug, clap::Args)]
pub(super) struct RunsArgs {
    /// Runs that are created and waited for, one after the other.
    #[arg(long, default_value_t = 1_000)]
    runs: usize,
}

/// Approvals that wait.
#[derive(Debug, clap::Args)]
pub(super) struct ApprovalsArgs {
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// How long the server is left alone, seconds.
    #[arg(long, default_value_t = 20)]
    idle_s: u64,
}

/// Followers who are told nothing.
#[derive(Debug, clap::Args)]
pub(super) struct FollowersArgs {
    /// How many.
    #[arg(long, default_value_t = 1_000)]
    count: usize,
    /// Whose stream they follow.
    #[arg(long, value_enum, default_value_t = Stream::Session)]
    of: Stream,
    /// How long they are left alone, seconds.
    #[arg(long, default_value_t = 20)]
    idle_s: u64,
}

/// What can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stream {
    /// One session.
    Session,
    /// The whole tenant.
    Tenant,
}

/// A flood of dispatches.
#[derive(Debug, clap::Args)]
pub(super) struct FloodArgs {
    /// Dispatches that are sent in all.
    #[arg(long, default_value_t = 10_000)]
    dispatches: usize,
    /// The most that are sent in a second.
    #[arg(long, default_value_t = 500)]
    per_s: usize,
    /// Runs of the other tenant before the flood.
    #[arg(long, default_value_t = 1_000)]
    alone: usize,
    /// How long the other tenant waits between two of its runs, milliseconds.
    #[arg(long, default_value_t = 10)]
    pause_ms: u64,
}

pub(super) async fn runs(cx: &Cx, args: &RunsArgs) -> Result<Exit, Failure> {
    let (server, target) = served(cx).await?;
    let figures = runs::measure(&target, args.runs.max(1)).await;
    server.stop().await;
    tell(cx, &figures?, |told| {
        outln(&format!("{:>10.2} ms run p50, {:.2} ms p99", told.run_p50_ms, told.run_p99_ms));
        outln(&format!("{:>10.0} µs flush floor of this run", told.flush_floor_us));
        outln(&format!("{:>10.2} ms aim: three floors and a millisecond", told.aim_ms));
    })
}

pub(super) async fn approvals(cx: &Cx, args: &ApprovalsArgs) -> Result<Exit, Failure> {
    let (server, target) = served(cx).await?;
    let idle = Duration::from_secs(args.idle_s.max(1));
    let figures = approvals::measure(&target, args.count.max(1), idle).await;
    server.stop().await;
    tell(cx, &figures?, |told| {
        outln(&format!("{:>10} approvals wait", told.approvals));
        let (idle, base) = (told.idle_core_percent, told.base_core_percent);
        outln(&format!("{idle:>10.2} % of a core meanwhile, {base:.2} % without any"));
        let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
        let (held, base) = (mib(told.resident_bytes), mib(told.base_resident_bytes));
        outln(&format!("{held:>10.1} MiB resident, {base:.1} MiB without any"));
        outln(&format!(
            "{:>10.2} ms first page p50, {:.2} ms p99, {} rows",
            told.first_page_p50_ms, told.first_page_p99_ms, told.first_page_rows
        ));
    })
}

pub(super) async fn followers(cx: &Cx, args: &FollowersArgs) -> Result<Exit, Failure> {
    let (server, target) = served(cx).await?;
    let whose = match args.of {
        Stream::Session => Whose::Session,
        Stream::Tenant => Whose::Tenant,
    };
    let idle = Duration::from_secs(args.idle_s.max(1));
    let figures = followers::measure(&target, whose, args.count.max(1), idle).await;
    server.stop().await;
    tell(cx, &figures?, |told| {
        outln(&format!("{:>10} followers of `{}`", told.followers, told.path));
        outln(&format!("{:>10.1} KiB each", told.bytes_each as f64 / 1_024.0));
        outln(&format!("{:>10.2} % of a core for all", told.idle_core_percent));
    })
}

pub(super) async fn flood(cx: &Cx, args: &FloodArgs) -> Result<Exit, Failure> {
    let (server, target) = served(cx).await?;
    let plan = flood::Plan {
        dispatches: args.dispatches.max(1),
        per_s: args.per_s.max(1),
        alone: args.alone.max(1),
        pause_ms: args.pause_ms,
    };
    let figures = flood::measure(&target, &plan).await;
    server.stop().await;
    tell(cx, &figures?, |told| {
        outln(&format!("{:>10} dispatches in {:.1} s", told.dispatches, told.flood_s));
        outln(&format!(
            "{:>10.2} ms another tenant's run p50, {:.2} ms p99, {} runs without the flood",
            told.alone_p50_ms, told.alone_p99_ms, told.alone_runs
        ));
        outln(&format!(
            "{:>10.2} ms p50, {:.2} ms p99, {} runs during the flood",
            told.flooded_p50_ms, told.flooded_p99_ms, told.flooded_runs
        ));
        outln(&format!("{:>10.2} ms aim for that p99", told.aim_p99_ms));
        outln(&format!("{:>10.0} µs flush floor of this run", told.flush_floor_us));
    })
}

/// A server on a directory of its own below the one that is named.
async fn served(cx: &Cx) -> Result<(Server, Target), Failure> {
    a_directory_of_its_own(cx)?;
    let data = cx.data.join("server");
    std::fs::create_dir_all(&data)?;
    let dir = cx.data.canonicalize()?;
    let server = Server::start(&data).await?;
    let owner =
        Owner::read(&data).ok_or_else(|| Failure::failed("the server left no `owner.json`"))?;
    let endpoint = server.client().endpoint().to_owned();
    let target = Target { endpoint, token: owner.token, pid: server.pid(), dir };
    Ok((server, target))
}

fn tell<T: Serialize>(cx: &Cx, figures: &T, person: impl FnOnce(&T)) -> Result<Exit, Failure> {
    if cx.json {
        println_json(figures);
    } else {
        person(figures);
    }
    Ok(Exit::Done)
}
