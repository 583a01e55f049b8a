//! SRC1's view: the same runs under other names.

use crate::rig::{Rig, answered, refused};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn int_5_a_submission_is_answered_before_the_work_is_done_and_once_per_key() {
    let rig = Rig::new().await;
    for (path, body, id) in [
        ("/v1/runs", json!({ "intent": { "type": "hold" }, "idempotencyKey": "k1" }), "runId"),
        (
            "/api/intent/submit",
            json!({ "intent_type": "hold", "idempotency_key": "k2" }),
            "execution_id",
        ),
    ] {
        let first = answered(rig.post(path, &body), StatusCode::ACCEPTED).await;
        let status =
            rig.see(&format!("/api/execution/{}/status", first[id].as_str().unwrap())).await;
        assert!(["created", "running"].contains(&status["status"].as_str().unwrap()), "{status}");
        let again = answered(rig.post(path, &body), StatusCode::ACCEPTED).await;
        assert_eq!(first[id], again[id]);
        let mut other = body.clone();
        other.as_object_mut().unwrap().remove("intent");
        other.as_object_mut().unwrap().remove("intent_type");
        match path {
            "/v1/runs" => other["intent"] = json!({ "type": "echo" }),
            _ => other["intent_type"] = json!("echo"),
        }
        refused(rig.post(path, &other), StatusCode::CONFLICT, "key-conflict").await;
        rig.gate.add_permits(1);
        assert_eq!(rig.rested(first[id].as_str().unwrap()).await["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_5_header_and_body_name_the_same_key() {
    let rig = Rig::new().await;
    let body = json!({ "intent": { "type": "echo" }, "idempotencyKey": "k" });
    let in_body = answered(rig.post("/v1/runs", &body), StatusCode::ACCEPTED).await;
    let bare = json!({ "intent": { "type": "echo" } });
    let in_header = rig.post("/v1/runs", &bare).header("Idempotency-Key", "k");
    let in_header = answered(in_header, StatusCode::ACCEPTED).await;
    assert_eq!(in_body["runId"], in_header["runId"]);
    assert_eq!((&in_body["duplicate"], &in_header["duplicate"]), (&json!(false), &json!(true)));
    let differing = rig.post("/v1/runs", &body).header("Idempotency-Key", "other");
    refused(differing, StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_2_flt_17_a_failing_handler_is_a_failed_execution_with_its_id() {
    let rig = Rig::new().await;
    let body = json!({ "intent_type": "fail", "parameters": {}, "metadata": { "from": "test" } });
    let submitted = answered(rig.post("/api/intent/submit", &body), StatusCode::ACCEPTED).await;
    assert_eq!(submitted["status"], "created");
    let id = submitted["execution_id"].as_str().unwrap();
    let run = rig.rested(id).await;
    assert_eq!((&run["status"], &run["stopReason"]), (&json!("failed"), &json!("failed")));
    let status = rig.see(&format!("/api/execution/{id}/status")).await;
    assert_eq!((&status["execution_id"], &status["status"]), (&json!(id), &json!("failed")));
    let error =
        json!({ "class": "handler", "code": "no-file", "message": "the file is not there" });
    assert_eq!(status["error"], error);
    assert_eq!(status["metadata"]["run_status"], "failed");
    assert_eq!(status["metadata"]["session_id"], submitted["session_id"]);
    assert_eq!(
        (&status["intent_id"], &status["created_at"]),
        (&run["intentId"], &run["createdAt"])
    );
    let kinds: Vec<&Value> =
        status["events"].as_array().unwrap().iter().map(|event| &event["event_type"]).collect();
    assert_eq!(kinds.first().unwrap(), &"run.submitted");
    // the checkpoint of its end stands in the same commit
    assert!(kinds.ends_with(&[&json!("run.ended"), &json!("checkpoint.made")]), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_intent_is_refused_with_what_there_is() {
    let rig = Rig::new().await;
    let body = json!({ "intent_type": "ecko" });
    let told = refused(
        rig.post("/api/intent/submit", &body),
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown-name",
    )
    .await;
    assert!(told["detail"].as_str().unwrap().contains("`echo`"), "{told}");
}
