//! Checkpoints and resuming from them, on another node too (`CKP-1`, `CKP-2`, `SES-2`).

use crate::harness::*;
use serde_json::{Value, json};
use tenure_contract::resource::{
    Checkpoint, Decision, GoesOn, OpenSession, ResumeSession, Resumed,
};
use tenure_contract::words::{
    CheckpointCause, PinName, PinVerdict, ResumeChoice, RunStatus, SessionStatus, Trigger,
};
use tenure_contract::{Code, Digest, Error, Event, SessionId};
use tenure_engine::{Ctx, Engine, HandlerResult, IntentRegistry, Listing};

const TWICE: &str =
    "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";

async fn checkpoints(engine: &Engine, session: SessionId) -> Vec<Checkpoint> {
    engine.settled().await.unwrap();
    let listing = Listing { session: Some(session), ..Listing::default() };
    engine.checkpoints(&ada(), &listing).unwrap().items
}

fn token(text: Option<&String>) -> ResumeSession {
    ResumeSession { resume_token: text.unwrap().clone(), ..ResumeSession::default() }
}

async fn resume(engine: &Engine, request: ResumeSession) -> Result<Resumed, Error> {
    engine.resume_session(&ada(), request).await
}

/// An agent that pays once, when somebody has approved it.
fn payer(house: &House, outside: &Outside) -> Definition {
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    agent("payer").follows(house, TWICE).may(pay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ckp_1_checkpoints_are_appended_with_every_field_and_listed() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    engine.hire(payer(&house, &outside)).await;
    let open = OpenSession {
        title: Some("rent".to_owned()),
        memory_refs: vec!["notes:7".to_owned()],
        ..approved_by("user:ada")
    };
    let session = engine.open_as(open).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let waiting = checkpoints(&engine, session).await.remove(0);
    assert_eq!(waiting.cause, CheckpointCause::WaitingApproval);
    assert_eq!(
        (waiting.status_at_capture, waiting.run_id),
        (SessionStatus::WaitingApproval, Some(run))
    );
    assert_eq!(waiting.state_summary.title, "rent");
    assert_eq!((waiting.user_id.as_str(), waiting.product_id.as_str()), ("ada", "tenure"));
    assert_eq!(
        (waiting.memory_refs.as_slice(), waiting.approval_refs.len()),
        (&["notes:7".to_owned()][..], 1)
    );
    let pins = &waiting.pins;
    assert!(pins.agent.as_ref().unwrap().starts_with("payer@sha256:") && pins.tools.is_some());
    assert!(pins.model.as_ref().unwrap().starts_with("scripted/") && pins.policy.is_some());
    let told = engine.told(session);
    assert_eq!(told[waiting.seq as usize - 1].hash, waiting.head_hash);
    assert!(matches!(told[waiting.seq as usize].entry.event, Event::CheckpointMade(_)));

    engine.answer(session, Decision::Approve).await.unwrap();
    engine.over(run).await;
    let asked = engine.make_checkpoint(&ada(), session).await.unwrap();
    assert_eq!((asked.cause, asked.run_id), (CheckpointCause::Demand, Some(run)));
    let all = checkpoints(&engine, session).await;
    let causes: Vec<_> = all.iter().map(|one| one.cause).collect();
    let expected =
        [CheckpointCause::Demand, CheckpointCause::RunEnd, CheckpointCause::WaitingApproval];
    assert_eq!(causes, expected);
    assert_eq!(all[2], waiting, "none is ever overwritten");
    assert_eq!(engine.see_checkpoint(&ada(), asked.checkpoint_id).await.unwrap(), asked);
    verified(&engine.told(session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ckp_2_a_token_forged_unknown_or_anothers_is_not_found() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let session = engine.open().await;
    let made = engine.make_checkpoint(&ada(), session).await.unwrap();
    let good = made.resume_token.unwrap();
    let mut forged = good.clone();
    let last = if forged.ends_with('0') { "1" } else { "0" };
    forged.replace_range(forged.len() - 1.., last);
    let unknown = good.replace(&good[5..20], "000000000000000");
    for bad in [forged, unknown, String::new(), "rsm_".to_owned(), good.replace("rsm", "ckp")] {
        let refused = resume(&engine, token(Some(&bad))).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound, "{bad}");
        assert!(bad.is_empty() || !refused.message.contains(&bad), "it repeats no secret");
    }
    let eves = engine.resume_session(&eve(), token(Some(&good))).await.unwrap_err();
    assert_eq!(eves.code, Code::NotFound);
    assert_eq!(
        engine.see_checkpoint(&eve(), made.checkpoint_id).await.unwrap_err().code,
        Code::NotFound
    );
    assert_eq!(engine.make_checkpoint(&eve(), session).await.unwrap_err().code, Code::NotFound);
    let resumed = resume(&engine, token(Some(&good))).await.unwrap();
    assert_eq!((resumed.goes_on, resumed.run_id), (GoesOn::Session, None));
}

#[test]
fn ckp_2_an_unfinished_run_goes_on_under_its_id_on_another_node_in_one_journal() {
    let mut house = House::on_files();
    let outside = Outside::new();
    let life = house.live(IntentRegistry::default());
    let (session, run, made) = life.block_on(async {
        let engine = &life.engine;
        engine.hire(payer(&house, &outside)).await;
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        let run = engine.task(session, "payer", "pay").await;
        engine.rested(run).await;
        engine.pause(&ada(), run).await.unwrap();
        (session, run, checkpoints(engine, session).await.remove(0))
    });
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let resumed = resume(engine, token(made.resume_token.as_ref())).await.unwrap();
        assert_eq!((resumed.goes_on, resumed.run_id), (GoesOn::Run, Some(run)));
        assert_eq!((resumed.verdict, resumed.differing), (PinVerdict::Same, vec![]));
        engine.answer(session, Decision::Approve).await.unwrap();
        assert!(is_completed(&engine.over(run).await));
        assert_eq!(outside.attempts("/pay").len(), 1);
        verified(&engine.told(session));
        assert!(engine.kinds(session).contains(&"session.resumed"));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ckp_2_after_an_ended_run_a_new_one_starts_with_the_same_or_another_input() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("echo", "mirror", |ctx: Ctx| async move {
        Ok(HandlerResult { output: ctx.intent().parameters.clone(), ..HandlerResult::default() })
    });
    let engine = house.engine(intents);
    let session = engine.open().await;
    let run = engine.over(engine.intend(session, "echo", json!({ "a": 1 })).await).await;
    let made = checkpoints(&engine, session).await.remove(0);
    for (input, output) in [(None, json!({ "a": 1 })), (Some(json!({ "b": 2 })), json!({ "b": 2 }))]
    {
        let request = ResumeSession { input, ..token(made.resume_token.as_ref()) };
        let resumed = resume(&engine, request).await.unwrap();
        assert_eq!(resumed.goes_on, GoesOn::NewRun);
        let next = engine.over(resumed.run_id.unwrap()).await;
        assert_ne!(next.run_id, run.run_id);
        assert_eq!((next.trigger, next.session_id), (Trigger::Resume, session));
        assert_eq!(next.output, Some(output));
    }
    let keyed = ResumeSession {
        idempotency_key: Some("k".to_owned()),
        ..token(made.resume_token.as_ref())
    };
    let first = resume(&engine, keyed.clone()).await.unwrap();
    assert_eq!(resume(&engine, keyed).await.unwrap().run_id, first.run_id);
    engine.over(first.run_id.unwrap()).await;
    engine.end_session(&ada(), session, SessionStatus::Completed, None).await.unwrap();
    let late = resume(&engine, token(made.resume_token.as_ref())).await.unwrap_err();
    assert_eq!(late.code, Code::IllegalTransition);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ckp_2_changed_pins_ask_for_a_choice_and_the_choice_is_kept() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let first = payer(&house, &outside);
    engine.hire(first.clone()).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    engine.pause(&ada(), run).await.unwrap();
    let made = checkpoints(&engine, session).await.remove(0);
    let ask = token(made.resume_token.as_ref());

    engine.hire(first.clone().may(json!({ "use": "list_files" }))).await;
    let gained = resume(&engine, ask.clone()).await.unwrap();
    let pins: Vec<_> = gained.differing.iter().map(|differs| differs.pin).collect();
    assert_eq!(
        (gained.verdict, pins),
        (PinVerdict::Compatible, vec![PinName::Agent, PinName::Tools])
    );
    engine.pause(&ada(), run).await.unwrap();

    engine.hire(first.with("instructions", json!("be quick"))).await;
    let before = engine.told(session).len();
    let changed = resume(&engine, ask.clone()).await.unwrap();
    assert_eq!((changed.verdict, changed.goes_on), (PinVerdict::Changed, GoesOn::ChoiceNeeded));
    assert_eq!(changed.differing[0].pinned, made.pins.agent);
    assert_ne!(changed.differing[0].now, made.pins.agent);
    assert_eq!(engine.told(session).len(), before, "nothing happens before a choice");

    let choose = |choice| ResumeSession { accept: Some(choice), ..ask.clone() };
    let pinned = resume(&engine, choose(ResumeChoice::Pinned)).await.unwrap();
    assert_eq!((pinned.goes_on, pinned.run_id), (GoesOn::Run, Some(run)));
    assert_eq!(engine.run(&ada(), run).await.unwrap().agent, made.pins.agent);
    engine.pause(&ada(), run).await.unwrap();
    resume(&engine, choose(ResumeChoice::Current)).await.unwrap();
    assert_eq!(engine.run(&ada(), run).await.unwrap().agent, changed.differing[0].now);
    let choices: Vec<_> = engine
        .told(session)
        .iter()
        .filter_map(|told| match &told.entry.event {
            Event::SessionResumed(event) => Some(event.choice),
            _ => None,
        })
        .collect();
    assert_eq!(choices, [None, Some(ResumeChoice::Pinned), Some(ResumeChoice::Current)]);
    engine.answer(session, Decision::Approve).await.unwrap();
    let ended = engine.over(run).await;
    assert_eq!((ended.status, outside.attempts("/pay").len()), (RunStatus::Completed, 1));
}

#[test]
fn ses_2_a_session_whose_payload_is_gone_is_not_resumable() {
    let house = House::on_files();
    let outside = Outside::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        engine.hire(payer(&house, &outside)).await;
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        // more than a payload row holds: it lies in a file of its own
        let run = engine.task(session, "payer", &"x".repeat(300 * 1024)).await;
        engine.rested(run).await;
        assert!(engine.session(&ada(), session).await.unwrap().resumable);
        let removed = remove_large(house.folder());
        assert_eq!(removed, 1, "the task's body");
        assert!(!engine.session(&ada(), session).await.unwrap().resumable);
        let spared = engine.open().await;
        assert!(engine.session(&ada(), spared).await.unwrap().resumable);
    });
}

