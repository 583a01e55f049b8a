//! A session's fields, its filters, and claims on it, over HTTP.

use crate::rig::{Rig, answered, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A workspace of the tenant.
async fn code(rig: &Rig) -> String {
    let made = rig.post("/v1/workspaces", &json!({ "kind": "worktree" }));
    let made = answered(made, StatusCode::CREATED).await;
    made["workspaceId"].as_str().unwrap().to_owned()
}

async fn open(rig: &Rig, surface: &str, body: Value) -> Value {
    let request = rig.post("/v1/sessions", &body).header("Tenure-Surface", surface);
    answered(request, StatusCode::CREATED).await
}

async fn listed(rig: &Rig, surface: &str, query: &str) -> Vec<Value> {
    let request = rig.get(&format!("/v1/sessions?{query}")).header("Tenure-Surface", surface);
    let page = answered(request, StatusCode::OK).await;
    page["items"].as_array().unwrap().iter().map(|item| item["title"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_4_an_explicit_null_detaches_and_an_absent_field_stays() {
    let rig = Rig::new().await;
    let code = code(&rig).await;
    let made = open(&rig, "web", json!({ "workspaceId": code, "title": "a" })).await;
    let path = format!("/v1/sessions/{}", made["sessionId"].as_str().unwrap());
    let patch =
        |body: Value| answered(rig.request(Method::PATCH, &path).json(&body), StatusCode::OK);
    assert_eq!(made["workspace"], code);
    assert_eq!(patch(json!({ "title": "b" })).await["workspace"], code);
    assert_eq!(listed(&rig, "web", "workspaceId=null").await, Vec::<Value>::new());
    assert_eq!(listed(&rig, "web", &format!("workspaceId={code}")).await, ["b"]);
    let chat = patch(json!({ "workspaceId": null, "inputPolicy": "reject" })).await;
    assert_eq!((&chat["workspace"], &chat["title"]), (&Value::Null, &json!("b")));
    assert_eq!(chat["inputPolicy"], "reject");
    assert_eq!(rig.see(&path).await, chat);
    assert_eq!(listed(&rig, "web", "workspaceId=null").await, ["b"]);
    let entries = rig.see(&format!("{path}/entries")).await["items"].as_array().unwrap().len();
    patch(json!({})).await;
    patch(json!({ "title": "b" })).await;
    let after = rig.see(&format!("{path}/entries")).await["items"].as_array().unwrap().len();
    assert_eq!(after, entries, "what changes nothing is no entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_1_memory_refs_are_kept_and_checked() {
    let rig = Rig::new().await;
    let made = open(&rig, "web", json!({ "memoryRefs": ["notes:7", "vector:docs@3"] })).await;
    let path = format!("/v1/sessions/{}", made["sessionId"].as_str().unwrap());
    assert_eq!(made["memoryRefs"], json!(["notes:7", "vector:docs@3"]));
    for bad in [json!(["notes"]), json!(["notes:7", "notes:7"]), json!(["chat:mine@1"])] {
        let told = rig.request(Method::PATCH, &path).json(&json!({ "memoryRefs": bad }));
        refused(told, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    let none = rig.request(Method::PATCH, &path).json(&json!({ "memoryRefs": [] }));
    assert_eq!(answered(none, StatusCode::OK).await["memoryRefs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tgt_1_a_target_the_surface_does_not_offer_is_refused() {
    let rig = Rig::new().await;
    for surface in ["browser", "mobile", "web", "product-api", "worker", "desktop"] {
        for (target, canonical) in
            [(json!("default"), "sandbox"), (Value::Null, "sandbox"), (json!(""), "sandbox")]
        {
            let made = open(&rig, surface, json!({ "executionTarget": target })).await;
            assert_eq!(made["executionTarget"], canonical);
        }
        let local = rig.post("/v1/sessions", &json!({ "executionTarget": "local" }));
        let local = local.header("Tenure-Surface", surface);
        if surface == "desktop" {
            assert_eq!(answered(local, StatusCode::CREATED).await["executionTarget"], "local");
        } else {
            let told = refused(local, StatusCode::BAD_REQUEST, "invalid-argument").await;
            let detail = told["detail"].as_str().unwrap();
            assert!(detail.contains(surface) && detail.contains("it offers sandbox"), "{detail}");
        }
    }
    let odd = rig.post("/v1/sessions", &json!({ "executionTarget": "cloud" }));
    refused(odd, StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tgt_1_lists_are_filtered_and_web_and_worker_see_the_sandbox() {
    let rig = Rig::new().await;
    open(&rig, "desktop", json!({ "title": "l", "executionTarget": "local", "userId": "grace" }))
        .await;
    open(&rig, "desktop", json!({ "title": "d", "productId": "till" })).await;
    let code = code(&rig).await;
    open(&rig, "mobile", json!({ "title": "m", "workspaceId": code })).await;
    for (surface, query, found) in [
        ("desktop", "", &["m", "d", "l"][..]),
        ("web", "", &["m", "d"]),
        ("worker", "", &["m", "d"]),
        ("web", "executionTarget=local", &["l"]),
        ("browser", "executionTarget=default", &["m", "d"]),
        ("desktop", "surface=desktop", &["d", "l"]),
        ("desktop", "userId=grace", &["l"]),
        ("desktop", "productId=till&status=active", &["d"]),
        ("desktop", "workspaceId=null&surface=desktop&executionTarget=sandbox", &["d"]),
        ("desktop", "workspaceId=null&surface=mobile", &[]),
    ] {
        assert_eq!(listed(&rig, surface, query).await, found, "{surface} {query}");
    }
    for bad in ["executionTarget=cloud", "surface=fridge", "workspaceId=none"] {
        let request = rig.get(&format!("/v1/sessions?{bad}"));
        refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clm_1_of_many_claims_at_once_exactly_one_wins_and_the_others_are_told() {
    let rig = Rig::new().await;
    let agent = rig.agent("clerk", "[[turn]]\ntext = \"hi\"", json!([])).await;
    let session = open(&rig, "web", json!({})).await["sessionId"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{session}/agent-binding");
    let claims = (0..24).map(|n| {
        let body = json!({ "agent": "clerk", "externalId": format!("thread-{n}") });
        answered(rig.post(&path, &body), StatusCode::OK)
    });
    let claims = futures::future::join_all(claims).await;
    let won: Vec<_> = claims.iter().filter(|claim| claim["won"] == true).collect();
    assert_eq!(won.len(), 1);
    let winner = &won[0]["agentBinding"];
    assert_eq!(winner["agent"], format!("clerk@{}", agent["version"].as_str().unwrap()));
    assert_eq!(won[0]["orphan"], Value::Null);
    for (n, claim) in claims.iter().enumerate().filter(|(_, claim)| claim["won"] == false) {
        assert_eq!(&claim["agentBinding"], winner);
        assert_eq!(claim["orphan"], format!("thread-{n}"));
    }
    assert_eq!(&rig.see(&format!("/v1/sessions/{session}")).await["agentBinding"], winner);
    // the winner, should it not have heard the answer, has no orphan to remove
    let again = json!({ "agent": "clerk", "externalId": winner["externalId"] });
    let again = answered(rig.post(&path, &again), StatusCode::OK).await;
    assert_eq!((&again["won"], &again["orphan"]), (&json!(false), &Value::Null));
    let nobody = rig.post(&path, &json!({ "agent": "nobody" }));
    refused(nobody, StatusCode::UNPROCESSABLE_ENTITY, "unknown-name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clm_1_no_winner_is_an_error() {
    let rig = Rig::new().await;
    rig.agent("clerk", "[[turn]]\ntext = \"hi\"", json!([])).await;
    let session = open(&rig, "web", json!({})).await["sessionId"].as_str().unwrap().to_owned();
    let end = json!({ "status": "cancelled" });
    answered(rig.post(&format!("/v1/sessions/{session}/end"), &end), StatusCode::OK).await;
    let claim =
        rig.post(&format!("/v1/sessions/{session}/agent-binding"), &json!({ "agent": "clerk" }));
    refused(claim, StatusCode::CONFLICT, "illegal-transition").await;
}
