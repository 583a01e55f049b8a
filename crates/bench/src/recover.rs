//! Recovery: how soon runs move again whose effects were in flight at SIGKILL.
//!
//! Two processes: one [`hold`]s its runs within an `idempotent` substep and is killed, the other
//! [`recover`]s them on the same directory.

use crate::node;
use futures::StreamExt;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tenure_contract::resource::{IntentRequest, SubmitRun};
use tenure_contract::words::RecoveryClass;
use tenure_contract::{Code, Error};
use tenure_engine::{Ctx, HandlerResult, IntentRegistry, StepFailure};
use tokio::sync::Semaphore;

/// Submissions under way at once.
const SUBMITTING: usize = 256;
/// The intent whose handler holds.
const INTENT: &str = "bench_hold";

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// Runs whose substep was in flight at the kill.
    pub runs: usize,
    /// From opening the store to an engine that takes requests.
    pub accepting_ms: f64,
    /// From opening the store until every run's effect was performed again, under its key.
    pub all_moving_ms: f64,
}

/// Begins `runs` runs, each within an `idempotent` substep that never answers; returns once all of
/// them are there. Their process is then to be killed.
///
/// # Errors
/// A store's refusal.
pub async fn hold(dir: &Path, runs: usize) -> Result<(), Error> {
    let begun = Arc::new(Semaphore::new(0));
    let intents = IntentRegistry::default();
    let count = begun.clone();
    intents.register_intent(INTENT, "bench", move |ctx: Ctx| {
        let count = count.clone();
        async move {
            let effect = |_| {
                count.add_permits(1);
                std::future::pending::<Result<(), StepFailure>>()
            };
            ctx.step("held", RecoveryClass::Idempotent, &(), effect).await?;
            Ok(HandlerResult::default())
        }
    });
    std::fs::create_dir_all(dir)
        .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
    let store = node::open(dir)?;
    let engine = node::start(&store, dir, intents)?;
    let caller = node::caller();
    let submitted: Vec<Result<_, Error>> = futures::stream::iter(0..runs)
        .map(|_| engine.submit(&caller, request()))
        .buffer_unordered(SUBMITTING)
        .collect()
        .await;
    submitted.into_iter().collect::<Result<Vec<_>, _>>()?;
    all(&begun, runs).await
}

/// Opens the directory a killed [`hold`] left and waits until all its runs move again.
///
/// # Errors
/// A store's refusal.
pub async fn recover(dir: &Path, runs: usize) -> Result<Recovered, Error> {
    let begun = Arc::new(Semaphore::new(0));
    let intents = IntentRegistry::default();
    let count = begun.clone();
    intents.register_intent(INTENT, "bench", move |ctx: Ctx| {
        let count = count.clone();
        async move {
            let effect = |_| {
                count.add_permits(1);
                std::future::ready(Ok::<_, StepFailure>(()))
            };
            ctx.step("held", RecoveryClass::Idempotent, &(), effect).await?;
            Ok(HandlerResult::default())
        }
    });
    let started = Instant::now();
    let store = node::open(dir)?;
    let _engine = node::start(&store, dir, intents)?;
    let accepting_ms = started.elapsed().as_secs_f64() * 1e3;
    all(&begun, runs).await?;
    Ok(Recovered { runs, accepting_ms, all_moving_ms: started.elapsed().as_secs_f64() * 1e3 })
}

async fn all(begun: &Semaphore, runs: usize) -> Result<(), Error> {
    let wanted =
        u32::try_from(runs).map_err(|_| Error::new(Code::InvalidArgument, "too many runs"))?;
    let acquired = begun.acquire_many(wanted).await;
    acquired.map(drop).map_err(|why| Error::new(Code::Internal, why.to_string()))
}

fn request() -> SubmitRun {
    let intent = IntentRequest {
        intent_type: INTENT.to_owned(),
        parameters: serde_json::json!({}),
        metadata: serde_json::Value::Null,
        solution_id: None,
    };
    SubmitRun { intent: Some(intent), ..SubmitRun::default() }
}
