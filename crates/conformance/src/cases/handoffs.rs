//! `HND-1`: a session moves to another owner; whom it left writes nothing there any more.

use super::keys::key_of;
use super::policies::under;
use crate::answer::{has_fields, is_time, is_word, items, text};
use crate::case::{Outcome, cases, ensure, failed, same};
use crate::client::Client;
use crate::kit::Kit;
use crate::stand::Turn;
use serde_json::{Value, json};
use tenure_contract::Code;

cases! {
    "HND-1" a_handoff_has_all_its_fields "an offer has every field, is listed, and the owner goes on working while it stands";
    "HND-1" acceptance_moves_the_session "once accepted the session reads as the new owner's, and a checkpoint was made";
    "HND-1" a_former_owner_writes_nothing "after acceptance every write of the former owner is refused, naming the new one, and leaves no entry";
    "HND-1" only_whom_it_names_answers "nobody else accepts or declines an offer, with whatever key";
    "HND-1" only_its_owner_offers "who does not own a session neither offers it nor takes an offer back";
    "HND-1" one_offer_at_a_time "a second offer conflicts while one is open, and an idempotency key offers once";
    "HND-1" accepting_twice_accepts_once "of concurrent acceptances one is journaled, and all are answered alike";
    "HND-1" an_open_approval_moves_along "a decision that was open as a session moved is the new owner's where it was the former one's";
    "HND-1" a_session_is_seen_by_one_product "before acceptance the session is not there for whom it is offered to, after it not for whom it left, and lists follow";
    "HND-1" accepted_or_withdrawn_never_both "an acceptance and a withdrawal at the same moment come to one of the two";
}

const FIELDS: &[&str] = &[
    "handoffId",
    "tenantId",
    "from",
    "to",
    "sessionId",
    "taskIds",
    "approvalIds",
    "refs",
    "reason",
    "status",
    "offeredAt",
    "expiresAt",
    "resolvedAt",
];
const STATUSES: &[&str] = &["offered", "accepted", "declined", "expired", "withdrawn"];
const ALL: &[&str] = &[
    "sessions:*",
    "runs:*",
    "approvals:read",
    "approvals:decide",
    "handoffs:read",
    "handoffs:write",
];

/// Two principals of one product, and a session of the first.
struct Pair {
    product: String,
    owner: Client,
    next: Client,
    next_name: String,
    session: String,
}

async fn pair(kit: &Kit) -> Outcome<Pair> {
    pair_of(kit, "service").await
}

async fn pair_of(kit: &Kit, kind: &str) -> Outcome<Pair> {
    let product = kit.name("product");
    let (owner_name, next_name) =
        (format!("{kind}:{}", kit.name("owner")), format!("{kind}:{}", kit.name("next")));
    let (_, owner) = key_of(kit, &owner_name, ALL, Some(&product)).await?;
    let (_, next) = key_of(kit, &next_name, ALL, Some(&product)).await?;
    let open = json!({ "userId": owner_name, "approvers": [owner_name] });
    let opened = owner.post("/v1/sessions", &open).await?.ok(201)?;
    let session = text(&opened, "sessionId")?.to_owned();
    Ok(Pair { product, owner, next, next_name, session })
}

impl Pair {
    fn body(&self) -> Value {
        json!({ "to": { "product": self.product, "principal": self.next_name }, "reason": "next" })
    }

    fn offers(&self) -> String {
        format!("/v1/sessions/{}/handoffs", self.session)
    }

    async fn offer(&self) -> Outcome<Value> {
        let answer = self.owner.post(&self.offers(), &self.body()).await?;
        answer.offered()?;
        answer.ok(201)
    }

    /// Offered and accepted.
    async fn moved(&self) -> Outcome<Value> {
        let offered = self.offer().await?;
        self.next.post(&at(&offered, "accept")?, &json!({})).await?.ok(200)
    }
}

fn at(handoff: &Value, verb: &str) -> Outcome<String> {
    Ok(format!("/v1/handoffs/{}/{verb}", text(handoff, "handoffId")?))
}

async fn a_handoff_has_all_its_fields(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    let task = pair
        .owner
        .post(&format!("/v1/sessions/{}/tasks", pair.session), &json!({ "title": "move" }))
        .await?
        .ok(201)?;
    let offered = pair.offer().await?;
    has_fields("the handoff", &offered, FIELDS)?;
    is_word(&offered, "status", STATUSES)?;
    is_time(&offered, "offeredAt")?;
    same("the status of an offer", text(&offered, "status")?, "offered")?;
    same("its tasks", &offered["taskIds"], &json!([task["taskId"]]))?;
    same("to", text(&offered["to"], "principal")?, pair.next_name.as_str())?;
    let page = pair.next.get("/v1/handoffs?status=offered").await?.ok(200)?;
    ensure(items(&page)?.iter().any(|one| one["handoffId"] == offered["handoffId"]), || {
        format!("it is not listed: {page}")
    })?;
    let patched = json!({ "title": "still mine" });
    pair.owner.patch(&format!("/v1/sessions/{}", pair.session), &patched).await?.ok(200).map(drop)
}

