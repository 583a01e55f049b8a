//! Steps in doubt: what asks, what may be said, and when (`STP-1`, `STP-2`).

use crate::harness::*;
use serde_json::json;
use tenure_contract::resource::ResolveStep;
use tenure_contract::words::{Resolution, RunStatus, StepStatus};
use tenure_contract::{Code, RunId, StepId};
use tenure_engine::{Engine, IntentRegistry, Listing};

const PAY: &str = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"went on\"\n";

fn resolution(resolution: Resolution, result: Option<serde_json::Value>) -> ResolveStep {
    ResolveStep { resolution, result, reason: None }
}

/// A run paused by a `once` call whose connection was cut, and that step.
async fn doubtful(house: &House, outside: &Outside, engine: &Engine) -> (RunId, StepId) {
    let pay = action("pay", "once", &outside.url("/pay"));
    engine.hire(agent("payer").follows(house, PAY).may(pay)).await;
    let run = accepted(engine, task("payer", "pay")).await.run_id;
    assert_eq!(engine.rested(run).await.status, RunStatus::Paused);
    let step = engine.steps(&ada(), run).await.unwrap().remove(1);
    assert_eq!(step.status, StepStatus::InDoubt);
    assert!(step.travelling_until.is_some());
    (run, step.step_id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_2_a_cut_connection_puts_a_once_call_in_doubt_and_landed_goes_on_with_its_result() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Cut);
    let engine = house.engine(IntentRegistry::default());
    let (run, step) = doubtful(&house, &outside, &engine).await;
    let empty = resolution(Resolution::Landed, None);
    assert_eq!(engine.resolve(&ada(), step, empty).await.unwrap_err().code, Code::InvalidArgument);
    engine
        .resolve(&ada(), step, resolution(Resolution::Landed, Some(json!({ "paid": 1 }))))
        .await
        .unwrap();
    let ended = engine.over(run).await;
    assert_eq!((content(&ended), results(&ended)), ("went on", vec![json!({ "paid": 1 })]));
    assert_eq!(outside.attempts("/pay").len(), 1);
    // once: what is settled stays so
    let again = resolution(Resolution::Landed, Some(json!({ "paid": 2 })));
    assert!(engine.resolve(&ada(), step, again).await.is_err());
    assert_eq!(results(&engine.run(&ada(), run).await.unwrap()), [json!({ "paid": 1 })]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_2_did_not_happen_and_retry_are_refused_while_the_request_may_travel() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Cut);
    let engine = house.engine(IntentRegistry::default());
    let (run, step) = doubtful(&house, &outside, &engine).await;
    let before = engine.run(&ada(), run).await.unwrap();
    for early in [Resolution::DidNotHappen, Resolution::Retry] {
        let refused = engine.resolve(&ada(), step, resolution(early, None)).await.unwrap_err();
        assert_eq!(refused.code, Code::StillTravelling);
        assert!(refused.message.contains("`landed` is possible now"), "{refused}");
    }
    let after = engine.run(&ada(), run).await.unwrap();
    assert_eq!((after.seq, after.status), (before.seq, RunStatus::Paused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_2_a_step_that_is_not_in_doubt_cannot_be_resolved() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Silence);
    let engine = house.engine(IntentRegistry::default());
    engine
        .hire(agent("payer").follows(&house, PAY).may(action("pay", "once", &outside.url("/pay"))))
        .await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    outside.reached("/pay", 1).await;
    let step = engine.steps(&ada(), run).await.unwrap().remove(1);
    assert_eq!(step.status, StepStatus::Intended);
    let landed = resolution(Resolution::Landed, Some(json!(1)));
    assert_eq!(
        engine.resolve(&ada(), step.step_id, landed).await.unwrap_err().code,
        Code::NotFound
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_2_the_tool_is_looked_up_before_any_human_and_landed_settles_it() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Cut);
    outside.on("/known", |_| Reply::Json(200, json!({ "paid": 7 })));
    let engine = house.engine(IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["http"]["lookup_url"] = json!(outside.url("/known/{key}"));
    engine.hire(agent("payer").follows(&house, PAY).may(pay)).await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    let ended = engine.over(run).await;
    assert_eq!((content(&ended), results(&ended)), ("went on", vec![json!({ "paid": 7 })]));
    let asked = outside.attempts("/known");
    let key = outside.attempts("/pay")[0].key.clone().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, format!("/known/{key}"));
    engine.settled().await.unwrap();
    let doubts = engine.doubts(&ada(), &Listing::default()).unwrap().items;
    assert_eq!((doubts.len(), doubts[0].status.as_str()), (1, "landed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_2_a_look_up_that_cannot_tell_leaves_the_question_to_a_human_and_is_asked_once() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Cut);
    outside.on("/known", |_| Reply::Json(500, json!({})));
    let engine = house.engine(IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["http"]["lookup_url"] = json!(outside.url("/known/{key}"));
    engine.hire(agent("payer").follows(&house, PAY).may(pay)).await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    assert_eq!(engine.rested(run).await.status, RunStatus::Paused);
    outside.reached("/known", 1).await;
    let step = engine.steps(&ada(), run).await.unwrap().remove(1);
    let landed = resolution(Resolution::Landed, Some(json!({ "paid": 1 })));
    engine.resolve(&ada(), step.step_id, landed).await.unwrap();
    assert_eq!(content(&engine.over(run).await), "went on");
    assert_eq!(outside.attempts("/known").len(), 1);
}

#[test]
fn stp_2_a_look_up_is_asked_after_a_crash_too() {
    let mut house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Silence);
    outside.on("/known", |_| Reply::Json(200, json!({ "paid": 7 })));
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["http"]["lookup_url"] = json!(outside.url("/known/{key}"));
    let life = house.live(IntentRegistry::default());
    let run = life.block_on(async {
        life.engine.hire(agent("payer").follows(&house, PAY).may(pay)).await;
        let run = accepted(&life.engine, task("payer", "pay")).await.run_id;
        outside.reached("/pay", 1).await;
        run
    });
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        assert_eq!(results(&life.engine.over(run).await), [json!({ "paid": 7 })]);
        assert_eq!(outside.attempts("/pay").len(), 1);
    });
}
