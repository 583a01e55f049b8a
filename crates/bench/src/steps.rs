//! Steps per second of the real engine: intended and landed entries, chain and settler on.
//!
//! The clock stops at the last acknowledgement *and* when everything is settled; then the journals
//! are verified.

use crate::floor::{flush_floor, percentile};
use futures::StreamExt;
use serde::Serialize;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tenure_contract::resource::{Caller, IntentRequest, SubmitRun};
use tenure_contract::words::RecoveryClass;
use tenure_contract::{Digest, Entry, Error, RunId, SessionId};
use tenure_engine::{Ctx, Engine, HandlerFailure, HandlerResult, IntentRegistry, StepFailure};
use tenure_store_sqlite::SqliteStore;

/// Bytes of one step's result.
const RESULT_BYTES: usize = 200;
/// Samples of the flush floor before and after.
const FLOOR_SAMPLES: usize = 300;
/// The longest a run may take before the benchmark gives up.
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Runs in flight at once.
    pub inflight: usize,
    /// Runs in all.
    pub runs: usize,
    /// Sequential steps of each run.
    pub steps: usize,
    /// The steps' recovery class.
    pub class: RecoveryClass,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Runs in flight at once.
    pub inflight: usize,
    /// Steps in all.
    pub steps: usize,
    /// Steps per second, to the last settled entry.
    pub steps_per_s: f64,
    /// A step from its call to its result, median.
    pub step_p50_us: f64,
    /// The same, 99th percentile.
    pub step_p99_us: f64,
    /// A run from its submission to its acknowledged end, median.
    pub run_p50_ms: f64,
    /// The same, 99th percentile.
    pub run_p99_ms: f64,
    /// The disk's flush floor before and after, median of both.
    pub flush_floor_us: f64,
    /// Mean time of a step within its run ÷ the floor.
    pub ratio_to_floor: f64,
    /// All files after a checkpoint ÷ steps.
    pub bytes_per_step: f64,
    /// Entries in the log.
    pub entries: u64,
    /// Physical commits.
    pub flushes: u64,
    /// Entries committed and not settled, at the worst.
    pub settle_lag_max: u64,
    /// The largest the log's write-ahead file became, bytes.
    pub wal_max_bytes: u64,
    /// The longest commit.
    pub commit_max_ms: f64,
    /// Journals verified after the clock stopped.
    pub verified_journals: usize,
    /// Mean time of a step in the first hundred of a run ÷ in its last hundred, for long runs.
    pub late_to_early: Option<f64>,
}

/// Times collected while the runs run.
#[derive(Default)]
struct Times {
    steps_us: Vec<f64>,
    runs_ms: Vec<f64>,
    early_us: f64,
    late_us: f64,
}

/// Runs the plan in a directory.
///
/// # Errors
/// When the store or a run fails, or a journal does not verify.
pub async fn run(dir: &Path, plan: &Plan) -> Result<Figures, Error> {
    let io = |error: std::io::Error| {
        Error::new(tenure_contract::Code::InvalidArgument, format!("`{}`: {error}", dir.display()))
    };
    std::fs::create_dir_all(dir).map_err(io)?;
    let before = flush_floor(dir, FLOOR_SAMPLES).map_err(io)?;
    let opened = crate::node::open(dir)?;
    let times = Arc::new(Mutex::new(Times::default()));
    let engine = start(&opened, dir, plan, times.clone())?;
    let caller = crate::node::caller();
    let flushes = opened.flushes();
    let started = Instant::now();
    let runs: Vec<Result<(RunId, SessionId), Error>> = futures::stream::iter(0..plan.runs)
        .map(|_| {
            let (engine, caller, times) = (engine.clone(), caller.clone(), times.clone());
            async move {
                tokio::spawn(one(engine, caller, times))
                    .await
                    .map_err(|why| Error::new(tenure_contract::Code::Internal, why.to_string()))?
            }
        })
        .buffer_unordered(plan.inflight)
        .collect()
        .await;
    let runs = runs.into_iter().collect::<Result<Vec<_>, _>>()?;
    while engine.settle_lag().0 > 0 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let took = started.elapsed();
    let flushes = opened.flushes() - flushes;
    let verified = verify(&engine, &caller, &runs)?;
    opened
        .checkpoint()
        .map_err(|error| Error::new(tenure_contract::Code::StoreUnavailable, error.to_string()))?;
    let after = flush_floor(dir, FLOOR_SAMPLES).map_err(io)?;
    let floor = f64::midpoint(before.median_us, after.median_us);
    let commits = engine.commit_figures();
    let mut times =
        times.lock().map_err(|_| Error::new(tenure_contract::Code::Internal, "a run panicked"))?;
    let steps = plan.runs * plan.steps;
    let mean_step_us = times.steps_us.iter().sum::<f64>() / times.steps_us.len().max(1) as f64;
    let late_to_early = (plan.steps >= 1_000).then(|| times.late_us / times.early_us);
    Ok(Figures {
        inflight: plan.inflight,
        steps,
        steps_per_s: steps as f64 / took.as_secs_f64(),
        step_p50_us: percentile(&mut times.steps_us, 0.5),
        step_p99_us: percentile(&mut times.steps_us, 0.99),
        run_p50_ms: percentile(&mut times.runs_ms, 0.5),
        run_p99_ms: percentile(&mut times.runs_ms, 0.99),
        flush_floor_us: floor,
        ratio_to_floor: mean_step_us / floor,
        bytes_per_step: opened.file_bytes() as f64 / steps as f64,
        entries: commits.entries.load(Ordering::Relaxed),
        flushes,
        settle_lag_max: engine.settle_lag().1,
        wal_max_bytes: opened.wal_bytes_max(),
        commit_max_ms: commits.commit_max_us.load(Ordering::Relaxed) as f64 / 1e3,
        verified_journals: verified,
        late_to_early,
    })
}

