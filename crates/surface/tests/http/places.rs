//! Projects and workspaces.

use crate::rig::{OURS, Rig, THEIRS, answered, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tenure_contract::words::WorkspaceStatus;

async fn made(rig: &Rig, path: &str, body: Value) -> Value {
    answered(rig.post(path, &body), StatusCode::CREATED).await
}

#[tokio::test(flavor = "multi_thread")]
async fn wsp_1_projects_and_workspaces_have_their_fields() {
    let rig = Rig::new().await;
    let project = made(&rig, "/v1/projects", json!({ "name": "shop" })).await;
    assert_eq!((&project["tenantId"], &project["name"]), (&json!(OURS), &json!("shop")));
    let wanted = json!({
        "projectId": project["projectId"], "kind": "worktree", "ref": "main", "baseCommit": "5ac7101",
    });
    let whole = made(&rig, "/v1/workspaces", wanted.clone()).await;
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&whole[field], value, "{field}");
    }
    assert_eq!((&whole["tenantId"], &whole["status"]), (&json!(OURS), &json!("provisioning")));
    let bare = made(&rig, "/v1/workspaces", json!({ "kind": "local", "ref": null })).await;
    for field in ["projectId", "ref", "baseCommit"] {
        assert_eq!(bare[field], Value::Null, "{field} is there and null");
    }
    let path = format!("/v1/workspaces/{}", whole["workspaceId"].as_str().unwrap());
    assert_eq!(rig.see(&path).await, whole);
    let path = format!("/v1/projects/{}", project["projectId"].as_str().unwrap());
    assert_eq!(rig.see(&path).await, project);
    for bad in [
        json!({ "kind": "moon" }),
        json!({}),
        json!({ "kind": "local", "ref": "" }),
        json!({ "kind": "local", "ref": "x".repeat(257) }),
    ] {
        let told =
            refused(rig.post("/v1/workspaces", &bad), StatusCode::BAD_REQUEST, "invalid-argument")
                .await;
        if bad["kind"] == "moon" {
            assert!(told["detail"].as_str().unwrap().contains("worktree"), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wsp_1_lists_have_pages_and_filters() {
    let rig = Rig::new().await;
    let project = made(&rig, "/v1/projects", json!({ "name": "shop" })).await;
    let project = project["projectId"].as_str().unwrap();
    let mut ours = Vec::new();
    for n in 0..5 {
        made(&rig, "/v1/workspaces", json!({ "kind": "cloud", "ref": format!("o{n}") })).await;
        let wanted = json!({ "kind": "cloud", "ref": format!("p{n}"), "projectId": project });
        ours.push(made(&rig, "/v1/workspaces", wanted).await);
    }
    ours.reverse();
    let mut listed = Vec::new();
    let mut path = format!("/v1/workspaces?project={project}&limit=2");
    loop {
        let page = rig.see(&path).await;
        listed.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/workspaces?project={project}&limit=2&cursor={cursor}");
    }
    assert_eq!(listed, ours);
    assert_eq!(rig.see("/v1/workspaces").await["items"].as_array().unwrap().len(), 10);
    assert_eq!(rig.see("/v1/workspaces?status=ready").await["items"], json!([]));
    let nobodys = format!("/v1/workspaces?project=prj_{}", "3".repeat(26));
    refused(rig.get(&nobodys), StatusCode::NOT_FOUND, "not-found").await;
    assert_eq!(rig.see("/v1/projects").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wsp_1_a_workspace_moves_along_its_table_only() {
    let rig = Rig::new().await;
    let statuses: Vec<_> = WorkspaceStatus::ALL.iter().map(|status| status.as_str()).collect();
    // a way to each status, and what may come then
    for (way, next) in [
        (vec![], vec!["ready", "error"]),
        (vec!["ready"], vec!["error"]),
        (vec!["error"], vec!["provisioning"]),
    ] {
        for to in &statuses {
            let made = made(&rig, "/v1/workspaces", json!({ "kind": "cloud" })).await;
            let path = format!("/v1/workspaces/{}", made["workspaceId"].as_str().unwrap());
            let go = |to: &str| rig.request(Method::PATCH, &path).json(&json!({ "status": to }));
            for step in &way {
                answered(go(step), StatusCode::OK).await;
            }
            let from = rig.see(&path).await["status"].clone();
            if next.contains(to) || from == *to {
                assert_eq!(answered(go(to), StatusCode::OK).await["status"], *to);
            } else {
                let told = refused(go(to), StatusCode::CONFLICT, "illegal-transition").await;
                assert!(told["detail"].as_str().unwrap().contains(next[0]), "{told}");
                assert_eq!(rig.see(&path).await["status"], from);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wsp_1_the_same_key_makes_one_project_and_one_workspace() {
    let rig = Rig::new().await;
    for (path, body, other) in [
        ("/v1/projects", json!({ "name": "a" }), json!({ "name": "b" })),
        ("/v1/workspaces", json!({ "kind": "cloud" }), json!({ "kind": "local" })),
    ] {
        let make = |body: &Value| rig.post(path, body).header("Idempotency-Key", "k");
        let first = answered(make(&body), StatusCode::CREATED).await;
        assert_eq!(answered(make(&body), StatusCode::CREATED).await, first);
        refused(make(&other), StatusCode::CONFLICT, "key-conflict").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wsp_1_a_sessions_workspace_is_one_of_its_tenant_or_none() {
    let rig = Rig::new().await;
    let made = made(&rig, "/v1/workspaces", json!({ "kind": "local" })).await;
    let workspace = &made["workspaceId"];
    let wanted = json!({ "workspaceId": workspace });
    let session = answered(rig.post("/v1/sessions", &wanted), StatusCode::CREATED).await;
    assert_eq!(&session["workspace"], workspace);
    let none = json!({ "workspaceId": null });
    let session = answered(rig.post("/v1/sessions", &none), StatusCode::CREATED).await;
    assert_eq!(session["workspace"], Value::Null);
    let nobodys = json!({ "workspaceId": format!("wsp_{}", "3".repeat(26)) });
    refused(rig.post("/v1/sessions", &nobodys), StatusCode::NOT_FOUND, "not-found").await;
    let run = json!({ "session": nobodys, "intent": { "type": "echo" } });
    refused(rig.post("/v1/runs", &run), StatusCode::NOT_FOUND, "not-found").await;
    let path = format!("/v1/sessions/{}", session["sessionId"].as_str().unwrap());
    let moved = rig.request(Method::PATCH, &path).json(&nobodys);
    refused(moved, StatusCode::NOT_FOUND, "not-found").await;
    // another tenant's is not there either, nor can a workspace have another's project
    let theirs = rig.key(THEIRS, "user:eve", &["*"]).await;
    let foreign = rig.post("/v1/sessions", &wanted).bearer_auth(&theirs);
    refused(foreign, StatusCode::NOT_FOUND, "not-found").await;
    let project = rig.post("/v1/projects", &json!({ "name": "x" }));
    let project = answered(project, StatusCode::CREATED).await;
    let wanted = json!({ "kind": "local", "projectId": project["projectId"] });
    let foreign = rig.post("/v1/workspaces", &wanted).bearer_auth(&theirs);
    refused(foreign, StatusCode::NOT_FOUND, "not-found").await;
}
