//! `TEN-1`: what one tenant owns does not exist for another, on every route the server lists.

use super::travel::App;
use crate::answer::{Answer, text};
use crate::case::{Outcome, cases, ensure, failed, same, skipped};
use crate::client::Client;
use crate::document::{Document, Operation, nobody};
use crate::follow::whole;
use crate::kit::{Kit, Started};
use crate::stand::Turn;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tenure_contract::Code;

cases! {
    "TEN-1" a_named_tenant_must_be_the_callers "a call that names another tenant is refused, and one that names the caller's own is not";
    "TEN-1" everything_says_whose_it_is "sessions, runs and approvals carry the caller's tenant";
    "TEN-1" foreign_ids_are_nobodys "on every route with an id another tenant's id is answered like one that does not exist, as 404";
    "TEN-1" every_route_with_an_id_was_tried "there was something of every kind to try the routes of the document with";
    "TEN-1" foreign_ids_in_requests_are_nobodys "another tenant's session or run named in a body or a query is not found";
    "TEN-1" foreign_things_are_in_no_list "no list shows anything of another tenant";
}

async fn a_named_tenant_must_be_the_callers(kit: &Kit) -> Outcome {
    let mine = kit.session(json!({})).await?;
    let tenant = text(&mine, "tenantId")?;
    kit.session(json!({ "tenantId": tenant })).await?;
    let other = json!({ "tenantId": nobody("ten") });
    kit.client.post("/v1/sessions", &other).await?.refused(&[Code::NotFound, Code::Forbidden])?;
    let run = json!({ "tenantId": nobody("ten"), "intent": { "type": "none" } });
    kit.client.post("/v1/runs", &run).await?.refused(&[Code::NotFound, Code::Forbidden]).map(drop)
}

async fn everything_says_whose_it_is(kit: &Kit) -> Outcome {
    let session = kit.session(json!({})).await?;
    let tenant = text(&session, "tenantId")?;
    for list in ["/v1/sessions", "/v1/runs", "/v1/approvals"] {
        let page = kit.client.get(list).await?.ok(200)?;
        for row in page["items"].as_array().into_iter().flatten() {
            same(&format!("the tenant of a row of `{list}`"), text(row, "tenantId")?, tenant)?;
        }
    }
    Ok(())
}

/// What one tenant owns, by the name of the parameter that takes it.
struct Owned {
    started: Started,
    names: BTreeMap<String, String>,
}

/// Makes something of most kinds, and finds the rest in the answers of the server's own lists.
async fn owned(kit: &Kit, document: &Document) -> Outcome<Owned> {
    let turns = vec![Turn::call("effect", "one"), Turn::call("guarded", "two"), Turn::say("done")];
    let actor = kit.agent(turns).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let approval = kit.approval(&started).await?;
    let step = actor.play.effects().first().map(|effect| effect.key.clone()).unwrap_or_default();
    let known = [
        ("sessionId", session),
        ("runId", started.run.clone()),
        ("execution_id", started.run.clone()),
        ("approvalId", approval),
        ("stepId", step),
        ("name", actor.name),
    ];
    let mut names: BTreeMap<String, String> = known
        .into_iter()
        .filter(|(_, id)| !id.is_empty())
        .map(|(name, id)| (name.to_owned(), id))
        .collect();
    make(kit, &mut names).await?;
    // what is listed below something that is known becomes known itself
    for _ in 0..2 {
        harvest(kit, document, &mut names).await?;
    }
    Ok(Owned { started, names })
}

/// Makes one of each kind that a run does not bring about; a server without that kind makes none.
async fn make(kit: &Kit, names: &mut BTreeMap<String, String>) -> Outcome {
    let session = names["sessionId"].clone();
    let seen = kit.client.get(&format!("/v1/sessions/{session}")).await?.json();
    let to = json!({ "product": seen["productId"], "principal": "user:kit-next" });
    let schedule = json!({
        "title": kit.name("schedule"), "work": { "type": "agent", "name": names["name"] },
        "payload": { "task": "kit" }, "entries": [{ "kind": "at", "at": "2100-01-01T00:00:00Z" }],
    });
    let dispatch = json!({
        "productId": "kit", "idempotencyKey": kit.name("key"), "payload": { "task": "kit" },
        "work": { "type": "agent", "name": names["name"] },
        // nobody's executor has it, and its time never comes
        "context": { "originSurface": "web", "originProductId": "kit", "dispatchMode": "scheduled",
                     "initiatedAt": "2026-11-21T08:00:00Z" },
        "notBefore": "2100-01-01T00:00:00Z",
    });
    let executor = json!({ "name": kit.name("executor"), "kind": "worker" });
    let made = [
        ("/v1/dispatches".to_owned(), dispatch),
        ("/v1/executors".to_owned(), executor),
        (format!("/v1/sessions/{session}/tasks"), json!({ "title": "kit" })),
        (format!("/v1/sessions/{session}/todos"), json!({ "text": "kit" })),
        (format!("/v1/sessions/{session}/checkpoints"), json!({})),
        (format!("/v1/sessions/{session}/handoffs"), json!({ "to": to })),
        ("/v1/projects".to_owned(), json!({ "name": kit.name("project") })),
        ("/v1/workspaces".to_owned(), json!({ "kind": "cloud" })),
        ("/v1/schedules".to_owned(), schedule),
    ];
    for (path, body) in made {
        let answer = kit.client.post(&path, &body).await?.json();
        for (name, id) in answer.as_object().into_iter().flatten() {
            if let Some(id) = id.as_str().filter(|id| id.contains('_') && name.ends_with("Id")) {
                names.entry(name.clone()).or_insert_with(|| id.to_owned());
            }
        }
    }
    if let Ok(app) = App::register(kit).await {
        names.insert("kid".to_owned(), app.kid);
    }
    names.insert("migrationId".to_owned(), migration(kit, &seen["tenantId"]).await?);
    let name = kit.name("secret");
    let typed = [("content-type", "application/json")];
    let value = json!({ "value": "kit-secret-text" }).to_string().into_bytes();
    let path = format!("/v1/secrets/{name}");
    if kit.client.send(Method::PUT, &path, &typed, Some(value)).await?.status < 300 {
        names.insert("secretName".to_owned(), name);
    }
    Ok(())
}

