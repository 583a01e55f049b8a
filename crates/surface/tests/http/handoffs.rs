//! Who sees and does what before and after a session was handed over: the product it leaves, the one it
//! goes to, a third one, a key bound to none, and another tenant (`HND-1`, `AUT-1`, `TEN-1`).

use crate::operator::bound;
use crate::rig::{OURS, Rig, THEIRS, answered, refused};
use futures::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A session of `desk` with one of everything, offered to `lab`.
struct Scene {
    rig: Rig,
    desk: String,
    lab: String,
    shop: String,
    operator: String,
    theirs: String,
    session: String,
    run: String,
    approval: String,
    task: String,
    todo: String,
    checkpoint: String,
    handoff: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

impl Scene {
    async fn set() -> Self {
        let rig = Rig::new().await;
        let policy = json!({ "text": "permit(principal, action, resource);" });
        let set = rig.request(Method::PUT, "/v1/policy").json(&policy);
        answered(set, StatusCode::OK).await;
        let script = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\n\
                      arguments = { path = \"a.txt\", content = \"a\" }\n[[turn]]\ntext = \"over\"";
        rig.agent("clerk", script, json!([{ "use": "write_file", "confirm": {} }])).await;
        // from the first key on nobody is let in without one
        let (desk, lab, shop) =
            (bound(&rig, "desk").await, bound(&rig, "lab").await, bound(&rig, "shop").await);
        let operator = rig.key(OURS, "user:ada", &["*"]).await;
        let theirs = rig.key(THEIRS, "user:eve", &["*"]).await;
        let made = |path: String, body: Value| {
            let request = rig.post(&path, &body).bearer_auth(&desk);
            answered(request, StatusCode::CREATED)
        };
        let opened =
            made("/v1/sessions".to_owned(), json!({ "approvers": ["service:desk"] })).await;
        let session = text(&opened["sessionId"]);
        let of = |noun: &str| format!("/v1/sessions/{session}/{noun}");
        let task = text(&made(of("tasks"), json!({ "title": "sweep" })).await["taskId"]);
        let todo = text(&made(of("todos"), json!({ "text": "buy" })).await["todoId"]);
        let checkpoint = text(&made(of("checkpoints"), json!({})).await["checkpointId"]);
        let asked = json!({ "sessionId": session, "agent": { "name": "clerk", "task": "write" } });
        let request = rig.post("/v1/runs", &asked).bearer_auth(&desk);
        let run = text(&answered(request, StatusCode::ACCEPTED).await["runId"]);
        let look = |path: String| answered(rig.get(&path).bearer_auth(&operator), StatusCode::OK);
        let rested = look(format!("/v1/runs/{run}?waitMs=60000")).await;
        assert_eq!(rested["status"], "waiting-approval");
        let open = look(format!("/v1/approvals?open=true&session={session}")).await;
        let approval = text(&open["items"][0]["approvalId"]);
        let to = json!({ "to": { "product": "lab", "principal": "service:lab" } });
        let handoff = text(&made(of("handoffs"), to).await["handoffId"]);
        Self {
            rig,
            desk,
            lab,
            shop,
            operator,
            theirs,
            session,
            run,
            approval,
            task,
            todo,
            checkpoint,
            handoff,
        }
    }

    async fn accept(&self) -> Value {
        let path = format!("/v1/handoffs/{}/accept", self.handoff);
        let request = self.rig.post(&path, &json!({})).bearer_auth(&self.lab);
        answered(request, StatusCode::OK).await
    }

    /// Everything that shows the session or a part of it.
    fn paths(&self) -> Vec<String> {
        let Self { session, run, .. } = self;
        let of = |noun: &str| format!("/v1/sessions/{session}/{noun}");
        let mut paths = vec![
            format!("/v1/sessions/{session}"),
            format!("/v1/runs/{run}"),
            format!("/v1/runs/{run}/steps"),
            format!("/v1/approvals/{}", self.approval),
            format!("/v1/tasks/{}", self.task),
            format!("/v1/todos/{}", self.todo),
            format!("/v1/checkpoints/{}", self.checkpoint),
            format!("/v1/events?session={session}&until=told"),
            format!("/api/execution/{run}/status"),
        ];
        let parts = ["entries", "events?until=idle", "export", "trail", "artifacts", "checkpoints"];
        paths.extend(parts.iter().map(|part| of(part)));
        let lists = ["runs", "approvals", "tasks", "todos", "handoffs"];
        paths.extend(lists.iter().map(|list| format!("/v1/{list}?session={session}")));
        paths
    }

    /// Whether somebody sees it all; if not, how each path refuses them.
    async fn sees(&self, key: &str, refusal: Option<(StatusCode, &str)>) {
        for path in self.paths() {
            let request = self.rig.get(&path).bearer_auth(key);
            match refusal {
                None => {
                    let answer = request.send().await.unwrap();
                    assert_eq!(answer.status(), StatusCode::OK, "{path}");
                }
                Some((status, code)) => drop(refused(request, status, code).await),
            }
        }
    }

    /// The ids of a whole list, as somebody sees it.
    async fn listed(&self, key: &str, noun: &str, id: &str) -> Vec<String> {
        let request = self.rig.get(&format!("/v1/{noun}?limit=200")).bearer_auth(key);
        let page = answered(request, StatusCode::OK).await;
        page["items"].as_array().unwrap().iter().map(|row| text(&row[id])).collect()
    }

    /// Whether the session's rows are in somebody's lists.
    async fn lists(&self, key: &str, are_in: bool) {
        let rows = [
            ("sessions", "sessionId", &self.session),
            ("runs", "runId", &self.run),
            ("approvals", "approvalId", &self.approval),
            ("tasks", "taskId", &self.task),
            ("todos", "todoId", &self.todo),
        ];
        for (noun, id, own) in rows {
            let listed = self.listed(key, noun, id).await;
            assert_eq!(listed, if are_in { vec![own.clone()] } else { vec![] }, "{noun}");
        }
    }

    /// The kinds of entries of a tenant's stream, whole, as somebody is told it, with their journals.
    async fn told(&self, key: &str) -> Vec<(String, String)> {
        let request = self.rig.get("/v1/events?until=told").bearer_auth(key);
        let stream = request.send().await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        lines(&stream.text().await.unwrap())
    }

    async fn look(&self, path: &str) -> Value {
        answered(self.rig.get(path).bearer_auth(&self.operator), StatusCode::OK).await
    }

    async fn seq(&self) -> u64 {
        self.look(&format!("/v1/sessions/{}", self.session)).await["seq"].as_u64().unwrap()
    }
}

fn lines(text: &str) -> Vec<(String, String)> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let lines = data.map(|line| serde_json::from_str::<Value>(line.trim()).unwrap());
    lines.map(|line| (self::text(&line["journal"]), self::text(&line["kind"]))).collect()
}

const GONE: Option<(StatusCode, &str)> = Some((StatusCode::CONFLICT, "handed-over"));
const NOT_THERE: Option<(StatusCode, &str)> = Some((StatusCode::NOT_FOUND, "not-found"));

#[tokio::test(flavor = "multi_thread")]
async fn hnd_1_who_sees_a_session_before_and_after_it_was_handed_over() {
    let scene = Scene::set().await;
    for (key, refusal) in [
        (&scene.desk, None),
        (&scene.operator, None),
        (&scene.lab, NOT_THERE),
        (&scene.shop, NOT_THERE),
        (&scene.theirs, NOT_THERE),
    ] {
        scene.sees(key, refusal).await;
        scene.lists(key, refusal.is_none()).await;
    }
    scene.accept().await;
    for (key, refusal) in [
        (&scene.desk, GONE),
        (&scene.operator, None),
        (&scene.lab, None),
        (&scene.shop, NOT_THERE),
        (&scene.theirs, NOT_THERE),
    ] {
        scene.sees(key, refusal).await;
        scene.lists(key, refusal.is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hnd_1_a_handoff_is_seen_by_the_two_products_it_is_between_and_listed_from_both_sides() {
    let scene = Scene::set().await;
    let path = format!("/v1/handoffs/{}", scene.handoff);
    for status in ["offered", "accepted"] {
        for key in [&scene.desk, &scene.lab, &scene.operator] {
            let seen = answered(scene.rig.get(&path).bearer_auth(key), StatusCode::OK).await;
            assert_eq!(seen["status"], status);
        }
        for key in [&scene.shop, &scene.theirs] {
            refused(scene.rig.get(&path).bearer_auth(key), StatusCode::NOT_FOUND, "not-found")
                .await;
        }
        let one = vec![scene.handoff.clone()];
        for (key, query, wanted) in [
            (&scene.lab, "handoffs?toProduct=lab", one.clone()),
            (&scene.lab, "handoffs?fromProduct=desk", one.clone()),
            (&scene.lab, "handoffs?fromProduct=lab", vec![]),
            (&scene.lab, "handoffs?toProduct=desk", vec![]),
            (&scene.desk, "handoffs?fromProduct=desk", one.clone()),
            (&scene.desk, "handoffs?fromProduct=desk&toProduct=lab", one.clone()),
            (&scene.desk, "handoffs?toProduct=lab", vec![]),
            (&scene.desk, "handoffs?fromProduct=lab", vec![]),
            (&scene.shop, "handoffs?fromProduct=desk", vec![]),
            (&scene.shop, "handoffs?toProduct=lab", vec![]),
            (&scene.operator, "handoffs?toProduct=lab&fromProduct=desk", one.clone()),
            (&scene.operator, "handoffs?toProduct=desk", vec![]),
            (&scene.theirs, "handoffs?toProduct=lab", vec![]),
        ] {
            let request = scene.rig.get(&format!("/v1/{query}")).bearer_auth(key);
            let page = answered(request, StatusCode::OK).await;
            let ids: Vec<String> = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| text(&row["handoffId"]))
                .collect();
            assert_eq!(ids, wanted, "{query}");
        }
        for (key, wanted) in [
            (&scene.lab, one),
            (&scene.desk, vec![]),
            (&scene.shop, vec![]),
            (&scene.theirs, vec![]),
        ] {
            assert_eq!(scene.listed(key, "handoffs", "handoffId").await, wanted);
        }
        if status == "offered" {
            scene.accept().await;
        }
    }
    // whose the session is sees how it came there, whoever it was between
    let to = json!({ "to": { "product": "shop", "principal": "service:shop" } });
    let offers = format!("/v1/sessions/{}/handoffs", scene.session);
    let request = scene.rig.post(&offers, &to).bearer_auth(&scene.lab);
    let next = text(&answered(request, StatusCode::CREATED).await["handoffId"]);
    let request = scene.rig.get(&path).bearer_auth(&scene.shop);
    refused(request, StatusCode::NOT_FOUND, "not-found").await;
    let request = scene.rig.post(&format!("/v1/handoffs/{next}/accept"), &json!({}));
    answered(request.bearer_auth(&scene.shop), StatusCode::OK).await;
    answered(scene.rig.get(&path).bearer_auth(&scene.shop), StatusCode::OK).await;
    let all = scene.rig.get(&format!("/v1/handoffs?session={}", scene.session));
    let page = answered(all.bearer_auth(&scene.shop), StatusCode::OK).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn hnd_1_while_offered_the_old_owner_works_on_and_from_acceptance_only_the_new_one_does() {
    let scene = Scene::set().await;
    let Scene { session, run, approval, task, todo, handoff, .. } = &scene;
    let writes = || {
        let of = |noun: &str| format!("/v1/sessions/{session}/{noun}");
        [
            (Method::PATCH, format!("/v1/sessions/{session}"), json!({ "title": "t" })),
            (Method::POST, of("tasks"), json!({ "title": "another" })),
            (Method::POST, of("todos"), json!({ "text": "another" })),
            (Method::POST, of("checkpoints"), json!({})),
            (Method::PATCH, format!("/v1/tasks/{task}"), json!({ "title": "t" })),
            (Method::PATCH, format!("/v1/todos/{todo}"), json!({ "text": "t" })),
        ]
    };
    for (method, path, body) in writes() {
        let ours = scene.rig.request(method.clone(), &path).json(&body).bearer_auth(&scene.desk);
        let status = ours.send().await.unwrap().status();
        assert!(status.is_success(), "{method} {path}: {status}");
        for key in [&scene.lab, &scene.shop, &scene.theirs] {
            let theirs = scene.rig.request(method.clone(), &path).json(&body).bearer_auth(key);
            refused(theirs, StatusCode::NOT_FOUND, "not-found").await;
        }
    }
    for (key, status, code) in [
        (&scene.desk, StatusCode::FORBIDDEN, "forbidden"),
        (&scene.operator, StatusCode::FORBIDDEN, "forbidden"),
        (&scene.shop, StatusCode::NOT_FOUND, "not-found"),
        (&scene.theirs, StatusCode::NOT_FOUND, "not-found"),
    ] {
        for verb in ["accept", "decline"] {
            let path = format!("/v1/handoffs/{handoff}/{verb}");
            refused(scene.rig.post(&path, &json!({})).bearer_auth(key), status, code).await;
        }
    }
    let withdraw = format!("/v1/handoffs/{handoff}/withdraw");
    for (key, status, code) in [
        (&scene.lab, StatusCode::FORBIDDEN, "forbidden"),
        (&scene.shop, StatusCode::NOT_FOUND, "not-found"),
        (&scene.theirs, StatusCode::NOT_FOUND, "not-found"),
    ] {
        refused(scene.rig.post(&withdraw, &json!({})).bearer_auth(key), status, code).await;
    }

    let accepted = scene.accept().await;
    assert_eq!(accepted["approvalIds"], json!([approval]));
    let before = scene.seq().await;
    let decision = (
        Method::POST,
        format!("/v1/approvals/{approval}/decision"),
        json!({ "decision": "approve" }),
    );
    let refused_now = [
        decision.clone(),
        (Method::POST, format!("/v1/runs/{run}/cancel"), json!({})),
        (Method::POST, "/v1/runs".to_owned(), {
            json!({ "sessionId": session, "intent": { "type": "echo" } })
        }),
        (Method::POST, format!("/v1/sessions/{session}/end"), json!({ "status": "cancelled" })),
        (Method::POST, format!("/v1/sessions/{session}/handoffs"), {
            json!({ "to": { "product": "desk", "principal": "service:desk" } })
        }),
        (Method::POST, withdraw, json!({})),
    ];
    for (method, path, body) in writes().into_iter().chain(refused_now) {
        let late = scene.rig.request(method, &path).json(&body).bearer_auth(&scene.desk);
        let told = refused(late, StatusCode::CONFLICT, "handed-over").await;
        assert!(
            told["detail"].as_str().unwrap().contains("`service:lab` of product `lab`"),
            "{told}"
        );
    }
    assert_eq!(scene.seq().await, before, "nothing of it is in the journal");
    for (method, path, body) in writes() {
        let ours = scene.rig.request(method.clone(), &path).json(&body).bearer_auth(&scene.lab);
        let status = ours.send().await.unwrap().status();
        assert!(status.is_success(), "{method} {path}: {status}");
    }
    // the approval moved along: it is decided where the former owner could have
    let (method, path, body) = decision;
    let decided = scene.rig.request(method, &path).json(&body).bearer_auth(&scene.lab);
    assert_eq!(answered(decided, StatusCode::OK).await["resolver"]["principal"], "service:lab");
    let ended = scene.look(&format!("/v1/runs/{run}?waitMs=60000")).await;
    assert_eq!(ended["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn hnd_1_a_tenants_stream_tells_each_product_its_own_before_and_after() {
    let scene = Scene::set().await;
    let journal = scene.session.clone();
    let kinds = |told: Vec<(String, String)>| -> Vec<String> {
        assert!(told.iter().all(|(of, _)| *of == journal), "a product's own only: {told:?}");
        told.into_iter().map(|(_, kind)| kind).collect()
    };
    let before = kinds(scene.told(&scene.desk).await);
    assert_eq!((before[0].as_str(), before.last().unwrap().as_str()), {
        ("session.opened", "handoff.offered")
    });
    assert_eq!(before.len() as u64, scene.seq().await);
    for key in [&scene.lab, &scene.shop] {
        assert!(kinds(scene.told(key).await).is_empty());
    }
    let everything = scene.told(&scene.operator).await;
    assert!(everything.len() > before.len(), "the ledger is an unbound key's to see");
    for key in [&scene.desk, &scene.lab] {
        let other = scene.rig.get("/v1/events?product=shop&until=told").bearer_auth(key);
        refused(other, StatusCode::FORBIDDEN, "forbidden").await;
    }

    // those that follow as it happens
    let follow = |key: &str| scene.rig.get("/v1/events?from=now").bearer_auth(key).send();
    let mut streams = [
        follow(&scene.desk).await.unwrap().bytes_stream(),
        follow(&scene.lab).await.unwrap().bytes_stream(),
    ];
    for stream in &mut streams {
        stream.next().await.unwrap().unwrap();
    }
    let path = format!("/v1/sessions/{}/events", scene.session);
    let watched = scene.rig.get(&path).bearer_auth(&scene.desk).send().await.unwrap();
    scene.accept().await;
    let made = scene.rig.post(
        &format!("/v1/sessions/{}/tasks", scene.session),
        &json!({ "title": "the new owner's" }),
    );
    answered(made.bearer_auth(&scene.lab), StatusCode::CREATED).await;
    for key in [&scene.desk, &scene.lab] {
        let own = scene.rig.post("/v1/sessions", &json!({ "title": "last" })).bearer_auth(key);
        answered(own, StatusCode::CREATED).await;
    }
    let mut seen = Vec::new();
    for stream in &mut streams {
        let mut told = String::new();
        while !told.contains("event: session.opened") {
            told.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        }
        let kinds: Vec<String> = lines(&told).into_iter().map(|(_, kind)| kind).collect();
        seen.push(kinds);
    }
    assert_eq!(seen[0], ["handoff.accepted", "session.opened"], "the last that desk is told of it");
    assert_eq!(seen[1], ["handoff.accepted", "checkpoint.made", "task.created", "session.opened"]);
    // the session's own stream ends, and none of what came after was in it
    let kinds = lines_of_session(&watched.text().await.unwrap());
    assert!(
        kinds.len() <= before.len() && kinds.iter().all(|kind| before.contains(kind)),
        "{kinds:?}"
    );

    // from the beginning, it is the new owner's whole journal
    let whole = scene.told(&scene.lab).await;
    let of_session = whole.iter().filter(|(of, _)| *of == journal).count() as u64;
    assert_eq!(of_session, scene.seq().await);
    let left: Vec<_> =
        scene.told(&scene.desk).await.into_iter().filter(|(of, _)| *of == journal).collect();
    assert_eq!(left, [(journal.clone(), "handoff.accepted".to_owned())]);
    assert!(scene.told(&scene.shop).await.is_empty());
    assert!(scene.told(&scene.theirs).await.iter().all(|(of, _)| *of != journal));
}

fn lines_of_session(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.strip_prefix("event:")?.trim().to_owned())).collect()
}
