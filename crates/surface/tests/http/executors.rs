//! Executors over HTTP: who may register, claim and answer, and what each is told.

use crate::rig::{OURS, OWNER, Rig, answered, refused};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

fn remote(key: &str) -> Value {
    json!({ "productId": "cowork", "work": { "type": "intent", "intentType": "tidy" },
            "payload": { "room": "attic" }, "idempotencyKey": key,
            "context": { "originSurface": "browser", "originProductId": "cowork",
                         "dispatchMode": "remote", "initiatedAt": "2026-11-21T08:00:00Z" } })
}

/// A server with one worker and its key.
async fn house() -> (Rig, Value, String) {
    let rig = Rig::new().await;
    let key = rig.key(OURS, "worker:w", &["executors:work", "executors:read"]).await;
    let wanted = json!({ "name": "w", "kind": "worker", "principal": "worker:w" });
    let made = rig.post("/v1/executors", &wanted).bearer_auth(OWNER);
    let made = answered(made, StatusCode::CREATED).await;
    (rig, made, key)
}

fn send(rig: &Rig, key: &str) -> RequestBuilder {
    rig.post("/v1/dispatches", &remote(key)).bearer_auth(OWNER)
}

#[tokio::test(flavor = "multi_thread")]
async fn tgt_2_executors_are_registered_listed_and_revoked_by_whoever_may() {
    let (rig, made, key) = house().await;
    for field in ["executorId", "tenantId", "name", "kind", "principal", "userId", "status"] {
        assert!(made.get(field).is_some(), "{field} is missing: {made}");
    }
    let wanted = json!({ "name": "w", "kind": "worker", "principal": "worker:w" });
    let again = rig.post("/v1/executors", &wanted).bearer_auth(OWNER);
    assert_eq!(answered(again, StatusCode::CREATED).await, made);
    let mine = rig.post("/v1/executors", &json!({ "name": "x", "kind": "worker" }));
    refused(mine.bearer_auth(&key), StatusCode::FORBIDDEN, "forbidden").await;
    let nobodys = json!({ "name": "desk", "kind": "desktop" });
    let nobodys = rig.post("/v1/executors", &nobodys).bearer_auth(OWNER);
    refused(nobodys, StatusCode::BAD_REQUEST, "invalid-argument").await;
    let listed = rig.get("/v1/executors").bearer_auth(&key);
    assert_eq!(answered(listed, StatusCode::OK).await["items"][0], made);
    let path = format!("/v1/executors/{}", made["executorId"].as_str().unwrap());
    let gone = rig.post(&format!("{path}/revoke"), &json!({})).bearer_auth(OWNER);
    assert_eq!(answered(gone, StatusCode::OK).await["status"], "disabled");
    let claim = rig.post("/v1/dispatches/claim", &json!({ "executorId": made["executorId"] }));
    refused(claim.bearer_auth(&key), StatusCode::FORBIDDEN, "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dsp_2_a_dispatch_is_claimed_started_and_completed_over_http() {
    let (rig, made, key) = house().await;
    let claim = |wait: u64| {
        let asked = json!({ "executorId": made["executorId"], "waitMs": wait });
        rig.post("/v1/dispatches/claim", &asked).bearer_auth(&key)
    };
    let nothing = answered(claim(0), StatusCode::OK).await;
    assert_eq!(nothing, json!({ "claimed": null }));
    let (claimed, sent) = tokio::join!(answered(claim(20_000), StatusCode::OK), async {
        answered(send(&rig, "k"), StatusCode::ACCEPTED).await
    });
    let claimed = &claimed["claimed"];
    assert_eq!(claimed["dispatch"]["dispatchId"], sent["dispatchId"]);
    assert_eq!(claimed["dispatch"]["payload"], json!({ "room": "attic" }));
    assert_eq!(claimed["standing"]["directive"], "start");
    let path = format!("/v1/dispatches/{}", sent["dispatchId"].as_str().unwrap());
    let token = json!({ "claim": claimed["standing"]["claim"] });
    let say =
        |verb: &str, body: &Value| rig.post(&format!("{path}/{verb}"), body).bearer_auth(&key);
    let early = json!({ "claim": 1, "output": 1 });
    refused(say("complete", &early), StatusCode::CONFLICT, "illegal-transition").await;
    let standing = answered(say("start", &token), StatusCode::OK).await;
    assert_eq!(standing["directive"], "work");
    refused(say("release", &token), StatusCode::CONFLICT, "illegal-transition").await;
    refused(say("heartbeat", &json!({ "claim": 2 })), StatusCode::CONFLICT, "lease-lost").await;
    refused(say("complete", &json!({ "claim": 2 })), StatusCode::CONFLICT, "lease-lost").await;
    let done = json!({ "claim": 1, "output": { "boxes": 3 } });
    let told = answered(say("complete", &done), StatusCode::OK).await;
    assert_eq!((&told["counts"], &told["run"]["status"]), (&json!(true), &json!("completed")));
    assert_eq!(told["run"]["output"], json!({ "boxes": 3 }));
    assert_eq!(told["run"]["runId"], standing["runId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dsp_2_a_failed_piece_of_work_fails_its_run_with_the_executors_words() {
    let (rig, made, key) = house().await;
    answered(send(&rig, "k"), StatusCode::ACCEPTED).await;
    let asked = json!({ "executorId": made["executorId"], "leaseMs": 5 });
    let short = rig.post("/v1/dispatches/claim", &asked).bearer_auth(&key);
    let told = refused(short, StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(told["detail"].as_str().unwrap().contains("EXECUTOR_LEASE_MIN_MS"), "{told}");
    let asked = json!({ "executorId": made["executorId"] });
    let claimed = rig.post("/v1/dispatches/claim", &asked).bearer_auth(&key);
    let claimed = answered(claimed, StatusCode::OK).await;
    let id = claimed["claimed"]["dispatch"]["dispatchId"].as_str().unwrap();
    let say = |verb: &str, body: &Value| {
        rig.post(&format!("/v1/dispatches/{id}/{verb}"), body).bearer_auth(&key)
    };
    answered(say("start", &json!({ "claim": 1 })), StatusCode::OK).await;
    let failed = json!({ "claim": 1, "message": "the attic is locked" });
    let told = answered(say("fail", &failed), StatusCode::OK).await;
    assert_eq!(told["run"]["status"], "failed");
    assert_eq!(told["run"]["error"]["message"], "the attic is locked");
    assert_eq!(told["run"]["error"]["code"], "executor-failed");
}
