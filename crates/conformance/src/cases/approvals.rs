//! `APR-1` to `APR-5`: decided once, refused by default, bound to the action, used up once, many at
//! a time.

use crate::answer::{has_fields, is_time, is_word, items, text};
use crate::case::{Outcome, Stop, cases, ensure, same, skipped};
use crate::kit::{Actor, Kit, Started};
use crate::stand::Turn;
use futures::future::join_all;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "APR-1" an_approval_has_all_its_fields "an open approval has every field, with the digest and the risk of its action";
    "APR-1" a_decision_says_who_and_where "a decided approval names who decided, on which surface, when and why";
    "APR-1" a_second_decision_is_a_conflict "a decided approval cannot be decided again, the same way or the other, and stays as it was";
    "APR-1" of_many_decisions_one_wins "of many decisions at once exactly one is taken, and all the others conflict";
    "APR-1" a_cancelled_run_closes_its_approval "an approval whose run was cancelled is cancelled and cannot be decided";
    "APR-2" without_an_approver_the_call_is_refused "when nobody may decide, the call is refused at once, the model is told, and nothing is done";
    "APR-2" a_denial_is_told_to_the_model "a denied call does nothing, and the model is told with the reason";
    "APR-2" only_approve_approves "no other answer than the word approve approves anything";
    "APR-2" an_approval_expires_into_a_refusal "an approval that nobody decides in time is expired, and the call is refused";
    "APR-3" another_action_has_another_digest "the digest differs with the arguments, and the exact action can be read";
    "APR-3" edited_arguments_are_what_is_done "arguments edited while approving are performed instead, and recorded by their digest";
    "APR-4" one_approval_allows_one_effect "an approval allows exactly one effect, consumed by the entry of the step's intent";
    "APR-5" many_wait_side_by_side "several approvals of one turn wait side by side, and each decision reaches its own call";
    "APR-5" waiting_blocks_nobody "a session with an open approval can be read, and other sessions go on";
}

const FIELDS: &[&str] = &[
    "approvalId",
    "tenantId",
    "kind",
    "sessionId",
    "runId",
    "step",
    "actionLabel",
    "actionDigest",
    "riskLevel",
    "status",
    "requestedAt",
    "expiresAt",
    "resolvedAt",
    "resolver",
    "reason",
];

/// A run that waits for a decision about one guarded call.
async fn waiting(kit: &Kit) -> Outcome<(Actor, Started, String)> {
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    Ok((actor, started, approval))
}

async fn see(kit: &Kit, approval: &str) -> Outcome<Value> {
    kit.client.get(&format!("/v1/approvals/{approval}")).await?.ok(200)
}

async fn an_approval_has_all_its_fields(kit: &Kit) -> Outcome {
    let (_, started, id) = waiting(kit).await?;
    let approval = see(kit, &id).await?;
    has_fields("the approval", &approval, FIELDS)?;
    is_word(&approval, "kind", &["action"])?;
    is_word(&approval, "status", &["requested"])?;
    is_word(&approval, "riskLevel", &["high"])?;
    is_time(&approval, "requestedAt")?;
    same("its run", text(&approval, "runId")?, started.run.as_str())?;
    same("its session", text(&approval, "sessionId")?, started.session.as_str())?;
    let digest = text(&approval, "actionDigest")?;
    ensure(digest.len() == 71 && digest.starts_with("sha256:"), || {
        format!("`{digest}` is no digest")
    })?;
    ensure(!text(&approval, "actionLabel")?.is_empty(), || "it has no label".to_owned())?;
    same("its resolver", &approval["resolver"], &Value::Null)
}

async fn a_decision_says_who_and_where(kit: &Kit) -> Outcome {
    let (_, _, id) = waiting(kit).await?;
    let path = format!("/v1/approvals/{id}/decision");
    let body = json!({ "decision": "deny", "reason": "the kit says no" });
    kit.client.post_with(&path, &[("tenure-surface", "web")], &body).await?.ok(200)?;
    let decided = see(kit, &id).await?;
    same("the status", text(&decided, "status")?, "denied")?;
    same("the reason", text(&decided, "reason")?, "the kit says no")?;
    is_time(&decided, "resolvedAt")?;
    let principal = decided["resolver"]["principal"].as_str().unwrap_or_default();
    ensure(principal.contains(':'), || {
        format!("the resolver names nobody: {}", decided["resolver"])
    })?;
    same("the surface", decided["resolver"]["surface"].as_str(), Some("web"))
}

async fn a_second_decision_is_a_conflict(kit: &Kit) -> Outcome {
    for (first, status) in [("approve", "approved"), ("deny", "denied")] {
        let (_, started, id) = waiting(kit).await?;
        kit.decide(&id, &json!({ "decision": first, "reason": "the first" })).await?.ok(200)?;
        for second in ["approve", "deny"] {
            kit.decide(&id, &json!({ "decision": second }))
                .await?
                .refused(&[Code::AlreadyDecided])?;
        }
        kit.ended(&started).await?;
        let after = see(kit, &id).await?;
        same("the status afterwards", text(&after, "status")?, status)?;
        same("the reason afterwards", text(&after, "reason")?, "the first")?;
    }
    Ok(())
}

