//! `AUT-1`: API keys: made, used, narrow, revoked.

use crate::answer::{has_fields, items, text};
use crate::case::{Outcome, cases, ensure, same, skipped};
use crate::client::Client;
use crate::kit::Kit;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tenure_contract::Code;

cases! {
    "AUT-1" nobody_is_refused "a call without a key, or with one nobody knows, is refused as unauthenticated";
    "AUT-1" a_key_is_shown_once "the text of a key stands in the answer to making it and in no list";
    "AUT-1" a_key_does_what_its_scopes_say "a key does what its scopes allow, and everything else is forbidden";
    "AUT-1" a_key_makes_no_wider_key "nobody gives away a scope he does not hold";
    "AUT-1" a_revoked_key_stops_working "a revoked key is refused within two seconds";
}

/// How soon a revoked key must be refused.
const REVOKED_WITHIN: Duration = Duration::from_secs(2);

/// Skips the case for a caller without a key: where none exists, the first one would lock it out.
fn keyed(kit: &Kit) -> Outcome {
    match kit.client.has_key() {
        true => Ok(()),
        false => {
            skipped("no --key was given, and the first key of a tenant would lock the kit out")
        }
    }
}

/// A new key with these scopes.
pub(super) async fn key(kit: &Kit, scopes: &[&str]) -> Outcome<(Value, Client)> {
    // a principal of its own: what one may do bounds what its keys may
    let principal = format!("service:{}", kit.name("principal"));
    key_of(kit, &principal, scopes, None).await
}

/// A new key of that principal, bound to a product if one is named.
pub(super) async fn key_of(
    kit: &Kit,
    principal: &str,
    scopes: &[&str],
    product: Option<&str>,
) -> Outcome<(Value, Client)> {
    keyed(kit)?;
    let body = json!({ "principal": principal, "scopes": scopes, "productId": product });
    let answer = kit.client.post("/v1/keys", &body).await?;
    if answer.status == 403 {
        return skipped(format!("this key may not make keys: {}", answer.shown()));
    }
    let made = answer.ok(201)?;
    let client = kit.client.as_key(Some(text(&made, "key")?));
    Ok((made, client))
}

async fn nobody_is_refused(kit: &Kit) -> Outcome {
    keyed(kit)?;
    for nobody in [None, Some("tnr_0_0"), Some("x")] {
        let answer = kit.client.as_key(nobody).get("/v1/sessions").await?;
        answer.refused(&[Code::Unauthenticated])?;
        let challenge = answer.header("www-authenticate").to_owned();
        ensure(!challenge.is_empty(), || format!("no WWW-Authenticate in {}", answer.shown()))?;
    }
    Ok(())
}

async fn a_key_is_shown_once(kit: &Kit) -> Outcome {
    let (made, client) = key(kit, &["sessions:read"]).await?;
    has_fields("the key", &made, &["keyId", "prefix", "principal", "scopes", "status", "key"])?;
    client.get("/v1/sessions").await?.ok(200)?;
    let listed = kit.client.get("/v1/keys").await?;
    let page = listed.ok(200)?;
    let id = text(&made, "keyId")?;
    ensure(items(&page)?.iter().any(|one| one["keyId"] == id), || format!("`{id}` is not listed"))?;
    ensure(!listed.text().contains(text(&made, "key")?), || {
        "the list shows a key's text".to_owned()
    })
}

async fn a_key_does_what_its_scopes_say(kit: &Kit) -> Outcome {
    let (_, reader) = key(kit, &["sessions:read", "runs:read"]).await?;
    reader.get("/v1/runs").await?.ok(200)?;
    let agent = json!({ "definition": { "name": kit.name("agent"), "model": { "adapter": "openai", "name": "kit" } } });
    let refused: [(&str, Value); 4] = [
        ("/v1/sessions", json!({})),
        ("/v1/runs", json!({ "intent": { "type": "none" } })),
        ("/v1/agents", agent),
        ("/v1/keys", json!({ "principal": "service:kit", "scopes": ["runs:read"] })),
    ];
    for (path, body) in refused {
        reader.post(path, &body).await?.refused(&[Code::Forbidden])?;
    }
    let (_, runner) = key(kit, &["sessions:write"]).await?;
    let session = runner.post("/v1/sessions", &json!({})).await?.ok(201)?;
    let path = format!("/v1/sessions/{}", text(&session, "sessionId")?);
    runner.get(&path).await?.refused(&[Code::Forbidden])?;
    let (_, nobody) = key(kit, &["approvals:decide"]).await?;
    nobody.get(&path).await?.refused(&[Code::Forbidden]).map(drop)
}

async fn a_key_makes_no_wider_key(kit: &Kit) -> Outcome {
    let (_, admin) = key(kit, &["keys:admin", "sessions:read"]).await?;
    for scopes in
        [json!(["runs:write"]), json!(["*"]), json!(["sessions:read", "approvals:decide"])]
    {
        let body =
            json!({ "principal": format!("service:{}", kit.name("principal")), "scopes": scopes });
        admin.post("/v1/keys", &body).await?.refused(&[Code::Forbidden])?;
    }
    let unknown = json!({ "principal": "service:kit", "scopes": ["everything"] });
    admin.post("/v1/keys", &unknown).await?.refused(&[Code::InvalidArgument]).map(drop)
}

async fn a_revoked_key_stops_working(kit: &Kit) -> Outcome {
    let (made, client) = key(kit, &["sessions:read"]).await?;
    client.get("/v1/sessions").await?.ok(200)?;
    let revoked = kit.client.delete(&format!("/v1/keys/{}", text(&made, "keyId")?)).await?;
    ensure((200..300).contains(&revoked.status), || {
        format!("it was not revoked: {}", revoked.shown())
    })?;
    let begun = Instant::now();
    kit.eventually("refusal of the revoked key", async || {
        let answer = client.get("/v1/sessions").await?;
        Ok((answer.status == 401).then_some(()))
    })
    .await?;
    let took = begun.elapsed();
    ensure(took <= REVOKED_WITHIN, || format!("it worked for another {} ms", took.as_millis()))?;
    let page = kit.client.get("/v1/keys").await?.ok(200)?;
    let listed = items(&page)?.iter().find(|one| one["keyId"] == made["keyId"]);
    same("its status in the list", listed.and_then(|one| one["status"].as_str()), Some("revoked"))
}
