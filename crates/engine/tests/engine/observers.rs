//! Who looks, and who changes: observers, wrappers, and what is provisional (`RT9`, `FLT-7`, `T6`).

use crate::harness::*;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::error::Error as StdError;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tenure_agent::{Agent, Chunk, Tool, ToolCall, ToolFailure, ToolSpec};
use tenure_contract::Error;
use tenure_contract::live::Provisional;
use tenure_contract::resource::Run;
use tenure_contract::words::{CallRefusal, ErrorClass, RunStatus, StopReason};
use tenure_engine::{
    AgentRuntime, Drive, Engine, IntentRegistry, Observation, Observed, Observer, Outcome, Refused,
    RunOptions, Runtime,
};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Passes on what it sees.
struct Pupil(UnboundedSender<Observation>);

impl Observer for Pupil {
    fn observe(&self, seen: Observation) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(self.0.send(seen)?)
    }
}

/// Writes into everything it gets, then fails, then panics.
struct Vandal(Mutex<u32>);

impl Observer for Vandal {
    fn observe(&self, mut seen: Observation) -> Result<(), Box<dyn StdError + Send + Sync>> {
        if let Observed::ToolBegan { arguments, .. } = &mut seen.what {
            *arguments = json!({ "n": 666 });
        }
        if let Observed::ToolCallDetected { call, .. } = &mut seen.what {
            call.arguments = "{\"n\":666}".to_owned();
        }
        if let Observed::Chunk { chunk: Chunk::ToolCall(call), .. } = &mut seen.what {
            call.name = "other".to_owned();
        }
        let mut times = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *times += 1;
        assert!(times.is_multiple_of(2), "an observer may panic");
        Err("and fail".into())
    }
}

fn watched(house: &House, observers: Vec<Arc<dyn Observer>>) -> Engine {
    let config = tenure_engine::Config { observers, ..house.config(Drive::Threads) };
    Engine::start(house.store(), config, IntentRegistry::default(), &|_| {}).unwrap()
}

fn pupil() -> (Arc<dyn Observer>, UnboundedReceiver<Observation>) {
    let (sender, seen) = unbounded_channel();
    (Arc::new(Pupil(sender)), seen)
}

/// What was seen up to the end of the run, in short words.
async fn until_end(seen: &mut UnboundedReceiver<Observation>) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        let what = tokio::time::timeout(LIMIT, seen.recv()).await.unwrap().unwrap().what;
        words.push(word(&what));
        if matches!(what, Observed::Run { stop_reason: Some(_), .. }) {
            return words;
        }
    }
}

fn word(what: &Observed) -> String {
    match what {
        Observed::Run { status, .. } => format!("run {status}"),
        Observed::Delegation { .. } => "delegation".to_owned(),
        Observed::ModelBegan { attempt, .. } => format!("model began {attempt}"),
        Observed::Chunk { chunk: Chunk::Text(text), .. } => format!("says {text}"),
        Observed::Chunk { chunk: Chunk::ToolCall(call), .. } => format!("calls {}", call.name),
        Observed::Chunk { .. } => "chunk".to_owned(),
        Observed::ToolCallDetected { call, .. } => format!("detected {}", call.arguments),
        Observed::ModelEnded { outcome, .. } => format!("model {outcome:?}"),
        Observed::ToolBegan { name, arguments, .. } => format!("{name} began {arguments}"),
        Observed::ToolProgress { value, .. } => format!("progress {value}"),
        Observed::ToolEnded { outcome, .. } => format!("tool {outcome:?}"),
        Observed::Refusal(refused) => format!("refused {refused:?}"),
        Observed::Error { class, step } => format!("error {class} {}", step.is_some()),
    }
}

