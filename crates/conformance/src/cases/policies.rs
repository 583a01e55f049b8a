//! `POL-1`: what a tenant's policy permits, denies and asks about, in words of its own text.
//!
//! A case adds a rule about an agent of its own to the text in force and puts the text back after.

use super::intents::{INGEST, ingested, table};
use crate::answer::text;
use crate::case::{Outcome, cases, ensure, same, skipped};
use crate::kit::{Kit, Started};
use crate::stand::Turn;
use reqwest::Method;
use serde_json::{Value, json};
use tenure_contract::Code;
use tokio::sync::Mutex;

cases! {
    "POL-1" a_text_is_taken_whole_or_not_at_all "a text that cannot be read is refused where it is wrong, and the policy in force stays";
    "POL-1" a_question_changes_nothing "asking what a text would say answers permit, deny or ask, and leaves the policy in force";
    "POL-1" a_denied_run_ends_refused "a run that policy denies is failed as refused, has its id, and calls no model";
    "POL-1" a_denied_call_is_told_to_the_model "a call that policy denies is not made, the model is told, and the run goes on";
    "POL-1" what_policy_asks_about_waits "a call that policy asks about waits for a decision and is made once it is approved";
    "POL-1" a_handler_waits_where_policy_asks "a handler's step that policy asks about waits for a decision, is made once it is approved, and a denied one is not made";
}

async fn put(kit: &Kit, text: &str) -> Outcome<crate::answer::Answer> {
    let body = json!({ "text": text }).to_string().into_bytes();
    let typed = [("content-type", "application/json")];
    kit.client.send(Method::PUT, "/v1/policy", &typed, Some(body)).await
}

async fn in_force(kit: &Kit) -> Outcome<Value> {
    let answer = kit.client.get("/v1/policy").await?;
    if answer.status == 403 {
        return skipped(format!("this key may not see the policy: {}", answer.shown()));
    }
    answer.ok(200)
}

/// Kits of one process change one tenant's policy one after the other, and not while a case counts on
/// it: the policy is one of a checkpoint's pins.
pub(super) static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Does something under the text in force and one rule more, and puts the text back.
pub(super) async fn under<T>(
    kit: &Kit,
    rule: &str,
    work: impl AsyncFnOnce() -> Outcome<T>,
) -> Outcome<T> {
    let _turn = ONE_AT_A_TIME.lock().await;
    let before = in_force(kit).await?;
    let kept = text(&before, "text")?.to_owned();
    put(kit, &format!("{kept}\n{rule}\n")).await?.ok(200)?;
    let done = work().await;
    put(kit, &kept).await?.ok(200)?;
    done
}

async fn a_text_is_taken_whole_or_not_at_all(kit: &Kit) -> Outcome {
    let _turn = ONE_AT_A_TIME.lock().await;
    let before = in_force(kit).await?;
    let kept = text(&before, "text")?;
    for bad in ["permit(", "permit (principal, action == Action::\"fly\", resource);"] {
        let problem =
            put(kit, &format!("{kept}\n{bad}")).await?.refused(&[Code::InvalidArgument])?;
        ensure(problem["detail"].as_str().is_some_and(|told| told.contains("line")), || {
            format!("the refusal does not say where: {problem}")
        })?;
    }
    same("the policy in force", &in_force(kit).await?["version"], &before["version"])
}

async fn a_question_changes_nothing(kit: &Kit) -> Outcome {
    let _turn = ONE_AT_A_TIME.lock().await;
    let before = in_force(kit).await?;
    let name = kit.name("asked");
    let all = "permit (principal, action, resource);";
    let cases = [
        (all.to_owned(), "permit"),
        (
            format!(
                "{all} forbid (principal, action == Action::\"run\", resource == Agent::\"{name}\");"
            ),
            "deny",
        ),
    ];
    for (text, effect) in cases {
        let question = json!({ "action": "run", "principal": "user:ada", "resource": format!("Agent:{name}") });
        let ask = json!({ "text": text, "question": question });
        let answer = kit.client.post("/v1/policy/try", &ask).await?.ok(200)?;
        same("the effect", answer["effect"].as_str(), Some(effect))?;
    }
    same("the policy in force", &in_force(kit).await?["version"], &before["version"])
}

