//! Approvals: refuse by default, bound to the exact action, used once (`APR-1` to `APR-5`, `RT6`,
//! `FLT-8`, `FLT-9`, `FLT-15`).

use crate::harness::*;
use serde_json::{Value, json};
use tenure_contract::resource::{DecideApproval, Decision};
use tenure_contract::words::{ApprovalKind, ApprovalStatus, RiskLevel, RunStatus};
use tenure_contract::{Code, Digest, Event};
use tenure_engine::{Engine, IntentRegistry, Listing};

const TOLD: &str = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 5, text = \"rent\" }\n\
                    [[turn]]\ntext = \"heard: {{pay}}\"\n";

/// An engine with an agent that must ask before it pays.
async fn asking(house: &House, outside: &Outside) -> Engine {
    let engine = house.engine(IntentRegistry::default());
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({ "risk": "high" });
    engine.hire(agent("payer").follows(house, TOLD).may(pay)).await;
    engine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_1_an_approval_carries_its_fields_and_is_decided_once() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    let session = engine.open_as(approved_by("user:*")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let asked = engine.asked(session).await.remove(0);
    let asked = engine.approval(&ada(), asked.approval_id).await.unwrap();
    assert_eq!((asked.kind, asked.risk_level), (ApprovalKind::Action, RiskLevel::High));
    assert_eq!(
        (asked.session_id, asked.run_id, asked.tenant_id),
        (Some(session), Some(run), ada().tenant)
    );
    assert_eq!(
        (asked.status, asked.resolved_at, asked.resolver),
        (ApprovalStatus::Requested, None, None)
    );
    assert!(asked.expires_at.unwrap() > asked.requested_at);
    assert!(asked.action_label.contains("rent"), "{}", asked.action_label);
    let denied = DecideApproval { reason: Some("too much".to_owned()), ..plain(Decision::Deny) };
    let decided = engine.decide(&bob(), asked.approval_id, denied).await.unwrap();
    assert_eq!(decided.status, ApprovalStatus::Denied);
    assert_eq!(decided.resolver.unwrap().principal, "user:bob");
    assert_eq!(decided.reason.as_deref(), Some("too much"));
    assert!(decided.resolved_at.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_15_a_decided_approval_cannot_be_flipped() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    for (first, second) in
        [(Decision::Deny, Decision::Approve), (Decision::Approve, Decision::Deny)]
    {
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        let run = engine.task(session, "payer", "pay").await;
        engine.rested(run).await;
        let id = engine.asked(session).await[0].approval_id;
        let decided = engine.decide(&ada(), id, plain(first)).await.unwrap().status;
        for again in [first, second] {
            let refused = engine.decide(&ada(), id, plain(again)).await.unwrap_err();
            assert_eq!(refused.code, Code::AlreadyDecided);
        }
        assert_eq!(engine.approval(&ada(), id).await.unwrap().status, decided);
        engine.over(run).await;
    }
    assert_eq!(outside.attempts("/pay").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_2_with_nobody_to_ask_a_call_is_refused_at_once_and_the_model_is_told() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    let made = accepted(&engine, task("payer", "pay")).await;
    let ended = engine.over(made.run_id).await;
    assert!(is_completed(&ended));
    assert!(content(&ended).contains("nobody may give one"), "{}", content(&ended));
    assert!(outside.attempts("/pay").is_empty());
    assert!(!engine.kinds(made.session_id).contains(&"approval.requested"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_2_only_a_named_approver_decides_and_a_denial_is_told_to_the_model() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    let session = engine.open_as(approved_by("user:bob")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let id = engine.asked(session).await[0].approval_id;
    let refused = engine.decide(&ada(), id, plain(Decision::Approve)).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    assert!(refused.message.contains("user:bob"), "{refused}");
    assert_eq!(engine.approval(&ada(), id).await.unwrap().status, ApprovalStatus::Requested);
    let denied =
        DecideApproval { reason: Some("not this month".to_owned()), ..plain(Decision::Deny) };
    engine.decide(&bob(), id, denied).await.unwrap();
    let ended = engine.over(run).await;
    assert!(is_completed(&ended));
    assert!(content(&ended).contains("not this month"), "{}", content(&ended));
    assert!(outside.attempts("/pay").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_3_the_digest_is_of_the_exact_action_that_is_shown() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let id = engine.asked(session).await[0].approval_id;
    let asked = engine.approval(&ada(), id).await.unwrap();
    let action = asked.action.unwrap();
    assert_eq!(action["arguments"], json!({ "n": 5, "text": "rent" }));
    assert_eq!((&action["tool"], &action["run"]), (&json!("pay"), &json!(run)));
    assert_eq!(action["tenant"], json!(ada().tenant));
    let canonical = serde_json_canonicalizer::to_vec(&action).unwrap();
    assert_eq!(asked.action_digest, Digest::of(&[&canonical]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_3_edited_arguments_make_another_action_which_is_what_is_performed() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let id = engine.asked(session).await[0].approval_id;
    let before = engine.approval(&ada(), id).await.unwrap().action_digest;
    let edited = |arguments: Value| DecideApproval {
        arguments: Some(arguments),
        ..plain(Decision::Approve)
    };
    let wrong = engine.decide(&ada(), id, edited(json!({ "n": "five" }))).await.unwrap_err();
    assert_eq!(wrong.code, Code::InvalidArgument);
    assert_eq!(engine.run(&ada(), run).await.unwrap().status, RunStatus::WaitingApproval);
    engine.decide(&ada(), id, edited(json!({ "n": 3 }))).await.unwrap();
    engine.over(run).await;
    let paid: Vec<_> = outside.attempts("/pay").into_iter().map(|one| one.body).collect();
    assert_eq!(paid, [json!({ "n": 3 })]);
    let after = engine.approval(&ada(), id).await.unwrap().action_digest;
    assert_ne!(after, before);
    let events: Vec<_> = engine.told(session).into_iter().map(|told| told.entry.event).collect();
    let recorded = events.iter().find_map(|event| match event {
        Event::ApprovalDecided(decided) => decided.edited,
        _ => None,
    });
    let performed = events.iter().find_map(|event| match event {
        Event::StepIntended(step) if step.approval == Some(id) => Some(step.input),
        _ => None,
    });
    assert_eq!((recorded, performed), (Some(after), Some(after)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_4_an_approval_is_used_up_by_the_intent_of_one_step() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    // the model asks for the very same action twice, one turn after the other
    let again = TOLD.replace(
        "[[turn]]\ntext",
        "[[turn]]\n[[turn.call]]\ntool = \"pay\"\nas = \"more\"\n\
                              arguments = { n = 5, text = \"rent\" }\n[[turn]]\ntext",
    );
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    engine.hire(agent("payer").follows(&house, &again).may(pay)).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let first = engine.answer(session, Decision::Approve).await.unwrap();
    engine
        .seen(run, |run| run.usage.tool_calls == 1 && run.status == RunStatus::WaitingApproval)
        .await;
    let second = engine.answer(session, Decision::Deny).await.unwrap();
    engine.over(run).await;
    assert_eq!(first.action_digest, second.action_digest);
    assert_eq!(outside.attempts("/pay").len(), 1);
    let told = engine.told(session);
    let used: Vec<_> = told
        .iter()
        .filter_map(|told| match &told.entry.event {
            Event::StepIntended(step) => step.approval,
            _ => None,
        })
        .collect();
    assert_eq!(used, [first.approval_id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_5_many_approvals_wait_in_parallel_and_block_neither_reads_nor_others() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        waiting.push((session, engine.task(session, "payer", "pay").await));
    }
    for (_, run) in &waiting {
        assert_eq!(engine.rested(*run).await.status, RunStatus::WaitingApproval);
    }
    engine.settled().await.unwrap();
    let open = Listing { open_only: Some(true), ..Listing::default() };
    assert_eq!(engine.approvals(&ada(), &open).unwrap().items.len(), 20);
    for (session, run) in &waiting {
        assert!(!engine.told(*session).is_empty());
        assert!(engine.steps(&ada(), *run).await.is_ok());
    }
    // another session goes on meanwhile, and they are decided in any order
    let other = accepted(&engine, task("payer", "pay")).await.run_id;
    assert!(is_completed(&engine.over(other).await));
    for (session, _) in waiting.iter().rev() {
        engine.answer(*session, Decision::Approve).await.unwrap();
    }
    for (_, run) in &waiting {
        assert!(is_completed(&engine.over(*run).await));
    }
    assert_eq!(outside.attempts("/pay").len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_5_several_approvals_of_one_turn_are_decided_one_by_one() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    let calls: String = (1..=3)
        .map(|n| {
            format!("[[turn.call]]\ntool = \"pay\"\nas = \"p{n}\"\narguments = {{ n = {n} }}\n")
        })
        .collect();
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    let script = format!("[[turn]]\n{calls}[[turn]]\ntext = \"done\"\n");
    engine.hire(agent("payer").follows(&house, &script).may(pay)).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let asked = engine.asked(session).await;
    assert_eq!(asked.len(), 3);
    for (place, one) in asked.iter().enumerate() {
        let decision = if place == 1 { Decision::Deny } else { Decision::Approve };
        engine.decide(&ada(), one.approval_id, plain(decision)).await.unwrap();
    }
    let ended = engine.over(run).await;
    let results = results(&ended);
    assert!(results[1]["error"].as_str().unwrap().starts_with("denied"), "{results:?}");
    assert_eq!((&results[0]["ok"], &results[2]["ok"]), (&json!(true), &json!(true)));
    assert_eq!(outside.attempts("/pay").len(), 2);
}

#[test]
fn flt_8_nothing_but_the_word_approve_is_an_approval() {
    for word in ["true", "1", "\"yes\"", "\"Approve\"", "\"approved\"", "\"\"", "{}", "[]", "null"]
    {
        let text = format!("{{ \"decision\": {word} }}");
        assert!(serde_json::from_str::<DecideApproval>(&text).is_err(), "{word}");
    }
    assert!(serde_json::from_str::<DecideApproval>("{}").is_err());
    let read: DecideApproval = serde_json::from_str("{ \"decision\": \"approve\" }").unwrap();
    assert_eq!(read, plain(Decision::Approve));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt6_only_approve_lets_the_tool_run() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    for (decision, paid) in [(Decision::Deny, 0), (Decision::Approve, 1)] {
        let session = engine.open_as(approved_by("user:ada")).await.session_id;
        let run = engine.task(session, "payer", "pay").await;
        engine.rested(run).await;
        assert!(outside.attempts("/pay").is_empty());
        engine.answer(session, decision).await.unwrap();
        assert!(is_completed(&engine.over(run).await));
        assert_eq!(outside.attempts("/pay").len(), paid);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flt_9_an_approver_that_fails_kills_no_run() {
    let house = House::new();
    let outside = Outside::new();
    let engine = asking(&house, &outside).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    let before = engine.rested(run).await;
    let id = engine.asked(session).await[0].approval_id;
    // an approver that gives up in the middle of its decision, and one that talks nonsense
    drop(engine.decide(&ada(), id, plain(Decision::Approve)));
    let nonsense = DecideApproval { reason: Some("x".repeat(3_000)), ..plain(Decision::Approve) };
    assert!(engine.decide(&ada(), id, nonsense).await.is_err());
    let after = engine.run(&ada(), run).await.unwrap();
    assert_eq!((after.status, after.seq), (RunStatus::WaitingApproval, before.seq));
    engine.answer(session, Decision::Deny).await.unwrap();
    assert!(is_completed(&engine.over(run).await));
    assert!(outside.attempts("/pay").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_in_a_persons_own_words() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"ask_human\"\narguments = { question = \"which one?\" }\n\
                  [[turn]]\ntext = \"they said {{ask_human}}\"\n";
    engine.hire(agent("asker").follows(&house, script).may(json!({ "use": "ask_human" }))).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "asker", "ask").await;
    engine.rested(run).await;
    let asked = engine.asked(session).await.remove(0);
    assert_eq!((asked.kind, asked.action_label.as_str()), (ApprovalKind::Question, "which one?"));
    let mute = engine.decide(&ada(), asked.approval_id, plain(Decision::Approve)).await;
    assert_eq!(mute.unwrap_err().code, Code::InvalidArgument);
    let answer =
        DecideApproval { answer: Some("the red one".to_owned()), ..plain(Decision::Approve) };
    engine.decide(&ada(), asked.approval_id, answer).await.unwrap();
    assert_eq!(content(&engine.over(run).await), "they said the red one");
}
