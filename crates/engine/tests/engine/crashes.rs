//! The process dies and another one takes the store over (`STP-2`, `RT15`, `INT-6`, `FLT-14`,
//! `FLT-18`, `APR-5`).

use crate::harness::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::resource::{Decision, ResolveStep};
use tenure_contract::words::{RecoveryClass, Resolution, RunStatus, StepStatus, StuckReason};
use tenure_contract::{Code, Event};
use tenure_engine::{Ctx, HandlerResult, IntentRegistry, Listing, StepFailure};

const PAY_ONCE: &str =
    "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";

fn stores() -> [House; 2] {
    [House::new(), House::on_files()]
}

#[test]
fn stp_2_a_crash_within_an_idempotent_call_repeats_it_under_the_same_key() {
    for mut house in stores() {
        let outside = Outside::new();
        outside.on("/pay", |asked| match asked.nth {
            1 => Reply::Silence,
            _ => Reply::Json(200, json!({ "paid": 1 })),
        });
        let life = house.live(IntentRegistry::default());
        let pay = action("pay", "idempotent", &outside.url("/pay"));
        let run = life.block_on(async {
            life.engine.hire(agent("payer").follows(&house, PAY_ONCE).may(pay)).await;
            let run = accepted(&life.engine, task("payer", "pay")).await.run_id;
            outside.reached("/pay", 1).await;
            run
        });
        house.crash(life);
        let life = house.live(IntentRegistry::default());
        life.block_on(async {
            let ended = life.engine.over(run).await;
            assert_eq!(content(&ended), "paid");
            let keys: Vec<_> = outside.attempts("/pay").into_iter().map(|one| one.key).collect();
            assert_eq!(keys.len(), 2);
            assert_eq!(keys[0], keys[1]);
            let step = life.engine.steps(&ada(), run).await.unwrap().remove(1);
            assert_eq!((step.attempts, step.status), (2, StepStatus::Landed));
            verified(&life.engine.told(ended.session_id));
        });
    }
}

#[test]
fn stp_2_a_crash_within_a_once_call_leaves_it_in_doubt_and_pauses_until_somebody_says() {
    for mut house in stores() {
        let outside = Outside::new();
        outside.on("/pay", |_| Reply::Silence);
        let life = house.live(IntentRegistry::default());
        let pay = action("pay", "once", &outside.url("/pay"));
        let run = life.block_on(async {
            life.engine.hire(agent("payer").follows(&house, PAY_ONCE).may(pay)).await;
            let run = accepted(&life.engine, task("payer", "pay")).await.run_id;
            outside.reached("/pay", 1).await;
            run
        });
        house.crash(life);
        let life = house.live(IntentRegistry::default());
        life.block_on(async {
            let engine = &life.engine;
            let paused = engine.seen(run, |run| run.status == RunStatus::Paused).await;
            assert_eq!(paused.waiting_for.unwrap().reason, StuckReason::InDoubtStep);
            engine.settled().await.unwrap();
            let doubts = engine.doubts(&ada(), &Listing::default()).unwrap().items;
            let [doubt] = doubts.as_slice() else { panic!("{doubts:?}") };
            assert_eq!((doubt.run_id, doubt.cause.as_deref()), (run, Some("crash")));
            assert_eq!(engine.resume(&ada(), run).await.unwrap_err().code, Code::IllegalTransition);
            let landed = ResolveStep {
                resolution: Resolution::Landed,
                result: Some(json!({ "paid": 1 })),
                reason: Some("it stands on the statement".to_owned()),
            };
            engine.resolve(&ada(), doubt.step_id, landed).await.unwrap();
            let ended = engine.over(run).await;
            assert_eq!((content(&ended), results(&ended)), ("paid", vec![json!({ "paid": 1 })]));
            assert_eq!(outside.attempts("/pay").len(), 1);
        });
    }
}

