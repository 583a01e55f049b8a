//! One client that creates one-step runs and waits for each one's end.

use super::{Target, millis, unusable};
use crate::floor::{flush_floor, percentile};
use serde::Serialize;
use tenure_contract::Error;

/// Samples of the flush floor before and after.
const FLOOR_SAMPLES: usize = 300;
/// Runs before the clock starts: the first ones build the agent and open connections.
const WARM_UP: usize = 20;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Runs that were created and waited for, one after the other.
    pub runs: usize,
    /// From the submission to the answer that says `completed`, median: two calls.
    pub run_p50_ms: f64,
    /// The same, 99th percentile.
    pub run_p99_ms: f64,
    /// The disk's flush floor before and after, median of both.
    pub flush_floor_us: f64,
    /// Three floors and a millisecond: the aim for the median.
    pub aim_ms: f64,
}

/// Creates and completes `runs` one-step runs with one client.
///
/// # Errors
/// When the server refuses or a run does not complete.
pub async fn measure(target: &Target, runs: usize) -> Result<Figures, Error> {
    let client = target.client()?;
    client.register_one_step().await?;
    for _ in 0..WARM_UP {
        client.one_step_run().await?;
    }
    let floor =
        || flush_floor(&target.dir, FLOOR_SAMPLES).map_err(|why| unusable(&target.dir, &why));
    let before = floor()?;
    let mut took = Vec::with_capacity(runs);
    for _ in 0..runs {
        took.push(client.one_step_run().await?);
    }
    let flush_floor_us = f64::midpoint(before.median_us, floor()?.median_us);
    let mut took = millis(&took);
    Ok(Figures {
        runs,
        run_p50_ms: percentile(&mut took, 0.5),
        run_p99_ms: percentile(&mut took, 0.99),
        flush_floor_us,
        aim_ms: 3.0 * flush_floor_us / 1e3 + 1.0,
    })
}
