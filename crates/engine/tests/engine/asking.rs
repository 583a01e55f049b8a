//! Where policy asks about a handler's substep the handler waits, over crashes too (`POL-1`).

use crate::harness::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::resource::{DecideApproval, Decision, OpenSession, SetPolicy};
use tenure_contract::words::{ApprovalKind, RecoveryClass, RunStatus, StuckReason};
use tenure_contract::{Code, Digest, Event, SessionId, limits};
use tenure_engine::{
    Ctx, Drive, Engine, HandlerFailure, HandlerResult, IntentRegistry, StepFailure,
};
use tokio::sync::watch;

const PERMITS: &str = "permit(principal, action, resource);\n";
const ASKS: &str = "@ask(\"money\") permit(principal, action == Action::\"call\", resource) \
                    when { context.class == \"once\" };\n\
                    permit(principal, action == Action::\"call\", resource) \
                    when { context.class != \"once\" };\n\
                    permit(principal, action == Action::\"run\", resource);\n\
                    permit(principal, action == Action::\"decide\", resource);\n";

/// How often each of its substeps was performed.
#[derive(Debug, Clone, Default)]
struct Tally {
    looks: Arc<AtomicUsize>,
    payments: Arc<AtomicUsize>,
}

impl Tally {
    fn so_far(&self) -> (usize, usize) {
        (self.looks.load(Ordering::Relaxed), self.payments.load(Ordering::Relaxed))
    }
}

/// A handler that looks, pays so many at once, and says what became of each payment.
fn paying(tally: &Tally) -> IntentRegistry {
    let intents = IntentRegistry::default();
    let tally = tally.clone();
    intents.register_intent("pay", "paying", move |ctx: Ctx| {
        let tally = tally.clone();
        async move {
            let look = |_| {
                tally.looks.fetch_add(1, Ordering::Relaxed);
                async { Ok(1) }
            };
            let _: i64 = ctx.step("look", RecoveryClass::Idempotent, &json!({}), look).await?;
            let count = ctx.intent().parameters["payments"].as_u64().unwrap();
            let pay = |number: u64| {
                let (ctx, tally) = (ctx.clone(), tally.clone());
                async move {
                    let inputs = json!({ "amount": number });
                    let perform = |_| {
                        tally.payments.fetch_add(1, Ordering::Relaxed);
                        async { Ok(1_i64) }
                    };
                    let name = format!("pay-{number}");
                    match ctx.step(&name, RecoveryClass::Once, &inputs, perform).await {
                        Ok(_) => json!("paid"),
                        Err(StepFailure::Refused(error)) => json!(error.message),
                        Err(failure) => json!(failure.to_string()),
                    }
                }
            };
            let output = futures::future::join_all((1..=count).map(pay)).await;
            let output = json!(output);
            Ok::<_, HandlerFailure>(HandlerResult { output, ..HandlerResult::default() })
        }
    });
    intents
}

async fn set(engine: &Engine, text: &str) {
    engine.set_policy(&ada(), SetPolicy { text: text.to_owned() }).await.unwrap();
}

/// A session whose run waits for decisions about so many payments, of which one at least is asked about.
async fn waiting(engine: &Engine, payments: u64) -> (SessionId, tenure_contract::RunId) {
    set(engine, ASKS).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.intend(session, "pay", json!({ "payments": payments })).await;
    let rested = engine.rested(run).await;
    assert_eq!(rested.status, RunStatus::WaitingApproval);
    (session, run)
}

