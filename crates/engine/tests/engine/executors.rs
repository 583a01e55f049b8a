//! Remote dispatches, claimed and carried out by executors (`DSP-2`, `DSP-4`, `TGT-1`, `TGT-2`,
//! `STP-1`, `STP-2`).

use crate::harness::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tenure_contract::entry::Principal;
use tenure_contract::resource::{
    Caller, ClaimDispatch, ClaimedDispatch, CompleteDispatch, CreateDispatch, Dispatch, Executor,
    FailDispatch, HandoffTo, OfferHandoff, RegisterExecutor, Run, SetPolicy,
};
use tenure_contract::words::{
    ClaimDirective, DispatchStatus, ExecutorKind, PrincipalKind, RunStatus, StuckReason,
};
use tenure_contract::{Code, DispatchId, RunId, SessionId};
use tenure_engine::{Engine, HandlerResult, IntentRegistry, Listing};

/// The shortest lease there is: what is lost by silence is lost after so many milliseconds.
const LEASE_MS: u64 = tenure_contract::limits::EXECUTOR_LEASE_MIN_MS;

fn worker(name: &str) -> Caller {
    Caller { principal: Principal { kind: PrincipalKind::Worker, name: name.to_owned() }, ..ada() }
}

async fn register(engine: &Engine, name: &str, kind: ExecutorKind, user: Option<&str>) -> Executor {
    let wanted = RegisterExecutor {
        name: name.to_owned(),
        kind,
        principal: Some(format!("worker:{name}")),
        user_id: user.map(str::to_owned),
    };
    engine.register_executor(&ada(), wanted).await.unwrap()
}

async fn workers(engine: &Engine, names: &[&str]) -> Vec<Executor> {
    let mut made = Vec::new();
    for name in names {
        made.push(register(engine, name, ExecutorKind::Worker, None).await);
    }
    made
}

fn asking(key: &str, more: Value) -> CreateDispatch {
    let mut request = json!({
        "productId": "cowork", "idempotencyKey": key, "payload": { "what": key },
        "work": { "type": "intent", "intentType": "carry_out" },
        "context": { "originSurface": "mobile", "originProductId": "cowork",
                     "dispatchMode": "remote", "initiatedAt": "2026-11-21T08:00:00Z" },
    });
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    serde_json::from_value(request).unwrap()
}

async fn send(engine: &Engine, key: &str, more: Value) -> Dispatch {
    engine.dispatch(&ada(), asking(key, more)).await.unwrap()
}

fn wish(executor: &Executor, wait_ms: u64, lease_ms: u64) -> ClaimDispatch {
    let executor_id = executor.executor_id;
    ClaimDispatch { executor_id, wait_ms: Some(wait_ms), lease_ms: Some(lease_ms) }
}

/// What the executor gets; waits up to `wait_ms`.
async fn claim(engine: &Engine, executor: &Executor, wait_ms: u64) -> Option<ClaimedDispatch> {
    let request = wish(executor, wait_ms, 60_000);
    engine.claim_dispatch(&worker(&executor.name), request).await.unwrap().claimed
}

/// The same under the shortest lease.
async fn claim_briefly(engine: &Engine, executor: &Executor) -> ClaimedDispatch {
    let request = wish(executor, 20_000, LEASE_MS);
    engine.claim_dispatch(&worker(&executor.name), request).await.unwrap().claimed.unwrap()
}

async fn start(engine: &Engine, executor: &Executor, claimed: &ClaimedDispatch) -> RunId {
    let (id, claim) = (claimed.dispatch.dispatch_id, claimed.standing.claim);
    let standing = engine.start_claimed(&worker(&executor.name), id, claim).await.unwrap();
    assert_eq!(standing.directive, ClaimDirective::Work);
    assert!(standing.step_id.is_some());
    standing.run_id.unwrap()
}

fn done(claim: u64, output: &str) -> CompleteDispatch {
    CompleteDispatch { claim, output: json!(output) }
}

