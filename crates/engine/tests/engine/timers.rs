//! What only time changes, on a paused clock (`STP-2`, `APR-2`, `APR-5`, `T14`).

use crate::harness::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tenure_contract::resource::{Decision, ResolveStep};
use tenure_contract::words::{
    ApprovalStatus, RecoveryClass, Resolution, RunStatus, StepStatus, StuckReason,
};
use tenure_contract::{Code, Event, RunId, StepId, limits};
use tenure_engine::{Ctx, Engine, HandlerResult, IntentRegistry, StepFailure};

const CALL: Duration = Duration::from_millis(limits::CALL_TIMEOUT_DEFAULT_MS);

/// `pay` fails as its parameters say the first `times`, then answers.
fn paying(performed: &Arc<AtomicUsize>) -> IntentRegistry {
    let intents = IntentRegistry::default();
    let performed = performed.clone();
    intents.register_intent("pay", "payer", move |ctx: Ctx| {
        let performed = performed.clone();
        async move {
            let asked = ctx.intent().parameters.clone();
            let class: RecoveryClass = asked["class"].as_str().unwrap().parse().unwrap();
            let perform = |_| {
                let nth = performed.fetch_add(1, Ordering::SeqCst) as u64;
                let how = asked["how"].as_str().unwrap_or_default().to_owned();
                let fails = nth < asked["times"].as_u64().unwrap();
                async move {
                    let message = "not now".to_owned();
                    match how.as_str() {
                        _ if !fails => Ok(nth),
                        "hang" => std::future::pending().await,
                        "lost" => Err(StepFailure::Lost { message }),
                        _ => Err(StepFailure::Transient { message }),
                    }
                }
            };
            let nth: u64 = ctx.step("pay", class, &1, perform).await?;
            Ok(HandlerResult { output: json!(nth), ..HandlerResult::default() })
        }
    });
    intents
}

async fn pay(engine: &Engine, class: &str, how: &str, times: u64) -> RunId {
    let parameters = json!({ "class": class, "how": how, "times": times });
    accepted(engine, intent_of("pay", parameters)).await.run_id
}

async fn doubtful(engine: &Engine, run: RunId) -> StepId {
    engine.seen(run, |run| run.status == RunStatus::Paused).await;
    engine.steps(&ada(), run).await.unwrap()[0].step_id
}

fn resolution(resolution: Resolution) -> ResolveStep {
    ResolveStep { resolution, result: None, reason: Some("asked the bank".to_owned()) }
}

#[tokio::test(start_paused = true)]
async fn stp_2_retry_after_the_travelling_time_repeats_the_step_under_its_key() {
    let house = House::new();
    let performed = Arc::default();
    let engine = cranked(&house, paying(&performed));
    let run = pay(&engine, "once", "lost", 1).await;
    let step = doubtful(&engine, run).await;
    tokio::time::advance(CALL - Duration::from_millis(1)).await;
    let early = engine.resolve(&ada(), step, resolution(Resolution::Retry)).await.unwrap_err();
    assert_eq!(early.code, Code::StillTravelling);
    assert_eq!(performed.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_millis(2)).await;
    engine.resolve(&ada(), step, resolution(Resolution::Retry)).await.unwrap();
    assert_eq!(engine.over(run).await.output, Some(json!(1)));
    let steps = engine.steps(&ada(), run).await.unwrap();
    assert_eq!((steps.len(), steps[0].step_id, steps[0].attempts), (1, step, 2));
}