/// A migration with a row of the kit's tenant. Only the server's operator begins one: for anyone else there is none,
/// whatever it is called.
async fn migration(kit: &Kit, tenant: &Value) -> Outcome<String> {
    let rows = [
        json!({ "kind": "user", "id": "kit", "tenantId": tenant }),
        json!({ "kind": "session", "id": "kit", "user": "kit" }),
    ];
    let rows = rows.map(|row| row.to_string()).join("\n");
    let typed = [("content-type", "application/jsonl")];
    let path = "/v1/migrations?source=kit";
    let begun = kit.client.send(Method::POST, path, &typed, Some(rows.into_bytes())).await?;
    let id = begun.json()["migrationId"].as_str().map(str::to_owned);
    Ok(id.unwrap_or_else(|| nobody("mig")))
}

async fn harvest(kit: &Kit, document: &Document, names: &mut BTreeMap<String, String>) -> Outcome {
    let operations = document.operations();
    let wanted: Vec<&str> = operations.iter().flat_map(Operation::parameters).collect();
    for operation in operations.iter().filter(|operation| operation.method == Method::GET) {
        let Some(path) = filled(operation, names) else { continue };
        if is_stream(&path) {
            continue;
        }
        let page = kit.client.get(&path).await?.json();
        let rows = page["items"].as_array().cloned().unwrap_or_default();
        for row in rows.iter().chain([&page]) {
            for name in &wanted {
                if let Some(id) = row[*name].as_str() {
                    names.entry((*name).to_owned()).or_insert_with(|| id.to_owned());
                }
            }
        }
    }
    Ok(())
}

fn is_stream(path: &str) -> bool {
    path.ends_with("/events") || path.ends_with("/export")
}

/// Parameters that are no ids, and what stands for them: they name something within what the path names before
/// them.
const ORDINALS: &[(&str, &str)] = &[("entry", "1"), ("row", "session:kit")];

/// A path with its parameters filled in; none if one of them is not known.
fn filled(operation: &Operation, names: &BTreeMap<String, String>) -> Option<String> {
    let mut path = operation.path.clone();
    for name in operation.parameters() {
        if let Some((_, ordinal)) = ORDINALS.iter().find(|(known, _)| *known == name) {
            path = path.replace(&format!("{{{name}}}"), ordinal);
            continue;
        }
        path = path.replace(&format!("{{{name}}}"), names.get(name)?);
    }
    Some(path)
}

/// The same names, each for something that does not exist.
fn unowned(kit: &Kit, names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let invented = |id: &str| match id.split_once('_') {
        Some((prefix, letters)) if letters.len() == 26 => nobody(prefix),
        _ if id.starts_with("sha256:") => {
            format!("sha256:{}", crate::proof::hex(&rand::random::<[u8; 32]>()))
        }
        _ => kit.name("nobody"),
    };
    names.iter().map(|(name, id)| (name.clone(), invented(id))).collect()
}

/// Asks with the smallest body a route takes, and with the fullest if that one is no request yet.
async fn ask(
    client: &Client,
    operation: &Operation,
    path: &str,
    document: &Document,
) -> Outcome<Answer> {
    if is_stream(path) {
        return ask_stream(client, path).await;
    }
    let typed = [("content-type", "application/json")];
    let mut answer = None;
    for body in document.bodies(operation) {
        let headers: &[(&str, &str)] = if body.is_some() { &typed } else { &[] };
        let found = client.send(operation.method.clone(), path, headers, body).await?;
        let is_request = found.status != 400;
        answer = Some(found);
        if is_request {
            break;
        }
    }
    answer.map_or_else(|| failed(format!("`{path}` has no body to be asked with")), Ok)
}

