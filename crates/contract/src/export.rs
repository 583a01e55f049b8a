//! The export of a journal: JSON Lines, readable by people, provable by their bytes (`LOG-2`).
//!
//! Three kinds of lines, in this order and nothing else:
//!
//! 1. one [`Header`]: `{"tenure":1,"journal":"ses_…","tenant":"ten_…","store":"sto_…"}`;
//! 2. one [`EntryLine`] per entry, oldest first: every field of the entry in words, then `prevHash`,
//!    `hash`, `bytes` (the entry's CBOR in hex: stored = hashed = exported) and `body`;
//! 3. one [`HeadLine`]: the head of the chain, signed by the node that exported it.
//!
//! A `body` is `{"salt":"<hex>","text":"…"}` when its bytes are UTF-8 and
//! `{"salt":"<hex>","hex":"…"}` when they are not: exactly one form per body, and exactly the bytes
//! the entry's `payload.digest` was made from, as `SHA-256(salt ‖ bytes)`. A body that holds JSON is
//! text that parses as JSON. An entry with a `payload` and no `body` had its body erased.
//!
//! The bytes are what counts; the words beside them are for reading, and a verifier holds them
//! against the bytes. Absent and `null` mean the same. This module says what the lines are;
//! checking them is `tenure-core`'s.

use crate::digest::{hex, unhex};
use crate::entry::{Journal, PayloadRef, Principal};
use crate::words::Surface;
use crate::{Digest, Entry, Event, EventId, RunId, SessionId, StoreId, TenantId, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The version of the export format; readers refuse any other.
pub const EXPORT_VERSION: u32 = 1;

/// Bytes of salt before a sealed body.
pub const SALT_BYTES: usize = 16;

/// What a head's signature begins with.
const HEAD_DOMAIN: &[u8] = b"tenure-head-v1\0";

/// What a node certificate's signature begins with.
const NODE_DOMAIN: &[u8] = b"tenure-node-v1\0";

/// The first line: whose journal this is. The signed head repeats every word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`EXPORT_VERSION`].
    pub tenure: u32,
    /// The journal.
    #[serde(with = "as_text")]
    pub journal: Journal,
    /// Its owner.
    pub tenant: TenantId,
    /// The store it was exported from.
    pub store: StoreId,
}

/// The place of an entry in its chain: the hash before it and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Hash of the entry before; [`Digest::ZERO`] for the first.
    pub prev_hash: Digest,
    /// `SHA-256(prev_hash ‖ bytes)`, as stored.
    pub hash: Digest,
}

/// A line of the middle: one entry, in words and in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryLine {
    /// Place in the journal, from 1.
    pub seq: u64,
    /// The entry's id.
    pub event_id: EventId,
    /// The journal.
    #[serde(with = "as_text")]
    pub journal: Journal,
    /// When it was decided.
    pub at: Time,
    /// What happened, as `kind` and `data`.
    #[serde(flatten)]
    pub event: Event,
    /// The owner.
    pub tenant: TenantId,
    /// The session, when the journal is a session's.
    pub session: Option<SessionId>,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// Who acted, as `kind:name`.
    #[serde(with = "as_text")]
    pub principal: Principal,
    /// Where from.
    pub surface: Option<Surface>,
    /// The same for everything one request set going, in hex.
    #[serde(with = "as_hex")]
    pub correlation_id: [u8; 16],
    /// The entry that led to this one.
    pub causation_id: EventId,
    /// The entry this one hangs under.
    pub parent_event_id: Option<EventId>,
    /// Salted digest and size of the body.
    pub payload: Option<PayloadRef>,
    /// Hash of the entry before.
    pub prev_hash: Digest,
    /// This entry's hash.
    pub hash: Digest,
    /// The entry as it is stored and hashed, in hex.
    #[serde(with = "as_hex")]
    pub bytes: Vec<u8>,
    /// The body, unless there is none or it was erased.
    pub body: Option<Body>,
}

/// A body with the salt its digest was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The salt, in hex.
    #[serde(with = "as_hex")]
    pub salt: [u8; SALT_BYTES],
    /// The exact bytes.
    #[serde(flatten)]
    pub content: Content,
}

