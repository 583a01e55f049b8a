//! The policy over HTTP.

use crate::rig::{Rig, answered, refused};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn pol_1_a_policy_is_set_whole_listed_and_tried() {
    let rig = Rig::new().await;
    let builtin = rig.see("/v1/policy").await;
    assert_eq!((&builtin["version"], &builtin["inForce"]), (&json!("default"), &json!(true)));
    let text = "permit(principal, action, resource);\n\
                @id(\"closed\") forbid(principal, action == Action::\"run\", resource);";
    let put = |text: &str| rig.request(Method::PUT, "/v1/policy").json(&json!({ "text": text }));
    let told = refused(put("permit(\n"), StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(told["detail"].as_str().unwrap().contains("line"), "{told}");
    assert_eq!(rig.see("/v1/policy").await["version"], "default", "nothing is half set");
    let set = answered(put(text), StatusCode::OK).await;
    let version = set["version"].as_str().unwrap();
    assert_eq!(rig.see("/v1/policy").await["text"], text);
    assert_eq!(rig.see(&format!("/v1/policy/versions/{version}")).await["text"], text);
    let listed = rig.see("/v1/policy/versions?limit=1").await;
    assert_eq!(
        (&listed["items"][0]["version"], &listed["nextCursor"]),
        (&set["version"], &json!(null))
    );
    let question = json!({ "question": {
        "action": "run", "principal": "user:ada", "resource": "Agent:clerk" } });
    let answer = answered(rig.post("/v1/policy/try", &question), StatusCode::OK).await;
    assert_eq!(answer["effect"], "deny");
    assert!(answer["reason"].as_str().unwrap().contains("closed"));
    let unknown = format!("/v1/policy/versions/sha256:{}", "0".repeat(64));
    refused(rig.request(Method::GET, &unknown), StatusCode::NOT_FOUND, "not-found").await;
    for path in [
        "/v1/policy/versions/newest",
        "/v1/policy/versions?cursor=x",
        "/v1/policy/versions?limit=0",
    ] {
        refused(rig.request(Method::GET, path), StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_2_the_submitter_of_a_refused_run_sees_why() {
    let rig = Rig::new().await;
    rig.agent("clerk", "[[turn]]\ntext = \"done\"", json!([])).await;
    let text = "permit(principal is User, action == Action::\"decide\", resource);";
    answered(rig.request(Method::PUT, "/v1/policy").json(&json!({ "text": text })), StatusCode::OK)
        .await;
    let run = rig.run(&json!({ "agent": { "name": "clerk", "task": "write" } })).await;
    assert_eq!(
        (&run["status"], &run["stopReason"]),
        (&json!("failed"), &json!("refused")),
        "{run}"
    );
    assert_eq!(run["error"]["code"], "denied-by-policy");
    assert!(run["error"]["message"].as_str().unwrap().contains("no policy permits it"), "{run}");
}
