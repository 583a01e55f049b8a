//! `CKP-1`, `CKP-2`: where a session stood, and going on from there by token.

use super::policies::ONE_AT_A_TIME;
use crate::answer::{has_fields, is_time, items, number, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::kit::{Actor, Kit};
use crate::stand::Turn;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "CKP-1" a_checkpoint_on_demand_has_all_its_fields "a checkpoint asked for has every field, and names the entry and the hash it stands at";
    "CKP-1" waits_and_ends_leave_checkpoints "a run leaves a checkpoint where it waits for a decision and where it ends, the newest listed first";
    "CKP-1" a_checkpoint_is_never_overwritten "a later checkpoint leaves the earlier one as it was";
    "CKP-2" an_ended_run_is_followed_by_a_new_one "resuming after the end starts a new run, once under one key, and the pins are the same";
    "CKP-2" an_unfinished_run_goes_on_under_its_id "resuming a waiting run names that run and starts no other";
    "CKP-2" a_changed_agent_needs_a_choice "when the agent has changed, resuming names the pin and goes on only with an explicit choice";
    "CKP-2" a_token_of_nothing_resumes_nothing "a token that was never given out is not found, and another tenant's token is not found either";
}

const FIELDS: &[&str] = &[
    "checkpointId",
    "sessionId",
    "runId",
    "productId",
    "userId",
    "createdAt",
    "seq",
    "headHash",
    "statusAtCapture",
    "currentTaskId",
    "todoIds",
    "artifactRefs",
    "memoryRefs",
    "approvalRefs",
    "dispatchContext",
    "resumeToken",
    "stateSummary",
    "pins",
];

async fn make(kit: &Kit, session: &str) -> Outcome<Value> {
    kit.client.post(&format!("/v1/sessions/{session}/checkpoints"), &json!({})).await?.ok(201)
}

async fn list(kit: &Kit, session: &str) -> Outcome<Vec<Value>> {
    let path = format!("/v1/sessions/{session}/checkpoints?limit=200");
    Ok(items(&kit.client.get(&path).await?.ok(200)?)?.clone())
}

async fn resume(kit: &Kit, request: &Value) -> Outcome<Value> {
    kit.client.post("/v1/resume", request).await?.ok(200)
}

/// A session whose run has ended, and the agent that ran.
async fn ended(kit: &Kit) -> Outcome<(Actor, String, String)> {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    kit.ended(&started).await?;
    Ok((actor, session, started.run))
}

async fn a_checkpoint_on_demand_has_all_its_fields(kit: &Kit) -> Outcome {
    let (_, session, run) = ended(kit).await?;
    let before = kit.entries(&session).await?;
    let made = make(kit, &session).await?;
    let id = text(&made, "checkpointId")?;
    let seen = kit.client.get(&format!("/v1/checkpoints/{id}")).await?.ok(200)?;
    same("what was made and what is seen", &seen, &made)?;
    has_fields("the checkpoint", &made, FIELDS)?;
    is_time(&made, "createdAt")?;
    same("its session", text(&made, "sessionId")?, session.as_str())?;
    same("its run", text(&made, "runId")?, run.as_str())?;
    for pin in ["agent", "tools", "policy", "model"] {
        ensure(made["pins"].get(pin).is_some(), || format!("no pin `{pin}` in {made}"))?;
    }
    has_fields("its summary", &made["stateSummary"], &["title", "summary", "lastActionAt"])?;
    let seq = number(&made, "seq")?;
    let at = before.iter().find(|entry| entry["seq"].as_u64() == Some(seq));
    match at {
        Some(entry) => same("its head", &made["headHash"], &entry["hash"]),
        None => ensure(false, || format!("no entry {seq} stood when it was made: {made}")),
    }
}

async fn waits_and_ends_leave_checkpoints(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    let waiting = list(kit, &session).await?;
    same("checkpoints while it waits", waiting.len(), 1)?;
    same("the status then", text(&waiting[0], "statusAtCapture")?, "waiting-approval")?;
    let asked = waiting[0]["approvalRefs"].as_array().cloned().unwrap_or_default();
    ensure(asked.contains(&json!(approval)), || format!("`{approval}` is not in {waiting:?}"))?;
    kit.decide(&approval, &json!({ "decision": "approve" })).await?.ok(200)?;
    kit.ended(&started).await?;
    let all = list(kit, &session).await?;
    same("checkpoints after the end", all.len(), 2)?;
    ensure(number(&all[0], "seq")? > number(&all[1], "seq")?, || {
        format!("the newest is not first: {all:?}")
    })?;
    same("the first one", &all[1], &waiting[0])
}

