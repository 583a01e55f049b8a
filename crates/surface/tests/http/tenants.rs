//! Another tenant's things look like nothing, on every route.

use crate::decisions::in_doubt;
use crate::rig::{OURS, OWNER, Rig, THEIRS, answered, caller, problem, refused};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tenure_contract::digest::hex;
use tenure_contract::resource::CreateKey;
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::verify::head::public_key;

/// What a route needs to get as far as looking for the thing.
fn body(method: &Method, path: &str) -> Option<Value> {
    let last = path.rsplit('/').next()?;
    if *method == Method::PATCH {
        let is_workspace = path.contains("workspaces");
        return Some(match path {
            _ if is_workspace => json!({ "status": "ready" }),
            _ if path.contains("/entries/") => json!({ "at": "2100-01-01T00:00:00Z" }),
            _ => json!({}),
        });
    }
    match last {
        "tasks" => Some(json!({ "title": "sweep" })),
        "agent-binding" => Some(json!({ "agent": "asker" })),
        "todos" => Some(json!({ "text": "buy a broom" })),
        // what is changed, or sent as nothing at all
        id if id.starts_with("tsk_") || id.starts_with("tod_") || id.starts_with("ses_") => {
            Some(json!({}))
        }
        "transfer" => Some(json!({ "toStore": StoreId::from_bytes([9; 16]) })),
        "release" if path.contains("/transfer/") => Some(json!({ "accepted": {
            "store": StoreId::from_bytes([9; 16]), "seq": 1, "hash": Digest::ZERO, "epoch": 1,
            "at": "2026-11-21T08:00:00Z", "key": "", "signature": "", "root": "", "certificate": "",
        } })),
        "heartbeat" | "start" | "complete" | "release" => Some(json!({ "claim": 1 })),
        "fail" => Some(json!({ "claim": 1, "message": "no" })),
        "end" => Some(json!({ "status": "completed" })),
        "handoffs" => Some(json!({ "to": { "product": "lab" } })),
        "entries" => Some(json!({ "kind": "queued" })),
        "tokens" => Some(json!({ "audience": "desk" })),
        "decision" => Some(json!({ "decision": "approve" })),
        "resolution" => Some(json!({ "resolution": "retry" })),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_1_another_tenants_ids_are_not_found_on_every_route() {
    let rig = Rig::new().await;
    let (run, step) = in_doubt(&rig).await;
    let question = "[[turn]]\n[[turn.call]]\ntool = \"ask_human\"\narguments = { question = \"why?\" }\n\
                    [[turn]]\ntext = \"over\"";
    rig.agent("asker", question, json!([{ "use": "ask_human" }])).await;
    rig.run(&json!({ "agent": { "name": "asker", "task": "ask" } })).await;
    let approvals = rig.see("/v1/approvals").await;
    let project = answered(rig.post("/v1/projects", &json!({ "name": "p" })), StatusCode::CREATED);
    let project = project.await["projectId"].as_str().unwrap().to_owned();
    let wanted = json!({ "kind": "local", "projectId": project });
    let workspace = answered(rig.post("/v1/workspaces", &wanted), StatusCode::CREATED).await;
    let workspace = workspace["workspaceId"].as_str().unwrap().to_owned();
    let secret = rig.request(Method::PUT, "/v1/secrets/SHOP");
    answered(secret.json(&json!({ "value": "hunter2hunter2" })), StatusCode::OK).await;
    let mine = CreateKey { principal: "user:ada".to_owned(), ..CreateKey::default() };
    let key = rig.engine.create_key(&caller(OURS), mine).await.unwrap();
    let principals = rig.get("/v1/principals").bearer_auth(OWNER);
    let principals = answered(principals, StatusCode::OK).await;
    let principal = principals["items"][0]["principalId"].as_str().unwrap().to_owned();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let session =
        answered(rig.post("/v1/sessions", &json!({})).bearer_auth(OWNER), StatusCode::CREATED)
            .await;
    let session = text(&session["sessionId"]);
    let made = async |noun: &str, body: Value| {
        let request = rig.post(&format!("/v1/sessions/{session}/{noun}"), &body).bearer_auth(OWNER);
        answered(request, StatusCode::CREATED).await
    };
    let task = text(&made("tasks", json!({ "title": "sweep" })).await["taskId"]);
    let checkpoint = text(&made("checkpoints", json!({})).await["checkpointId"]);
    let todo = text(&made("todos", json!({ "text": "buy" })).await["todoId"]);
    let to = json!({ "to": { "product": "tenure", "principal": "user:ben" } });
    let handoff = text(&made("handoffs", to).await["handoffId"]);
    let open = json!({ "text": "permit(principal, action, resource);" });
    let set = own(rig.request(Method::PUT, "/v1/policy").json(&open));
    let policy = answered(set, StatusCode::OK).await["version"].as_str().unwrap().to_owned();
    let app = json!({ "productId": "desk", "publicKey": hex(&public_key(&[7; 32])) });
    let app = answered(own(rig.post("/v1/app-keys", &app)), StatusCode::CREATED).await;
    let kid = app["kid"].as_str().unwrap().to_owned();
    let dispatch = json!({
        "productId": "cowork", "work": { "type": "intent", "intentType": "echo" }, "idempotencyKey": "k",
        "context": { "originSurface": "web", "originProductId": "cowork", "dispatchMode": "remote",
                     "initiatedAt": "2026-11-21T08:00:00Z" },
    });
    let dispatch = rig.post("/v1/dispatches", &dispatch).bearer_auth(OWNER);
    let dispatch = text(&answered(dispatch, StatusCode::ACCEPTED).await["dispatchId"]);
    let executor = rig.post("/v1/executors", &json!({ "name": "w", "kind": "worker" }));
    let executor = answered(own(executor), StatusCode::CREATED).await;
    let executor = text(&executor["executorId"]);
    let schedule = json!({
        "title": "nightly", "work": { "type": "intent", "intentType": "echo" },
        "entries": [{ "kind": "at", "at": "2100-01-01T00:00:00Z" }],
    });
    let schedule = rig.post("/v1/schedules", &schedule).bearer_auth(OWNER);
    let schedule = text(&answered(schedule, StatusCode::CREATED).await["scheduleId"]);
    let ids: BTreeMap<&str, String> = [
        ("scheduleId", schedule),
        ("version", policy),
        ("dispatchId", dispatch),
        ("executorId", executor),
        ("sessionId", text(&run["sessionId"])),
        ("runId", text(&run["runId"])),
        ("execution_id", text(&run["runId"])),
        ("stepId", step),
        ("approvalId", text(&approvals["items"][0]["approvalId"])),
        ("taskId", task),
        ("checkpointId", checkpoint),
        ("todoId", todo),
        ("handoffId", handoff),
        ("name", "asker".to_owned()),
        ("keyId", key.key_id.to_string()),
        ("principalId", principal),
        ("tenantId", OURS.to_string()),
        ("projectId", project),
        ("secretName", "SHOP".to_owned()),
        ("workspaceId", workspace),
        ("migrationId", migration_with_a_row(&rig).await),
        ("kid", kid),
    ]
    .into();
    let theirs = rig.key(THEIRS, "user:ada", &["*"]).await;

    let document = rig.see("/openapi.json").await;
    let mut tried = 0;
    for (template, operations) in document["paths"].as_object().unwrap() {
        let Some((name, path)) = filled(template, &ids) else { continue };
        for method in asked(operations) {
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut request = rig.request(method.clone(), &path).bearer_auth(&theirs);
            if let Some(body) = body(&method, &path) {
                request = request.json(&body);
            }
            let told = refused(request, StatusCode::NOT_FOUND, "not-found").await;
            // the same words as for what never was
            let nothing = nothing(name);
            let sent = body(&method, &path);
            let mut request =
                rig.request(method, &within(&template.replace(&format!("{{{name}}}"), &nothing)));
            request = request.bearer_auth(&theirs);
            if let Some(body) = sent {
                request = request.json(&body);
            }
            let unknown = refused(request, StatusCode::NOT_FOUND, "not-found").await;
            assert_eq!(
                told["detail"].as_str().unwrap().replace(&ids[name], &nothing),
                unknown["detail"],
                "{template}"
            );
            tried += 1;
        }
    }
    let with_id = |(path, _): &(&String, &Value)| path.contains('{');
    let routes = document["paths"].as_object().unwrap().iter().filter(with_id);
    let routes: usize = routes.map(|(_, operations)| asked(operations).count()).sum();
    assert_eq!(tried, routes, "every route with an id");
    assert!(tried >= 23, "the document lost routes: {tried}");
    in_queries_bodies_and_lists(&rig, &theirs, &run).await;
    // it is all still there for whom it belongs to
    let seen = rig.get(&format!("/v1/runs/{}", ids["runId"])).bearer_auth(OWNER);
    assert_eq!(answered(seen, StatusCode::OK).await["status"], "paused");
}

async fn in_queries_bodies_and_lists(rig: &Rig, theirs: &str, run: &Value) {
    let session = run["sessionId"].as_str().unwrap();
    let lists = [
        "sessions",
        "runs",
        "approvals",
        "doubts",
        "agents",
        "tasks",
        "todos",
        "dispatches",
        "executors",
        "handoffs",
        "projects",
        "workspaces",
        "secrets",
    ];
    for list in lists {
        let listed =
            answered(rig.get(&format!("/v1/{list}")).bearer_auth(theirs), StatusCode::OK).await;
        assert_eq!(listed["items"], json!([]), "{list}");
    }
    for list in ["runs", "approvals", "doubts", "tasks", "todos", "dispatches", "handoffs"] {
        let request = rig.get(&format!("/v1/{list}?session={session}")).bearer_auth(theirs);
        refused(request, StatusCode::NOT_FOUND, "not-found").await;
    }
    let intent = json!({ "type": "echo" });
    let own = rig.post("/v1/sessions", &json!({})).bearer_auth(theirs);
    let own = answered(own, StatusCode::CREATED).await;
    for (path, body) in [
        ("/v1/runs", json!({ "sessionId": session, "intent": intent })),
        ("/v1/runs", json!({ "tenantId": OURS, "intent": intent })),
        (
            "/v1/runs",
            json!({ "sessionId": own["sessionId"], "parentRunId": run["runId"], "intent": intent }),
        ),
        ("/api/intent/submit", json!({ "session_id": session, "intent_type": "echo" })),
        ("/api/intent/submit", json!({ "tenant_id": OURS, "intent_type": "echo" })),
    ] {
        let response = rig.post(path, &body).bearer_auth(theirs).send().await.unwrap();
        problem(response, StatusCode::NOT_FOUND, "not-found").await;
    }
    let agent = json!({ "agent": { "name": "asker", "task": "x" } });
    refused(
        rig.post("/v1/runs", &agent).bearer_auth(theirs),
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown-name",
    )
    .await;
}

fn filled<'a>(template: &'a str, ids: &BTreeMap<&str, String>) -> Option<(&'a str, String)> {
    let (_, rest) = template.split_once('{')?;
    let (name, _) = rest.split_once('}')?;
    let id = ids.get(name).unwrap_or_else(|| panic!("no id for `{template}`"));
    Some((name, within(&template.replace(&format!("{{{name}}}"), id))))
}

/// What is named within what an id names.
fn within(path: &str) -> String {
    path.replace("{entry}", "1").replace("{row}", "session:1")
}

/// The verbs that are tried. Who sets a secret names it: in another tenant that is another secret. What is the operator's
/// alone is refused to every tenant's key before anything is looked for.
fn asked(operations: &Value) -> impl Iterator<Item = &String> {
    let is_tried = |(verb, operation): &(&String, &Value)| {
        *verb != "put" && operation["x-scope"] != "tenants:admin"
    };
    operations.as_object().unwrap().iter().filter(is_tried).map(|(verb, _)| verb)
}

/// A migration with a row of our tenant, which is not there yet.
async fn migration_with_a_row(rig: &Rig) -> String {
    let rows = [
        json!({ "kind": "user", "id": "ada", "tenantId": OURS }),
        json!({ "kind": "session", "id": "1", "user": "ada" }),
    ];
    let begun = own(rig.request(Method::POST, "/v1/migrations?source=host"))
        .header("content-type", "application/jsonl")
        .body(rows.map(|row| row.to_string()).join("\n"));
    let begun = answered(begun, StatusCode::CREATED).await;
    begun["migrationId"].as_str().unwrap().to_owned()
}

/// An id of that kind which nobody has.
fn nothing(name: &str) -> String {
    let prefix = match name {
        "sessionId" => "ses",
        "runId" | "execution_id" => "run",
        "stepId" => "stp",
        "approvalId" => "apr",
        "keyId" => "key",
        "dispatchId" => "dsp",
        "executorId" => "exe",
        "scheduleId" => "sch",
        "taskId" => "tsk",
        "checkpointId" => "ckp",
        "todoId" => "tod",
        "handoffId" => "hnd",
        "principalId" => "prn",
        "tenantId" => "ten",
        "projectId" => "prj",
        "workspaceId" => "wsp",
        "migrationId" => "mig",
        "version" => return format!("sha256:{}", "3".repeat(64)),
        _ => return "nobody".to_owned(),
    };
    format!("{prefix}_{}", "3".repeat(26))
}

fn own(request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth(OWNER)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_1_the_operator_makes_tenants_and_their_first_keys() {
    let rig = Rig::new().await;
    let make = |name: &str| own(rig.post("/v1/tenants", &json!({ "name": name })));
    let acme = answered(make("acme").header("Idempotency-Key", "a"), StatusCode::CREATED).await;
    let again = answered(make("acme").header("Idempotency-Key", "a"), StatusCode::CREATED).await;
    assert_eq!(acme, again);
    let other = make("other").header("Idempotency-Key", "a");
    refused(other, StatusCode::CONFLICT, "key-conflict").await;
    refused(make(""), StatusCode::BAD_REQUEST, "invalid-argument").await;
    let beta = answered(make("beta"), StatusCode::CREATED).await;
    let listed = answered(own(rig.get("/v1/tenants")), StatusCode::OK).await;
    assert_eq!(listed["items"], json!([beta, acme]));

    let key = |tenant: &Value| {
        let wanted = json!({ "principal": "user:ada", "scopes": ["*"] });
        own(rig.post("/v1/keys", &wanted)).header("Tenure-Tenant", tenant.as_str().unwrap())
    };
    let first = answered(key(&acme["tenantId"]), StatusCode::CREATED).await;
    assert_eq!(first["tenantId"], acme["tenantId"]);
    let text = first["key"].as_str().unwrap();
    let theirs = |path: &str| rig.get(path).bearer_auth(text);
    let seen = answered(theirs("/v1/tenants"), StatusCode::OK).await;
    assert_eq!(seen["items"], json!([acme]));
    let path = |tenant: &Value| format!("/v1/tenants/{}", tenant["tenantId"].as_str().unwrap());
    assert_eq!(answered(theirs(&path(&acme)), StatusCode::OK).await, acme);
    refused(theirs(&path(&beta)), StatusCode::NOT_FOUND, "not-found").await;
    assert_eq!(answered(own(rig.get(&path(&beta))), StatusCode::OK).await, beta);
    // everything of a tenant is not everything of the server
    let more = rig.post("/v1/tenants", &json!({ "name": "x" })).bearer_auth(text);
    refused(more, StatusCode::FORBIDDEN, "forbidden").await;
    let grant = json!({ "principal": "user:eve", "scopes": ["tenants:admin"] });
    let grant = rig.post("/v1/keys", &grant).bearer_auth(text);
    refused(grant, StatusCode::FORBIDDEN, "forbidden").await;
    // not even for a key that says so
    let granted = rig.key_of(TenantId::from_bytes([5; 16]), &["*", "tenants:admin"]).await;
    let more = rig.post("/v1/tenants", &json!({ "name": "x" })).bearer_auth(granted);
    refused(more, StatusCode::FORBIDDEN, "forbidden").await;
    // who guesses a tenant makes none
    let nobody = json!(TenantId::from_bytes([9; 16]));
    refused(key(&nobody), StatusCode::NOT_FOUND, "not-found").await;
    assert_eq!(
        answered(own(rig.get("/v1/tenants")), StatusCode::OK).await["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_1_figures_of_the_whole_server_are_its_operators() {
    let rig = Rig::new().await;
    rig.run(&json!({ "intent": { "type": "echo" } })).await;
    let server = async |key: &str| {
        let request = rig.get("/v1/server").bearer_auth(key);
        answered(request, StatusCode::OK).await
    };
    let theirs = rig.key(THEIRS, "user:ada", &["*", "tenants:admin"]).await;
    let told = server(&theirs).await;
    assert_eq!(told["figures"], Value::Null, "{told:#}");
    assert_eq!(told["storeId"], rig.engine.store_id().to_string());
    // in the server's own tenant it takes no more than the scope
    let ours = rig.key(OURS, "user:ada", &["server:read"]).await;
    assert!(server(&ours).await["figures"]["commits"].as_u64().unwrap() > 0);
    let without = rig.key(OURS, "user:bob", &["runs:read"]).await;
    let request = rig.get("/v1/server").bearer_auth(without);
    refused(request, StatusCode::FORBIDDEN, "forbidden").await;
    // the operator is the operator in every tenant
    let request = rig.get("/v1/server").bearer_auth(OWNER);
    let request = request.header("Tenure-Tenant", THEIRS.to_string());
    let told = answered(request, StatusCode::OK).await;
    assert!(told["figures"]["entries"].as_u64().unwrap() > 0, "{told:#}");
}
