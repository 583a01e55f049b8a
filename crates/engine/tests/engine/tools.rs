//! The agent's loop and its tools (`RT2` to `RT5`, `RT12` to `RT14`, `T11`, `T13`, `T14`, `FLT-1`,
//! `FLT-6`, `FLT-10`, `FLT-12`, `FLT-13`).

use crate::harness::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tenure_contract::words::{ErrorClass, RunStatus, StepStatus, StopReason};
use tenure_contract::{Code, RunId};
use tenure_engine::{Engine, IntentRegistry};

/// One turn with these calls, then the end.
fn once(calls: &str) -> String {
    format!("[[turn]]\n{calls}[[turn]]\ntext = \"done\"\n")
}

fn call(tool: &str, id: &str, n: u32) -> String {
    format!(
        "[[turn.call]]\ntool = \"{tool}\"\nas = \"{tool}{id}{n}\"\nid = \"{id}\"\narguments = {{ n = {n} }}\n"
    )
}

async fn run(engine: &Engine, definition: Definition) -> RunId {
    let name = definition.made().name;
    engine.hire(definition).await;
    accepted(engine, task(&name, "work")).await.run_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt2_an_agent_is_run_by_the_one_way_in_and_watched_from_outside() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("worker").follows(&house, &once(&call("act", "a", 1)));
    engine.hire(definition.may(action("act", "once", &outside.url("/act")))).await;
    let made = accepted(&engine, task("worker", "work")).await;
    // a watcher that reads along, and one that goes away, change nothing
    let reader = engine.clone();
    let watching = tokio::spawn(async move {
        let mut seen = 0;
        loop {
            reader.reach(&ada(), made.session_id, seen + 1).await.unwrap();
            let page = reader.entries(&ada(), made.session_id, seen + 1, 1).unwrap();
            seen += 1;
            if page[0].entry.event.name() == "session.ended" {
                return seen;
            }
        }
    });
    drop(engine.reach(&ada(), made.session_id, 99));
    let ended = engine.over(made.run_id).await;
    assert_eq!(content(&ended), "done");
    assert_eq!(watching.await.unwrap(), engine.told(made.session_id).len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt4_the_cap_counts_turns_ends_the_run_and_asks_nobody() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("worker")
        .follows(&house, &again_and_again("act"))
        .with("approvers", json!(["user:*"]));
    let run = run(&engine, definition.may(action("act", "once", &outside.url("/act")))).await;
    let ended = engine.over(run).await;
    assert_eq!(ended.stop_reason, Some(StopReason::MaxSteps));
    // the default of ten
    assert_eq!((ended.usage.model_calls, outside.attempts("/act").len()), (10, 10));
    assert!(!engine.kinds(ended.session_id).contains(&"approval.requested"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_1_a_cap_reached_is_no_success_and_saves_no_memory() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let definition =
        agent("worker").follows(&house, &once(&call("act", "a", 1))).with("max_steps", json!(1));
    engine.hire(definition.may(action("act", "once", &outside.url("/act")))).await;
    let session = engine.open().await;
    let capped = engine.task(session, "worker", "work").await;
    let capped = engine.over(capped).await;
    assert_eq!(
        (capped.status, capped.stop_reason),
        (RunStatus::Failed, Some(StopReason::MaxSteps))
    );
    assert_eq!(capped.error.unwrap().class, ErrorClass::Budget);
    assert!(!engine.kinds(session).contains(&"memory.saved"));
    assert!(engine.session(&ada(), session).await.unwrap().memory_refs.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt5_an_unknown_tool_is_an_error_the_model_is_told_with_what_there_is() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("worker").follows(&house, &once(&call("atc", "a", 1)));
    let run = run(&engine, definition.may(action("act", "once", &outside.url("/act")))).await;
    let ended = engine.over(run).await;
    assert!(is_completed(&ended));
    let told = results(&ended)[0]["error"].as_str().unwrap().to_owned();
    assert!(told.contains("no tool `atc`") && told.contains("`act`"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt5_two_tools_of_one_name_are_the_authors_mistake() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let twice = agent("worker").follows(&house, &once(""));
    let act = action("act", "once", "http://127.0.0.1:9/");
    let refused = engine
        .register_agent(&ada(), twice.clone().may(act.clone()).may(act).made())
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument);
    assert!(refused.message.contains("act"), "{refused}");
    let reserved = twice.may(action("delegate_x", "once", "http://127.0.0.1:9/"));
    assert!(engine.register_agent(&ada(), reserved.made()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_10_malformed_arguments_run_nothing_and_the_model_is_told() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let bad = "[[turn.call]]\ntool = \"act\"\narguments_raw = \"{oops\"\n\
               [[turn.call]]\ntool = \"act\"\nas = \"b\"\narguments_raw = '{ \"n\": \"one\" }'\n";
    let definition = agent("worker").follows(&house, &once(bad));
    let run = run(&engine, definition.may(action("act", "once", &outside.url("/act")))).await;
    let ended = engine.over(run).await;
    assert!(is_completed(&ended));
    assert!(results(&ended).iter().all(|told| told["error"].is_string()), "{:?}", results(&ended));
    assert!(outside.attempts("/act").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt12_the_result_always_has_its_five_parts() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("worker").follows(&house, &once(&call("act", "a", 1)));
    engine.hire(definition.clone().may(action("act", "once", &outside.url("/act")))).await;
    let whole = accepted(&engine, task("worker", "work")).await.run_id;
    engine.hire(agent("failer").follows(&house, "[[turn]]\nfail = \"down\"\n")).await;
    let failed = accepted(&engine, task("failer", "work")).await.run_id;
    for (run, turns, messages) in [(whole, 2, 4), (failed, 1, 1)] {
        let output = engine.over(run).await.output.unwrap();
        assert!(output["content"].is_string());
        assert_eq!(output["messages"].as_array().unwrap().len(), messages, "{output}");
        assert!(output["steps"].as_u64().unwrap() <= turns);
        assert!(output["durationMs"].is_u64());
        assert!(output["toolCalls"].is_array());
    }
    let output = engine.run(&ada(), whole).await.unwrap().output.unwrap();
    let calls = output["toolCalls"].as_array().unwrap();
    assert_eq!((calls.len(), &calls[0]["id"], &calls[0]["name"]), (1, &json!("a"), &json!("act")));
    assert_eq!(read(calls[0]["result"].as_str().unwrap()), json!({ "ok": true }));
    assert_eq!(output["steps"], 2);
}

/// Cancels a run whose call hangs, and returns it ended.
async fn aborted(class: &str) -> (tenure_contract::resource::Run, Engine, Duration) {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/hang", |_| Reply::Silence);
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("worker").follows(&house, &once(&call("act", "a", 1)));
    let run = run(&engine, definition.may(action("act", class, &outside.url("/hang")))).await;
    outside.reached("/hang", 1).await;
    let began = Instant::now();
    engine.cancel(&ada(), run, Some("enough".to_owned())).await.unwrap();
    let ended = engine.over(run).await;
    (ended, engine, began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt13_an_abort_ends_a_run_with_its_receipt_and_skips_memory() {
    for (class, doubts) in [("once", 1), ("idempotent", 1), ("read", 0)] {
        let (ended, engine, _) = aborted(class).await;
        assert_eq!(
            (ended.status, ended.stop_reason),
            (RunStatus::Cancelled, Some(StopReason::Aborted))
        );
        let receipt = ended.stop_receipt.unwrap();
        assert_eq!(
            (receipt.in_doubt, receipt.stopped, receipt.children),
            (doubts, 0, 0),
            "{class}"
        );
        assert_eq!(receipt.in_doubt + receipt.landed_after, 1, "{class}");
        // the partial result is kept: the turn that asked for the call
        let output = ended.output.unwrap();
        assert_eq!(output["steps"], 1);
        assert_eq!(output["toolCalls"][0]["name"], "act");
        let kinds = engine.kinds(ended.session_id);
        assert!(!kinds.contains(&"memory.saved"));
        let place = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap();
        assert!(place("run.cancel-requested") < place("run.ended"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_6_a_hung_tool_does_not_block_an_abort() {
    let (ended, engine, took) = aborted("once").await;
    assert_eq!(ended.status, RunStatus::Cancelled);
    // its own limit is a minute; nothing waited for that
    assert!(took < Duration::from_secs(30));
    let step = engine.steps(&ada(), ended.run_id).await.unwrap().remove(1);
    assert_eq!(step.status, StepStatus::InDoubt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt13_an_abort_stops_a_model_that_hangs_and_what_has_not_begun() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let run =
        run(&engine, agent("thinker").follows(&house, "[[turn]]\ntext = \"hm\"\nhang = true\n"))
            .await;
    engine.seen(run, |run| run.usage.model_calls == 1).await;
    engine.cancel(&ada(), run, None).await.unwrap();
    let ended = engine.over(run).await;
    assert_eq!(
        (ended.status, ended.stop_reason),
        (RunStatus::Cancelled, Some(StopReason::Aborted))
    );
    assert_eq!(ended.stop_receipt.unwrap().in_doubt, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt14_adapter_errors_end_the_run_with_what_there_was_and_tool_errors_do_not() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/act", |_| Reply::Json(422, json!("no such order")));
    let engine = house.engine(IntentRegistry::default());
    let act = action("act", "once", &outside.url("/act"));
    let told = format!(
        "[[turn]]\ntext = \"I try\"\n{}[[turn]]\nfail = \"the model is down\"\n",
        call("act", "a", 1)
    );
    let failing = run(&engine, agent("failing").follows(&house, &told).may(act.clone())).await;
    let failed = engine.over(failing).await;
    assert_eq!((failed.status, failed.stop_reason), (RunStatus::Failed, Some(StopReason::Failed)));
    let error = failed.error.clone().unwrap();
    assert_eq!((error.class, error.message.as_str()), (ErrorClass::Adapter, "the model is down"));
    assert_eq!(content(&failed), "I try");
    assert!(results(&failed)[0]["error"].as_str().unwrap().contains("no such order"));
    let going_on =
        run(&engine, agent("going-on").follows(&house, &once(&call("act", "a", 1))).may(act)).await;
    assert_eq!(content(&engine.over(going_on).await), "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt14_a_programmers_error_is_raised_before_anything_runs() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let good = agent("worker").follows(&house, &once(""));
    for (field, value) in
        [("max_steps", json!(0)), ("approvers", json!(["ada"])), ("name", json!(" "))]
    {
        let refused = engine.register_agent(&ada(), good.clone().with(field, value).made()).await;
        assert_eq!(refused.unwrap_err().code, Code::InvalidArgument, "{field}");
    }
    assert!(engine.agents(&ada()).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t11_a_returned_error_is_a_failed_call_the_model_is_told() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/act", |_| Reply::Json(200, json!({ "error": "no such order" })));
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("worker").follows(&house, &once(&call("act", "a", 1)));
    let run = run(&engine, definition.may(action("act", "once", &outside.url("/act")))).await;
    let ended = engine.over(run).await;
    assert_eq!(results(&ended), [json!({ "error": "no such order" })]);
    let step = engine.steps(&ada(), run).await.unwrap().remove(1);
    assert_eq!(step.status, StepStatus::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_12_a_returned_error_is_never_counted_as_complete() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/act", |_| Reply::Json(200, json!({ "error": { "code": 7 } })));
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("worker").follows(&house, &once(&call("act", "a", 1)));
    let run = run(&engine, definition.may(action("act", "idempotent", &outside.url("/act")))).await;
    let ended = engine.over(run).await;
    let kinds = engine.kinds(ended.session_id);
    assert!(kinds.contains(&"step.failed") && !kinds.contains(&"step.landed"), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t13_calls_of_one_turn_run_in_parallel_and_are_told_in_call_order() {
    let house = House::new();
    let outside = Outside::new();
    // none is answered before all have arrived
    outside.on("/act", |asked| Reply::Held(json!({ "n": asked.body["n"] })));
    let engine = house.engine(IntentRegistry::default());
    let calls: String = (1..=4).map(|n| call("act", &format!("c{n}"), n)).collect();
    let definition = agent("worker").follows(&house, &once(&calls));
    let run = run(&engine, definition.may(action("act", "once", &outside.url("/act")))).await;
    outside.reached("/act", 4).await;
    outside.open_gate();
    let ended = engine.over(run).await;
    let numbers: Vec<Value> = results(&ended).into_iter().map(|one| one["n"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3, 4].map(|n| json!(n)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_13_of_duplicate_call_ids_in_a_turn_one_executes() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let calls = format!("{}{}", call("act", "same", 1), call("act", "same", 2));
    let definition = agent("worker").follows(&house, &once(&calls));
    let run = run(&engine, definition.may(action("act", "once", &outside.url("/act")))).await;
    let ended = engine.over(run).await;
    assert!(is_completed(&ended));
    let sent: Vec<_> = outside.attempts("/act").into_iter().map(|one| one.body).collect();
    assert_eq!(sent, [json!({ "n": 1 })]);
    let tool: Vec<_> = ended.output.unwrap()["messages"].as_array().unwrap().clone();
    let told = tool.iter().filter(|message| message["role"] == "tool").nth(1).unwrap();
    assert!(told["content"].as_str().unwrap().contains("its id stood earlier"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t14_a_call_has_a_time_limit_and_an_output_limit() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/hang", |_| Reply::Silence);
    outside.on("/long", |_| Reply::Json(200, json!({ "text": "x".repeat(5_000) })));
    let engine = house.engine(IntentRegistry::default());
    let mut hang = action("hang", "once", &outside.url("/hang"));
    hang["timeout_ms"] = json!(50);
    let hung =
        run(&engine, agent("hung").follows(&house, &once(&call("hang", "a", 1))).may(hang)).await;
    assert_eq!(engine.rested(hung).await.status, RunStatus::Paused);
    assert_eq!(engine.steps(&ada(), hung).await.unwrap()[1].status, StepStatus::InDoubt);
    let mut long = action("long", "once", &outside.url("/long"));
    long["max_output_bytes"] = json!(500);
    let long =
        run(&engine, agent("long").follows(&house, &once(&call("long", "a", 1))).may(long)).await;
    let ended = engine.over(long).await;
    let told = &results(&ended)[0];
    assert_eq!(told["truncated"], json!(true));
    assert!(told.to_string().len() <= 500);
}
