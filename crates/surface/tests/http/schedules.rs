//! Schedules over HTTP.

use crate::rig::{OURS, OWNER, Rig, THEIRS, answered, caller, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tenure_contract::resource::CreateKey;
use tenure_contract::words::{ScheduleEntryStatus, ScheduleStatus};

/// A time that does not come.
const FAR: &str = "2100-01-01T00:00:00.000000Z";
/// A later one.
const FARTHER: &str = "2101-01-01T00:00:00.000000Z";

fn echo(entries: &Value) -> Value {
    json!({ "title": "nightly", "productId": "cowork", "payload": { "say": "hello" },
            "work": { "type": "intent", "intentType": "echo" }, "entries": entries })
}

fn far() -> Value {
    json!({ "kind": "at", "at": FAR })
}

fn path(schedule: &Value) -> String {
    format!("/v1/schedules/{}", text(schedule, "scheduleId"))
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}")).to_owned()
}

async fn made(rig: &Rig, request: &Value) -> Value {
    answered(rig.post("/v1/schedules", request), StatusCode::CREATED).await
}

/// The schedule once its first entry's run is there, with that run at rest.
async fn started(rig: &Rig, schedule: &Value) -> (Value, Value) {
    let path = path(schedule);
    let looking = async {
        loop {
            let seen = rig.see(&path).await;
            if let Some(run) = seen["entries"][0]["runId"].as_str() {
                let run = format!("/v1/runs/{run}");
                // it may be on its way to its session still
                if rig.get(&run).send().await.unwrap().status() == StatusCode::OK {
                    return (seen, rig.see(&format!("{run}?waitMs=60000")).await);
                }
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), looking).await.expect("no run")
}

fn has(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(value.get(*field).is_some(), "{field} is missing: {value}");
    }
}

const OF_SCHEDULE: &[&str] = &[
    "scheduleId",
    "tenantId",
    "productId",
    "userId",
    "title",
    "sessionId",
    "missedPolicy",
    "status",
    "reason",
    "createdAt",
    "updatedAt",
];

const OF_ENTRY: &[&str] = &[
    "entry",
    "kind",
    "at",
    "work",
    "payload",
    "priority",
    "taskId",
    "status",
    "reason",
    "lateMs",
    "dispatchId",
    "dispatchStatus",
    "sessionId",
    "runId",
    "waitingFor",
    "createdAt",
    "settledAt",
];

#[tokio::test(flavor = "multi_thread")]
async fn run_4_a_schedule_is_made_seen_repeated_and_its_run_names_it() {
    let rig = Rig::new().await;
    let send = |request: &Value| rig.post("/v1/schedules", request).header("Idempotency-Key", "k");
    let request = echo(&json!([{ "kind": "queued" }, far()]));
    let response = send(&request).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let first: Value = response.json().await.unwrap();
    assert_eq!(location, path(&first));
    let again = answered(send(&request), StatusCode::CREATED).await;
    assert_eq!(again["scheduleId"], first["scheduleId"]);
    let other = echo(&json!([]));
    refused(send(&other), StatusCode::CONFLICT, "key-conflict").await;

    let (seen, run) = started(&rig, &first).await;
    has(&seen, OF_SCHEDULE);
    has(&seen["entries"][0], OF_ENTRY);
    assert_eq!(seen["entries"].as_array().unwrap().len(), 2, "the key made it once: {seen}");
    let (one, two) = (&seen["entries"][0], &seen["entries"][1]);
    assert_eq!((&one["status"], &one["entry"]), (&json!("dispatched"), &json!(1)));
    assert_eq!(
        (&two["status"], &two["waitingFor"]["reason"]),
        (&json!("pending"), &json!("alarm"))
    );
    assert_eq!((&two["at"], &two["runId"]), (&json!(FAR), &Value::Null));
    assert_eq!((&run["status"], &run["trigger"]), (&json!("completed"), &json!("schedule")));
    assert_eq!(run["scheduled"], json!({ "scheduleId": first["scheduleId"], "entry": 1 }));
    assert_eq!(run["output"], json!({ "say": "hello" }));
    assert_eq!(
        rig.see(&format!("/v1/sessions/{}", text(&run, "sessionId"))).await["status"],
        "completed"
    );
    let dispatch = rig.see(&format!("/v1/dispatches/{}", text(one, "dispatchId"))).await;
    assert_eq!((&dispatch["runId"], &dispatch["status"]), (&run["runId"], &json!("started")));
}

