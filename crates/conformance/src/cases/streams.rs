//! `SUB-1`: a session's stream, without gap and without repeat, wherever it is cut.

use super::log::lived;
use crate::answer::number;
use crate::case::{Outcome, cases, ensure, failed, same};
use crate::follow::{Follow, Told};
use crate::kit::Kit;
use crate::stand::Turn;
use reqwest::Method;
use serde_json::json;
use tenure_contract::Code;

cases! {
    "SUB-1" a_stream_tells_every_entry_once "a stream from the beginning tells every entry, in order, once, as the server lists it";
    "SUB-1" a_stream_tells_what_happens_next "a stream that was open before a run tells its entries as they come";
    "SUB-1" a_cut_stream_goes_on_where_it_was "a stream cut at random places and opened again with Last-Event-ID has no gap and no repeat";
    "SUB-1" many_followers_are_told_the_same "several streams of one session tell the same entries";
    "SUB-1" leaving_stops_nothing "a client that goes away from a stream does not stop the run";
    "SUB-1" a_place_that_is_none_is_refused "a Last-Event-ID that is no place of the journal is refused";
    "SUB-1" the_view_says_where_it_holds "the view of a run names the seq it holds at, and a stream from there tells what came after";
}

/// How often a stream is cut.
const CUTS: usize = 8;

fn seqs(told: &[Told]) -> Vec<u64> {
    told.iter().filter_map(Told::seq).collect()
}

/// In order, from that seq on, nothing missing and nothing twice.
fn whole(told: &[Told], first: u64) -> Outcome {
    let expected: Vec<u64> = (first..first + told.len() as u64).collect();
    same("the seqs of the stream", seqs(told), expected)
}

async fn a_stream_tells_every_entry_once(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let entries = kit.entries(&session).await?;
    let mut follow = Follow::begin(&kit.client, &session, None).await?;
    let told = follow.up_to(entries.len() as u64).await?;
    whole(&told, 1)?;
    for (told, entry) in told.iter().zip(&entries) {
        same("the hash of a told entry", &told.data["hash"], &entry["hash"])?;
        same(
            "the name of the event",
            told.event.as_str(),
            entry["kind"].as_str().unwrap_or_default(),
        )?;
    }
    Ok(())
}

async fn a_stream_tells_what_happens_next(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one"), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let mut follow = Follow::begin(&kit.client, &session, None).await?;
    let opened = follow.up_to(1).await?;
    whole(&opened, 1)?;
    let started = kit.start_in(&actor, &session).await?;
    let mut told = opened;
    loop {
        match follow.entry().await? {
            Some(entry) => told.push(entry),
            None => return failed("the stream ended while its session was open"),
        }
        if told.last().is_some_and(|entry| entry.event == "run.ended") {
            break;
        }
    }
    whole(&told, 1)?;
    kit.ended(&started).await.map(drop)
}

async fn a_cut_stream_goes_on_where_it_was(kit: &Kit) -> Outcome {
    let session = lived(kit).await?;
    let last = kit.entries(&session).await?.len() as u64;
    for _ in 0..CUTS {
        let mut told: Vec<Told> = Vec::new();
        while (told.len() as u64) < last {
            let after = told.last().map(|entry| entry.id.clone());
            let mut follow = Follow::begin(&kit.client, &session, after.as_deref()).await?;
            // dropped in the middle: the client is gone without a word
            let left = last - told.len() as u64;
            for _ in 0..rand::random_range(1..=left) {
                told.extend(follow.entry().await?);
            }
        }
        whole(&told, 1)?;
    }
    Ok(())
}

async fn many_followers_are_told_the_same(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one").held(), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let mut follows = Vec::new();
    for _ in 0..4 {
        follows.push(Follow::begin(&kit.client, &session, None).await?);
    }
    let started = kit.start_in(&actor, &session).await?;
    actor.play.release();
    kit.ended(&started).await?;
    let last = kit.entries(&session).await?.len() as u64;
    for follow in &mut follows {
        whole(&follow.up_to(last).await?, 1)?;
    }
    Ok(())
}

async fn leaving_stops_nothing(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one").held(), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let mut follow = Follow::begin(&kit.client, &session, None).await?;
    let started = kit.start_in(&actor, &session).await?;
    actor.play.is_asked(0, 1).await?;
    follow.up_to(2).await?;
    drop(follow);
    actor.play.release();
    let run = kit.ended(&started).await?;
    same("the run", run["status"].as_str(), Some("completed"))
}

async fn a_place_that_is_none_is_refused(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let path = format!("/v1/sessions/{session}/events");
    for place in ["-1", "last", "1e3", "18446744073709551616"] {
        let headers = [("last-event-id", place)];
        kit.client
            .send(Method::GET, &path, &headers, None)
            .await?
            .refused(&[Code::InvalidArgument])?;
    }
    Ok(())
}

async fn the_view_says_where_it_holds(kit: &Kit) -> Outcome {
    let actor = kit.agent(vec![Turn::call("effect", "one").held(), Turn::say("done")]).await?;
    let session = kit.plain_session().await?;
    let started = kit.start(&actor, json!({ "sessionId": session })).await?;
    actor.play.is_asked(0, 1).await?;
    let seq = number(&kit.run(&started.run).await?, "seq")?;
    actor.play.release();
    kit.ended(&started).await?;
    let last = kit.entries(&session).await?.len() as u64;
    ensure(seq < last, || format!("the view held at {seq} of {last}"))?;
    let mut follow = Follow::begin(&kit.client, &session, Some(&seq.to_string())).await?;
    whole(&follow.up_to(last).await?, seq + 1)
}
