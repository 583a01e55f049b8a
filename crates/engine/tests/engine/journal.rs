//! The journal as evidence and as the trail (`LOG-1`, `LOG-2`, `RPL-1`).

use crate::harness::*;
use serde_json::{Value, json};
use tenure_contract::resource::{Caller, DecideApproval, Decision};
use tenure_contract::words::{ApprovalStatus, RunStatus, Surface};
use tenure_contract::{Digest, Event, Journal, RunId, SessionId};
use tenure_core::SessionState;
use tenure_engine::{Engine, IntentRegistry, Told};

/// A session in which an agent asked, was approved from a desktop, and paid.
async fn paid(house: &House, outside: &Outside) -> (Engine, SessionId, RunId) {
    let engine = house.engine(IntentRegistry::default());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    engine.hire(agent("payer").follows(house, script).may(pay)).await;
    let session = engine.open_as(approved_by("user:bob")).await.session_id;
    let run = engine.task(session, "payer", "pay the rent").await;
    engine.rested(run).await;
    let id = engine.asked(session).await[0].approval_id;
    let desktop = Caller { surface: Some(Surface::Desktop), ..bob() };
    let approve =
        DecideApproval { reason: Some("it is due".to_owned()), ..plain(Decision::Approve) };
    engine.decide(&desktop, id, approve).await.unwrap();
    engine.over(run).await;
    (engine, session, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_1_every_entry_says_whose_it_is_who_acted_and_what_led_to_it() {
    let house = House::new();
    let outside = Outside::new();
    let (engine, session, run) = paid(&house, &outside).await;
    let told = engine.told(session);
    let mut known = std::collections::BTreeSet::new();
    for (seq, one) in (1..).zip(&told) {
        let entry = &one.entry;
        assert_eq!(
            (entry.seq, entry.journal, entry.tenant),
            (seq, Journal::Session(session), ada().tenant)
        );
        assert!(known.insert(entry.event_id));
        assert!(
            known.contains(&entry.causation_id),
            "{} is led to by an earlier entry",
            entry.event.name()
        );
        if entry.run == Some(run) {
            assert_eq!(entry.correlation_id, run.bytes());
        }
    }
    assert!(told.windows(2).all(|pair| pair[0].entry.at <= pair[1].entry.at));
    let of = |kind: &str| told.iter().find(|one| one.entry.event.name() == kind).unwrap();
    assert_eq!(of("run.submitted").entry.principal.to_string(), "user:ada");
    let decided = of("approval.decided");
    assert_eq!(decided.entry.principal.to_string(), "user:bob");
    assert_eq!(decided.entry.surface, Some(Surface::Desktop));
    assert_eq!(of("step.landed").entry.principal.to_string(), "system:tenure");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_2_entries_are_chained_by_their_stored_bytes_and_commit_to_salted_bodies() {
    for house in [House::new(), House::on_files()] {
        let outside = Outside::new();
        let (engine, session, _) = paid(&house, &outside).await;
        let told = engine.told(session);
        verified(&told);
        let mut bodies = 0;
        for one in &told {
            assert_eq!(one.entry.payload.is_some(), one.sealed.is_some());
            if let (Some(payload), Some(sealed)) = (one.entry.payload, &one.sealed) {
                assert_eq!(payload.digest, Digest::of(&[sealed]));
                assert_eq!(payload.len, sealed.len() as u64 - 16);
                bodies += 1;
            }
        }
        assert!(bodies >= 5);
        // the same body twice commits to two digests: the salt differs
        let run = engine.task(session, "payer", "pay the rent").await;
        engine.rested(run).await;
        let inputs: Vec<Digest> = engine
            .told(session)
            .into_iter()
            .filter(|one| matches!(one.entry.event, Event::RunSubmitted(_)))
            .map(|one| one.entry.payload.unwrap().digest)
            .collect();
        assert_eq!(inputs.len(), 2);
        assert_ne!(inputs[0], inputs[1]);
    }
}

/// What the entries alone come to, after each of them.
fn folded(session: SessionId, told: &[Told]) -> Vec<SessionState> {
    let mut state = SessionState::new(session, ada().tenant);
    let fold = |one: &Told| {
        state.apply(&one.entry).unwrap();
        state.clone()
    };
    told.iter().map(fold).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rpl_1_a_session_is_rebuilt_at_any_entry_from_its_journal_alone() {
    let house = House::new();
    let outside = Outside::new();
    let (engine, session, run) = paid(&house, &outside).await;
    let live = engine.run(&ada(), run).await.unwrap();
    let told = engine.told(session);
    drop(engine);
    let states = folded(session, &told);
    let mut trail: Vec<RunStatus> =
        states.iter().filter_map(|state| Some(state.runs.get(&run)?.status)).collect();
    trail.dedup();
    let walked = [
        RunStatus::Queued,
        RunStatus::Running,
        RunStatus::WaitingApproval,
        RunStatus::Running,
        RunStatus::Completed,
    ];
    assert_eq!(trail, walked);
    let last = states.last().unwrap();
    let ended = &last.runs[&run];
    assert_eq!(
        (ended.usage, Some(ended.ending().unwrap().stop_reason)),
        (live.usage, live.stop_reason)
    );
    assert!(
        last.approvals.values().all(|one| one.status == ApprovalStatus::Approved && one.consumed)
    );
    let bodies: Vec<Value> = told
        .iter()
        .filter_map(|one| serde_json::from_slice(one.sealed.as_ref()?.get(16..)?).ok())
        .collect();
    assert!(bodies.contains(&json!({ "task": "pay the rent" })));
    assert!(bodies.contains(&json!({ "ok": true })));
    assert!(bodies.iter().any(|body| body["reason"] == "it is due"));
    assert!(bodies.iter().any(|body| body["content"] == "paid"));
}

#[test]
fn rpl_1_what_a_new_process_folds_is_what_the_old_one_showed() {
    let mut house = House::on_files();
    let outside = Outside::new();
    let life = house.live(IntentRegistry::default());
    let (session, run, before) = life.block_on(async {
        let (engine, session, run) = {
            let engine = life.engine.clone();
            let script = "[[turn]]\n[[turn.call]]\ntool = \"act\"\narguments = { n = 1 }\n[[turn]]\ntext = \"done\"\n";
            engine.hire(agent("actor").follows(&house, script).may(action("act", "once", &outside.url("/act")))).await;
            let session = engine.open().await;
            let run = engine.task(session, "actor", "act").await;
            (engine, session, run)
        };
        engine.over(run).await;
        engine.settled().await.unwrap();
        (session, run, (engine.run(&ada(), run).await.unwrap(), engine.session(&ada(), session).await.unwrap()))
    });
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let after = (
            life.engine.run(&ada(), run).await.unwrap(),
            life.engine.session(&ada(), session).await.unwrap(),
        );
        assert_eq!(after, before);
    });
}
