//! Many approvals that wait: what they cost while nobody decides, and how soon a list shows them.

use super::{Footprint, Target, millis};
use crate::floor::percentile;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::json;
use std::time::{Duration, Instant};
use tenure_contract::{Code, Error};

/// Submissions under way at once.
const SUBMITTING: usize = 32;
/// Reads of the list's first page.
const READS: usize = 200;
/// The agent whose run asks and waits.
const ASKS: &str = "bench-asks";
/// How long its questions wait, in the script's one turn.
const SCRIPT: &str = "[[turn]]\n[[turn.call]]\ntool = \"ask_human\"\narguments = { question = \"May I?\" }\n\n[[turn]]\ntext = \"done\"\n";
/// How often the count of open approvals is looked at while they come about.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long they may take to come about.
const COME_ABOUT_MAX: Duration = Duration::from_secs(300);

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Approvals that wait, each in a session of its own.
    pub approvals: usize,
    /// How long the server was left alone, seconds.
    pub idle_s: f64,
    /// The share of a core it used meanwhile, percent.
    pub idle_core_percent: f64,
    /// The same before there was any approval, percent.
    pub base_core_percent: f64,
    /// Memory it held at the end, bytes.
    pub resident_bytes: u64,
    /// Memory it held before, bytes.
    pub base_resident_bytes: u64,
    /// The list's first page, median.
    pub first_page_p50_ms: f64,
    /// The same, 99th percentile.
    pub first_page_p99_ms: f64,
    /// Rows of that page.
    pub first_page_rows: usize,
}

/// Lets `count` runs ask, leaves the server alone for `idle`, and reads the list's first page.
///
/// # Errors
/// When the server refuses or the approvals do not come about.
pub async fn measure(target: &Target, count: usize, idle: Duration) -> Result<Figures, Error> {
    let client = target.client()?;
    let script = target.script("asks.toml", SCRIPT)?;
    let more = json!({ "tools": [{ "use": "ask_human" }], "approvers": ["user:*"] });
    client.register(ASKS, &script, more).await?;
    let base = left_alone(target, idle).await?;
    let ask = json!({ "agent": { "name": ASKS, "task": "ask" } });
    let last = futures::stream::iter(0..count)
        .map(|_| client.post("/v1/runs", &ask))
        .buffer_unordered(SUBMITTING)
        .try_fold(String::new(), async |_, accepted| {
            Ok(accepted["runId"].as_str().unwrap_or_default().to_owned())
        })
        .await?;
    client.get(&format!("/v1/runs/{last}?waitMs=30000")).await?;
    all_wait(&client, count).await?;
    let quiet = left_alone(target, idle).await?;
    let mut took = Vec::with_capacity(READS);
    let mut rows = 0;
    for _ in 0..READS {
        let begun = Instant::now();
        let page = client.get("/v1/approvals?open=true").await?;
        took.push(begun.elapsed());
        rows = page["items"].as_array().map_or(0, Vec::len);
    }
    let mut took = millis(&took);
    Ok(Figures {
        approvals: count,
        idle_s: idle.as_secs_f64(),
        idle_core_percent: quiet.0,
        base_core_percent: base.0,
        resident_bytes: quiet.1,
        base_resident_bytes: base.1,
        first_page_p50_ms: percentile(&mut took, 0.5),
        first_page_p99_ms: percentile(&mut took, 0.99),
        first_page_rows: rows,
    })
}

/// The share of a core and the memory of a server nobody speaks to.
async fn left_alone(target: &Target, idle: Duration) -> Result<(f64, u64), Error> {
    // what was just done is still being settled
    tokio::time::sleep(idle / 4).await;
    let before = Footprint::of(target.pid)?;
    tokio::time::sleep(idle).await;
    let after = Footprint::of(target.pid)?;
    Ok((after.core_percent_since(&before, idle), after.resident_bytes))
}

/// Waits until no run is left that has not come to its question.
async fn all_wait(client: &super::Client, count: usize) -> Result<(), Error> {
    let begun = Instant::now();
    while begun.elapsed() < COME_ABOUT_MAX {
        let running = client.get("/v1/runs?status=running&limit=1").await?;
        let queued = client.get("/v1/runs?status=queued&limit=1").await?;
        let none = |page: &serde_json::Value| page["items"].as_array().is_some_and(Vec::is_empty);
        if none(&running) && none(&queued) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let told = format!("{count} approvals did not come about in {} s", COME_ABOUT_MAX.as_secs());
    Err(Error::new(Code::Upstream, told))
}
