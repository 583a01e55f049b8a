//! Dispatches over HTTP.

use crate::rig::{Rig, answered, refused};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn context(mode: &str) -> Value {
    json!({ "originSurface": "mobile", "originProductId": "cowork", "dispatchMode": mode,
            "initiatedAt": "2026-11-21T08:00:00Z" })
}

fn echo(mode: &str) -> Value {
    json!({ "productId": "cowork", "work": { "type": "intent", "intentType": "echo" },
            "payload": { "say": "hello" }, "context": context(mode) })
}

#[tokio::test(flavor = "multi_thread")]
async fn dsp_1_a_context_is_checked_alone_and_every_problem_is_named() {
    let rig = Rig::new().await;
    let path = "/v1/dispatch/validate";
    let good = answered(rig.post(path, &context("queued")), StatusCode::OK).await;
    assert_eq!((&good["valid"], &good["problems"]), (&json!(true), &json!([])));
    assert_eq!(good["context"]["dispatchMode"], "queued");
    let before = rig.entries();
    let bad = json!({ "originSurface": "worker", "dispatchMode": "someday" });
    let bad = answered(rig.post(path, &bad), StatusCode::OK).await;
    let fields: Vec<&str> = bad["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["originSurface", "originProductId", "dispatchMode", "initiatedAt"]);
    assert_eq!((&bad["valid"], &bad["context"]), (&json!(false), &Value::Null));
    assert_eq!(rig.entries(), before, "checking leaves nothing behind");
    // the real thing reads it the same way
    let mut request = echo("queued");
    request["context"] = json!({ "originSurface": "worker", "dispatchMode": "someday" });
    let sent = rig.post("/v1/dispatches", &request).header("Idempotency-Key", "k");
    let told = refused(sent, StatusCode::BAD_REQUEST, "invalid-argument").await;
    for problem in bad["problems"].as_array().unwrap() {
        let message = problem["message"].as_str().unwrap();
        assert!(told["detail"].as_str().unwrap().contains(message), "{told} lacks {message}");
    }
    let session = json!({ "dispatchContext": { "originSurface": "worker", "originProductId": "cowork",
                          "dispatchMode": "queued", "initiatedAt": "2026-11-21T08:00:00Z" } });
    let opened = rig.post("/v1/sessions", &session);
    refused(opened, StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dsp_2_a_dispatch_is_taken_seen_repeated_and_cancelled() {
    let rig = Rig::new().await;
    let send = |mode: &str, key: &str| {
        rig.post("/v1/dispatches", &echo(mode)).header("Idempotency-Key", key)
    };
    let response = send("interactive", "k").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let sent: Value = response.json().await.unwrap();
    for field in [
        "dispatchId",
        "tenantId",
        "productId",
        "userId",
        "sessionId",
        "taskId",
        "work",
        "payload",
        "context",
        "priority",
        "notBefore",
        "idempotencyKey",
        "status",
        "runId",
        "createdAt",
        "updatedAt",
    ] {
        assert!(sent.get(field).is_some(), "{field} of DSP-4 is missing: {sent}");
    }
    assert_eq!((&sent["status"], &sent["payload"]["say"]), (&json!("started"), &json!("hello")));
    let again = answered(send("interactive", "k"), StatusCode::ACCEPTED).await;
    assert_eq!(again["runId"], sent["runId"]);
    assert_eq!(rig.see(&location).await["dispatchId"], sent["dispatchId"]);
    refused(send("queued", "k"), StatusCode::CONFLICT, "key-conflict").await;
    refused(
        rig.post("/v1/dispatches", &echo("queued")),
        StatusCode::BAD_REQUEST,
        "invalid-argument",
    )
    .await;

    let waiting = answered(send("remote", "r"), StatusCode::ACCEPTED).await;
    assert_eq!((&waiting["status"], &waiting["runId"]), (&json!("waiting"), &Value::Null));
    let path = format!("/v1/dispatches/{}", waiting["dispatchId"].as_str().unwrap());
    let open = rig.see("/v1/dispatches?open=true&status=waiting").await;
    assert_eq!(open["items"][0]["dispatchId"], waiting["dispatchId"]);
    let cancelled = rig.post(&format!("{path}/cancel"), &json!({ "reason": "nobody needs it" }));
    let cancelled = answered(cancelled, StatusCode::OK).await;
    assert_eq!(
        (&cancelled["status"], &cancelled["reason"]),
        (&json!("cancelled"), &json!("nobody needs it"))
    );
    let late = rig.post(&format!("{location}/cancel"), &json!({}));
    refused(late, StatusCode::CONFLICT, "illegal-transition").await;
}
