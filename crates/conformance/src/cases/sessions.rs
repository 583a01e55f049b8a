//! `SES-1` to `SES-3`: what a session is, what resumable means, one run at a time.

use crate::answer::{has_fields, is_time, is_word, items, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::kit::Kit;
use crate::stand::Turn;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "SES-1" a_session_has_all_its_fields "a new session has every field, null where it has nothing, and is active";
    "SES-1" a_session_says_whom_it_is_for "product and user are kept as given, and the user is never null";
    "SES-1" an_end_is_final "completed, failed and cancelled are final: no second end, no new run";
    "SES-1" a_session_follows_its_run "a session is waiting-approval while its run waits, and active afterwards";
    "SES-1" a_session_of_one_run_ends_with_it "a session made for one run ends when it does";
    "SES-1" opening_twice_with_a_key_opens_once "the same key and request open one session, and another request conflicts";
    "SES-2" resumable_until_it_ends "resumable is true while a session is open and false once it has ended";
    "SES-2" nobody_sets_resumable "a client that names resumable is refused";
    "SES-3" queue_starts_after_the_current_run "with queue the second run starts once the first has ended, and not before";
    "SES-3" reject_is_a_conflict "with reject the second run is refused as a conflict and leaves nothing behind";
    "SES-3" interrupt_supersedes_the_current_run "with interrupt the current run ends as superseded and the new one goes on";
    "SES-3" steer_reaches_the_next_model_call "with steer the input is given to the current run before its next model call";
    "SES-3" the_policy_is_recorded "the policy that was used stands in the journal with the run";
}

const FIELDS: &[&str] = &[
    "sessionId",
    "tenantId",
    "productId",
    "userId",
    "status",
    "startedAt",
    "updatedAt",
    "resumable",
    "currentTaskId",
    "memoryRefs",
    "artifactRefs",
    "approvalRefs",
    "dispatchContext",
    "workspace",
    "executionTarget",
    "agentBinding",
];
const STATUSES: &[&str] =
    &["active", "paused", "waiting-approval", "completed", "failed", "cancelled"];

async fn a_session_has_all_its_fields(kit: &Kit) -> Outcome {
    let opened = kit.session(json!({})).await?;
    let id = text(&opened, "sessionId")?;
    let seen = kit.client.get(&format!("/v1/sessions/{id}")).await?.ok(200)?;
    for session in [&opened, &seen] {
        has_fields("the session", session, FIELDS)?;
        is_word(session, "status", STATUSES)?;
        same("the status of a new session", text(session, "status")?, "active")?;
        is_word(session, "executionTarget", &["sandbox", "local"])?;
        for field in ["startedAt", "updatedAt"] {
            is_time(session, field)?;
        }
        for field in ["memoryRefs", "artifactRefs", "approvalRefs"] {
            ensure(session[field].is_array(), || format!("`{field}` is no list: {session}"))?;
        }
    }
    Ok(())
}

async fn a_session_says_whom_it_is_for(kit: &Kit) -> Outcome {
    let named = kit.session(json!({ "productId": "kit", "userId": "user:kit" })).await?;
    same("productId", text(&named, "productId")?, "kit")?;
    same("userId", text(&named, "userId")?, "user:kit")?;
    let silent = kit.session(json!({ "userId": null })).await?;
    ensure(!text(&silent, "userId")?.is_empty(), || format!("userId is empty: {silent}"))
}

async fn an_end_is_final(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    for status in ["completed", "failed", "cancelled"] {
        let session = kit.plain_session().await?;
        let path = format!("/v1/sessions/{session}/end");
        let ended = kit.client.post(&path, &json!({ "status": status })).await?.ok(200)?;
        same("the status of an ended session", text(&ended, "status")?, status)?;
        for again in ["completed", "cancelled"] {
            kit.client
                .post(&path, &json!({ "status": again }))
                .await?
                .refused(&[Code::IllegalTransition])?;
        }
        kit.submit(&actor, json!({ "sessionId": session }))
            .await?
            .refused(&[Code::IllegalTransition])?;
        let seen = kit.client.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
        same("the status after all that", text(&seen, "status")?, status)?;
    }
    Ok(())
}

async fn a_session_follows_its_run(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    let path = format!("/v1/sessions/{session}");
    let waiting = kit.client.get(&path).await?.ok(200)?;
    same("the session's status", text(&waiting, "status")?, "waiting-approval")?;
    let refs = waiting["approvalRefs"].as_array().cloned().unwrap_or_default();
    ensure(refs.iter().any(|known| *known == approval), || {
        format!("approvalRefs lack `{approval}`: {waiting}")
    })?;
    kit.decide(&approval, &json!({ "decision": "approve" })).await?.ok(200)?;
    kit.ended(&started).await?;
    let after = kit.client.get(&path).await?.ok(200)?;
    same("the session's status afterwards", text(&after, "status")?, "active")
}

async fn a_session_of_one_run_ends_with_it(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    kit.ended(&started).await?;
    let path = format!("/v1/sessions/{}", started.session);
    kit.eventually("end of the session", async || {
        let session = kit.client.get(&path).await?.ok(200)?;
        Ok((text(&session, "status")? == "completed").then_some(()))
    })
    .await
}

