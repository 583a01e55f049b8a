//! What survives a restart of the server in the middle of things; with `--restart-cmd`.

use super::log::lived;
use super::schedules;
use crate::answer::text;
use crate::case::{Outcome, cases, ensure, same};
use crate::follow::{Follow, Told};
use crate::kit::{Kit, Started};
use crate::stand::Turn;
use serde_json::json;
use tenure_contract::Code;

cases! {
    "RT15" a_run_goes_on_after_a_restart "a run interrupted in a model call goes on, and what had landed is not done or asked again";
    "SES-3" a_queued_run_starts_after_a_restart "a run that was queued starts after the restart, once the one before it has ended";
    "APR-5" an_open_approval_survives_a_restart "an open approval is still open after a restart, and its run goes on once it is decided";
    "SUB-1" a_stream_goes_on_after_a_restart "a stream cut by a restart goes on by its cursor, without gap and without repeat";
    "LOG-4" acknowledged_entries_survive_a_restart "every acknowledged entry is there after a restart, byte for byte";
    "INT-5" a_key_is_remembered_over_a_restart "a submission repeated after a restart returns the first run";
    "RUN-4" an_entry_due_in_a_restart_starts_once "an entry that comes due around a restart starts one run, and a later one is still pending";
    "AUT-1" a_revoked_key_stays_revoked "a key revoked before a restart is refused after it";
}

async fn a_run_goes_on_after_a_restart(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let turns =
        vec![Turn::call("once", "one"), Turn::call("effect", "two").held(), Turn::say("done")];
    let actor = kit.agent(turns).await?;
    let started = kit.start(&actor, json!({})).await?;
    actor.play.is_asked(1, 1).await?;
    kit.restart().await?;
    // the model call that was cut off is asked again; the one that had landed is not
    actor.play.is_asked(1, 2).await?;
    actor.play.release();
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    let asked: Vec<usize> = actor.play.asked().iter().map(|asked| asked.turn).collect();
    same("calls for the first turn", asked.iter().filter(|turn| **turn == 0).count(), 1)?;
    let effects: Vec<String> = actor.play.effects().into_iter().map(|effect| effect.what).collect();
    same("effects", effects, vec!["one".to_owned(), "two".to_owned()])
}

async fn a_queued_run_starts_after_a_restart(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let actor = kit.agent(vec![Turn::say("done").held()]).await?;
    let session = kit.plain_session().await?;
    let first = kit.start_in(&actor, &session).await?;
    actor.play.is_asked(0, 1).await?;
    let second = kit.start_in(&actor, &session).await?;
    kit.restart().await?;
    same("the second run", text(&kit.run(&second.run).await?, "status")?, "queued")?;
    actor.play.release();
    for started in [&first, &second] {
        let run = kit.ended(started).await?;
        same("the run", text(&run, "status")?, "completed")?;
    }
    Ok(())
}

async fn an_open_approval_survives_a_restart(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    let before = kit.client.get(&format!("/v1/approvals/{approval}")).await?.ok(200)?;
    kit.restart().await?;
    let after = kit.client.get(&format!("/v1/approvals/{approval}")).await?.ok(200)?;
    same("the approval", &after, &before)?;
    same("effects meanwhile", actor.play.effects().len(), 0)?;
    kit.decide(&approval, &json!({ "decision": "approve" })).await?.ok(200)?;
    kit.decide(&approval, &json!({ "decision": "approve" }))
        .await?
        .refused(&[Code::AlreadyDecided])?;
    let run = kit.ended(&started).await?;
    same("the run", text(&run, "status")?, "completed")?;
    same("effects", actor.play.effects().len(), 1)
}

async fn a_stream_goes_on_after_a_restart(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::say("done").held()]).await?;
    let session = kit.plain_session().await?;
    let mut follow = Follow::begin(&kit.client, &session, None).await?;
    let started = kit.start_in(&actor, &session).await?;
    actor.play.is_asked(1, 1).await?;
    let mut told = follow.up_to(3).await?;
    kit.restart().await?;
    // what was under way when the connection broke may still come, then it ends
    while let Some(entry) = follow.entry().await? {
        told.push(entry);
    }
    let place = told.last().map(|entry| entry.id.clone());
    let mut follow = Follow::begin(&kit.client, &session, place.as_deref()).await?;
    actor.play.release();
    kit.ended(&started).await?;
    let last = kit.entries(&session).await?.len() as u64;
    told.extend(follow.up_to(last).await?);
    let seqs: Vec<u64> = told.iter().filter_map(Told::seq).collect();
    same("the seqs of both streams", seqs, (1..=last).collect())
}

async fn acknowledged_entries_survive_a_restart(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let session = lived(kit).await?;
    let before = kit.entries(&session).await?;
    let last = kit.session(json!({})).await?;
    kit.restart().await?;
    let after = kit.entries(&session).await?;
    ensure(after.starts_with(&before), || {
        format!("{} entries before, {} after, or they differ", before.len(), after.len())
    })?;
    kit.client.get(&format!("/v1/sessions/{}", text(&last, "sessionId")?)).await?.ok(200).map(drop)
}

async fn a_key_is_remembered_over_a_restart(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let key = kit.name("key");
    let first = kit.start(&actor, json!({ "idempotencyKey": key })).await?;
    kit.ended(&first).await?;
    kit.restart().await?;
    let again = kit.submit(&actor, json!({ "idempotencyKey": key })).await?.ok(202)?;
    same("the repetition's run", Started::read(&again)?, first)?;
    let other =
        json!({ "idempotencyKey": key, "agent": { "name": actor.name, "task": "another" } });
    kit.client.post("/v1/runs", &other).await?.refused(&[Code::KeyConflict]).map(drop)
}

async fn a_revoked_key_stays_revoked(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let (made, client) = super::keys::key(kit, &["sessions:read"]).await?;
    kit.client.delete(&format!("/v1/keys/{}", text(&made, "keyId")?)).await?;
    kit.restart().await?;
    client.get("/v1/sessions").await?.refused(&[Code::Unauthenticated]).map(drop)
}

async fn an_entry_due_in_a_restart_starts_once(kit: &Kit) -> Outcome {
    kit.restartable()?;
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let entries = json!([{ "kind": "at", "at": "2100-01-01T00:00:00Z" }]);
    let request = schedules::request(kit, &actor, &entries);
    let made = kit.client.post("/v1/schedules", &request).await?.ok(201)?;
    let path = schedules::path(&made)?;
    // due at once: the restart meets it before, in or after its start
    let queued = json!({ "kind": "queued" });
    kit.client.post(&format!("{path}/entries"), &queued).await?.ok(201)?;
    kit.restart().await?;
    let run = schedules::ended(kit, &made, 2).await?;
    same("the run", text(&run, "status")?, "completed")?;
    same("runs of it", schedules::runs_in(kit, text(&run, "sessionId")?).await?, 1)?;
    let seen = kit.client.get(&path).await?.ok(200)?;
    same("what is not due", text(schedules::entry(&seen, 1)?, "status")?, "pending")?;
    kit.client.post(&format!("{path}/cancel"), &json!({})).await?.ok(200).map(drop)
}