/// A body's exact bytes, in the one form that fits them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// They are UTF-8.
    Text(String),
    /// They are not.
    Hex(#[serde(with = "as_hex")] Vec<u8>),
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadLine {
    /// The signed head.
    pub head: SignedHead,
}

/// What a node states about a journal when it signs its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadClaim {
    /// The journal.
    #[serde(with = "as_text")]
    pub journal: Journal,
    /// Its owner.
    pub tenant: TenantId,
    /// The store that holds it.
    pub store: StoreId,
    /// The last entry.
    pub seq: u64,
    /// That entry's hash.
    pub hash: Digest,
    /// When it was signed.
    pub at: Time,
    /// The epoch of the shard's owner that signed.
    pub epoch: u64,
}

/// A claim and what proves who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedHead {
    /// What is stated.
    #[serde(flatten)]
    pub claim: HeadClaim,
    /// Short name of the node key: the first 16 hex digits of its SHA-256.
    pub key_id: String,
    /// The node's Ed25519 signature over [`HeadClaim::to_bytes`], in hex.
    #[serde(with = "as_hex")]
    pub signature: [u8; 64],
    /// The node's public key, in hex.
    #[serde(with = "as_hex")]
    pub key: [u8; 32],
    /// The root key's word for the node key.
    pub certificate: Certificate,
}

/// A root key's word for a node key. The root named here proves nothing by itself: whoever checks
/// gets the root from somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The root's public key, in hex.
    #[serde(with = "as_hex")]
    pub root: [u8; 32],
    /// The root's Ed25519 signature over [`Certificate::message`], in hex.
    #[serde(with = "as_hex")]
    pub signature: [u8; 64],
}

/// A head as one writes it down and keeps it elsewhere: `ses_…@41:sha256:…`. Held against a later
/// export it shows whether anything up to there was taken away or replaced (`LOG-3`).
///
/// ```
/// use tenure_contract::export::Head;
/// let text = format!("ses_00000000000000000000000001@41:sha256:{}", "0a".repeat(32));
/// let head: Head = text.parse()?;
/// assert_eq!((head.seq, head.to_string()), (41, text));
/// assert!("ses_1@41".parse::<Head>().is_err());
/// # Ok::<(), tenure_contract::export::BadHead>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    /// The journal.
    pub journal: Journal,
    /// The last entry.
    pub seq: u64,
    /// That entry's hash.
    pub hash: Digest,
}

/// A text that is not a head.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{found}` is not a head; expected `<journal>@<seq>:sha256:<64 hex digits>`")]
pub struct BadHead {
    /// What was given, cut to 160 characters.
    pub found: String,
}

/// A text that names neither a session's journal nor a tenant's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{found}` is not a journal; expected `ses_…` for a session's, `ten_…` for a tenant's ledger"
)]
pub struct BadJournal {
    /// What was given, cut to sixty characters.
    pub found: String,
}

/// A text that is not a principal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{found}` is not a principal; expected `kind:name`, such as `user:ada`")]
pub struct BadPrincipal {
    /// What was given, cut to sixty characters.
    pub found: String,
}

impl Header {
    /// The line, without its end of line.
    #[must_use]
    pub fn to_line(&self) -> String {
        line(self)
    }
}

impl EntryLine {
    /// An entry as a line of the export. `bytes` and `link` are as stored, never made anew.
    #[must_use]
    pub fn new(entry: &Entry, bytes: &[u8], link: Link, body: Option<Body>) -> Self {
        Self {
            seq: entry.seq,
            event_id: entry.event_id,
            journal: entry.journal,
            at: entry.at,
            event: entry.event.clone(),
            tenant: entry.tenant,
            session: entry.session(),
            run: entry.run,
            principal: entry.principal.clone(),
            surface: entry.surface,
            correlation_id: entry.correlation_id,
            causation_id: entry.causation_id,
            parent_event_id: entry.parent_event_id,
            payload: entry.payload,
            prev_hash: link.prev_hash,
            hash: link.hash,
            bytes: bytes.to_vec(),
            body,
        }
    }