#[test]
fn stp_2_a_crash_within_a_handlers_once_substep_asks_and_within_an_idempotent_one_repeats() {
    let performed = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let (began, mut begun) = tokio::sync::watch::channel(0);
    let handlers = |hangs: bool| {
        let intents = IntentRegistry::default();
        let (performed, began) = (performed.clone(), began.clone());
        intents.register_intent("pay", "payer", move |ctx: Ctx| {
            let (performed, began) = (performed.clone(), began.clone());
            async move {
                let class: RecoveryClass =
                    ctx.intent().parameters["class"].as_str().unwrap().parse().unwrap();
                let place = usize::from(class == RecoveryClass::Once);
                let perform = |key: String| {
                    performed[place].fetch_add(1, Ordering::SeqCst);
                    began.send_modify(|count| *count += 1);
                    async move {
                        if hangs { std::future::pending().await } else { Ok::<_, StepFailure>(key) }
                    }
                };
                let key: String = ctx.step("pay", class, &1, perform).await?;
                Ok(HandlerResult { output: json!(key), ..HandlerResult::default() })
            }
        });
        intents
    };
    let mut house = House::new();
    let life = house.live(handlers(true));
    let (once, idempotent) = life.block_on(async {
        let once =
            accepted(&life.engine, intent_of("pay", json!({ "class": "once" }))).await.run_id;
        let idempotent =
            accepted(&life.engine, intent_of("pay", json!({ "class": "idempotent" }))).await.run_id;
        begun.wait_for(|count| *count == 2).await.unwrap();
        (once, idempotent)
    });
    house.crash(life);
    let life = house.live(handlers(false));
    life.block_on(async {
        let engine = &life.engine;
        let repeated = engine.over(idempotent).await;
        let step = engine.steps(&ada(), idempotent).await.unwrap().remove(0);
        assert_eq!(repeated.output, Some(json!(step.step_id)));
        assert_eq!(step.attempts, 2);
        engine.seen(once, |run| run.status == RunStatus::Paused).await;
        let step = engine.steps(&ada(), once).await.unwrap().remove(0);
        assert_eq!(step.status, StepStatus::InDoubt);
        let early = ResolveStep { resolution: Resolution::Retry, result: None, reason: None };
        assert_eq!(
            engine.resolve(&ada(), step.step_id, early).await.unwrap_err().code,
            Code::StillTravelling
        );
        let landed =
            ResolveStep { resolution: Resolution::Landed, result: Some(json!("k")), reason: None };
        engine.resolve(&ada(), step.step_id, landed).await.unwrap();
        assert_eq!(engine.over(once).await.output, Some(json!("k")));
    });
    assert_eq!(performed.each_ref().map(|count| count.load(Ordering::SeqCst)), [2, 1]);
}

#[test]
fn rt15_after_a_crash_no_committed_model_call_and_no_committed_tool_call_is_made_again() {
    for mut house in stores() {
        let outside = Outside::new();
        outside.on("/v1", |asked| match asked.nth {
            1 => calls(&[("c1", "first", json!({ "n": 1 }))]),
            2 => calls(&[("c2", "second", json!({ "n": 2 }))]),
            _ => said("both done"),
        });
        outside.on("/second", |asked| match asked.nth {
            1 => Reply::Silence,
            _ => Reply::Json(200, json!({ "done": 2 })),
        });
        let life = house.live(IntentRegistry::default());
        let run = life.block_on(async {
            let asking = agent("worker").asks(&outside.url("/v1"));
            let asking = asking.may(action("first", "once", &outside.url("/first")));
            life.engine
                .hire(asking.may(action("second", "idempotent", &outside.url("/second"))))
                .await;
            let run = accepted(&life.engine, task("worker", "work")).await.run_id;
            outside.reached("/second", 1).await;
            run
        });
        house.crash(life);
        let life = house.live(IntentRegistry::default());
        life.block_on(async {
            let ended = life.engine.over(run).await;
            assert_eq!(content(&ended), "both done");
            let count = |path: &str| outside.attempts(path).len();
            assert_eq!((count("/v1"), count("/first"), count("/second")), (3, 1, 2));
            let kinds = life.engine.kinds(ended.session_id);
            let told = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
            assert_eq!(
                (told("turn.landed"), told("step.landed"), told("step.attempted")),
                (3, 2, 1)
            );
        });
    }
}

#[test]
fn rt15_killed_between_a_model_call_and_its_tool_call_neither_is_made_twice() {
    let mut house = House::on_files();
    let outside = Outside::new();
    outside.on("/v1", |asked| match asked.nth {
        1 => calls(&[("c1", "pay", json!({ "n": 1 }))]),
        _ => said("paid"),
    });
    house.plug.die_after("turn.landed");
    let life = house.live(IntentRegistry::default());
    let run = life.block_on(async {
        let asking = agent("payer").asks(&outside.url("/v1"));
        life.engine.hire(asking.may(action("pay", "idempotent", &outside.url("/pay")))).await;
        let run = accepted(&life.engine, task("payer", "pay")).await.run_id;
        house.plug.died().await;
        run
    });
    assert!(outside.attempts("/pay").is_empty());
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let ended = life.engine.over(run).await;
        assert_eq!(content(&ended), "paid");
        assert_eq!((outside.attempts("/v1").len(), outside.attempts("/pay").len()), (2, 1));
        let kinds = life.engine.kinds(ended.session_id);
        assert_eq!(kinds.iter().filter(|kind| **kind == "turn.landed").count(), 2);
    });
}