const ACT: &str = "[[turn]]\ntext = \"hm\"\n[[turn.call]]\ntool = \"act\"\narguments = { n = 1 }\n\
    [[turn.call]]\ntool = \"nothing\"\n[[turn]]\ntext = \"done\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt9_an_observer_sees_run_model_chunk_call_tool_and_refusal_in_order() {
    let house = House::new();
    let outside = Outside::new();
    let (observer, mut seen) = pupil();
    let engine = watched(&house, vec![observer]);
    let definition = agent("worker").follows(&house, ACT);
    engine.hire(definition.may(action("act", "once", &outside.url("/act")))).await;
    accepted(&engine, task("worker", "work")).await;
    let refused = Refused::Call { tool: "nothing".to_owned(), why: CallRefusal::UnknownTool };
    let refused = format!("refused {refused:?}");
    assert_eq!(
        until_end(&mut seen).await,
        [
            "run queued",
            "run running",
            "model began 1",
            "says hm",
            "calls act",
            "detected {\"n\":1}",
            "calls nothing",
            "detected {}",
            "chunk",
            "chunk",
            "model Landed",
            &refused,
            "act began {\"n\":1}",
            "tool Landed",
            "model began 1",
            "says done",
            "chunk",
            "chunk",
            "model Landed",
            "run completed",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt9_an_observer_sees_an_error_with_its_class() {
    let house = House::new();
    let (observer, mut seen) = pupil();
    let engine = watched(&house, vec![observer]);
    engine.hire(agent("broken").follows(&house, "[[turn]]\nfail = \"no\"\n")).await;
    accepted(&engine, task("broken", "work")).await;
    let words = until_end(&mut seen).await;
    assert!(words.contains(&format!("error {} true", ErrorClass::Adapter)), "{words:?}");
    assert!(words.contains(&format!("error {} false", ErrorClass::Adapter)), "{words:?}");
    assert!(words.contains(&"model Failed".to_owned()), "{words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_7_an_observer_that_writes_fails_and_panics_changes_nothing() {
    let house = House::new();
    let outside = Outside::new();
    let (observer, mut seen) = pupil();
    let engine = watched(&house, vec![Arc::new(Vandal(Mutex::new(0))), observer]);
    let definition = agent("worker").follows(&house, ACT);
    engine.hire(definition.may(action("act", "once", &outside.url("/act")))).await;
    let made = accepted(&engine, task("worker", "work")).await;
    let ended = engine.over(made.run_id).await;
    assert_eq!((content(&ended), ended.status), ("done", RunStatus::Completed));
    assert_eq!(outside.attempts("/act")[0].body["n"], 1, "the arguments the model wrote");
    // whoever stands behind it sees everything
    assert!(until_end(&mut seen).await.contains(&"act began {\"n\":1}".to_owned()));
}

/// Waits for what never comes.
struct Stuck(Mutex<std::sync::mpsc::Receiver<()>>);

impl Observer for Stuck {
    fn observe(&self, _: Observation) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(self.0.lock().unwrap().recv()?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt9_an_observer_that_never_returns_holds_up_nothing() {
    let house = House::new();
    let (_let_go, stuck) = std::sync::mpsc::channel();
    let engine = watched(&house, vec![Arc::new(Stuck(Mutex::new(stuck)))]);
    // more words than fit its queue
    let words = "x ".repeat(tenure_contract::limits::OBSERVER_QUEUE_MAX);
    let script = format!("[[turn]]\ntext = \"{words}\"\nchunk_chars = 1\n");
    engine.hire(agent("talker").follows(&house, &script)).await;
    let made = accepted(&engine, task("talker", "talk")).await;
    assert_eq!(content(&engine.over(made.run_id).await).len(), words.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt9_a_nested_run_is_seen_as_delegation() {
    let house = House::new();
    let (observer, mut seen) = pupil();
    let config =
        tenure_engine::Config { observers: vec![observer], ..house.config(Drive::Threads) };
    let intents = IntentRegistry::default();
    let (let_go, gate) = tokio::sync::watch::channel(false);
    intents.register_intent("hold", "holder", move |_: tenure_engine::Ctx| {
        let mut gate = gate.clone();
        async move {
            let _ = gate.wait_for(|open| *open).await;
            Ok(tenure_engine::HandlerResult::default())
        }
    });
    let engine = Engine::start(house.store(), config, intents, &|_| {}).unwrap();
    let parent = accepted(&engine, intent_of("hold", json!({}))).await;
    engine.seen(parent.run_id, |run| run.status == RunStatus::Running).await;
    let nested = tenure_contract::resource::SubmitRun {
        parent_run_id: Some(parent.run_id),
        ..intent_in(parent.session_id, "hold", json!({}))
    };
    let child = accepted(&engine, nested).await.run_id;
    loop {
        let one = tokio::time::timeout(LIMIT, seen.recv()).await.unwrap().unwrap();
        if let Observed::Delegation { child: found } = one.what {
            assert_eq!((one.run, found), (parent.run_id, child));
            break;
        }
    }
    let_go.send_replace(true);
    engine.over(parent.run_id).await;
}

/// A tool that says how far it is and waits to be let on.
struct Slow {
    spec: ToolSpec,
    gate: Arc<Semaphore>,
}

impl Tool for Slow {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let gate = self.gate.clone();
        Box::pin(async move {
            for rows in [100, 200] {
                call.progress.tell(json!({ "rows": rows }));
            }
            let shut = |_| ToolFailure::Refused { message: "shut".to_owned() };
            gate.acquire().await.map(|_| json!({ "rows": 250 })).map_err(shut)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t6_progress_reaches_watchers_and_is_neither_journaled_nor_the_result() {
    let house = House::new();
    let (observer, mut seen) = pupil();
    let engine = watched(&house, vec![observer]);
    let script = "[[turn]]\n[[turn.call]]\ntool = \"slow\"\n[[turn]]\ntext = \"{{slow.rows}}\"\n";
    let made = agent("worker").follows(&house, script).made();
    let version = engine.register_agent(&ada(), made.clone()).await.unwrap().version;
    let adapter = tenure_agent::build(&made, Path::new("/")).unwrap().adapter;
    let gate = Arc::new(Semaphore::new(0));
    let slow = Slow { spec: ToolSpec::named("slow", "counts"), gate: gate.clone() };
    engine.seat_agent(
        &ada(),
        version,
        Agent::assemble(made, adapter, vec![Arc::new(slow)]).unwrap(),
    );
    let accepted = accepted(&engine, task("worker", "work")).await;
    let mut watch = engine.watch(&ada(), accepted.session_id, None).unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        watch.moved(u64::MAX).await;
        while let Some(news) = engine.news(&ada(), &mut watch, u64::MAX).unwrap() {
            let Provisional::Progress(progress) = news.what else { continue };
            assert_eq!(news.cursor, None);
            told.push((progress.number, progress.value));
        }
    }
    assert_eq!(told, [(1, json!({ "rows": 100 })), (2, json!({ "rows": 200 }))]);
    gate.add_permits(1);
    let ended = engine.over(accepted.run_id).await;
    assert_eq!(content(&ended), "250");
    let bodies = engine.told(accepted.session_id).into_iter().filter_map(|told| told.sealed);
    assert!(!bodies.into_iter().any(|body| String::from_utf8_lossy(&body).contains("100")));
    assert!(until_end(&mut seen).await.contains(&"progress {\"rows\":200}".to_owned()));
    assert!(engine.watch(&eve(), accepted.session_id, None).is_err(), "another tenant's");
}

/// Has every task done politely, and only once.
struct Polite(Arc<dyn Runtime>);

impl Runtime for Polite {
    fn run(&self, task: String, options: RunOptions) -> BoxFuture<'_, Result<Run, Error>> {
        self.0.run(format!("please {task}"), RunOptions { max_steps: Some(1), ..options })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt9_what_changes_a_run_is_a_wrapper_that_is_a_runtime_itself() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    engine.hire(agent("echo").follows(&house, "[[turn]]\ntext = \"{{input}}\"\n")).await;
    let plain: Arc<dyn Runtime> =
        Arc::new(AgentRuntime::new(engine.clone(), ada(), "echo".to_owned()));
    let polite: Arc<dyn Runtime> = Arc::new(Polite(plain.clone()));
    let twice = Polite(polite.clone());
    let mut said = Vec::new();
    for runtime in [&plain, &polite, &(Arc::new(twice) as Arc<dyn Runtime>)] {
        let run = runtime.run("wait".to_owned(), RunOptions::default()).await.unwrap();
        said.push(content(&run).to_owned());
    }
    assert_eq!(said, ["wait", "please wait", "please please wait"]);
    // an option it sets is the run's
    let definition = agent("actor").follows(&house, &again_and_again("act"));
    engine.hire(definition.may(action("act", "once", &outside.url("/act")))).await;
    let actor = AgentRuntime::new(engine.clone(), ada(), "actor".to_owned());
    let run = Polite(Arc::new(actor)).run("act".to_owned(), RunOptions::default()).await.unwrap();
    assert_eq!(run.stop_reason, Some(StopReason::MaxSteps));
    // and a run that is there already is waited for
    let again = RunOptions { resume: Some(run.run_id), ..RunOptions::default() };
    assert_eq!(plain.run(String::new(), again).await.unwrap().run_id, run.run_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt9_the_outcome_of_an_aborted_tool_is_seen_as_lost() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/act", |_| Reply::Held(json!({})));
    let (observer, mut seen) = pupil();
    let engine = watched(&house, vec![observer]);
    let definition = agent("worker").follows(&house, ACT);
    engine.hire(definition.may(action("act", "once", &outside.url("/act")))).await;
    let made = accepted(&engine, task("worker", "work")).await;
    outside.reached("/act", 1).await;
    engine.cancel(&ada(), made.run_id, None).await.unwrap();
    engine.over(made.run_id).await;
    let mut words = until_end(&mut seen).await;
    while !words.contains(&format!("tool {:?}", Outcome::Lost)) {
        words.push(word(&tokio::time::timeout(LIMIT, seen.recv()).await.unwrap().unwrap().what));
    }
    outside.open_gate();
}
