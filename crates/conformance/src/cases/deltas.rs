//! `STR-1`: what a model says is shown while it says it, provisionally, and replaced by the entry.

use crate::case::{Outcome, cases, ensure, failed, same};
use crate::follow::{Follow, Told};
use crate::kit::Kit;
use crate::stand::Turn;
use serde_json::json;

cases! {
    "STR-1" words_come_before_their_entry "a turn's words come as provisional deltas after the step's intent and before the entry that replaces them";
    "STR-1" nothing_provisional_is_journaled "deltas are in no entry, and their ids name the intent they hang on";
    "STR-1" an_ended_turn_is_told_by_its_entry "who follows from the beginning after the end is told entries only";
}

const SAID: &str = "The kit says this, word by word, so that somebody may read along.";

/// Everything a follower is told of one run that says [`SAID`], to its end. The model does not end
/// before its words were shown.
async fn told(kit: &Kit) -> Outcome<(String, Vec<Told>)> {
    let actor = kit.agent(vec![Turn::say(SAID).unfinished()]).await?;
    let session = kit.plain_session().await?;
    let mut follow = Follow::begin(&kit.client, &session, None).await?;
    kit.start_in(&actor, &session).await?;
    actor.play.is_asked(0, 1).await?;
    let mut told = Vec::new();
    let mut heard = 0;
    while told.last().is_none_or(|told: &Told| told.event != "run.ended") {
        match follow.next().await? {
            Some(next) => told.push(next),
            None => return failed("the stream ended before the run did"),
        }
        if let Some(delta) = told.last().filter(|told| told.event == "turn-delta") {
            heard += delta.data["text"].as_str().map_or(0, str::len);
        }
        if heard >= SAID.len() {
            actor.play.release();
        }
    }
    Ok((session, told))
}

fn place(told: &[Told], event: &str) -> Option<usize> {
    told.iter().position(|told| told.event == event)
}

async fn words_come_before_their_entry(kit: &Kit) -> Outcome {
    let (_, told) = told(kit).await?;
    let (intent, landed) = (place(&told, "step.intended"), place(&told, "turn.landed"));
    let (Some(intent), Some(landed)) = (intent, landed) else {
        return failed(format!("no intent or no landed turn in {told:?}"));
    };
    let mut heard = String::new();
    for (at, delta) in told.iter().enumerate().filter(|(_, told)| told.event == "turn-delta") {
        ensure(intent < at && at < landed, || format!("a delta at place {at} of {told:?}"))?;
        same("its offset", delta.data["offset"].as_u64(), Some(heard.len() as u64))?;
        heard.push_str(delta.data["text"].as_str().unwrap_or_default());
    }
    same("what the deltas say", heard.as_str(), SAID)
}

async fn nothing_provisional_is_journaled(kit: &Kit) -> Outcome {
    let (session, told) = told(kit).await?;
    let intent = told.iter().find(|told| told.event == "step.intended").and_then(Told::seq);
    for delta in told.iter().filter(|told| told.event == "turn-delta") {
        ensure(delta.seq().is_none(), || format!("a delta has a hash: {delta:?}"))?;
        let hangs_on = delta.id.split('.').next().and_then(|seq| seq.parse().ok());
        same("the entry it hangs on", hangs_on, intent)?;
    }
    let entries = json!(kit.entries(&session).await?).to_string();
    ensure(!entries.contains("turn-delta"), || "a delta is an entry".to_owned())
}

async fn an_ended_turn_is_told_by_its_entry(kit: &Kit) -> Outcome {
    let (session, before) = told(kit).await?;
    let entries = before.iter().filter_map(Told::seq).max().unwrap_or_default();
    let mut follow = Follow::begin(&kit.client, &session, None).await?;
    loop {
        match follow.next().await? {
            Some(told) => match told.seq() {
                Some(seq) if seq >= entries => return Ok(()),
                Some(_) => {}
                None => return failed(format!("told again although it has landed: {told:?}")),
            },
            None => return failed(format!("the stream ended before entry {entries}")),
        }
    }
}
