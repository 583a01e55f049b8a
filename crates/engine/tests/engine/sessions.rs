//! Sessions: one writer, one root run at a time (`SES-1` to `SES-3`).

use crate::harness::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::resource::{Decision, OpenSession, SubmitRun};
use tenure_contract::words::{ExecutionTarget, InputPolicy, RunStatus, SessionStatus, StopReason};
use tenure_contract::{Code, Event};
use tenure_engine::{Ctx, HandlerFailure, HandlerResult, IntentRegistry};
use tokio::sync::watch;

/// Handlers: `hold` waits for the gate, `fine` ends at once, `fail` fails; `most` is how many ran
/// at once.
struct Gated {
    intents: IntentRegistry,
    gate: watch::Sender<bool>,
    most: Arc<AtomicUsize>,
}

fn gated() -> Gated {
    let intents = IntentRegistry::default();
    let gate = watch::Sender::new(false);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opened, seen) = (gate.clone(), most.clone());
    intents.register_intent("hold", "holder", move |_: Ctx| {
        let (mut opened, now, seen) = (opened.subscribe(), now.clone(), seen.clone());
        async move {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _ = opened.wait_for(|open| *open).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(HandlerResult::default())
        }
    });
    intents.register_intent("fine", "finer", |_: Ctx| async { Ok(HandlerResult::default()) });
    intents.register_intent("fail", "failer", |_: Ctx| async {
        Err(HandlerFailure::new("broken", "it broke"))
    });
    Gated { intents, gate, most }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_1_a_session_carries_its_fields_and_follows_its_run() {
    let house = House::new();
    let gated = gated();
    let engine = house.engine(gated.intents.clone());
    let opened = engine
        .open_as(OpenSession {
            product_id: Some("desk".to_owned()),
            user_id: Some("grace".to_owned()),
            ..OpenSession::default()
        })
        .await;
    assert_eq!((opened.product_id.as_str(), opened.user_id.as_str()), ("desk", "grace"));
    assert_eq!((opened.tenant_id, opened.status), (ada().tenant, SessionStatus::Active));
    assert_eq!(opened.execution_target, ExecutionTarget::Sandbox);
    assert_eq!((opened.workspace, opened.current_run_id, opened.seq), (None, None, 1));
    let run = engine.intend(opened.session_id, "hold", json!({})).await;
    let during = engine.session(&ada(), opened.session_id).await.unwrap();
    assert_eq!(during.current_run_id, Some(run));
    assert_eq!(engine.pause(&ada(), run).await.unwrap().status, RunStatus::Paused);
    assert_eq!(
        engine.session(&ada(), opened.session_id).await.unwrap().status,
        SessionStatus::Paused
    );
    engine.resume(&ada(), run).await.unwrap();
    assert_eq!(
        engine.session(&ada(), opened.session_id).await.unwrap().status,
        SessionStatus::Active
    );
    let busy = engine.end_session(&ada(), opened.session_id, SessionStatus::Completed, None).await;
    assert_eq!(busy.unwrap_err().code, Code::IllegalTransition);
    gated.gate.send_replace(true);
    engine.over(run).await;
    assert_eq!(
        engine.session(&ada(), opened.session_id).await.unwrap().status,
        SessionStatus::Active
    );
    let closed = engine
        .end_session(&ada(), opened.session_id, SessionStatus::Completed, None)
        .await
        .unwrap();
    assert_eq!(closed.status, SessionStatus::Completed);
    for refused in [
        engine
            .end_session(&ada(), opened.session_id, SessionStatus::Cancelled, None)
            .await
            .map(drop),
        engine.submit(&ada(), intent_in(opened.session_id, "fine", json!({}))).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::IllegalTransition);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_1_a_session_waits_for_approval_with_its_run() {
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
    let seen = engine.session(&ada(), session).await.unwrap();
    assert_eq!(seen.status, SessionStatus::WaitingApproval);
    assert_eq!(seen.approval_refs.len(), 1);
    engine.answer(session, Decision::Approve).await.unwrap();
    engine.over(run).await;
    let seen = engine.session(&ada(), session).await.unwrap();
    assert_eq!(seen.status, SessionStatus::Active);
    assert!(seen.agent_binding.unwrap().agent.starts_with("payer@sha256:"));
    assert_eq!(seen.memory_refs, [format!("chat:{session}@1")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_1_a_session_made_for_one_run_ends_as_it_does() {
    let house = House::new();
    let gated = gated();
    let engine = house.engine(gated.intents.clone());
    for (intent, status) in [("fine", SessionStatus::Completed), ("fail", SessionStatus::Failed)] {
        let made = accepted(&engine, intent_of(intent, json!({}))).await;
        engine.over(made.run_id).await;
        assert_eq!(engine.session(&ada(), made.session_id).await.unwrap().status, status);
    }
    let made = accepted(&engine, intent_of("hold", json!({}))).await;
    engine.cancel(&ada(), made.run_id, None).await.unwrap();
    engine.over(made.run_id).await;
    assert_eq!(
        engine.session(&ada(), made.session_id).await.unwrap().status,
        SessionStatus::Cancelled
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_2_a_session_is_resumable_until_it_is_final() {
    let house = House::new();
    let gated = gated();
    let engine = house.engine(gated.intents.clone());
    let session = engine.open().await;
    assert!(engine.session(&ada(), session).await.unwrap().resumable);
    let run = engine.intend(session, "fail", json!({})).await;
    engine.over(run).await;
    assert!(engine.session(&ada(), session).await.unwrap().resumable);
    engine.end_session(&ada(), session, SessionStatus::Cancelled, None).await.unwrap();
    assert!(!engine.session(&ada(), session).await.unwrap().resumable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_3_of_many_concurrent_submits_one_runs_at_a_time_in_their_order() {
    let house = House::new();
    let gated = gated();
    let engine = house.engine(gated.intents.clone());
    let session = engine.open().await;
    let submitting = (0..12).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.intend(session, "hold", json!({})).await })
    });
    let runs = futures::future::join_all(submitting).await;
    gated.gate.send_replace(true);
    for run in runs {
        assert!(is_completed(&engine.over(run.unwrap()).await));
    }
    assert_eq!(gated.most.load(Ordering::SeqCst), 1);
    let (mut submitted, mut started) = (Vec::new(), Vec::new());
    let mut running = 0;
    for told in engine.told(session) {
        match told.entry.event {
            Event::RunSubmitted(event) => submitted.push(event.run),
            Event::RunStarted(event) => {
                started.push(event.run);
                running += 1;
            }
            Event::RunEnded(_) => running -= 1,
            _ => {}
        }
        assert!(running <= 1);
    }
    assert_eq!(started, submitted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_3_reject_refuses_while_another_runs_and_changes_nothing() {
    let house = House::new();
    let gated = gated();
    let engine = house.engine(gated.intents.clone());
    let session = engine.open().await;
    let held = engine.intend(session, "hold", json!({})).await;
    let before = engine.told(session).len();
    let second = with_policy(intent_in(session, "fine", json!({})), InputPolicy::Reject);
    let refused = engine.submit(&ada(), second.clone()).await.unwrap_err();
    assert_eq!(refused.code, Code::SessionBusy);
    assert!(refused.message.contains(&held.to_string()), "{refused}");
    assert_eq!(engine.told(session).len(), before);
    gated.gate.send_replace(true);
    engine.over(held).await;
    let taken = engine.submit(&ada(), second).await.unwrap();
    assert!(is_completed(&engine.over(taken.run_id).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_3_interrupt_supersedes_the_current_run_and_goes_before_the_queue() {
    let house = House::new();
    let gated = gated();
    let engine = house.engine(gated.intents.clone());
    let session = engine.open().await;
    let held = engine.intend(session, "hold", json!({})).await;
    let queued = engine.intend(session, "fine", json!({})).await;
    let urgent = with_policy(intent_in(session, "fine", json!({})), InputPolicy::Interrupt);
    let urgent = engine.submit(&ada(), urgent).await.unwrap().run_id;
    let superseded = engine.over(held).await;
    assert_eq!(superseded.status, RunStatus::Cancelled);
    assert_eq!(superseded.stop_reason, Some(StopReason::Superseded));
    assert!(is_completed(&engine.over(urgent).await));
    assert!(is_completed(&engine.over(queued).await));
    let started: Vec<_> = engine
        .told(session)
        .into_iter()
        .filter_map(|told| match told.entry.event {
            Event::RunStarted(event) => Some(event.run),
            _ => None,
        })
        .collect();
    assert_eq!(started, [held, urgent, queued]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_3_steer_gives_the_current_run_its_input_before_the_next_model_call() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/v1", |asked| match asked.nth {
        1 => calls(&[("c1", "look", json!({ "n": 1 }))]),
        _ => said("done"),
    });
    outside.on("/look", |_| Reply::Held(json!({ "seen": 1 })));
    let engine = house.engine(IntentRegistry::default());
    engine
        .hire(agent("looker").asks(&outside.url("/v1")).may(action(
            "look",
            "read",
            &outside.url("/look"),
        )))
        .await;
    let session = engine
        .open_as(OpenSession { input_policy: Some(InputPolicy::Steer), ..OpenSession::default() })
        .await
        .session_id;
    let run = engine.task(session, "looker", "look around").await;
    outside.reached("/look", 1).await;
    let steered = engine.submit(&ada(), task_in(session, "looker", "and be quick")).await.unwrap();
    assert_eq!(steered.run_id, run);
    outside.open_gate();
    let ended = engine.over(run).await;
    assert_eq!(content(&ended), "done");
    let asked = outside.attempts("/v1");
    assert_eq!(asked.len(), 2);
    let last = asked[1].body["messages"].as_array().unwrap();
    assert_eq!(last.last().unwrap()["content"], "and be quick");
    assert_eq!(engine.kinds(session).iter().filter(|kind| **kind == "run.submitted").count(), 1);
}

#[test]
fn int_5_a_keyed_steer_steers_once_also_after_a_restart() {
    let mut house = House::new();
    let outside = Outside::new();
    outside.on("/v1", |asked| match asked.nth {
        1 => Reply::Silence,
        _ => said("done"),
    });
    let steered = |session, text: &str| SubmitRun {
        idempotency_key: Some("steer-1".to_owned()),
        input_policy: Some(InputPolicy::Steer),
        ..task_in(session, "looker", text)
    };
    let life = house.live(IntentRegistry::default());
    let (session, run) = life.block_on(async {
        let engine = &life.engine;
        engine.hire(agent("looker").asks(&outside.url("/v1"))).await;
        let session = engine.open().await;
        let run = engine.task(session, "looker", "look around").await;
        outside.reached("/v1", 1).await;
        for _ in 0..2 {
            let answer = engine.submit(&ada(), steered(session, "be quick")).await.unwrap();
            assert_eq!(answer.run_id, run);
        }
        let other = engine.submit(&ada(), steered(session, "be slow")).await.unwrap_err();
        assert_eq!(other.code, Code::KeyConflict);
        let elsewhere = engine.open().await;
        engine.settled().await.unwrap();
        let other = engine.submit(&ada(), steered(elsewhere, "be quick")).await.unwrap_err();
        assert_eq!(other.code, Code::KeyConflict);
        (session, run)
    });
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let again = engine.submit(&ada(), steered(session, "be quick")).await.unwrap();
        assert_eq!((again.run_id, again.duplicate), (run, true));
        let other = engine.submit(&ada(), steered(session, "be slow")).await.unwrap_err();
        assert_eq!(other.code, Code::KeyConflict);
        engine.over(run).await;
        let kinds = engine.kinds(session);
        assert_eq!(kinds.iter().filter(|kind| **kind == "run.steered").count(), 1);
        assert_eq!(kinds.iter().filter(|kind| **kind == "run.submitted").count(), 1);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_nested_in_none_of_its_sessions_opens_no_session() {
    let house = House::new();
    let engine = house.engine(gated().intents);
    let session = engine.open().await;
    let parent = engine.intend(session, "hold", json!({})).await;
    let orphan = SubmitRun { parent_run_id: Some(parent), ..intent_of("fine", json!({})) };
    assert_eq!(engine.submit(&ada(), orphan).await.unwrap_err().code, Code::InvalidArgument);
    engine.settled().await.unwrap();
    assert_eq!(engine.sessions(&ada(), &Default::default()).unwrap().items.len(), 1);
}
