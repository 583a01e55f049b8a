//! A tenant's entries as they come, of all its sessions and its ledger (`SUB-1`).
//!
//! The id of an event is an opaque cursor; wherever a client stopped reading is where it goes on,
//! over reconnects and restarts. Nothing is kept for a client but its place: whoever falls behind
//! reads the log again, and whoever stops reading is cut.

use super::caller::Who;
use super::events::StreamEvent;
use super::extract::Asked;
use super::limits::{HEARTBEAT_MS, STREAM_STALL_MAX_MS};
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
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tenure_contract::feed::FeedLine;
use tenure_contract::{Code, SessionId};
use tenure_core::cursor::Cursors;
use tenure_core::position::Position;
use tenure_engine::{Following, Wanted};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(follow_tenant))
}

/// How a tenant is followed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedAsked {
    /// Only entries after this cursor; the `Last-Event-ID` header wins over it.
    after: Option<String>,
    /// Where a stream without a cursor begins; `start` when nothing is said.
    #[param(inline)]
    from: Option<From>,
    /// Only kinds that begin with one of these, separated by commas, such as `run.,approval.`.
    kind: Option<String>,
    /// Only entries of this session.
    #[serde(default, deserialize_with = "session_id")]
    session: Option<SessionId>,
    /// Only entries of sessions of this product.
    product: Option<String>,
    /// When the stream ends by itself; never when nothing is said.
    #[param(inline)]
    until: Option<Until>,
}

/// Where a stream without a cursor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum From {
    /// With the tenant's first entry.
    Start,
    /// With the next entry.
    Now,
}

/// When a stream ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Until {
    /// Once everything that is durable is told.
    Told,
}

fn session_id<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SessionId>, D::Error> {
    let text = String::deserialize(d)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Follow a tenant: the entries of all its sessions and its ledger, as they become durable.
///
/// Each event has a cursor as its id, the entry's kind as its name and the entry as its data, in an
/// order that keeps each journal's own. Bodies are read from the sessions' journals. A client that
/// comes back with `Last-Event-ID` goes on right after it; an event without data only moves the
/// cursor. A client that stops reading is cut, with the event `stream.cut` if it reads again.
#[utoipa::path(
    get, path = "/v1/events", tag = "journals", operation_id = "followTenant",
    params(
        ("Last-Event-ID" = inline(Option<String>), Header, description = "The cursor of the last event the client has"),
        FeedAsked,
    ),
    responses((status = 200, description = "Entries as server-sent events", body = StreamEvent,
        content_type = "text/event-stream")),
)]
async fn follow_tenant(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<FeedAsked>,
    closing: Closing,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let engine = state.engine;
    let cursors = Cursors::new(&state.signer.secret, engine.store_id(), caller.tenant);
    let place = match last_event(&headers)?.or(asked.after) {
        Some(cursor) => cursors.open(&cursor)?,
        None if asked.from == Some(From::Now) => engine.durable_end(),
        None => Position::START,
    };
    let kinds = asked.kind.iter().flat_map(|kinds| kinds.split(',')).map(str::to_owned);
    let wanted = Wanted { kinds: kinds.collect(), session: asked.session, product: asked.product };
    let following = blocking(move || engine.follow(&caller, wanted, place)).await?;
    let telling = Telling {
        following: Some(following),
        cursors,
        closing,
        until: asked.until,
        ready: VecDeque::new(),
        // whoever begins now has a cursor before anything happens
        said: (asked.from != Some(From::Now)).then_some(place),
        handed: None,
    };
    let events = unfold(telling, |mut telling| async {
        let event = telling.next().await?;
        telling.handed = Some(Instant::now());
        Some((Ok(event), telling))
    });
    let heartbeat = KeepAlive::new().interval(Duration::from_millis(HEARTBEAT_MS));
    Ok(Sse::new(events).keep_alive(heartbeat))
}

fn last_event(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(given) = headers.get("last-event-id") else { return Ok(None) };
    let text = given.to_str().map(|text| text.trim().to_owned());
    text.map(Some).map_err(|_| {
        let text = "the Last-Event-ID header is not a cursor; expected visible ASCII letters";
        Refusal::new(Code::InvalidArgument, text)
    })
}

struct Telling {
    /// Where it reads; none once it is over.
    following: Option<Following>,
    cursors: Cursors,
    closing: Closing,
    until: Option<Until>,
    ready: VecDeque<(Position, FeedLine)>,
    /// The last place the client was given; none before the first.
    said: Option<Position>,
    /// When the last event was taken.
    handed: Option<Instant>,
}

impl Telling {
    /// The next event, however long it takes; none when the stream ends. A failure ends it as well:
    /// whoever comes back is told.
    async fn next(&mut self) -> Option<Event> {
        let stalled = Duration::from_millis(STREAM_STALL_MAX_MS);
        if self.handed.is_some_and(|handed| handed.elapsed() > stalled) {
            return self.cut();
        }
        loop {
            if let Some((place, line)) = self.ready.pop_front() {
                self.said = Some(place);
                let event = Event::default().id(self.cursors.seal(place));
                let text = serde_json::to_string(&line).unwrap_or_default();
                return Some(event.event(line.event.name()).data(text));
            }
            let mut following = self.following.take()?;
            let read = blocking(move || following.read().map(|lines| (lines, following))).await;
            let (lines, following) = read.ok()?;
            let place = following.place();
            self.ready = lines.into();
            let is_current = following.is_current();
            let following = self.following.insert(following);
            if !self.ready.is_empty() {
                continue;
            }
            // a stretch without anything wanted need not be read again
            if self.said != Some(place) {
                self.said = Some(place);
                return Some(Event::default().id(self.cursors.seal(place)));
            }
            if is_current {
                if self.until == Some(Until::Told) {
                    return None;
                }
                tokio::select! {
                    () = following.reach() => {}
                    () = self.closing.begun() => return None,
                }
            }
        }
    }

    /// The last event for a client that did not read for too long.
    fn cut(&mut self) -> Option<Event> {
        self.following.take()?;
        self.ready.clear();
        self.handed = None;
        let reason = format!(
            "nothing was read for more than STREAM_STALL_MAX_MS, {STREAM_STALL_MAX_MS} ms; \
             come back with the last cursor"
        );
        Some(Event::default().event("stream.cut").data(json!({ "reason": reason }).to_string()))
    }
}
