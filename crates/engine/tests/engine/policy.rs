//! The tenant's policy: what it decides, and that it decides again when a call is executed
//! (`POL-1`, `APR-2` to `APR-4`, `RUN-2`).

use crate::harness::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::entry::Principal;
use tenure_contract::resource::{
    Caller, DecideApproval, Decision, PolicyQuestion, SetPolicy, TryPolicy,
};
use tenure_contract::words::{
    ApprovalStatus, PolicyAction, PolicyEffect, PrincipalKind, RecoveryClass, RiskLevel, RunStatus,
    StopReason,
};
use tenure_contract::{Code, Event, PolicyVersion, SessionId};
use tenure_engine::{Ctx, Engine, HandlerFailure, HandlerResult, IntentRegistry, StepFailure};

const TOLD: &str = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 5, text = \"rent\" }\n\
                    [[turn]]\ntext = \"heard: {{pay}}\"\n";
const ALL: &str = "permit(principal, action, resource);\n";
const NO_PAY: &str = "@id(\"no-pay\") forbid(principal, action == Action::\"call\", resource) \
                      when { resource == Tool::\"pay\" || resource == Intent::\"go\" };\n";

async fn set(engine: &Engine, text: &str) -> PolicyVersion {
    engine.set_policy(&ada(), SetPolicy { text: text.to_owned() }).await.unwrap().version
}

