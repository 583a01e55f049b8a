//! Runs: where they may go, why they end, and why they do not move (`RUN-1`, `RUN-2`, `RUN-5`).

use crate::harness::*;
use serde_json::json;
use tenure_contract::resource::{AgentRequest, Decision, Run, SubmitRun};
use tenure_contract::words::{
    ErrorClass, RecoveryClass, RunStatus, StopReason, StuckReason, Trigger,
};
use tenure_contract::{Code, RunId};
use tenure_engine::{
    Ctx, Drive, Engine, HandlerFailure, HandlerResult, IntentRegistry, StepFailure,
};

fn handlers() -> IntentRegistry {
    let intents = IntentRegistry::default();
    intents.register_intent("fine", "finer", |_: Ctx| async {
        Ok(HandlerResult { output: json!({ "n": 1 }), ..HandlerResult::default() })
    });
    intents.register_intent("fail", "failer", |_: Ctx| async {
        Err(HandlerFailure::new("broken", "it broke"))
    });
    intents.register_intent("hang", "hanger", |ctx: Ctx| async move {
        ctx.step::<(), _, _>("wait", RecoveryClass::Idempotent, &1, |_| std::future::pending())
            .await?;
        Ok(HandlerResult::default())
    });
    intents.register_intent("lose", "loser", |ctx: Ctx| async move {
        let lost = || StepFailure::Lost { message: "no answer".to_owned() };
        ctx.step::<(), _, _>("pay", RecoveryClass::Once, &1, |_| async move { Err(lost()) })
            .await?;
        Ok(HandlerResult::default())
    });
    intents.register_intent("many", "manyer", |ctx: Ctx| async move {
        for n in 0..10 {
            let name = format!("s{n}");
            ctx.step(&name, RecoveryClass::Read, &n, |_| async { Ok::<_, StepFailure>(1) }).await?;
        }
        Ok(HandlerResult::default())
    });
    intents
}

