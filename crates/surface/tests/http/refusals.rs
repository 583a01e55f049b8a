//! Whatever does not fit is a problem that says what would; nothing a client sends is our mistake.

use crate::rig::{Rig, problem, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tenure_contract::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_what_a_route_takes() {
    let rig = Rig::new().await;
    let send = |body: Vec<u8>, kind: &str| {
        rig.request(Method::POST, "/v1/sessions").header("content-type", kind).body(body)
    };
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let malformed = [
        (b"{".to_vec(), "application/json"),
        (b"".to_vec(), "application/json"),
        (vec![b'"', 0xff, b'"'], "application/json"),
        (b"{} x".to_vec(), "application/json"),
        (deep(limits::JSON_DEPTH_MAX + 1), "application/json"),
        (deep(200_000), "application/json"),
        (b"{}".to_vec(), "text/plain"),
        (b"a=b".to_vec(), "application/x-www-form-urlencoded"),
    ];
    for (body, kind) in malformed {
        refused(send(body, kind), StatusCode::BAD_REQUEST, "malformed-body").await;
    }
    for body in ["[]", "null", "3", r#"{"productId":3}"#, r#"{"productId":"a","productId":"b"}"#] {
        let request = send(body.into(), "application/json; charset=utf-8");
        refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    let request = send(br#"{"prodctId":"a"}"#.to_vec(), "application/json");
    let told = refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(detail(&told).contains("prodctId") && detail(&told).contains("productId"), "{told}");
    let request = send(br#"{"inputPolicy":"wait"}"#.to_vec(), "application/json");
    let told = refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(detail(&told).contains("queue"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large() {
    let rig = Rig::new().await;
    let body = format!("\"{}\"", "x".repeat(limits::REQUEST_BODY_MAX_BYTES));
    let request =
        rig.request(Method::POST, "/v1/sessions").header("content-type", "application/json");
    let told = refused(request.body(body), StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
    assert!(detail(&told).contains("REQUEST_BODY_MAX_BYTES"), "{told}");
    let input = "x".repeat(limits::RUN_INPUT_MAX_BYTES);
    let request =
        rig.post("/v1/runs", &json!({ "intent": { "type": "echo", "parameters": input } }));
    refused(request, StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_methods_ids_and_queries() {
    let rig = Rig::new().await;
    let told = refused(rig.get("/v1/session"), StatusCode::NOT_FOUND, "no-such-route").await;
    assert!(detail(&told).contains("`/v1/sessions`"), "{told}");
    for path in ["/v2/sessions", "/v1/runs/", "/v1/runs/x/y/z", "/%ff", "//"] {
        refused(rig.get(path), StatusCode::NOT_FOUND, "no-such-route").await;
    }
    let response = rig.request(Method::PATCH, "/v1/sessions").send().await.unwrap();
    let mut allowed: Vec<_> =
        response.headers()["allow"].to_str().unwrap().split(',').map(str::to_owned).collect();
    allowed.sort();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    let told = problem(response, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed").await;
    assert!(detail(&told).contains("`PATCH`") && detail(&told).contains("GET"), "{told}");
    // whoever asks and whatever else is wrong: nobody is offered it
    let trace = rig.request(Method::TRACE, "/v1/sessions").header("Tenure-Tenant", "0");
    refused(trace, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed").await;
    for path in [
        "/v1/runs/x",
        "/v1/sessions/run_00000000000000000000000000",
        "/v1/runs/%ff",
        "/v1/runs/%00",
    ] {
        refused(rig.get(path), StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=",
        "cursor=1-2",
        "open=yes",
        "staus=active",
        "limit=1&limit=2",
    ] {
        let request = rig.get(&format!("/v1/sessions?{query}"));
        refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    let told =
        refused(rig.get("/v1/runs?status=done"), StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(detail(&told).contains("waiting-approval"), "{told}");
    let run = format!("/v1/runs/run_{}?waitMs=60001", "0".repeat(26));
    refused(rig.get(&run), StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fits_and_cannot_be() {
    let rig = Rig::new().await;
    let run = rig.run(&json!({ "intent": { "type": "echo" } })).await;
    let id = run["runId"].as_str().unwrap();
    for verb in ["cancel", "pause", "resume"] {
        let request = rig.request(Method::POST, &format!("/v1/runs/{id}/{verb}"));
        refused(request, StatusCode::CONFLICT, "illegal-transition").await;
    }
    let session = run["sessionId"].as_str().unwrap();
    for status in ["active", "done"] {
        let request =
            rig.post(&format!("/v1/sessions/{session}/end"), &json!({ "status": status }));
        let told = refused(request, StatusCode::BAD_REQUEST, "invalid-argument").await;
        assert!(detail(&told).contains("`cancelled`"), "{told}");
    }
    for body in
        [json!({}), json!({ "intent": { "type": "echo" }, "agent": { "name": "a", "task": "b" } })]
    {
        refused(rig.post("/v1/runs", &body), StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    let keyed = rig.post("/v1/sessions", &json!({})).header("Idempotency-Key", "x".repeat(257));
    refused(keyed, StatusCode::BAD_REQUEST, "invalid-argument").await;
    let bad = json!({ "definition": { "name": "a", "model": { "adapter": "none" } } });
    refused(rig.post("/v1/agents", &bad), StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_http_ends_its_connection_only() {
    let rig = Rig::new().await;
    for head in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9\r\n\r\n"] {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{head:?}: {answer}");
    }
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let cut = "POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{}";
    stream.write_all(cut.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    rig.see("/healthz").await;
}
