//! The disk says no (`LOG-4`).

use crate::harness::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tenure_contract::resource::{Decision, OpenSession, Run};
use tenure_contract::words::{ApprovalStatus, RecoveryClass, StuckReason};
use tenure_contract::{Code, limits};
use tenure_engine::{Config, Ctx, Drive, HandlerResult, IntentRegistry, StepFailure};
use tenure_store::StoreError;
use tokio::sync::watch;

fn fine() -> IntentRegistry {
    let intents = IntentRegistry::default();
    intents.register_intent("fine", "finer", |_: Ctx| async { Ok(HandlerResult::default()) });
    intents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_4_a_full_disk_acknowledges_nothing_and_works_again_once_there_is_room() {
    let house = House::new();
    let engine = house.engine(fine());
    let session = engine.open().await;
    house.plug.refuse(Some(StoreError::Full));
    let opened = engine.open_session(&ada(), OpenSession::default(), Some("k")).await.unwrap_err();
    let submitted = engine.submit(&ada(), intent_in(session, "fine", json!({}))).await.unwrap_err();
    let ended = engine
        .end_session(&ada(), session, tenure_contract::words::SessionStatus::Completed, None)
        .await
        .unwrap_err();
    let definition = agent("a").follows(&house, "[[turn]]\ntext = \"a\"\n").made();
    let registered = engine.register_agent(&ada(), definition).await.unwrap_err();
    for refused in [opened, submitted, ended, registered] {
        assert_eq!(refused.code, Code::StorageFull);
        assert!(refused.message.contains("nothing of the call was kept"), "{refused}");
    }
    house.plug.refuse(None);
    // nothing of it was applied, and the very same calls work now
    let seen = engine.session(&ada(), session).await.unwrap();
    assert_eq!((seen.seq, seen.status.is_final()), (1, false));
    assert_eq!(engine.kinds(session), ["session.opened"]);
    engine.settled().await.unwrap();
    assert_eq!(engine.sessions(&ada(), &Default::default()).unwrap().items.len(), 1);
    assert!(engine.agents(&ada()).unwrap().is_empty());
    engine.open_session(&ada(), OpenSession::default(), Some("k")).await.unwrap();
    let run = engine.intend(session, "fine", json!({})).await;
    assert!(is_completed(&engine.over(run).await));
    verified(&engine.told(session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_4_an_answer_that_cannot_be_written_is_offered_until_it_is() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |_| Reply::Held(json!({ "paid": 1 })));
    let engine = house.engine(IntentRegistry::default());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";
    engine
        .hire(agent("payer").follows(&house, script).may(action(
            "pay",
            "once",
            &outside.url("/pay"),
        )))
        .await;
    let made = accepted(&engine, task("payer", "pay")).await;
    outside.reached("/pay", 1).await;
    house.plug.refuse(Some(StoreError::Full));
    outside.open_gate();
    house.plug.refused().await;
    house.plug.refuse(None);
    let ended = engine.over(made.run_id).await;
    assert_eq!((content(&ended), results(&ended)), ("paid", vec![json!({ "paid": 1 })]));
    assert_eq!(outside.attempts("/pay").len(), 1);
    verified(&engine.told(made.session_id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_4_a_decision_that_cannot_be_written_decides_nothing() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    engine.hire(agent("payer").follows(&house, script).may(pay)).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    house.plug.refuse(Some(StoreError::Full));
    assert_eq!(
        engine.answer(session, Decision::Approve).await.unwrap_err().code,
        Code::StorageFull
    );
    house.plug.refuse(None);
    let asked = engine.asked(session).await.remove(0);
    assert_eq!(
        engine.approval(&ada(), asked.approval_id).await.unwrap().status,
        ApprovalStatus::Requested
    );
    assert!(outside.attempts("/pay").is_empty());
    engine.answer(session, Decision::Approve).await.unwrap();
    assert!(is_completed(&engine.over(run).await));
    assert_eq!(outside.attempts("/pay").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_4_a_run_whose_commits_fail_in_its_midst_goes_on_by_itself_later() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let (gate, opened) = watch::channel(false);
    let performed = Arc::new(AtomicUsize::new(0));
    let counted = performed.clone();
    intents.register_intent("go", "goer", move |ctx: Ctx| {
        let (opened, performed) = (opened.clone(), counted.clone());
        async move {
            let count = |_| {
                performed.fetch_add(1, Ordering::SeqCst);
                async { Ok::<_, StepFailure>(1) }
            };
            ctx.step("one", RecoveryClass::Once, &1, count).await?;
            let _ = opened.clone().wait_for(|open| *open).await;
            ctx.step("two", RecoveryClass::Once, &2, count).await?;
            Ok(HandlerResult::default())
        }
    });
    let engine = house.engine(intents);
    let made = accepted(&engine, intent_of("go", json!({}))).await;
    engine.seen(made.run_id, |_| engine.kinds(made.session_id).contains(&"step.landed")).await;
    house.plug.refuse(Some(StoreError::Other("not now".to_owned())));
    gate.send_replace(true);
    house.plug.refused().await;
    house.plug.refuse(None);
    assert!(is_completed(&engine.over(made.run_id).await));
    // the intent that was not durable was never performed
    assert_eq!(performed.load(Ordering::SeqCst), 2);
    verified(&engine.told(made.session_id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_4_a_model_call_whose_intent_is_not_written_is_not_made() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/v1", |_| said("hello"));
    let engine = house.engine(IntentRegistry::default());
    engine.hire(agent("talker").asks(&outside.url("/v1"))).await;
    let session = engine.open().await;
    house.plug.refuse(Some(StoreError::Full));
    let refused = engine.submit(&ada(), task_in(session, "talker", "hi")).await.unwrap_err();
    assert_eq!(refused.code, Code::StorageFull);
    house.plug.refuse(None);
    let run = engine.task(session, "talker", "hi").await;
    assert!(is_completed(&engine.over(run).await));
    assert_eq!(outside.attempts("/v1").len(), 1);
    verified(&engine.told(session));
}

#[tokio::test(start_paused = true)]
async fn log_4_a_retry_whose_entry_is_not_written_is_made_once_there_is_room() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |asked| match asked.nth {
        1 => Reply::Json(500, json!({})),
        _ => Reply::Json(200, json!({ "paid": 1 })),
    });
    let engine = cranked(&house, IntentRegistry::default());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n\
                  [[turn]]\ntext = \"paid\"\n";
    let pay = action("pay", "idempotent", &outside.url("/pay"));
    engine.hire(agent("payer").follows(&house, script).may(pay)).await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    let alarmed =
        |run: &Run| run.waiting_for.as_ref().is_some_and(|why| why.reason == StuckReason::Alarm);
    engine.seen(run, alarmed).await;
    // nobody asks for the run while its retry is refused: it must come back by itself
    house.plug.refuse(Some(StoreError::Full));
    tokio::time::advance(Duration::from_millis(limits::RETRY_BACKOFF_MS + 1)).await;
    house.plug.refused().await;
    house.plug.refuse(None);
    for _ in 0..20 {
        tokio::time::advance(Duration::from_millis(50)).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    outside.reached("/pay", 2).await;
    let ended = engine.seen(run, |run| run.status.is_final()).await;
    assert_eq!(content(&ended), "paid");
}

#[test]
fn log_4_a_failed_flush_ends_the_process_and_acknowledges_nobody() {
    let house = House::new();
    let (fatal, mut told) = watch::channel(None);
    let on_fatal = Box::new(move |why: &str| {
        fatal.send_replace(Some(why.to_owned()));
        // as a process that ends: whoever asked for the commit never comes back
        loop {
            std::thread::park();
        }
    });
    let config = Config { on_fatal, ..house.config(Drive::Threads) };
    let life = house.live_with(config, fine());
    let session = life.block_on(life.engine.open());
    house.plug.refuse(Some(StoreError::Flush("EIO".to_owned())));
    let asking = life.engine.clone();
    let asked = std::thread::spawn(move || {
        let request = intent_in(session, "fine", json!({}));
        futures::executor::block_on(async move { asking.submit(&ada(), request).await })
    });
    let why = life.block_on(told.wait_for(Option::is_some)).unwrap().clone();
    assert_eq!(why.as_deref(), Some("EIO"));
    assert!(!asked.is_finished());
    assert_eq!(life.engine.kinds(session), ["session.opened"]);
    life.forget();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_4_lists_that_refuse_are_asked_again_and_the_engine_says_so() {
    let house = House::new();
    let engine = house.engine(fine());
    house.plug.refuse_settles(1);
    let session = engine.open().await;
    // refused once already: whoever waits is told, or waits until it is taken
    while engine.settle_refused().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(engine.settle_refused().unwrap().contains("the disk hiccups"));
    while engine.settled().await.is_err() {}
    assert_eq!(engine.settle_refused(), None);
    let listed = engine.sessions(&ada(), &Default::default()).unwrap();
    assert_eq!(listed.items[0].session_id, session);
}

#[test]
fn rt15_a_recovery_scan_that_failed_is_begun_again() {
    let mut house = House::new();
    let invoked = watch::Sender::new(0);
    let told = invoked.clone();
    let hold = || {
        let intents = IntentRegistry::default();
        let told = told.clone();
        intents.register_intent("hold", "holder", move |_: Ctx| {
            told.send_modify(|times| *times += 1);
            std::future::pending::<Result<HandlerResult, _>>()
        });
        intents
    };
    let life = house.live(hold());
    life.block_on(async {
        life.engine.submit(&ada(), intent_of("hold", json!({}))).await.unwrap();
        invoked.subscribe().wait_for(|times| *times == 1).await.unwrap();
        life.engine.settled().await.unwrap();
    });
    house.crash(life);
    house.plug.refuse_lists(1);
    let life = house.live(hold());
    // nobody asks for the run
    life.block_on(async { drop(invoked.subscribe().wait_for(|times| *times == 2).await.unwrap()) });
}
