//! A session's entries as they come: server-sent events, without gap or repeat (`SUB-1`).
//!
//! The id of an event is its entry's `seq`, so wherever a client stopped reading is where it goes
//! on. Only durable entries are told. Whoever leaves stops nothing.

use super::caller::Who;
use super::extract::{Asked, Named};
use super::journal::{Bodies, Reader, place};
use super::limits::{ENTRIES_AT_ONCE, HEARTBEAT_MS};
use super::problem::Refusal;
use super::serve::Closing;
use super::state::ServerState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use futures::stream::unfold;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tenure_contract::export::EntryLine;
use tenure_contract::resource::Session;
use tenure_contract::words::SessionStatus;
use tenure_contract::{Code, SessionId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(follow_session))
}

/// How a session is followed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FollowAsked {
    /// Only entries after this one; the `Last-Event-ID` header wins over it.
    #[serde(default, deserialize_with = "place")]
    #[param(minimum = 0)]
    after: Option<u64>,
    /// Whether entries come with their bodies; without when nothing is said.
    bodies: Option<bool>,
    /// When the stream ends by itself; never when nothing is said.
    #[param(inline)]
    until: Option<Until>,
}

/// When a stream ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Until {
    /// Once everything is told and nothing goes on by itself: no run is in progress, or the one
    /// that is waits for somebody.
    Idle,
}

/// Follow a session: its entries, and every new one as it becomes durable.
///
/// Each event has the entry's `seq` as its id, the entry's kind as its name and the entry as its
/// data. A client that comes back with `Last-Event-ID` goes on right after it.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}/events", tag = "journals", operation_id = "followSession",
    params(
        ("sessionId" = SessionId, Path, description = "The session"),
        ("Last-Event-ID" = inline(Option<u64>), Header, description = "The last entry the client has"),
        FollowAsked,
    ),
    responses((status = 200, description = "Entries as server-sent events", body = String,
        content_type = "text/event-stream")),
)]
async fn follow_session(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Asked(asked): Asked<FollowAsked>,
    closing: Closing,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let after = last_event(&headers)?.or(asked.after).unwrap_or(0);
    let mut reader = Reader::new(state.engine, caller, id, after.saturating_add(1));
    reader.bodies = if asked.bodies == Some(true) { Bodies::With } else { Bodies::Without };
    // refused now or never: once it streams, only its end can tell
    session(&reader).await?;
    let following = Following { reader, closing, until: asked.until, ready: VecDeque::new() };
    let events = unfold(following, |mut following| async {
        let line = following.next().await?;
        let event = Event::default().id(line.seq.to_string()).event(line.event.name());
        Some((Ok(event.data(line.to_line())), following))
    });
    let heartbeat = KeepAlive::new().interval(Duration::from_millis(HEARTBEAT_MS));
    Ok(Sse::new(events).keep_alive(heartbeat))
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(given) = headers.get("last-event-id") else { return Ok(None) };
    let seq = given.to_str().ok().and_then(|text| text.trim().parse().ok());
    seq.map(Some).ok_or_else(|| {
        let text = "the Last-Event-ID header is not the `seq` of an entry; expected a whole number";
        Refusal::new(Code::InvalidArgument, text)
    })
}

struct Following {
    reader: Reader,
    closing: Closing,
    until: Option<Until>,
    ready: VecDeque<EntryLine>,
}

impl Following {
    /// The next entry, however long it takes; none when the stream ends. A failure ends it as well:
    /// whoever comes back is told.
    async fn next(&mut self) -> Option<EntryLine> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            self.ready = self.reader.read(ENTRIES_AT_ONCE).await.ok()?.into();
            if self.ready.is_empty() && (self.is_over().await? || !self.reached().await) {
                return None;
            }
        }
    }

    /// Whether everything is told and nothing goes on by itself.
    async fn is_over(&self) -> Option<bool> {
        if self.until.is_none() {
            return Some(false);
        }
        let session = session(&self.reader).await.ok()?;
        let told = self.reader.next > session.seq;
        let rests = session.current_run_id.is_none() || session.status != SessionStatus::Active;
        Some(told && rests)
    }

    /// Waits for the next entry; false when the stream is to end.
    async fn reached(&mut self) -> bool {
        let Reader { engine, caller, session, next, .. } = &self.reader;
        tokio::select! {
            reached = engine.reach(caller, *session, *next) => reached.is_ok(),
            () = self.closing.begun() => false,
        }
    }
}

async fn session(reader: &Reader) -> Result<Session, Refusal> {
    let Reader { engine, caller, session, .. } = reader;
    Ok(engine.session(caller, *session).await?)
}