#[tokio::test(flavor = "multi_thread")]
async fn run_4_a_schedule_is_changed_held_extended_and_cancelled() {
    let rig = Rig::new().await;
    let first = made(&rig, &echo(&json!([far()]))).await;
    let path = path(&first);
    let patch = |to: &str, body: Value| rig.request(Method::PATCH, to).json(&body);
    let changed = patch(&path, json!({ "title": "weekly", "missedPolicy": "skip" }));
    let changed = answered(changed, StatusCode::OK).await;
    assert_eq!((&changed["title"], &changed["missedPolicy"]), (&json!("weekly"), &json!("skip")));
    let held = answered(rig.post(&format!("{path}/pause"), &json!({})), StatusCode::OK).await;
    assert_eq!(held["status"], "paused");
    assert_eq!(held["entries"][0]["waitingFor"]["reason"], "operator");
    let later = json!({ "at": FARTHER });
    let later = answered(patch(&format!("{path}/entries/1"), later), StatusCode::OK).await;
    assert_eq!(later["entries"][0]["at"], FARTHER);
    let add = |body: &Value| {
        rig.post(&format!("{path}/entries"), body).header("Idempotency-Key", "second")
    };
    for _ in 0..2 {
        let more = answered(add(&json!({ "kind": "queued" })), StatusCode::CREATED).await;
        assert_eq!(more["entries"].as_array().unwrap().len(), 2, "{more}");
        assert_eq!(more["entries"][1]["status"], "pending", "its schedule is held");
    }
    refused(add(&far()), StatusCode::CONFLICT, "key-conflict").await;
    let gone = rig.post(&format!("{path}/entries/2/cancel"), &json!({ "reason": "enough" }));
    let gone = answered(gone, StatusCode::OK).await;
    assert_eq!(
        (&gone["entries"][1]["status"], &gone["entries"][1]["reason"]),
        (&json!("cancelled"), &json!("enough"))
    );
    let active = answered(rig.post(&format!("{path}/resume"), &json!({})), StatusCode::OK).await;
    assert_eq!(active["status"], "active");
    let over = rig.request(Method::POST, &format!("{path}/cancel"));
    let over = answered(over, StatusCode::OK).await;
    assert_eq!(
        (&over["status"], &over["entries"][0]["status"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    for verb in ["pause", "resume"] {
        let dead = rig.post(&format!("{path}/{verb}"), &json!({}));
        refused(dead, StatusCode::CONFLICT, "illegal-transition").await;
    }
    let extend = rig.post(&format!("{path}/entries"), &far());
    refused(extend, StatusCode::CONFLICT, "illegal-transition").await;
    let settled = patch(&format!("{path}/entries/1"), json!({ "at": FAR }));
    refused(settled, StatusCode::CONFLICT, "illegal-transition").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_4_what_is_no_schedule_is_refused_with_what_would_be_one() {
    let rig = Rig::new().await;
    let before = rig.entries();
    let with = |field: &str, value: Value| {
        let mut request = echo(&json!([]));
        request[field] = value;
        request
    };
    for (request, says) in [
        (with("entries", json!([{ "kind": "at" }])), "needs `at`"),
        (with("entries", json!([{ "kind": "at", "at": "2001-01-01T00:00:00Z" }])), "is over"),
        (with("entries", json!([{ "kind": "at", "at": "tomorrow" }])), "tomorrow"),
        (with("entries", json!([{ "kind": "queued", "at": FAR }])), "leave it out"),
        (with("entries", json!([{ "kind": "weekly" }])), "expected `at` or `queued`"),
        (with("entries", json!([{ "kind": "remote" }])), "`notBefore`"),
        (with("entries", json!([{ "kind": 7 }])), "expected a string"),
        (
            with(
                "entries",
                json!([{ "kind": "queued", "taskId": "tsk_00000000000000000000000001" }]),
            ),
            "sessionId",
        ),
        (with("title", json!("")), "title"),
        (with("missedPolicy", json!("never")), "`run` or `skip`"),
        (with("colour", json!("blue")), "colour"),
        (with("recoveryClass", json!("once")), "recoveryClass"),
        (with("productId", json!("")), "productId"),
        (with("executionTarget", json!("cloud")), "cloud"),
    ] {
        let told = refused(
            rig.post("/v1/schedules", &request),
            StatusCode::BAD_REQUEST,
            "invalid-argument",
        )
        .await;
        assert!(told["detail"].as_str().unwrap().contains(says), "`{says}` is missing: {told}");
    }
    let mut none = echo(&json!([{ "kind": "queued" }]));
    none["work"] = Value::Null;
    let told =
        refused(rig.post("/v1/schedules", &none), StatusCode::BAD_REQUEST, "invalid-argument")
            .await;
    assert!(told["detail"].as_str().unwrap().contains("expected `work`"), "{told}");
    // what an executor would carry out is not known here
    let mut far_away = echo(&json!([{ "kind": "queued" }]));
    far_away["work"]["intentType"] = json!("fold_proteins");
    let told = rig.post("/v1/schedules", &far_away).send().await.unwrap();
    let status = told.status();
    let told = crate::rig::problem(told, status, "unknown-name").await;
    assert!(told["detail"].as_str().unwrap().contains("mode `remote` with `notBefore`"), "{told}");
    assert_eq!(rig.entries(), before, "a refusal leaves nothing behind");

    let schedule = path(&made(&rig, &echo(&json!([far()]))).await);
    for (number, status, code) in [
        ("0", StatusCode::NOT_FOUND, "not-found"),
        ("2", StatusCode::NOT_FOUND, "not-found"),
        ("4294967296", StatusCode::BAD_REQUEST, "invalid-argument"),
        ("first", StatusCode::BAD_REQUEST, "invalid-argument"),
    ] {
        let cancel = rig.post(&format!("{schedule}/entries/{number}/cancel"), &json!({}));
        let told = refused(cancel, status, code).await;
        assert!(told["detail"].as_str().unwrap().contains(number), "{told}");
    }
    let past = json!({ "at": "2001-01-01T00:00:00Z" });
    let past = rig.request(Method::PATCH, &format!("{schedule}/entries/1")).json(&past);
    refused(past, StatusCode::BAD_REQUEST, "invalid-argument").await;
    for query in
        ["status=someday", "limit=0", "limit=201", "cursor=0", "colour=blue", "open=perhaps"]
    {
        let told = rig.get(&format!("/v1/schedules?{query}"));
        refused(told, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
    for no_id in ["sch_1", "run_00000000000000000000000001"] {
        let told = rig.get(&format!("/v1/schedules/{no_id}"));
        refused(told, StatusCode::BAD_REQUEST, "invalid-argument").await;
    }
}

/// The ids on every page of the list, by a key.
async fn all(rig: &Rig, key: &str, query: &str) -> Vec<String> {
    let (mut ids, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let request = rig.get(&format!("/v1/schedules?{query}{after}")).bearer_auth(key);
        let page = answered(request, StatusCode::OK).await;
        ids.extend(page["items"].as_array().unwrap().iter().map(|one| text(one, "scheduleId")));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_4_schedules_are_listed_page_by_page_and_narrowed() {
    let rig = Rig::new().await;
    let session = answered(rig.post("/v1/sessions", &json!({})), StatusCode::CREATED).await;
    let mut ids = Vec::new();
    for (product, user, session) in [
        ("shop", "user:ann", &Value::Null),
        ("till", "user:ben", &Value::Null),
        ("shop", "user:ben", &session["sessionId"]),
        ("shop", "user:ann", &Value::Null),
    ] {
        let mut request = echo(&json!([far()]));
        request["productId"] = json!(product);
        request["userId"] = json!(user);
        request["sessionId"] = session.clone();
        ids.insert(0, text(&made(&rig, &request).await, "scheduleId"));
    }
    let cancel = rig.post(&format!("/v1/schedules/{}/cancel", ids[3]), &json!({}));
    answered(cancel, StatusCode::OK).await;
    let pick =
        |places: &[usize]| places.iter().map(|place| ids[*place].clone()).collect::<Vec<_>>();
    let of_session = format!("session={}", text(&session, "sessionId"));
    for (query, places) in [
        ("", &[0, 1, 2, 3][..]),
        ("productId=shop", &[0, 1, 3]),
        ("userId=user:ben", &[1, 2]),
        ("productId=shop&userId=user:ann&open=true", &[0]),
        ("status=cancelled", &[3]),
        ("open=false", &[3]),
        ("status=paused", &[]),
        (&of_session, &[1]),
    ] {
        for limit in 1..=3 {
            let query = format!("limit={limit}&{query}");
            assert_eq!(all(&rig, OWNER, &query).await, pick(places), "{query}");
        }
    }
    let page = rig.see("/v1/schedules?limit=1").await;
    has(&page["items"][0], OF_SCHEDULE);
    assert!(page["items"][0].get("entries").is_none(), "a row has no entries: {page}");
    let foreign = text(&page, "nextCursor");
    let elsewhere = rig.get(&format!("/v1/dispatches?cursor={foreign}"));
    refused(elsewhere, StatusCode::BAD_REQUEST, "invalid-argument").await;
    for word in ScheduleStatus::ALL {
        rig.see(&format!("/v1/schedules?status={word}")).await;
    }
    let wrong = rig.get(&format!("/v1/schedules?status={}", ScheduleEntryStatus::Missed));
    refused(wrong, StatusCode::BAD_REQUEST, "invalid-argument").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aut_1_a_bound_key_has_its_own_products_schedules_and_another_tenant_none() {
    let rig = Rig::new().await;
    let request = CreateKey {
        principal: "service:till".to_owned(),
        scopes: vec!["*".to_owned()],
        product_id: Some("till".to_owned()),
        ..CreateKey::default()
    };
    let shop = made(&rig, &echo(&json!([far()]))).await;
    let till = rig.engine.create_key(&caller(OURS), request).await.unwrap().key.unwrap();
    let stranger = rig.key(THEIRS, "user:eve", &["*"]).await;
    let mut own = echo(&json!([far()]));
    own["productId"] = Value::Null;
    let own = rig.post("/v1/schedules", &own).bearer_auth(&till);
    let own = answered(own, StatusCode::CREATED).await;
    assert_eq!(own["productId"], "till", "what is not said is the key's");
    assert_eq!(all(&rig, &till, "limit=1").await, [text(&own, "scheduleId")]);
    assert_eq!(all(&rig, &till, "productId=cowork").await, Vec::<String>::new());
    assert_eq!(all(&rig, &stranger, "").await, Vec::<String>::new());
    answered(rig.get(&path(&own)).bearer_auth(&till), StatusCode::OK).await;
    let elsewhere = rig.post("/v1/schedules", &echo(&json!([]))).bearer_auth(&till);
    refused(elsewhere, StatusCode::FORBIDDEN, "forbidden").await;
    // another product's session is not there to be named
    let session = json!({ "productId": "cowork" });
    let session = rig.post("/v1/sessions", &session).bearer_auth(OWNER);
    let session = answered(session, StatusCode::CREATED).await;
    let mut named = echo(&json!([far()]));
    named["productId"] = json!("till");
    named["sessionId"] = session["sessionId"].clone();
    let named = rig.post("/v1/schedules", &named).bearer_auth(&till);
    refused(named, StatusCode::NOT_FOUND, "not-found").await;
    let path = path(&shop);
    for key in [&till, &stranger] {
        for (method, path, body) in [
            (Method::GET, path.clone(), None),
            (Method::PATCH, path.clone(), Some(json!({ "title": "mine" }))),
            (Method::POST, format!("{path}/pause"), None),
            (Method::POST, format!("{path}/resume"), None),
            (Method::POST, format!("{path}/cancel"), None),
            (Method::POST, format!("{path}/entries"), Some(far())),
            (Method::PATCH, format!("{path}/entries/1"), Some(json!({ "at": FAR }))),
            (Method::POST, format!("{path}/entries/1/cancel"), None),
        ] {
            let request = rig.request(method, &path).bearer_auth(key);
            let request = match body {
                Some(body) => request.json(&body),
                None => request,
            };
            refused(request, StatusCode::NOT_FOUND, "not-found").await;
        }
    }
    let kept = answered(rig.get(&path).bearer_auth(OWNER), StatusCode::OK).await;
    assert_eq!(kept, shop, "nobody else changed it");
}