/// Removes every file of the size of that body; tells how many there were.
fn remove_large(folder: &std::path::Path) -> usize {
    let mut removed = 0;
    for found in std::fs::read_dir(folder).unwrap() {
        let found = found.unwrap();
        if found.file_type().unwrap().is_dir() {
            removed += remove_large(&found.path());
        } else if (300 * 1024..300 * 1024 + 1_000).contains(&found.metadata().unwrap().len()) {
            std::fs::remove_file(found.path()).unwrap();
            removed += 1;
        }
    }
    removed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rpl_1_tasks_todos_claims_and_checkpoints_are_rebuilt_from_the_journal_alone() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    engine.hire(agent("keeper").follows(&house, "[[turn]]\n[[turn.call]]\ntool = \"todos\"\narguments = { add = [{ text = \"buy\" }] }\n[[turn]]\ntext = \"done\"\n").may(json!({ "use": "todos" }))).await;
    let session = engine.open().await;
    let titled =
        tenure_contract::resource::CreateTask { title: "plan".to_owned(), ..Default::default() };
    let task = engine.create_task(&ada(), session, titled, None).await.unwrap().task_id;
    let request = tenure_contract::resource::SubmitRun {
        task_id: Some(task),
        ..task_in(session, "keeper", "plan")
    };
    let run = engine.submit(&ada(), request).await.unwrap().run_id;
    engine.over(run).await;
    let live = engine.see_task(&ada(), task).await.unwrap();
    let shown = engine.session(&ada(), session).await.unwrap();
    let told = engine.told(session);
    let mut state = tenure_core::SessionState::new(session, ada().tenant);
    let mut trail = Vec::new();
    for one in &told {
        state.apply(&one.entry).unwrap();
        trail.extend(state.tasks.get(&task).map(|task| task.status.as_str()));
    }
    trail.dedup();
    assert_eq!(trail, ["queued", "running", "completed"]);
    let rebuilt = &state.tasks[&task];
    assert_eq!(
        (rebuilt.status, rebuilt.run, rebuilt.attempts),
        (live.status, live.run_id, live.attempts)
    );
    let bound = state.binding.as_ref().unwrap();
    assert_eq!(format!("{}@{}", bound.name, bound.version), shown.agent_binding.unwrap().agent);
    let (_, todo) = state.todos_in_order()[0];
    let text: Value =
        serde_json::from_slice(&told[todo.text_seq as usize - 1].sealed.as_ref().unwrap()[16..])
            .unwrap();
    assert_eq!(text["text"], "buy");
    let made = checkpoints(&engine, session).await.remove(0);
    assert_eq!((made.todo_ids.len(), made.head_hash), (1, told[made.seq as usize - 1].hash));
    assert_ne!(made.head_hash, Digest::ZERO);
}