#[test]
fn int_6_after_a_crash_recorded_substeps_are_returned_and_not_performed() {
    for mut house in stores() {
        let performed = Arc::new(AtomicUsize::new(0));
        let invoked = Arc::new(AtomicUsize::new(0));
        let handlers = |hangs: bool| {
            let intents = IntentRegistry::default();
            let (performed, invoked) = (performed.clone(), invoked.clone());
            intents.register_intent("count", "counter", move |ctx: Ctx| {
                let (performed, invoked) = (performed.clone(), invoked.clone());
                async move {
                    invoked.fetch_add(1, Ordering::SeqCst);
                    let mut sum = 0;
                    for (n, class) in (1..).zip([
                        RecoveryClass::Read,
                        RecoveryClass::Idempotent,
                        RecoveryClass::Once,
                    ]) {
                        let perform = |_| {
                            performed.fetch_add(1, Ordering::SeqCst);
                            async move { Ok::<_, StepFailure>(n) }
                        };
                        sum += ctx.step::<i64, _, _>(class.as_str(), class, &n, perform).await?;
                    }
                    if hangs {
                        ctx.step::<(), _, _>("hang", RecoveryClass::Idempotent, &1, |_| {
                            std::future::pending()
                        })
                        .await?;
                    }
                    Ok(HandlerResult { output: json!(sum), ..HandlerResult::default() })
                }
            });
            intents
        };
        let life = house.live(handlers(true));
        let run = life.block_on(async {
            let run = accepted(&life.engine, intent_of("count", json!({}))).await.run_id;
            life.engine.seen(run, |run| run.usage.steps == 4).await;
            run
        });
        house.crash(life);
        let life = house.live(handlers(false));
        life.block_on(async { assert_eq!(life.engine.over(run).await.output, Some(json!(6))) });
        assert_eq!(performed.load(Ordering::SeqCst), 3);
        assert_eq!(invoked.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn apr_5_a_question_outlives_the_process_and_is_answered_in_the_next_one() {
    for mut house in stores() {
        let outside = Outside::new();
        let mut pay = action("pay", "once", &outside.url("/pay"));
        pay["confirm"] = json!({});
        let life = house.live(IntentRegistry::default());
        let (session, run, before) = life.block_on(async {
            let engine = &life.engine;
            engine.hire(agent("payer").follows(&house, PAY_ONCE).may(pay)).await;
            let session = engine.open_as(approved_by("user:ada")).await.session_id;
            let run = engine.task(session, "payer", "pay").await;
            assert_eq!(engine.rested(run).await.status, RunStatus::WaitingApproval);
            (session, run, engine.asked(session).await.remove(0))
        });
        house.crash(life);
        let life = house.live(IntentRegistry::default());
        life.block_on(async {
            let engine = &life.engine;
            let after = engine.approval(&ada(), before.approval_id).await.unwrap();
            assert_eq!(
                (after.action_digest, after.requested_at),
                (before.action_digest, before.requested_at)
            );
            assert!(outside.attempts("/pay").is_empty());
            engine.answer(session, Decision::Approve).await.unwrap();
            assert_eq!(content(&engine.over(run).await), "paid");
            assert_eq!(outside.attempts("/pay").len(), 1);
        });
    }
}

#[test]
fn flt_14_the_loops_own_steps_are_the_durable_ones() {
    let house = House::new();
    let outside = Outside::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let pay = action("pay", "once", &outside.url("/pay"));
        life.engine.hire(agent("payer").follows(&house, PAY_ONCE).may(pay)).await;
        let made = accepted(&life.engine, task("payer", "pay")).await;
        life.engine.over(made.run_id).await;
        let steps: Vec<_> = life
            .engine
            .told(made.session_id)
            .into_iter()
            .filter_map(|told| match told.entry.event {
                Event::StepIntended(event) => Some((event.name, event.step)),
                _ => None,
            })
            .collect();
        let names: Vec<_> = steps.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["model", "pay", "model"]);
        // the key the service saw is the journal's step
        assert_eq!(outside.attempts("/pay")[0].key, Some(steps[1].1.to_string()));
    });
}

#[test]
fn flt_18_what_the_log_holds_is_recovered_from_even_if_the_lists_never_learnt_of_it() {
    let mut house = House::on_files();
    let intents = || {
        let intents = IntentRegistry::default();
        intents.register_intent("fine", "finer", |_: Ctx| async {
            Ok(HandlerResult { output: json!("done"), ..HandlerResult::default() })
        });
        intents
    };
    // durable, and the process died before anybody was told, or the lists were settled
    house.plug.die_after("run.started");
    let life = house.live(intents());
    let engine = life.engine.clone();
    let key = tenure_contract::resource::SubmitRun {
        idempotency_key: Some("k".to_owned()),
        ..intent_of("fine", json!({}))
    };
    let submitted = key.clone();
    std::thread::spawn(move || {
        futures::executor::block_on(async move { engine.submit(&ada(), submitted).await })
    });
    life.block_on(house.plug.died());
    house.crash(life);
    let life = house.live(intents());
    life.block_on(async {
        let again = life.engine.submit(&ada(), key).await.unwrap();
        assert!(again.duplicate);
        let ended = life.engine.over(again.run_id).await;
        assert_eq!(ended.output, Some(json!("done")));
        verified(&life.engine.told(again.session_id));
    });
}
