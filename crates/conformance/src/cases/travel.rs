//! `APR-6`: an approval that leaves as a signed token and returns as a signed decision.

use crate::answer::{items, text};
use crate::case::{Outcome, cases, ensure, failed, same, skipped};
use crate::kit::{Actor, Kit, Started};
use crate::stand::Turn;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tenure_contract::Code;
use tenure_contract::digest::hex;
use tenure_contract::token::{DECISION_TYPE, HANDED_TYPE};

cases! {
    "APR-6" a_token_carries_what_is_decided "a handed token verifies with the published key and holds the approval, its context and the digest of its action";
    "APR-6" a_signed_decision_is_taken_once "a decision signed with the app's registered key lets the run go on, and is refused the second time";
    "APR-6" every_wrong_decision_has_its_own_code "forged, re-targeted, expired, changed and malformed decisions are refused each for its own reason and decide nothing";
    "APR-6" a_revoked_key_decides_nothing "a decision under a key that was revoked meanwhile is refused";
    "APR-6" who_decides_first_decides "a decision taken here makes the one from the other app too late";
}

/// Another app, as the kit plays it.
pub(super) struct App {
    product: String,
    key: SigningKey,
    pub(super) kid: String,
}

/// A run that waits, and its approval out under a token.
struct Handed {
    actor: Actor,
    started: Started,
    approval: String,
    claims: Value,
}

impl App {
    pub(super) async fn register(kit: &Kit) -> Outcome<Self> {
        let key = SigningKey::from_bytes(&rand::random());
        let product = kit.name("desk");
        let request =
            json!({ "productId": product, "publicKey": hex(key.verifying_key().as_bytes()) });
        let answer = kit.client.post("/v1/app-keys", &request).await?;
        if answer.status == 403 {
            return skipped(format!("this key may not register app keys: {}", answer.shown()));
        }
        let kid = text(&answer.ok(201)?, "kid")?.to_owned();
        Ok(Self { product, key, kid })
    }

    /// The decision about what was handed, with some claims changed.
    fn decide(&self, of: &Value, changed: &Value) -> Value {
        let mut claims = json!({
            "iss": self.product, "aud": of["iss"], "jti": of["jti"], "iat": of["iat"], "exp": of["exp"],
            "approval": of["approval"], "actionDigest": of["actionDigest"],
            "decision": "approve", "decidedBy": "ana", "reason": "seen", "arguments": null,
        });
        for (claim, value) in changed.as_object().into_iter().flatten() {
            claims[claim.as_str()] = value.clone();
        }
        json!({ "decision": sign(&self.key, &claims) })
    }
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    let kid = hex(&Sha256::digest(key.verifying_key().as_bytes())[..8]);
    let header = json!({ "alg": "EdDSA", "kid": kid, "typ": DECISION_TYPE });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

/// The claims of a token, once its signature is one of the server's published keys'.
async fn open(kit: &Kit, token: &str) -> Outcome<Value> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return failed(format!("the token has {} parts; expected 3", parts.len()));
    };
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    let json = |part: &str| serde_json::from_slice::<Value>(&read(part)).unwrap_or_default();
    let head = json(header);
    same("its algorithm", head["alg"].as_str(), Some("EdDSA"))?;
    same("its type", head["typ"].as_str(), Some(HANDED_TYPE))?;
    let keys = kit.client.get("/v1/signing-keys").await?.ok(200)?;
    let published = keys["keys"].as_array().cloned().unwrap_or_default();
    let Some(key) = published.iter().find(|key| key["kid"] == head["kid"]) else {
        return failed(format!("key {} is not published: {keys}", head["kid"]));
    };
    let bytes: Result<[u8; 32], _> = read(key["x"].as_str().unwrap_or_default()).try_into();
    let key = bytes.ok().and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    let signature = Signature::from_slice(&read(signature)).ok();
    let signed = format!("{header}.{claims}");
    match (key, signature) {
        (Some(key), Some(signature))
            if key.verify_strict(signed.as_bytes(), &signature).is_ok() =>
        {
            Ok(json(claims))
        }
        _ => failed("the token's signature is not the published key's"),
    }
}