    /// The line, without its end of line.
    #[must_use]
    pub fn to_line(&self) -> String {
        line(self)
    }
}

impl Body {
    /// From salt and content in one, as a store keeps them; none when there is not even a salt.
    #[must_use]
    pub fn unseal(sealed: &[u8]) -> Option<Self> {
        let (salt, bytes) = sealed.split_first_chunk::<SALT_BYTES>()?;
        let content = match std::str::from_utf8(bytes) {
            Ok(text) => Content::Text(text.to_owned()),
            Err(_) => Content::Hex(bytes.to_vec()),
        };
        Some(Self { salt: *salt, content })
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Text(text) => text.as_bytes(),
            Content::Hex(bytes) => bytes,
        }
    }

    /// What an entry says of this body.
    #[must_use]
    pub fn payload(&self) -> PayloadRef {
        PayloadRef {
            digest: Digest::of(&[&self.salt, self.bytes()]),
            len: self.bytes().len() as u64,
        }
    }
}

impl HeadClaim {
    /// The signed bytes: `"tenure-head-v1\0"`, journal (one byte, 0 for a session's and 1 for a
    /// ledger, and its 16), tenant (16), store (16), seq (8, big end first), hash (32), epoch (8) and
    /// at in microseconds (8).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let tag = match self.journal {
            Journal::Session(_) => 0,
            Journal::Ledger(_) => 1,
        };
        [
            HEAD_DOMAIN,
            &[tag],
            &self.journal.key(),
            &self.tenant.bytes(),
            &self.store.bytes(),
            &self.seq.to_be_bytes(),
            self.hash.bytes(),
            &self.epoch.to_be_bytes(),
            &self.at.micros().to_be_bytes(),
        ]
        .concat()
    }
}

impl SignedHead {
    /// The line, without its end of line.
    #[must_use]
    pub fn to_line(&self) -> String {
        line(&HeadLine { head: self.clone() })
    }

    /// What to write down of it.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { journal: self.claim.journal, seq: self.claim.seq, hash: self.claim.hash }
    }
}

impl Certificate {
    /// The signed bytes: `"tenure-node-v1\0"` and the node's public key (32).
    #[must_use]
    pub fn message(node: &[u8; 32]) -> Vec<u8> {
        [NODE_DOMAIN, node].concat()
    }
}

/// The short name of a node key.
#[must_use]
pub fn key_id(node: &[u8; 32]) -> String {
    hex(&Digest::of(&[node]).bytes()[..8])
}

fn line(value: &impl Serialize) -> String {
    // none of the lines has a map with keys other than text, the only way writing JSON could fail
    serde_json::to_string(value).unwrap_or_default()
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.journal, self.seq, self.hash)
    }
}

impl FromStr for Head {
    type Err = BadHead;
    fn from_str(text: &str) -> Result<Self, BadHead> {
        let bad = || BadHead { found: cut(text, 160) };
        let (journal, place) = text.split_once('@').ok_or_else(bad)?;
        let (seq, hash) = place.split_once(':').ok_or_else(bad)?;
        Ok(Self {
            journal: journal.parse().map_err(|_| bad())?,
            seq: seq.parse().map_err(|_| bad())?,
            hash: hash.parse().map_err(|_| bad())?,
        })
    }
}

impl FromStr for Journal {
    type Err = BadJournal;
    fn from_str(text: &str) -> Result<Self, BadJournal> {
        let session = text.parse().map(Self::Session);
        session
            .or_else(|_| text.parse().map(Self::Ledger))
            .map_err(|_| BadJournal { found: cut(text, 60) })
    }
}

impl FromStr for Principal {
    type Err = BadPrincipal;
    fn from_str(text: &str) -> Result<Self, BadPrincipal> {
        let bad = || BadPrincipal { found: cut(text, 60) };
        let (kind, name) = text.split_once(':').ok_or_else(bad)?;
        Ok(Self { kind: kind.parse().map_err(|_| bad())?, name: name.to_owned() })
    }
}