/// A payer whose definition asks (`confirms`) or not.
async fn payer(house: &House, outside: &Outside, confirms: Value) -> Engine {
    let engine = house.engine(IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    if !confirms.is_null() {
        pay["confirm"] = confirms;
    }
    engine.hire(agent("payer").follows(house, TOLD).may(pay)).await;
    engine
}

fn turn_policies(engine: &Engine, session: SessionId) -> Vec<PolicyVersion> {
    let told = engine.told(session);
    let turns = told.iter().filter_map(|told| match &told.entry.event {
        Event::TurnLanded(turn) => Some(turn.policy),
        _ => None,
    });
    turns.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_1_a_call_that_policy_denies_is_not_executed_and_the_model_is_told() {
    let house = House::new();
    let outside = Outside::new();
    let engine = payer(&house, &outside, Value::Null).await;
    let version = set(&engine, &format!("{ALL}{NO_PAY}")).await;
    let made = accepted(&engine, task("payer", "pay")).await;
    let ended = engine.over(made.run_id).await;
    assert!(is_completed(&ended), "a refused call ends nothing");
    assert!(content(&ended).contains("policy denies"), "{}", content(&ended));
    assert!(outside.attempts("/pay").is_empty());
    assert_eq!(turn_policies(&engine, made.session_id)[0], version);
    set(&engine, ALL).await;
    let made = accepted(&engine, task("payer", "pay")).await;
    engine.over(made.run_id).await;
    assert_eq!(outside.attempts("/pay").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_1_an_ask_names_who_decides_and_wants_a_reason() {
    let house = House::new();
    let outside = Outside::new();
    let engine = payer(&house, &outside, Value::Null).await;
    let asks = "permit(principal, action in [Action::\"run\", Action::\"decide\"], resource);\n\
                @ask(\"money moves\") @approvers(\"user:bob\") @reason(\"required\") @risk(\"critical\")\n\
                permit(principal, action == Action::\"call\", resource)\n\
                when { context.numbers.hasTag(\"/n\") && context.numbers.getTag(\"/n\") > 4 };\n";
    set(&engine, asks).await;
    let made = accepted(&engine, task("payer", "pay")).await;
    engine.rested(made.run_id).await;
    let asked = engine.asked(made.session_id).await.remove(0);
    assert_eq!(asked.risk_level, RiskLevel::Critical);
    assert!(asked.action_label.starts_with("money moves: pay"), "{}", asked.action_label);
    let id = asked.approval_id;
    let refused = engine.decide(&ada(), id, plain(Decision::Approve)).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "{refused}");
    for reason in [None, Some(" ".to_owned())] {
        let request = DecideApproval { reason, ..plain(Decision::Approve) };
        let refused = engine.decide(&bob(), id, request).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument);
        assert!(refused.message.contains("`reason`"), "{refused}");
    }
    let due = DecideApproval { reason: Some("due".to_owned()), ..plain(Decision::Approve) };
    engine.decide(&bob(), id, due).await.unwrap();
    engine.over(made.run_id).await;
    assert_eq!(outside.attempts("/pay").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_4_an_approved_call_that_policy_denies_by_then_is_refused() {
    let house = House::new();
    let outside = Outside::new();
    let engine = payer(&house, &outside, json!({ "risk": "high" })).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    set(&engine, &format!("{ALL}{NO_PAY}")).await;
    engine.answer(session, Decision::Approve).await.unwrap();
    let ended = engine.over(run).await;
    assert!(content(&ended).contains("policy denies"), "{}", content(&ended));
    assert!(outside.attempts("/pay").is_empty());
    assert!(engine.kinds(session).contains(&"call.assessed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_3_a_stricter_policy_at_execution_asks_again_and_a_looser_one_does_not() {
    let stricter = format!(
        "{ALL}@ask(\"all eyes\") @risk(\"critical\") permit(principal, action == Action::\"call\", resource);"
    );
    for (text, requests) in [(stricter.as_str(), 2), (ALL, 1)] {
        let house = House::new();
        let outside = Outside::new();
        let engine = payer(&house, &outside, json!({ "risk": "high" })).await;
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        let run = engine.task(session, "payer", "pay").await;
        engine.rested(run).await;
        let first = engine.asked(session).await.remove(0).approval_id;
        let version = set(&engine, text).await;
        engine.answer(session, Decision::Approve).await.unwrap();
        if requests == 2 {
            engine.seen(run, |run| run.status == RunStatus::WaitingApproval).await;
            let again = engine.asked(session).await.remove(0);
            assert!(again.approval_id != first && again.risk_level == RiskLevel::Critical);
            let shown = engine.approval(&ada(), again.approval_id).await.unwrap();
            assert_eq!(shown.action.unwrap()["arguments"]["text"], "rent");
            assert!(outside.attempts("/pay").is_empty());
            engine.answer(session, Decision::Approve).await.unwrap();
        }
        engine.over(run).await;
        assert_eq!(outside.attempts("/pay").len(), 1);
        let told = engine.told(session);
        let begun = told.iter().find_map(|told| match &told.entry.event {
            Event::StepIntended(intended) if intended.name == "pay" => Some(intended.clone()),
            _ => None,
        });
        assert_eq!(begun.unwrap().policy, Some(version));
        let asked = engine.kinds(session);
        assert_eq!(asked.iter().filter(|kind| **kind == "approval.requested").count(), requests);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_4_who_may_not_decide_any_more_has_not_decided() {
    let house = House::new();
    let outside = Outside::new();
    let engine = payer(&house, &outside, json!({ "risk": "high" })).await;
    let session = engine.open_as(approved_by("user:*")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    engine.pause(&ada(), run).await.unwrap();
    engine.answer(session, Decision::Approve).await.unwrap();
    let without = "forbid(principal == User::\"ada\", action == Action::\"decide\", resource);";
    set(&engine, &format!("{ALL}{without}")).await;
    engine.resume(&ada(), run).await.unwrap();
    engine.seen(run, |run| run.status == RunStatus::WaitingApproval).await;
    let refused = engine.answer(session, Decision::Approve).await.unwrap_err();
    assert_eq!(refused.code, Code::DeniedByPolicy, "{refused}");
    let again = engine.asked(session).await.remove(0).approval_id;
    engine.decide(&bob(), again, plain(Decision::Approve)).await.unwrap();
    engine.over(run).await;
    assert_eq!(outside.attempts("/pay").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_4_edited_arguments_are_held_against_policy() {
    let house = House::new();
    let outside = Outside::new();
    let engine = payer(&house, &outside, json!({ "risk": "high" })).await;
    let bound = "forbid(principal, action == Action::\"call\", resource)\n\
                 when { context.numbers.hasTag(\"/n\") && context.numbers.getTag(\"/n\") > 100 };";
    set(&engine, &format!("{ALL}{bound}")).await;
    for (n, executed) in [(101, 0), (100, 1)] {
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        let run = engine.task(session, "payer", "pay").await;
        engine.rested(run).await;
        let id = engine.asked(session).await.remove(0).approval_id;
        let arguments = Some(json!({ "n": n, "text": "rent" }));
        let edited = DecideApproval { arguments, ..plain(Decision::Approve) };
        engine.decide(&ada(), id, edited).await.unwrap();
        engine.over(run).await;
        assert_eq!(outside.attempts("/pay").len(), executed, "n = {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_2_a_service_decides_only_where_policy_names_it() {
    let house = House::new();
    let outside = Outside::new();
    let engine = payer(&house, &outside, json!({ "risk": "high" })).await;
    let desk = Caller {
        principal: Principal { kind: PrincipalKind::Service, name: "desk".to_owned() },
        ..ada()
    };
    let session = engine.open_as(approved_by("service:desk")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let id = engine.asked(session).await.remove(0).approval_id;
    let refused = engine.decide(&desk, id, plain(Decision::Approve)).await.unwrap_err();
    assert_eq!(refused.code, Code::DeniedByPolicy, "{refused}");
    let named = "permit(principal == Service::\"desk\", action == Action::\"decide\", resource);";
    set(&engine, &format!("permit(principal, action == Action::\"call\", resource);{named}")).await;
    let decided = engine.decide(&desk, id, plain(Decision::Approve)).await.unwrap();
    assert_eq!(decided.status, ApprovalStatus::Approved);
    engine.over(run).await;
    assert_eq!(outside.attempts("/pay").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_2_a_run_that_policy_refuses_has_an_id_and_says_why() {
    let house = House::new();
    let outside = Outside::new();
    let engine = payer(&house, &outside, Value::Null).await;
    set(&engine, &format!("{ALL}@id(\"closed\") forbid(principal == User::\"ada\", action == Action::\"run\", resource == Agent::\"payer\");")).await;
    let made = accepted(&engine, task("payer", "pay")).await;
    let ended = engine.over(made.run_id).await;
    assert_eq!((ended.status, ended.stop_reason), (RunStatus::Failed, Some(StopReason::Refused)));
    let error = ended.error.unwrap();
    assert_eq!(error.code, "denied-by-policy");
    assert!(error.message.contains("closed"), "{}", error.message);
    assert_eq!(
        engine.kinds(made.session_id)[..3],
        ["session.opened", "run.submitted", "run.ended"]
    );
    let by_bob = engine.submit(&bob(), task("payer", "pay")).await.unwrap();
    assert!(is_completed(&engine.over(by_bob.run_id).await));
}

/// A handler that pays, and says what became of it.
fn paying(payments: &Arc<AtomicUsize>) -> IntentRegistry {
    let intents = IntentRegistry::default();
    let payments = payments.clone();
    intents.register_intent("go", "paying", move |ctx: Ctx| {
        let payments = payments.clone();
        async move {
            let inputs = json!({ "amount": 5 });
            let pay = |_| {
                let before = payments.fetch_add(1, Ordering::Relaxed);
                async move { Ok(before) }
            };
            let paid = ctx.step("pay", RecoveryClass::Once, &inputs, pay).await;
            let code = match &paid {
                Ok(_) => "paid",
                Err(StepFailure::Refused(error)) => error.code.as_str(),
                Err(_) => "failed",
            };
            let looked: i64 =
                ctx.step("look", RecoveryClass::Read, &json!({}), |_| async { Ok(1) }).await?;
            let output = json!({ "code": code, "looked": looked });
            Ok::<_, HandlerFailure>(HandlerResult { output, ..HandlerResult::default() })
        }
    });
    intents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_1_a_handlers_substep_is_refused_and_the_handler_sees_it() {
    let house = House::new();
    let payments = Arc::default();
    let engine = house.engine(paying(&payments));
    for (text, code, kind) in [
        (format!("{ALL}{NO_PAY}"), "denied-by-policy", "step.refused"),
        (
            format!(
                "{ALL}forbid(principal, action == Action::\"call\", resource) when {{ context.numbers.hasTag(\"/amount\") && context.numbers.getTag(\"/amount\") > 4 }};"
            ),
            "denied-by-policy",
            "step.refused",
        ),
        (
            format!(
                "{ALL}forbid(principal, action == Action::\"call\", resource) when {{ context.class == \"idempotent\" }};"
            ),
            "paid",
            "step.landed",
        ),
        (ALL.to_owned(), "paid", "step.landed"),
    ] {
        set(&engine, &text).await;
        let made = accepted(&engine, intent_of("go", json!({}))).await;
        let ended = engine.over(made.run_id).await;
        assert_eq!(ended.output.unwrap(), json!({ "code": code, "looked": 1 }), "{text}");
        assert!(engine.kinds(made.session_id).contains(&kind), "{text}");
    }
    assert_eq!(payments.load(Ordering::Relaxed), 2);
}

#[test]
fn pol_1_the_policy_outlives_the_process_and_a_text_that_is_no_policy_changes_nothing() {
    let mut house = House::on_files();
    let outside = Outside::new();
    let life = house.live(IntentRegistry::default());
    let engine = life.engine.clone();
    let version = life.block_on(set(&engine, &format!("{ALL}{NO_PAY}")));
    let bad = SetPolicy { text: "permit(principal, action, resource) when { oops };".to_owned() };
    let refused = life.block_on(engine.set_policy(&ada(), bad)).unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument);
    assert!(refused.message.contains("line 1"), "{refused}");
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    let engine = life.engine.clone();
    assert_eq!(engine.policy(&ada()).unwrap().version, version);
    life.block_on(async {
        let pay = action("pay", "once", &outside.url("/pay"));
        engine.hire(agent("payer").follows(&house, TOLD).may(pay)).await;
        let made = accepted(&engine, task("payer", "pay")).await;
        engine.over(made.run_id).await;
    });
    assert!(outside.attempts("/pay").is_empty(), "the policy of the former life is in force");
    life.forget();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_1_policies_are_listed_shown_and_tried_and_are_each_tenants_own() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let builtin = engine.policy(&ada()).unwrap();
    assert_eq!((builtin.version, builtin.in_force), (PolicyVersion::Default, true));
    let strict = set(&engine, &format!("{ALL}{NO_PAY}")).await;
    let loose = set(&engine, ALL).await;
    assert_eq!(set(&engine, ALL).await, loose, "the same again is nothing new");
    assert_eq!(set(&engine, &format!("{ALL}{NO_PAY}")).await, strict, "an older one again is");
    let first = engine.policies(&ada(), None, Some(2)).unwrap();
    let cursor = first.next_cursor.as_deref();
    let second = engine.policies(&ada(), cursor, Some(2)).unwrap();
    let versions: Vec<_> =
        first.items.iter().chain(&second.items).map(|one| (one.version, one.in_force)).collect();
    assert_eq!(versions, [(strict, true), (loose, false), (strict, false)]);
    assert_eq!(second.next_cursor, None);
    assert_eq!(engine.policy_version(&ada(), loose).unwrap().text.as_deref(), Some(ALL));
    assert_eq!(engine.policy(&eve()).unwrap().version, PolicyVersion::Default);
    assert_eq!(engine.policy_version(&eve(), loose).unwrap_err().code, Code::NotFound);

    let question = |resource: &str| PolicyQuestion {
        action: PolicyAction::Call,
        principal: "agent:payer".to_owned(),
        resource: resource.to_owned(),
        class: None,
        risk: None,
        product: None,
        user: None,
        surface: None,
        arguments: None,
    };
    let ask = |text: Option<&str>, resource: &str| {
        let request =
            TryPolicy { text: text.map(str::to_owned), question: Some(question(resource)) };
        engine.try_policy(&ada(), &request)
    };
    assert_eq!(ask(None, "Tool:pay").unwrap().effect, Some(PolicyEffect::Deny));
    assert_eq!(ask(None, "Tool:look").unwrap().effect, Some(PolicyEffect::Permit));
    assert_eq!(ask(Some(ALL), "Tool:pay").unwrap().effect, Some(PolicyEffect::Permit));
    assert!(ask(None, "Product:desk").unwrap_err().message.contains("`Tool:name`"));
    assert!(ask(Some("permit("), "Tool:pay").is_err());
}