async fn stands(engine: &Engine, id: DispatchId, status: DispatchStatus) -> Dispatch {
    loop {
        let seen = engine.see_dispatch(&ada(), id).await.unwrap();
        if seen.status == status {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

async fn run_stands(engine: &Engine, run: RunId, status: RunStatus) -> Run {
    loop {
        let seen = engine.run(&ada(), run).await.unwrap();
        if seen.status == status {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn dsp_2_of_n_executors_exactly_one_claims_each_dispatch() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let known = workers(engine, &["a", "b", "c", "d", "e", "f"]).await;
        let waiting: Vec<_> = known
            .iter()
            .map(|one| {
                let (engine, one) = (engine.clone(), one.clone());
                tokio::spawn(async move { claim(&engine, &one, 20_000).await })
            })
            .collect();
        let mut sent = BTreeSet::new();
        for key in ["1", "2", "3", "4", "5", "6"] {
            sent.insert(send(engine, key, json!({})).await.dispatch_id);
        }
        let mut got = Vec::new();
        for one in waiting {
            got.push(one.await.unwrap().unwrap());
        }
        let ids: BTreeSet<DispatchId> = got.iter().map(|one| one.dispatch.dispatch_id).collect();
        assert_eq!(ids, sent, "six executors have six dispatches");
        assert!(got.iter().all(|one| one.standing.claim == 1));
        assert!(claim(engine, &known[0], 0).await.is_none(), "nothing is left");
    });
}

#[test]
fn dsp_2_the_most_urgent_is_claimed_first_and_its_output_is_the_runs() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let known = workers(engine, &["a"]).await;
        send(engine, "plain", json!({})).await;
        let urgent = send(engine, "urgent", json!({ "priority": "urgent" })).await;
        let claimed = claim(engine, &known[0], 0).await.unwrap();
        assert_eq!(claimed.dispatch.dispatch_id, urgent.dispatch_id);
        assert_eq!(claimed.standing.directive, ClaimDirective::Start);
        assert_eq!(claimed.dispatch.payload, json!({ "what": "urgent" }));
        assert_eq!(claimed.dispatch.claimed_by, Some(known[0].executor_id));
        let run = start(engine, &known[0], &claimed).await;
        let waits = engine.run(&ada(), run).await.unwrap().waiting_for.unwrap();
        assert_eq!(waits.reason, StuckReason::Lease);
        let a = worker("a");
        let told = engine.complete_dispatch(&a, urgent.dispatch_id, done(1, "carried out")).await;
        let told = told.unwrap();
        assert!(told.counts);
        assert_eq!((told.run.run_id, told.run.status), (run, RunStatus::Completed));
        assert_eq!(told.run.output, Some(json!("carried out")));
        let again = engine.complete_dispatch(&a, urgent.dispatch_id, done(1, "other")).await;
        assert_eq!(again.unwrap().run.output, Some(json!("carried out")), "nothing new");
        let session = told.run.session_id;
        let kinds = engine.kinds(session);
        let intended = kinds.iter().position(|kind| *kind == "step.intended").unwrap();
        let landed = kinds.iter().position(|kind| *kind == "step.landed").unwrap();
        assert!(intended < landed);
        verified(&engine.told(session));
    });
}

#[test]
fn dsp_4_silence_loses_a_claim_and_the_stale_token_opens_nothing() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let known = workers(engine, &["a", "b"]).await;
        let sent = send(engine, "k", json!({})).await;
        let first = claim_briefly(engine, &known[0]).await;
        let id = sent.dispatch_id;
        stands(engine, id, DispatchStatus::Waiting).await;
        let second = claim(engine, &known[1], 20_000).await.unwrap();
        assert_eq!((first.standing.claim, second.standing.claim), (1, 2));
        let (a, b) = (worker("a"), worker("b"));
        let stale = [
            engine.heartbeat(&a, id, 1).await.unwrap_err(),
            engine.start_claimed(&a, id, 1).await.unwrap_err(),
            engine.give_back(&a, id, 1).await.unwrap_err(),
        ];
        assert_eq!(stale.map(|error| error.code), [Code::LeaseLost; 3]);
        let foreign = engine.heartbeat(&a, id, 2).await.unwrap_err();
        assert_eq!(foreign.code, Code::Forbidden, "the token alone opens nothing");
        engine.heartbeat(&b, id, 2).await.unwrap();
        assert_eq!(engine.give_back(&b, id, 2).await.unwrap().status, DispatchStatus::Waiting);
        let third = claim(engine, &known[0], 0).await.unwrap();
        let cancelled = engine.cancel_dispatch(&ada(), id, None).await.unwrap();
        assert_eq!((third.standing.claim, cancelled.status), (3, DispatchStatus::Cancelled));
        assert_eq!(engine.heartbeat(&a, id, 3).await.unwrap_err().code, Code::LeaseLost);
    });
}