async fn acceptance_moves_the_session(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    let accepted = pair.moved().await?;
    same("the status", text(&accepted, "status")?, "accepted")?;
    is_time(&accepted, "resolvedAt")?;
    let seen = pair.next.get(&format!("/v1/sessions/{}", pair.session)).await?.ok(200)?;
    let user = pair.next_name.trim_start_matches("service:");
    same("userId", text(&seen, "userId")?, user)?;
    let path = format!("/v1/sessions/{}/checkpoints", pair.session);
    let page = pair.next.get(&path).await?.ok(200)?;
    ensure(items(&page)?.iter().any(|one| one["cause"] == "handoff"), || {
        format!("no checkpoint of the handoff: {page}")
    })?;
    let listed = pair.next.get(&format!("/v1/sessions?userId={user}")).await?.ok(200)?;
    ensure(items(&listed)?.iter().any(|one| one["sessionId"] == *pair.session), || {
        format!("the list does not follow: {listed}")
    })
}

async fn a_former_owner_writes_nothing(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    pair.moved().await?;
    let session = format!("/v1/sessions/{}", pair.session);
    let before = pair.next.get(&session).await?.ok(200)?;
    let posts = [
        (format!("{session}/tasks"), json!({ "title": "late" })),
        (format!("{session}/todos"), json!({ "text": "late" })),
        (format!("{session}/checkpoints"), json!({})),
        (format!("{session}/end"), json!({ "status": "cancelled" })),
        (format!("{session}/handoffs"), pair.body()),
    ];
    for (path, body) in posts {
        let told = pair.owner.post(&path, &body).await?.refused(&[Code::HandedOver])?;
        ensure(text(&told, "detail")?.contains(&pair.next_name), || {
            format!("`{path}` does not name the new owner: {told}")
        })?;
    }
    let patch = pair.owner.patch(&session, &json!({ "title": "late" })).await?;
    patch.refused(&[Code::HandedOver])?;
    let cleared = pair.owner.delete(&format!("{session}/memory")).await?;
    cleared.refused(&[Code::HandedOver])?;
    let after = pair.next.get(&session).await?.ok(200)?;
    same("the journal's length", &after["seq"], &before["seq"])
}

async fn only_whom_it_names_answers(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    let offered = pair.offer().await?;
    let (_, elsewhere) = key_of(kit, &pair.next_name, ALL, Some(&kit.name("elsewhere"))).await?;
    let third = format!("service:{}", kit.name("third"));
    let (_, third) = key_of(kit, &third, ALL, Some(&pair.product)).await?;
    for verb in ["accept", "decline"] {
        let path = at(&offered, verb)?;
        for nobody in [&pair.owner, &third] {
            nobody.post(&path, &json!({})).await?.refused(&[Code::Forbidden])?;
        }
        // a key of another product does not see it at all
        elsewhere.post(&path, &json!({})).await?.refused(&[Code::NotFound])?;
    }
    let seen = pair.next.get(&format!("/v1/handoffs/{}", text(&offered, "handoffId")?)).await?;
    same("it stands", text(&seen.ok(200)?, "status")?, "offered")?;
    pair.next.post(&at(&offered, "decline")?, &json!({ "reason": "no" })).await?.ok(200)?;
    let late = pair.next.post(&at(&offered, "accept")?, &json!({})).await?;
    late.refused(&[Code::IllegalTransition]).map(drop)
}

async fn only_its_owner_offers(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    let stranger = format!("service:{}", kit.name("stranger"));
    let (_, unbound) = key_of(kit, &stranger, ALL, None).await?;
    unbound.post(&pair.offers(), &pair.body()).await?.refused(&[Code::Forbidden])?;
    let (_, other) = key_of(kit, &stranger, ALL, Some(&kit.name("other"))).await?;
    other.post(&pair.offers(), &pair.body()).await?.refused(&[Code::NotFound])?;
    let offered = pair.offer().await?;
    let path = at(&offered, "withdraw")?;
    unbound.post(&path, &json!({})).await?.refused(&[Code::Forbidden])?;
    let back = pair.owner.post(&path, &json!({})).await?.ok(200)?;
    same("the status", text(&back, "status")?, "withdrawn")
}

async fn one_offer_at_a_time(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    let key = kit.name("key");
    let headers = [("idempotency-key", key.as_str())];
    let first = pair.owner.post_with(&pair.offers(), &headers, &pair.body()).await?;
    first.offered()?;
    let first = first.ok(201)?;
    let again = pair.owner.post_with(&pair.offers(), &headers, &pair.body()).await?.ok(201)?;
    same("the handoff", &again["handoffId"], &first["handoffId"])?;
    let mut other = pair.body();
    other["reason"] = json!("something else");
    let conflict = pair.owner.post_with(&pair.offers(), &headers, &other).await?;
    conflict.refused(&[Code::KeyConflict])?;
    let second = pair.owner.post(&pair.offers(), &pair.body()).await?;
    second.refused(&[Code::IllegalTransition]).map(drop)
}

