//! Going down in order: nothing new begins, what is under way lands, the store is let go.

use crate::harness::*;
use serde_json::json;
use std::time::{Duration, Instant};
use tenure_contract::Code;
use tenure_contract::resource::OpenSession;
use tenure_contract::words::{RecoveryClass, RunStatus};
use tenure_engine::{Ctx, HandlerResult, IntentRegistry, StepFailure};
use tenure_store_sqlite::SqliteStore;
use tokio::sync::watch;

const PAY: &str =
    "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_takes_no_new_work_and_waits_for_what_is_under_way() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Held(json!({ "paid": 1 })));
    let engine = house.engine(IntentRegistry::default());
    engine
        .hire(agent("payer").follows(&house, PAY).may(action("pay", "once", &outside.url("/pay"))))
        .await;
    let made = accepted(&engine, task("payer", "pay")).await;
    outside.reached("/pay", 1).await;
    let draining = engine.clone();
    let drained = tokio::spawn(async move { draining.drain().await });
    while engine.open_session(&ada(), OpenSession::default(), None).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let refused = engine.submit(&ada(), task("payer", "pay")).await.unwrap_err();
    assert_eq!(refused.code, Code::Draining);
    assert!(!drained.is_finished());
    outside.open_gate();
    drained.await.unwrap();
    let kinds = engine.kinds(made.session_id);
    assert!(kinds.contains(&"step.landed") && !kinds.contains(&"run.ended"), "{kinds:?}");
    // the next process goes on from there
    let next = house.engine(IntentRegistry::default());
    assert_eq!(content(&next.over(made.run_id).await), "paid");
    assert_eq!(outside.attempts("/pay").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_a_handlers_substep_land_and_begins_no_other() {
    let house = House::new();
    let (gate, opened) = watch::channel(false);
    let (began, mut begun) = watch::channel(false);
    let handlers = || {
        let intents = IntentRegistry::default();
        let (opened, began) = (opened.clone(), began.clone());
        intents.register_intent("go", "goer", move |ctx: Ctx| {
            let (opened, began) = (opened.clone(), began.clone());
            async move {
                let wait = |_| {
                    let (mut opened, began) = (opened.clone(), began.clone());
                    async move {
                        began.send_replace(true);
                        let _ = opened.wait_for(|open| *open).await;
                        Ok::<_, StepFailure>(1)
                    }
                };
                ctx.step("one", RecoveryClass::Once, &1, wait).await?;
                ctx.step("two", RecoveryClass::Once, &2, |_| async { Ok::<_, StepFailure>(2) })
                    .await?;
                Ok(HandlerResult::default())
            }
        });
        intents
    };
    let engine = house.engine(handlers());
    let made = accepted(&engine, intent_of("go", json!({}))).await;
    begun.wait_for(|begun| *begun).await.unwrap();
    let draining = engine.clone();
    let drained = tokio::spawn(async move { draining.drain().await });
    while engine.open_session(&ada(), OpenSession::default(), None).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!drained.is_finished());
    gate.send_replace(true);
    drained.await.unwrap();
    let kinds = engine.kinds(made.session_id);
    let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!(
        (count("step.intended"), count("step.landed"), count("step.in-doubt")),
        (1, 1, 0),
        "{kinds:?}"
    );
    let next = house.engine(handlers());
    assert!(is_completed(&next.over(made.run_id).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_that_cannot_tell_holds_up_no_drain() {
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
    let began = Instant::now();
    engine.drain().await;
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_drained_node_lets_its_data_directory_go() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new();
    for _ in 0..3 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let opened = SqliteStore::open(folder.path()).unwrap();
        let store = opened.store();
        runtime.block_on(async {
            let config = house.config(tenure_engine::Drive::Threads);
            let engine =
                tenure_engine::Engine::start(store, config, IntentRegistry::default(), &|_| {})
                    .unwrap();
            engine.open().await;
            engine.drain().await;
        });
        drop((opened, runtime));
        // its threads end by themselves, soon
        let began = Instant::now();
        while SqliteStore::open(folder.path()).is_err() {
            assert!(began.elapsed() < LIMIT);
            std::thread::yield_now();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_that_ended_leave_memory() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("fine", "finer", |_: Ctx| async { Ok(HandlerResult::default()) });
    let engine = cranked(&house, intents);
    for _ in 0..50 {
        let made = accepted(&engine, intent_of("fine", json!({}))).await;
        engine.over(made.run_id).await;
    }
    engine.settled().await.unwrap();
    // whoever was being looked at when it was settled goes with the next sweep
    tokio::time::advance(Duration::from_secs(30)).await;
    while engine.resident_count() > 0 {
        tokio::task::yield_now().await;
    }
}
