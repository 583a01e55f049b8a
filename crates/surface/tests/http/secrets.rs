//! Secrets: set, used by agents, and found nowhere else.

use crate::rig::{OURS, OWNER, Rig, THEIRS, answered, refused};
use axum::http::{HeaderMap, StatusCode as Status};
use axum::routing::any;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tenure_store_sqlite::SqliteStore;

const KEY: &str = "sk-model-0123456789abcdef";
const TOKEN: &str = "tool-fedcba9876543210";

/// A service that keeps what it is sent and sends back everything it was told, as models and
/// services that are asked badly do.
async fn talkative(heard: Arc<Mutex<Vec<String>>>) -> String {
    let app = axum::Router::new().fallback(any(move |headers: HeaderMap, body: String| {
        let said = headers.get("authorization").map(|said| said.to_str().unwrap().to_owned());
        let said = said.unwrap_or_default();
        heard.lock().unwrap().push(format!("{said}\n{body}"));
        async move {
            if body.contains("\"messages\"") && body.contains("\"role\":\"tool\"") {
                return (Status::UNAUTHORIZED, format!("{{\"error\":{{\"message\":\"bad key {said}\"}}}}"));
            }
            if !body.contains("\"messages\"") {
                return (Status::OK, json!({ "you said": said }).to_string());
            }
            let call = json!({ "choices": [{ "index": 0, "delta": { "content": said, "tool_calls": [
                { "index": 0, "id": "c", "function": { "name": "ask", "arguments": "{}" } }] } }] });
            let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] });
            (Status::OK, format!("data: {call}\n\ndata: {end}\n\ndata: [DONE]\n\n"))
        }
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn set(rig: &Rig, name: &str, value: &str) -> Value {
    let request = rig.request(Method::PUT, &format!("/v1/secrets/{name}"));
    answered(request.json(&json!({ "value": value })), StatusCode::OK).await
}

/// Every byte below a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes(&path));
        } else {
            all.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
    all
}

fn holds(all: &[u8], what: &str) -> bool {
    all.windows(what.len()).any(|part| part == what.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_4_a_secret_reaches_whom_it_is_for_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let rig = Rig::on(store.store()).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let url = talkative(heard.clone()).await;
    set(&rig, "MODEL", KEY).await;
    set(&rig, "TOOL", TOKEN).await;
    let definition = json!({
        "name": "keeper",
        "model": { "adapter": "openai", "name": "m", "base_url": url, "api_key": "secret:MODEL" },
        "tools": [{
            "use": "http_action", "name": "ask", "class": "read",
            "http": { "method": "GET", "url": format!("{url}/ask"),
                "headers": { "authorization": "Bearer {secret:TOOL}" } },
        }],
    });
    let registered = rig.post("/v1/agents", &json!({ "definition": definition }));
    answered(registered, StatusCode::CREATED).await;
    let run = rig.run(&json!({ "agent": { "name": "keeper", "task": "ask" } })).await;
    assert_eq!(run["status"], "failed", "{run}");

    // both were sent
    let sent = heard.lock().unwrap().join("\n");
    assert!(sent.contains(&format!("Bearer {KEY}")) && sent.contains(&format!("Bearer {TOKEN}")));
    // and what came back to the model, in bodies, has neither
    let bodies: Vec<String> = heard
        .lock()
        .unwrap()
        .iter()
        .map(|all| all.split_once('\n').unwrap().1.to_owned())
        .collect();
    assert!(bodies.iter().any(|body| body.contains("you said")), "{bodies:?}");
    let session = run["sessionId"].as_str().unwrap();
    let mut told = bodies;
    told.push(run.to_string());
    for path in [
        format!("/v1/sessions/{session}/entries?limit=200"),
        format!("/v1/sessions/{session}/export"),
        format!("/v1/sessions/{session}/events?bodies=true&until=idle"),
        format!("/v1/runs/{}/steps", run["runId"].as_str().unwrap()),
        "/v1/agents/keeper".to_owned(),
        "/v1/secrets".to_owned(),
    ] {
        told.push(rig.get(&path).send().await.unwrap().text().await.unwrap());
    }
    rig.stop().await;
    drop(store);
    let disk = bytes(folder.path());
    assert!(holds(&disk, "secret.set") || holds(&disk, "MODEL"), "the right files were read");
    for secret in [KEY, TOKEN] {
        let hex = tenure_contract::digest::hex(secret.as_bytes());
        for text in &told {
            assert!(!text.contains(secret) && !text.contains(&hex), "{text}");
        }
        assert!(!holds(&disk, secret) && !holds(&disk, &hex), "the clear text is on disk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_4_secrets_are_versioned_listed_without_texts_and_deleted() {
    let rig = Rig::new().await;
    let first = set(&rig, "SHOP", "hunter2hunter2").await;
    assert_eq!((&first["version"], &first["lengthHint"]), (&json!(1), &json!(16)));
    assert_eq!(first["tenantId"], json!(OURS));
    assert_eq!(set(&rig, "SHOP", "another-one").await["version"], 2);
    let listed = rig.see("/v1/secrets").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed["items"][0]["version"], &listed["items"][0]["createdAt"]),
        (&json!(2), &first["createdAt"])
    );
    for (name, value) in [
        ("SHOP", "short"),
        ("SHOP", "has a space in it"),
        ("SHOP", "quote\"quote"),
        ("a%20b", "long-enough"),
    ] {
        let request = rig.request(Method::PUT, &format!("/v1/secrets/{name}"));
        let request = request.json(&json!({ "value": value }));
        let told = refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
        assert!(!told.to_string().contains(value), "{told}");
    }
    let theirs = rig.key(THEIRS, "user:eve", &["*"]).await;
    let seen = answered(rig.get("/v1/secrets").bearer_auth(&theirs), StatusCode::OK).await;
    assert_eq!(seen["items"], json!([]));
    let delete = || rig.request(Method::DELETE, "/v1/secrets/SHOP");
    refused(delete().bearer_auth(&theirs), StatusCode::NOT_FOUND, "not-found").await;
    assert!(delete().bearer_auth(OWNER).send().await.unwrap().status().is_success());
    refused(delete(), StatusCode::NOT_FOUND, "not-found").await;
    assert_eq!(rig.see("/v1/secrets").await["items"], json!([]));
    assert_eq!(set(&rig, "SHOP", "a-third-one").await["version"], 3, "versions never come again");
}
