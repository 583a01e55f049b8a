//! The check itself: one line after the other, nothing kept but the fold.

use super::agree::{first_difference, read_object};
use super::crossing::Route;
use super::head::check_head;
use super::{Broken, HeldBy, Options, Signer, Unsigned, Verified, Why};
use crate::SessionState;
use crate::ledger::LedgerState;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tenure_contract::export::{Body, EXPORT_VERSION, EntryLine, Head, HeadLine, Header, Link};
use tenure_contract::{Digest, Entry, EventId, digest::unhex, entry::Journal};

/// How far the check is.
pub(super) struct Check<'a> {
    options: &'a Options,
    line: u64,
    journal: Option<(Header, Fold)>,
    seq: u64,
    hash: Digest,
    signed_by: Option<Signer>,
    route: Route,
    bodies_present: u64,
    bodies_erased: u64,
}

/// The machine the journal belongs to.
enum Fold {
    Session(Box<SessionState>),
    Ledger(Box<LedgerState>),
}

impl Fold {
    fn new(header: &Header) -> Self {
        match header.journal {
            Journal::Session(id) => Self::Session(Box::new(SessionState::new(id, header.tenant))),
            Journal::Ledger(id) => Self::Ledger(Box::new(LedgerState::new(id))),
        }
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Why> {
        let folded = match self {
            Self::Session(state) => state.apply(entry),
            Self::Ledger(state) => state.apply(entry),
        };
        folded.map_err(|illegal| Why::Illegal(illegal.why))
    }
}

/// Where in the journal a line is wrong, and what is.
type Fault = (Option<u64>, Option<EventId>, Why);

impl<'a> Check<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            options,
            line: 0,
            journal: None,
            seq: 0,
            hash: Digest::ZERO,
            signed_by: None,
            route: Route::default(),
            bodies_present: 0,
            bodies_erased: 0,
        }
    }

    /// Takes the next line.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Broken> {
        self.line += 1;
        let taken = self.take(text);
        taken.map_err(|(seq, event_id, why)| Broken { line: self.line, seq, event_id, why })
    }

    /// The next line could not be read.
    pub(super) fn unread(&self, error: String) -> Broken {
        let seq = self.journal.is_some().then_some(self.seq + 1);
        Broken { line: self.line + 1, seq, event_id: None, why: Why::Unreadable(error) }
    }

    /// There are no more lines.
    pub(super) fn end(self) -> Result<Verified, Broken> {
        let broken = |line, seq, why| Broken { line, seq, event_id: None, why };
        let Some((header, _)) = self.journal else {
            return Err(broken(1, None, Why::NotAHeader("there is no line".to_owned())));
        };
        if let Some(head) = self.options.head.filter(|head| head.seq > self.seq) {
            let why = Why::Truncated { ends: self.seq, head: head.seq, held_by: HeldBy::Caller };
            return Err(broken(self.line, Some(self.seq + 1), why));
        }
        if self.signed_by.is_none() && self.options.unsigned == Unsigned::Refuse {
            return Err(broken(self.line, None, Why::NoHead));
        }
        Ok(Verified {
            journal: header.journal,
            tenant: header.tenant,
            store: header.store,
            entries: self.seq,
            head: Head { journal: header.journal, seq: self.seq, hash: self.hash },
            signed_by: self.signed_by,
            released_to: self.route.released_to(self.seq),
            crossings: self.route.crossings,
            bodies_present: self.bodies_present,
            bodies_erased: self.bodies_erased,
        })
    }

    fn take(&mut self, text: &str) -> Result<(), Fault> {
        if self.signed_by.is_some() {
            return Err((None, None, Why::Trailing));
        }
        let begun = self.journal.is_some();
        let next = begun.then_some(self.seq + 1);
        let words = read_object(text).map_err(|why| (next, None, Why::Unreadable(why)))?;
        if !begun {
            return self.header(&words).map_err(|why| (None, None, why));
        }
        if words.contains_key("head") {
            return self.head(&words);
        }
        let id = words.get("eventId").and_then(Value::as_str).and_then(|id| id.parse().ok());
        self.entry(&words).map_err(|why| (next, id, why))
    }

    fn header(&mut self, words: &Map<String, Value>) -> Result<(), Why> {
        let header: Header = exact(words).map_err(Why::NotAHeader)?;
        if header.tenure != EXPORT_VERSION {
            return Err(Why::NotAHeader(format!("this one is format {}", header.tenure)));
        }
        let other = |found: String, expected: String| Why::OtherOwner { found, expected };
        if let Some(tenant) = self.options.tenant.filter(|tenant| *tenant != header.tenant) {
            return Err(other(header.tenant.to_string(), tenant.to_string()));
        }
        if let Some(head) = self.options.head.filter(|head| head.journal != header.journal) {
            return Err(other(header.journal.to_string(), head.journal.to_string()));
        }
        if matches!(header.journal, Journal::Ledger(tenant) if tenant != header.tenant) {
            return Err(other(header.tenant.to_string(), header.journal.to_string()));
        }
        self.journal = Some((header, Fold::new(&header)));
        self.meets_head_elsewhere()
    }

    fn entry(&mut self, words: &Map<String, Value>) -> Result<(), Why> {
        let (bytes, link) = self.chained(words)?;
        let entry =
            Entry::from_bytes(&bytes).map_err(|error| Why::NotDecodable(error.to_string()))?;
        let Some((header, fold)) = &mut self.journal else {
            return Err(Why::NotAHeader("there is none".to_owned()));
        };
        if (entry.journal, entry.tenant) != (header.journal, header.tenant) {
            return Err(Why::Foreign { journal: entry.journal, tenant: entry.tenant });
        }
        if entry.seq != self.seq + 1 {
            return Err(Why::OutOfOrder { expected: self.seq + 1, found: entry.seq });
        }
        let body = body_of(words)?;
        let truth = EntryLine::new(&entry, &bytes, link, body);
        if let Some(name) = first_difference(words, &to_words(&truth)) {
            return Err(Why::WordsDiffer(name));
        }
        match (truth.body, entry.payload) {
            (Some(body), Some(payload)) if body.payload() == payload => self.bodies_present += 1,
            (Some(_), Some(_)) => return Err(Why::BodyChanged),
            (Some(_), None) => return Err(Why::BodyAdded),
            (None, Some(_)) => self.bodies_erased += 1,
            (None, None) => {}
        }
        fold.apply(&entry)?;
        self.route.take(&entry, link)?;
        (self.seq, self.hash) = (entry.seq, link.hash);
        self.meets_head_elsewhere()
    }

    /// The entry's bytes, once they are shown to be the next of the chain.
    fn chained(&self, words: &Map<String, Value>) -> Result<(Vec<u8>, Link), Why> {
        let text = |name: &str| words.get(name).and_then(Value::as_str);
        let missing =
            |name: &str| Why::NotAnEntry(format!("`{name}` is not there or not what it should be"));
        let digest =
            |name: &str| text(name).and_then(|text| text.parse().ok()).ok_or_else(|| missing(name));
        let found = words.get("seq").and_then(Value::as_u64).ok_or_else(|| missing("seq"))?;
        if found != self.seq + 1 {
            return Err(Why::OutOfOrder { expected: self.seq + 1, found });
        }
        let link = Link { prev_hash: digest("prevHash")?, hash: digest("hash")? };
        let bytes = text("bytes").and_then(unhex).ok_or_else(|| missing("bytes"))?;
        if link.prev_hash != self.hash {
            return Err(Why::NotLinked { expected: self.hash, found: link.prev_hash });
        }
        match Entry::hash(&link.prev_hash, &bytes) {
            computed if computed == link.hash => Ok((bytes, link)),
            computed => Err(Why::BytesChanged { computed, stated: link.hash }),
        }
    }

    fn head(&mut self, words: &Map<String, Value>) -> Result<(), Fault> {
        let whole = |why| (None, None, why);
        let HeadLine { head } = exact(words).map_err(|why| whole(Why::NotAnEntry(why)))?;
        let signer =
            check_head(&head, self.options.root.as_ref()).map_err(|why| whole(why.into()))?;
        let claim = head.claim;
        let Some((header, _)) = &self.journal else { return Err(whole(Why::NoHead)) };
        if (claim.journal, claim.tenant, claim.store)
            != (header.journal, header.tenant, header.store)
        {
            let found = format!("{} of {} in {}", header.journal, header.tenant, header.store);
            let expected = format!("{} of {} in {}", claim.journal, claim.tenant, claim.store);
            return Err(whole(Why::OtherOwner { found, expected }));
        }
        if claim.seq > self.seq {
            let why = Why::Truncated { ends: self.seq, head: claim.seq, held_by: HeldBy::Export };
            return Err((Some(self.seq + 1), None, why));
        }
        if claim.seq < self.seq {
            return Err((Some(claim.seq + 1), None, Why::Unsealed { head: claim.seq }));
        }
        self.agrees(claim.hash, HeldBy::Export).map_err(|why| (Some(self.seq), None, why))?;
        self.route.ends_in(header.store, &signer).map_err(whole)?;
        self.signed_by = Some(signer);
        Ok(())
    }

    /// At the place a head from elsewhere names, the chain must be the one it names.
    fn meets_head_elsewhere(&self) -> Result<(), Why> {
        match self.options.head {
            Some(head) if head.seq == self.seq => self.agrees(head.hash, HeldBy::Caller),
            _ => Ok(()),
        }
    }

    fn agrees(&self, expected: Digest, held_by: HeldBy) -> Result<(), Why> {
        if expected == self.hash {
            return Ok(());
        }
        Err(Why::Replaced { expected, found: self.hash, held_by })
    }
}

fn body_of(words: &Map<String, Value>) -> Result<Option<Body>, Why> {
    match words.get("body") {
        None | Some(Value::Null) => Ok(None),
        Some(body) => {
            let read: Body = serde_json::from_value(body.clone())
                .map_err(|error| Why::NotAnEntry(format!("its `body`: {error}")))?;
            // hex that is text would be a second form of the same body
            let sealed = [&read.salt[..], read.bytes()].concat();
            Ok(Body::unseal(&sealed))
        }
    }
}

/// Reads a line's words as a type that says exactly as much.
fn exact<T: Serialize + DeserializeOwned>(words: &Map<String, Value>) -> Result<T, String> {
    let read: T =
        serde_json::from_value(Value::Object(words.clone())).map_err(|error| error.to_string())?;
    match first_difference(words, &to_words(&read)) {
        None => Ok(read),
        Some(name) => Err(format!("`{name}` is not as it is written")),
    }
}

fn to_words(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        // lines are objects with text for names; were they not, nothing would agree with them
        _ => Map::new(),
    }
}
