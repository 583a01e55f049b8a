//! `RUN-1` to `RUN-5`: what a run is, why it ended, how `/api` sees it, why it does not move.

use crate::answer::{has_fields, is_time, is_word, number, text};
use crate::case::{Outcome, cases, ensure, same, skipped};
use crate::kit::{Kit, Started};
use crate::stand::Turn;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "RUN-1" a_run_has_all_its_fields "an ended run has every field, its times in order and what it used";
    "RUN-1" a_run_goes_its_way_in_the_journal "submitted, started and ended stand in the journal in this order, once each";
    "RUN-1" a_wait_for_a_decision_is_entered_and_left "waiting-approval begins and ends by an entry, and the run goes on";
    "RUN-1" a_run_can_be_paused_and_resumed "a paused run starts no step, and goes on when it is resumed";
    "RUN-1" what_is_not_listed_is_refused "an ended run cannot be cancelled, paused or resumed, and stays as it was";
    "RUN-2" finished_is_completed "a run whose model is done is completed, as finished";
    "RUN-2" a_cap_is_never_success "a run that reaches max_steps is failed, as max_steps";
    "RUN-2" a_broken_model_is_failed "a run whose model cannot answer is failed, with an error of class adapter";
    "RUN-2" a_cancelled_run_is_aborted "a cancelled run is cancelled, as aborted, although its model hangs";
    "RUN-3" an_execution_is_the_run_in_other_words "the execution view has its fields and says created, running and completed for what the run is";
    "RUN-5" a_waiting_run_says_for_which_approval "a run that waits names the approval and since when";
    "RUN-5" a_queued_run_says_what_goes_first "a queued run names the run that goes before it";
    "RUN-5" a_paused_run_says_so "a run that somebody paused says so";
}

const FIELDS: &[&str] = &[
    "runId",
    "tenantId",
    "productId",
    "userId",
    "sessionId",
    "taskId",
    "parentRunId",
    "attempt",
    "agent",
    "intentType",
    "intentId",
    "handler",
    "status",
    "stopReason",
    "trigger",
    "usage",
    "createdAt",
    "startedAt",
    "completedAt",
    "input",
    "output",
    "error",
    "waitingFor",
];
const STATUSES: &[&str] =
    &["queued", "running", "paused", "waiting-approval", "completed", "failed", "cancelled"];

async fn done(kit: &Kit) -> Outcome<(Started, Value)> {
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let run = kit.ended(&started).await?;
    Ok((started, run))
}

async fn a_run_has_all_its_fields(kit: &Kit) -> Outcome {
    let (started, run) = done(kit).await?;
    has_fields("the run", &run, FIELDS)?;
    is_word(&run, "status", STATUSES)?;
    is_word(&run, "trigger", &["submit"])?;
    same("its session", text(&run, "sessionId")?, started.session.as_str())?;
    same("its attempt", number(&run, "attempt")?, 1)?;
    for field in ["createdAt", "startedAt", "completedAt"] {
        is_time(&run, field)?;
    }
    let times = [text(&run, "createdAt")?, text(&run, "startedAt")?, text(&run, "completedAt")?];
    ensure(times.is_sorted(), || format!("its times are not in order: {times:?}"))?;
    ensure(text(&run, "agent")?.contains("@sha256:"), || {
        format!("its agent names no version: {}", run["agent"])
    })?;
    let counts =
        run["usage"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64());
    ensure(counts.sum::<u64>() > 0, || format!("it used nothing: {}", run["usage"]))
}

async fn a_run_goes_its_way_in_the_journal(kit: &Kit) -> Outcome {
    let (started, _) = done(kit).await?;
    let entries = kit.entries(&started.session).await?;
    let way: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["run"] == started.run.as_str())
        .filter_map(|entry| entry["kind"].as_str())
        .filter(|kind| kind.starts_with("run."))
        .collect();
    same("the run's way", way, vec!["run.submitted", "run.started", "run.ended"])
}

async fn a_wait_for_a_decision_is_entered_and_left(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    kit.decide(&approval, &json!({ "decision": "approve" })).await?.ok(200)?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    let entries = kit.entries(&session).await?;
    let place = |kind: &str| entries.iter().position(|entry| entry["kind"] == kind);
    let places = [
        place("run.started"),
        place("run.waiting-approval"),
        place("approval.decided"),
        place("run.resumed"),
        place("run.ended"),
    ];
    ensure(places.iter().all(Option::is_some) && places.is_sorted(), || {
        format!("started, waiting-approval, decided, resumed, ended stand at {places:?}")
    })
}

async fn a_run_can_be_paused_and_resumed(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one").held(), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    actor.play.is_asked(0, 1).await?;
    kit.client.post(&format!("/v1/runs/{}/pause", started.run), &json!({})).await?.ok(200)?;
    actor.play.release();
    kit.until(&started, &["paused"]).await?;
    let seen = kit.client.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
    same("the session of a paused run", text(&seen, "status")?, "paused")?;
    same("effects while it is paused", actor.play.effects().len(), 0)?;
    kit.client.post(&format!("/v1/runs/{}/resume", started.run), &json!({})).await?.ok(200)?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    same("effects in all", actor.play.effects().len(), 1)
}

