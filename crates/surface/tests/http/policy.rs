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

#[tokio::test(flavor = "multi_thread")]
async fn pol_1_a_handlers_substep_that_policy_asks_about_waits_and_is_decided() {
    let rig = Rig::new().await;
    let text = "@ask(\"money moves\") @approvers(\"user:*\") @risk(\"high\")\n\
                permit(principal, action == Action::\"call\", resource == Intent::\"pay\");\n\
                permit(principal, action == Action::\"run\", resource);\n\
                permit(principal is User, action == Action::\"decide\", resource);";
    answered(rig.request(Method::PUT, "/v1/policy").json(&json!({ "text": text })), StatusCode::OK)
        .await;
    for (decision, status) in [("approve", "completed"), ("deny", "failed")] {
        let intent = json!({ "type": "pay", "parameters": { "amount": 3 } });
        let run = rig.run(&json!({ "intent": intent })).await;
        assert_eq!(run["status"], "waiting-approval", "{run}");
        let why = &run["waitingFor"];
        assert_eq!(why["reason"], "approval");
        assert!(why["text"].as_str().unwrap().contains("substep `pay`"), "{run}");
        let (id, run) = (run["runId"].as_str().unwrap(), &run);
        let seen = rig.see(&format!("/api/execution/{id}/status")).await;
        assert_eq!(
            (&seen["status"], &seen["metadata"]["run_status"]),
            (&json!("running"), &json!("waiting-approval")),
            "{seen}"
        );
        let path = format!("/v1/approvals/{}", why["subject"].as_str().unwrap());
        let asked = rig.see(&path).await;
        assert_eq!(
            (&asked["actionLabel"], &asked["riskLevel"], &asked["runId"]),
            (&json!("money moves: pay {\"amount\":3}"), &json!("high"), &run["runId"])
        );
        assert_eq!(
            (&asked["action"]["intent"], &asked["action"]["arguments"]),
            (&json!("pay"), &json!({ "amount": 3 })),
            "{asked}"
        );
        let decide = format!("{path}/decision");
        let edited = json!({ "decision": "approve", "arguments": { "amount": 1 } });
        let told =
            refused(rig.post(&decide, &edited), StatusCode::BAD_REQUEST, "invalid-argument").await;
        assert!(told["detail"].as_str().unwrap().contains("approve or deny it as it is"), "{told}");
        let decided = json!({ "decision": decision, "reason": "so it is" });
        answered(rig.post(&decide, &decided), StatusCode::OK).await;
        let run = rig.rested(id).await;
        assert_eq!(run["status"], status, "{run}");
        match decision {
            "approve" => assert_eq!(run["output"], "paid"),
            _ => {
                assert_eq!(run["error"]["code"], "denied-by-policy");
                assert!(run["error"]["message"].as_str().unwrap().contains("so it is"), "{run}");
            }
        }
    }
}