fn start(
    store: &SqliteStore,
    dir: &Path,
    plan: &Plan,
    times: Arc<Mutex<Times>>,
) -> Result<Engine, Error> {
    let intents = IntentRegistry::default();
    let (steps, class) = (plan.steps, plan.class);
    intents.register_intent("bench_steps", "bench", move |ctx: Ctx| {
        let times = times.clone();
        async move { handle(&ctx, steps, class, &times).await }
    });
    crate::node::start(store, dir, intents)
}

async fn handle(
    ctx: &Ctx,
    steps: usize,
    class: RecoveryClass,
    times: &Mutex<Times>,
) -> Result<HandlerResult, HandlerFailure> {
    let mut took = Vec::with_capacity(steps);
    let result = "r".repeat(RESULT_BYTES - 2);
    for step in 0..steps {
        let started = Instant::now();
        let answer: String = ctx
            .step(&format!("s{step}"), class, &step, |_| async {
                Ok::<_, StepFailure>(result.clone())
            })
            .await?;
        debug_assert_eq!(answer.len(), RESULT_BYTES - 2);
        took.push(started.elapsed().as_secs_f64() * 1e6);
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    if let Ok(mut times) = times.lock() {
        times.early_us = mean(&took[took.len().min(50)..took.len().min(1_050)]);
        times.late_us = mean(&took[took.len().saturating_sub(1_000)..]);
        times.steps_us.extend(took);
    }
    Ok(HandlerResult::default())
}

/// One run, from its submission to its acknowledged end.
async fn one(
    engine: Engine,
    caller: Caller,
    times: Arc<Mutex<Times>>,
) -> Result<(RunId, SessionId), Error> {
    let started = Instant::now();
    let intent = IntentRequest {
        intent_type: "bench_steps".to_owned(),
        parameters: serde_json::json!({}),
        metadata: serde_json::Value::Null,
        solution_id: None,
    };
    let accepted =
        engine.submit(&caller, SubmitRun { intent: Some(intent), ..SubmitRun::default() }).await?;
    engine.ended(&caller, accepted.session_id, accepted.run_id, RUN_LIMIT).await?;
    if let Ok(mut times) = times.lock() {
        times.runs_ms.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok((accepted.run_id, accepted.session_id))
}

/// Verifies every journal's chain from its bytes.
fn verify(engine: &Engine, caller: &Caller, runs: &[(RunId, SessionId)]) -> Result<usize, Error> {
    for (run, session) in runs {
        let mut hash = Digest::ZERO;
        let mut from = 1;
        loop {
            let page = engine.entries(caller, *session, from, 1_024)?;
            let Some(last) = page.last() else { break };
            from = last.entry.seq + 1;
            for told in &page {
                hash = Entry::hash(&hash, &told.bytes);
                if hash != told.hash {
                    let text = format!("entry {} of run `{run}` does not follow", told.entry.seq);
                    return Err(Error::new(tenure_contract::Code::VerificationFailed, text));
                }
            }
        }
        if from == 1 {
            return Err(Error::new(
                tenure_contract::Code::VerificationFailed,
                format!("run `{run}` has no journal"),
            ));
        }
    }
    Ok(runs.len())
}
