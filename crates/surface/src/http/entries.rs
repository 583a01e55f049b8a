//! The entries of a session, page by page, readable.

use super::caller::Who;
use super::extract::{Asked, Named};
use super::journal::{Reader, place};
use super::limits::ENTRY_PAGE_MAX_BYTES;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;
use tenure_contract::export::EntryLine;
use tenure_contract::resource::Page;
use tenure_contract::{Code, Event, SessionId, limits};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(list_entries))
}

/// An entry as the export writes it: in words, in bytes, with its body.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Entry(EntryLine);

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EntriesAsked {
    /// The first, counted from 1; also the `nextCursor` of the page before.
    #[serde(default, deserialize_with = "place")]
    #[param(minimum = 0)]
    from: Option<u64>,
    /// Entries at the most; 50 when nothing is said. Large bodies make a page shorter.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// List a session's entries, the oldest first.
#[utoipa::path(
    get, path = "/v1/sessions/{sessionId}/entries", tag = "journals", operation_id = "listEntries",
    params(("sessionId" = SessionId, Path, description = "The session"), EntriesAsked),
    responses((status = 200, description = "A page of entries; `nextCursor` is the next `from`",
        body = Page<Entry>)),
)]
async fn list_entries(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<SessionId>,
    Asked(asked): Asked<EntriesAsked>,
) -> Result<axum::Json<Page<Entry>>, Refusal> {
    let limit = asked.limit.unwrap_or(limits::PAGE_DEFAULT_ROWS);
    if limit == 0 || limit > limits::PAGE_MAX_ROWS {
        let text =
            format!("limit {limit} is out of range; expected 1 to {}", limits::PAGE_MAX_ROWS);
        return Err(Refusal::new(Code::InvalidArgument, text));
    }
    let mut reader = Reader::new(state.engine, caller, id, asked.from.unwrap_or(1));
    let (mut items, mut size) = (Vec::new(), 0);
    let next_cursor = loop {
        let lines = reader.read(limit - items.len()).await?;
        if lines.is_empty() {
            break None;
        }
        size += lines.iter().map(weight).sum::<usize>();
        items.extend(lines.into_iter().map(Entry));
        if items.len() >= limit || size >= ENTRY_PAGE_MAX_BYTES {
            break Some(reader.next.to_string());
        }
    };
    Ok(axum::Json(Page { items, next_cursor }))
}

fn weight(line: &EntryLine) -> usize {
    line.body.as_ref().map_or(0, |body| body.bytes().len())
}

impl ToSchema for Entry {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Entry")
    }
}

/// Written by hand: the line is `contract`'s, and the data of each kind stands in `docs/contract`.
impl PartialSchema for Entry {
    fn schema() -> RefOr<Schema> {
        let kinds: Vec<&str> = Event::KINDS.iter().map(|(_, name)| *name).collect();
        let text = || json!({ "type": "string" });
        let maybe = || json!({ "type": ["string", "null"] });
        let maybe_object = || json!({ "type": ["object", "null"] });
        let schema = json!({
            "type": "object",
            "description": "One entry of a journal: in words, as bytes, with its body. A line of the export.",
            "required": ["seq", "eventId", "journal", "at", "kind", "data", "tenant", "principal",
                "correlationId", "causationId", "prevHash", "hash", "bytes"],
            "properties": {
                "seq": { "type": "integer", "format": "int64", "minimum": 1, "description": "Place in the journal" },
                "eventId": text(), "journal": text(), "tenant": text(), "principal": text(),
                "at": { "type": "string", "format": "date-time" },
                "kind": { "type": "string", "enum": kinds },
                "data": { "type": "object", "description": "What happened, by kind" },
                "session": maybe(), "run": maybe(), "surface": maybe(), "parentEventId": maybe(),
                "correlationId": text(), "causationId": text(),
                "payload": maybe_object(),
                "prevHash": text(), "hash": text(),
                "bytes": { "type": "string", "description": "The entry as it is stored and hashed, hex" },
                "body": maybe_object(),
            },
        });
        // a constant that the document's test reads back
        serde_json::from_value(schema).unwrap_or_default()
    }
}
