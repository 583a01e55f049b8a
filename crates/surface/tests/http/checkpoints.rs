//! Checkpoints and resuming over HTTP.

use crate::rig::{Rig, answered, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn ckp_1_ckp_2_a_checkpoint_is_made_listed_seen_and_resumed_from() {
    let rig = Rig::new().await;
    let session = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    let path = format!("/v1/sessions/{}/checkpoints", session["sessionId"].as_str().unwrap());
    let work = json!({ "sessionId": session["sessionId"], "intent": { "type": "echo", "parameters": { "a": 1 } } });
    let run = rig.run(&work).await;
    let made = answered(rig.request(Method::POST, &path), StatusCode::CREATED).await;
    assert_eq!((&made["cause"], &made["runId"]), (&json!("demand"), &run["runId"]));
    assert_eq!(
        rig.see(&format!("/v1/checkpoints/{}", made["checkpointId"].as_str().unwrap())).await,
        made
    );
    let first = rig.see(&format!("{path}?limit=1")).await;
    assert_eq!(first["items"], json!([made]));
    let rest = rig.see(&format!("{path}?cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!(rest["items"][0]["cause"], "run-end");
    let ask = json!({ "resumeToken": made["resumeToken"] });
    let resume = || rig.post("/v1/resume", &ask).header("Idempotency-Key", "r");
    let resumed = answered(resume(), StatusCode::OK).await;
    assert_eq!((&resumed["goesOn"], &resumed["verdict"]), (&json!("new-run"), &json!("same")));
    let next = rig.rested(resumed["runId"].as_str().unwrap()).await;
    assert_eq!((&next["output"], &next["trigger"]), (&json!({ "a": 1 }), &json!("resume")));
    assert_eq!(answered(resume(), StatusCode::OK).await["runId"], resumed["runId"]);
    for bad in
        [json!("rsm_x"), Value::String(made["resumeToken"].as_str().unwrap().replace("rsm", "ckp"))]
    {
        let told = rig.post("/v1/resume", &json!({ "resumeToken": bad }));
        refused(told, StatusCode::NOT_FOUND, "not-found").await;
    }
    let odd = rig.post("/v1/resume", &json!({ "resumeToken": "x", "accept": "whatever" }));
    refused(odd, StatusCode::BAD_REQUEST, "invalid-argument").await;
}