/// An agent that pays on every turn, for ever, and must be confirmed if so wanted.
fn payer(house: &House, outside: &Outside, confirmed: bool) -> Definition {
    let mut pay = action("pay", "idempotent", &outside.url("/pay"));
    if confirmed {
        pay["confirm"] = json!({});
    }
    agent("payer").follows(house, &again_and_again("pay")).may(pay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_1_a_run_carries_its_fields_and_its_times_in_order() {
    let house = House::new();
    let engine = house.engine(handlers());
    let made = accepted(&engine, intent_of("fine", json!({ "x": 1 }))).await;
    let run = engine.over(made.run_id).await;
    assert_eq!((run.tenant_id, run.session_id), (ada().tenant, made.session_id));
    assert_eq!((run.product_id.as_str(), run.user_id.as_str()), ("tenure", "ada"));
    assert_eq!(
        (run.attempt, run.trigger, run.parent_run_id, run.task_id),
        (1, Trigger::Submit, None, None)
    );
    assert_eq!(run.intent_type.as_deref(), Some("fine"));
    assert_eq!((run.handler.as_deref(), run.agent.as_deref()), (Some("finer"), None));
    assert_eq!(run.input.unwrap()["parameters"], json!({ "x": 1 }));
    assert_eq!(run.output, Some(json!({ "n": 1 })));
    let (created, started, completed) =
        (run.created_at, run.started_at.unwrap(), run.completed_at.unwrap());
    assert!(created <= started && started <= completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_1_what_the_table_does_not_list_is_refused_and_changes_nothing() {
    let house = House::new();
    let engine = house.engine(handlers());
    let session = engine.open().await;
    let running = engine.intend(session, "hang", json!({})).await;
    let queued = engine.intend(session, "fine", json!({})).await;
    let status = async |run: RunId| engine.run(&ada(), run).await.unwrap().status;
    assert_eq!(status(queued).await, RunStatus::Queued);
    let illegal = |told: Result<Run, tenure_contract::Error>| {
        assert_eq!(told.unwrap_err().code, Code::IllegalTransition);
    };
    illegal(engine.pause(&ada(), queued).await);
    illegal(engine.resume(&ada(), queued).await);
    illegal(engine.resume(&ada(), running).await);
    // queued → cancelled, without ever having started
    engine.cancel(&ada(), queued, None).await.unwrap();
    let cancelled = engine.over(queued).await;
    assert_eq!((cancelled.status, cancelled.started_at), (RunStatus::Cancelled, None));
    engine.pause(&ada(), running).await.unwrap();
    assert_eq!(status(running).await, RunStatus::Paused);
    illegal(engine.pause(&ada(), running).await);
    assert_eq!(engine.resume(&ada(), running).await.unwrap().status, RunStatus::Running);
    // paused → cancelled
    engine.pause(&ada(), running).await.unwrap();
    engine.cancel(&ada(), running, None).await.unwrap();
    engine.over(running).await;
    let before = engine.told(session).len();
    illegal(engine.cancel(&ada(), running, None).await);
    illegal(engine.pause(&ada(), running).await);
    illegal(engine.resume(&ada(), running).await);
    assert_eq!(engine.told(session).len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_2_finished_and_failed_say_so() {
    let house = House::new();
    let engine = house.engine(handlers());
    let fine = accepted(&engine, intent_of("fine", json!({}))).await.run_id;
    let fine = engine.over(fine).await;
    assert_eq!((fine.status, fine.stop_reason), (RunStatus::Completed, Some(StopReason::Finished)));
    assert_eq!(fine.error, None);
    let fail = accepted(&engine, intent_of("fail", json!({}))).await.run_id;
    let fail = engine.over(fail).await;
    assert_eq!((fail.status, fail.stop_reason), (RunStatus::Failed, Some(StopReason::Failed)));
    let error = fail.error.unwrap();
    assert_eq!(
        (error.class, error.code.as_str(), error.message.as_str()),
        (ErrorClass::Handler, "broken", "it broke")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_2_the_cap_on_turns_is_a_failure_however_much_was_done() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(handlers());
    engine.hire(payer(&house, &outside, false).with("max_steps", json!(2))).await;
    let run = accepted(&engine, task("payer", "pay")).await.run_id;
    let run = engine.over(run).await;
    assert_eq!((run.status, run.stop_reason), (RunStatus::Failed, Some(StopReason::MaxSteps)));
    assert_eq!(run.usage.model_calls, 2);
    assert_eq!(outside.attempts("/pay").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_2_a_budget_nobody_may_raise_or_somebody_denies_is_a_failure() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(handlers());
    let many = SubmitRun { budget_steps: Some(3), ..intent_of("many", json!({})) };
    let many = accepted(&engine, many).await.run_id;
    let many = engine.over(many).await;
    assert_eq!((many.status, many.stop_reason), (RunStatus::Failed, Some(StopReason::Budget)));
    assert_eq!(many.usage.steps, 3);
    engine.hire(payer(&house, &outside, false)).await;
    let alone = SubmitRun { budget_steps: Some(2), ..task("payer", "pay") };
    let alone = accepted(&engine, alone).await.run_id;
    assert_eq!(engine.over(alone).await.stop_reason, Some(StopReason::Budget));
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let asking = SubmitRun { budget_steps: Some(2), ..task_in(session, "payer", "pay") };
    let asking = accepted(&engine, asking).await.run_id;
    assert_eq!(engine.rested(asking).await.status, RunStatus::WaitingApproval);
    engine.answer(session, Decision::Approve).await.unwrap();
    // two more, and the next breach
    let again = engine
        .seen(asking, |run| run.usage.steps == 4 && run.status == RunStatus::WaitingApproval)
        .await;
    assert_eq!(again.waiting_for.unwrap().reason, StuckReason::Budget);
    engine.answer(session, Decision::Deny).await.unwrap();
    let denied = engine.over(asking).await;
    assert_eq!((denied.status, denied.stop_reason), (RunStatus::Failed, Some(StopReason::Budget)));
    assert_eq!(denied.usage.steps, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_2_aborted_and_superseded_are_cancelled() {
    let house = House::new();
    let engine = house.engine(handlers());
    let session = engine.open().await;
    let aborted = engine.intend(session, "hang", json!({})).await;
    engine.cancel(&ada(), aborted, Some("enough".to_owned())).await.unwrap();
    let aborted = engine.over(aborted).await;
    assert_eq!(
        (aborted.status, aborted.stop_reason),
        (RunStatus::Cancelled, Some(StopReason::Aborted))
    );
    let superseded = engine.intend(session, "hang", json!({})).await;
    let next = with_policy(
        intent_in(session, "fine", json!({})),
        tenure_contract::words::InputPolicy::Interrupt,
    );
    let next = accepted(&engine, next).await.run_id;
    let superseded = engine.over(superseded).await;
    assert_eq!(
        (superseded.status, superseded.stop_reason),
        (RunStatus::Cancelled, Some(StopReason::Superseded))
    );
    assert!(is_completed(&engine.over(next).await));
}

async fn reason(engine: &Engine, run: RunId, wanted: StuckReason) -> Option<String> {
    let is_wanted =
        |run: &Run| run.waiting_for.as_ref().is_some_and(|stuck| stuck.reason == wanted);
    let waiting = engine.seen(run, is_wanted).await.waiting_for.unwrap();
    assert!(!waiting.text.is_empty());
    assert!(waiting.since.is_some(), "{waiting:?}");
    waiting.subject
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_5_a_run_that_does_not_move_says_why_and_for_what() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(handlers());
    engine.hire(payer(&house, &outside, true)).await;

    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let asking = engine.task(session, "payer", "pay").await;
    let subject = reason(&engine, asking, StuckReason::Approval).await;
    assert_eq!(subject, Some(engine.asked(session).await[0].approval_id.to_string()));
    let behind = engine.intend(session, "fine", json!({})).await;
    assert_eq!(reason(&engine, behind, StuckReason::Dependency).await, Some(asking.to_string()));
    engine.pause(&ada(), asking).await.unwrap();
    let paused = engine.run(&ada(), asking).await.unwrap().waiting_for.unwrap();
    assert_eq!(paused.reason, StuckReason::Operator);

    let losing = engine.open().await;
    let lost = engine.intend(losing, "lose", json!({})).await;
    let subject = reason(&engine, lost, StuckReason::InDoubtStep).await;
    assert_eq!(subject, Some(engine.steps(&ada(), lost).await.unwrap()[0].step_id.to_string()));

    let hanging = engine.open().await;
    let hung = engine.intend(hanging, "hang", json!({})).await;
    let subject = reason(&engine, hung, StuckReason::Effect).await;
    assert_eq!(subject, Some(engine.steps(&ada(), hung).await.unwrap()[0].step_id.to_string()));

    let poor = engine.open_as(approved_by("user:ada")).await.session_id;
    let broke = SubmitRun { budget_steps: Some(1), ..task_in(poor, "payer", "pay") };
    let broke = accepted(&engine, broke).await.run_id;
    engine.seen(broke, |run| run.status == RunStatus::WaitingApproval).await;
    engine.answer(poor, Decision::Approve).await.unwrap();
    let subject = reason(&engine, broke, StuckReason::Budget).await;
    assert_eq!(subject, Some(engine.asked(poor).await[0].approval_id.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt3_an_option_may_only_lower_the_cap_and_its_origin_is_journaled() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(handlers());
    engine.hire(payer(&house, &outside, false).with("max_steps", json!(3))).await;
    let capped = |max_steps| {
        let agent = AgentRequest {
            name: "payer".to_owned(),
            version: None,
            task: "pay".to_owned(),
            max_steps,
        };
        SubmitRun { agent: Some(agent), ..SubmitRun::default() }
    };
    for refused in [Some(0), Some(4)] {
        assert_eq!(
            engine.submit(&ada(), capped(refused)).await.unwrap_err().code,
            Code::InvalidArgument
        );
    }
    let free = SubmitRun { budget_steps: Some(0), ..capped(None) };
    assert_eq!(engine.submit(&ada(), free).await.unwrap_err().code, Code::InvalidArgument);
    for (asked, turns, origin) in [(None, 3, "config"), (Some(1), 1, "option")] {
        let made = accepted(&engine, capped(asked)).await;
        assert_eq!(engine.over(made.run_id).await.usage.model_calls, turns);
        let submitted =
            engine.told(made.session_id).into_iter().find_map(|told| match told.entry.event {
                tenure_contract::Event::RunSubmitted(event) => Some(event.limits),
                _ => None,
            });
        let limits = serde_json::to_value(submitted.unwrap()).unwrap();
        assert_eq!((&limits["maxSteps"], &limits["maxStepsFrom"]), (&json!(turns), &json!(origin)));
        assert_eq!(limits["budgetStepsFrom"], "default");
    }
}

/// Nothing settles here: who would wait for the lists would be told that they are behind.
#[tokio::test]
async fn run_5_a_run_that_was_just_submitted_is_told_while_the_lists_are_behind() {
    let house = House::new();
    let config = house.config(Drive::Manual);
    let engine = Engine::start(house.store(), config, handlers(), &|_| {}).unwrap();
    let committing = engine.clone();
    tokio::spawn(async move {
        loop {
            let _ = committing.commit_some();
            tokio::task::yield_now().await;
        }
    });
    let session = engine.open().await;
    let run = engine.intend(session, "fine", json!({})).await;
    let told = engine.run(&ada(), run).await.unwrap();
    assert_eq!((told.run_id, told.session_id), (run, session));
    assert!(engine.settle_lag().0 > 0);
}
