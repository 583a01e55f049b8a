//! Steps: intended before, landed after, one key, recorded once (`STP-1`, `STP-3` to `STP-5`).

use crate::harness::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::words::{RecoveryClass, RunStatus, StepKind, StepStatus};
use tenure_contract::{Entry, Event, limits};
use tenure_core::position::Position;
use tenure_engine::{Ctx, HandlerResult, IntentRegistry, StepFailure};
use tenure_store::Log;

/// What the log says of the step whose key this is.
fn said_of(log: &dyn Log, key: &str) -> Vec<&'static str> {
    let entries = log.scan(Position::START, 10_000).unwrap();
    let about = |entry: Entry| match entry.event {
        Event::StepIntended(ref event) if event.step.to_string() == key => Some("intended"),
        Event::StepLanded(ref event) if event.step.to_string() == key => Some("landed"),
        Event::StepFailed(ref event) if event.step.to_string() == key => Some("failed"),
        _ => None,
    };
    entries.iter().filter_map(|stored| about(Entry::from_bytes(&stored.bytes).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_1_an_effect_sees_its_own_intent_on_disk_and_its_result_follows() {
    let house = House::on_files();
    let log = house.store().log;
    let intents = IntentRegistry::default();
    let looked = log.clone();
    intents.register_intent("look", "looker", move |ctx: Ctx| {
        let log = looked.clone();
        async move {
            for class in [RecoveryClass::Once, RecoveryClass::Idempotent] {
                let log = log.clone();
                let see = move |key: String| {
                    let log = log.clone();
                    async move {
                        Ok::<_, StepFailure>(json!({ "key": key, "seen": said_of(&*log, &key) }))
                    }
                };
                let seen: Value = ctx.step(class.as_str(), class, &1, see).await?;
                assert_eq!(seen["seen"], json!(["intended"]));
            }
            Ok(HandlerResult::default())
        }
    });
    let engine = house.engine(intents);
    let run = accepted(&engine, intent_of("look", json!({}))).await.run_id;
    assert!(is_completed(&engine.over(run).await));
    for step in engine.steps(&ada(), run).await.unwrap() {
        assert_eq!(step.status, StepStatus::Landed);
        let key = step.step_id.to_string();
        assert_eq!(step.result.unwrap()["key"], json!(key));
        assert_eq!(said_of(&*log, &key), ["intended", "landed"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_1_a_tool_call_reaches_its_service_only_with_its_intent_on_disk() {
    let house = House::on_files();
    let outside = Outside::new();
    let log = house.store().log;
    let looked = log.clone();
    outside.on("/pay", move |asked| {
        let said = said_of(&*looked, asked.key.as_deref().unwrap());
        if said == ["intended"] {
            Reply::Json(200, json!({ "paid": 1 }))
        } else {
            Reply::Json(400, json!(said))
        }
    });
    let engine = house.engine(IntentRegistry::default());
    let script =
        "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"ok\"\n";
    engine
        .hire(agent("payer").follows(&house, script).may(action(
            "pay",
            "once",
            &outside.url("/pay"),
        )))
        .await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    let ended = engine.over(run).await;
    assert_eq!(results(&ended), [json!({ "paid": 1 })]);
    let steps = engine.steps(&ada(), run).await.unwrap();
    let kinds: Vec<_> = steps.iter().map(|step| (step.kind, step.status)).collect();
    let (model, tool, landed) = (StepKind::Model, StepKind::Tool, StepStatus::Landed);
    assert_eq!(kinds, [(model, landed), (tool, landed), (model, landed)]);
    assert_eq!(said_of(&*log, &steps[1].step_id.to_string()), ["intended", "landed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_3_every_attempt_of_a_step_carries_the_same_key() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/pay", |asked| match asked.nth {
        1 | 2 => Reply::Json(500, json!({ "later": true })),
        _ => Reply::Json(200, json!({ "paid": 1 })),
    });
    let engine = house.engine(IntentRegistry::default());
    let script =
        "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"ok\"\n";
    let pay = action("pay", "idempotent", &outside.url("/pay"));
    engine.hire(agent("payer").follows(&house, script).may(pay)).await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    assert_eq!(results(&engine.over(run).await), [json!({ "paid": 1 })]);
    let step = engine.steps(&ada(), run).await.unwrap().remove(1);
    assert_eq!(step.attempts, 3);
    let keys: Vec<_> = outside.attempts("/pay").into_iter().map(|one| one.key.unwrap()).collect();
    assert_eq!(keys, vec![step.step_id.to_string(); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_3_two_steps_have_two_keys() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n\
                  [[turn.call]]\ntool = \"pay\"\nas = \"more\"\narguments = { n = 1 }\n[[turn]]\ntext = \"ok\"\n";
    let pay = action("pay", "once", &outside.url("/pay"));
    engine.hire(agent("payer").follows(&house, script).may(pay)).await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    assert!(is_completed(&engine.over(run).await));
    let keys: std::collections::BTreeSet<_> =
        outside.attempts("/pay").into_iter().map(|one| one.key).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn stp_4_results_of_every_size_read_back_after_a_crash_and_are_never_made_again() {
    let mut house = House::on_files();
    let sizes = [10, limits::INLINE_BODY_MAX_BYTES + 10, limits::PAYLOAD_ROW_MAX_BYTES + 10];
    let made = Arc::new(AtomicUsize::new(0));
    let handlers = |hangs: bool| {
        let intents = IntentRegistry::default();
        let made = made.clone();
        intents.register_intent("sizes", "sizer", move |ctx: Ctx| {
            let made = made.clone();
            async move {
                for class in [RecoveryClass::Read, RecoveryClass::Once] {
                    for size in sizes {
                        let made = made.clone();
                        let make = move |_| {
                            made.fetch_add(1, Ordering::SeqCst);
                            async move { Ok::<_, StepFailure>("x".repeat(size)) }
                        };
                        let name = format!("{class}-{size}");
                        let text: String = ctx.step(&name, class, &size, make).await?;
                        assert_eq!(text.len(), size);
                    }
                }
                if hangs {
                    ctx.step::<(), _, _>("hang", RecoveryClass::Idempotent, &1, |_| {
                        std::future::pending()
                    })
                    .await?;
                }
                Ok(HandlerResult::default())
            }
        });
        intents
    };
    let life = house.live(handlers(true));
    let run = life.block_on(async {
        let run = accepted(&life.engine, intent_of("sizes", json!({}))).await.run_id;
        life.engine.seen(run, |run| run.usage.steps == 7).await;
        run
    });
    house.crash(life);
    let life = house.live(handlers(false));
    life.block_on(async {
        // the hanging step of the first life is left out by the second: its run ends all the same
        assert!(is_completed(&life.engine.over(run).await));
        let steps = life.engine.steps(&ada(), run).await.unwrap();
        let read: Vec<_> =
            steps.iter().filter_map(|step| step.result.as_ref()?.as_str()).map(str::len).collect();
        assert_eq!(read, [sizes, sizes].concat());
    });
    assert_eq!(made.load(Ordering::SeqCst), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stp_5_the_thousandth_step_writes_what_the_first_one_wrote() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("many", "manyer", |ctx: Ctx| async move {
        for n in 0..1_000 {
            let name = format!("s{n:04}");
            ctx.step(&name, RecoveryClass::Once, &1, |_| async { Ok::<_, StepFailure>(1) }).await?;
        }
        Ok(HandlerResult::default())
    });
    let engine = house.engine(intents);
    let made = accepted(&engine, intent_of("many", json!({}))).await;
    assert_eq!(engine.over(made.run_id).await.status, RunStatus::Completed);
    let mut written: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for told in engine.told(made.session_id) {
        if matches!(told.entry.event, Event::StepIntended(_) | Event::StepLanded(_)) {
            written.entry(told.entry.event.name()).or_default().push(told.bytes.len());
        }
    }
    for sizes in written.values() {
        assert_eq!(sizes.len(), 1_000);
        // `seq` and the time take a few bytes more as they grow; nothing else does
        assert!(sizes[999] <= sizes[0] + 8, "{} {}", sizes[0], sizes[999]);
    }
    assert_eq!(written.len(), 2);
}