#[tokio::test(start_paused = true)]
async fn stp_2_did_not_happen_fails_the_step_and_repeats_nothing() {
    let house = House::new();
    let performed = Arc::default();
    let engine = cranked(&house, paying(&performed));
    let run = pay(&engine, "once", "lost", 1).await;
    let step = doubtful(&engine, run).await;
    tokio::time::advance(CALL).await;
    engine.resolve(&ada(), step, resolution(Resolution::DidNotHappen)).await.unwrap();
    let ended = engine.over(run).await;
    assert_eq!(ended.status, RunStatus::Failed);
    assert!(ended.error.unwrap().message.contains("asked the bank"));
    assert_eq!(engine.steps(&ada(), run).await.unwrap()[0].status, StepStatus::Failed);
    assert_eq!(performed.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn stp_2_an_idempotent_step_is_repeated_with_growing_waits_and_then_asks() {
    let house = House::new();
    let performed = Arc::default();
    let engine = cranked(&house, paying(&performed));
    let run = pay(&engine, "idempotent", "lost", 99).await;
    let mut wait = limits::RETRY_BACKOFF_MS;
    for attempt in 1..limits::STEP_ATTEMPTS_MAX {
        let alarm = engine.seen(run, |run| {
            run.waiting_for.as_ref().is_some_and(|stuck| stuck.reason == StuckReason::Alarm)
        });
        alarm.await;
        assert_eq!(performed.load(Ordering::SeqCst), attempt as usize);
        tokio::time::advance(Duration::from_millis(wait + 1)).await;
        let next = attempt as usize + 1;
        while performed.load(Ordering::SeqCst) < next {
            tokio::task::yield_now().await;
        }
        wait *= 2;
    }
    doubtful(&engine, run).await;
    assert_eq!(performed.load(Ordering::SeqCst), limits::STEP_ATTEMPTS_MAX as usize);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_again_when_its_time_has_come() {
    let house = House::new();
    let performed = Arc::default();
    let engine = cranked(&house, paying(&performed));
    let run = pay(&engine, "idempotent", "transient", 1).await;
    let waiting = engine
        .seen(run, |run| {
            run.waiting_for.as_ref().is_some_and(|why| why.reason == StuckReason::Alarm)
        })
        .await;
    assert_eq!(performed.load(Ordering::SeqCst), 1);
    assert_eq!(waiting.status, RunStatus::Running);
    tokio::time::advance(Duration::from_millis(limits::RETRY_BACKOFF_MS + 1)).await;
    assert_eq!(engine.over(run).await.output, Some(json!(1)));
}

#[tokio::test(start_paused = true)]
async fn t14_a_substep_that_never_answers_is_given_up_at_its_limit() {
    let house = House::new();
    let performed = Arc::default();
    let engine = cranked(&house, paying(&performed));
    let run = pay(&engine, "once", "hang", 1).await;
    engine.seen(run, |run| run.usage.steps == 1).await;
    while performed.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(CALL + Duration::from_millis(1)).await;
    let step = doubtful(&engine, run).await;
    let session = engine.run(&ada(), run).await.unwrap().session_id;
    let causes: Vec<_> = engine
        .told(session)
        .into_iter()
        .filter_map(|told| match told.entry.event {
            Event::StepInDoubt(event) => Some((event.step, event.cause.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(causes, [(step, "timeout")]);
}

const ASK: &str = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"heard: {{pay.error}}\"\n";

#[tokio::test(start_paused = true)]
async fn apr_2_an_approval_nobody_decides_expires_as_a_refusal_the_model_is_told() {
    let house = House::new();
    let outside = Outside::new();
    let engine = cranked(&house, IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    engine.hire(agent("payer").follows(&house, ASK).may(pay)).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.seen(run, |run| run.status == RunStatus::WaitingApproval).await;
    let asked = engine.asked(session).await.remove(0);
    let expiry = Duration::from_millis(limits::APPROVAL_EXPIRY_DEFAULT_MS);
    tokio::time::advance(expiry - Duration::from_secs(1)).await;
    assert_eq!(engine.run(&ada(), run).await.unwrap().status, RunStatus::WaitingApproval);
    tokio::time::advance(Duration::from_secs(2)).await;
    let ended = engine.seen(run, |run| run.status.is_final()).await;
    assert!(content(&ended).contains("nobody decided in time"), "{}", content(&ended));
    assert!(outside.attempts("/pay").is_empty());
    let closed = engine.approval(&ada(), asked.approval_id).await.unwrap();
    assert_eq!(closed.status, ApprovalStatus::Expired);
    let late = engine.decide(&ada(), asked.approval_id, plain(Decision::Approve)).await;
    assert_eq!(late.unwrap_err().code, Code::AlreadyDecided);
}

#[tokio::test(start_paused = true)]
async fn apr_5_an_approval_waits_for_days_and_then_goes_on() {
    let house = House::new();
    let outside = Outside::new();
    let engine = cranked(&house, IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    let script = ASK.replace("heard: {{pay.error}}", "paid {{pay.ok}}");
    engine.hire(agent("payer").follows(&house, &script).may(pay)).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    let waiting = engine.seen(run, |run| run.status == RunStatus::WaitingApproval).await;
    tokio::time::advance(Duration::from_secs(6 * 24 * 3600)).await;
    // waiting cost nothing: not one entry
    assert_eq!(engine.run(&ada(), run).await.unwrap().seq, waiting.seq);
    engine.answer(session, Decision::Approve).await.unwrap();
    let ended = engine.seen(run, |run| run.status.is_final()).await;
    assert_eq!(content(&ended), "paid true");
}

#[tokio::test(start_paused = true)]
async fn stp_2_a_look_up_that_says_absent_counts_only_once_nothing_travels_any_more() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |asked| match asked.nth {
        1 => Reply::Cut,
        _ => Reply::Json(200, json!({ "ok": true })),
    });
    outside.on("/known", |_| Reply::Json(404, json!({})));
    let engine = cranked(&house, IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["http"]["lookup_url"] = json!(outside.url("/known/{key}"));
    let script = ASK.replace("heard: {{pay.error}}", "paid {{pay.ok}}");
    engine.hire(agent("payer").follows(&house, &script).may(pay)).await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    // its own time limit must not strike while the first look-up is being answered
    outside.heard("/known").await;
    engine.seen(run, |run| run.status == RunStatus::Paused).await;
    tokio::time::advance(CALL / 2).await;
    assert_eq!(outside.attempts("/pay").len(), 1);
    tokio::time::advance(CALL / 2 + Duration::from_millis(1)).await;
    let ended = engine.seen(run, |run| run.status.is_final()).await;
    assert_eq!(content(&ended), "paid true");
    let keys: Vec<_> = outside.attempts("/pay").into_iter().map(|one| one.key).collect();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
}
