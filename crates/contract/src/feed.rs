//! A tenant's stream: the entries of all its journals, one after the other (`SUB-1`).

use crate::entry::{Journal, PayloadRef, Principal};
use crate::words::Surface;
use crate::{Digest, Entry, Event, EventId, RunId, SessionId, Time};
use serde::{Deserialize, Serialize};

/// One entry as a tenant's stream tells it: everything but its bytes and its body, which are read
/// from its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedLine {
    /// The journal: a session's, or the tenant's ledger.
    #[serde(with = "crate::export::as_text")]
    pub journal: Journal,
    /// Place in the journal, from 1; without gaps unless the stream was asked for less.
    pub seq: u64,
    /// The entry's id.
    pub event_id: EventId,
    /// When it was decided.
    pub at: Time,
    /// What happened, as `kind` and `data`.
    #[serde(flatten)]
    pub event: Event,
    /// The session, when the journal is a session's.
    pub session: Option<SessionId>,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// Who acted, as `kind:name`.
    #[serde(with = "crate::export::as_text")]
    pub principal: Principal,
    /// Where from.
    pub surface: Option<Surface>,
    /// The same for everything one request set going, in hex.
    #[serde(with = "crate::export::as_hex")]
    pub correlation_id: [u8; 16],
    /// The entry that led to this one.
    pub causation_id: EventId,
    /// The entry this one hangs under.
    pub parent_event_id: Option<EventId>,
    /// Salted digest and size of the body.
    pub payload: Option<PayloadRef>,
    /// The chain's hash after it.
    pub hash: Digest,
}

impl FeedLine {
    /// An entry as the stream tells it.
    #[must_use]
    pub fn new(entry: Entry, hash: Digest) -> Self {
        Self {
            journal: entry.journal,
            seq: entry.seq,
            event_id: entry.event_id,
            at: entry.at,
            session: entry.session(),
            event: entry.event,
            run: entry.run,
            principal: entry.principal,
            surface: entry.surface,
            correlation_id: entry.correlation_id,
            causation_id: entry.causation_id,
            parent_event_id: entry.parent_event_id,
            payload: entry.payload,
            hash,
        }
    }
}
