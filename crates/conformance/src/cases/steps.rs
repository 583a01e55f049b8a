//! `STP-1` to `STP-3`: intent before effect, doubt, one key for all attempts.

use crate::answer::{has_fields, is_word, items, text};
use crate::case::{Outcome, cases, ensure, same, skipped};
use crate::kit::{Actor, Kit, Started};
use crate::stand::{Reply, Turn};
use serde_json::json;
use tenure_contract::Code;

cases! {
    "STP-1" an_effect_stands_between_two_entries "an effect has an intended entry before it and a landed one after, in the journal in this order";
    "STP-1" a_lost_answer_is_doubt "when the request may have left and no answer came, the step is in doubt";
    "STP-2" a_doubtful_once_step_stops_and_asks "a once step in doubt is never tried again unasked: the run pauses, listed with its doubt";
    "STP-2" landed_settles_a_doubt "landed with a result settles the step with it, and nothing is done again";
    "STP-2" an_idempotent_step_is_tried_again "an idempotent step whose answer was lost is tried again by itself";
    "STP-3" every_attempt_carries_one_key "all attempts of a step carry the same Idempotency-Key, and two steps different ones";
}

async fn an_effect_stands_between_two_entries(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("once", "one"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    kit.ended(&started).await?;
    let key = actor.play.effects().first().map(|effect| effect.key.clone()).unwrap_or_default();
    let entries = kit.entries(&session).await?;
    let of_step = entries.iter().filter(|entry| entry["data"]["step"] == key.as_str());
    let kinds: Vec<&str> = of_step.filter_map(|entry| entry["kind"].as_str()).collect();
    same("the entries of the step", kinds, vec!["step.intended", "step.landed"])?;
    let steps = kit.client.get(&format!("/v1/runs/{}/steps", started.run)).await?.ok(200)?;
    let fields = [
        "stepId",
        "runId",
        "name",
        "kind",
        "class",
        "status",
        "attempts",
        "createdAt",
        "completedAt",
        "result",
    ];
    for step in items(&steps)? {
        has_fields("the step", step, &fields)?;
        is_word(step, "class", &["read", "idempotent", "once"])?;
        is_word(step, "status", &["landed"])?;
    }
    Ok(())
}

/// A run whose `once` call was done, and its answer lost.
async fn doubtful(kit: &Kit) -> Outcome<(Actor, Started, String)> {
    let actor = kit.agent(vec![Turn::call("once", "one"), Turn::say("done")]).await?;
    actor.play.reply("once", &[Reply::Cut]);
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    kit.until(&started, &["paused"]).await?;
    let path = format!("/v1/doubts?session={session}&open=true");
    let step = kit
        .eventually("step in doubt", async || {
            let page = kit.client.get(&path).await?.ok(200)?;
            Ok(items(&page)?.first().and_then(|doubt| doubt["stepId"].as_str()).map(str::to_owned))
        })
        .await?;
    Ok((actor, started, step))
}

async fn a_lost_answer_is_doubt(kit: &Kit) -> Outcome {
    let (actor, started, step) = doubtful(kit).await?;
    let entries = kit.entries(&started.session).await?;
    let doubts = entries.iter().filter(|entry| entry["kind"] == "step.in-doubt");
    same("entries of doubt", doubts.count(), 1)?;
    let key = actor.play.effects().first().map(|effect| effect.key.clone());
    same("the key the outside saw", key, Some(step))
}

async fn a_doubtful_once_step_stops_and_asks(kit: &Kit) -> Outcome {
    let (actor, started, step) = doubtful(kit).await?;
    let run = kit.run(&started.run).await?;
    same("the reason", run["waitingFor"]["reason"].as_str(), Some("in-doubt-step"))?;
    same("the subject", run["waitingFor"]["subject"].as_str(), Some(step.as_str()))?;
    same("calls that left", actor.play.effects().len(), 1)?;
    // unasked, it does not go on either
    let resumed = kit.client.post(&format!("/v1/runs/{}/resume", started.run), &json!({})).await?;
    resumed.refused(&[Code::IllegalTransition])?;
    same("calls that left after all that", actor.play.effects().len(), 1)
}

async fn landed_settles_a_doubt(kit: &Kit) -> Outcome {
    let (actor, started, step) = doubtful(kit).await?;
    let path = format!("/v1/steps/{step}/resolution");
    let landed = json!({ "resolution": "landed", "result": { "did": "by the kit's word" } });
    let settled = kit.client.post(&path, &landed).await?;
    settled.offered()?;
    ensure((200..300).contains(&settled.status), || {
        format!("the resolution was refused: {}", settled.shown())
    })?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    same("calls that left", actor.play.effects().len(), 1)?;
    let told = actor.play.asked().iter().any(|asked| {
        asked.turn == 1 && format!("{:?}", asked.messages).contains("by the kit's word")
    });
    ensure(told, || "the model was not told the result that was given".to_owned())?;
    kit.client
        .post(&path, &landed)
        .await?
        .refused(&[Code::IllegalTransition, Code::AlreadyDecided])
        .map(drop)
}

async fn an_idempotent_step_is_tried_again(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::say("done")]).await?;
    actor.play.reply("effect", &[Reply::Cut]);
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    same("calls that left", actor.play.effects().len(), 2)
}

async fn every_attempt_carries_one_key(kit: &Kit) -> Outcome {
    let actor = kit
        .agent(vec![Turn::call("effect", "one").and_call("effect", "two"), Turn::say("done")])
        .await?;
    actor.play.reply("effect", &[Reply::Cut, Reply::Busy]);
    let started = kit.start(&actor, json!({})).await?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    let effects = actor.play.effects();
    if effects.iter().any(|effect| effect.key.is_empty()) {
        return skipped("the server's tools send no Idempotency-Key");
    }
    let keys = |what: &str| {
        let mut keys: Vec<&str> = effects
            .iter()
            .filter(|effect| effect.what == what)
            .map(|effect| effect.key.as_str())
            .collect();
        keys.dedup();
        keys
    };
    let (one, two) = (keys("one"), keys("two"));
    ensure(one.len() == 1 && two.len() == 1 && one != two, || {
        format!("keys of one step: {one:?}; of the other: {two:?}")
    })
}
