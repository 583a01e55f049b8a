//! `DSP-1`, `DSP-2`, `DSP-4`: work that came from somewhere, and executors that claim it.

use crate::answer::{has_fields, items, number, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::kit::Kit;
use crate::stand::Turn;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "DSP-1" a_dispatch_context_is_checked_alone "validate names every field that is wrong and starts nothing";
    "DSP-2" a_dispatch_key_makes_one_dispatch "the same key and body return the first dispatch, and another body conflicts";
    "DSP-2" one_of_many_executors_claims "of executors that ask at once each dispatch is claimed by exactly one";
    "DSP-2" an_executor_has_only_what_it_is_trusted_with "local work is claimed by the desktop of its own user and by nobody else";
    "DSP-4" a_dispatch_has_all_its_fields "a new dispatch has every field and waits for its executor";
    "DSP-4" what_waits_is_cancelled_and_not_claimed "a cancelled dispatch is final and nobody claims it";
    "DSP-4" a_claim_leads_to_a_run "a claimed dispatch starts a run whose output is what its executor says";
    "DSP-4" a_stale_token_opens_nothing "a claim that was given back is over: its token is refused and the next claim counts on";
}

const FIELDS: &[&str] = &[
    "dispatchId",
    "tenantId",
    "productId",
    "userId",
    "sessionId",
    "taskId",
    "work",
    "payload",
    "context",
    "priority",
    "notBefore",
    "idempotencyKey",
    "status",
    "runId",
    "createdAt",
    "updatedAt",
];

fn context(mode: &str) -> Value {
    json!({ "originSurface": "mobile", "originProductId": "kit", "dispatchMode": mode,
            "initiatedAt": "2026-11-21T08:00:00Z" })
}

/// A remote dispatch for a user of its own, so that no other case's executor may have it.
struct Remote {
    user: String,
    agent: String,
}

impl Remote {
    async fn new(kit: &Kit) -> Outcome<Self> {
        let actor = kit.agent(vec![Turn::say("done")]).await?;
        let user = kit.name("user");
        let request = kit.request(&actor, &json!({}));
        Ok(Self { user, agent: text(&request["agent"], "name")?.to_owned() })
    }

    fn request(&self, key: &str, more: &Value) -> Value {
        let mut request = json!({
            "productId": "kit", "userId": self.user, "idempotencyKey": key,
            "work": { "type": "agent", "name": self.agent },
            "payload": { "task": key }, "context": context("remote"),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name.as_str()] = value.clone();
        }
        request
    }

    async fn send(&self, kit: &Kit, more: &Value) -> Outcome<Value> {
        let request = self.request(&kit.name("key"), more);
        kit.client.post("/v1/dispatches", &request).await?.ok(202)
    }

    async fn executor(&self, kit: &Kit, kind: &str) -> Outcome<String> {
        let wanted = json!({ "name": kit.name("executor"), "kind": kind, "userId": self.user });
        let made = kit.client.post("/v1/executors", &wanted).await?.ok(201)?;
        Ok(text(&made, "executorId")?.to_owned())
    }
}

async fn claim(kit: &Kit, executor: &str) -> Outcome<Value> {
    let asked = json!({ "executorId": executor });
    let answer = kit.client.post("/v1/dispatches/claim", &asked).await?.ok(200)?;
    Ok(answer["claimed"].clone())
}

async fn a_dispatch_context_is_checked_alone(kit: &Kit) -> Outcome {
    let path = "/v1/dispatch/validate";
    let good = kit.client.post(path, &context("queued")).await?.ok(200)?;
    same("a good context", &good["valid"], &json!(true))?;
    let bad = json!({ "originSurface": "worker", "dispatchMode": "someday" });
    let bad = kit.client.post(path, &bad).await?.ok(200)?;
    same("a bad context", &bad["valid"], &json!(false))?;
    let named = bad["problems"].as_array().into_iter().flatten();
    let named: Vec<&str> = named.filter_map(|problem| problem["field"].as_str()).collect();
    for field in ["originSurface", "originProductId", "dispatchMode", "initiatedAt"] {
        ensure(named.contains(&field), || format!("`{field}` is not named: {bad}"))?;
    }
    Ok(())
}

async fn a_dispatch_key_makes_one_dispatch(kit: &Kit) -> Outcome {
    let remote = Remote::new(kit).await?;
    let request = remote.request(&kit.name("key"), &json!({}));
    let first = kit.client.post("/v1/dispatches", &request).await?.ok(202)?;
    let again = kit.client.post("/v1/dispatches", &request).await?.ok(202)?;
    same("the same again", text(&again, "dispatchId")?, text(&first, "dispatchId")?)?;
    let mut other = request.clone();
    other["payload"] = json!({ "task": "another" });
    kit.client.post("/v1/dispatches", &other).await?.refused(&[Code::KeyConflict])?;
    let mut none = request;
    none["idempotencyKey"] = Value::Null;
    kit.client.post("/v1/dispatches", &none).await?.refused(&[Code::InvalidArgument]).map(drop)
}