async fn accepting_twice_accepts_once(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    let offered = pair.offer().await?;
    let (path, nothing) = (at(&offered, "accept")?, json!({}));
    let accepting = (0..8).map(|_| pair.next.post(&path, &nothing));
    for answer in futures::future::join_all(accepting).await {
        same("the status", text(&answer?.ok(200)?, "status")?, "accepted")?;
    }
    let entries = kit.entries(&pair.session).await?;
    let many = entries.iter().filter(|entry| entry["kind"] == "handoff.accepted").count();
    same("acceptances in the journal", many, 1)
}

async fn an_open_approval_moves_along(kit: &Kit) -> Outcome {
    let turns = vec![Turn::call("guarded", "it"), Turn::say("done")];
    // then only whom the session names
    let actor = kit.agent_with(turns, json!({ "approvers": [] })).await?;
    let pair = pair_of(kit, "user").await?;
    let started = kit.start_in(&actor, &pair.session).await?;
    let approval = kit.approval(&started).await?;
    let moved = pair.moved().await?;
    same("the approvals that moved", &moved["approvalIds"], &json!([approval]))?;
    let (path, body) =
        (format!("/v1/approvals/{approval}/decision"), json!({ "decision": "approve" }));
    pair.owner.post(&path, &body).await?.refused(&[Code::HandedOver])?;
    let decided = pair.next.post(&path, &body).await?.ok(200)?;
    same("who decided", decided["resolver"]["principal"].as_str(), Some(pair.next_name.as_str()))?;
    let run = kit.ended(&started).await?;
    same("the run goes on", run["status"].as_str(), Some("completed"))?;
    same("effects", actor.play.effects().len(), 1)
}

/// Whether a list has a row with that id.
async fn lists(client: &Client, list: &str, field: &str, id: &str) -> Outcome<bool> {
    let page = client.get(&format!("/v1/{list}?limit=200")).await?.ok(200)?;
    Ok(items(&page)?.iter().any(|row| row[field] == *id))
}

async fn a_session_is_seen_by_one_product(kit: &Kit) -> Outcome {
    let pair = pair(kit).await?;
    let (there, elsewhere) = (kit.name("there"), kit.name("elsewhere"));
    let (_, next) = key_of(kit, &pair.next_name, ALL, Some(&there)).await?;
    let (_, third) = key_of(kit, &pair.next_name, ALL, Some(&elsewhere)).await?;
    let session = format!("/v1/sessions/{}", pair.session);
    let to = json!({ "to": { "product": there, "principal": pair.next_name } });
    let rule = format!(
        "permit (principal, action == Action::\"handoff\", resource == Product::\"{there}\");"
    );
    under(kit, &rule, async || {
        let offered = pair.owner.post(&pair.offers(), &to).await?.ok(201)?;
        pair.owner.get(&session).await?.ok(200)?;
        for nobody in [&next, &third] {
            nobody.get(&session).await?.refused(&[Code::NotFound])?;
        }
        let id = text(&offered, "handoffId")?;
        same("listed to whom", lists(&next, "handoffs", "handoffId", id).await?, true)?;
        same("listed to others", lists(&third, "handoffs", "handoffId", id).await?, false)?;
        next.post(&at(&offered, "accept")?, &json!({})).await?.ok(200).map(drop)
    })
    .await?;
    pair.owner.get(&session).await?.refused(&[Code::HandedOver])?;
    next.get(&session).await?.ok(200)?;
    third.get(&session).await?.refused(&[Code::NotFound])?;
    for (client, is) in [(&pair.owner, false), (&next, true), (&third, false)] {
        same("listed", lists(client, "sessions", "sessionId", &pair.session).await?, is)?;
    }
    Ok(())
}

async fn accepted_or_withdrawn_never_both(kit: &Kit) -> Outcome {
    for _ in 0..6 {
        let pair = pair(kit).await?;
        let offered = pair.offer().await?;
        let (accept, withdraw) = (at(&offered, "accept")?, at(&offered, "withdraw")?);
        let nothing = json!({});
        let (took, back) =
            futures::join!(pair.next.post(&accept, &nothing), pair.owner.post(&withdraw, &nothing));
        let (took, back) = (took?, back?);
        match (took.status, back.status) {
            (200, 409) => back.refused(&[Code::HandedOver]).map(drop)?,
            (409, 200) => took.refused(&[Code::IllegalTransition]).map(drop)?,
            _ => {
                let seen = (took.shown(), back.shown());
                return failed(format!("both or neither happened: {seen:?}"));
            }
        }
    }
    Ok(())
}