/// The answer of a stream that must not open: one that does would not end.
async fn ask_stream(client: &Client, path: &str) -> Outcome<Answer> {
    let response = client.open(path, &[]).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = if status == 200 { Vec::new() } else { whole(response).await?.into_bytes() };
    Ok(Answer { asked: format!("GET {path}"), path: path.to_owned(), status, headers, bytes })
}

async fn foreign_ids_are_nobodys(kit: &Kit) -> Outcome {
    let stranger = kit.stranger()?;
    let document = Document::read(&kit.client).await?;
    let owned = owned(kit, &document).await?;
    let invented = unowned(kit, &owned.names);
    let mut wrong = Vec::new();
    // PUT makes what it names, and it is the caller's own then
    let with_ids = |operation: &&Operation| {
        let has_ids = !operation.parameters().is_empty() && !operation.is_operators();
        operation.method != Method::PUT && has_ids
    };
    for operation in document.operations().iter().filter(with_ids) {
        let (Some(theirs), Some(nothing)) =
            (filled(operation, &owned.names), filled(operation, &invented))
        else {
            continue;
        };
        let foreign = ask(stranger, operation, &theirs, &document).await?;
        let missing = ask(stranger, operation, &nothing, &document).await?;
        let told = |answer: &Answer, names: &BTreeMap<String, String>| {
            names.values().fold(answer.text(), |text, id| text.replace(id.as_str(), "…"))
        };
        let alike = told(&foreign, &owned.names) == told(&missing, &invented);
        if foreign.status != 404 || foreign.code() != Some(Code::NotFound) || !alike {
            wrong.push(format!("`{} {}`: {}", operation.method, operation.path, foreign.shown()));
        }
    }
    ensure(wrong.is_empty(), || {
        format!("not answered like something that does not exist: {}", wrong.join("; "))
    })
}

async fn every_route_with_an_id_was_tried(kit: &Kit) -> Outcome {
    kit.stranger()?;
    let document = Document::read(&kit.client).await?;
    let owned = owned(kit, &document).await?;
    let untried: Vec<String> = document
        .operations()
        .iter()
        .filter(|operation| !operation.is_operators())
        .filter(|operation| filled(operation, &owned.names).is_none())
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    match untried.is_empty() {
        true => Ok(()),
        false => skipped(format!("the kit has nothing of the kind for {}", untried.join(", "))),
    }
}

async fn foreign_ids_in_requests_are_nobodys(kit: &Kit) -> Outcome {
    let stranger = kit.stranger()?;
    let document = Document::read(&kit.client).await?;
    let Owned { started: Started { run, session }, names } = owned(kit, &document).await?;
    // an agent of the stranger's own: only the ids are foreign
    let own = kit.agent(vec![Turn::say("done")]).await?;
    let definition = json!({ "definition": kit.definition(&own.name, &own.play, &json!({})) });
    stranger.post("/v1/agents", &definition).await?.ok(201)?;
    let agent = json!({ "name": own.name, "task": "x" });
    let before = kit.entries(&session).await?.len();
    let bodies = [
        json!({ "sessionId": session, "agent": agent }),
        json!({ "parentRunId": run, "sessionId": session, "agent": agent }),
    ];
    for body in bodies {
        stranger.post("/v1/runs", &body).await?.refused(&[Code::NotFound])?;
    }
    let foreign = json!({ "agent": { "name": names["name"], "task": "x" } });
    stranger.post("/v1/runs", &foreign).await?.refused(&[Code::UnknownName, Code::NotFound])?;
    for list in ["/v1/runs", "/v1/approvals", "/v1/doubts"] {
        stranger.get(&format!("{list}?session={session}")).await?.refused(&[Code::NotFound])?;
    }
    same("entries of the session afterwards", kit.entries(&session).await?.len(), before)
}

async fn foreign_things_are_in_no_list(kit: &Kit) -> Outcome {
    let stranger = kit.stranger()?;
    let document = Document::read(&kit.client).await?;
    let owned = owned(kit, &document).await?;
    let lists = document.operations();
    let lists = lists
        .iter()
        .filter(|operation| operation.method == Method::GET && operation.parameters().is_empty());
    for list in lists.filter(|list| !is_stream(&list.path)) {
        let answer = stranger.get(&list.path).await?;
        if let Some((name, id)) =
            owned.names.iter().find(|(_, id)| answer.text().contains(id.as_str()))
        {
            return failed(format!("`GET {}` shows another tenant's {name} `{id}`", list.path));
        }
    }
    let mine = stranger.get("/v1/sessions").await?.ok(200)?;
    let tenant =
        kit.client.get(&format!("/v1/sessions/{}", owned.started.session)).await?.ok(200)?;
    for row in mine["items"].as_array().into_iter().flatten() {
        ensure(row["tenantId"] != tenant["tenantId"], || {
            format!("a list shows another tenant's row: {row}")
        })?;
    }
    Ok(())
}