async fn of_many_decisions_one_wins(kit: &Kit) -> Outcome {
    const MANY: usize = 12;
    let (actor, started, id) = waiting(kit).await?;
    let deciding = (0..MANY).map(|place| {
        let decision = if place % 2 == 0 { "approve" } else { "deny" };
        let body = json!({ "decision": decision });
        let id = id.clone();
        async move { Ok::<_, Stop>((decision, kit.decide(&id, &body).await?)) }
    });
    let mut won = Vec::new();
    for answered in join_all(deciding).await {
        let (decision, answer) = answered?;
        match answer.status {
            200 => won.push(decision),
            _ => drop(answer.refused(&[Code::AlreadyDecided])?),
        }
    }
    same("decisions that were taken", won.len(), 1)?;
    kit.ended(&started).await?;
    let done = usize::from(won == ["approve"]);
    same("effects", actor.play.effects().len(), done)
}

async fn a_cancelled_run_closes_its_approval(kit: &Kit) -> Outcome {
    let (actor, started, id) = waiting(kit).await?;
    kit.client.post(&format!("/v1/runs/{}/cancel", started.run), &json!({})).await?.ok(200)?;
    kit.ended(&started).await?;
    same("the status", text(&see(kit, &id).await?, "status")?, "cancelled")?;
    kit.decide(&id, &json!({ "decision": "approve" })).await?.refused(&[Code::AlreadyDecided])?;
    same("effects", actor.play.effects().len(), 0)
}

/// What the model was told in its second turn about the call of its first.
fn told(actor: &Actor) -> String {
    let asked = actor.play.asked();
    let second = asked.iter().find(|asked| asked.turn == 1);
    let messages = second.map(|asked| asked.messages.clone()).unwrap_or_default();
    let answers = messages.iter().filter(|message| message["role"] == "tool");
    answers.map(|message| message["content"].to_string()).collect::<Vec<_>>().join("\n")
}

async fn without_an_approver_the_call_is_refused(kit: &Kit) -> Outcome {
    let turns = vec![Turn::call("guarded", "it"), Turn::say("done")];
    let actor = kit.agent_with(turns, json!({ "approvers": [] })).await?;
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    same("the run, which a refused call does not end", text(&run, "status")?, "completed")?;
    same("effects", actor.play.effects().len(), 0)?;
    let said = told(&actor);
    // in whose words is the server's own affair; the result of the call it is not
    ensure(!said.is_empty() && !said.contains("did"), || {
        format!("the model was told `{said}`; expected that the call was refused")
    })
}

async fn a_denial_is_told_to_the_model(kit: &Kit) -> Outcome {
    let (actor, started, id) = waiting(kit).await?;
    kit.decide(&id, &json!({ "decision": "deny", "reason": "not on a Sunday" })).await?.ok(200)?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    same("effects", actor.play.effects().len(), 0)?;
    ensure(told(&actor).contains("not on a Sunday"), || {
        format!("the model was told `{}`", told(&actor))
    })
}

async fn only_approve_approves(kit: &Kit) -> Outcome {
    let (actor, started, id) = waiting(kit).await?;
    let others = [
        json!(true),
        json!(1),
        json!("yes"),
        json!("APPROVE"),
        json!("approved"),
        json!(["approve"]),
        json!({ "approve": null }),
        Value::Null,
    ];
    for other in others {
        let answer = kit.decide(&id, &json!({ "decision": other })).await?;
        answer.refused(&[Code::InvalidArgument, Code::MalformedBody])?;
    }
    kit.decide(&id, &json!({})).await?.refused(&[Code::InvalidArgument, Code::MalformedBody])?;
    same("the status afterwards", text(&see(kit, &id).await?, "status")?, "requested")?;
    same("effects", actor.play.effects().len(), 0)?;
    kit.decide(&id, &json!({ "decision": "deny" })).await?.ok(200)?;
    kit.ended(&started).await.map(drop)
}

async fn an_approval_expires_into_a_refusal(kit: &Kit) -> Outcome {
    let (_, _, id) = waiting(kit).await?;
    is_time(&see(kit, &id).await?, "expiresAt")?;
    skipped("no route sets how long an approval waits; that each has an `expiresAt` was seen")
}

async fn another_action_has_another_digest(kit: &Kit) -> Outcome {
    let turns = vec![Turn::call("guarded", "one").and_call("guarded", "two"), Turn::say("done")];
    let actor = kit.agent(turns).await?;
    let started = kit.start(&actor, json!({})).await?;
    let mut digests = Vec::new();
    for open in kit.approvals(&started.session, 2).await? {
        let approval = see(kit, text(&open, "approvalId")?).await?;
        let action = approval["action"].to_string();
        ensure(action.contains("one") || action.contains("two"), || {
            format!("the action cannot be read: {approval}")
        })?;
        same(
            "the digest in the list",
            text(&open, "actionDigest")?,
            text(&approval, "actionDigest")?,
        )?;
        digests.push(text(&approval, "actionDigest")?.to_owned());
    }
    ensure(digests[0] != digests[1], || format!("two actions, one digest: {}", digests[0]))
}

