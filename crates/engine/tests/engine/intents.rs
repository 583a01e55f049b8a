//! Intents and their handlers (`INT-1` to `INT-6`, `FLT-16`, `FLT-17`).

use crate::harness::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::resource::{IntentRequest, OpenSession, SubmitRun};
use tenure_contract::words::{ErrorClass, RecoveryClass, RunStatus};
use tenure_contract::{Code, Event};
use tenure_engine::{
    Ctx, HandlerFailure, HandlerResult, IntentRegistry, Listing, Registration, StepFailure,
};
use tokio::sync::watch;

type Handled = Result<HandlerResult, HandlerFailure>;

fn output(value: Value) -> Handled {
    Ok(HandlerResult { output: value, ..HandlerResult::default() })
}

fn named(intents: &IntentRegistry, intent: &str, handler: &'static str) {
    intents.register_intent(intent, handler, move |_: Ctx| async move { output(json!(handler)) });
}

fn keyed(request: SubmitRun, key: &str) -> SubmitRun {
    SubmitRun { idempotency_key: Some(key.to_owned()), ..request }
}

/// Neither the lists nor the sessions know of the other's run when it is decided.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_5_of_two_sessions_given_one_key_at_once_one_takes_it() {
    let house = House::new();
    let intents = IntentRegistry::default();
    named(&intents, "fine", "doer");
    let engine = house.engine(intents);
    for round in 0..100 {
        let (one, other) = (engine.open().await, engine.open().await);
        let submit = |session| {
            let request = SubmitRun {
                session_id: Some(session),
                idempotency_key: Some(format!("key-{round}")),
                ..intent_of("fine", json!({}))
            };
            let engine = engine.clone();
            tokio::spawn(async move { engine.submit(&ada(), request).await })
        };
        let (one, other) = tokio::join!(submit(one), submit(other));
        let answers = [one.unwrap(), other.unwrap()];
        let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert_eq!(refused.len(), 1, "round {round}: {answers:?}");
        assert_eq!(refused[0].code, Code::KeyConflict);
    }
    engine.settled().await.unwrap();
    let runs = engine.runs(&ada(), &Listing { limit: Some(200), ..Listing::default() }).unwrap();
    assert_eq!(runs.items.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_1_the_first_available_handler_runs_and_the_same_name_replaces() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let remote = Registration {
        intent_type: "go".to_owned(),
        handler_name: "remote".to_owned(),
        function: None,
        parameters: None,
        metadata: Value::Null,
    };
    intents.register(remote);
    named(&intents, "go", "one");
    named(&intents, "go", "two");
    let engine = house.engine(intents);
    let who = async || {
        let run = accepted(&engine, intent_of("go", json!({}))).await.run_id;
        let ended = engine.over(run).await;
        (ended.handler.unwrap(), ended.output.unwrap())
    };
    assert_eq!(who().await, ("one".to_owned(), json!("one")));
    engine.intents().register_intent("go", "one", |_: Ctx| async { output(json!("one, better")) });
    assert_eq!(who().await.1, json!("one, better"));
    assert_eq!(
        engine.intents().list(),
        [("go".to_owned(), ["remote", "one", "two"].map(str::to_owned).to_vec())]
    );
    assert!(engine.intents().unregister("go", "one"));
    assert!(!engine.intents().unregister("go", "one"));
    assert_eq!(who().await.0, "two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_1_no_other_handler_is_tried_after_one_began() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("go", "broken", |_: Ctx| async {
        Err(HandlerFailure::new("broken", "it broke"))
    });
    named(&intents, "go", "spare");
    let engine = house.engine(intents);
    let run = accepted(&engine, intent_of("go", json!({}))).await.run_id;
    let ended = engine.over(run).await;
    assert_eq!((ended.status, ended.handler.as_deref()), (RunStatus::Failed, Some("broken")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_1_an_intent_nobody_serves_is_refused_with_what_there_is_and_leaves_nothing() {
    let house = House::new();
    let intents = IntentRegistry::default();
    named(&intents, "go", "one");
    named(&intents, "stay", "one");
    let engine = house.engine(intents);
    let refused = engine.submit(&ada(), intent_of("og", json!({}))).await.unwrap_err();
    assert_eq!(refused.code, Code::UnknownName);
    assert!(refused.message.contains("`go`, `stay`"), "{refused}");
    engine.settled().await.unwrap();
    assert!(engine.sessions(&ada(), &Default::default()).unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_2_parameters_are_checked_against_the_handlers_schema() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register(Registration {
        intent_type: "ingest".to_owned(),
        handler_name: "ingester".to_owned(),
        function: Some(Arc::new(|ctx: Ctx| async move { output(ctx.intent().parameters.clone()) })),
        parameters: Some(json!({
            "type": "object", "required": ["file"], "properties": { "file": { "type": "string" } }
        })),
        metadata: Value::Null,
    });
    let engine = house.engine(intents);
    for wrong in [json!({}), json!({ "file": 1 }), Value::Null] {
        let refused = engine.submit(&ada(), intent_of("ingest", wrong)).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument);
    }
    let run = accepted(&engine, intent_of("ingest", json!({ "file": "a.csv" }))).await.run_id;
    assert_eq!(engine.over(run).await.output, Some(json!({ "file": "a.csv" })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_3_a_handler_gets_a_context_that_agrees_with_its_intent() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("tell", "teller", |ctx: Ctx| async move {
        let intent = ctx.intent();
        assert_eq!((ctx.tenant_id(), ctx.session_id()), (intent.tenant_id, intent.session_id));
        assert_eq!(ctx.solution_id(), intent.solution_id);
        output(json!({
            "execution": ctx.execution_id(), "intent": intent.intent_id, "type": intent.intent_type,
            "tenant": ctx.tenant_id(), "session": ctx.session_id(), "solution": ctx.solution_id(),
            "metadata": intent.metadata, "at": intent.created_at,
        }))
    });
    let engine = house.engine(intents);
    let asked = IntentRequest {
        intent_type: "tell".to_owned(),
        parameters: json!({}),
        metadata: json!({ "realm": "content" }),
        solution_id: None,
    };
    let made =
        accepted(&engine, SubmitRun { intent: Some(asked.clone()), ..SubmitRun::default() }).await;
    let run = engine.over(made.run_id).await;
    let told = run.output.unwrap();
    assert_eq!(told["execution"], json!(made.run_id));
    assert_eq!(
        (&told["session"], &told["tenant"]),
        (&json!(made.session_id), &json!(ada().tenant))
    );
    assert_eq!((&told["type"], &told["intent"]), (&json!("tell"), &json!(run.intent_id)));
    assert_eq!(
        (&told["solution"], &told["metadata"]),
        (&json!("default"), &json!({ "realm": "content" }))
    );
    assert_eq!(told["at"], json!(run.created_at));
    let elsewhere = IntentRequest { solution_id: Some("claims".to_owned()), ..asked };
    let made =
        accepted(&engine, SubmitRun { intent: Some(elsewhere), ..SubmitRun::default() }).await;
    assert_eq!(engine.over(made.run_id).await.output.unwrap()["solution"], "claims");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_4_the_runtime_owns_the_runs_life_whatever_its_handler_does() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("empty", "emptier", |_: Ctx| async { Ok(HandlerResult::default()) });
    let engine = house.engine(intents);
    let made = accepted(&engine, intent_of("empty", json!({}))).await;
    let ended = engine.over(made.run_id).await;
    assert_eq!((ended.status, ended.output), (RunStatus::Completed, Some(Value::Null)));
    let kinds = engine.kinds(made.session_id);
    assert_eq!(
        kinds,
        [
            "session.opened",
            "run.submitted",
            "run.started",
            "run.ended",
            "checkpoint.made",
            "session.ended"
        ]
    );
    let told = engine.told(made.session_id);
    let system = |at: usize| told[at].entry.principal.to_string();
    assert_eq!((system(1), system(3)), ("user:ada".to_owned(), "system:tenure".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_5_a_key_returns_the_first_run_and_another_body_under_it_conflicts() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let invoked = Arc::new(AtomicUsize::new(0));
    let counted = invoked.clone();
    intents.register_intent("go", "goer", move |_: Ctx| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { output(json!(1)) }
    });
    let engine = house.engine(intents);
    let first = accepted(&engine, keyed(intent_of("go", json!({ "n": 1 })), "k")).await;
    assert!(!first.duplicate);
    for _ in 0..2 {
        let again = accepted(&engine, keyed(intent_of("go", json!({ "n": 1 })), "k")).await;
        assert!(again.duplicate);
        assert_eq!((again.run_id, again.session_id), (first.run_id, first.session_id));
        engine.over(first.run_id).await;
    }
    let other = engine.submit(&ada(), keyed(intent_of("go", json!({ "n": 2 })), "k")).await;
    assert_eq!(other.unwrap_err().code, Code::KeyConflict);
    engine.settled().await.unwrap();
    let session = engine.open().await;
    let elsewhere = SubmitRun { session_id: Some(session), ..intent_of("go", json!({ "n": 1 })) };
    let elsewhere = engine.submit(&ada(), keyed(elsewhere, "k")).await;
    assert_eq!(elsewhere.unwrap_err().code, Code::KeyConflict);
    assert_eq!(invoked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_5_of_concurrent_submits_under_one_key_one_runs() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let invoked = Arc::new(AtomicUsize::new(0));
    let counted = invoked.clone();
    intents.register_intent("go", "goer", move |_: Ctx| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { output(json!(1)) }
    });
    let engine = house.engine(intents);
    let submitting = (0..16).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move { accepted(&engine, keyed(intent_of("go", json!({})), "k")).await })
    });
    let all = futures::future::join_all(submitting).await;
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|one| !one.duplicate).count(), 1);
    assert!(all.iter().all(|one| one.run_id == all[0].run_id));
    assert!(is_completed(&engine.over(all[0].run_id).await));
    assert_eq!(invoked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_5_a_sessions_key_works_the_same() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let request = OpenSession { product_id: Some("desk".to_owned()), ..OpenSession::default() };
    let first = engine.open_session(&ada(), request.clone(), Some("k")).await.unwrap();
    let again = engine.open_session(&ada(), request, Some("k")).await.unwrap();
    assert_eq!(again.session_id, first.session_id);
    let other = engine.open_session(&ada(), OpenSession::default(), Some("k")).await;
    assert_eq!(other.unwrap_err().code, Code::KeyConflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_16_a_run_is_accepted_before_it_has_run() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let (gate, opened) = watch::channel(false);
    intents.register_intent("hold", "holder", move |_: Ctx| {
        let mut opened = opened.clone();
        async move {
            let _ = opened.wait_for(|open| *open).await;
            output(json!(1))
        }
    });
    let engine = house.engine(intents);
    // the answer is here, durable, and the handler cannot have ended
    let made = accepted(&engine, intent_of("hold", json!({}))).await;
    assert!(engine.kinds(made.session_id).contains(&"run.submitted"));
    assert_eq!(engine.run(&ada(), made.run_id).await.unwrap().status, RunStatus::Running);
    gate.send_replace(true);
    assert!(is_completed(&engine.over(made.run_id).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_17_a_handlers_failure_is_a_failed_run_with_its_id() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("fail", "failer", |_: Ctx| async {
        Err(HandlerFailure::new("broken", "it broke"))
    });
    let engine = house.engine(intents);
    let made = accepted(&engine, intent_of("fail", json!({}))).await;
    let ended = engine.over(made.run_id).await;
    assert_eq!((ended.run_id, ended.status), (made.run_id, RunStatus::Failed));
    let error = ended.error.unwrap();
    assert_eq!(
        (error.class, error.code.as_str(), error.message.as_str()),
        (ErrorClass::Handler, "broken", "it broke")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_6_the_same_name_with_other_inputs_is_a_divergence() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("go", "goer", |ctx: Ctx| async move {
        for class in [RecoveryClass::Read, RecoveryClass::Once] {
            let name = class.as_str();
            let answer = |_| async { Ok::<_, StepFailure>(7) };
            let first: i32 = ctx.step(name, class, &json!({ "a": 1, "b": 2 }), answer).await?;
            // the order of members is not another input
            let again: i32 = ctx.step(name, class, &json!({ "b": 2, "a": 1 }), |_| async { panic!("performed again") }).await?;
            assert_eq!(first, again);
            let other = ctx.step::<i32, _, _>(name, class, &json!({ "a": 2 }), |_| async { panic!("performed") }).await;
            assert!(matches!(&other, Err(StepFailure::Refused(error)) if error.code == Code::Divergence), "{other:?}");
        }
        let other = ctx.step::<i32, _, _>("once", RecoveryClass::Once, &1, |_| async { panic!("performed") }).await;
        Err(other.unwrap_err().into())
    });
    let engine = house.engine(intents);
    let made = accepted(&engine, intent_of("go", json!({}))).await;
    let ended = engine.over(made.run_id).await;
    assert_eq!(ended.error.unwrap().code, "divergence");
    assert_eq!(ended.usage.steps, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_6_a_failure_is_a_recorded_result_too() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let performed = Arc::new(AtomicUsize::new(0));
    let counted = performed.clone();
    intents.register_intent("go", "goer", move |ctx: Ctx| {
        let performed = counted.clone();
        async move {
            for _ in 0..2 {
                let fail = |_| {
                    performed.fetch_add(1, Ordering::SeqCst);
                    async { Err(StepFailure::Failed { message: "no such order".to_owned() }) }
                };
                let failed =
                    ctx.step::<(), _, _>("pay", RecoveryClass::Once, &1, fail).await.unwrap_err();
                assert_eq!(failed.to_string(), "no such order");
            }
            output(json!(1))
        }
    });
    let engine = house.engine(intents);
    let run = accepted(&engine, intent_of("go", json!({}))).await.run_id;
    assert!(is_completed(&engine.over(run).await));
    assert_eq!(performed.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_substep_used_twice_at_once_is_performed_once() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let performed = Arc::new(AtomicUsize::new(0));
    let counted = performed.clone();
    intents.register_intent("go", "goer", move |ctx: Ctx| {
        let performed = counted.clone();
        async move {
            let pay = || {
                ctx.step("pay", RecoveryClass::Once, &1, |_| {
                    performed.fetch_add(1, Ordering::SeqCst);
                    async {
                        tokio::task::yield_now().await;
                        Ok::<_, StepFailure>(1)
                    }
                })
            };
            let (one, other) = futures::join!(pay(), pay());
            assert_eq!(one, Ok(1));
            assert!(matches!(other, Err(StepFailure::Refused(error)) if error.code == Code::IllegalTransition));
            assert_eq!(pay().await, Ok(1));
            output(json!(1))
        }
    });
    let engine = house.engine(intents);
    let run = accepted(&engine, intent_of("go", json!({}))).await.run_id;
    assert!(is_completed(&engine.over(run).await));
    assert_eq!(performed.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_in_whose_midst_its_run_is_paused_goes_on_where_it_was() {
    let house = House::new();
    let intents = IntentRegistry::default();
    let (gate, opened) = watch::channel(false);
    let performed = Arc::new(AtomicUsize::new(0));
    let counted = performed.clone();
    intents.register_intent("go", "goer", move |ctx: Ctx| {
        let (opened, performed) = (opened.clone(), counted.clone());
        async move {
            let first = |_| {
                performed.fetch_add(1, Ordering::SeqCst);
                async { Ok::<_, StepFailure>(1) }
            };
            let one: i32 = ctx.step("one", RecoveryClass::Once, &1, first).await?;
            let _ = opened.clone().wait_for(|open| *open).await;
            let two: i32 = ctx
                .step("two", RecoveryClass::Once, &2, |_| async { Ok::<_, StepFailure>(2) })
                .await?;
            output(json!(one + two))
        }
    });
    let engine = house.engine(intents);
    let run = accepted(&engine, intent_of("go", json!({}))).await.run_id;
    engine.seen(run, |run| run.usage.steps == 1).await;
    engine.pause(&ada(), run).await.unwrap();
    gate.send_replace(true);
    engine.resume(&ada(), run).await.unwrap();
    let ended = engine.over(run).await;
    assert_eq!(ended.output, Some(json!(3)));
    assert_eq!(performed.load(Ordering::SeqCst), 1);
    let intended = engine
        .told(ended.session_id)
        .into_iter()
        .filter(|told| matches!(told.entry.event, Event::StepIntended(_)));
    assert_eq!(intended.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_5_a_handler_that_panics_is_a_failed_run_with_its_id() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("go", "goer", |ctx: Ctx| {
        assert!(!ctx.intent().parameters["at once"].is_boolean(), "as asked");
        async move {
            ctx.step("one", RecoveryClass::Read, &1, |_| async { Ok::<_, StepFailure>(1) }).await?;
            panic!("as asked")
        }
    });
    let engine = house.engine(intents);
    for parameters in [json!({}), json!({ "at once": true })] {
        let made = accepted(&engine, intent_of("go", parameters)).await;
        let ended = engine.over(made.run_id).await;
        assert_eq!((ended.run_id, ended.status), (made.run_id, RunStatus::Failed));
        assert_eq!(ended.error.unwrap().code, "panicked");
    }
}