async fn what_is_not_listed_is_refused(kit: &Kit) -> Outcome {
    let (started, before) = done(kit).await?;
    for verb in ["cancel", "pause", "resume"] {
        let path = format!("/v1/runs/{}/{verb}", started.run);
        kit.client.post(&path, &json!({})).await?.refused(&[Code::IllegalTransition])?;
    }
    let after = kit.run(&started.run).await?;
    same("the run afterwards", &after, &before)
}

async fn finished_is_completed(kit: &Kit) -> Outcome {
    let (_, run) = done(kit).await?;
    same("the status", text(&run, "status")?, "completed")?;
    same("the stop reason", text(&run, "stopReason")?, "finished")?;
    same("the error", &run["error"], &Value::Null)
}

async fn a_cap_is_never_success(kit: &Kit) -> Outcome {
    let turns = vec![Turn::call("effect", "one"), Turn::call("effect", "two"), Turn::say("done")];
    let actor = kit.agent_with(turns, json!({ "max_steps": 2 })).await?;
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    same("the status", text(&run, "status")?, "failed")?;
    same("the stop reason", text(&run, "stopReason")?, "max_steps")?;
    same("the model's turns", actor.play.turns_asked(), 2)
}

async fn a_broken_model_is_failed(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::fail(400)]).await?;
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    same("the status", text(&run, "status")?, "failed")?;
    same("the stop reason", text(&run, "stopReason")?, "failed")?;
    same("the class of the error", run["error"]["class"].as_str(), Some("adapter"))
}

async fn a_cancelled_run_is_aborted(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one").held(), Turn::say("done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    actor.play.is_asked(0, 1).await?;
    let path = format!("/v1/runs/{}/cancel", started.run);
    kit.client.post(&path, &json!({ "reason": "the kit asks" })).await?.ok(200)?;
    let run = kit.ended(&started).await?;
    same("the status", text(&run, "status")?, "cancelled")?;
    same("the stop reason", text(&run, "stopReason")?, "aborted")?;
    actor.play.release();
    same("effects of a cancelled run", actor.play.effects().len(), 0)
}

async fn an_execution_is_the_run_in_other_words(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done").held()]).await?;
    let session = kit.plain_session().await?;
    let first = kit.start_in(&actor, &session).await?;
    actor.play.is_asked(0, 1).await?;
    let second = kit.start_in(&actor, &session).await?;
    let seen = async |run: &Started, status: &str, exact: &str| {
        let path = format!("/api/execution/{}/status", run.run);
        let execution = kit.client.get(&path).await?.ok(200)?;
        let fields = [
            "execution_id",
            "status",
            "intent_id",
            "artifacts",
            "events",
            "error",
            "created_at",
            "metadata",
        ];
        has_fields("the execution", &execution, &fields)?;
        same("the execution's id", text(&execution, "execution_id")?, run.run.as_str())?;
        same("the execution's status", text(&execution, "status")?, status)?;
        same("metadata.run_status", execution["metadata"]["run_status"].as_str(), Some(exact))
    };
    seen(&first, "running", "running").await?;
    seen(&second, "created", "queued").await?;
    actor.play.release();
    kit.ended(&first).await?;
    kit.ended(&second).await?;
    seen(&first, "completed", "completed").await
}

fn waits_for(run: &Value, reason: &str) -> Outcome {
    let waiting = &run["waitingFor"];
    if run.get("waitingFor").is_none() {
        return skipped("the server's runs have no `waitingFor`");
    }
    same("the reason", waiting["reason"].as_str(), Some(reason))?;
    ensure(!waiting["text"].as_str().unwrap_or_default().is_empty(), || {
        format!("no words for a person: {waiting}")
    })
}

async fn a_waiting_run_says_for_which_approval(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    let approval = kit.approval(&started).await?;
    let run = kit.run(&started.run).await?;
    waits_for(&run, "approval")?;
    same("the subject", run["waitingFor"]["subject"].as_str(), Some(approval.as_str()))?;
    is_time(&run["waitingFor"], "since")
}

async fn a_queued_run_says_what_goes_first(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done").held()]).await?;
    let session = kit.plain_session().await?;
    let first = kit.start_in(&actor, &session).await?;
    actor.play.is_asked(0, 1).await?;
    let second = kit.start_in(&actor, &session).await?;
    let run = kit.run(&second.run).await?;
    actor.play.release();
    waits_for(&run, "dependency")?;
    same("the subject", run["waitingFor"]["subject"].as_str(), Some(first.run.as_str()))
}

async fn a_paused_run_says_so(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one").held(), Turn::say("done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    actor.play.is_asked(0, 1).await?;
    kit.client.post(&format!("/v1/runs/{}/pause", started.run), &json!({})).await?.ok(200)?;
    actor.play.release();
    let run = kit.until(&started, &["paused"]).await?;
    waits_for(&run, "operator")
}
