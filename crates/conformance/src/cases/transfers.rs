//! `HND-2`: a session moves to another server with its whole journal; of two servers one goes on with
//! it. What needs the second one is skipped without `--second-url`.

use super::log::{export_of, proven};
use crate::answer::{has_fields, items, number, text};
use crate::case::{Outcome, cases, same};
use crate::client::Client;
use crate::document::nobody;
use crate::kit::{Actor, Kit, Started};
use crate::stand::Turn;
use reqwest::Method;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "HND-2" an_offer_stops_nothing_and_is_taken_back "while it is offered to another server a session takes writes, and the offer is taken back once";
    "HND-2" without_an_offer_nothing_is_released "what is not offered is neither taken back, nor accepted, nor received, and goes on";
    "HND-2" only_the_receivers_signature_releases "a release that its receiver did not sign, or signed under an offer that was taken back, is refused and the session goes on";
    "HND-2" an_edited_export_is_not_taken "an export with a changed byte is neither accepted nor received, and leaves nothing";
    "HND-2" a_released_session_goes_on_at_its_receiver "after its release a session takes nothing at the sender and goes on at the receiver, and both exports are one history";
    "HND-2" receiving_again_changes_nothing "the same export received again is answered alike and adds no entry";
    "HND-2" what_waits_moves_along "an approval that was open as a session moved is decided at the receiver, and its run ends there with one effect";
}

/// It is another server's now.
const GONE: &[Code] = &[Code::HandedOver, Code::IllegalTransition];

const FIELDS: &[&str] =
    &["transferId", "sessionId", "tenantId", "toStore", "status", "offeredSeq", "seq"];

fn transfer(session: &str) -> String {
    format!("/v1/sessions/{session}/transfer")
}

/// The store behind a server.
async fn store(client: &Client) -> Outcome<String> {
    Ok(text(&client.get("/v1/server").await?.ok(200)?, "storeId")?.to_owned())
}

/// A write that anybody may make who owns the session.
async fn works(client: &Client, session: &str) -> Outcome {
    let path = format!("/v1/sessions/{session}/todos");
    client.post(&path, &json!({ "text": "go on" })).await?.ok(201).map(drop)
}

async fn offer(kit: &Kit, session: &str, to: &str) -> Outcome<Value> {
    kit.client.post(&transfer(session), &json!({ "toStore": to })).await?.ok(200)
}

/// Sends an export to be accepted or received.
async fn bring(client: &Client, verb: &str, export: &str) -> Outcome<crate::answer::Answer> {
    let typed = [("content-type", "application/jsonl")];
    let path = format!("/v1/transfers/{verb}");
    client.send(Method::POST, &path, &typed, Some(export.as_bytes().to_vec())).await
}

/// What the second server signs under an offer to it.
async fn accepted(kit: &Kit, session: &str) -> Outcome<Value> {
    let second = kit.second()?;
    offer(kit, session, &store(second).await?).await?;
    let export = export_of(&kit.client, session).await?;
    let signed = bring(second, "accept", &export).await?.ok(200)?;
    Ok(json!({ "accepted": signed["accepted"] }))
}

/// The export of a session that was released to the second server.
async fn released(kit: &Kit, session: &str) -> Outcome<String> {
    let signed = accepted(kit, session).await?;
    let path = format!("{}/release", transfer(session));
    let gone = kit.client.post(&path, &signed).await?.ok(200)?;
    same("the status of a release", text(&gone, "status")?, "released")?;
    export_of(&kit.client, session).await
}

async fn an_offer_stops_nothing_and_is_taken_back(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let to = nobody("sto");
    let offered = offer(kit, &session, &to).await?;
    has_fields("the transfer", &offered, FIELDS)?;
    same("its status", text(&offered, "status")?, "offered")?;
    same("to", text(&offered, "toStore")?, to.as_str())?;
    works(&kit.client, &session).await?;
    let back = kit.client.delete(&transfer(&session)).await?.ok(200)?;
    same("its status", text(&back, "status")?, "withdrawn")?;
    let twice = kit.client.delete(&transfer(&session)).await?;
    twice.refused(&[Code::IllegalTransition])?;
    let itself = json!({ "toStore": store(&kit.client).await? });
    kit.client.post(&transfer(&session), &itself).await?.refused(&[Code::InvalidArgument])?;
    works(&kit.client, &session).await
}

async fn without_an_offer_nothing_is_released(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let nothing = kit.client.delete(&transfer(&session)).await?;
    nothing.refused(&[Code::IllegalTransition])?;
    let export = export_of(&kit.client, &session).await?;
    for verb in ["accept", "receive"] {
        bring(&kit.client, verb, &export).await?.refused(&[Code::IllegalTransition])?;
    }
    // offered, but not to this store
    offer(kit, &session, &nobody("sto")).await?;
    let export = export_of(&kit.client, &session).await?;
    for verb in ["accept", "receive"] {
        bring(&kit.client, verb, &export).await?.refused(&[Code::IllegalTransition])?;
    }
    works(&kit.client, &session).await
}

async fn only_the_receivers_signature_releases(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let signed = accepted(kit, &session).await?;
    let path = format!("{}/release", transfer(&session));
    let mut forged = signed.clone();
    let signature = text(&signed["accepted"], "signature")?;
    let (first, rest) = signature.split_at(1);
    forged["accepted"]["signature"] =
        json!(format!("{}{rest}", if first == "0" { "1" } else { "0" }));
    kit.client.post(&path, &forged).await?.refused(&[Code::VerificationFailed])?;
    works(&kit.client, &session).await?;
    kit.client.delete(&transfer(&session)).await?.ok(200)?;
    let late = kit.client.post(&path, &signed).await?;
    late.refused(&[Code::IllegalTransition, Code::VerificationFailed])?;
    works(&kit.client, &session).await
}

