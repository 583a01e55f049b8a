//! `INT-1` to `INT-6`: handlers, intents, submitting safely; with `ingest_file` where it is served.

use crate::answer::{has_fields, is_word, items, text};
use crate::case::{Outcome, Stop, cases, ensure, failed, same, skipped};
use crate::kit::{Kit, Started};
use crate::stand::Turn;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use tempfile::NamedTempFile;
use tenure_contract::Code;

cases! {
    "INT-1" handlers_are_listed "the intents that are served are listed with their handlers";
    "INT-1" an_intent_nobody_serves_is_refused "an intent without a handler is refused at submit, the refusal says what exists, and nothing is kept";
    "INT-2" parameters_fit_the_schema "parameters that do not fit the handler's schema are refused before anything is recorded, naming the field";
    "INT-2" an_intent_run_says_what_it_is "a run of an intent carries the intent's id and type and its handler";
    "INT-5" submitting_does_not_wait "a submission is answered before its work is done";
    "INT-5" the_same_key_is_the_same_run "the same key and body return the first run, marked as a duplicate";
    "INT-5" another_body_under_the_key_conflicts "another body under a used key is a conflict";
    "INT-5" of_many_submissions_with_a_key_one_runs "of many submissions at once with one key exactly one run comes about";
    "INT-5" many_submissions_without_a_key_all_run "many submissions at once to one session are all accepted and all run";
    "INT-5" two_names_for_one_key_must_agree "a key in the header and another in the body is refused";
    "INT-5" the_other_route_promises_the_same "POST /api/intent/submit answers with the execution id, and the first one for the same key";
    "INT-5" a_failing_handler_is_a_failed_execution "a handler that fails is a failed execution with its id, not a failed request";
    "INT-6" a_named_step_is_recorded_once "a handler's step stands in the journal by its name, once, with its result";
}

/// The intent that makes artifacts of a file, if the server lists it.
pub(super) const INGEST: &str = "ingest_file";

/// Skips the case unless the server serves `ingest_file`.
pub(super) async fn ingests(kit: &Kit) -> Outcome {
    let page = kit.client.get("/v1/intents").await?.ok(200)?;
    match items(&page)?.iter().any(|intent| intent["intentType"] == INGEST) {
        true => Ok(()),
        false => skipped("the server serves no `ingest_file`"),
    }
}

/// A small table in a file of this machine.
pub(super) fn table() -> Outcome<NamedTempFile> {
    let written = tempfile::Builder::new().suffix(".csv").tempfile().and_then(|mut file| {
        file.write_all(b"name,cents\nada,100\ngrace,250\n")?;
        Ok(file)
    });
    written.map_err(|error| Stop::Skipped(format!("the kit cannot write a file: {error}")))
}

/// An ended run of `ingest_file`; skips the case if the server does not see this machine's files.
pub(super) async fn ingested(kit: &Kit) -> Outcome<(Started, Value)> {
    ingests(kit).await?;
    let file = table()?;
    let intent = json!({ "type": INGEST, "parameters": { "file": file.path() } });
    let session = kit.plain_session().await?;
    let accepted = kit
        .client
        .post("/v1/runs", &json!({ "intent": intent, "sessionId": session }))
        .await?
        .ok(202)?;
    let started = Started::read(&accepted)?;
    let run = kit.ended(&started).await?;
    match (run["status"].as_str(), run["error"]["code"].as_str()) {
        (Some("completed"), _) => Ok((started, run)),
        (_, Some("unreadable")) => skipped("the server does not see the files of this machine"),
        _ => failed(format!("`{INGEST}` of a small table did not complete: {run}")),
    }
}

async fn handlers_are_listed(kit: &Kit) -> Outcome {
    let page = kit.client.get("/v1/intents").await?.ok(200)?;
    for intent in items(&page)? {
        has_fields("the intent", intent, &["intentType", "handlers"])?;
    }
    has_fields("the page", &page, &["items", "nextCursor"])
}

