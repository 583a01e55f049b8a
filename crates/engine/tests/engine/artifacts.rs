//! Artifacts a handler returns (`ART-1`, `ART-2`, `ART-5`).

use crate::harness::*;
use serde_json::{Value, json};
use tenure_contract::resource::{Materialization, SemanticDescriptor};
use tenure_contract::words::{ArtifactState, RunStatus};
use tenure_contract::{ArtifactId, Digest, RunId};
use tenure_engine::{ArtifactMade, Ctx, Engine, HandlerResult, IntentRegistry};

/// `make` makes one artifact in the state and from the parents it is given; `twice` makes the same
/// one twice.
fn makers() -> IntentRegistry {
    let intents = IntentRegistry::default();
    let made = |ctx: &Ctx, asked: &Value| {
        let parents = asked["parents"].as_array().into_iter().flatten();
        ArtifactMade {
            artifact_id: ctx.artifact_id("table"),
            artifact_type: "table".to_owned(),
            state: asked["state"].as_str().unwrap_or("READY").parse().unwrap(),
            parents: parents
                .map(|parent| serde_json::from_value(parent.clone()).unwrap())
                .collect(),
            descriptor: SemanticDescriptor {
                schema: json!({ "columns": ["a"] }),
                record_count: Some(3),
                parser_type: Some("csv".to_owned()),
                embedding_model: None,
            },
            materializations: vec![Materialization {
                materialization_id: ctx.materialization_id("table"),
                storage_type: "file".to_owned(),
                uri: "file:///t.csv".to_owned(),
                format: "text/csv".to_owned(),
                compression: None,
                created_at: ctx.intent().created_at,
            }],
            digest: Some(Digest::of(&[b"a\n1\n"])),
        }
    };
    intents.register_intent("make", "maker", move |ctx: Ctx| async move {
        let one = made(&ctx, &ctx.intent().parameters);
        let output = json!({ "artifact": one.artifact_id });
        Ok(HandlerResult { output, artifacts: vec![one] })
    });
    intents.register_intent("twice", "twicer", move |ctx: Ctx| async move {
        let one = made(&ctx, &Value::Null);
        Ok(HandlerResult { output: Value::Null, artifacts: vec![one.clone(), one] })
    });
    intents
}

async fn make(engine: &Engine, parameters: Value) -> (RunId, ArtifactId) {
    let run = accepted(engine, intent_of("make", parameters)).await.run_id;
    let ended = engine.over(run).await;
    assert!(is_completed(&ended), "{:?}", ended.error);
    (run, serde_json::from_value(ended.output.unwrap()["artifact"].clone()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn art_1_an_artifact_carries_what_it_is_what_made_it_and_where_it_lies() {
    let house = House::new();
    let engine = house.engine(makers());
    let made = accepted(&engine, intent_of("make", json!({}))).await;
    engine.over(made.run_id).await;
    let artifacts = engine.artifacts(&ada(), made.session_id).unwrap();
    let [artifact] = artifacts.as_slice() else { panic!("{artifacts:?}") };
    assert_eq!((artifact.artifact_type.as_str(), artifact.tenant_id), ("table", ada().tenant));
    assert_eq!(
        (artifact.produced_by.intent.as_str(), artifact.produced_by.execution_id),
        ("make", made.run_id)
    );
    assert_eq!(
        (artifact.lifecycle_state, artifact.parent_artifacts.len()),
        (ArtifactState::Ready, 0)
    );
    assert_eq!(artifact.semantic_descriptor.record_count, Some(3));
    assert_eq!(artifact.materializations[0].uri, "file:///t.csv");
    assert_eq!(artifact.digest, Some(Digest::of(&[b"a\n1\n"])));
    assert_eq!(artifact.created_at, artifact.updated_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn art_2_parents_must_exist_in_the_tenant() {
    let house = House::new();
    let engine = house.engine(makers());
    let (_, parent) = make(&engine, json!({})).await;
    engine.settled().await.unwrap();
    let (run, child) = make(&engine, json!({ "parents": [parent] })).await;
    let session = engine.run(&ada(), run).await.unwrap().session_id;
    assert_eq!(engine.artifacts(&ada(), session).unwrap()[0].parent_artifacts, [parent]);
    assert_ne!(child, parent);
    let nobody = ArtifactId::from_bytes([9; 16]);
    let refused = accepted(&engine, intent_of("make", json!({ "parents": [nobody] }))).await;
    let ended = engine.over(refused.run_id).await;
    assert_eq!(ended.status, RunStatus::Failed);
    assert!(ended.error.unwrap().message.contains(&nobody.to_string()));
    assert!(engine.artifacts(&ada(), refused.session_id).unwrap().is_empty());
    // another tenant's artifact is nobody's
    let foreign =
        engine.submit(&eve(), intent_of("make", json!({ "parents": [parent] }))).await.unwrap();
    engine.ended(&eve(), foreign.session_id, foreign.run_id, LIMIT).await.unwrap();
    assert_eq!(engine.run(&eve(), foreign.run_id).await.unwrap().status, RunStatus::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn art_2_an_artifact_begins_pending_or_ready_and_is_registered_once() {
    let house = House::new();
    let engine = house.engine(makers());
    let (run, _) = make(&engine, json!({ "state": "PENDING" })).await;
    let session = engine.run(&ada(), run).await.unwrap().session_id;
    assert_eq!(
        engine.artifacts(&ada(), session).unwrap()[0].lifecycle_state,
        ArtifactState::Pending
    );
    for (intent, parameters) in [
        ("make", json!({ "state": "FAILED" })),
        ("make", json!({ "state": "ARCHIVED" })),
        ("make", json!({ "state": "DELETED" })),
        ("twice", json!({})),
    ] {
        let made = accepted(&engine, intent_of(intent, parameters)).await;
        let ended = engine.over(made.run_id).await;
        assert_eq!(ended.status, RunStatus::Failed, "{intent}");
        assert!(engine.artifacts(&ada(), made.session_id).unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn art_5_returned_artifacts_are_registered_with_the_runs_end_and_named_by_the_session() {
    let house = House::new();
    let engine = house.engine(makers());
    let made = accepted(&engine, intent_of("make", json!({}))).await;
    let ended = engine.over(made.run_id).await;
    let artifact: ArtifactId =
        serde_json::from_value(ended.output.unwrap()["artifact"].clone()).unwrap();
    assert_eq!(engine.session(&ada(), made.session_id).await.unwrap().artifact_refs, [artifact]);
    let kinds = engine.kinds(made.session_id);
    let place = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap();
    assert_eq!(place("artifact.registered") + 1, place("run.ended"));
}

#[test]
fn art_5_a_crash_leaves_both_the_artifact_and_the_end_or_neither() {
    let mut house = House::on_files();
    house.plug.die_after("artifact.registered");
    let life = house.live(makers());
    let engine = life.engine.clone();
    std::thread::spawn(move || {
        futures::executor::block_on(async move {
            engine.submit(&ada(), intent_of("make", json!({}))).await
        })
    });
    life.block_on(house.plug.died());
    house.crash(life);
    let life = house.live(makers());
    life.block_on(async {
        life.engine.settled().await.unwrap();
        let run = life.engine.runs(&ada(), &Default::default()).unwrap().items.remove(0);
        assert_eq!(run.status, RunStatus::Completed);
        assert_eq!(life.engine.artifacts(&ada(), run.session_id).unwrap().len(), 1);
    });
}