async fn a_checkpoint_is_never_overwritten(kit: &Kit) -> Outcome {
    let (actor, session, _) = ended(kit).await?;
    let first = make(kit, &session).await?;
    let again = kit.start_in(&actor, &session).await?;
    kit.ended(&again).await?;
    let second = make(kit, &session).await?;
    ensure(first["checkpointId"] != second["checkpointId"], || format!("the same twice: {first}"))?;
    let id = text(&first, "checkpointId")?;
    let seen = kit.client.get(&format!("/v1/checkpoints/{id}")).await?.ok(200)?;
    same("the first one, seen later", &seen, &first)
}

async fn an_ended_run_is_followed_by_a_new_one(kit: &Kit) -> Outcome {
    let _policy_stays = ONE_AT_A_TIME.lock().await;
    let (_, session, run) = ended(kit).await?;
    let made = make(kit, &session).await?;
    let key = kit.name("resume");
    let ask = json!({ "resumeToken": text(&made, "resumeToken")?, "idempotencyKey": key });
    let resumed = resume(kit, &ask).await?;
    same("the verdict", text(&resumed, "verdict")?, "same")?;
    same("its session", text(&resumed, "sessionId")?, session.as_str())?;
    let next = text(&resumed, "runId")?;
    ensure(next != run, || format!("the ended run `{run}` goes on"))?;
    same("what the same key is answered", &resume(kit, &ask).await?["runId"], &resumed["runId"])?;
    let started = crate::kit::Started { run: next.to_owned(), session };
    same("the new run", kit.ended(&started).await?["status"].as_str(), Some("completed"))
}

async fn an_unfinished_run_goes_on_under_its_id(kit: &Kit) -> Outcome {
    let _policy_stays = ONE_AT_A_TIME.lock().await;
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    let made = &list(kit, &session).await?[0];
    let ask = json!({ "resumeToken": text(made, "resumeToken")? });
    let resumed = resume(kit, &ask).await?;
    same("the run that goes on", text(&resumed, "runId")?, started.run.as_str())?;
    kit.decide(&approval, &json!({ "decision": "approve" })).await?.ok(200)?;
    kit.ended(&started).await?;
    let runs = kit.client.get(&format!("/v1/runs?session={session}")).await?.ok(200)?;
    same("the runs of the session", items(&runs)?.len(), 1)
}

async fn a_changed_agent_needs_a_choice(kit: &Kit) -> Outcome {
    let _policy_stays = ONE_AT_A_TIME.lock().await;
    let (actor, session, _) = ended(kit).await?;
    let made = make(kit, &session).await?;
    let changed = json!({ "instructions": "Do otherwise." });
    let definition = kit.definition(&actor.name, &actor.play, &changed);
    kit.client.post("/v1/agents", &json!({ "definition": definition })).await?.ok(201)?;
    let token = text(&made, "resumeToken")?;
    let asked = resume(kit, &json!({ "resumeToken": token })).await?;
    same("the verdict", text(&asked, "verdict")?, "changed")?;
    same("the run before a choice", &asked["runId"], &Value::Null)?;
    let differing = asked["differing"].to_string();
    ensure(differing.contains("agent"), || format!("the pin `agent` is not named: {asked}"))?;
    let odd = json!({ "resumeToken": token, "accept": "whatever" });
    kit.client.post("/v1/resume", &odd).await?.refused(&[Code::InvalidArgument])?;
    let chosen = resume(kit, &json!({ "resumeToken": token, "accept": "current" })).await?;
    let started = crate::kit::Started { run: text(&chosen, "runId")?.to_owned(), session };
    kit.ended(&started).await?;
    let entries = kit.entries(&started.session).await?;
    let told = entries.iter().find(|entry| entry["kind"] == "session.resumed");
    ensure(told.is_some_and(|entry| entry["data"].to_string().contains("current")), || {
        format!("the choice is no entry: {told:?}")
    })
}

async fn a_token_of_nothing_resumes_nothing(kit: &Kit) -> Outcome {
    let (_, session, _) = ended(kit).await?;
    let made = make(kit, &session).await?;
    let token = text(&made, "resumeToken")?;
    // the same token with its last letters turned around
    let (head, tail) = token.split_at(token.len().saturating_sub(6));
    let forged = format!("{head}{}", tail.chars().rev().collect::<String>());
    for none in [forged.as_str(), "rsm_x", ""] {
        if none != token {
            let ask = json!({ "resumeToken": none });
            kit.client.post("/v1/resume", &ask).await?.refused(&[Code::NotFound])?;
        }
    }
    let ask = json!({ "resumeToken": token });
    kit.stranger()?.post("/v1/resume", &ask).await?.refused(&[Code::NotFound]).map(drop)
}