async fn a_denied_run_ends_refused(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let rule = format!(
        "forbid (principal, action == Action::\"run\", resource == Agent::\"{}\");",
        actor.name
    );
    let run = under(kit, &rule, async || {
        let started = kit.start(&actor, json!({})).await?;
        kit.ended(&started).await
    })
    .await?;
    same("the status", run["status"].as_str(), Some("failed"))?;
    same("the stop reason", run["stopReason"].as_str(), Some("refused"))?;
    same("calls of the model", actor.play.turns_asked(), 0)
}

async fn a_denied_call_is_told_to_the_model(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "it"), Turn::say("so be it")]).await?;
    let rule = format!(
        "forbid (principal == Agent::\"{}\", action == Action::\"call\", resource == Tool::\"effect\");",
        actor.name
    );
    let run = under(kit, &rule, async || {
        let started = kit.start(&actor, json!({})).await?;
        kit.ended(&started).await
    })
    .await?;
    same("the status", run["status"].as_str(), Some("completed"))?;
    same("effects outside", actor.play.effects().len(), 0)?;
    same("turns", actor.play.turns_asked(), 2)
}

async fn what_policy_asks_about_waits(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "it"), Turn::say("done")]).await?;
    let rule = format!(
        "@ask(\"the kit asks\") permit (principal == Agent::\"{}\", action == Action::\"call\", resource == Tool::\"effect\");",
        actor.name
    );
    under(kit, &rule, async || {
        let session = kit.plain_session().await?;
        let started = kit.start_in(&actor, &session).await?;
        let approval = kit.approval(&started).await?;
        same("effects before the decision", actor.play.effects().len(), 0)?;
        kit.decide(&approval, &json!({ "decision": "approve" })).await?.ok(200)?;
        let run = kit.ended(&started).await?;
        same("the status", run["status"].as_str(), Some("completed"))
    })
    .await?;
    same("effects outside", actor.play.effects().len(), 1)
}

/// `ingest_file` writes a report in a step of its own where one is wanted.
async fn a_handler_waits_where_policy_asks(kit: &Kit) -> Outcome {
    // it is served, and sees the files of this machine
    ingested(kit).await?;
    let file = table()?;
    for (decision, status, entry) in
        [("approve", "completed", "step.landed"), ("deny", "failed", "approval.decided")]
    {
        let report = format!("{}.json", kit.name("report"));
        // only about this report: another kit may run the same intent now
        let rule = format!(
            "@ask(\"the kit asks\") @approvers(\"user:* service:*\") \
             permit (principal, action == Action::\"call\", resource == Intent::\"{INGEST}\") \
             when {{ context.texts.hasTag(\"/path\") && context.texts.getTag(\"/path\") == \"{report}\" }};"
        );
        let parameters = json!({ "file": file.path(), "report": report });
        let intent = json!({ "type": INGEST, "parameters": parameters });
        let session = kit.plain_session().await?;
        let request = json!({ "intent": intent, "sessionId": session });
        let (started, run) = under(kit, &rule, async || {
            let answer = kit.client.post("/v1/runs", &request).await?;
            if answer.code() == Some(Code::InvalidArgument) {
                return skipped(format!("`{INGEST}` writes no reports here: {}", answer.shown()));
            }
            let started = Started::read(&answer.ok(202)?)?;
            let approval = kit.approval(&started).await?;
            let before = kit.entries(&session).await?;
            ensure(!reported(&before), || "the report was begun before the decision".to_owned())?;
            kit.decide(&approval, &json!({ "decision": decision })).await?.ok(200)?;
            let run = kit.ended(&started).await?;
            Ok((started, run))
        })
        .await?;
        same("the status", run["status"].as_str(), Some(status))?;
        let entries = kit.entries(&started.session).await?;
        same("the report was begun", reported(&entries), decision == "approve")?;
        ensure(entries.iter().any(|one| one["kind"] == entry), || {
            format!("no `{entry}` after `{decision}`")
        })?;
    }
    Ok(())
}

/// Whether a step named `report` was begun.
fn reported(entries: &[Value]) -> bool {
    entries.iter().any(|one| one["kind"] == "step.intended" && one["data"]["name"] == "report")
}
