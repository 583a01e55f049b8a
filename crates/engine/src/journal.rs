//! Reading a journal: settled entries by the index, the rest by the resident's tail.

use crate::commit::store_error;
use crate::lock;
use crate::node::Node;
use crate::resident::{Chain, Folded, Resident};
use std::collections::BTreeMap;
use std::sync::Arc;
use tenure_contract::{Code, Digest, Entry, Error, Journal, TenantId, Time};
use tenure_core::ledger::LedgerState;
use tenure_core::position::Position;
use tenure_core::session::{FOLD_VERSION, SessionState};
use tenure_store::{Snapshot, Stored};

/// Entries read at once while a journal is folded.
const FOLD_PAGE: usize = 1_024;

/// One entry as it lies, with what it says.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub stored: Stored,
    pub entry: Entry,
}

pub(crate) fn undecodable(stored: &Stored, why: &dyn std::fmt::Display) -> Error {
    let at = stored.position.number();
    Error::new(Code::StoreCorrupt, format!("the entry at position {at} cannot be read: {why}"))
}

fn found(stored: Stored) -> Result<Found, Error> {
    let entry = Entry::from_bytes(&stored.bytes).map_err(|why| undecodable(&stored, &why))?;
    Ok(Found { stored, entry })
}

impl Node {
    /// Durable entries of a journal from `from` on, at most `limit`, without gaps.
    pub fn read(&self, resident: &Resident, from: u64, limit: usize) -> Result<Vec<Found>, Error> {
        let durable = resident.durable.seq();
        if from == 0 || from > durable || limit == 0 {
            return Ok(Vec::new());
        }
        // the tail first: what leaves it afterwards is in the index by then
        let tail: Vec<(u64, Position)> = lock(&resident.tail).iter().copied().collect();
        let located = self
            .store
            .projection
            .locate(resident.journal.key(), from, limit)
            .map_err(store_error)?;
        let mut places: BTreeMap<u64, Position> = (from..).zip(located).collect();
        places.extend(tail.into_iter().filter(|(seq, _)| *seq >= from));
        let positions: Vec<Position> = places
            .into_iter()
            .zip(from..=durable)
            .take_while(|((seq, _), expected)| seq == expected)
            .take(limit)
            .map(|((_, position), _)| position)
            .collect();
        let stored = self.store.log.fetch(&positions).map_err(store_error)?;
        stored.into_iter().map(found).collect()
    }

    /// One durable entry.
    pub fn read_one(&self, resident: &Resident, seq: u64) -> Result<Option<Found>, Error> {
        Ok(self.read(resident, seq, 1)?.pop())
    }

