//! Another tenant sees nothing (`TEN-1`).

use crate::harness::*;
use serde_json::json;
use std::time::Duration;
use tenure_contract::resource::{Decision, OpenSession, ResolveStep, SubmitRun};
use tenure_contract::words::{ArtifactState, RecoveryClass, Resolution, RunStatus, SessionStatus};
use tenure_contract::{Code, Error, SessionId, StepId};
use tenure_engine::{ArtifactMade, Ctx, HandlerResult, IntentRegistry, Listing, StepFailure};

fn handlers() -> IntentRegistry {
    let intents = IntentRegistry::default();
    intents.register_intent("make", "maker", |ctx: Ctx| async move {
        let made = ArtifactMade {
            artifact_id: ctx.artifact_id("report"),
            artifact_type: "report".to_owned(),
            state: ArtifactState::Ready,
            parents: Vec::new(),
            descriptor: Default::default(),
            materializations: Vec::new(),
            digest: None,
        };
        Ok(HandlerResult { output: json!({}), artifacts: vec![made] })
    });
    intents.register_intent("lose", "loser", |ctx: Ctx| async move {
        let lost = || StepFailure::Lost { message: "no answer".to_owned() };
        ctx.step::<(), _, _>("pay", RecoveryClass::Once, &1, |_| async move { Err(lost()) })
            .await?;
        Ok(HandlerResult::default())
    });
    intents
}

