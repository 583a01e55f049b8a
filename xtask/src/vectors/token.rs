//! The tokens of a travelling approval as vectors, signed here by hand: a second implementation that the
//! first one is tried on (`crates/core/src/token/tests.rs`).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tenure_contract::digest::hex;
use tenure_contract::export::key_id;
use tenure_contract::token::{
    ALGORITHM, DECISION_TYPE, HANDED_TYPE, HandedApproval, HandedDecision, HandedVerdict,
};
use tenure_contract::words::RiskLevel;
use tenure_contract::{ApprovalId, Digest, RunId, SessionId, TenantId, TokenId};

/// The node's key: it signs what leaves.
const NODE_SEED: [u8; 32] = super::export::NODE_SEED;
/// The other app's key: it signs what returns.
const APP_SEED: [u8; 32] = [7; 32];
const ISSUED: u64 = 1_795_219_200;
const DECIDED: u64 = ISSUED + 600;
/// The instant at which the cases are judged.
const NOW: u64 = ISSUED + 660;
const EXPIRES: u64 = ISSUED + 86_400;

/// Both tokens, and decisions that must be refused, each for its own reason.
#[must_use]
pub fn file() -> Value {
    let (handed, decision) = (json!(handed()), json!(decision()));
    json!({
        "about": "compact JWS, Ed25519; the seeds are for tests only; `refused` are decisions nobody may take",
        "now": NOW,
        "nodeSeed": hex(&NODE_SEED),
        "appSeed": hex(&APP_SEED),
        "appPublicKey": hex(SigningKey::from_bytes(&APP_SEED).verifying_key().as_bytes()),
        "handed": { "claims": handed, "token": signed(&NODE_SEED, HANDED_TYPE, &handed) },
        "decision": { "claims": decision, "token": signed(&APP_SEED, DECISION_TYPE, &decision) },
        "refused": refused(&decision),
    })
}

fn refused(decision: &Value) -> Value {
    let changed = |field: &str, value: Value| {
        let mut claims = decision.clone();
        claims[field] = value;
        claims
    };
    let token = signed(&APP_SEED, DECISION_TYPE, decision);
    let (message, signature) = token.rsplit_once('.').unwrap_or_default();
    let (header, _) = message.split_once('.').unwrap_or_default();
    let other = part(&changed("decision", json!("deny")));
    json!([
        { "why": "token-forged", "token": signed(&[8; 32], DECISION_TYPE, decision) },
        { "why": "token-forged", "token": format!("{header}.{other}.{signature}") },
        { "why": "token-expired", "token": signed(&APP_SEED, DECISION_TYPE, &changed("exp", json!(NOW))) },
        { "why": "token-expired", "token": signed(&APP_SEED, DECISION_TYPE, &changed("iat", json!(NOW + 61))) },
        { "why": "token-malformed", "token": signed(&APP_SEED, HANDED_TYPE, decision) },
        { "why": "token-malformed", "token": signed(&APP_SEED, DECISION_TYPE, &changed("admin", json!(true))) },
        { "why": "token-malformed", "token": signed(&APP_SEED, DECISION_TYPE, &changed("decision", json!("maybe"))) },
        { "why": "token-malformed", "token": message },
    ])
}

fn handed() -> HandedApproval {
    HandedApproval {
        iss: TenantId::from_bytes([0x10; 16]),
        aud: "desk".to_owned(),
        jti: TokenId::from_bytes([0x60; 16]),
        iat: ISSUED,
        exp: EXPIRES,
        approval: ApprovalId::from_bytes([0x70; 16]),
        session: SessionId::from_bytes([0x20; 16]),
        run: Some(RunId::from_bytes([0x30; 16])),
        task: None,
        product: "shop".to_owned(),
        action_label: "refund 40 to C-7".to_owned(),
        action_digest: action(),
        risk: RiskLevel::High,
        dispatch_context: None,
        return_address: "https://shop.example/v1/approval-decisions".to_owned(),
    }
}

fn decision() -> HandedDecision {
    HandedDecision {
        iss: "desk".to_owned(),
        aud: TenantId::from_bytes([0x10; 16]),
        jti: TokenId::from_bytes([0x60; 16]),
        iat: DECIDED,
        exp: EXPIRES,
        approval: ApprovalId::from_bytes([0x70; 16]),
        action_digest: action(),
        decision: HandedVerdict::Approve,
        decided_by: "ana".to_owned(),
        reason: Some("the parcel came back".to_owned()),
        arguments: None,
    }
}

fn action() -> Digest {
    Digest::of(&[br#"{"tool":"refund"}"#])
}

fn signed(seed: &[u8; 32], kind: &str, claims: &Value) -> String {
    let key = SigningKey::from_bytes(seed);
    let kid = key_id(key.verifying_key().as_bytes());
    let header = json!({ "alg": ALGORITHM, "kid": kid, "typ": kind });
    let message = format!("{}.{}", part(&header), part(claims));
    let signature = BASE64URL.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

fn part(value: &Value) -> String {
    BASE64URL.encode(super::sorted(value.clone()).to_string())
}
