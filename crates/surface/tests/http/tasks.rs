//! Tasks and todos over HTTP.

use crate::rig::{Rig, answered, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn session(rig: &Rig) -> String {
    let made = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    made["sessionId"].as_str().unwrap().to_owned()
}

fn patch(rig: &Rig, path: &str, body: &Value) -> reqwest::RequestBuilder {
    rig.request(Method::PATCH, path).json(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn tsk_1_a_task_is_made_changed_moved_and_listed() {
    let rig = Rig::new().await;
    let session = session(&rig).await;
    let path = format!("/v1/sessions/{session}/tasks");
    let make = || {
        let body = json!({ "title": "sweep", "intent": "the yard", "priority": "soonish" });
        rig.post(&path, &body).header("Idempotency-Key", "k")
    };
    let response = make().send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let task: Value = response.json().await.unwrap();
    assert_eq!(answered(make(), StatusCode::CREATED).await, task);
    assert_eq!(rig.see(&location).await, task);
    assert_eq!((&task["status"], &task["intent"]), (&json!("queued"), &json!("the yard")));
    assert_eq!((&task["priority"], &task["workspace"]), (&json!("soonish"), &Value::Null));
    let other = rig.post(&path, &json!({ "title": "mop" })).header("Idempotency-Key", "k");
    refused(other, StatusCode::CONFLICT, "key-conflict").await;

    let changed = json!({ "title": "sweep well", "priority": null, "status": "blocked" });
    let changed = answered(patch(&rig, &location, &changed), StatusCode::OK).await;
    assert_eq!((&changed["title"], &changed["status"]), (&json!("sweep well"), &json!("blocked")));
    assert_eq!(changed["priority"], Value::Null);
    let told = patch(&rig, &location, &json!({ "status": "completed" }));
    let told = refused(told, StatusCode::CONFLICT, "illegal-transition").await;
    assert!(told["detail"].as_str().unwrap().contains("`queued`, `running`, `failed`"), "{told}");
    for bad in [json!({ "status": "gone" }), json!({ "title": "" }), json!({ "titel": "x" })] {
        refused(patch(&rig, &location, &bad), StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    let open = rig.see(&format!("/v1/tasks?session={session}&status=blocked&open=true")).await;
    assert_eq!(open["items"][0]["taskId"], task["taskId"]);
    assert_eq!(rig.see("/v1/tasks?status=queued").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tsk_1_a_list_by_priority_goes_by_rank_over_all_pages() {
    let rig = Rig::new().await;
    let path = format!("/v1/sessions/{}/tasks", session(&rig).await);
    for (title, priority) in [
        ("a", json!("low")),
        ("b", Value::Null),
        ("c", json!("urgent")),
        ("d", json!("?")),
        ("e", json!("high")),
    ] {
        let body = json!({ "title": title, "priority": priority });
        answered(rig.post(&path, &body), StatusCode::CREATED).await;
    }
    for limit in 1..=5 {
        let first = format!("/v1/tasks?sort=priority&limit={limit}");
        let (mut titles, mut next) = (String::new(), first.clone());
        loop {
            let page = rig.see(&next).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            titles.extend(items.iter().map(|task| task["title"].as_str().unwrap()));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            next = format!("{first}&cursor={cursor}");
        }
        assert_eq!(titles, "cedba", "by {limit}");
    }
    assert_eq!(rig.see("/v1/tasks?priority=normal").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tsk_1_a_failed_task_is_retried_as_a_new_run() {
    let rig = Rig::new().await;
    let session = session(&rig).await;
    let made = rig.post(&format!("/v1/sessions/{session}/tasks"), &json!({ "title": "x" }));
    let task = answered(made, StatusCode::CREATED).await["taskId"].as_str().unwrap().to_owned();
    let retry = || rig.request(Method::POST, &format!("/v1/tasks/{task}/retry"));
    refused(retry(), StatusCode::CONFLICT, "illegal-transition").await;
    let work = json!({ "sessionId": session, "taskId": task, "intent": { "type": "fail" } });
    let run = rig.run(&work).await;
    assert_eq!((&run["taskId"], &run["attempt"]), (&json!(task), &json!(1)));
    assert_eq!(rig.see(&format!("/v1/tasks/{task}")).await["status"], "failed");
    let keyed = || retry().header("Idempotency-Key", "again");
    let second = answered(keyed(), StatusCode::ACCEPTED).await;
    assert_ne!(second["runId"], run["runId"]);
    let ended = rig.rested(second["runId"].as_str().unwrap()).await;
    assert_eq!((&ended["attempt"], &ended["trigger"]), (&json!(2), &json!("retry")));
    assert_eq!(ended["input"], run["input"]);
    let again = answered(keyed(), StatusCode::ACCEPTED).await;
    assert_eq!((&again["runId"], &again["duplicate"]), (&second["runId"], &json!(true)));
    let runs = rig.see(&format!("/v1/runs?task={task}")).await;
    assert_eq!(runs["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tod_1_a_todo_is_made_changed_and_listed() {
    let rig = Rig::new().await;
    let session = session(&rig).await;
    let path = format!("/v1/sessions/{session}/todos");
    let todo = answered(rig.post(&path, &json!({ "text": "buy" })), StatusCode::CREATED).await;
    let place = format!("/v1/todos/{}", todo["todoId"].as_str().unwrap());
    let change = json!({ "text": "buy a broom", "status": "done" });
    let changed = answered(patch(&rig, &place, &change), StatusCode::OK).await;
    assert_eq!((&changed["text"], &changed["status"]), (&json!("buy a broom"), &json!("done")));
    assert_eq!(rig.see(&place).await, changed);
    let told = patch(&rig, &place, &json!({ "status": "dropped" }));
    refused(told, StatusCode::CONFLICT, "illegal-transition").await;
    answered(rig.post(&path, &json!({ "text": "use it" })), StatusCode::CREATED).await;
    let all = rig.see(&format!("/v1/todos?session={session}&limit=1")).await;
    assert_eq!(all["items"][0]["text"], "use it");
    let rest =
        format!("/v1/todos?session={session}&cursor={}", all["nextCursor"].as_str().unwrap());
    assert_eq!(rig.see(&rest).await["items"][0], changed);
    let open = rig.see(&format!("/v1/todos?session={session}&open=true")).await;
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    refused(rig.post(&path, &json!({ "text": " " })), StatusCode::BAD_REQUEST, "invalid-argument")
        .await;
}
