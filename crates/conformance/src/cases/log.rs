//! `LOG-1` to `LOG-4`: every change is an entry, chained and signed, provable by anyone.

use crate::answer::{has_fields, is_time, items, number, text};
use crate::case::{Outcome, Stop, cases, ensure, failed, same};
use crate::client::Client;
use crate::kit::Kit;
use crate::proof::{Proven, verify};
use crate::stand::Turn;
use serde_json::{Value, json};

cases! {
    "LOG-1" entries_are_numbered_without_gaps "the entries of a session are numbered from 1 without gaps, up to the seq the session shows";
    "LOG-1" an_entry_has_all_its_fields "every entry has every field, with hash and bytes";
    "LOG-1" causes_are_entries_of_the_journal "each entry's cause is itself or an entry before it";
    "LOG-1" pages_tell_the_same_entries "entries read one by one and all at once are the same";
    "LOG-2" an_export_is_proven_by_its_bytes "an export holds from the documented format alone: chain, words, bodies, both signatures";
    "LOG-2" exported_is_what_was_listed "the entries of an export are those the server lists, byte for byte";
    "LOG-3" an_edited_byte_is_found "a byte edited in any entry of an export is found at that entry";
    "LOG-3" missing_entries_are_found "an entry cut out of an export or off its end is found";
    "LOG-3" a_head_kept_outside_stays_true "an earlier export's entries are the beginning of a later one";
    "LOG-4" what_is_acknowledged_is_there "the entry an acknowledgement names can be read at once";
}

const FIELDS: &[&str] = &[
    "seq",
    "eventId",
    "journal",
    "at",
    "kind",
    "data",
    "tenant",
    "session",
    "run",
    "principal",
    "surface",
    "correlationId",
    "causationId",
    "parentEventId",
    "payload",
    "prevHash",
    "hash",
    "bytes",
];

/// A session in which something happened: a run with an effect and a decision.
pub(super) async fn lived(kit: &Kit) -> Outcome<String> {
    let turns = vec![Turn::call("effect", "one").and_call("guarded", "two"), Turn::say("done")];
    let actor = kit.agent(turns).await?;
    let session = kit.plain_session().await?;
    let started = kit.start_in(&actor, &session).await?;
    let open = kit.approvals(&session, 1).await?;
    kit.decide(text(&open[0], "approvalId")?, &json!({ "decision": "approve" })).await?.ok(200)?;
    kit.ended(&started).await?;
    Ok(session)
}

async fn export(kit: &Kit, session: &str) -> Outcome<String> {
    export_of(&kit.client, session).await
}

/// The export of a session at a server.
pub(super) async fn export_of(client: &Client, session: &str) -> Outcome<String> {
    let answer = client.get(&format!("/v1/sessions/{session}/export")).await?;
    answer.ok(200)?;
    Ok(answer.text())
}

/// What an export proves, or why the case failed.
pub(super) fn proven(export: &str) -> Outcome<Proven> {
    verify(export).map_err(|broken| Stop::Failed(format!("the export does not hold: {broken}")))
}

async fn entries_are_numbered_without_gaps(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let entries = kit.entries(&session).await?;
    for (seq, entry) in (1u64..).zip(&entries) {
        same("the seq", number(entry, "seq")?, seq)?;
    }
    let seen = kit.client.get(&format!("/v1/sessions/{session}")).await?.ok(200)?;
    match seen.get("seq") {
        Some(last) => same("the last seq", last.as_u64(), Some(entries.len() as u64)),
        None => Ok(()),
    }
}

async fn an_entry_has_all_its_fields(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    for entry in kit.entries(&session).await? {
        has_fields("the entry", &entry, FIELDS)?;
        is_time(&entry, "at")?;
        same("its session", text(&entry, "session")?, session.as_str())?;
        same("its journal", text(&entry, "journal")?, session.as_str())?;
        ensure(text(&entry, "principal")?.contains(':'), || format!("nobody acted: {entry}"))?;
    }
    Ok(())
}

