//! An approval decided in another app: out as a signed token, back as a signed decision (`APR-6`).

use crate::decisions::waiting;
use crate::rig::{NODE, OURS, Rig, THEIRS, answered, refused};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tenure_contract::Time;
use tenure_contract::digest::hex;
use tenure_contract::token::{DECISION_TYPE, HANDED_TYPE, HandedApproval};
use tenure_core::token::{open, sign};
use tenure_core::verify::head::public_key;
use tenure_engine::Clock;

const DESK: [u8; 32] = [7; 32];
const SHOP: [u8; 32] = [6; 32];

/// A waiting approval, handed to the app `desk`, and what its token says.
async fn handed(rig: &Rig) -> (Value, String, HandedApproval) {
    for (product, secret) in [("desk", &DESK), ("shop", &SHOP)] {
        let key = json!({ "productId": product, "publicKey": hex(&public_key(secret)) });
        answered(rig.post("/v1/app-keys", &key), StatusCode::CREATED).await;
    }
    let (run, id) = waiting(rig).await;
    let request = rig.post(&format!("/v1/approvals/{id}/tokens"), &json!({ "audience": "desk" }));
    let token = answered(request, StatusCode::CREATED).await["token"].as_str().unwrap().to_owned();
    (run, id, opened(rig, &token).await)
}

/// Opened as another app does: with the key the server publishes.
async fn opened(rig: &Rig, token: &str) -> HandedApproval {
    let published = rig.see("/v1/signing-keys").await["keys"][0]["kid"].clone();
    let (now, server) = (Clock::system().now(), public_key(&NODE));
    let (kid, claims) = open::<HandedApproval>(token, HANDED_TYPE, now, |_| Some(server)).unwrap();
    assert_eq!(published, kid);
    claims
}

/// What the app decides, before it is signed.
fn decision(of: &HandedApproval) -> Value {
    json!({
        "iss": "desk", "aud": of.iss, "jti": of.jti, "iat": of.iat, "exp": of.exp,
        "approval": of.approval, "actionDigest": of.action_digest,
        "decision": "approve", "decidedBy": "ana", "reason": "looked at it",
    })
}

fn with(of: &HandedApproval, field: &str, value: Value) -> Value {
    let mut claims = decision(of);
    claims[field] = value;
    claims
}

fn signed(secret: &[u8; 32], claims: &Value) -> Value {
    json!({ "decision": sign(secret, DECISION_TYPE, claims) })
}

#[tokio::test(flavor = "multi_thread")]
async fn apr_6_an_approval_leaves_signed_and_its_decision_returns_signed() {
    let rig = Rig::new().await;
    let (run, id, token) = handed(&rig).await;
    assert_eq!((token.iss, token.aud.as_str()), (OURS, "desk"));
    assert_eq!(token.approval.to_string(), id);
    let asked = rig.see(&format!("/v1/approvals/{id}")).await;
    assert_eq!(json!(token.action_digest), asked["actionDigest"]);
    let back = rig.post("/v1/approval-decisions", &signed(&DESK, &decision(&token)));
    let decided = answered(back, StatusCode::OK).await;
    assert_eq!(
        (&decided["status"], &decided["reason"]),
        (&json!("approved"), &json!("looked at it"))
    );
    let ended = rig.rested(run["runId"].as_str().unwrap()).await;
    assert_eq!(ended["status"], "completed");
    let again = rig.post("/v1/approval-decisions", &signed(&DESK, &decision(&token)));
    refused(again, StatusCode::CONFLICT, "token-used").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apr_6_each_wrong_decision_is_refused_for_its_own_reason() {
    let rig = Rig::new().await;
    let (_, id, token) = handed(&rig).await;
    let other = "sha256:".to_owned() + &"3".repeat(64);
    let elsewhere = format!("tok_{}", "3".repeat(26));
    let (forbidden, conflict) = (StatusCode::FORBIDDEN, StatusCode::CONFLICT);
    let cases = [
        (signed(&[9; 32], &decision(&token)), forbidden, "token-forged"),
        (signed(&SHOP, &decision(&token)), forbidden, "token-retargeted"),
        (signed(&SHOP, &with(&token, "iss", json!("shop"))), forbidden, "token-retargeted"),
        (signed(&DESK, &with(&token, "jti", json!(elsewhere))), forbidden, "token-retargeted"),
        (signed(&DESK, &with(&token, "aud", json!(THEIRS))), forbidden, "token-retargeted"),
        (signed(&DESK, &with(&token, "exp", json!(1))), StatusCode::GONE, "token-expired"),
        (signed(&DESK, &with(&token, "actionDigest", json!(other))), conflict, "action-changed"),
        (json!({ "decision": "a.b.c" }), StatusCode::BAD_REQUEST, "token-malformed"),
    ];
    for (body, status, code) in cases {
        refused(rig.post("/v1/approval-decisions", &body), status, code).await;
        assert_eq!(rig.see(&format!("/v1/approvals/{id}")).await["status"], "requested", "{code}");
    }
    let kid = rig.see("/v1/app-keys").await["items"][1]["kid"].as_str().unwrap().to_owned();
    let gone = rig.request(reqwest::Method::DELETE, &format!("/v1/app-keys/{kid}"));
    assert_eq!(gone.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let late = rig.post("/v1/approval-decisions", &signed(&DESK, &decision(&token)));
    refused(late, forbidden, "token-forged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apr_6_whoever_decides_first_decides() {
    let rig = Rig::new().await;
    let (_, id, token) = handed(&rig).await;
    let here = rig.post(&format!("/v1/approvals/{id}/decision"), &json!({ "decision": "deny" }));
    answered(here, StatusCode::OK).await;
    let back = rig.post("/v1/approval-decisions", &signed(&DESK, &decision(&token)));
    refused(back, StatusCode::CONFLICT, "already-decided").await;
    let hand = rig.post(&format!("/v1/approvals/{id}/tokens"), &json!({ "audience": "desk" }));
    refused(hand, StatusCode::CONFLICT, "already-decided").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apr_6_only_one_who_may_decide_hands_it_out_and_only_to_a_known_app() {
    let rig = Rig::new().await;
    let (_, id, _) = handed(&rig).await;
    let path = format!("/v1/approvals/{id}/tokens");
    let bob = rig.key(OURS, "user:bob", &["*"]).await;
    let by_bob = rig.post(&path, &json!({ "audience": "desk" })).bearer_auth(&bob);
    refused(by_bob, StatusCode::FORBIDDEN, "forbidden").await;
    let unknown = rig.post(&path, &json!({ "audience": "nobody" })).bearer_auth(&bob);
    refused(unknown, StatusCode::BAD_REQUEST, "invalid-argument").await;
    let past = json!({ "audience": "desk", "expiresAt": Time::from_micros(1) });
    let past = rig.post(&path, &past).bearer_auth(&bob);
    refused(past, StatusCode::BAD_REQUEST, "invalid-argument").await;
    let theirs = rig.key(THEIRS, "user:ada", &["*"]).await;
    let foreign = rig.post(&path, &json!({ "audience": "desk" })).bearer_auth(&theirs);
    refused(foreign, StatusCode::NOT_FOUND, "not-found").await;
}
