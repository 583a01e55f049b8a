//! The declared request against a real socket: what is sent, and what each ending means.

use super::*;
use crate::loopback::{Loopback, Reply, Then, reply};
use crate::tool::testing::{call_in, grant_of};
use serde_json::json;
use std::path::Path;
use tenure_contract::agent::HttpAction as Http;
use tenure_contract::words::RecoveryClass;

fn charge(server: &Loopback, class: RecoveryClass) -> ToolGrant {
    ToolGrant {
        name: Some("charge".to_owned()),
        class: Some(class),
        parameters: Some(json!({
            "type": "object", "required": ["order"],
            "properties": {"order": {"type": "string"}, "cents": {"type": "integer"}},
        })),
        http: Some(Http {
            method: "POST".to_owned(),
            url: server.url("/orders/{order}/charges"),
            headers: Default::default(),
            lookup_url: Some(server.url("/charges/{key}?order={order}")),
        }),
        ..grant_of("http_action")
    }
}

fn call() -> ToolCall {
    call_in(Path::new("."), json!({"order": "A/7", "cents": 1200}))
}

async fn charged(reply: impl Into<Reply>, class: RecoveryClass) -> Result<Value, ToolFailure> {
    let server = Loopback::answering(vec![reply]).await;
    made(&charge(&server, class)).unwrap().call(call()).await
}