/// Values that stand in a line as their own text.
pub(crate) mod as_text {
    use super::{Deserialize, Deserializer, FromStr, Serializer, fmt};
    use serde::de::Error;

    pub(crate) fn serialize<S: Serializer, T: fmt::Display>(
        value: &T,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D, T>(d: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: fmt::Display>,
    {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

/// Bytes that stand in a line as lower-case hex.
pub(crate) mod as_hex {
    use super::{Deserialize, Deserializer, Serializer, hex, unhex};
    use serde::de::Error;

    pub(crate) fn serialize<S: Serializer, T: AsRef<[u8]>>(
        bytes: &T,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex(bytes.as_ref()))
    }

    pub(crate) fn deserialize<'de, D, T>(d: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: TryFrom<Vec<u8>>,
    {
        let text = String::deserialize(d)?;
        let bytes = unhex(&text)
            .ok_or_else(|| D::Error::custom("expected an even number of hex digits"))?;
        let found = bytes.len();
        T::try_from(bytes)
            .map_err(|_| D::Error::custom(format!("{found} bytes are the wrong number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunStarted;

    fn entry(body: &Body) -> Entry {
        let event_id = EventId::from_bytes([3; 16]);
        Entry {
            journal: Journal::Session(SessionId::from_bytes([1; 16])),
            seq: 1,
            at: Time::from_micros(1_795_219_200_000_000),
            event_id,
            tenant: TenantId::from_bytes([2; 16]),
            run: Some(RunId::from_bytes([4; 16])),
            principal: Principal::user("ada:x"),
            surface: Some(Surface::Desktop),
            correlation_id: [5; 16],
            causation_id: event_id,
            parent_event_id: None,
            payload: Some(body.payload()),
            event: RunStarted { run: RunId::from_bytes([4; 16]) }.into(),
        }
    }

    #[test]
    fn log_2_a_line_carries_the_stored_bytes_and_the_same_in_words() {
        for content in [&b"{\"path\":\"a\"}"[..], b"\xff\xfe"] {
            let body = Body::unseal(&[&[9; 16], content].concat()).unwrap();
            assert_eq!(body.bytes(), content);
            let entry = entry(&body);
            let bytes = entry.to_bytes();
            let link = Link { prev_hash: Digest::ZERO, hash: Entry::hash(&Digest::ZERO, &bytes) };
            let line = EntryLine::new(&entry, &bytes, link, Some(body));
            let read: EntryLine = serde_json::from_str(&line.to_line()).unwrap();
            assert_eq!(read, line);
            assert_eq!(Entry::from_bytes(&read.bytes).unwrap(), entry);
            let words: serde_json::Value = serde_json::from_str(&line.to_line()).unwrap();
            assert_eq!(words["kind"], "run.started");
            assert_eq!(words["principal"], "user:ada:x");
            assert_eq!(words["parentEventId"], serde_json::Value::Null);
        }
        assert_eq!(Body::unseal(&[0; 15]), None);
    }

    #[test]
    fn log_2_an_entry_has_one_form_only() {
        let bytes = entry(&Body::unseal(&[&[9; 16], &b"x"[..]].concat()).unwrap()).to_bytes();
        assert!(Entry::from_bytes(&bytes).is_ok());
        // field 2, `seq`, is 1: the same number in two bytes
        let at = bytes.windows(2).position(|pair| pair == [0x02, 0x01]).unwrap() + 1;
        let longer = [&bytes[..at], &[0x18, 0x01], &bytes[at + 1..]].concat();
        assert!(Entry::from_bytes(&longer).is_err());
    }

    #[test]
    fn a_journal_is_a_session_s_or_a_ledger() {
        let ledger = Journal::Ledger(TenantId::from_bytes([2; 16]));
        assert_eq!(ledger.to_string().parse(), Ok(ledger));
        let told = "run_1".parse::<Journal>().unwrap_err().to_string();
        assert!(told.contains("`run_1`") && told.contains("ses_…"), "{told}");
        assert!("ada".parse::<Principal>().is_err());
    }
}
