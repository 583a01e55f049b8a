//! Chat memory: what the next run's model reads (`RT7`, `CM1` to `CM6`, `FLT-4`, `FLT-5`).
//!
//! The journal is the memory; what it holds is seen in what the model is asked.

use crate::harness::*;
use serde_json::{Value, json};
use tenure_contract::words::RunStatus;
use tenure_contract::{Event, SessionId};
use tenure_engine::{Engine, IntentRegistry};

/// A model that numbers its answers, and an agent with a system prompt that asks it.
async fn talker(house: &House, outside: &Outside) -> Engine {
    outside.on("/v1", |asked| said(&format!("answer {}", asked.nth)));
    let engine = house.engine(IntentRegistry::default());
    hire_talker(&engine, outside).await;
    engine
}

async fn hire_talker(engine: &Engine, outside: &Outside) {
    let definition = agent("talker").asks(&outside.url("/v1"));
    engine.hire(definition.with("instructions", json!("be kind"))).await;
}

async fn talk(engine: &Engine, session: SessionId, text: &str) {
    let run = engine.task(session, "talker", text).await;
    assert!(is_completed(&engine.over(run).await));
}

/// The conversation of a model call, as `role: content`.
fn asked(outside: &Outside, nth: usize) -> Vec<String> {
    let attempts = outside.attempts("/v1");
    let messages = attempts[nth - 1].body["messages"].as_array().unwrap();
    let line = |message: &Value| {
        format!(
            "{}: {}",
            message["role"].as_str().unwrap(),
            message["content"].as_str().unwrap_or_default()
        )
    };
    messages.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt7_the_next_run_reads_what_was_said_before_without_the_system_prompt_in_it() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    talk(&engine, session, "hello").await;
    talk(&engine, session, "again").await;
    assert_eq!(asked(&outside, 1), ["system: be kind", "user: hello"]);
    assert_eq!(
        asked(&outside, 2),
        ["system: be kind", "user: hello", "assistant: answer 1", "user: again"]
    );
    // another session remembers nothing of it
    talk(&engine, engine.open().await, "who am I").await;
    assert_eq!(asked(&outside, 3), ["system: be kind", "user: who am I"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_4_the_system_prompt_is_not_stored_again_with_every_run() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    for text in ["one", "two", "three", "four"] {
        talk(&engine, session, text).await;
    }
    for nth in 1..=4 {
        let messages = asked(&outside, nth);
        assert_eq!(messages.iter().filter(|line| line.starts_with("system")).count(), 1);
        assert_eq!(messages.len(), 2 * nth);
    }
    let stored = engine.told(session).into_iter().filter_map(|told| told.sealed);
    assert!(stored.into_iter().all(|body| !String::from_utf8_lossy(&body).contains("be kind")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt7_failed_and_aborted_runs_leave_memory_as_it_was_and_their_messages_stand_in_the_journal()
 {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    talk(&engine, session, "hello").await;
    let version = engine.session(&ada(), session).await.unwrap().memory_refs;
    outside.on("/v1", |_| Reply::Json(400, json!({ "error": "no" })));
    let failed = engine.task(session, "talker", "fail").await;
    assert_eq!(engine.over(failed).await.status, RunStatus::Failed);
    outside.on("/v1", |_| Reply::Silence);
    let aborted = engine.task(session, "talker", "hang").await;
    outside.reached("/v1", 3).await;
    engine.cancel(&ada(), aborted, None).await.unwrap();
    assert_eq!(engine.over(aborted).await.status, RunStatus::Cancelled);
    assert_eq!(engine.session(&ada(), session).await.unwrap().memory_refs, version);
    outside.on("/v1", |_| said("fine"));
    talk(&engine, session, "still there?").await;
    assert_eq!(
        asked(&outside, 4),
        ["system: be kind", "user: hello", "assistant: answer 1", "user: still there?"]
    );
    let bodies: Vec<_> = engine.told(session).into_iter().filter_map(|told| told.sealed).collect();
    for text in ["fail", "hang"] {
        let task = json!({ "task": text }).to_string();
        assert!(bodies.iter().any(|body| String::from_utf8_lossy(body).contains(&task)), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt7_an_agent_without_memory_neither_reads_nor_joins_it() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let loner = agent("loner").asks(&outside.url("/v1")).with("memory", json!(false));
    engine.hire(loner).await;
    let session = engine.open().await;
    talk(&engine, session, "hello").await;
    let alone = engine.task(session, "loner", "alone").await;
    engine.over(alone).await;
    talk(&engine, session, "again").await;
    assert_eq!(asked(&outside, 2), ["user: alone"]);
    assert_eq!(
        asked(&outside, 3),
        ["system: be kind", "user: hello", "assistant: answer 1", "user: again"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_5_concurrent_runs_lose_no_transcript() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    let submitting = (0..6).map(|n| {
        let engine = engine.clone();
        tokio::spawn(async move { talk(&engine, session, &format!("task {n}")).await })
    });
    for done in futures::future::join_all(submitting).await {
        done.unwrap();
    }
    talk(&engine, session, "and now?").await;
    let last = asked(&outside, 7);
    for n in 0..6 {
        assert_eq!(last.iter().filter(|line| **line == format!("user: task {n}")).count(), 1);
        assert_eq!(
            last.iter().filter(|line| **line == format!("assistant: answer {}", n + 1)).count(),
            1
        );
    }
    assert_eq!(last.len(), 1 + 12 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cm1_what_is_read_is_the_whole_of_it_calls_and_results_included() {
    let house = House::new();
    let outside = Outside::new();
    outside.on("/v1", |asked| match asked.nth {
        1 => calls(&[("c1", "act", json!({ "n": 1 }))]),
        _ => said("done"),
    });
    let engine = house.engine(IntentRegistry::default());
    let acting = agent("talker").asks(&outside.url("/v1"));
    engine.hire(acting.may(action("act", "once", &outside.url("/act")))).await;
    let session = engine.open().await;
    talk(&engine, session, "act").await;
    talk(&engine, session, "again").await;
    let first = outside.attempts("/v1")[1].body["messages"].as_array().unwrap().clone();
    let second = outside.attempts("/v1")[2].body["messages"].as_array().unwrap().clone();
    assert_eq!(second[..first.len()], first);
    assert_eq!(first[1]["tool_calls"][0]["id"], "c1");
    assert_eq!((&first[2]["role"], &first[2]["tool_call_id"]), (&json!("tool"), &json!("c1")));
    assert_eq!(second.len(), first.len() + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cm2_each_save_is_a_new_version_of_the_whole() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    for text in ["one", "two", "three"] {
        talk(&engine, session, text).await;
    }
    let saved: Vec<_> = engine
        .told(session)
        .into_iter()
        .filter_map(|told| match told.entry.event {
            Event::MemorySaved(saved) => Some((saved.version, saved.keep, saved.added)),
            _ => None,
        })
        .collect();
    assert_eq!(saved, [(1, 0, 2), (2, 2, 2), (3, 4, 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cm3_messages_keep_their_order() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    for n in 1..=5 {
        talk(&engine, session, &format!("task {n}")).await;
    }
    let mut expected = vec!["system: be kind".to_owned()];
    for n in 1..=4 {
        expected.extend([format!("user: task {n}"), format!("assistant: answer {n}")]);
    }
    expected.push("user: task 5".to_owned());
    assert_eq!(asked(&outside, 5), expected);
}

#[test]
fn cm4_memory_is_saved_with_the_runs_end_or_not_at_all() {
    for (last_words, saved) in [("turn.landed", true), ("step.intended", false)] {
        let mut house = House::on_files();
        let outside = Outside::new();
        let life = house.live(IntentRegistry::default());
        let session = life.block_on(async {
            outside.on("/v1", |asked| said(&format!("answer {}", asked.nth)));
            hire_talker(&life.engine, &outside).await;
            life.engine.open().await
        });
        house.plug.die_after(last_words);
        let engine = life.engine.clone();
        let submitted = task_in(session, "talker", "hello");
        std::thread::spawn(move || {
            futures::executor::block_on(async move { engine.submit(&ada(), submitted).await })
        });
        life.block_on(house.plug.died());
        let store = house.store();
        let kinds: Vec<_> = store
            .log
            .scan(tenure_core::position::Position::START, 100)
            .unwrap()
            .iter()
            .map(|stored| tenure_contract::Entry::from_bytes(&stored.bytes).unwrap().event.name())
            .collect();
        let (memory, end) = (kinds.contains(&"memory.saved"), kinds.contains(&"run.ended"));
        assert_eq!((memory, end), (saved, saved), "{kinds:?}");
        drop(store);
        house.crash(life);
        let life = house.live(IntentRegistry::default());
        life.block_on(async {
            while life.engine.session(&ada(), session).await.unwrap().memory_refs.is_empty() {
                let seq = life.engine.session(&ada(), session).await.unwrap().seq;
                life.engine.reach(&ada(), session, seq + 1).await.unwrap();
            }
            assert_eq!(
                life.engine.session(&ada(), session).await.unwrap().memory_refs,
                [format!("chat:{session}@1")]
            );
            let kinds = life.engine.kinds(session);
            assert_eq!(kinds.iter().filter(|kind| **kind == "memory.saved").count(), 1);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cm5_the_memory_of_a_new_session_is_empty() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    assert!(engine.session(&ada(), session).await.unwrap().memory_refs.is_empty());
    talk(&engine, session, "hello").await;
    assert_eq!(asked(&outside, 1), ["system: be kind", "user: hello"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cm6_the_next_run_reads_nothing_of_what_was_cleared_and_the_journal_keeps_it() {
    let house = House::new();
    let outside = Outside::new();
    let engine = talker(&house, &outside).await;
    let session = engine.open().await;
    talk(&engine, session, "my name is Ada").await;
    let cleared = engine.clear_memory(&ada(), session).await.unwrap();
    assert_eq!(cleared.memory_refs, [format!("chat:{session}@2")]);
    assert!(engine.clear_memory(&eve(), session).await.is_err(), "another tenant's");
    talk(&engine, session, "who am I").await;
    assert_eq!(asked(&outside, 2), ["system: be kind", "user: who am I"]);
    talk(&engine, session, "still?").await;
    assert_eq!(
        asked(&outside, 3),
        ["system: be kind", "user: who am I", "assistant: answer 2", "user: still?"]
    );
    let told = engine.told(session);
    let bodies = told.iter().filter_map(|told| told.sealed.as_ref());
    let kept = bodies.filter(|body| String::from_utf8_lossy(body).contains("my name is Ada"));
    assert_eq!(kept.count(), 1);
    verified(&told);
}