#[test]
fn dsp_4_a_claim_and_a_started_one_outlive_a_restart() {
    let mut house = House::new();
    let life = house.live(IntentRegistry::default());
    let (a, sent) = life.block_on(async {
        let a = workers(&life.engine, &["a"]).await.remove(0);
        let sent = send(&life.engine, "k", json!({})).await;
        claim(&life.engine, &a, 0).await.unwrap();
        (a, sent.dispatch_id)
    });
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    let run = life.block_on(async {
        let standing = life.engine.heartbeat(&worker("a"), sent, 1).await.unwrap();
        assert_eq!(standing.directive, ClaimDirective::Start);
        let standing = life.engine.start_claimed(&worker("a"), sent, 1).await.unwrap();
        standing.run_id.unwrap()
    });
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let standing = loop {
            let standing = life.engine.heartbeat(&worker("a"), sent, 1).await.unwrap();
            // its session may have to be told of the start once more
            if standing.directive != ClaimDirective::Wait {
                break standing;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((standing.directive, standing.run_id), (ClaimDirective::Work, Some(run)));
        assert_eq!(standing.executor_id, a.executor_id);
        let told = life.engine.complete_dispatch(&worker("a"), sent, done(1, "x")).await.unwrap();
        assert_eq!((told.run.run_id, told.run.status), (run, RunStatus::Completed));
        let kinds = life.engine.kinds(told.run.session_id);
        let count = |wanted: &str| kinds.iter().filter(|kind| **kind == wanted).count();
        assert_eq!((count("run.submitted"), count("step.intended")), (1, 1), "{kinds:?}");
        verified(&life.engine.told(told.run.session_id));
    });
}

#[test]
fn stp_2_a_lost_executor_leaves_once_work_in_doubt_and_nobody_else_gets_it_unasked() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let known = workers(engine, &["a", "b"]).await;
        let sent = send(engine, "k", json!({})).await;
        let first = claim_briefly(engine, &known[0]).await;
        let run = start(engine, &known[0], &first).await;
        let paused = run_stands(engine, run, RunStatus::Paused).await;
        assert_eq!(paused.waiting_for.unwrap().reason, StuckReason::InDoubtStep);
        assert!(claim(engine, &known[1], 0).await.is_none(), "somebody is asked first");
        engine.settled().await.unwrap();
        assert_eq!(engine.doubts(&ada(), &Listing::default()).unwrap().items.len(), 1);
        let told = engine.complete_dispatch(&worker("a"), sent.dispatch_id, done(1, "late")).await;
        let told = told.unwrap();
        assert!(told.counts, "nobody has begun since: its own answer settles the doubt");
        assert_eq!(told.run.status, RunStatus::Completed);
    });
}

#[test]
fn stp_2_idempotent_work_of_a_lost_executor_is_claimed_by_another_and_done_once() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let known = workers(engine, &["a", "b"]).await;
        let sent = send(engine, "k", json!({ "recoveryClass": "idempotent" })).await;
        let id = sent.dispatch_id;
        let first = claim_briefly(engine, &known[0]).await;
        let run = start(engine, &known[0], &first).await;
        // waits until the lease of the first is lost
        let second = claim(engine, &known[1], 20_000).await.unwrap();
        assert_eq!(second.standing.claim, 2);
        assert_eq!(
            (second.standing.directive, second.standing.run_id),
            (ClaimDirective::Work, Some(run))
        );
        let late = engine.complete_dispatch(&worker("a"), id, done(1, "late")).await.unwrap();
        assert!(!late.counts && late.run.status == RunStatus::Running);
        let told = engine.complete_dispatch(&worker("b"), id, done(2, "once")).await.unwrap();
        assert_eq!((told.counts, told.run.output), (true, Some(json!("once"))));
        let kinds = engine.kinds(told.run.session_id);
        assert!(kinds.contains(&"step.late") && kinds.contains(&"run.claimed"), "{kinds:?}");
        verified(&engine.told(told.run.session_id));
    });
}