async fn one_of_many_executors_claims(kit: &Kit) -> Outcome {
    let remote = Remote::new(kit).await?;
    let mut executors = Vec::new();
    for _ in 0..4 {
        executors.push(remote.executor(kit, "worker").await?);
    }
    let sent = remote.send(kit, &json!({})).await?;
    let asked = executors.iter().map(|executor| claim(kit, executor));
    let got: Vec<Value> = futures::future::try_join_all(asked).await?;
    let got: Vec<&Value> = got.iter().filter(|one| !one.is_null()).collect();
    same("how many have it", got.len(), 1)?;
    same("what it has", &got[0]["dispatch"]["dispatchId"], &sent["dispatchId"])
}

async fn an_executor_has_only_what_it_is_trusted_with(kit: &Kit) -> Outcome {
    let (remote, other) = (Remote::new(kit).await?, Remote::new(kit).await?);
    let sent = remote.send(kit, &json!({ "executionTarget": "local" })).await?;
    for stranger in [other.executor(kit, "desktop").await?, remote.executor(kit, "worker").await?] {
        same("what a stranger has", claim(kit, &stranger).await?, Value::Null)?;
    }
    let desk = remote.executor(kit, "desktop").await?;
    let claimed = claim(kit, &desk).await?;
    same("what it has", &claimed["dispatch"]["dispatchId"], &sent["dispatchId"])
}

async fn a_dispatch_has_all_its_fields(kit: &Kit) -> Outcome {
    let sent = Remote::new(kit).await?.send(kit, &json!({})).await?;
    let path = format!("/v1/dispatches/{}", text(&sent, "dispatchId")?);
    let seen = kit.client.get(&path).await?.ok(200)?;
    for dispatch in [&sent, &seen] {
        has_fields("the dispatch", dispatch, FIELDS)?;
        same("its status", text(dispatch, "status")?, "waiting")?;
    }
    let open = kit.client.get("/v1/dispatches?open=true&limit=200").await?.ok(200)?;
    let listed = items(&open)?.iter().any(|one| one["dispatchId"] == sent["dispatchId"]);
    ensure(listed, || "an open dispatch is not listed".to_owned())
}

async fn what_waits_is_cancelled_and_not_claimed(kit: &Kit) -> Outcome {
    let remote = Remote::new(kit).await?;
    let sent = remote.send(kit, &json!({})).await?;
    let path = format!("/v1/dispatches/{}/cancel", text(&sent, "dispatchId")?);
    let gone = kit.client.post(&path, &json!({ "reason": "enough" })).await?.ok(200)?;
    same("its status", text(&gone, "status")?, "cancelled")?;
    let executor = remote.executor(kit, "worker").await?;
    same("what is left to claim", claim(kit, &executor).await?, Value::Null)
}

async fn a_claim_leads_to_a_run(kit: &Kit) -> Outcome {
    let remote = Remote::new(kit).await?;
    remote.send(kit, &json!({})).await?;
    let executor = remote.executor(kit, "worker").await?;
    let claimed = claim(kit, &executor).await?;
    let id = text(&claimed["dispatch"], "dispatchId")?;
    same("its status", text(&claimed["dispatch"], "status")?, "claimed")?;
    let token = json!({ "claim": number(&claimed["standing"], "claim")? });
    let mut standing =
        kit.client.post(&format!("/v1/dispatches/{id}/start"), &token).await?.ok(200)?;
    while text(&standing, "directive")? == "wait" {
        let path = format!("/v1/dispatches/{id}/heartbeat");
        standing = kit.client.post(&path, &token).await?.ok(200)?;
    }
    same("what it is to do", text(&standing, "directive")?, "work")?;
    let done = json!({ "claim": token["claim"], "output": { "by": "kit" } });
    let path = format!("/v1/dispatches/{id}/complete");
    for _ in 0..2 {
        let told = kit.client.post(&path, &done).await?.ok(200)?;
        same("its run", text(&told["run"], "status")?, "completed")?;
        same("the output", &told["run"]["output"], &done["output"])?;
    }
    let entries =
        kit.entries(text(&kit.run(text(&standing, "runId")?).await?, "sessionId")?).await?;
    let count = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
    same("intents and results", (count("step.intended"), count("step.landed")), (1, 1))
}

async fn a_stale_token_opens_nothing(kit: &Kit) -> Outcome {
    let remote = Remote::new(kit).await?;
    remote.send(kit, &json!({})).await?;
    let executor = remote.executor(kit, "worker").await?;
    let first = claim(kit, &executor).await?;
    let id = text(&first["dispatch"], "dispatchId")?;
    let stale = json!({ "claim": number(&first["standing"], "claim")? });
    let back = kit.client.post(&format!("/v1/dispatches/{id}/release"), &stale).await?.ok(200)?;
    same("its status", text(&back, "status")?, "waiting")?;
    let second = claim(kit, &executor).await?;
    let next = number(&second["standing"], "claim")?;
    ensure(next > number(&stale, "claim")?, || format!("the token is {next} again"))?;
    for verb in ["heartbeat", "start", "release"] {
        let path = format!("/v1/dispatches/{id}/{verb}");
        kit.client.post(&path, &stale).await?.refused(&[Code::LeaseLost])?;
    }
    Ok(())
}
