//! `RUN-4`: entries of schedules, each of which starts one run when it is due.

use crate::answer::{has_fields, items, text};
use crate::case::{Outcome, cases, ensure, failed, same};
use crate::kit::{Actor, Kit, Started};
use crate::stand::Turn;
use reqwest::Method;
use serde_json::{Value, json};
use tenure_contract::{Code, Time};

cases! {
    "RUN-4" a_schedule_has_all_its_fields "a new schedule has every field, and so has its entry, which waits for its time";
    "RUN-4" an_entry_starts_a_run_in_a_new_session "an entry whose schedule names no session starts one run in a session of its own, which ends with it";
    "RUN-4" an_entry_starts_a_run_in_the_session_named "entries whose schedule names a session start one run each in it, and it stays open";
    "RUN-4" an_entry_starts_at_its_time "an entry with a time starts no run before it, and says how late it was";
    "RUN-4" a_pending_entry_is_moved_and_given_up "a pending entry is due at another time or never, and one that is settled is not";
    "RUN-4" a_paused_schedule_holds_its_entries "what is due while its schedule is paused starts when it is resumed, once";
    "RUN-4" a_schedule_key_makes_one_schedule "the same key and body return the first schedule and the first entry, and another body conflicts";
    "RUN-4" a_time_that_is_over_is_refused "a time that is over, or none where one is needed, is refused and adds nothing";
}

/// A time that does not come.
const FAR: &str = "2100-01-01T00:00:00Z";
/// How long from now on what is to be due soon is.
const SOON_MS: u64 = 1_500;