async fn an_intent_nobody_serves_is_refused(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let intent = json!({ "type": kit.name("intent"), "parameters": {} });
    let request = json!({ "intent": intent, "sessionId": session });
    let problem = kit.client.post("/v1/runs", &request).await?.refused(&[Code::UnknownName])?;
    let known = kit.client.get("/v1/intents").await?.ok(200)?;
    let detail = text(&problem, "detail")?;
    for intent in items(&known)? {
        let name = text(intent, "intentType")?;
        ensure(detail.contains(name), || format!("the refusal does not name `{name}`: {detail}"))?;
    }
    same("entries of the session", kit.entries(&session).await?.len(), 1)
}

async fn parameters_fit_the_schema(kit: &Kit) -> Outcome {
    ingests(kit).await?;
    let session = kit.plain_session().await?;
    for (parameters, field) in [
        (json!({}), "file"),
        (json!({ "file": 7 }), "file"),
        (json!({ "file": "/x", "speed": 1 }), "speed"),
    ] {
        let intent = json!({ "type": INGEST, "parameters": parameters });
        let request = json!({ "intent": intent, "sessionId": session });
        let problem =
            kit.client.post("/v1/runs", &request).await?.refused(&[Code::InvalidArgument])?;
        let detail = text(&problem, "detail")?;
        ensure(detail.contains(field), || {
            format!("the refusal does not name `{field}`: {detail}")
        })?;
    }
    same("entries of the session", kit.entries(&session).await?.len(), 1)
}

async fn an_intent_run_says_what_it_is(kit: &Kit) -> Outcome {
    let (_, run) = ingested(kit).await?;
    same("the intent's type", text(&run, "intentType")?, INGEST)?;
    ensure(text(&run, "intentId")?.starts_with("int_"), || format!("no intent id: {run}"))?;
    ensure(!text(&run, "handler")?.is_empty(), || format!("no handler: {run}"))?;
    same("its agent", &run["agent"], &Value::Null)
}

async fn submitting_does_not_wait(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done").held()]).await?;
    // the model says nothing before this answer is there
    let started = kit.start(&actor, json!({})).await?;
    let seen = kit.run(&started.run).await?;
    is_word(&seen, "status", &["queued", "running"])?;
    actor.play.release();
    kit.ended(&started).await.map(drop)
}

async fn the_same_key_is_the_same_run(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let key = kit.name("key");
    let first = kit.submit(&actor, json!({ "idempotencyKey": key })).await?.ok(202)?;
    same("the first is a duplicate", first["duplicate"].as_bool(), Some(false))?;
    let again = kit.submit(&actor, json!({ "idempotencyKey": key })).await?.ok(202)?;
    let headers = [("idempotency-key", key.as_str())];
    let by_header = kit
        .client
        .post_with("/v1/runs", &headers, &kit.request(&actor, &json!({})))
        .await?
        .ok(202)?;
    kit.ended(&Started::read(&first)?).await?;
    let late = kit.submit(&actor, json!({ "idempotencyKey": key })).await?.ok(202)?;
    for repeated in [&again, &by_header, &late] {
        same("the run of a repetition", text(repeated, "runId")?, text(&first, "runId")?)?;
        same("a repetition is a duplicate", repeated["duplicate"].as_bool(), Some(true))?;
    }
    same("turns of the model", actor.play.turns_asked(), 1)
}

async fn another_body_under_the_key_conflicts(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let key = kit.name("key");
    let first = kit.start(&actor, json!({ "idempotencyKey": key })).await?;
    let other =
        json!({ "idempotencyKey": key, "agent": { "name": actor.name, "task": "another" } });
    kit.client.post("/v1/runs", &other).await?.refused(&[Code::KeyConflict])?;
    kit.ended(&first).await?;
    kit.client.post("/v1/runs", &other).await?.refused(&[Code::KeyConflict]).map(drop)
}

async fn of_many_submissions_with_a_key_one_runs(kit: &Kit) -> Outcome {
    const MANY: usize = 16;
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::say("done")]).await?;
    let key = kit.name("key");
    let submitting = (0..MANY).map(|_| kit.submit(&actor, json!({ "idempotencyKey": key })));
    let (mut runs, mut firsts) = (BTreeSet::new(), 0);
    let mut started = None;
    for answered in join_all(submitting).await {
        let accepted = answered?.ok(202)?;
        runs.insert(text(&accepted, "runId")?.to_owned());
        firsts += usize::from(accepted["duplicate"] == false);
        started = Some(Started::read(&accepted)?);
    }
    same("runs that came about", runs.len(), 1)?;
    same("answers that were no duplicate", firsts, 1)?;
    if let Some(started) = started {
        kit.ended(&started).await?;
    }
    same("effects", actor.play.effects().len(), 1)
}