async fn an_edited_export_is_not_taken(kit: &Kit) -> Outcome {
    let second = kit.second()?;
    let session = kit.plain_session().await?;
    works(&kit.client, &session).await?;
    let export = released(kit, &session).await?;
    let line = export.lines().nth(1).unwrap_or_default();
    let bytes = serde_json::from_str::<Value>(line).unwrap_or_default();
    let bytes = text(&bytes, "bytes")?;
    let (rest, last) = bytes.split_at(bytes.len() - 1);
    let other = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let edited = export.replacen(bytes, &other, 1);
    for verb in ["accept", "receive"] {
        bring(second, verb, &edited).await?.refused(&[Code::VerificationFailed])?;
    }
    let there = second.get(&format!("/v1/sessions/{session}")).await?;
    there.refused(&[Code::NotFound])?;
    bring(second, "receive", &export).await?.ok(200)?;
    works(second, &session).await
}

async fn a_released_session_goes_on_at_its_receiver(kit: &Kit) -> Outcome {
    let second = kit.second()?;
    let title = kit.name("moves");
    let session = kit.session(json!({ "title": title })).await?;
    let session = text(&session, "sessionId")?.to_owned();
    works(&kit.client, &session).await?;
    let left = released(kit, &session).await?;
    let taken = bring(second, "receive", &left).await?.ok(200)?;
    has_fields("the transfer", &taken, FIELDS)?;
    same("its status", text(&taken, "status")?, "received")?;
    same("to", text(&taken, "toStore")?, store(second).await?.as_str())?;

    let late = [("todos", json!({ "text": "late" })), ("end", json!({ "status": "cancelled" }))];
    for (noun, body) in late {
        let path = format!("/v1/sessions/{session}/{noun}");
        kit.client.post(&path, &body).await?.refused(GONE)?;
    }
    same(
        "the sender's export afterwards",
        export_of(&kit.client, &session).await?.lines().count(),
        left.lines().count(),
    )?;
    let there = second.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
    same("its title", there["title"].as_str(), Some(title.as_str()))?;
    works(second, &session).await?;

    let (sender, receiver) = (proven(&left)?, proven(&export_of(second, &session).await?)?);
    same("the journal", &receiver.journal, &sender.journal)?;
    let common = receiver.hashes.get(..sender.hashes.len());
    same("the receiver's beginning", common, Some(&sender.hashes[..]))?;
    let path = format!("/v1/sessions/{session}/entries?limit=1&from={}", sender.hashes.len() + 1);
    let page = second.get(&path).await?.ok(200)?;
    let first = items(&page)?.first().cloned().unwrap_or_default();
    same("the receiver's first entry", first["kind"].as_str(), Some("transfer.received"))?;
    let released = &first["data"]["released"];
    same(
        "the head it embeds",
        released["hash"].as_str(),
        sender.hashes.last().map(String::as_str),
    )?;
    same("who signed it", text(released, "store")?, store(&kit.client).await?.as_str())
}

async fn receiving_again_changes_nothing(kit: &Kit) -> Outcome {
    let second = kit.second()?;
    let session = kit.plain_session().await?;
    let export = released(kit, &session).await?;
    let taken = bring(second, "receive", &export).await?.ok(200)?;
    let seen = second.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
    let again = bring(second, "receive", &export).await?.ok(200)?;
    same("the transfer", &again, &taken)?;
    let after = second.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
    same("the journal's length", number(&after, "seq")?, number(&seen, "seq")?)
}

/// An agent of the kit that the second server knows as well.
async fn known_at_both(kit: &Kit, turns: Vec<Turn>) -> Outcome<Actor> {
    let actor = kit.agent(turns).await?;
    let definition = kit.definition(&actor.name, &actor.play, &json!({}));
    let body = json!({ "definition": definition });
    kit.second()?.post("/v1/agents", &body).await?.ok(201)?;
    Ok(actor)
}

async fn what_waits_moves_along(kit: &Kit) -> Outcome {
    let second = kit.second()?;
    let actor = known_at_both(kit, vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started: Started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    let export = released(kit, &session).await?;
    let list = format!("/v1/approvals?session={session}&open=true");
    let path = format!("/v1/approvals/{approval}/decision");
    let approve = json!({ "decision": "approve" });
    kit.client.post(&path, &approve).await?.refused(GONE)?;
    kit.eventually("list without what is open elsewhere", async || {
        let page = kit.client.get(&list).await?.ok(200)?;
        Ok(items(&page)?.is_empty().then_some(()))
    })
    .await?;
    bring(second, "receive", &export).await?.ok(200)?;
    second.post(&path, &approve).await?.ok(200)?;
    let run = format!("/v1/runs/{}", started.run);
    let ended = kit
        .eventually("end of the run at the receiver", async || {
            let run = second.get(&run).await?.ok(200)?;
            let is_over = ["completed", "failed", "cancelled"].contains(&text(&run, "status")?);
            Ok(is_over.then_some(run))
        })
        .await?;
    same("the status", text(&ended, "status")?, "completed")?;
    same("effects", actor.play.effects().len(), 1)
}