async fn hand(kit: &Kit, app: &App) -> Outcome<Handed> {
    let actor = kit.agent(vec![Turn::call("guarded", "it"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    let path = format!("/v1/approvals/{approval}/tokens");
    let handed = kit.client.post(&path, &json!({ "audience": app.product })).await?.ok(201)?;
    let claims = open(kit, text(&handed, "token")?).await?;
    Ok(Handed { actor, started, approval, claims })
}

async fn answer(kit: &Kit, decision: &Value) -> Outcome<crate::answer::Answer> {
    kit.client.post("/v1/approval-decisions", decision).await
}

async fn status(kit: &Kit, handed: &Handed) -> Outcome<Value> {
    kit.client.get(&format!("/v1/approvals/{}", handed.approval)).await?.ok(200)
}

async fn a_token_carries_what_is_decided(kit: &Kit) -> Outcome {
    let app = App::register(kit).await?;
    let handed = hand(kit, &app).await?;
    let asked = status(kit, &handed).await?;
    let claims = &handed.claims;
    same("its audience", claims["aud"].as_str(), Some(app.product.as_str()))?;
    same("its approval", claims["approval"].as_str(), Some(handed.approval.as_str()))?;
    same("its run", claims["run"].as_str(), Some(handed.started.run.as_str()))?;
    same("its session", claims["session"].as_str(), Some(handed.started.session.as_str()))?;
    same("the digest", &claims["actionDigest"], &asked["actionDigest"])?;
    same("the risk", claims["risk"].as_str(), Some("high"))?;
    let lasts = claims["exp"].as_u64().zip(claims["iat"].as_u64());
    ensure(lasts.is_some_and(|(end, begin)| end > begin), || format!("it never ends: {claims}"))
}

async fn a_signed_decision_is_taken_once(kit: &Kit) -> Outcome {
    let app = App::register(kit).await?;
    let handed = hand(kit, &app).await?;
    let decision = app.decide(&handed.claims, &json!({}));
    let decided = answer(kit, &decision).await?.ok(200)?;
    same("the approval", decided["status"].as_str(), Some("approved"))?;
    let run = kit.ended(&handed.started).await?;
    same("the run", run["status"].as_str(), Some("completed"))?;
    same("effects outside", handed.actor.play.effects().len(), 1)?;
    answer(kit, &decision).await?.refused(&[Code::TokenUsed])?;
    same("effects after a second try", handed.actor.play.effects().len(), 1)
}

async fn every_wrong_decision_has_its_own_code(kit: &Kit) -> Outcome {
    let app = App::register(kit).await?;
    let other = App::register(kit).await?;
    let handed = hand(kit, &app).await?;
    let of = &handed.claims;
    let stranger = App {
        product: app.product.clone(),
        key: SigningKey::from_bytes(&rand::random()),
        kid: String::new(),
    };
    let digest = format!("sha256:{}", "3".repeat(64));
    let cases = [
        (stranger.decide(of, &json!({})), Code::TokenForged),
        (other.decide(of, &json!({})), Code::TokenRetargeted),
        (
            app.decide(of, &json!({ "jti": format!("tok_{}", "3".repeat(26)) })),
            Code::TokenRetargeted,
        ),
        (app.decide(of, &json!({ "exp": 1 })), Code::TokenExpired),
        (app.decide(of, &json!({ "actionDigest": digest })), Code::ActionChanged),
        (json!({ "decision": "a.b.c" }), Code::TokenMalformed),
    ];
    for (decision, code) in cases {
        answer(kit, &decision).await?.refused(&[code])?;
        let left = status(kit, &handed).await?;
        same("the approval after a refusal", left["status"].as_str(), Some("requested"))?;
    }
    same("effects outside", handed.actor.play.effects().len(), 0)
}

async fn a_revoked_key_decides_nothing(kit: &Kit) -> Outcome {
    let app = App::register(kit).await?;
    let handed = hand(kit, &app).await?;
    kit.client.delete(&format!("/v1/app-keys/{}", app.kid)).await?.ok(204)?;
    let listed = kit.client.get("/v1/app-keys?limit=200").await?.ok(200)?;
    ensure(items(&listed)?.iter().any(|key| key["kid"] == app.kid.as_str()), || {
        format!("a revoked key is not told of any more: {listed}")
    })?;
    let decision = app.decide(&handed.claims, &json!({}));
    answer(kit, &decision).await?.refused(&[Code::TokenForged])?;
    same("the approval", status(kit, &handed).await?["status"].as_str(), Some("requested"))
}

async fn who_decides_first_decides(kit: &Kit) -> Outcome {
    let app = App::register(kit).await?;
    let handed = hand(kit, &app).await?;
    kit.decide(&handed.approval, &json!({ "decision": "deny" })).await?.ok(200)?;
    let late = app.decide(&handed.claims, &json!({}));
    answer(kit, &late).await?.refused(&[Code::AlreadyDecided])?;
    kit.ended(&handed.started).await?;
    same("effects outside", handed.actor.play.effects().len(), 0)
}