async fn causes_are_entries_of_the_journal(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let mut known = Vec::new();
    for entry in kit.entries(&session).await? {
        known.push(text(&entry, "eventId")?.to_owned());
        let cause = text(&entry, "causationId")?;
        ensure(known.iter().any(|id| id == cause), || {
            format!("entry {} was caused by `{cause}`, which is not before it", entry["seq"])
        })?;
    }
    Ok(())
}

async fn pages_tell_the_same_entries(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let whole = kit.entries(&session).await?;
    let mut single = Vec::new();
    let mut from = "1".to_owned();
    loop {
        let path = format!("/v1/sessions/{session}/entries?limit=1&from={from}");
        let page = kit.client.get(&path).await?.ok(200)?;
        single.extend(items(&page)?.iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut from),
            None => break,
        }
    }
    ensure(whole == single, || {
        format!("{} entries at once, {} one by one, or they differ", whole.len(), single.len())
    })
}

async fn an_export_is_proven_by_its_bytes(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let proven = proven(&export(kit, &session).await?)?;
    same("the journal", proven.journal.as_str(), session.as_str())?;
    ensure(proven.hashes.len() > 5 && proven.bodies > 0, || {
        format!("too little was proven: {proven:?}")
    })
}

async fn exported_is_what_was_listed(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let listed = kit.entries(&session).await?;
    let exported = export(kit, &session).await?;
    let lines: Vec<Value> =
        exported.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let entries: Vec<&Value> = lines.iter().filter(|line| line.get("bytes").is_some()).collect();
    same("the number of entries", entries.len(), listed.len())?;
    for (exported, listed) in entries.iter().zip(&listed) {
        for field in ["seq", "bytes", "hash"] {
            same(&format!("`{field}` in the export"), &exported[field], &listed[field])?;
        }
    }
    Ok(())
}

async fn an_edited_byte_is_found(kit: &Kit) -> Outcome {
    let export = export(kit, &lived(kit).await?).await?;
    proven(&export)?;
    for line in export.lines().skip(1) {
        let entry: Value = serde_json::from_str(line).unwrap_or_default();
        let (Some(seq), Some(bytes)) = (entry["seq"].as_u64(), entry["bytes"].as_str()) else {
            continue;
        };
        let at = rand::random_range(0..bytes.len());
        let other = if bytes.as_bytes()[at] == b'0' { "1" } else { "0" };
        let edited = format!("{}{other}{}", &bytes[..at], &bytes[at + 1..]);
        match verify(&export.replacen(bytes, &edited, 1)) {
            Err(broken) if broken.seq == Some(seq) => {}
            found => {
                return failed(format!("digit {at} of entry {seq} was edited; found: {found:?}"));
            }
        }
    }
    Ok(())
}

async fn missing_entries_are_found(kit: &Kit) -> Outcome {
    let export = export(kit, &lived(kit).await?).await?;
    proven(&export)?;
    let lines: Vec<&str> = export.lines().collect();
    for gone in 1..lines.len() {
        let kept: Vec<&str> =
            lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line).collect();
        ensure(verify(&kept.join("\n")).is_err(), || {
            format!("line {} was cut out and nothing was found", gone + 1)
        })?;
    }
    Ok(())
}

async fn a_head_kept_outside_stays_true(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let before = proven(&export(kit, &session).await?)?;
    let actor = kit.agent(vec![Turn::say("more")]).await?;
    let started = kit.start_in(&actor, &session).await?;
    kit.ended(&started).await?;
    let after = proven(&export(kit, &session).await?)?;
    ensure(
        after.hashes.len() > before.hashes.len() && after.hashes.starts_with(&before.hashes),
        || "the later export does not begin with the earlier one".to_owned(),
    )
}

async fn what_is_acknowledged_is_there(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let accepted = kit.submit(&actor, json!({ "sessionId": session })).await?.ok(202)?;
    let seq = number(&accepted, "seq")?;
    let path = format!("/v1/sessions/{session}/entries?from={seq}&limit=1");
    let page = kit.client.get(&path).await?.ok(200)?;
    same("entries at the acknowledged seq", items(&page)?.len(), 1)?;
    let entries = kit.entries(&session).await?;
    let there = entries
        .iter()
        .any(|entry| entry["kind"] == "run.submitted" && entry["run"] == accepted["runId"]);
    ensure(there, || "the accepted run is not in the journal".to_owned())
}
