//! What stays in memory: sessions that wait are let go when there is no room, and come back for
//! whatever they wait for (`APR-5`).

use crate::harness::*;
use std::time::Duration;
use tenure_contract::resource::Decision;
use tenure_contract::words::RunStatus;
use tenure_contract::{RunId, SessionId, limits};
use tenure_engine::{Config, Drive, Engine, IntentRegistry, Listing};

const ASK: &str = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n\
    [[turn]]\ntext = \"heard: {{pay}}\"\n";
/// Room for a few dozen sessions.
const ROOM: u64 = 512 * 1024;

fn small(house: &House) -> Config {
    Config { resident_max_bytes: ROOM, ..house.config(Drive::Manual) }
}

/// Sessions that wait for a decision, in a node with little room.
async fn waiting(
    house: &House,
    outside: &Outside,
    many: usize,
) -> (Engine, Vec<(SessionId, RunId)>) {
    let engine = cranked_as(house, small(house), IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = serde_json::json!({});
    engine.hire(agent("payer").follows(house, ASK).may(pay)).await;
    let mut made = Vec::with_capacity(many);
    for _ in 0..many {
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        let run = engine.task(session, "payer", "pay").await;
        engine.seen(run, |run| run.status == RunStatus::WaitingApproval).await;
        made.push((session, run));
    }
    rests(&engine).await;
    (engine, made)
}

/// Everything is settled, and the node has looked who may go.
async fn rests(engine: &Engine) {
    engine.settled().await.unwrap();
    tokio::time::advance(Duration::from_secs(21)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let (bytes, max) = engine.resident_bytes();
    assert!(bytes <= max, "{bytes} bytes in {} journals", engine.resident_count());
    assert!(engine.resident_count() < 64, "{} journals", engine.resident_count());
}

#[tokio::test(start_paused = true)]
async fn apr_5_two_thousand_sessions_wait_outside_memory_and_every_one_goes_on() {
    let (house, outside) = (House::new(), Outside::new());
    let (engine, made) = waiting(&house, &outside, 2_000).await;
    assert!(engine.evicted() >= 1_900, "{} let go", engine.evicted());
    for (nth, (session, run)) in made.iter().enumerate() {
        let decision = if nth % 100 == 0 { Decision::Approve } else { Decision::Deny };
        engine.answer(*session, decision).await.unwrap();
        let ended = engine.seen(*run, |run| run.status.is_final()).await;
        assert!(is_completed(&ended), "{ended:?}");
        assert_eq!(content(&ended).contains("denied"), decision == Decision::Deny);
    }
    assert_eq!(outside.attempts("/pay").len(), 20);
    verified(&engine.told(made[0].0));
    rests(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn apr_2_what_waits_outside_memory_expires_in_time_without_a_visitor() {
    let (house, outside) = (House::new(), Outside::new());
    let (engine, made) = waiting(&house, &outside, 200).await;
    let open = Listing { open_only: Some(true), ..Listing::default() };
    assert!(!engine.approvals(&ada(), &open).unwrap().items.is_empty());
    tokio::time::advance(Duration::from_millis(limits::APPROVAL_EXPIRY_DEFAULT_MS)).await;
    // a list reads no session: only its own timer can have brought each one back
    let expired = async {
        loop {
            engine.settled().await.unwrap();
            if engine.approvals(&ada(), &open).unwrap().items.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    expired.await;
    for (_, run) in &made {
        let ended = engine.seen(*run, |run| run.status.is_final()).await;
        assert!(content(&ended).contains("nobody decided in time"), "{}", content(&ended));
    }
    assert!(outside.attempts("/pay").is_empty());
    rests(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn apr_5_who_follows_a_session_that_left_memory_is_told_what_happens() {
    let (house, outside) = (House::new(), Outside::new());
    let (engine, made) = waiting(&house, &outside, 80).await;
    let (session, run) = made[0];
    let told = engine.told(session);
    let last = told.last().unwrap();
    let next = {
        let engine = engine.clone();
        let seq = last.entry.seq + 1;
        tokio::spawn(async move { engine.reach(&ada(), session, seq).await })
    };
    rests(&engine).await;
    engine.answer(session, Decision::Deny).await.unwrap();
    next.await.unwrap().unwrap();
    engine.seen(run, |run| run.status.is_final()).await;
    // what the run does next names what it did last as its cause, whether or not it left memory
    let after = engine.told(session);
    let of_run = |entry: &tenure_contract::Entry| entry.run == Some(run);
    let landed = after.iter().rfind(|told| told.entry.event.name() == "turn.landed").unwrap();
    let cause = after.iter().find(|told| told.entry.event_id == landed.entry.causation_id);
    assert!(cause.is_some_and(|cause| of_run(&cause.entry) && cause.entry.seq < landed.entry.seq));
}

#[tokio::test(start_paused = true)]
async fn apr_5_what_has_something_under_way_stays_whatever_it_weighs() {
    let (house, outside) = (House::new(), Outside::new());
    outside.on("/pay", |_| Reply::Held(serde_json::json!({ "ok": true })));
    let config = Config { resident_max_bytes: 0, ..house.config(Drive::Manual) };
    let engine = cranked_as(&house, config, IntentRegistry::default());
    engine
        .hire(agent("payer").follows(&house, ASK).may(action("pay", "once", &outside.url("/pay"))))
        .await;
    let made = accepted(&engine, task("payer", "pay")).await;
    outside.reached("/pay", 1).await;
    engine.settled().await.unwrap();
    tokio::time::advance(Duration::from_secs(21)).await;
    assert_eq!(engine.evicted(), 0);
    outside.open_gate();
    assert!(is_completed(&engine.seen(made.run_id, |run| run.status.is_final()).await));
    assert_eq!(outside.attempts("/pay").len(), 1);
}
