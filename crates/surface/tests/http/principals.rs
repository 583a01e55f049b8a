//! Principals and what their keys may do.

use crate::rig::{OURS, OWNER, Rig, answered, refused};
use futures::StreamExt as _;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tenure_contract::limits;

/// A request as the owner.
fn own(request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth(OWNER)
}

async fn principal(rig: &Rig, name: &str, scopes: &[&str]) -> String {
    let wanted = json!({ "kind": "service", "name": name, "scopes": scopes });
    let made = answered(own(rig.post("/v1/principals", &wanted)), StatusCode::CREATED).await;
    made["principalId"].as_str().unwrap().to_owned()
}

async fn change(rig: &Rig, id: &str, change: Value) -> Value {
    let request = rig.request(Method::PATCH, &format!("/v1/principals/{id}")).json(&change);
    answered(own(request), StatusCode::OK).await
}

async fn key(rig: &Rig, wanted: Value) -> Value {
    answered(own(rig.post("/v1/keys", &wanted)), StatusCode::CREATED).await
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_principal_has_its_fields_and_is_made_once() {
    let rig = Rig::new().await;
    let id = principal(&rig, "shop", &["runs:*"]).await;
    assert_eq!(principal(&rig, "shop", &["runs:*"]).await, id);
    let seen = answered(own(rig.get(&format!("/v1/principals/{id}"))), StatusCode::OK).await;
    assert_eq!(
        (&seen["tenantId"], &seen["kind"], &seen["name"], &seen["scopes"], &seen["status"]),
        (&json!(OURS), &json!("service"), &json!("shop"), &json!(["runs:*"]), &json!("active"))
    );
    let other = json!({ "kind": "service", "name": "shop", "scopes": ["*"] });
    let told = refused(
        own(rig.post("/v1/principals", &other)),
        StatusCode::CONFLICT,
        "illegal-transition",
    );
    assert!(told.await["detail"].as_str().unwrap().contains("runs:*"));
    for (bad, code) in [
        (json!({ "kind": "robot", "name": "x", "scopes": [] }), "invalid-argument"),
        (json!({ "kind": "user", "name": "", "scopes": [] }), "invalid-argument"),
        (json!({ "kind": "user", "name": "x", "scopes": ["fly"] }), "invalid-argument"),
    ] {
        refused(own(rig.post("/v1/principals", &bad)), StatusCode::BAD_REQUEST, code).await;
    }
    for n in 0..3 {
        principal(&rig, &format!("more-{n}"), &[]).await;
    }
    let first = answered(own(rig.get("/v1/principals?limit=3")), StatusCode::OK).await;
    let next = first["nextCursor"].as_str().unwrap();
    let rest = format!("/v1/principals?limit=3&cursor={next}");
    let rest = answered(own(rig.get(&rest)), StatusCode::OK).await;
    assert_eq!(first["items"][0]["name"], "more-2");
    assert_eq!(
        (rest["items"][0]["principalId"].as_str(), &rest["nextCursor"]),
        (Some(&*id), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_disabling_and_narrowing_a_principal_takes_effect_at_once() {
    let rig = Rig::new().await;
    let id = principal(&rig, "shop", &["*"]).await;
    let made = key(&rig, json!({ "principal": "service:shop" })).await;
    let text = made["key"].as_str().unwrap();
    let ask = || rig.get("/v1/sessions").bearer_auth(text);
    answered(ask(), StatusCode::OK).await;

    change(&rig, &id, json!({ "scopes": ["runs:*"] })).await;
    let told = refused(ask(), StatusCode::FORBIDDEN, "forbidden").await;
    assert!(told["detail"].as_str().unwrap().contains("sessions:read"), "{told}");
    change(&rig, &id, json!({ "scopes": ["sessions:read"] })).await;
    answered(ask(), StatusCode::OK).await;

    assert_eq!(change(&rig, &id, json!({ "status": "disabled" })).await["status"], "disabled");
    let told = refused(ask(), StatusCode::UNAUTHORIZED, "unauthenticated").await;
    assert!(told["detail"].as_str().unwrap().contains("disabled"), "{told}");
    let more = json!({ "principal": "service:shop" });
    refused(own(rig.post("/v1/keys", &more)), StatusCode::CONFLICT, "illegal-transition").await;
    change(&rig, &id, json!({ "status": "active" })).await;
    answered(ask(), StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_whoever_is_listening_already_is_cut_off_by_a_revocation() {
    let rig = Rig::new().await;
    let session = answered(own(rig.post("/v1/sessions", &json!({}))), StatusCode::CREATED).await;
    let made = key(&rig, json!({ "principal": "user:eve", "scopes": ["*"] })).await;
    let path = format!("/v1/sessions/{}/events", session["sessionId"].as_str().unwrap());
    let request = rig.get(&path).bearer_auth(made["key"].as_str().unwrap());
    let mut events = request.send().await.unwrap().bytes_stream();
    assert!(events.next().await.unwrap().is_ok(), "the session's first entry");
    let revoked = format!("/v1/keys/{}", made["keyId"].as_str().unwrap());
    assert!(own(rig.request(Method::DELETE, &revoked)).send().await.unwrap().status().is_success());
    let over = async { while events.next().await.is_some_and(|piece| piece.is_ok()) {} };
    // nothing else would ever end it
    tokio::time::timeout(Duration::from_secs(60), over).await.expect("the stream goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_key_may_expire() {
    let rig = Rig::new().await;
    let past = json!({ "principal": "user:ada", "expiresAt": "2020-01-01T00:00:00Z" });
    refused(own(rig.post("/v1/keys", &past)), StatusCode::BAD_REQUEST, "invalid-argument").await;
    let soon = tenure_engine::Clock::system().now().plus_ms(400);
    let made = key(&rig, json!({ "principal": "user:ada", "expiresAt": soon })).await;
    assert_eq!(made["expiresAt"], json!(soon));
    let text = made["key"].as_str().unwrap();
    let told = loop {
        let answer = rig.get("/v1/sessions").bearer_auth(text).send().await.unwrap();
        if answer.status() != StatusCode::OK {
            break answer.text().await.unwrap();
        }
    };
    assert!(told.contains("expired at"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_key_bound_to_a_product_works_for_that_one_only() {
    let rig = Rig::new().await;
    let wanted = json!({ "principal": "service:shop", "scopes": ["*"], "productId": "shop" });
    let made = key(&rig, wanted).await;
    let text = made["key"].as_str().unwrap();
    let open = |body: Value| rig.post("/v1/sessions", &body).bearer_auth(text);
    let mine = answered(open(json!({})), StatusCode::CREATED).await;
    assert_eq!(mine["productId"], "shop");
    let named = open(json!({ "productId": "till" }));
    let told = refused(named, StatusCode::FORBIDDEN, "forbidden").await;
    assert!(told["detail"].as_str().unwrap().contains("`shop`"), "{told}");

    let till = own(rig.post("/v1/sessions", &json!({ "productId": "till" })));
    let till = answered(till, StatusCode::CREATED).await;
    let other = till["sessionId"].as_str().unwrap();
    for path in [format!("/v1/sessions/{other}"), format!("/v1/runs?session={other}")] {
        refused(rig.get(&path).bearer_auth(text), StatusCode::NOT_FOUND, "not-found").await;
    }
    let intent = json!({ "sessionId": other, "intent": { "type": "echo" } });
    let submitted = rig.post("/v1/runs", &intent).bearer_auth(text);
    refused(submitted, StatusCode::NOT_FOUND, "not-found").await;
    let listed = answered(rig.get("/v1/sessions").bearer_auth(text), StatusCode::OK).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    // what it hands on is bound as well
    let next = rig.post("/v1/keys", &json!({ "principal": "service:shop" })).bearer_auth(text);
    assert_eq!(answered(next, StatusCode::CREATED).await["productId"], "shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_flood_of_denials_cannot_fill_the_disk() {
    let rig = Rig::new().await;
    let text = rig.key(OURS, "service:poor", &["runs:read"]).await;
    let before = rig.entries();
    let flood = 3 * u64::from(limits::DENIALS_PER_MINUTE_MAX);
    for _ in 0..flood {
        let denied = rig.get("/v1/sessions").bearer_auth(&text);
        refused(denied, StatusCode::FORBIDDEN, "forbidden").await;
    }
    let written = rig.entries() - before;
    // a minute may end meanwhile, and another may begin
    assert!(written < flood, "{written} entries of {flood} denials");
    assert!(written >= u64::from(limits::DENIALS_PER_MINUTE_MAX), "{written}");
}
