//! Rows of a store without owners, over the wire (`TEN-2`).

use crate::rig::{OURS, OWNER, Rig, THEIRS, answered, refused};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Two users' rows, and one of somebody nobody knows.
fn rows() -> String {
    let lines = [
        json!({ "kind": "user", "id": "ada", "tenantId": OURS }),
        json!({ "kind": "user", "id": "eve", "tenantId": THEIRS }),
        json!({ "kind": "project", "id": "1", "user": "ada", "name": "site" }),
        json!({ "kind": "workspace", "id": "1", "user": "ada", "project": "1", "workspaceKind": "local" }),
        json!({ "kind": "session", "id": "a/1", "user": "ada", "title": "old", "workspace": "1" }),
        json!({ "kind": "session", "id": "2", "user": "eve" }),
        json!({ "kind": "session", "id": "3", "user": "zoe" }),
    ];
    lines.map(|line| line.to_string()).join("\n")
}

fn own(request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth(OWNER)
}

fn begin(rig: &Rig, rows: String) -> RequestBuilder {
    let request = own(rig.request(Method::POST, "/v1/migrations?source=the%20old%20host"));
    request.header("content-type", "application/jsonl").body(rows)
}

/// A migration, and a key of the other tenant.
async fn begun(rig: &Rig) -> (String, Value) {
    rig.engine.open_tenant(OURS, "ours").await.unwrap();
    // the other tenant exists once it has a key
    let theirs = rig.key(THEIRS, "user:eve", &["*"]).await;
    let told =
        answered(begin(rig, rows()).header("Idempotency-Key", "k"), StatusCode::CREATED).await;
    assert_eq!((&told["open"], &told["source"]), (&json!(5), &json!("the old host")));
    (theirs, told)
}