    /// The body beside an entry; none when it has none or it was erased.
    pub fn body(&self, found: &Found) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .sealed_body(found)?
            .map(|mut sealed| sealed.split_off(crate::seal::SALT_BYTES.min(sealed.len()))))
    }

    /// The body beside an entry with its salt in front.
    pub fn sealed_body(&self, found: &Found) -> Result<Option<Vec<u8>>, Error> {
        let Some(payload) = found.entry.payload else { return Ok(None) };
        if let Some(sealed) = &found.stored.inline {
            return Ok(Some(sealed.clone()));
        }
        self.store.payload.get(found.entry.tenant, payload.digest).map_err(store_error)
    }

    /// The JSON body beside a journal's entry.
    pub fn json_at(
        &self,
        resident: &Resident,
        seq: u64,
    ) -> Result<Option<serde_json::Value>, Error> {
        let Some(found) = self.read_one(resident, seq)? else { return Ok(None) };
        let body = self.body(&found)?;
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
    }

    /// Reads and folds a journal that is not resident; none when nothing of it exists.
    pub(crate) fn load(&self, journal: Journal) -> Result<Option<Arc<Resident>>, Error> {
        let key = journal.key();
        let head = self.store.projection.head(key).map_err(store_error)?;
        if head == 0 {
            return Ok(None);
        }
        let first = self.fetch_page(key, 1, 1)?.pop().ok_or_else(|| gap(journal, 1))?;
        if first.entry.journal != journal {
            // the key is another journal's: as a session's, or as a ledger's, it does not exist
            return Ok(None);
        }
        let tenant = first.entry.tenant;
        let (mut state, mut chain, snapshot_size) = self.beginning(journal, tenant)?;
        let mut unsnapped = 0;
        while chain.seq < head {
            let page = self.fetch_page(key, chain.seq + 1, FOLD_PAGE)?;
            if page.is_empty() {
                return Err(gap(journal, chain.seq + 1));
            }
            for found in page {
                chain = follow(chain, &found)?;
                unsnapped += found.stored.bytes.len();
                fold(&mut state, &found.entry)?;
            }
        }
        let resident = Resident::new(journal, tenant, state, chain);
        {
            let mut cell = lock(&resident.cell);
            cell.unsnapped = unsnapped;
            cell.snapshot_size = snapshot_size;
            resident.weigh(&cell);
        }
        Ok(Some(Arc::new(resident)))
    }

    fn fetch_page(&self, key: [u8; 16], from: u64, limit: usize) -> Result<Vec<Found>, Error> {
        let positions = self.store.projection.locate(key, from, limit).map_err(store_error)?;
        let stored = self.store.log.fetch(&positions).map_err(store_error)?;
        stored.into_iter().map(found).collect()
    }

    /// The state a fold begins from: the snapshot, if this fold made it and the log agrees.
    fn beginning(
        &self,
        journal: Journal,
        tenant: TenantId,
    ) -> Result<(Folded, Chain, usize), Error> {
        let nothing = Chain { seq: 0, hash: Digest::ZERO, at: Time::default() };
        match journal {
            Journal::Ledger(tenant) => {
                Ok((Folded::Ledger(Box::new(LedgerState::new(tenant))), nothing, 0))
            }
            Journal::Session(id) => {
                let snapshot =
                    self.store.projection.snapshot(journal.key()).map_err(store_error)?;
                if let Some((state, chain, size)) =
                    snapshot.and_then(|snapshot| self.trusted(journal, snapshot))
                {
                    return Ok((Folded::Session(Box::new(state)), chain, size));
                }
                Ok((Folded::Session(Box::new(SessionState::new(id, tenant))), nothing, 0))
            }
        }
    }

    fn trusted(
        &self,
        journal: Journal,
        snapshot: Snapshot,
    ) -> Option<(SessionState, Chain, usize)> {
        if snapshot.fold_version != FOLD_VERSION {
            return None;
        }
        let at = self.fetch_page(journal.key(), snapshot.seq, 1).ok()?.pop()?;
        if at.stored.hash != snapshot.hash || at.entry.seq != snapshot.seq {
            return None;
        }
        let state: SessionState = minicbor::decode(&snapshot.bytes).ok()?;
        let chain = Chain { seq: snapshot.seq, hash: snapshot.hash, at: at.entry.at };
        Some((state, chain, snapshot.bytes.len()))
    }
}

fn gap(journal: Journal, seq: u64) -> Error {
    Error::new(Code::StoreCorrupt, format!("journal `{journal}` has no entry {seq}")).about(journal)
}

/// The chain's next head, if the entry really follows.
fn follow(chain: Chain, found: &Found) -> Result<Chain, Error> {
    let hash = Entry::hash(&chain.hash, &found.stored.bytes);
    if hash != found.stored.hash {
        let (journal, seq) = (found.entry.journal, found.entry.seq);
        let text =
            format!("entry {seq} of journal `{journal}` does not follow from the one before it");
        return Err(Error::new(Code::VerificationFailed, text).about(journal));
    }
    Ok(Chain { seq: found.entry.seq, hash, at: found.entry.at })
}

fn fold(state: &mut Folded, entry: &Entry) -> Result<(), Error> {
    let folded = match state {
        Folded::Session(state) => state.apply(entry),
        Folded::Ledger(state) => state.apply(entry),
    };
    folded.map_err(|illegal| {
        Error::new(
            Code::Quarantined,
            format!("journal `{}` is set aside: {illegal}", entry.journal),
        )
        .about(entry.journal)
    })
}