const FIELDS: &[&str] = &[
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

/// What a schedule of that agent is asked for with.
pub(super) fn request(kit: &Kit, actor: &Actor, entries: &Value) -> Value {
    let work = json!({ "type": "agent", "name": actor.name });
    json!({ "title": kit.name("schedule"), "productId": "kit", "work": work,
            "payload": { "task": actor.play.task() }, "entries": entries })
}

/// A new schedule of an agent that says one word.
async fn made(kit: &Kit, entries: &Value) -> Outcome<Value> {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    kit.client.post("/v1/schedules", &request(kit, &actor, entries)).await?.ok(201)
}

pub(super) fn path(schedule: &Value) -> Outcome<String> {
    Ok(format!("/v1/schedules/{}", text(schedule, "scheduleId")?))
}

/// A moment from now on, by the server's own clock.
async fn soon(kit: &Kit) -> Outcome<Time> {
    let session = kit.session(json!({})).await?;
    let now = text(&session, "startedAt")?;
    let now: Result<Time, _> = now.parse();
    now.map_or_else(
        |why| failed(format!("`startedAt` is no time: {why}")),
        |now| Ok(now.plus_ms(SOON_MS)),
    )
}

/// An entry of a schedule, by its number.
pub(super) fn entry(schedule: &Value, number: usize) -> Outcome<&Value> {
    let found = schedule["entries"].get(number - 1);
    found.map_or_else(|| failed(format!("there is no entry {number}: {schedule}")), Ok)
}

/// The run an entry started, once it has ended.
pub(super) async fn ended(kit: &Kit, schedule: &Value, number: usize) -> Outcome<Value> {
    let path = path(schedule)?;
    let started = kit
        .eventually(&format!("run of entry {number} of `{path}`"), async || {
            let seen = kit.client.get(&path).await?.ok(200)?;
            let Ok(started) = Started::read(entry(&seen, number)?) else { return Ok(None) };
            // it may be on its way to its session still
            let is_there =
                kit.client.get(&format!("/v1/runs/{}", started.run)).await?.status == 200;
            Ok(is_there.then_some(started))
        })
        .await?;
    kit.ended(&started).await
}

/// The runs there are in a session.
pub(super) async fn runs_in(kit: &Kit, session: &str) -> Outcome<usize> {
    let page = kit.client.get(&format!("/v1/runs?session={session}")).await?.ok(200)?;
    Ok(items(&page)?.len())
}

async fn a_schedule_has_all_its_fields(kit: &Kit) -> Outcome {
    let made = made(kit, &json!([{ "kind": "at", "at": FAR }])).await?;
    let seen = kit.client.get(&path(&made)?).await?.ok(200)?;
    for schedule in [&made, &seen] {
        has_fields("the schedule", schedule, FIELDS)?;
        same("its status", text(schedule, "status")?, "active")?;
        let one = entry(schedule, 1)?;
        has_fields("its entry", one, OF_ENTRY)?;
        same("the entry's status", text(one, "status")?, "pending")?;
        same("why it waits", text(&one["waitingFor"], "reason")?, "alarm")?;
    }
    let open = kit.client.get("/v1/schedules?open=true&limit=200").await?.ok(200)?;
    let row = items(&open)?.iter().find(|one| one["scheduleId"] == made["scheduleId"]);
    match row {
        Some(row) => has_fields("its row", row, FIELDS),
        None => failed("an open schedule is not listed"),
    }
}

async fn an_entry_starts_a_run_in_a_new_session(kit: &Kit) -> Outcome {
    let made = made(kit, &json!([{ "kind": "queued" }, { "kind": "queued" }])).await?;
    let mut sessions = Vec::new();
    for number in [1, 2] {
        let run = ended(kit, &made, number).await?;
        same("the run", text(&run, "status")?, "completed")?;
        same("what made it begin", text(&run, "trigger")?, "schedule")?;
        let by = json!({ "scheduleId": made["scheduleId"], "entry": number });
        same("which entry", &run["scheduled"], &by)?;
        let session = text(&run, "sessionId")?.to_owned();
        let seen = kit.client.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
        same("its session", text(&seen, "status")?, "completed")?;
        same("runs in it", runs_in(kit, &session).await?, 1)?;
        sessions.push(session);
    }
    ensure(sessions[0] != sessions[1], || "two entries have one session".to_owned())?;
    let seen = kit.client.get(&path(&made)?).await?.ok(200)?;
    same("the schedule", text(&seen, "status")?, "completed")
}

async fn an_entry_starts_a_run_in_the_session_named(kit: &Kit) -> Outcome {
    let (actor, session) = (kit.agent(vec![Turn::say("done")]).await?, kit.plain_session().await?);
    let mut request = request(kit, &actor, &json!([{ "kind": "queued" }, { "kind": "queued" }]));
    request["sessionId"] = json!(session);
    let made = kit.client.post("/v1/schedules", &request).await?.ok(201)?;
    for number in [1, 2] {
        same(
            "its session",
            text(&ended(kit, &made, number).await?, "sessionId")?,
            session.as_str(),
        )?;
    }
    same("runs in it", runs_in(kit, &session).await?, 2)?;
    let seen = kit.client.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
    same("the session", text(&seen, "status")?, "active")
}

async fn an_entry_starts_at_its_time(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let at = soon(kit).await?;
    let request = request(kit, &actor, &json!([{ "kind": "at", "at": at }]));
    let made = kit.client.post("/v1/schedules", &request).await?.ok(201)?;
    let run = ended(kit, &made, 1).await?;
    let begun: Result<Time, _> = text(&run, "createdAt")?.parse();
    ensure(begun.as_ref().is_ok_and(|begun| *begun >= at), || {
        format!("the entry was due at {at} and its run is of {}", run["createdAt"])
    })?;
    let seen = kit.client.get(&path(&made)?).await?.ok(200)?;
    let late = &entry(&seen, 1)?["lateMs"];
    ensure(late.is_u64(), || format!("how late it was is `{late}`"))
}

async fn a_pending_entry_is_moved_and_given_up(kit: &Kit) -> Outcome {
    let made = made(kit, &json!([{ "kind": "at", "at": FAR }])).await?;
    let path = format!("{}/entries/1", path(&made)?);
    let typed = [("content-type", "application/json")];
    let change = async |at: &str| {
        let body = json!({ "at": at }).to_string().into_bytes();
        kit.client.send(Method::PATCH, &path, &typed, Some(body)).await
    };
    let later = "2101-01-01T00:00:00Z";
    let moved = change(later).await?.ok(200)?;
    let due = text(entry(&moved, 1)?, "at")?.parse::<Time>();
    same("when it is due", due.ok(), later.parse().ok())?;
    let reason = json!({ "reason": "enough" });
    let gone = kit.client.post(&format!("{path}/cancel"), &reason).await?.ok(200)?;
    same("its status", text(entry(&gone, 1)?, "status")?, "cancelled")?;
    same("why", text(entry(&gone, 1)?, "reason")?, "enough")?;
    same("the schedule", text(&gone, "status")?, "completed")?;
    change(FAR).await?.refused(&[Code::IllegalTransition]).map(drop)
}

async fn a_paused_schedule_holds_its_entries(kit: &Kit) -> Outcome {
    let made = made(kit, &json!([{ "kind": "at", "at": FAR }])).await?;
    let path = path(&made)?;
    let held = kit.client.post(&format!("{path}/pause"), &json!({})).await?.ok(200)?;
    same("the schedule", text(&held, "status")?, "paused")?;
    let queued = json!({ "kind": "queued" });
    let more = kit.client.post(&format!("{path}/entries"), &queued).await?.ok(201)?;
    same("what is due", text(entry(&more, 2)?, "status")?, "pending")?;
    same("why it waits", text(&entry(&more, 2)?["waitingFor"], "reason")?, "operator")?;
    kit.client.post(&format!("{path}/resume"), &json!({})).await?.ok(200)?;
    let run = ended(kit, &made, 2).await?;
    same("runs of it", runs_in(kit, text(&run, "sessionId")?).await?, 1)?;
    let gone = kit.client.post(&format!("{path}/cancel"), &json!({})).await?.ok(200)?;
    same("the schedule", text(&gone, "status")?, "cancelled")?;
    same("what was not due", text(entry(&gone, 1)?, "status")?, "cancelled")?;
    let again = kit.client.post(&format!("{path}/resume"), &json!({})).await?;
    again.refused(&[Code::IllegalTransition]).map(drop)
}

async fn a_schedule_key_makes_one_schedule(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let (key, second) = (kit.name("key"), kit.name("key"));
    let far = json!({ "kind": "at", "at": FAR });
    let request = request(kit, &actor, &json!([far]));
    let keyed = async |path: &str, key: &str, body: &Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let body = body.to_string().into_bytes();
        kit.client.send(Method::POST, path, &headers, Some(body)).await
    };
    let first = keyed("/v1/schedules", &key, &request).await?.ok(201)?;
    let again = keyed("/v1/schedules", &key, &request).await?.ok(201)?;
    same("the same again", text(&again, "scheduleId")?, text(&first, "scheduleId")?)?;
    let mut other = request.clone();
    other["title"] = json!("another");
    keyed("/v1/schedules", &key, &other).await?.refused(&[Code::KeyConflict])?;
    let entries = format!("{}/entries", path(&first)?);
    for _ in 0..2 {
        let seen = keyed(&entries, &second, &far).await?.ok(201)?;
        same("its entries", seen["entries"].as_array().map(Vec::len), Some(2))?;
    }
    let queued = json!({ "kind": "queued" });
    keyed(&entries, &second, &queued).await?.refused(&[Code::KeyConflict]).map(drop)
}

async fn a_time_that_is_over_is_refused(kit: &Kit) -> Outcome {
    let made = made(kit, &json!([])).await?;
    let path = path(&made)?;
    for wrong in [
        json!({ "kind": "at", "at": "2001-01-01T00:00:00Z" }),
        json!({ "kind": "at" }),
        json!({ "kind": "queued", "at": FAR }),
        json!({ "kind": "remote" }),
    ] {
        let answer = kit.client.post(&format!("{path}/entries"), &wrong).await?;
        answer.refused(&[Code::InvalidArgument])?;
    }
    let seen = kit.client.get(&path).await?.ok(200)?;
    same("its entries", &seen["entries"], &json!([]))
}
