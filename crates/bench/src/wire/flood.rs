//! One tenant floods the server with dispatches; what another tenant notices of it (`TEN-3`).

use super::{Client, ONE_STEP, Target, millis, unusable};
use crate::floor::{flush_floor, percentile};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tenure_contract::{Code, Error};

/// Connections that flood.
const FLOODERS: usize = 8;
/// How long a flooder waits that was told there is no room.
const NO_ROOM_WAIT: Duration = Duration::from_millis(5);
/// Samples of the flush floor before and after.
const FLOOR_SAMPLES: usize = 300;
/// Runs before the clock starts.
const WARM_UP: usize = 20;

/// What the flood is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Dispatches that are sent in all.
    pub dispatches: usize,
    /// The most that are sent in a second: the load generator shares the machine with the server.
    pub per_s: usize,
    /// Runs of the other tenant while there is no flood.
    pub alone: usize,
    /// How long the other tenant waits between two of its runs, milliseconds.
    pub pause_ms: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Dispatches the flooding tenant sent and the server took.
    pub dispatches: usize,
    /// How often it was told that it has no room.
    pub refused: usize,
    /// How long the flood took to be taken, seconds.
    pub flood_s: f64,
    /// Runs of the other tenant without the flood.
    pub alone_runs: usize,
    /// Each from its submission to the answer that says `completed`, median.
    pub alone_p50_ms: f64,
    /// The same, 99th percentile.
    pub alone_p99_ms: f64,
    /// Runs of the other tenant during the flood.
    pub flooded_runs: usize,
    /// As above, median.
    pub flooded_p50_ms: f64,
    /// The same, 99th percentile.
    pub flooded_p99_ms: f64,
    /// The larger of 1.2 × the 99th percentile without the flood, and that and 2 ms: the aim.
    pub aim_p99_ms: f64,
    /// The disk's flush floor before and after, median of both.
    pub flush_floor_us: f64,
}

/// Measures another tenant's runs without and with the flood.
///
/// # Errors
/// When the server refuses for another reason than want of room.
pub async fn measure(target: &Target, plan: &Plan) -> Result<Figures, Error> {
    let client = target.client()?;
    let flooding = tenant(&client, "flooding").await?;
    let other = tenant(&client, "other").await?;
    for _ in 0..WARM_UP {
        other.one_step_run().await?;
    }
    let floor =
        || flush_floor(&target.dir, FLOOR_SAMPLES).map_err(|why| unusable(&target.dir, &why));
    let before = floor()?;
    let pause = Duration::from_millis(plan.pause_ms);
    let count = AtomicUsize::new(0);
    let alone = runs(&other, pause, &|| count.fetch_add(1, Ordering::Relaxed) < plan.alone).await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let noticed = {
        let (other, is_over) = (other.clone(), is_over.clone());
        tokio::spawn(async move { runs(&other, pause, &|| !is_over.load(Ordering::Relaxed)).await })
    };
    let begun = Instant::now();
    let flooded = flood(&flooding, plan).await;
    let flood_s = begun.elapsed().as_secs_f64();
    is_over.store(true, Ordering::Relaxed);
    let during = noticed.await.map_err(|why| Error::new(Code::Internal, why.to_string()))??;
    let refused = flooded?;
    let flush_floor_us = f64::midpoint(before.median_us, floor()?.median_us);
    let (mut alone, mut during) = (millis(&alone), millis(&during));
    let alone_p99_ms = percentile(&mut alone, 0.99);
    Ok(Figures {
        dispatches: plan.dispatches,
        refused,
        flood_s,
        alone_runs: alone.len(),
        alone_p50_ms: percentile(&mut alone, 0.5),
        alone_p99_ms,
        flooded_runs: during.len(),
        flooded_p50_ms: percentile(&mut during, 0.5),
        flooded_p99_ms: percentile(&mut during, 0.99),
        aim_p99_ms: (alone_p99_ms * 1.2).max(alone_p99_ms + 2.0),
        flush_floor_us,
    })
}

async fn tenant(client: &Client, name: &str) -> Result<Client, Error> {
    let made = client.post("/v1/tenants", &json!({ "name": name })).await?;
    let acting = client.acting_in(made["tenantId"].as_str().unwrap_or_default());
    acting.register_one_step().await?;
    Ok(acting)
}

/// One run after the other for as long as it is wanted.
async fn runs(
    client: &Client,
    pause: Duration,
    is_wanted: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Duration>, Error> {
    let mut took = Vec::new();
    while is_wanted() {
        took.push(client.one_step_run().await?);
        tokio::time::sleep(pause).await;
    }
    Ok(took)
}

/// Sends every dispatch until it is taken; returns how often there was no room.
async fn flood(client: &Client, plan: &Plan) -> Result<usize, Error> {
    let (sent, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let flooders = (0..FLOODERS).map(|_| {
        let (client, plan) = (client.clone(), plan.clone());
        let (sent, refused) = (sent.clone(), refused.clone());
        tokio::spawn(async move {
            loop {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                if number >= plan.dispatches {
                    return Ok::<_, Error>(());
                }
                let due = Duration::from_secs_f64(number as f64 / plan.per_s.max(1) as f64);
                tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
                refused.fetch_add(send(&client, number).await?, Ordering::Relaxed);
            }
        })
    });
    for flooder in flooders.collect::<Vec<_>>() {
        flooder.await.map_err(|why| Error::new(Code::Internal, why.to_string()))??;
    }
    Ok(refused.load(Ordering::Relaxed))
}

/// Sends one dispatch until it is taken; returns how often it was not.
async fn send(client: &Client, number: usize) -> Result<usize, Error> {
    let request = dispatch(number);
    let mut refused = 0;
    loop {
        match client.post("/v1/dispatches", &request).await {
            Ok(_) => return Ok(refused),
            Err(full) if full.code == Code::LimitReached => refused += 1,
            Err(other) => return Err(other),
        }
        tokio::time::sleep(NO_ROOM_WAIT).await;
    }
}

fn dispatch(number: usize) -> Value {
    json!({
        "productId": "bench",
        "work": { "type": "agent", "name": ONE_STEP },
        "payload": { "task": "say done" },
        "context": {
            "originSurface": "product-api",
            "originProductId": "bench",
            "dispatchMode": "queued",
            "initiatedAt": "2026-01-01T00:00:00Z",
        },
        "idempotencyKey": format!("flood-{number}"),
    })
}
