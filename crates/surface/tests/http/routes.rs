//! Every route does what it is for.

use crate::rig::{OURS, Rig, THEIRS, answered, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tenure_store_sqlite::SqliteStore;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened_listed_seen_and_ended() {
    let rig = Rig::new().await;
    let request =
        rig.post("/v1/sessions", &json!({ "productId": "till", "approvers": ["user:ada"] }));
    let response = request.header("Tenure-Surface", "web").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let session: Value = response.json().await.unwrap();
    let id = session["sessionId"].as_str().unwrap();
    assert_eq!(location, format!("/v1/sessions/{id}"));
    assert_eq!(session["tenantId"], OURS.to_string());
    assert_eq!(session["userId"], "ada");
    assert_eq!(rig.see(&location).await, session);
    let opened = &rig.see(&format!("{location}/entries")).await["items"][0];
    assert_eq!((&opened["surface"], &opened["kind"]), (&json!("web"), &json!("session.opened")));

    let listed = rig.see("/v1/sessions?open=true&status=active").await;
    assert_eq!(listed["items"][0]["sessionId"], id);
    assert_eq!(listed["nextCursor"], Value::Null);
    let end = json!({ "status": "completed", "reason": "done" });
    let ended = answered(rig.post(&format!("{location}/end"), &end), StatusCode::OK).await;
    assert_eq!(ended["status"], "completed");
    assert_eq!(rig.see("/v1/sessions?open=true").await["items"], json!([]));
    assert_eq!(rig.see("/v1/sessions?status=completed").await["items"][0]["sessionId"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn cm6_memory_is_cleared_between_runs_and_not_for_another_tenant() {
    let rig = Rig::new().await;
    let session = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    let path = format!("/v1/sessions/{}/memory", session["sessionId"].as_str().unwrap());
    rig.agent("talker", "[[turn]]\ntext = \"hi\"\n", json!([])).await;
    let agent = json!({ "name": "talker", "task": "hello" });
    rig.run(&json!({ "sessionId": session["sessionId"], "agent": agent })).await;
    let held = json!({ "sessionId": session["sessionId"], "intent": { "type": "hold" } });
    let accepted = answered(rig.post("/v1/runs", &held), StatusCode::ACCEPTED).await;
    let busy = rig.request(Method::DELETE, &path);
    let told = refused(busy, StatusCode::CONFLICT, "illegal-transition").await;
    assert!(told["detail"].as_str().unwrap().contains("between runs"), "{told}");
    rig.gate.add_permits(1);
    rig.rested(accepted["runId"].as_str().unwrap()).await;
    let stranger = rig.key(THEIRS, "user:eve", &["*"]).await;
    let theirs = rig.request(Method::DELETE, &path).bearer_auth(&stranger);
    refused(theirs, StatusCode::NOT_FOUND, "not-found").await;
    let cleared = answered(rig.request(Method::DELETE, &path), StatusCode::OK).await;
    let memory = format!("chat:{}@2", session["sessionId"].as_str().unwrap());
    assert_eq!(cleared["memoryRefs"], json!([memory]));
    let entries = rig.see(&path.replace("memory", "entries?limit=200")).await;
    let last = entries["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["data"]["version"]), (&json!("memory.cleared"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_opens_one_session() {
    let rig = Rig::new().await;
    let open = || rig.post("/v1/sessions", &json!({})).header("Idempotency-Key", "once");
    let first = answered(open(), StatusCode::CREATED).await;
    let again = answered(open(), StatusCode::CREATED).await;
    assert_eq!(first["sessionId"], again["sessionId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_submitted_waited_for_listed_and_told() {
    let rig = Rig::new().await;
    let intent = json!({ "intent": { "type": "echo", "parameters": { "a": [1, 2] } } });
    let response = rig.post("/v1/runs", &intent).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = response.json().await.unwrap();
    let run = rig.see(&format!("{location}?waitMs=60000")).await;
    assert_eq!(run["runId"], accepted["runId"]);
    assert_eq!((&run["status"], &run["output"]), (&json!("completed"), &json!({ "a": [1, 2] })));
    assert_eq!(rig.see(&location).await, run);
    let session = run["sessionId"].as_str().unwrap();
    let listed = rig.see(&format!("/v1/runs?session={session}&status=completed&open=false")).await;
    assert_eq!(listed["items"][0]["runId"], run["runId"]);
    assert_eq!(rig.see(&format!("{location}/steps")).await["items"], json!([]));
    assert_eq!(rig.see(&format!("/v1/sessions/{session}/artifacts")).await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_run_tells_its_steps() {
    let rig = Rig::new().await;
    let script = "[[turn]]\n[[turn.call]]\ntool = \"list_files\"\narguments = { path = \".\" }\n\
                  [[turn]]\ntext = \"done\"";
    let agent = rig.agent("clerk", script, json!([{ "use": "list_files" }])).await;
    let run = rig.run(&json!({ "agent": { "name": "clerk", "task": "look" } })).await;
    assert_eq!((&run["status"], &run["output"]["content"]), (&json!("completed"), &json!("done")));
    let steps = rig.see(&format!("/v1/runs/{}/steps", run["runId"].as_str().unwrap())).await;
    let kinds: Vec<_> =
        steps["items"].as_array().unwrap().iter().map(|step| &step["kind"]).collect();
    assert_eq!(kinds, ["model", "tool", "model"]);

    let seen = rig.see("/v1/agents/clerk").await;
    assert_eq!(
        (&seen["version"], &seen["definition"]["name"]),
        (&agent["version"], &json!("clerk"))
    );
    assert_eq!(rig.see("/v1/agents").await["items"][0]["name"], "clerk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_with_and_without_a_body() {
    let rig = Rig::new().await;
    for body in [None, Some(json!({ "reason": "enough" }))] {
        let held = json!({ "intent": { "type": "hold" } });
        let accepted = answered(rig.post("/v1/runs", &held), StatusCode::ACCEPTED).await;
        let id = accepted["runId"].as_str().unwrap();
        let mut request = rig.request(Method::POST, &format!("/v1/runs/{id}/cancel"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        answered(request, StatusCode::OK).await;
        let ended = rig.rested(id).await;
        assert_eq!(
            (&ended["status"], &ended["stopReason"]),
            (&json!("cancelled"), &json!("aborted"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_run_follows_the_one_before() {
    let rig = Rig::new().await;
    let session = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    let held = json!({ "sessionId": session["sessionId"], "intent": { "type": "hold" } });
    let first = answered(rig.post("/v1/runs", &held), StatusCode::ACCEPTED).await;
    let second = answered(rig.post("/v1/runs", &held), StatusCode::ACCEPTED).await;
    let second = second["runId"].as_str().unwrap();
    let waiting = rig.see(&format!("/v1/runs/{second}")).await;
    assert_eq!(
        (&waiting["status"], &waiting["waitingFor"]["reason"]),
        (&json!("queued"), &json!("dependency"))
    );
    assert_eq!(waiting["waitingFor"]["subject"], first["runId"]);
    rig.gate.add_permits(2);
    assert_eq!(rig.rested(second).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let rig = Rig::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let session = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
        made.push(session["sessionId"].clone());
    }
    made.reverse();
    let (mut seen, mut path) = (Vec::new(), "/v1/sessions?limit=2".to_owned());
    loop {
        let page = rig.see(&path).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["sessionId"].clone()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/sessions?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_paged_by_their_place() {
    let rig = Rig::new().await;
    let run = rig.run(&json!({ "intent": { "type": "echo", "parameters": { "x": 1 } } })).await;
    let path = format!("/v1/sessions/{}/entries", run["sessionId"].as_str().unwrap());
    let all = rig.see(&path).await["items"].as_array().unwrap().clone();
    let (mut seen, mut from) = (Vec::new(), "1".to_owned());
    while seen.len() < all.len() {
        let page = rig.see(&format!("{path}?limit=1&from={from}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        seen.push(page["items"][0].clone());
        from = page["nextCursor"].as_str().unwrap().to_owned();
    }
    assert_eq!(seen, all);
    for pair in all.windows(2) {
        assert_eq!(pair[1]["prevHash"], pair[0]["hash"]);
    }
    let submitted = all.iter().find(|entry| entry["kind"] == "run.submitted").unwrap();
    assert!(submitted["body"]["text"].as_str().unwrap().contains("\"x\":1"), "{submitted}");
    assert_eq!(rig.see(&format!("{path}?from=1000")).await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_tells_what_it_is() {
    let rig = Rig::new().await;
    rig.run(&json!({ "intent": { "type": "echo" } })).await;
    let server = rig.see("/v1/server").await;
    assert_eq!(server["storeId"], rig.engine.store_id().to_string());
    let figures = &server["figures"];
    assert!(figures["commits"].as_u64().unwrap() > 0 && figures["entries"].as_u64().unwrap() > 0);
    assert_eq!(server["startedAt"], "2026-11-21T00:00:00.000000Z");
    let intents = rig.see("/v1/intents").await;
    assert_eq!(intents["items"][0], json!({ "intentType": "echo", "handlers": ["mirror"] }));
    assert_eq!(rig.see("/healthz").await, json!({ "status": "ok" }));
    let page = rig.get("/").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<title>Tenure</title>") && !page.contains("<script"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_on_sqlite_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let rig = Rig::on(store.store()).await;
    let run = rig.run(&json!({ "intent": { "type": "echo", "parameters": "hello" } })).await;
    assert_eq!((&run["status"], &run["output"]), (&json!("completed"), &json!("hello")));
    assert_eq!(rig.see("/v1/runs").await["items"][0]["runId"], run["runId"]);
    let session = run["sessionId"].as_str().unwrap();
    let export = rig.get(&format!("/v1/sessions/{session}/export")).send().await.unwrap();
    assert!(export.text().await.unwrap().lines().last().unwrap().contains("\"head\""));
    rig.stop().await;
}
