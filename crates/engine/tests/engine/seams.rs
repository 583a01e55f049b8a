//! The seams of the agent loop as the engine keeps them: metadata, progress, a tool's life, tags,
//! silence (`A8`, `T6` to `T8`, `T12`, `STR-1`).

use crate::harness::*;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tenure_agent::{Agent, Tool, ToolCall, ToolFailure, ToolSpec};
use tenure_contract::words::{ErrorClass, StepKind};
use tenure_engine::{Engine, IntentRegistry};

const TWICE: &str = "[[turn]]\n[[turn.call]]\ntool = \"kept\"\nas = \"a\"\n\
    [[turn]]\n[[turn.call]]\ntool = \"kept\"\nas = \"b\"\n[[turn]]\ntext = \"done\"\n";

/// A tool that remembers what was asked of it.
#[derive(Clone)]
struct Kept {
    spec: ToolSpec,
    told: Arc<Mutex<Vec<&'static str>>>,
}

impl Kept {
    fn new() -> Self {
        let tags = vec!["kept".to_owned()];
        let spec = ToolSpec { tags, ..ToolSpec::named("kept", "keeps") };
        Self { spec, told: Arc::default() }
    }

    fn note<T: Send + 'static>(&self, what: &'static str, value: T) -> Answered<T> {
        self.told.lock().unwrap().push(what);
        Box::pin(std::future::ready(Ok(value)))
    }

    fn told(&self) -> Vec<&'static str> {
        self.told.lock().unwrap().clone()
    }
}

type Answered<T> = BoxFuture<'static, Result<T, ToolFailure>>;

impl Tool for Kept {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }
    fn call(&self, _: ToolCall) -> Answered<Value> {
        self.note("call", json!({}))
    }
    fn init(&self) -> Answered<()> {
        self.note("init", ())
    }
    fn dispose(&self) -> Answered<()> {
        self.note("dispose", ())
    }
}

/// Seats an agent of that definition with tools of its own.
async fn seat(engine: &Engine, definition: Definition, tools: Vec<Arc<dyn Tool>>) {
    let made = definition.made();
    let version = engine.register_agent(&ada(), made.clone()).await.unwrap().version;
    let adapter = tenure_agent::build(&made, Path::new("/")).unwrap().adapter;
    engine.seat_agent(&ada(), version, Agent::assemble(made, adapter, tools).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t7_a_tool_is_made_ready_once_however_many_runs_call_it() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let tool = Kept::new();
    seat(&engine, agent("keeper").follows(&house, TWICE), vec![Arc::new(tool.clone())]).await;
    for _ in 0..2 {
        let made = accepted(&engine, task("keeper", "work")).await;
        assert_eq!(content(&engine.over(made.run_id).await), "done");
    }
    assert_eq!(tool.told(), ["init", "call", "call", "call", "call"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t8_a_drain_disposes_of_what_was_made_ready_after_the_last_call() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let (used, unused) = (Kept::new(), Kept::new());
    seat(&engine, agent("keeper").follows(&house, TWICE), vec![Arc::new(used.clone())]).await;
    seat(&engine, agent("idler").follows(&house, TWICE), vec![Arc::new(unused.clone())]).await;
    let made = accepted(&engine, task("keeper", "work")).await;
    engine.over(made.run_id).await;
    engine.drain().await;
    assert_eq!(used.told(), ["init", "call", "call", "dispose"]);
    assert_eq!(unused.told(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn t8_an_agent_nobody_used_for_a_while_lets_its_tools_go_and_may_come_back() {
    let house = House::new();
    let engine = cranked(&house, IntentRegistry::default());
    let tool = Kept::new();
    seat(&engine, agent("keeper").follows(&house, TWICE), vec![Arc::new(tool.clone())]).await;
    for times in 1..=2 {
        let made = accepted(&engine, task("keeper", "work")).await;
        engine.over(made.run_id).await;
        assert_eq!(tool.told().len(), 4 * times - 1, "in use until the round after the next");
        while tool.told().len() < 4 * times {
            tokio::time::advance(std::time::Duration::from_secs(20)).await;
            tokio::task::yield_now().await;
        }
    }
    let life = ["init", "call", "call", "dispose"];
    assert_eq!(tool.told(), [life, life].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_what_the_adapter_says_besides_is_kept_with_the_turn_and_shown_with_its_step() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let script = "[[turn]]\ntext = \"hi\"\nmetadata = { id = \"m-1\", trace = { a = [1] } }\n";
    engine.hire(agent("talker").follows(&house, script)).await;
    let session = engine.open().await;
    let first = engine.task(session, "talker", "one").await;
    assert_eq!(content(&engine.over(first).await), "hi");
    let steps = engine.steps(&ada(), first).await.unwrap();
    let result = steps[0].result.clone().unwrap();
    assert_eq!(result["metadata"], json!({ "id": "m-1", "trace": { "a": [1] } }));
    // and without any, there is none
    engine.hire(agent("plain").follows(&house, "[[turn]]\ntext = \"hi\"\n")).await;
    let second = engine.task(session, "plain", "two").await;
    engine.over(second).await;
    let steps = engine.steps(&ada(), second).await.unwrap();
    assert_eq!(steps[0].kind, StepKind::Model);
    assert!(steps[0].result.as_ref().unwrap().get("metadata").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_metadata_above_its_limit_is_dropped_and_the_turn_lands() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let long = "y".repeat(tenure_contract::limits::TURN_METADATA_MAX_BYTES);
    let script = format!("[[turn]]\ntext = \"hi\"\nmetadata = {{ x = \"{long}\" }}\n");
    engine.hire(agent("talker").follows(&house, &script)).await;
    let made = accepted(&engine, task("talker", "one")).await;
    assert_eq!(content(&engine.over(made.run_id).await), "hi");
    let steps = engine.steps(&ada(), made.run_id).await.unwrap();
    assert!(steps[0].result.as_ref().unwrap().get("metadata").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn str_1_a_model_silent_for_longer_than_its_definition_allows_has_failed() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let mut definition = agent("mute").follows(&house, "[[turn]]\nhang = true\n");
    definition = definition.silent_for(5);
    engine.hire(definition).await;
    let made = accepted(&engine, task("mute", "speak")).await;
    let failed = engine.over(made.run_id).await;
    let error = failed.error.unwrap();
    assert_eq!(error.class, ErrorClass::Adapter);
    assert!(error.message.contains("silent for 5 ms"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t12_tags_are_shown_with_the_agents_tools() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let definition = agent("keeper")
        .follows(&house, "[[turn]]\ntext = \"hi\"\n")
        .may(json!({ "use": "read_file", "tags": ["ledger"] }))
        .may(json!({ "use": "list_files" }));
    let registered = engine.register_agent(&ada(), definition.made()).await.unwrap();
    let shown = engine.agent(&ada(), "keeper").unwrap();
    assert_eq!(shown.tools, registered.tools);
    let tags: Vec<_> = shown.tools.unwrap().into_iter().map(|tool| tool.tags).collect();
    assert_eq!(tags, [["ledger"], ["files"]]);
    assert_eq!(engine.agents(&ada()).unwrap()[0].tools, None);
}