async fn edited_arguments_are_what_is_done(kit: &Kit) -> Outcome {
    let (actor, started, id) = waiting(kit).await?;
    let bad = json!({ "decision": "approve", "arguments": { "what": 7 } });
    kit.decide(&id, &bad).await?.refused(&[Code::InvalidArgument])?;
    let edited = json!({ "decision": "approve", "arguments": { "what": "something else" } });
    kit.decide(&id, &edited).await?.ok(200)?;
    kit.ended(&started).await?;
    let done: Vec<String> = actor.play.effects().into_iter().map(|effect| effect.what).collect();
    same("what was done", done, vec!["something else".to_owned()])?;
    let entries = kit.entries(&started.session).await?;
    let decided = entries.iter().find(|entry| entry["kind"] == "approval.decided");
    let recorded = decided.and_then(|entry| entry["data"]["edited"].as_str());
    ensure(recorded.is_some_and(|digest| digest.starts_with("sha256:")), || {
        "the entry of the decision has no digest of the edited arguments".to_owned()
    })
}

async fn one_approval_allows_one_effect(kit: &Kit) -> Outcome {
    let turns = vec![Turn::call("guarded", "it"), Turn::call("guarded", "it"), Turn::say("done")];
    let actor = kit.agent(turns).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let first = kit.approval(&started).await?;
    kit.decide(&first, &json!({ "decision": "approve" })).await?.ok(200)?;
    // the same call again is another action: it asks again
    let second = kit
        .eventually("second approval", async || {
            let open = kit
                .client
                .get(&format!("/v1/approvals?session={session}&open=true"))
                .await?
                .ok(200)?;
            let found = items(&open)?.iter().find(|one| one["approvalId"] != first.as_str());
            Ok(found.and_then(|one| one["approvalId"].as_str()).map(str::to_owned))
        })
        .await?;
    same("effects of one approval", actor.play.effects().len(), 1)?;
    kit.decide(&second, &json!({ "decision": "deny" })).await?.ok(200)?;
    kit.ended(&started).await?;
    same("effects in all", actor.play.effects().len(), 1)?;
    let entries = kit.entries(&session).await?;
    let consumed = entries.iter().filter(|entry| {
        entry["kind"] == "step.intended" && entry["data"]["approval"] == first.as_str()
    });
    same("intents that consumed it", consumed.count(), 1)?;
    let steps = kit.client.get(&format!("/v1/runs/{}/steps", started.run)).await?.ok(200)?;
    let step = items(&steps)?.iter().find(|step| step["approvalId"] == first.as_str());
    let step = step.and_then(|step| step["stepId"].as_str()).unwrap_or_default();
    same("the step on the approval", see(kit, &first).await?["step"].as_str(), Some(step))
}

async fn many_wait_side_by_side(kit: &Kit) -> Outcome {
    let whats = ["one", "two", "three"];
    let turn = whats
        .iter()
        .skip(1)
        .fold(Turn::call("guarded", "one"), |turn, what| turn.and_call("guarded", what));
    let actor = kit.agent(vec![turn, Turn::say("done")]).await?;
    let started = kit.start(&actor, json!({})).await?;
    let mut open = kit.approvals(&started.session, 3).await?;
    open.reverse();
    for one in &open {
        let id = text(one, "approvalId")?;
        let action = see(kit, id).await?["action"].to_string();
        let decision = if action.contains("two") { "deny" } else { "approve" };
        kit.decide(id, &json!({ "decision": decision, "reason": "as the kit says" }))
            .await?
            .ok(200)?;
    }
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    let mut done: Vec<String> =
        actor.play.effects().into_iter().map(|effect| effect.what).collect();
    done.sort_unstable();
    same("what was done", done, vec!["one".to_owned(), "three".to_owned()])?;
    let said = told(&actor);
    let answers: Vec<&str> = said.lines().collect();
    ensure(
        answers.len() == 3
            && answers[0].contains("one")
            && answers[1].contains("as the kit says")
            && answers[2].contains("three"),
        || format!("the results did not come in the order of the calls: {said}"),
    )
}

async fn waiting_blocks_nobody(kit: &Kit) -> Outcome {
    let (_, started, id) = waiting(kit).await?;
    let session = &started.session;
    for path in [
        format!("/v1/sessions/{session}"),
        format!("/v1/sessions/{session}/entries"),
        format!("/v1/runs/{}", started.run),
    ] {
        kit.client.get(&path).await?.ok(200)?;
    }
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let other = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&other).await?;
    same("the other session's run", text(&run, "status")?, "completed")?;
    same("the approval meanwhile", text(&see(kit, &id).await?, "status")?, "requested")
}