fn not_found<T: std::fmt::Debug>(told: Result<T, Error>) -> String {
    let error = told.unwrap_err();
    assert_eq!(error.code, Code::NotFound, "{error}");
    error.message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_1_every_method_tells_another_tenant_not_found() {
    let house = House::new();
    let engine = house.engine(handlers());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n";
    let mut pay = action("pay", "once", "http://127.0.0.1:9/pay");
    pay["confirm"] = json!({});
    engine.hire(agent("payer").follows(&house, script).may(pay)).await;
    let asking = engine.open_as(approved_by("user:ada")).await.session_id;
    let waiting = engine.task(asking, "payer", "pay").await;
    assert_eq!(engine.rested(waiting).await.status, RunStatus::WaitingApproval);
    let approval = engine.asked(asking).await[0].approval_id;
    let losing = engine.open().await;
    let lost = engine.intend(losing, "lose", json!({})).await;
    assert_eq!(engine.rested(lost).await.status, RunStatus::Paused);
    let step = engine.steps(&ada(), lost).await.unwrap()[0].step_id;
    let making = engine.open().await;
    let made = engine.intend(making, "make", json!({})).await;
    assert!(is_completed(&engine.over(made).await));
    let request = key_for("user:ada");
    let key = engine.create_key(&ada(), request).await.unwrap();
    engine.settled().await.unwrap();
    let principal = engine.principals(&ada(), &Listing::default()).unwrap().items[0].principal_id;

    let eve = eve();
    for session in [asking, losing, making] {
        let told = not_found(engine.session(&eve, session).await);
        let nobodys = SessionId::from_bytes([9; 16]);
        let same = not_found(engine.session(&eve, nobodys).await);
        assert_eq!(told.replace(&session.to_string(), ""), same.replace(&nobodys.to_string(), ""));
        not_found(engine.end_session(&eve, session, SessionStatus::Cancelled, None).await);
        not_found(engine.entries(&eve, session, 1, 10));
        not_found(engine.reach(&eve, session, 1).await);
        not_found(engine.artifacts(&eve, session));
        not_found(engine.submit(&eve, intent_in(session, "make", json!({}))).await);
        for run in [waiting, lost, made] {
            not_found(engine.ended(&eve, session, run, LIMIT).await);
        }
        let listing = Listing { session: Some(session), ..Listing::default() };
        assert!(engine.runs(&eve, &listing).unwrap().items.is_empty());
    }
    for run in [waiting, lost, made] {
        not_found(engine.run(&eve, run).await);
        not_found(engine.wait(&eve, run, Duration::ZERO).await);
        not_found(engine.steps(&eve, run).await);
        not_found(engine.cancel(&eve, run, None).await);
        not_found(engine.pause(&eve, run).await);
        not_found(engine.resume(&eve, run).await);
    }
    not_found(engine.approval(&eve, approval).await);
    not_found(engine.decide(&eve, approval, plain(Decision::Approve)).await);
    for step in [step, StepId::from_bytes([9; 16])] {
        let landed =
            ResolveStep { resolution: Resolution::Landed, result: Some(json!(1)), reason: None };
        not_found(engine.resolve(&eve, step, landed).await);
    }
    not_found(engine.revoke_key(&eve, key.key_id).await);
    not_found(engine.principal(&eve, principal));
    not_found(engine.change_principal(&eve, principal, Default::default()).await);
    assert_eq!(engine.agent(&eve, "payer").unwrap_err().code, Code::UnknownName);
    assert_eq!(
        engine.submit(&eve, task("payer", "pay")).await.unwrap_err().code,
        Code::UnknownName
    );
    let all = Listing::default();
    assert!(engine.sessions(&eve, &all).unwrap().items.is_empty());
    assert!(engine.runs(&eve, &all).unwrap().items.is_empty());
    assert!(engine.approvals(&eve, &all).unwrap().items.is_empty());
    assert!(engine.doubts(&eve, &all).unwrap().items.is_empty());
    assert!(engine.agents(&eve).unwrap().is_empty());
    assert!(engine.keys(&eve, &all).unwrap().items.is_empty());
    assert!(engine.principals(&eve, &all).unwrap().items.is_empty());
    assert!(!engine.has_keys(eve.tenant).unwrap());

    // nothing of all this changed anything for its owner
    assert_eq!(engine.run(&ada(), waiting).await.unwrap().status, RunStatus::WaitingApproval);
    assert_eq!(engine.run(&ada(), lost).await.unwrap().status, RunStatus::Paused);
    assert_eq!(engine.agents(&ada()).unwrap().len(), 1);
    assert!(engine.has_keys(ada().tenant).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_1_a_tenant_named_in_a_call_must_be_the_callers() {
    let house = House::new();
    let engine = house.engine(handlers());
    let foreign = Some(ada().tenant);
    let open = OpenSession { tenant_id: foreign, ..OpenSession::default() };
    not_found(engine.open_session(&eve(), open.clone(), None).await);
    let run = SubmitRun { tenant_id: foreign, ..intent_of("make", json!({})) };
    not_found(engine.submit(&eve(), run.clone()).await);
    let inside = SubmitRun { session: Some(open.clone()), ..intent_of("make", json!({})) };
    not_found(engine.submit(&eve(), inside).await);
    assert_eq!(engine.open_session(&ada(), open, None).await.unwrap().tenant_id, ada().tenant);
    assert!(engine.submit(&ada(), run).await.is_ok());
    engine.settled().await.unwrap();
    assert!(engine.sessions(&eve(), &Listing::default()).unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_1_the_same_key_of_two_tenants_makes_two_runs() {
    let house = House::new();
    let engine = house.engine(handlers());
    let keyed = SubmitRun { idempotency_key: Some("k".to_owned()), ..intent_of("make", json!({})) };
    let adas = engine.submit(&ada(), keyed.clone()).await.unwrap();
    let eves = engine.submit(&eve(), keyed).await.unwrap();
    assert_ne!(adas.run_id, eves.run_id);
    assert_ne!(adas.session_id, eves.session_id);
    assert!(!eves.duplicate);
    not_found(engine.run(&eve(), adas.run_id).await);
    not_found(engine.run(&ada(), eves.run_id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_1_a_ledger_cannot_be_read_as_a_session() {
    let house = House::new();
    let engine = house.engine(handlers());
    let request = key_for("user:ada");
    engine.create_key(&ada(), request).await.unwrap();
    engine.settled().await.unwrap();
    let disguised = SessionId::from_bytes(ada().tenant.bytes());
    for caller in [ada(), eve()] {
        not_found(engine.session(&caller, disguised).await);
        not_found(engine.entries(&caller, disguised, 1, 10));
    }
    let engine = house.engine(handlers());
    not_found(engine.entries(&ada(), disguised, 1, 10));
}
