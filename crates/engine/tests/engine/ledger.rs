//! Agents and API keys (`AGT-1`, `AUT-1`, `RT1`).

use crate::harness::*;
use serde_json::json;
use tenure_contract::resource::{AgentRequest, CreateKey, Decision, SubmitRun};
use tenure_contract::words::RunStatus;
use tenure_contract::{Code, Digest, Entry};
use tenure_core::position::Position;
use tenure_engine::{IntentRegistry, Listing};

fn saying(house: &House, text: &str) -> Definition {
    agent("talker").follows(house, &format!("[[turn]]\ntext = \"{text}\"\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agt_1_the_same_definition_is_the_same_version_and_another_one_is_new() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let first = saying(&house, "one");
    let one = engine.register_agent(&ada(), first.made()).await.unwrap();
    let again = engine.register_agent(&ada(), first.made()).await.unwrap();
    assert_eq!((one.version, one.agent_id), (again.version, again.agent_id));
    let two = engine
        .register_agent(&ada(), first.clone().with("max_steps", json!(3)).made())
        .await
        .unwrap();
    assert_eq!(two.agent_id, one.agent_id);
    assert_ne!(two.version, one.version);
    let newest = engine.agent(&ada(), "talker").unwrap();
    assert_eq!(newest.version, two.version);
    assert_eq!(newest.definition.unwrap().max_steps, Some(3));
    let canonical = serde_json::to_value(first.made()).unwrap();
    let pinned = AgentRequest {
        name: "talker".to_owned(),
        version: Some(one.version),
        task: "speak".to_owned(),
        max_steps: None,
    };
    let run = accepted(&engine, SubmitRun { agent: Some(pinned), ..SubmitRun::default() }).await;
    let ended = engine.over(run.run_id).await;
    assert_eq!(ended.agent, Some(format!("talker@{}", one.version)));
    assert_eq!(serde_json::to_value(first.made()).unwrap(), canonical);
}

#[test]
fn agt_1_a_run_keeps_its_version_over_a_new_one_and_over_a_restart() {
    let mut house = House::new();
    let outside = Outside::new();
    let definition = |text: &str, house: &House| {
        let script = format!(
            "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = {{ n = 1 }}\n[[turn]]\ntext = \"{text}\"\n"
        );
        let mut pay = action("pay", "once", &outside.url("/pay"));
        pay["confirm"] = json!({});
        agent("payer").follows(house, &script).may(pay).with("approvers", json!(["user:ada"]))
    };
    let life = house.live(IntentRegistry::default());
    let (session, run, version) = life.block_on(async {
        life.engine.hire(definition("old", &house)).await;
        let version = life.engine.agent(&ada(), "payer").unwrap().version;
        let session = life.engine.open().await;
        let run = life.engine.task(session, "payer", "pay").await;
        assert_eq!(life.engine.rested(run).await.status, RunStatus::WaitingApproval);
        life.engine.hire(definition("new", &house)).await;
        (session, run, version)
    });
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        assert_ne!(life.engine.agent(&ada(), "payer").unwrap().version, version);
        life.engine.answer(session, Decision::Approve).await.unwrap();
        let ended = life.engine.over(run).await;
        assert_eq!(content(&ended), "old");
        assert_eq!(ended.agent, Some(format!("payer@{version}")));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agt_1_a_version_nobody_registered_is_refused_with_those_there_are() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    engine.hire(saying(&house, "one")).await;
    let version = engine.agent(&ada(), "talker").unwrap().version;
    let asked = AgentRequest {
        name: "talker".to_owned(),
        version: Some(Digest::of(&[b"another"])),
        task: "speak".to_owned(),
        max_steps: None,
    };
    let refused =
        engine.submit(&ada(), SubmitRun { agent: Some(asked), ..SubmitRun::default() }).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, Code::UnknownName);
    assert!(refused.message.contains(&version.to_string()), "{refused}");
    let unknown = engine.submit(&ada(), task("talkre", "speak")).await.unwrap_err();
    assert!(unknown.message.contains("`talker`"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aut_1_a_key_is_kept_as_its_hash_and_refused_once_revoked() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let request = CreateKey { scopes: vec!["runs:read".to_owned()], ..key_for("service:billing") };
    let made = engine.create_key(&ada(), request).await.unwrap();
    let text = made.key.clone().unwrap();
    let (caller, _) = engine.authenticate(&text).unwrap();
    assert_eq!(caller.tenant, ada().tenant);
    assert_eq!(caller.principal.to_string(), "service:billing");
    assert_eq!(caller.scopes, ["runs:read"]);
    assert!(engine.authenticate(&format!("{text}0")).is_err());
    engine.settled().await.unwrap();
    let listed = engine.keys(&ada(), &Listing::default()).unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].key.as_ref(), listed[0].status.as_str()), (None, "active"));
    assert!(!made.prefix.is_empty() && !text.is_empty() && made.prefix != text);

    let secret = text.rsplit('_').next().unwrap().as_bytes().to_vec();
    let hash = Digest::of(&[text.as_bytes()]);
    let holds = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    let stored = house.store().log.scan(Position::START, 1_000).unwrap();
    assert!(stored.iter().any(|entry| holds(&entry.bytes, hash.bytes().as_slice())));
    assert!(stored.iter().all(|entry| !holds(&entry.bytes, &secret)));

    engine.revoke_key(&ada(), made.key_id).await.unwrap();
    assert_eq!(engine.authenticate(&text).unwrap_err().code, Code::Unauthenticated);
    let engine = house.engine(IntentRegistry::default());
    assert_eq!(engine.authenticate(&text).unwrap_err().code, Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aut_1_a_refusal_of_an_authenticated_caller_is_journaled() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    engine.note_denial(&bob(), "runs:cancel".to_owned(), Code::Forbidden).await.unwrap();
    let stored = house.store().log.scan(Position::START, 10).unwrap();
    let entries: Vec<Entry> =
        stored.iter().map(|one| Entry::from_bytes(&one.bytes).unwrap()).collect();
    let denied = entries.iter().find(|entry| entry.event.name() == "access.denied").unwrap();
    assert_eq!(denied.principal.to_string(), "user:bob");
    assert_eq!(denied.tenant, ada().tenant);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_nobody_made_leave_nothing_in_memory() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let before = engine.resident_count();
    for guess in 0..100_u8 {
        let tenant = format!("{guess:02x}").repeat(16);
        assert!(engine.authenticate(&format!("tnr_{tenant}_00")).is_err());
    }
    assert_eq!(engine.resident_count(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt1_an_agent_is_registered_without_opening_its_model_or_its_tools() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let asking =
        agent("asking").asks(&outside.url("/v1")).may(action("pay", "once", &outside.url("/pay")));
    engine.hire(asking).await;
    let nowhere = json!({ "adapter": "scripted", "file": "/nowhere/at/all.toml" });
    engine.hire(agent("nowhere").with("model", nowhere)).await;
    assert!(outside.attempts("/").is_empty());
    assert!(!house.config(tenure_engine::Drive::Threads).workspaces.exists());
    let run = accepted(&engine, task("nowhere", "speak")).await;
    assert_eq!(engine.over(run.run_id).await.status, RunStatus::Failed);
}