async fn opening_twice_with_a_key_opens_once(kit: &Kit) -> Outcome {
    let key = kit.name("key");
    let headers = [("idempotency-key", key.as_str())];
    let open = async |product: &str| {
        kit.client.post_with("/v1/sessions", &headers, &json!({ "productId": product })).await
    };
    let first = open("kit").await?.ok(201)?;
    let again = open("kit").await?.ok(201)?;
    same("the session of the repetition", text(&again, "sessionId")?, text(&first, "sessionId")?)?;
    open("other").await?.refused(&[Code::KeyConflict])?;
    Ok(())
}

async fn resumable_until_it_ends(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let path = format!("/v1/sessions/{session}");
    let open = kit.client.get(&path).await?.ok(200)?;
    same("resumable of an open session", open["resumable"].as_bool(), Some(true))?;
    kit.client.post(&format!("{path}/end"), &json!({ "status": "completed" })).await?.ok(200)?;
    let ended = kit.client.get(&path).await?.ok(200)?;
    same("resumable of an ended session", ended["resumable"].as_bool(), Some(false))
}

async fn nobody_sets_resumable(kit: &Kit) -> Outcome {
    let answer = kit.client.post("/v1/sessions", &json!({ "resumable": true })).await?;
    answer.refused(&[Code::InvalidArgument, Code::MalformedBody]).map(drop)
}

/// A session with a run whose first turn is held, and the agent that does it.
async fn busy(kit: &Kit) -> Outcome<(crate::kit::Actor, String, crate::kit::Started)> {
    let actor = kit.agent(vec![Turn::call("effect", "one").held(), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let first = kit.start_in(&actor, &session).await?;
    actor.play.is_asked(0, 1).await?;
    Ok((actor, session, first))
}

async fn queue_starts_after_the_current_run(kit: &Kit) -> Outcome {
    let (actor, session, first) = busy(kit).await?;
    let fields = json!({ "sessionId": session, "inputPolicy": "queue" });
    let second = kit.start(&actor, fields).await?;
    same(
        "the second run's status meanwhile",
        text(&kit.run(&second.run).await?, "status")?,
        "queued",
    )?;
    actor.play.release();
    let ended = kit.ended(&first).await?;
    same("the first run", text(&ended, "status")?, "completed")?;
    let after = kit.ended(&second).await?;
    same("the second run", text(&after, "status")?, "completed")?;
    let entries = kit.entries(&session).await?;
    let place = |kind: &str, run: &str| {
        entries.iter().position(|entry| entry["kind"] == kind && entry["run"] == run)
    };
    ensure(place("run.ended", &first.run) < place("run.started", &second.run), || {
        "the second run started before the first had ended".to_owned()
    })
}

async fn reject_is_a_conflict(kit: &Kit) -> Outcome {
    let (actor, session, first) = busy(kit).await?;
    let fields = json!({ "sessionId": session, "inputPolicy": "reject" });
    kit.submit(&actor, fields).await?.refused(&[Code::SessionBusy])?;
    actor.play.release();
    kit.ended(&first).await?;
    let runs = kit.client.get(&format!("/v1/runs?session={session}")).await?.ok(200)?;
    same("the runs of the session", items(&runs)?.len(), 1)
}

async fn interrupt_supersedes_the_current_run(kit: &Kit) -> Outcome {
    let (actor, session, first) = busy(kit).await?;
    let fields = json!({ "sessionId": session, "inputPolicy": "interrupt" });
    let second = kit.start(&actor, fields).await?;
    let ended = kit.ended(&first).await?;
    same("the first run", text(&ended, "status")?, "cancelled")?;
    same("why it ended", text(&ended, "stopReason")?, "superseded")?;
    actor.play.release();
    let after = kit.ended(&second).await?;
    same("the second run", text(&after, "status")?, "completed")
}

async fn steer_reaches_the_next_model_call(kit: &Kit) -> Outcome {
    let (actor, session, first) = busy(kit).await?;
    let steer = json!({ "sessionId": session, "inputPolicy": "steer", "agent": { "name": actor.name, "task": "mind the gap" } });
    let steered = kit.client.post("/v1/runs", &steer).await?.ok(202)?;
    same("the run that was steered", text(&steered, "runId")?, first.run.as_str())?;
    actor.play.release();
    let ended = kit.ended(&first).await?;
    same("the run", text(&ended, "status")?, "completed")?;
    let asked = actor.play.asked();
    let told = |messages: &[Value]| Value::from(messages).to_string().contains("mind the gap");
    let next = asked.iter().find(|asked| asked.turn == 1);
    ensure(next.is_some_and(|asked| told(&asked.messages)), || {
        "the model's next call did not carry the input".to_owned()
    })
}

async fn the_policy_is_recorded(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    for policy in ["queue", "reject", "interrupt"] {
        let session = kit.plain_session().await?;
        let started =
            kit.start(&actor, json!({ "sessionId": session, "inputPolicy": policy })).await?;
        kit.ended(&started).await?;
        let entries = kit.entries(&session).await?;
        let submitted = entries.iter().find(|entry| entry["kind"] == "run.submitted");
        let recorded = submitted.and_then(|entry| entry["data"]["policy"].as_str());
        same("the recorded policy", recorded, Some(policy))?;
    }
    Ok(())
}