fn path(migration: &Value, rest: &str) -> String {
    format!("/v1/migrations/{}{rest}", migration["migrationId"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_2_a_file_of_rows_is_brought_in_reported_and_finished_over_the_wire() {
    let rig = Rig::new().await;
    let (_, migration) = begun(&rig).await;
    let again =
        answered(begin(&rig, rows()).header("Idempotency-Key", "k"), StatusCode::CREATED).await;
    assert_eq!(again, migration);
    let other = begin(&rig, rows() + "\n{\"kind\":\"session\",\"id\":\"9\"}")
        .header("Idempotency-Key", "k");
    refused(other, StatusCode::CONFLICT, "key-conflict").await;
    let broken =
        refused(begin(&rig, rows() + "\n{}"), StatusCode::BAD_REQUEST, "invalid-argument").await;
    assert!(broken["detail"].as_str().unwrap().starts_with("line 8: "), "{broken}");
    let as_json = own(rig.post("/v1/migrations?source=x", &json!({})));
    refused(as_json, StatusCode::BAD_REQUEST, "malformed-body").await;

    let post = |rest: &str, body: Value| own(rig.post(&path(&migration, rest), &body));
    refused(post("/finish", json!({})), StatusCode::CONFLICT, "illegal-transition").await;
    refused(post("/run", json!({ "maxRows": 0 })), StatusCode::BAD_REQUEST, "invalid-argument")
        .await;
    let one = answered(post("/run", json!({ "maxRows": 1 })), StatusCode::OK).await;
    assert_eq!(one["open"], 4);
    let all =
        answered(own(rig.request(Method::POST, &path(&migration, "/run"))), StatusCode::OK).await;
    assert_eq!(
        (&all["open"], &all["report"]["quarantine"]),
        (&json!(0), &json!([{ "cause": "unknown-user", "rows": 1 }]))
    );

    let aside = own(rig.get(&path(&migration, "/rows?standing=quarantined&cause=unknown-user")));
    let aside = answered(aside, StatusCode::OK).await;
    assert_eq!(aside["items"][0]["row"], "session:3");
    assert_eq!(aside["items"].as_array().unwrap().len(), 1);
    refused(
        own(rig.get(&path(&migration, "/rows?cursor=x"))),
        StatusCode::BAD_REQUEST,
        "invalid-argument",
    )
    .await;
    let unknown = json!({ "userId": "zoe", "tenantId": "ten_00000000000000000000000009" });
    refused(post("/users", unknown), StatusCode::NOT_FOUND, "not-found").await;
    let silent = json!({ "tenantId": OURS, "reason": " " });
    refused(post("/rows/session:3/assign", silent), StatusCode::BAD_REQUEST, "invalid-argument")
        .await;
    let mapped =
        answered(post("/users", json!({ "userId": "zoe", "tenantId": THEIRS })), StatusCode::OK)
            .await;
    assert_eq!(mapped["open"], 1);
    answered(post("/run", json!({})), StatusCode::OK).await;
    let finished = answered(post("/finish", json!({})), StatusCode::OK).await;
    assert_eq!(
        (&finished["status"], &finished["report"]["quarantine"]),
        (&json!("finished"), &json!([]))
    );
    refused(post("/run", json!({})), StatusCode::CONFLICT, "illegal-transition").await;
    let listed = answered(own(rig.get("/v1/migrations")), StatusCode::OK).await;
    assert_eq!(listed["items"], json!([finished]));
    let sessions = answered(own(rig.get("/v1/sessions")), StatusCode::OK).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    assert_eq!(sessions["items"][0]["tenantId"], json!(OURS));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_2_reading_or_changing_a_row_by_its_old_id_brings_it_in_for_its_tenant_alone() {
    let rig = Rig::new().await;
    let (theirs, migration) = begun(&rig).await;
    let row = path(&migration, "/rows/session:a%2F1");
    // who it does not belong to finds nothing, in the same words as where there is nothing
    let foreign =
        refused(rig.get(&row).bearer_auth(&theirs), StatusCode::NOT_FOUND, "not-found").await;
    let nowhere = "/v1/migrations/mig_00000000000000000000000009/rows/session:a%2F1";
    let nothing =
        refused(rig.get(nowhere).bearer_auth(&theirs), StatusCode::NOT_FOUND, "not-found").await;
    assert_eq!(foreign["detail"], nothing["detail"]);
    let change = rig.request(Method::PATCH, &row).json(&json!({ "title": "mine" }));
    refused(change.bearer_auth(&theirs), StatusCode::NOT_FOUND, "not-found").await;
    let nobodys = rig.get(&path(&migration, "/rows/session:3")).bearer_auth(&theirs);
    refused(nobodys, StatusCode::NOT_FOUND, "not-found").await;

    // a change by the old id goes through to the session
    let change = own(rig.request(Method::PATCH, &row)).json(&json!({ "title": "new" }));
    let changed = answered(change, StatusCode::OK).await;
    assert_eq!((&changed["title"], &changed["userId"]), (&json!("new"), &json!("ada")));
    let seen = answered(own(rig.get(&row)), StatusCode::OK).await;
    assert_eq!((&seen["standing"], &seen["id"]), (&json!("backfilled"), &changed["sessionId"]));
    let at = seen["location"].as_str().unwrap();
    assert_eq!(answered(own(rig.get(at)), StatusCode::OK).await, changed);
    let workspace =
        answered(own(rig.get(&path(&migration, "/rows/workspace:1"))), StatusCode::OK).await;
    assert_eq!(workspace["id"], changed["workspace"]);
    let project =
        own(rig.request(Method::PATCH, &path(&migration, "/rows/project:1"))).json(&json!({}));
    refused(project, StatusCode::BAD_REQUEST, "invalid-argument").await;
    refused(
        own(rig.get(&path(&migration, "/rows/thread:1"))),
        StatusCode::BAD_REQUEST,
        "invalid-argument",
    )
    .await;
    // there it is still not another tenant's
    refused(rig.get(&row).bearer_auth(&theirs), StatusCode::NOT_FOUND, "not-found").await;
    let hers = rig.get(&path(&migration, "/rows/session:2")).bearer_auth(&theirs);
    assert_eq!(answered(hers, StatusCode::OK).await["tenantId"], json!(THEIRS));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_2_a_tenants_key_has_no_migrations_whatever_it_holds() {
    let rig = Rig::new().await;
    let (theirs, migration) = begun(&rig).await;
    let ours = rig.key(OURS, "user:ada", &["*"]).await;
    for key in [&theirs, &ours] {
        for (method, rest, body) in [
            (Method::GET, "", None),
            (Method::GET, "/rows", None),
            (Method::POST, "/run", Some(json!({}))),
            (Method::POST, "/finish", Some(json!({}))),
            (Method::POST, "/users", Some(json!({ "userId": "zoe", "tenantId": THEIRS }))),
            (
                Method::POST,
                "/rows/session:3/assign",
                Some(json!({ "tenantId": THEIRS, "reason": "mine" })),
            ),
            (Method::POST, "/rows/session:3/discard", Some(json!({ "reason": "mine" }))),
        ] {
            let mut request = rig.request(method, &path(&migration, rest)).bearer_auth(key);
            if let Some(body) = body {
                request = request.json(&body);
            }
            refused(request, StatusCode::FORBIDDEN, "forbidden").await;
        }
        let request = rig.request(Method::POST, "/v1/migrations?source=x").bearer_auth(key);
        let request = request.header("content-type", "application/jsonl").body(rows());
        refused(request, StatusCode::FORBIDDEN, "forbidden").await;
    }
    // a key that may read projects only reads no session by its old id either
    let narrow = rig.key(OURS, "user:ben", &["projects:read", "sessions:read"]).await;
    let workspace = rig.get(&path(&migration, "/rows/workspace:1")).bearer_auth(&narrow);
    refused(workspace, StatusCode::FORBIDDEN, "forbidden").await;
    let project = rig.get(&path(&migration, "/rows/project:1")).bearer_auth(&narrow);
    assert_eq!(answered(project, StatusCode::OK).await["standing"], "backfilled");
    let seen = answered(own(rig.get(&path(&migration, ""))), StatusCode::OK).await;
    assert_eq!(seen["open"], 4, "nothing else moved");
    // what its entries say of other tenants is the operator's, in the stream of its own tenant too
    let all = answered(own(rig.post(&path(&migration, "/run"), &json!({}))), StatusCode::OK).await;
    assert_eq!(all["open"], 0);
    let stream = async |key: &str| {
        let request = rig.get("/v1/events?from=start&until=told").bearer_auth(key);
        request.send().await.unwrap().text().await.unwrap()
    };
    let told = stream(OWNER).await;
    assert!(told.contains("migration.rows-moved") && told.contains(&THEIRS.to_string()));
    let told = stream(&ours).await;
    assert!(told.contains("project.created") && told.contains("row.brought"), "{told}");
    assert!(!told.contains("migration.") && !told.contains(&THEIRS.to_string()), "{told}");
}
