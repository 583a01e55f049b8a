//! Tasks and todos of running work: by an agent, by a handler, over a crash (`TSK-1`, `TOD-1`,
//! `INT-9`).

use crate::harness::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::resource::{ChangeTask, ChangeTodo, CreateTask, CreateTodo, SubmitRun, Todo};
use tenure_contract::words::{RunStatus, TaskStatus, TodoStatus};
use tenure_contract::{Code, SessionId, TaskId};
use tenure_engine::{Ctx, Engine, HandlerResult, IntentRegistry, Listing};
use tokio::sync::watch;

async fn todos(engine: &Engine, session: SessionId) -> Vec<Todo> {
    engine.settled().await.unwrap();
    let listing = Listing { session: Some(session), ..Listing::default() };
    engine.todos(&ada(), &listing).await.unwrap().items
}

fn titled(title: &str) -> CreateTask {
    CreateTask { title: title.to_owned(), ..CreateTask::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tsk_1_a_task_follows_the_run_of_an_agent_and_is_its_sessions_current_one() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    engine.hire(agent("payer").follows(&house, script).may(pay)).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let task = engine.create_task(&ada(), session, titled("rent"), None).await.unwrap();
    let request = SubmitRun { task_id: Some(task.task_id), ..task_in(session, "payer", "pay") };
    let run = engine.submit(&ada(), request.clone()).await.unwrap().run_id;
    engine.rested(run).await;
    let seen = engine.see_task(&ada(), task.task_id).await.unwrap();
    assert_eq!((seen.status, seen.run_id), (TaskStatus::Blocked, Some(run)));
    let current = engine.session(&ada(), session).await.unwrap().current_task_id;
    assert_eq!(current, Some(task.task_id));
    let second = engine.submit(&ada(), request).await.unwrap_err();
    assert_eq!(second.code, Code::IllegalTransition);
    let by_hand = ChangeTask { status: Some(TaskStatus::Running), ..ChangeTask::default() };
    let refused = engine.change_task(&ada(), task.task_id, by_hand).await.unwrap_err();
    assert!(refused.message.contains(&run.to_string()), "{refused}");
    engine.answer(session, tenure_contract::resource::Decision::Approve).await.unwrap();
    let ended = engine.over(run).await;
    assert_eq!((ended.task_id, ended.attempt), (Some(task.task_id), 1));
    assert_eq!(engine.see_task(&ada(), task.task_id).await.unwrap().status, TaskStatus::Completed);
    assert_eq!(engine.session(&ada(), session).await.unwrap().current_task_id, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tsk_1_a_task_is_its_sessions_and_its_tenants() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let session = engine.open().await;
    let task = engine.create_task(&ada(), session, titled("x"), None).await.unwrap().task_id;
    let change = ChangeTask::default();
    for refused in [
        engine.see_task(&eve(), task).await.map(drop),
        engine.change_task(&eve(), task, change).await.map(drop),
        engine.retry_task(&eve(), task, None).await.map(drop),
        engine.create_task(&eve(), session, titled("y"), None).await.map(drop),
        engine.see_todo(&eve(), tenure_contract::TodoId::from_bytes(task.bytes())).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::NotFound);
    }
    let elsewhere = engine.open().await;
    let request = SubmitRun { task_id: Some(task), ..intent_in(elsewhere, "fine", json!({})) };
    assert!(engine.submit(&ada(), request).await.is_err());
}

const KEEPS: &str = "[[turn]]\n[[turn.call]]\ntool = \"todos\"\narguments = { add = [{ text = \"buy\" }, { text = \"sweep\" }] }\n\
                     [[turn]]\n[[turn.call]]\ntool = \"todos\"\nas = \"r2\"\narguments = {}\n[[turn]]\ntext = \"done\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tod_1_a_running_agent_keeps_todos_in_the_commit_of_its_step() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    engine.hire(agent("keeper").follows(&house, KEEPS).may(json!({ "use": "todos" }))).await;
    let session = engine.open().await;
    let run = engine.over(engine.task(session, "keeper", "plan").await).await;
    assert!(is_completed(&run), "{run:?}");
    let told = results(&run);
    assert_eq!(told[0]["todos"].as_array().unwrap().len(), 2);
    assert_eq!(told[1], told[0], "what it wrote it reads");
    let kept = todos(&engine, session).await;
    let texts: Vec<_> = kept.iter().map(|todo| todo.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["sweep", "buy"]);
    assert_eq!(json!(kept[1].todo_id), told[0]["todos"][0]["todoId"]);
    let kinds = engine.kinds(session);
    let landed = kinds.iter().position(|kind| *kind == "step.landed").unwrap();
    assert_eq!(kinds[landed + 1..landed + 3], ["todo.created", "todo.created"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tod_1_an_agent_is_told_what_its_write_was_refused_for_and_writes_nothing() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let session = engine.open().await;
    let text = CreateTodo { text: "buy".to_owned(), task_id: None };
    let todo = engine.create_todo(&ada(), session, text, None).await.unwrap().todo_id;
    let change = ChangeTodo { status: Some(TodoStatus::Done), ..ChangeTodo::default() };
    engine.change_todo(&ada(), todo, change).await.unwrap();
    let script = format!(
        "[[turn]]\n[[turn.call]]\ntool = \"todos\"\narguments = {{ add = [{{ text = \"never\" }}], change = [{{ todoId = \"{todo}\", status = \"dropped\" }}] }}\n[[turn]]\ntext = \"done\"\n"
    );
    engine.hire(agent("keeper").follows(&house, &script).may(json!({ "use": "todos" }))).await;
    let run = engine.over(engine.task(session, "keeper", "plan").await).await;
    assert!(is_completed(&run));
    let told = results(&run)[0]["error"].as_str().unwrap().to_owned();
    assert!(told.contains("it may become `open`"), "{told}");
    assert_eq!(todos(&engine, session).await.len(), 1);
}

/// A handler that plans, then waits for the gate; `writes` counts how often it began.
fn planner(gate: &watch::Sender<bool>, began: &Arc<AtomicUsize>) -> IntentRegistry {
    let intents = IntentRegistry::default();
    let (gate, began) = (gate.clone(), began.clone());
    intents.register_intent("plan", "planner", move |ctx: Ctx| {
        let (mut gate, began) = (gate.subscribe(), began.clone());
        async move {
            let task = ctx.create_task("task", titled("sweep")).await?;
            let moved = |status| ChangeTask { status: Some(status), ..ChangeTask::default() };
            ctx.change_task("begin", task, moved(TaskStatus::Running)).await?;
            let todo = CreateTodo { text: "buy".to_owned(), task_id: Some(task) };
            let todo = ctx.create_todo("todo", todo).await?;
            began.fetch_add(1, Ordering::SeqCst);
            let _ = gate.wait_for(|open| *open).await;
            let done = ChangeTodo { status: Some(TodoStatus::Done), ..ChangeTodo::default() };
            ctx.change_todo("tick", todo, done).await?;
            ctx.change_task("end", task, moved(TaskStatus::Completed)).await?;
            Ok(HandlerResult { output: json!({ "task": task }), ..HandlerResult::default() })
        }
    });
    intents.register_intent("wrong", "wronger", |ctx: Ctx| async move {
        let task = ctx.create_task("task", titled("x")).await?;
        let done = ChangeTask { status: Some(TaskStatus::Completed), ..ChangeTask::default() };
        ctx.change_task("skip", task, done).await?;
        Ok(HandlerResult::default())
    });
    intents
}

#[test]
fn int_9_what_a_handler_writes_survives_a_crash_and_happens_once() {
    let mut house = House::on_files();
    let gate = watch::Sender::new(false);
    let began = Arc::new(AtomicUsize::new(0));
    let life = house.live(planner(&gate, &began));
    let (session, run) = life.block_on(async {
        let engine = &life.engine;
        let session = engine.open().await;
        let run = engine.intend(session, "plan", json!({})).await;
        engine
            .seen(run, |_| began.load(Ordering::SeqCst) > 0 && engine_has_todo(engine, session))
            .await;
        (session, run)
    });
    house.crash(life);
    let life = house.live(planner(&gate, &began));
    gate.send_replace(true);
    life.block_on(async {
        let engine = &life.engine;
        let ended = engine.over(run).await;
        assert!(is_completed(&ended), "{ended:?}");
        let task: TaskId = serde_json::from_value(ended.output.unwrap()["task"].clone()).unwrap();
        let task = engine.see_task(&ada(), task).await.unwrap();
        assert_eq!((task.status, task.title.as_str()), (TaskStatus::Completed, "sweep"));
        let kept = todos(engine, session).await;
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].status, kept[0].task_id), (TodoStatus::Done, Some(task.task_id)));
        let kinds = engine.kinds(session);
        let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
        assert_eq!((count("task.created"), count("task.moved"), count("todo.created")), (1, 2, 1));
        verified(&engine.told(session));
    });
}

fn engine_has_todo(engine: &Engine, session: SessionId) -> bool {
    engine.kinds(session).contains(&"todo.created")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn int_9_a_handler_is_told_what_its_write_was_refused_for() {
    let house = House::new();
    let gate = watch::Sender::new(false);
    let engine = house.engine(planner(&gate, &Arc::default()));
    let run = accepted(&engine, intent_of("wrong", Value::Null)).await.run_id;
    let ended = engine.over(run).await;
    let error = ended.error.unwrap();
    assert_eq!((ended.status, error.code.as_str()), (RunStatus::Failed, "illegal-transition"));
    assert!(error.message.contains("it may become"), "{}", error.message);
}
