//! Feeds a host's message sink from the log: after the commit, in order, at least once.

use super::{MessageSink, ThreadMessage, Wants};
use crate::api::Engine;
use crate::commit::store_error;
use crate::journal::{Found, undecodable};
use crate::node::Node;
use crate::settle::waits;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tenure_contract::agent::{Message, Role};
use tenure_contract::event::Work;
use tenure_contract::{Code, Entry, Error, Event, Journal, limits};
use tenure_core::position::Position;
use tenure_store::Stored;

/// Feeds the sink for as long as the engine lives; returns at once for one that wants nothing.
pub(crate) async fn feed(engine: Engine, sink: Arc<dyn MessageSink>) {
    let Wants::After(after) = sink.wants() else { return };
    let mut place = Position::from_number(after);
    let mut pauses = waits();
    loop {
        // what is settled is durable, and everything before it is too
        let _ = engine.node.settler.settled.reach(place.number() + 1).await;
        match next(&engine, &sink, place).await {
            Ok(reached) => {
                place = reached;
                pauses = waits();
            }
            Err(error) => {
                let about = format!("place {}", place.number());
                engine.node.failed("a host's sink did not take messages", about, &error);
                tokio::time::sleep(pauses.next().unwrap_or_default()).await;
            }
        }
    }
}

/// Hands one stretch of the log over and tells how far it reached.
async fn next(
    engine: &Engine,
    sink: &Arc<dyn MessageSink>,
    place: Position,
) -> Result<Position, Error> {
    let end = Position::from_number(engine.node.settler.settled.seq());
    let limit = limits::FEED_SCAN_ENTRIES;
    let page = engine.node.store.log.scan(place, limit).map_err(store_error)?;
    let whole = page.len() == limit;
    let page: Vec<Stored> = page.into_iter().take_while(|one| one.position <= end).collect();
    let last = page.last().map_or(place, |one| one.position);
    let reached = if whole { last } else { last.max(end) };
    let mut messages = Vec::new();
    for stored in page {
        messages.extend(told(&engine.node, stored)?);
    }
    let sink = sink.clone();
    let keeping = move || catch_unwind(AssertUnwindSafe(|| sink.keep(&messages, reached.number())));
    match engine.node.runtime.spawn_blocking(keeping).await {
        Ok(Ok(Ok(()))) => Ok(reached),
        Ok(Ok(Err(why))) => Err(refused(why.to_string())),
        Ok(Err(_)) | Err(_) => Err(refused("it panicked".to_owned())),
    }
}

fn refused(why: String) -> Error {
    Error::new(Code::StoreUnavailable, why)
}

/// What an entry says in a thread, if it says anything.
fn told(node: &Arc<Node>, stored: Stored) -> Result<Option<ThreadMessage>, Error> {
    let entry = Entry::from_bytes(&stored.bytes).map_err(|why| undecodable(&stored, &why))?;
    let is_spoken = match &entry.event {
        Event::RunSubmitted(submitted) => matches!(submitted.work, Work::Agent { .. }),
        event => matches!(event, Event::RunSteered(_) | Event::TurnLanded(_)),
    };
    let (Journal::Session(session), Some(run), true) = (entry.journal, entry.run, is_spoken) else {
        return Ok(None);
    };
    let found = Found { stored, entry };
    let body = node.body(&found)?.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    let Found { stored, entry } = found;
    Ok(Some(ThreadMessage {
        place: stored.position.number(),
        tenant: entry.tenant,
        session,
        run,
        seq: entry.seq,
        at: entry.at,
        message: message(&entry.event, body),
    }))
}

fn message(event: &Event, body: Option<Value>) -> Message {
    let role = if matches!(event, Event::TurnLanded(_)) { Role::Assistant } else { Role::User };
    let Some(body) = body else { return Message::text(role, "[erased]") };
    match role {
        Role::Assistant => serde_json::from_value(body)
            .unwrap_or_else(|_| Message::text(Role::Assistant, "[erased]")),
        Role::System | Role::User | Role::Tool => {
            let task = body.get("task").and_then(Value::as_str).map(str::to_owned);
            Message::text(Role::User, task.unwrap_or_else(|| body.to_string()))
        }
    }
}
