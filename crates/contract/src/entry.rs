//! The entry: one state change as it is stored, hashed and exported (`LOG-1`, `LOG-2`).
//!
//! An entry is deterministic CBOR (RFC 8949 §4.2): a map with ascending integer keys, definite
//! lengths and shortest integers. The stored bytes are the hashed bytes and the exported bytes;
//! nothing is ever encoded again to verify. `docs/format/entry.md` pins them with vectors.

use crate::event::Event;
use crate::words::{PrincipalKind, Surface};
use crate::{Digest, EventId, RunId, SessionId, TenantId, Time};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of the record format; readers refuse a higher one.
pub const FORMAT_VERSION: u8 = 1;

/// Which journal an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Journal {
    /// A session's journal.
    Session(SessionId),
    /// A tenant's ledger: agents, keys, policies.
    Ledger(TenantId),
}

impl Journal {
    /// Sixteen bytes that name the journal in its store; a session and a tenant never share them.
    #[must_use]
    pub const fn key(self) -> [u8; 16] {
        match self {
            Self::Session(id) => id.bytes(),
            Self::Ledger(id) => id.bytes(),
        }
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => id.fmt(f),
            Self::Ledger(id) => id.fmt(f),
        }
    }
}

/// Who acted: `kind:name`, such as `user:ada` or `system:tenure`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Principal {
    /// What acts.
    pub kind: PrincipalKind,
    /// Its name within the tenant.
    pub name: String,
}

impl Principal {
    /// The runtime itself.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: PrincipalKind::System, name: "tenure".to_owned() }
    }
    /// A person of that name.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self { kind: PrincipalKind::User, name: name.to_owned() }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// What an entry knows of its body: a salted digest and its size.
///
/// `digest = SHA-256(salt ‖ body)`; salt and body live beside the entry and vanish together on
/// erasure, so the digest can neither be guessed back nor compared over tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct PayloadRef {
    /// SHA-256 over salt and body.
    #[n(0)]
    pub digest: Digest,
    /// The body's size in bytes, without the salt.
    #[n(1)]
    pub len: u64,
}

/// One entry of a journal. `prev_hash` and `hash` stand beside the bytes, not in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The journal.
    pub journal: Journal,
    /// Place in the journal, from 1, without gaps; the only order there is.
    pub seq: u64,
    /// When it was decided.
    pub at: Time,
    /// The entry's own id.
    pub event_id: EventId,
    /// The owner.
    pub tenant: TenantId,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// Who acted.
    pub principal: Principal,
    /// Where from, when a surface was involved.
    pub surface: Option<Surface>,
    /// The same for everything that one request set going.
    pub correlation_id: [u8; 16],
    /// The entry that led to this one; its own id when a request did.
    pub causation_id: EventId,
    /// The entry this one hangs under in a tree view.
    pub parent_event_id: Option<EventId>,
    /// The body beside the entry.
    pub payload: Option<PayloadRef>,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// The session, when the journal is a session's.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self.journal {
            Journal::Session(id) => Some(id),
            Journal::Ledger(_) => None,
        }
    }

    /// The entry's bytes: stored, hashed and exported as they are.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // most entries are a little under 320 bytes
        let mut out = Vec::with_capacity(384);
        let mut encoder = Encoder::new(&mut out);
        // writing to a vector cannot fail
        let _ = self.write(&mut encoder);
        out
    }

    fn write(
        &self,
        e: &mut Encoder<&mut Vec<u8>>,
    ) -> Result<(), encode::Error<std::convert::Infallible>> {
        let optional = [
            self.run.is_some(),
            self.surface.is_some(),
            self.parent_event_id.is_some(),
            self.payload.is_some(),
        ];
        let fields = 11 + optional.iter().filter(|present| **present).count() as u64;
        e.map(fields)?;
        e.u8(0)?.u8(FORMAT_VERSION)?;
        let (tag, id) = match self.journal {
            Journal::Session(id) => (0, id.bytes()),
            Journal::Ledger(id) => (1, id.bytes()),
        };
        e.u8(1)?.array(2)?.u8(tag)?.bytes(&id)?;
        e.u8(2)?.u64(self.seq)?;
        e.u8(3)?.u64(self.at.micros())?;
        e.u8(4)?.encode(self.event_id)?;
        e.u8(5)?.u16(self.event.number())?;
        e.u8(6)?.encode(self.tenant)?;
        if let Some(run) = self.run {
            e.u8(7)?.encode(run)?;
        }
        e.u8(8)?.array(2)?.encode(self.principal.kind)?.str(&self.principal.name)?;
        if let Some(surface) = self.surface {
            e.u8(9)?.encode(surface)?;
        }
        e.u8(10)?.bytes(&self.correlation_id)?;
        e.u8(11)?.encode(self.causation_id)?;
        if let Some(parent) = self.parent_event_id {
            e.u8(12)?.encode(parent)?;
        }
        if let Some(payload) = self.payload {
            e.u8(13)?.encode(payload)?;
        }
        e.u8(14)?;
        self.event.encode_body(e)
    }

    /// Reads an entry from its bytes.
    ///
    /// # Errors
    /// A decode error naming what is wrong: a newer format, an unknown kind, a missing field, or
    /// bytes that say it in another way than [`Entry::to_bytes`] does (`LOG-2`): what is stored is
    /// what is hashed, so one entry has one form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, decode::Error> {
        let mut d = Decoder::new(bytes);
        let fields =
            d.map()?.ok_or_else(|| decode::Error::message("an entry has a definite length"))?;
        let mut draft = Draft::default();
        for _ in 0..fields {
            draft.read(&mut d)?;
        }
        if d.position() != bytes.len() {
            return Err(decode::Error::message("bytes after the end of the entry"));
        }
        let entry = draft.finish()?;
        if entry.to_bytes() != bytes {
            return Err(decode::Error::message("not the one form the entry has"));
        }
        Ok(entry)
    }

    /// The hash of an entry's bytes after `prev`: `SHA-256(prev ‖ bytes)`.
    #[must_use]
    pub fn hash(prev: &Digest, bytes: &[u8]) -> Digest {
        Digest::of(&[prev.bytes(), bytes])
    }
}