fn begun_with_an_approval(engine: &Engine, session: SessionId) -> usize {
    let told = engine.told(session);
    told.iter()
        .filter(|told| {
            matches!(&told.entry.event, Event::StepIntended(step) if step.approval.is_some())
        })
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_1_a_substep_that_policy_asks_about_waits_and_is_performed_once_approved() {
    let (house, tally) = (House::new(), Tally::default());
    let engine = house.engine(paying(&tally));
    let (session, run) = waiting(&engine, 1).await;
    assert_eq!(tally.so_far(), (1, 0));
    let asked = engine.asked(session).await.remove(0);
    let seen = engine.approval(&ada(), asked.approval_id).await.unwrap();
    assert_eq!(
        (seen.kind, seen.action_label.as_str()),
        (ApprovalKind::Action, "money: pay-1 {\"amount\":1}")
    );
    let action = seen.action.unwrap();
    assert_eq!(
        (&action["substep"], &action["arguments"]),
        (&json!("pay-1"), &json!({ "amount": 1 }))
    );
    assert_eq!(
        seen.action_digest,
        Digest::of(&[&serde_json_canonicalizer::to_vec(&action).unwrap()])
    );
    let why = engine.run(&ada(), run).await.unwrap().waiting_for.unwrap();
    assert_eq!(
        (why.reason, why.subject),
        (StuckReason::Approval, Some(asked.approval_id.to_string()))
    );
    // a handler makes its own inputs: nobody edits them for it
    let edited =
        DecideApproval { arguments: Some(json!({ "amount": 0 })), ..plain(Decision::Approve) };
    let refused = engine.decide(&ada(), asked.approval_id, edited).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument, "{refused}");
    engine.answer(session, Decision::Approve).await.unwrap();
    assert_eq!(engine.over(run).await.output, Some(json!(["paid"])));
    assert_eq!(tally.so_far(), (1, 1));
    assert_eq!(begun_with_an_approval(&engine, session), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_2_a_denied_substep_is_refused_and_stays_so() {
    let (house, tally) = (House::new(), Tally::default());
    let engine = house.engine(paying(&tally));
    let (session, run) = waiting(&engine, 1).await;
    let asked = engine.asked(session).await.remove(0);
    let denial = DecideApproval { reason: Some("not today".to_owned()), ..plain(Decision::Deny) };
    engine.decide(&ada(), asked.approval_id, denial).await.unwrap();
    let output = engine.over(run).await.output.unwrap();
    let told = output[0].as_str().unwrap();
    assert!(told.ends_with("was denied by `user:ada`: not today"), "{output}");
    assert_eq!(tally.so_far(), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_2_with_nobody_to_ask_a_substep_is_refused_at_once() {
    let (house, tally) = (House::new(), Tally::default());
    let engine = house.engine(paying(&tally));
    set(&engine, ASKS).await;
    let made = accepted(&engine, intent_of("pay", json!({ "payments": 1 }))).await;
    let output = engine.over(made.run_id).await.output.unwrap();
    assert!(output[0].as_str().unwrap().contains("nobody may give it"), "{output}");
    assert!(!engine.kinds(made.session_id).contains(&"approval.requested"));
}

#[tokio::test(start_paused = true)]
async fn apr_2_an_undecided_substep_expires_into_a_refusal() {
    let (house, tally) = (House::new(), Tally::default());
    let config = house.config(Drive::Manual);
    let engine = cranked_as(&house, config, paying(&tally));
    set(&engine, ASKS).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.intend(session, "pay", json!({ "payments": 1 })).await;
    engine.seen(run, |run| run.status == RunStatus::WaitingApproval).await;
    let expiry = std::time::Duration::from_millis(limits::APPROVAL_EXPIRY_DEFAULT_MS + 1);
    tokio::time::advance(expiry).await;
    let ended = engine.seen(run, |run| run.status.is_final()).await;
    let output = ended.output.unwrap();
    assert!(output[0].as_str().unwrap().contains("has expired"), "{output}");
    assert_eq!(tally.so_far(), (1, 0));
}

#[test]
fn apr_5_a_substep_waits_over_a_crash_and_over_one_between_decision_and_step() {
    let (mut house, tally) = (House::new(), Tally::default());
    let life = house.live(paying(&tally));
    let (session, run) = life.block_on(waiting(&life.engine, 1));
    house.crash(life);
    let life = house.live(paying(&tally));
    let engine = life.engine.clone();
    let status = life.block_on(async { engine.run(&ada(), run).await.unwrap().status });
    assert_eq!(status, RunStatus::WaitingApproval);
    let over = life.block_on(async {
        engine.answer(session, Decision::Approve).await.unwrap();
        engine.over(run).await
    });
    assert_eq!(over.output, Some(json!(["paid"])));
    assert_eq!(tally.so_far(), (1, 1), "what was recorded is not done again");
    assert_eq!(begun_with_an_approval(&engine, session), 1);
    life.forget();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_5_substeps_wait_side_by_side_and_each_gets_its_own_decision() {
    let (house, tally) = (House::new(), Tally::default());
    let engine = house.engine(paying(&tally));
    let (session, run) = waiting(&engine, 3).await;
    let all = async {
        loop {
            let asked = engine.asked(session).await;
            if asked.len() == 3 {
                return asked;
            }
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(LIMIT, all).await.expect("each is asked about");
    for one in asked.iter().rev() {
        let denies = one.action_label.contains("pay-2");
        let decision = if denies { Decision::Deny } else { Decision::Approve };
        engine.decide(&ada(), one.approval_id, plain(decision)).await.unwrap();
    }
    let output = engine.over(run).await.output.unwrap();
    let paid: Vec<bool> =
        output.as_array().unwrap().iter().map(|one| one == &Value::from("paid")).collect();
    assert_eq!(paid, [true, false, true], "{output}");
    assert_eq!(tally.so_far(), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt13_a_run_cancelled_while_its_substep_waits_ends_and_nothing_is_performed() {
    let (house, tally) = (House::new(), Tally::default());
    let engine = house.engine(paying(&tally));
    let (session, run) = waiting(&engine, 2).await;
    let asked = engine.asked(session).await;
    engine.cancel(&ada(), run, None).await.unwrap();
    assert_eq!(engine.over(run).await.status, RunStatus::Cancelled);
    assert!(engine.asked(session).await.is_empty());
    let late = engine.decide(&ada(), asked[0].approval_id, plain(Decision::Approve)).await;
    assert_eq!(late.unwrap_err().code, Code::AlreadyDecided);
    assert_eq!(tally.so_far(), (1, 0));
}

/// What a handler spawned outlives it: it must not perform what the next invocation performs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_4_what_a_dropped_handler_spawned_performs_nothing() {
    let (house, payments) = (House::new(), Arc::new(AtomicUsize::new(0)));
    let intents = IntentRegistry::default();
    let counted = payments.clone();
    intents.register_intent("pay", "spawning", move |ctx: Ctx| {
        let counted = counted.clone();
        async move {
            let pay = |number: u64| {
                let (ctx, counted) = (ctx.clone(), counted.clone());
                tokio::spawn(async move {
                    let perform = |_| {
                        counted.fetch_add(1, Ordering::Relaxed);
                        async { Ok(number) }
                    };
                    ctx.step(&format!("pay-{number}"), RecoveryClass::Once, &number, perform).await
                })
            };
            let mut output = Vec::new();
            for paid in futures::future::join_all([pay(1), pay(2)]).await {
                output.push(paid.unwrap()?);
            }
            Ok::<_, HandlerFailure>(HandlerResult {
                output: json!(output),
                ..HandlerResult::default()
            })
        }
    });
    let engine = house.engine(intents);
    let (session, run) = waiting(&engine, 2).await;
    // it may be dropped before the second of them has asked, which then asks in the next invocation
    let deciding = async {
        while !engine.rested(run).await.status.is_final() {
            for one in engine.asked(session).await {
                engine.decide(&ada(), one.approval_id, plain(Decision::Approve)).await.unwrap();
            }
        }
    };
    let ended = tokio::time::timeout(LIMIT, deciding).await;
    ended.unwrap_or_else(|_| panic!("it does not end: {:?}", engine.kinds(session)));
    assert_eq!(engine.over(run).await.output, Some(json!([1, 2])));
    assert_eq!(payments.load(Ordering::Relaxed), 2);
    assert_eq!(begun_with_an_approval(&engine, session), 2);
}

/// A substep under way keeps the handler in memory beside one that waits; a drain lets the first land
/// and does not begin the second, though it is approved by then.
#[test]
fn apr_5_a_drain_waits_for_no_decision_and_begins_nothing_on_one() {
    let (mut house, payments) = (House::new(), Arc::new(AtomicUsize::new(0)));
    let (gate, opened) = watch::channel(false);
    let handlers = || {
        let intents = IntentRegistry::default();
        let (opened, payments) = (opened.clone(), payments.clone());
        intents.register_intent("pay", "both", move |ctx: Ctx| {
            let (opened, payments) = (opened.clone(), payments.clone());
            async move {
                let wait = |_| {
                    let mut opened = opened.clone();
                    async move {
                        let _ = opened.wait_for(|open| *open).await;
                        Ok::<_, StepFailure>(1)
                    }
                };
                let pay = |_| {
                    payments.fetch_add(1, Ordering::Relaxed);
                    async { Ok::<_, StepFailure>(2) }
                };
                let other = ctx.step("other", RecoveryClass::Idempotent, &1, wait);
                let paid = ctx.step("pay", RecoveryClass::Once, &2, pay);
                let (other, paid) = futures::join!(other, paid);
                let output = json!([other?, paid?]);
                Ok::<_, HandlerFailure>(HandlerResult { output, ..HandlerResult::default() })
            }
        });
        intents
    };
    let life = house.live(handlers());
    let engine = life.engine.clone();
    let (session, run) = life.block_on(async {
        set(&engine, ASKS).await;
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        let run = engine.intend(session, "pay", json!({})).await;
        while engine.asked(session).await.is_empty() {
            tokio::task::yield_now().await;
        }
        let draining = engine.clone();
        let drained = tokio::spawn(async move { draining.drain().await });
        while engine.open_session(&ada(), OpenSession::default(), None).await.is_ok() {
            tokio::task::yield_now().await;
        }
        engine.answer(session, Decision::Approve).await.unwrap();
        assert!(!drained.is_finished(), "one is under way");
        gate.send_replace(true);
        drained.await.unwrap();
        (session, run)
    });
    let kinds = engine.kinds(session);
    let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!((count("step.intended"), count("step.landed")), (1, 1), "{kinds:?}");
    assert_eq!(payments.load(Ordering::Relaxed), 0);
    house.crash(life);
    let life = house.live(handlers());
    let over = life.block_on(life.engine.over(run));
    assert_eq!(over.output, Some(json!([1, 2])));
    assert_eq!(payments.load(Ordering::Relaxed), 1);
    life.forget();
}

#[test]
fn apr_4_a_policy_that_became_stricter_while_it_was_down_asks_again() {
    let (mut house, tally) = (House::new(), Tally::default());
    let life = house.live(paying(&tally));
    let engine = life.engine.clone();
    let (session, run) = life.block_on(async {
        let (session, run) = waiting(&engine, 1).await;
        let stricter = ASKS.replace("@ask(\"money\")", "@ask(\"money\") @risk(\"critical\")");
        set(&engine, &stricter).await;
        engine.answer(session, Decision::Approve).await.unwrap();
        engine
            .seen(run, |run| run.status == RunStatus::WaitingApproval && run.usage.steps == 1)
            .await;
        (session, run)
    });
    house.crash(life);
    let life = house.live(paying(&tally));
    let engine = life.engine.clone();
    life.block_on(async {
        engine.answer(session, Decision::Approve).await.unwrap();
        assert_eq!(engine.over(run).await.output, Some(json!(["paid"])));
        let kinds = engine.kinds(session);
        assert_eq!(kinds.iter().filter(|kind| **kind == "step.asked").count(), 2);
        // a looser one needs nobody
        set(&engine, PERMITS).await;
        let free = engine.intend(session, "pay", json!({ "payments": 1 })).await;
        assert_eq!(engine.over(free).await.output, Some(json!(["paid"])));
    });
    assert_eq!(begun_with_an_approval(&engine, session), 1);
    life.forget();
}