#[test]
fn rt13_a_cancelled_run_tells_its_executor_to_stop() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let known = workers(engine, &["a"]).await;
        let sent = send(engine, "k", json!({})).await;
        let claimed = claim(engine, &known[0], 0).await.unwrap();
        let run = start(engine, &known[0], &claimed).await;
        engine.cancel(&ada(), run, None).await.unwrap();
        let (a, id) = (worker("a"), sent.dispatch_id);
        let standing = engine.heartbeat(&a, id, 1).await.unwrap();
        assert_eq!(standing.directive, ClaimDirective::Stop);
        let message = "stopped".to_owned();
        let failed = FailDispatch { claim: 1, message, retryable: false };
        let told = engine.fail_dispatch(&a, id, failed).await.unwrap();
        assert_eq!(told.run.status, RunStatus::Cancelled);
    });
}

#[test]
fn tgt_1_any_surface_may_dispatch_local_work_and_it_waits_for_its_users_desktop() {
    let house = House::new();
    let intents = IntentRegistry::default();
    intents.register_intent("carry_out", "here", |_| async { Ok(HandlerResult::default()) });
    let life = house.live(intents);
    life.block_on(async {
        let engine = &life.engine;
        let local = json!({ "executionTarget": "local", "userId": "ada" });
        let sent = send(engine, "k", local.clone()).await;
        assert_eq!(sent.status, DispatchStatus::Waiting, "a mobile may ask for it");
        let mut queued = asking("q", local);
        queued.context["dispatchMode"] = json!("queued");
        let refused = engine.dispatch(&ada(), queued).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "but not have it done here");
        let any = register(engine, "any", ExecutorKind::Worker, None).await;
        let bobs = register(engine, "bobs", ExecutorKind::Desktop, Some("bob")).await;
        assert!(claim(engine, &any, 0).await.is_none());
        assert!(claim(engine, &bobs, 0).await.is_none());
        let adas = register(engine, "adas", ExecutorKind::Desktop, Some("ada")).await;
        let claimed = claim(engine, &adas, 0).await.unwrap();
        assert_eq!(claimed.dispatch.dispatch_id, sent.dispatch_id);
    });
}

#[test]
fn tgt_2_only_who_was_registered_claims_and_no_longer_than_it_is_trusted() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let a = workers(engine, &["a"]).await.remove(0);
        send(engine, "k", json!({})).await;
        let as_b = engine.claim_dispatch(&worker("b"), wish(&a, 0, LEASE_MS)).await.unwrap_err();
        assert_eq!(as_b.code, Code::Forbidden);
        let elsewhere = engine.claim_dispatch(&eve(), wish(&a, 0, LEASE_MS)).await.unwrap_err();
        assert_eq!(elsewhere.code, Code::NotFound, "another tenant's");
        let long = engine.claim_dispatch(&worker("a"), wish(&a, 0, u64::MAX)).await.unwrap_err();
        assert!(long.message.contains("EXECUTOR_LEASE_MAX_MS"), "{long}");
        let claimed = claim(engine, &a, 0).await.unwrap();
        engine.revoke_executor(&ada(), a.executor_id).await.unwrap();
        let id = claimed.dispatch.dispatch_id;
        stands(engine, id, DispatchStatus::Waiting).await;
        let lost = engine.start_claimed(&worker("a"), id, 1).await.unwrap_err();
        assert_eq!(lost.code, Code::LeaseLost);
        let gone = engine.claim_dispatch(&worker("a"), wish(&a, 0, LEASE_MS)).await.unwrap_err();
        assert_eq!(gone.code, Code::Forbidden);
    });
}

/// A worker's key that works for one product only.
fn worker_of(product: &str, name: &str) -> Caller {
    Caller { product: Some(product.to_owned()), scopes: Vec::new(), ..worker(name) }
}

/// Hands a session of `cowork` over to bob of `lab`.
async fn to_lab(engine: &Engine, session: SessionId) {
    let to = HandoffTo { product: "lab".to_owned(), principal: Some("user:bob".to_owned()) };
    let offer = OfferHandoff {
        tenant_id: None,
        to,
        task_ids: None,
        refs: Vec::new(),
        reason: None,
        expires_at: None,
    };
    let offered = engine.offer_handoff(&ada(), session, offer, None).await.unwrap();
    let lab = Caller { product: Some("lab".to_owned()), ..bob() };
    engine.accept_handoff(&lab, offered.handoff_id).await.unwrap();
}

