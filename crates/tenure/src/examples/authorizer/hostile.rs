//! Decisions that prove nothing: each is refused under a code of its own, and decides nothing.

use super::app::App;
use super::{DESK, Notes, SHOP};
use crate::cli::Failure;
use crate::stage::{Server, Stage};
use serde_json::{Value, json};
use tenure_contract::Digest;
use tenure_contract::digest::{hex, unhex};
use tenure_contract::resource::{Approval, RegisterAppKey};
use tenure_contract::token::{DECISION_TYPE, HandedApproval};
use tenure_contract::words::ApprovalStatus;
use tenure_core::token::sign;
use tenure_core::verify::head::public_key;

/// What became of a hostile decision.
pub(super) struct Refused {
    /// What was tried.
    pub what: &'static str,
    /// The code it had to be refused under.
    pub wanted: &'static str,
    /// The code it was refused under; nothing when it was not.
    pub found: String,
}

/// A key nobody registered.
const STRANGER: [u8; 32] = [9; 32];
/// The registered key of another app, which is not the one the token was for.
const OTHER: [u8; 32] = [6; 32];

/// Before anything is decided: forged, re-targeted, expired, changed, malformed.
pub(super) async fn all(
    stage: &Stage,
    server: &Server,
    app: &App,
    notes: &Notes,
) -> Result<Vec<Refused>, Failure> {
    let asked = notes.shown.iter().find(|asked| asked.approval != notes.at_home);
    let asked = asked.ok_or_else(|| Failure::failed("nothing is left to be decided"))?;
    let other =
        RegisterAppKey { product_id: SHOP.to_owned(), public_key: hex(&public_key(&OTHER)) };
    server.post::<Value>("/v1/app-keys", &other).await?;
    let own = app_secret(app)?;
    let changed = |field: &str, value: Value| {
        let mut claims = decision(asked);
        claims[field] = value;
        claims
    };
    let another = Digest::of(&[b"another action"]);
    let tried = [
        ("signed by a key nobody registered", "token-forged", signed(&STRANGER, &decision(asked))),
        ("signed by another app", "token-retargeted", signed(&OTHER, &changed("iss", json!(SHOP)))),
        (
            "for another approval",
            "token-retargeted",
            signed(&own, &changed("jti", json!(other_token()))),
        ),
        ("signed too late", "token-expired", signed(&own, &changed("exp", json!(asked.iat)))),
        (
            "about another action",
            "action-changed",
            signed(&own, &changed("actionDigest", json!(another))),
        ),
        ("not signed at all", "token-malformed", "a.b.c".to_owned()),
    ];
    let at = format!("{}/v1/approval-decisions", server.client().endpoint());
    let mut refused = Vec::new();
    for (what, wanted, text) in tried {
        refused.push(one(stage, app, (what, wanted), (&text, &at)).await?);
        let still: Approval = server.get(&format!("/v1/approvals/{}", asked.approval)).await?;
        if still.status != ApprovalStatus::Requested {
            return Err(Failure::failed(format!("a decision {what} made it {}", still.status)));
        }
    }
    Ok(refused)
}

/// Afterwards: the same decision again, and one about what was decided at home.
pub(super) async fn late(
    stage: &Stage,
    app: &App,
    notes: &Notes,
    at: &str,
) -> Result<Vec<Refused>, Failure> {
    let own = app_secret(app)?;
    let mut refused = Vec::new();
    let again = notes.shown.iter().find(|asked| asked.approval != notes.at_home);
    let stale = notes.shown.iter().find(|asked| asked.approval == notes.at_home);
    for (what, wanted, asked) in
        [("sent twice", "token-used", again), ("overtaken at home", "already-decided", stale)]
    {
        let asked = asked.ok_or_else(|| Failure::failed("no such approval"))?;
        let text = signed(&own, &decision(asked));
        refused.push(one(stage, app, (what, wanted), (&text, at)).await?);
    }
    Ok(refused)
}

async fn one(
    stage: &Stage,
    app: &App,
    (what, wanted): (&'static str, &'static str),
    (text, at): (&str, &str),
) -> Result<Refused, Failure> {
    let said = app.send(text, at).await?;
    let found = said.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
    stage.say(&format!("  ✋ a decision {what}: {found}"));
    Ok(Refused { what, wanted, found })
}

fn app_secret(app: &App) -> Result<[u8; 32], Failure> {
    let text = std::fs::read_to_string(app.folder.join("key.json"))?;
    let key: Value = serde_json::from_str(&text).unwrap_or_default();
    let secret = key["secretKey"].as_str().and_then(unhex).and_then(|key| key.try_into().ok());
    secret.ok_or_else(|| Failure::failed("the app's key file cannot be read"))
}

fn other_token() -> String {
    format!("tok_{}", "3".repeat(26))
}

/// What the app could honestly say; nothing of it is signed yet.
fn decision(of: &HandedApproval) -> Value {
    json!({
        "iss": DESK, "aud": of.iss, "jti": of.jti, "iat": of.iat, "exp": of.exp,
        "approval": of.approval, "actionDigest": of.action_digest,
        "decision": "approve", "decidedBy": "mallory", "reason": null, "arguments": null,
    })
}

fn signed(secret: &[u8; 32], claims: &Value) -> String {
    sign(secret, DECISION_TYPE, claims)
}
