//! What a token proves and what it does not.

use super::*;
use crate::verify::head::public_key;
use tenure_contract::token::{
    DECISION_TYPE, HANDED_TYPE, HandedApproval, HandedDecision, HandedVerdict,
};
use tenure_contract::words::RiskLevel;
use tenure_contract::{ApprovalId, Digest, RunId, SessionId, TenantId, TokenId};

const APP: [u8; 32] = [7; 32];
const NOW: Time = Time::from_micros(1_500_000_000);

fn handed() -> HandedApproval {
    HandedApproval {
        iss: TenantId::from_bytes([1; 16]),
        aud: "desk".to_owned(),
        jti: TokenId::from_bytes([2; 16]),
        iat: 1_000,
        exp: 2_000,
        approval: ApprovalId::from_bytes([3; 16]),
        session: SessionId::from_bytes([4; 16]),
        run: Some(RunId::from_bytes([5; 16])),
        task: None,
        product: "shop".to_owned(),
        action_label: "refund 40 to C-7".to_owned(),
        action_digest: Digest::of(&[b"the action"]),
        risk: RiskLevel::High,
        dispatch_context: None,
        return_address: "https://shop.example/decisions".to_owned(),
    }
}

fn decision() -> HandedDecision {
    HandedDecision {
        iss: "desk".to_owned(),
        aud: TenantId::from_bytes([1; 16]),
        jti: TokenId::from_bytes([2; 16]),
        iat: 1_400,
        exp: 1_700,
        approval: ApprovalId::from_bytes([3; 16]),
        action_digest: Digest::of(&[b"the action"]),
        decision: HandedVerdict::Approve,
        decided_by: "ana".to_owned(),
        reason: Some("the parcel came back".to_owned()),
        arguments: None,
    }
}

fn registered(kid: &str) -> Option<[u8; 32]> {
    let key = public_key(&APP);
    (kid == key_id(&key)).then_some(key)
}

fn opened(token: &str) -> Result<HandedDecision, BadToken> {
    open(token, DECISION_TYPE, NOW, registered).map(|(_, claims)| claims)
}

/// The token with its header's text replaced, signed by the app all the same.
fn under(header: &str) -> String {
    let claims = part(&decision());
    let message = format!("{}.{claims}", BASE64URL.encode(header));
    let signature = SigningKey::from_bytes(&APP).sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", BASE64URL.encode(signature))
}

#[test]
fn apr_6_what_was_signed_is_what_is_opened() {
    assert_eq!(opened(&sign(&APP, DECISION_TYPE, &decision())), Ok(decision()));
    let token = sign(&APP, HANDED_TYPE, &handed());
    let (kid, claims) = open::<HandedApproval>(&token, HANDED_TYPE, NOW, registered).unwrap();
    assert_eq!((kid, claims), (key_id(&public_key(&APP)), handed()));
}

#[test]
fn apr_6_no_changed_letter_passes() {
    let token = sign(&APP, DECISION_TYPE, &decision());
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(opened(&changed).is_err(), "letter {at} of `{token}`");
    }
}

#[test]
fn apr_6_a_key_nobody_registered_proves_nothing() {
    let forged = sign(&[8; 32], DECISION_TYPE, &decision());
    let refused = opened(&forged).unwrap_err();
    assert!(matches!(refused, BadToken::UnknownKey(_)));
    assert_eq!(refused.code(), Code::TokenForged);
}

#[test]
fn apr_6_the_name_of_a_registered_key_is_not_its_signature() {
    let kid = key_id(&public_key(&APP));
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{DECISION_TYPE}"}}"#);
    let honest = under(&header);
    assert_eq!(opened(&honest), Ok(decision()));
    let (message, _) = honest.rsplit_once('.').unwrap();
    let other = SigningKey::from_bytes(&[8; 32]).sign(message.as_bytes()).to_bytes();
    let forged = format!("{message}.{}", BASE64URL.encode(other));
    assert_eq!(opened(&forged), Err(BadToken::Signature));
}

#[test]
fn apr_6_one_algorithm_and_no_other_header() {
    let kid = key_id(&public_key(&APP));
    let none = format!(r#"{{"alg":"none","kid":"{kid}","typ":"{DECISION_TYPE}"}}"#);
    assert_eq!(opened(&under(&none)), Err(BadToken::Algorithm("none".to_owned())));
    let more = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{DECISION_TYPE}","crit":["b64"]}}"#);
    assert!(matches!(opened(&under(&more)), Err(BadToken::Malformed(_))));
}

#[test]
fn apr_6_a_token_that_left_is_no_decision() {
    let token = sign(&APP, HANDED_TYPE, &handed());
    let refused = opened(&token).unwrap_err();
    assert_eq!(refused, BadToken::Kind { found: HANDED_TYPE.to_owned(), expected: DECISION_TYPE });
}

#[test]
fn apr_6_a_token_holds_from_when_it_is_issued_until_it_expires() {
    let at =
        |iat, exp| opened(&sign(&APP, DECISION_TYPE, &HandedDecision { iat, exp, ..decision() }));
    assert_eq!(at(1_400, 1_500), Err(BadToken::Expired { at: instant(1_500) }));
    assert!(at(1_400, 1_501).is_ok());
    assert!(at(1_560, 1_700).is_ok(), "a clock a minute ahead");
    assert_eq!(at(1_561, 1_700), Err(BadToken::FromTheFuture { at: instant(1_561) }));
    assert!(at(1_400, u64::MAX).is_ok());
}

#[test]
fn apr_6_what_is_no_token_is_told_so() {
    for text in ["", ".", "..", "a.b", "é.é.é", "e30.e30.e30"] {
        assert!(matches!(opened(text), Err(BadToken::Malformed(_))), "`{text}`");
    }
    let long = "a".repeat(TOKEN_MAX_BYTES + 1);
    assert_eq!(opened(&long), Err(BadToken::TooLong { found: TOKEN_MAX_BYTES + 1 }));
}

/// The vectors are made by other code than this: what it signs opens here, and what must not pass does
/// not.
#[test]
fn apr_6_the_published_vectors_hold() {
    let text = include_str!("../../../../docs/format/vectors/token.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let now = instant(vectors["now"].as_u64().unwrap());
    let node = |_: &str| Some(public_key(&[1; 32]));
    let left = vectors["handed"]["token"].as_str().unwrap();
    let (_, claims) = open::<HandedApproval>(left, HANDED_TYPE, now, node).unwrap();
    assert_eq!(serde_json::to_value(claims).unwrap(), vectors["handed"]["claims"]);
    let decided = |token: &str| open::<HandedDecision>(token, DECISION_TYPE, now, registered);
    let (_, claims) = decided(vectors["decision"]["token"].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::to_value(claims).unwrap(), vectors["decision"]["claims"]);
    for case in vectors["refused"].as_array().unwrap() {
        let refused = decided(case["token"].as_str().unwrap()).unwrap_err();
        assert_eq!(refused.code().as_str(), case["why"], "{refused}");
    }
}