#[test]
fn hnd_1_an_executor_answers_what_it_claimed_and_the_next_claim_is_the_new_owners() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let text = "permit(principal, action, resource);".to_owned();
        engine.set_policy(&ada(), SetPolicy { text }).await.unwrap();
        let known = workers(engine, &["a", "b"]).await;
        let (a, b) = (worker_of("cowork", "a"), worker_of("lab", "b"));
        let claims = |by: Caller, executor: &Executor, wait_ms: u64| {
            let (engine, request) = (engine.clone(), wish(executor, wait_ms, LEASE_MS));
            async move { engine.claim_dispatch(&by, request).await.unwrap().claimed }
        };
        assert!(claims(b.clone(), &known[1], 0).await.is_none());

        // claimed and started before, answered after
        let kept = send(engine, "kept", json!({})).await.dispatch_id;
        let long = wish(&known[0], 0, 60_000);
        let first = engine.claim_dispatch(&a, long).await.unwrap().claimed.unwrap();
        let run = engine.start_claimed(&a, kept, first.standing.claim).await.unwrap().run_id;
        let session = engine.run(&ada(), run.unwrap()).await.unwrap().session_id;
        to_lab(engine, session).await;
        let standing = engine.heartbeat(&a, kept, 1).await.unwrap();
        assert_eq!(standing.directive, ClaimDirective::Work, "it goes on");
        let told = engine.complete_dispatch(&a, kept, done(1, "carried out")).await.unwrap();
        assert!(told.counts && told.run.status == RunStatus::Completed);
        verified(&engine.told(session));

        // claimed before and lost after: the next one is the new owner's
        let lost = send(engine, "lost", json!({ "recoveryClass": "idempotent" })).await.dispatch_id;
        claims(a.clone(), &known[0], 0).await.unwrap();
        let run = engine.start_claimed(&a, lost, 1).await.unwrap().run_id.unwrap();
        let session = engine.run(&ada(), run).await.unwrap().session_id;
        to_lab(engine, session).await;
        while engine.run(&ada(), run).await.unwrap().waiting_for.unwrap().reason
            != StuckReason::Worker
        {
            tokio::task::yield_now().await;
        }
        assert!(claims(a.clone(), &known[0], 0).await.is_none(), "it is the new owner's to give");
        let second = claims(b.clone(), &known[1], 0).await.unwrap();
        assert_eq!((second.standing.claim, second.standing.run_id), (2, Some(run)));
        assert_eq!(second.dispatch.payload, json!({ "what": "lost" }), "with what it is to do");
        let told = engine.complete_dispatch(&b, lost, done(2, "once")).await.unwrap();
        assert!(told.counts && told.run.output == Some(json!("once")));
        // what came of it is not the former owner's executor's to know
        let late = engine.complete_dispatch(&a, lost, done(1, "late")).await.unwrap_err();
        assert!(matches!(late.code, Code::HandedOver | Code::LeaseLost), "{late}");
        verified(&engine.told(session));
    });
}

/// An executor's step is no call: a policy that asks about every call asks nothing of it.
#[test]
fn pol_1_what_an_executor_carries_out_is_asked_about_as_the_run_it_is() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let text = "@ask(\"all\") @approvers(\"user:*\") permit(principal, action == Action::\"call\", resource);\n\
                    permit(principal, action == Action::\"run\", resource);\n\
                    permit(principal, action == Action::\"dispatch\", resource);";
        engine.set_policy(&ada(), SetPolicy { text: text.to_owned() }).await.unwrap();
        let known = workers(engine, &["a"]).await;
        send(engine, "k", json!({})).await;
        let claimed = claim(engine, &known[0], 20_000).await.unwrap();
        let run = start(engine, &known[0], &claimed).await;
        let (id, done) = (claimed.dispatch.dispatch_id, done(claimed.standing.claim, "carried"));
        engine.complete_dispatch(&worker("a"), id, done).await.unwrap();
        let ended = run_stands(engine, run, RunStatus::Completed).await;
        assert_eq!(ended.output, Some(json!("carried")));
        let kinds = engine.kinds(ended.session_id);
        assert!(!kinds.contains(&"approval.requested"), "{kinds:?}");
    });
}