#[tokio::test]
async fn stp_3_every_attempt_carries_the_steps_key() {
    let server = Loopback::answering(vec![reply(500, ""), reply(201, r#"{"id":"c1"}"#)]).await;
    let tool = made(&charge(&server, RecoveryClass::Idempotent)).unwrap();
    assert!(matches!(tool.call(call()).await, Err(ToolFailure::Transient { .. })));
    assert_eq!(tool.call(call()).await, Ok(json!({"id": "c1"})));
    for sent in server.requests() {
        assert!(sent.starts_with("POST /orders/A%2F7/charges HTTP/1.1\r\n"), "{sent}");
        assert!(sent.contains(&format!("idempotency-key: {}\r\n", call().step)), "{sent}");
        assert!(sent.ends_with("\r\n\r\n{\"cents\":1200}"), "{sent}");
    }
}

#[tokio::test]
async fn t5_a_plain_text_answer_is_wrapped_and_a_long_one_cut() {
    let class = RecoveryClass::Once;
    assert_eq!(charged(reply(200, "ok"), class).await, Ok(json!({"text": "ok"})));
    let long = reply(200, &"x".repeat(1_000_000));
    let cut = charged(long, class).await.unwrap();
    assert_eq!(cut["truncated"], json!(true));
}

#[tokio::test]
async fn the_services_refusal_is_told_to_the_model() {
    let told = charged(reply(422, "card declined"), RecoveryClass::Once).await.unwrap_err();
    assert!(matches!(&told, ToolFailure::Refused { message } if message.contains("card declined")));
}

#[tokio::test]
async fn stp_1_a_call_that_was_sent_and_not_answered_is_lost() {
    let nothing = String::new();
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"id\":".to_owned();
    let internal = reply(500, "oops");
    for raw in [nothing, half, internal] {
        let told = charged(raw.clone(), RecoveryClass::Once).await;
        assert!(matches!(told, Err(ToolFailure::Lost { .. })), "`{raw}`: {told:?}");
    }
}

#[tokio::test]
async fn t14_a_call_over_its_time_limit_is_lost() {
    let hung = Reply { pieces: vec![], then: Then::Hold };
    let server = Loopback::answering(vec![hung]).await;
    let grant = ToolGrant { timeout_ms: Some(50), ..charge(&server, RecoveryClass::Once) };
    let told = made(&grant).unwrap().call(call()).await;
    assert!(matches!(told, Err(ToolFailure::Lost { message }) if message.contains("50 ms")));
    server.closed_by_client().await;
}

#[tokio::test]
async fn an_abort_ends_a_hung_call_at_once() {
    let hung = Reply { pieces: vec![], then: Then::Hold };
    let server = Loopback::answering(vec![hung]).await;
    let tool = made(&charge(&server, RecoveryClass::Once)).unwrap();
    let call = call();
    let cancel = call.cancel.clone();
    let aborted = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (told, ()) = tokio::join!(tool.call(call), aborted);
    assert!(matches!(told, Err(ToolFailure::Lost { .. })), "{told:?}");
}

#[tokio::test]
async fn what_was_never_sent_did_not_happen() {
    let server = Loopback::answering(Vec::<Reply>::new()).await;
    let mut grant = charge(&server, RecoveryClass::Once);
    if let Some(http) = &mut grant.http {
        // a port of loopback that nothing listens on
        http.url = "http://127.0.0.1:1/orders/{order}".to_owned();
    }
    let tool = made(&grant).unwrap();
    assert!(matches!(tool.call(call()).await, Err(ToolFailure::Transient { .. })));
    let aborted = call();
    aborted.cancel.cancel();
    assert!(matches!(tool.call(aborted).await, Err(ToolFailure::Refused { .. })));
}

#[tokio::test]
async fn stp_2_a_lookup_tells_landed_absent_or_unknown() {
    for (raw, expected) in [
        (reply(200, r#"{"id":"c1"}"#), Lookup::Landed(json!({"id": "c1"}))),
        (reply(200, ""), Lookup::Unknown),
        (reply(404, "no"), Lookup::Absent),
        (reply(403, "no"), Lookup::Unknown),
        (reply(500, "no"), Lookup::Unknown),
        (String::new(), Lookup::Unknown),
    ] {
        let server = Loopback::answering(vec![raw.clone()]).await;
        let tool = made(&charge(&server, RecoveryClass::Once)).unwrap();
        assert!(tool.spec().has_lookup);
        assert_eq!(tool.lookup(call()).await, expected, "`{raw}`");
        let asked = format!("GET /charges/{}?order=A%2F7 ", call().step);
        assert!(server.requests()[0].starts_with(&asked));
    }
}

#[tokio::test]
async fn a_get_has_no_body_and_no_place_for_other_arguments() {
    let server = Loopback::answering(vec![reply(200, "[]")]).await;
    let grant = ToolGrant {
        parameters: Some(json!({"type": "object", "properties": {"q": {}}})),
        http: Some(Http {
            method: "GET".to_owned(),
            url: server.url("/find?q={q}"),
            lookup_url: None,
            headers: Default::default(),
        }),
        ..grant_of("http_action")
    };
    let tool = made(&grant).unwrap();
    let extra = call_in(Path::new("."), json!({"q": "x", "more": 1}));
    assert!(matches!(tool.call(extra).await, Err(ToolFailure::Refused { .. })));
    let found = tool.call(call_in(Path::new("."), json!({"q": "x y"}))).await;
    assert_eq!(found, Ok(json!([])));
    assert!(server.requests()[0].starts_with("GET /find?q=x%20y "));
}

#[tokio::test]
async fn rt14_a_grant_that_does_not_fit_is_refused() {
    let server = Loopback::answering(Vec::<Reply>::new()).await;
    let good = charge(&server, RecoveryClass::Once);
    let with = |change: &dyn Fn(&mut Http)| {
        let mut grant = good.clone();
        grant.http.as_mut().into_iter().for_each(change);
        made(&grant).err().map(|told| told.message).unwrap_or_default()
    };
    assert_eq!(with(&|_| ()), "");
    assert!(with(&|http| http.method = "post".to_owned()).contains("one of GET"));
    assert!(with(&|http| http.url = "http://h/{who}".to_owned()).contains("`{who}` in `url`"));
    assert!(with(&|http| http.url = "http://{order}/".to_owned()).contains("after the host"));
    assert!(with(&|http| http.lookup_url = Some("http://h/{k}".to_owned())).contains("`{key}`"));
    assert!(with(&|http| http.method = "DELETE".to_owned()).contains("`cents` has no place"));
    let none = ToolGrant { http: None, ..good.clone() };
    assert!(made(&none).err().unwrap().message.contains("missing"));
}

fn made(grant: &ToolGrant) -> Result<HttpAction, BadGrant> {
    HttpAction::new(grant, &(Arc::new(crate::secrets::NoSecrets) as Arc<dyn Secrets>))
}