/// An entry while its fields are read.
#[derive(Default)]
struct Draft {
    version: Option<u8>,
    journal: Option<Journal>,
    seq: Option<u64>,
    at: Option<Time>,
    event_id: Option<EventId>,
    kind: Option<u16>,
    tenant: Option<TenantId>,
    run: Option<RunId>,
    principal: Option<Principal>,
    surface: Option<Surface>,
    correlation_id: Option<[u8; 16]>,
    causation_id: Option<EventId>,
    parent_event_id: Option<EventId>,
    payload: Option<PayloadRef>,
    event: Option<Event>,
}

impl Draft {
    fn read(&mut self, d: &mut Decoder<'_>) -> Result<(), decode::Error> {
        match d.u8()? {
            0 => {
                let version = d.u8()?;
                if version > FORMAT_VERSION {
                    return Err(decode::Error::message(format!(
                        "entry format {version} is newer than this program's {FORMAT_VERSION}"
                    )));
                }
                self.version = Some(version);
            }
            1 => {
                d.array()?;
                let tag = d.u8()?;
                self.journal = Some(match tag {
                    0 => Journal::Session(d.decode()?),
                    1 => Journal::Ledger(d.decode()?),
                    other => {
                        return Err(decode::Error::message(format!(
                            "`{other}` is not a journal kind"
                        )));
                    }
                });
            }
            2 => self.seq = Some(d.u64()?),
            3 => self.at = Some(d.decode()?),
            4 => self.event_id = Some(d.decode()?),
            5 => self.kind = Some(d.u16()?),
            6 => self.tenant = Some(d.decode()?),
            7 => self.run = Some(d.decode()?),
            8 => {
                d.array()?;
                self.principal = Some(Principal { kind: d.decode()?, name: d.str()?.to_owned() });
            }
            9 => self.surface = Some(d.decode()?),
            10 => self.correlation_id = Some(crate::digest::fixed(d)?),
            11 => self.causation_id = Some(d.decode()?),
            12 => self.parent_event_id = Some(d.decode()?),
            13 => self.payload = Some(d.decode()?),
            14 => {
                let kind = self.kind.ok_or_else(|| missing("kind"))?;
                self.event = Some(Event::decode_body(kind, d)?);
            }
            other => return Err(decode::Error::message(format!("an entry has no field {other}"))),
        }
        Ok(())
    }

    fn finish(self) -> Result<Entry, decode::Error> {
        self.version.ok_or_else(|| missing("version"))?;
        Ok(Entry {
            journal: self.journal.ok_or_else(|| missing("journal"))?,
            seq: self.seq.ok_or_else(|| missing("seq"))?,
            at: self.at.ok_or_else(|| missing("at"))?,
            event_id: self.event_id.ok_or_else(|| missing("event_id"))?,
            tenant: self.tenant.ok_or_else(|| missing("tenant"))?,
            run: self.run,
            principal: self.principal.ok_or_else(|| missing("principal"))?,
            surface: self.surface,
            correlation_id: self.correlation_id.ok_or_else(|| missing("correlation_id"))?,
            causation_id: self.causation_id.ok_or_else(|| missing("causation_id"))?,
            parent_event_id: self.parent_event_id,
            payload: self.payload,
            event: self.event.ok_or_else(|| missing("event"))?,
        })
    }
}

fn missing(field: &'static str) -> decode::Error {
    decode::Error::message(format!("the entry has no `{field}`"))
}