async fn many_submissions_without_a_key_all_run(kit: &Kit) -> Outcome {
    const MANY: usize = 8;
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let submitting = (0..MANY).map(|_| kit.start_in(&actor, &session));
    let mut runs = BTreeSet::new();
    for started in join_all(submitting).await {
        let started = started?;
        let run = kit.ended(&started).await?;
        same("the run", text(&run, "status")?, "completed")?;
        runs.insert(started.run);
    }
    same("runs that came about", runs.len(), MANY)?;
    same("effects", actor.play.effects().len(), MANY)
}

async fn two_names_for_one_key_must_agree(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let (one, two) = (kit.name("key"), kit.name("key"));
    let request = kit.request(&actor, &json!({ "idempotencyKey": one }));
    let headers = [("idempotency-key", two.as_str())];
    kit.client
        .post_with("/v1/runs", &headers, &request)
        .await?
        .refused(&[Code::InvalidArgument])
        .map(drop)
}

async fn the_other_route_promises_the_same(kit: &Kit) -> Outcome {
    ingests(kit).await?;
    let file = table()?;
    let submit = async |key: &str, solution: &str| {
        let body = json!({
            "intent_type": INGEST, "parameters": { "file": file.path() }, "idempotency_key": key, "solution_id": solution,
        });
        kit.client.post("/api/intent/submit", &body).await
    };
    let key = kit.name("key");
    let first = submit(&key, "default").await?.ok(202)?;
    let execution = text(&first, "execution_id")?;
    is_word(&first, "status", &["created", "running", "completed"])?;
    let again = submit(&key, "default").await?.ok(202)?;
    same("the execution of the repetition", text(&again, "execution_id")?, execution)?;
    submit(&key, "another").await?.refused(&[Code::KeyConflict])?;
    let started =
        Started { run: execution.to_owned(), session: text(&first, "session_id")?.to_owned() };
    kit.ended(&started).await?;
    let status = kit.client.get(&format!("/api/execution/{execution}/status")).await?.ok(200)?;
    ensure(text(&status, "intent_id")?.starts_with("int_"), || format!("no intent id: {status}"))
}

async fn a_failing_handler_is_a_failed_execution(kit: &Kit) -> Outcome {
    ingests(kit).await?;
    let intent = json!({ "type": INGEST, "parameters": { "file": format!("/nowhere/{}.csv", kit.name("file")) } });
    let accepted = kit.client.post("/v1/runs", &json!({ "intent": intent })).await?.ok(202)?;
    let run = kit.ended(&Started::read(&accepted)?).await?;
    same("the status", text(&run, "status")?, "failed")?;
    same("the run's id", text(&run, "runId")?, text(&accepted, "runId")?)?;
    ensure(!run["error"]["message"].as_str().unwrap_or_default().is_empty(), || {
        format!("no error: {run}")
    })?;
    let path = format!("/api/execution/{}/status", text(&run, "runId")?);
    let execution = kit.client.get(&path).await?.ok(200)?;
    same("the execution's status", text(&execution, "status")?, "failed")?;
    ensure(execution["error"].is_object(), || format!("the execution has no error: {execution}"))
}

async fn a_named_step_is_recorded_once(kit: &Kit) -> Outcome {
    let (started, _) = ingested(kit).await?;
    let page = kit.client.get(&format!("/v1/runs/{}/steps", started.run)).await?.ok(200)?;
    let substeps: Vec<&Value> =
        items(&page)?.iter().filter(|step| step["kind"] == "substep").collect();
    ensure(!substeps.is_empty(), || format!("`{INGEST}` has no named step: {page}"))?;
    let names: BTreeSet<&str> = substeps.iter().filter_map(|step| step["name"].as_str()).collect();
    same("names of steps", names.len(), substeps.len())?;
    for step in substeps {
        same("its status", text(step, "status")?, "landed")?;
        ensure(!step["result"].is_null(), || format!("it has no result: {step}"))?;
    }
    Ok(())
}
