//! A session's entries as they come: server-sent events, without gap or repeat (`SUB-1`).
//!
//! The id of an entry's event is its `seq`, so wherever a client stopped reading is where it goes
//! on. Only durable entries are told; what is provisional stands between them (`STR-1`, `T6`) and
//! is never needed to know what happened. Whoever leaves stops nothing.

use super::caller::Who;
use super::extract::{Asked, Named};
use super::journal::{Bodies, Reader, place};
use super::limits::{ENTRIES_AT_ONCE, HEARTBEAT_MS};
use super::page::blocking;
use super::problem::Refusal;
use super::route::Routes;
use super::serve::Closing;
use super::state::ServerState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use futures::stream::unfold;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tenure_contract::export::EntryLine;
use tenure_contract::live::{Cursor, Provisional};
use tenure_contract::resource::Session;
use tenure_contract::words::SessionStatus;
use tenure_contract::{Code, SessionId};
use tenure_engine::{News, Watch};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(follow_session))
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

/// One event of a stream, after its lines are read as server-sent events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamEvent {
    /// What to come back with as `Last-Event-ID`; none for what cannot be gone on from.
    pub id: Option<String>,
    /// The kind of the entry, or of what is provisional.
    pub event: Option<String>,
    /// The entry, or what is provisional, as JSON; none for an event that only moves the place.
    #[schema(content_media_type = "application/json")]
    pub data: Option<String>,
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
/// Each entry's event has its `seq` as its id, its kind as its name and the entry as its data. A
/// client that comes back with `Last-Event-ID` goes on right after it.
///
/// Between entries stand provisional events, whose names have no dot: `turn-delta` (a turn's text
/// while the model says it; its entry `turn.landed` replaces it), `turn-restarted` (what was shown
/// of a lost attempt is withdrawn) and `tool-progress`. A delta's id, where it has one, is
/// `seq.attempt.offset`: a client that comes back with it goes on within the turn. Where that is not
/// possible a delta with `restated` brings the text so far.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}/events", tag = "journals", operation_id = "followSession",
    params(
        ("sessionId" = SessionId, Path, description = "The session"),
        ("Last-Event-ID" = inline(Option<String>), Header, description = "The last event the client has: `seq`, or `seq.attempt.offset` within a turn"),
        FollowAsked,
    ),
    responses((status = 200, description = "Entries as server-sent events, and what is provisional between them", body = StreamEvent,
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
    let (after, cursor) = match last_event(&headers)? {
        Some(place) => place,
        None => (asked.after.unwrap_or(0), None),
    };
    let watch = {
        let (engine, caller) = (state.engine.clone(), caller.clone());
        blocking(move || engine.watch(&caller, id, cursor)).await?
    };
    let mut reader = Reader::new(state.engine, caller, id, after.saturating_add(1));
    reader.bodies = if asked.bodies == Some(true) { Bodies::With } else { Bodies::Without };
    // refused now or never: once it streams, only its end can tell
    session(&reader).await?;
    let told = after;
    let ready = VecDeque::new();
    let following =
        Following { reader, watch, closing, until: asked.until, ready, told, is_due: true };
    let events = unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    let heartbeat = KeepAlive::new().interval(Duration::from_millis(HEARTBEAT_MS));
    Ok(Sse::new(events).keep_alive(heartbeat))
}

/// The last entry the client has, and the place within a turn that begins with it, if it has one.
fn last_event(headers: &HeaderMap) -> Result<Option<(u64, Option<Cursor>)>, Refusal> {
    let Some(given) = headers.get("last-event-id") else { return Ok(None) };
    let text = given.to_str().unwrap_or_default().trim();
    let entry = || text.parse().ok().map(|seq| (seq, None));
    let within = || text.parse().ok().map(|cursor: Cursor| (cursor.seq, Some(cursor)));
    entry().or_else(within).map(Some).ok_or_else(|| {
        let text = "the Last-Event-ID header is not the id of an event; expected an entry's `seq`, \
                    a whole number, or `seq.attempt.offset`";
        Refusal::new(Code::InvalidArgument, text)
    })
}

struct Following {
    reader: Reader,
    watch: Watch,
    closing: Closing,
    until: Option<Until>,
    ready: VecDeque<Event>,
    /// The last entry among what was told.
    told: u64,
    /// Whether there may be entries that were not read.
    is_due: bool,
}

impl Following {
    /// The next event, however long it takes; none when the stream ends. A failure ends it as well:
    /// whoever comes back is told.
    ///
    /// Nothing is made before it is asked for, so a client that does not read costs what one page
    /// of entries costs.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_due {
                let lines = self.reader.read(ENTRIES_AT_ONCE).await.ok()?;
                self.is_due = !lines.is_empty();
                lines.iter().for_each(|line| self.tell(line));
                if !self.is_due && self.is_over().await? {
                    return None;
                }
            } else if let Some(news) = self.news()? {
                return Some(provisional(&news));
            } else if !self.moved().await {
                return None;
            }
        }
    }

    /// An entry, and what it withdraws.
    fn tell(&mut self, line: &EntryLine) {
        let event = Event::default().id(line.seq.to_string()).event(line.event.name());
        self.ready.push_back(event.data(line.to_line()));
        self.told = line.seq;
        let withdrawn = self.watch.told(&line.event).into_iter().map(Provisional::Restarted);
        let news = withdrawn.map(|what| provisional(&News { what, cursor: None }));
        self.ready.extend(news);
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

    /// What is under way and was not told yet; nothing at all once the session is another's.
    fn news(&mut self) -> Option<Option<News>> {
        let Reader { engine, caller, .. } = &self.reader;
        engine.news(caller, &mut self.watch, self.told).ok()
    }

    /// Waits for the next entry or for news; false when the stream is to end.
    async fn moved(&mut self) -> bool {
        let Reader { engine, caller, session, next, .. } = &self.reader;
        tokio::select! {
            biased;
            reached = engine.reach(caller, *session, *next) => {
                self.is_due = true;
                reached.is_ok()
            }
            () = self.watch.moved(self.told) => true,
            () = self.closing.begun() => false,
        }
    }
}

fn provisional(news: &News) -> Event {
    let event = Event::default().event(news.what.name());
    // without an id the client's last one stays, and that is the last entry it has
    let event = match news.cursor {
        Some(cursor) => event.id(cursor.to_string()),
        None => event,
    };
    // three structs of plain fields: they always have a text
    event.data(serde_json::to_string(&news.what).unwrap_or_default())
}

async fn session(reader: &Reader) -> Result<Session, Refusal> {
    let Reader { engine, caller, session, .. } = reader;
    Ok(engine.session(caller, *session).await?)
}
