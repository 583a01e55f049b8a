//! Approvals and steps in doubt, decided over HTTP.

use crate::rig::{OURS, Rig, answered, refused};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A run that waits for somebody's word before it writes a file.
pub async fn waiting(rig: &Rig) -> (Value, String) {
    let script = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\n\
                  arguments = { path = \"a.txt\", content = \"a\" }\n[[turn]]\ntext = \"over\"";
    rig.agent("clerk", script, json!([{ "use": "write_file", "confirm": {} }])).await;
    let run = rig.run(&json!({ "agent": { "name": "clerk", "task": "write" } })).await;
    assert_eq!(run["status"], "waiting-approval", "{run}");
    let session = run["sessionId"].as_str().unwrap();
    let open = rig.see(&format!("/v1/approvals?open=true&session={session}")).await;
    let id = open["items"][0]["approvalId"].as_str().unwrap().to_owned();
    (run, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn apr_1_an_approval_is_decided_once() {
    let rig = Rig::new().await;
    let (run, id) = waiting(&rig).await;
    let asked = rig.see(&format!("/v1/approvals/{id}")).await;
    assert_eq!(
        (&asked["status"], &asked["action"]["tool"]),
        (&json!("requested"), &json!("write_file"))
    );
    let path = format!("/v1/approvals/{id}/decision");
    let approve = json!({ "decision": "approve", "reason": "fine" });
    let decided = answered(rig.post(&path, &approve), StatusCode::OK).await;
    assert_eq!((&decided["status"], &decided["reason"]), (&json!("approved"), &json!("fine")));
    for again in ["approve", "deny"] {
        let request = rig.post(&path, &json!({ "decision": again }));
        refused(request, StatusCode::CONFLICT, "already-decided").await;
    }
    let ended = rig.rested(run["runId"].as_str().unwrap()).await;
    assert_eq!(
        (&ended["status"], &ended["output"]["content"]),
        (&json!("completed"), &json!("over"))
    );
    assert_eq!(rig.see("/v1/approvals?status=approved").await["items"][0]["approvalId"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn flt_8_anything_but_the_two_words_approves_nothing() {
    let rig = Rig::new().await;
    let (_, id) = waiting(&rig).await;
    let path = format!("/v1/approvals/{id}/decision");
    let words = [
        json!(true),
        json!(1),
        json!("yes"),
        json!("APPROVE"),
        json!(" approve"),
        json!(["approve"]),
        json!({ "approve": null }),
        json!({}),
        json!(null),
        json!("approved"),
    ];
    for word in words {
        refused(
            rig.post(&path, &json!({ "decision": word })),
            StatusCode::BAD_REQUEST,
            "invalid-argument",
        )
        .await;
    }
    for body in
        [json!({}), json!([]), json!("approve"), json!({ "decision": "approve", "approved": true })]
    {
        refused(rig.post(&path, &body), StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    assert_eq!(rig.see(&format!("/v1/approvals/{id}")).await["status"], "requested");
    let denied = answered(rig.post(&path, &json!({ "decision": "deny" })), StatusCode::OK).await;
    assert_eq!(denied["status"], "denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_decision_by_someone_who_may_not_is_journaled() {
    let rig = Rig::new().await;
    let (_, id) = waiting(&rig).await;
    let bob = rig.key(OURS, "user:bob", &["*:read", "approvals:decide"]).await;
    let before = rig.entries();
    let request =
        rig.post(&format!("/v1/approvals/{id}/decision"), &json!({ "decision": "approve" }));
    refused(request.bearer_auth(&bob), StatusCode::FORBIDDEN, "forbidden").await;
    assert_eq!(rig.entries(), before + 1);
    let seen = rig.get(&format!("/v1/approvals/{id}")).bearer_auth(&bob);
    assert_eq!(answered(seen, StatusCode::OK).await["status"], "requested");
}

#[tokio::test(flavor = "multi_thread")]
async fn stp_2_a_step_in_doubt_is_listed_and_settled() {
    let rig = Rig::new().await;
    let (run, step) = in_doubt(&rig).await;
    let path = format!("/v1/steps/{step}/resolution");
    let unfit = rig.post(&path, &json!({ "resolution": "maybe" }));
    let told = refused(unfit, StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(told["detail"].as_str().unwrap().contains("did-not-happen"), "{told}");
    let settled = rig.post(&path, &json!({ "resolution": "landed", "result": { "paid": true } }));
    assert_eq!(settled.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let ended = rig.rested(run["runId"].as_str().unwrap()).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(rig.see("/v1/doubts?open=true").await["items"], json!([]));
    let again = rig.post(&path, &json!({ "resolution": "landed", "result": {} }));
    assert!(again.send().await.unwrap().status().is_client_error());
}

/// A run paused by a payment that was asked for and never answered, and that step.
pub async fn in_doubt(rig: &Rig) -> (Value, String) {
    // takes the connection and never says a word
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/pay", silent.local_addr().unwrap());
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { cents = 5 }\n\
                  [[turn]]\ntext = \"over\"";
    let parameters = json!({ "type": "object", "properties": { "cents": { "type": "integer" } } });
    let pay = json!({
        "use": "http_action", "name": "pay", "timeout_ms": 50, "parameters": parameters,
        "http": { "method": "POST", "url": url },
    });
    rig.agent("payer", script, json!([pay])).await;
    let run = rig.run(&json!({ "agent": { "name": "payer", "task": "pay" } })).await;
    assert_eq!(run["status"], "paused", "{run}");
    let doubts = rig.see("/v1/doubts?open=true").await;
    let step = doubts["items"][0]["stepId"].as_str().unwrap().to_owned();
    (run, step)
}
