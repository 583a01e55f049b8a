//! A session's journal read in order, as lines with the hash before each. Pages, streams and
//! exports are all told from here.

use super::limits::ENTRIES_AT_ONCE;
use super::page::blocking;
use super::problem::Refusal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tenure_contract::export::{Body, EntryLine, Link};
use tenure_contract::resource::Caller;
use tenure_contract::{Digest, Error, SessionId};
use tenure_engine::{Engine, Told};

/// Whether lines come with the bodies of their entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bodies {
    With,
    Without,
}

/// Reads on from a place; a place beyond the end has nothing yet.
#[derive(Clone)]
pub(super) struct Reader {
    pub engine: Engine,
    pub caller: Caller,
    pub session: SessionId,
    pub bodies: Bodies,
    /// The `seq` of the next line.
    pub next: u64,
    /// The hash before it, once known.
    pub before: Option<Digest>,
}

impl Reader {
    /// Reads from an entry on, `1` being the first.
    pub fn new(engine: Engine, caller: Caller, session: SessionId, from: u64) -> Self {
        let next = from.max(1);
        let before = (next == 1).then_some(Digest::ZERO);
        Self { engine, caller, session, bodies: Bodies::With, next, before }
    }

    /// The next lines, at most so many and never more than [`ENTRIES_AT_ONCE`]; none at the end.
    pub async fn read(&mut self, limit: usize) -> Result<Vec<EntryLine>, Refusal> {
        let mut reader = self.clone();
        let (reader, lines) = blocking(move || {
            let lines = reader.read_now(limit.min(ENTRIES_AT_ONCE))?;
            Ok((reader, lines))
        })
        .await?;
        *self = reader;
        Ok(lines)
    }

    fn read_now(&mut self, limit: usize) -> Result<Vec<EntryLine>, Error> {
        let mut before = match self.before {
            Some(known) => known,
            None => match self.told(self.next - 1, 1)?.pop() {
                Some(told) => told.hash,
                None => return Ok(Vec::new()),
            },
        };
        let mut lines = Vec::new();
        for told in self.told(self.next, limit)? {
            let link = Link { prev_hash: before, hash: told.hash };
            before = told.hash;
            self.next = told.entry.seq + 1;
            lines.push(self.line(&told, link));
        }
        self.before = Some(before);
        Ok(lines)
    }

    fn told(&self, from: u64, limit: usize) -> Result<Vec<Told>, Error> {
        self.engine.entries(&self.caller, self.session, from, limit)
    }

    fn line(&self, told: &Told, link: Link) -> EntryLine {
        let sealed = told.sealed.as_deref().filter(|_| self.bodies == Bodies::With);
        EntryLine::new(&told.entry, &told.bytes, link, sealed.and_then(Body::unseal))
    }
}

/// Reads a place in a journal from a query; the log counts with 63 bits.
pub(super) fn place<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(d)?;
    let place = text.parse().ok().filter(|place| i64::try_from(*place).is_ok());
    place.map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        D::Error::custom(format!(
            "`{shown}` is not a place in a journal; expected 0 to {}",
            i64::MAX
        ))
    })
}
