//! The four traits on the simulated disk, right or with one planted bug.

use crate::dice::Dice;
use crate::disk::{CrashPoint, Disk, Platter};
use crate::planted::Planted;
use crate::trace::Trace;
use std::sync::{Arc, Mutex, PoisonError};
use tenure_contract::{Digest, StoreId, TenantId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{ListQuery, Row, Scope};
use tenure_store::{
    Appended, Lease, Log, NewEntry, Payload, Projection, Settle, ShardEpoch, Snapshot, Store,
    StoreError, Stored,
};

/// A store on a disk that fails.
pub struct FaultyStore {
    disk: Disk,
    dice: Mutex<Dice>,
    planted: Option<Planted>,
    trace: Trace,
}

impl FaultyStore {
    /// The store on that disk; its own bug, if it has one, strikes as the seed says.
    #[must_use]
    pub fn new(disk: Disk, seed: u64, planted: Option<Planted>, trace: Trace) -> Arc<Self> {
        Arc::new(Self { disk, dice: Mutex::new(Dice::of(seed, "store")), planted, trace })
    }

    /// Its four parts.
    #[must_use]
    pub fn store(self: &Arc<Self>) -> Store {
        Store {
            log: self.clone(),
            projection: self.clone(),
            lease: self.clone(),
            payload: self.clone(),
        }
    }

    fn has(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    fn strikes(&self, bug: Planted, per_mille: u64) -> bool {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        self.has(bug) && dice.chance(per_mille)
    }

    /// Ends the process at that point, if it was armed.
    fn dies(&self, platter: &mut Platter, at: CrashPoint) -> Result<(), StoreError> {
        if platter.armed != Some(at) {
            return Ok(());
        }
        platter.armed = None;
        platter.dead = true;
        self.trace.say(format!(" crash: {at:?}"));
        Err(StoreError::Flush(format!("{at:?}")))
    }

    fn flush(&self, platter: &mut Platter) {
        match self.planted {
            Some(Planted::MissingFlush) => {
                if self.strikes(Planted::MissingFlush, 100) {
                    platter.flush();
                }
            }
            // the batch before this one is flushed by now
            Some(Planted::AckBeforeFlush) => platter.flush_all_but_last(),
            _ => platter.flush(),
        }
    }
}

impl Log for FaultyStore {
    fn store_id(&self) -> StoreId {
        self.disk.platter().id
    }

    fn append(&self, fence: &[ShardEpoch], entries: &[NewEntry]) -> Result<Appended, StoreError> {
        let mut platter = self.disk.platter();
        let stale = fence.iter().find(|claim| claim.epoch != platter.epoch);
        if let Some(stale) = stale.filter(|_| !self.has(Planted::StaleEpochAccepted)) {
            return Err(StoreError::Fenced(*stale));
        }
        if platter.full {
            return Err(StoreError::Full);
        }
        self.dies(&mut platter, CrashPoint::BeforeAppend)?;
        let positions = platter.write(entries);
        self.dies(&mut platter, CrashPoint::InFlush)?;
        self.dies(&mut platter, CrashPoint::FlushRefused)?;
        self.flush(&mut platter);
        if self.strikes(Planted::UnknownCommitRetried, 50) {
            platter.write(entries);
            platter.flush();
        }
        self.dies(&mut platter, CrashPoint::BeforeAck)?;
        Ok(Appended { positions })
    }

    fn fetch(&self, positions: &[Position]) -> Result<Vec<Stored>, StoreError> {
        let platter = self.disk.platter();
        let at = |position: &Position| {
            let empty =
                || StoreError::Corrupt(format!("position `{}` is empty", position.number()));
            platter.at(*position).ok_or_else(empty)
        };
        positions.iter().map(at).collect()
    }

    fn scan(&self, after: Position, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let platter = self.disk.platter();
        let entries = platter.seen().filter(|entry| entry.position > after);
        Ok(entries.take(limit).cloned().collect())
    }

    fn end(&self) -> Result<(Position, Digest), StoreError> {
        let platter = self.disk.platter();
        let last = platter.seen().last();
        Ok(last.map_or((Position::START, Digest::ZERO), |last| (last.position, last.hash)))
    }
}

impl Payload for FaultyStore {
    fn put(&self, tenant: TenantId, digest: Digest, sealed: &[u8]) -> Result<(), StoreError> {
        let mut platter = self.disk.platter();
        if platter.full {
            return Err(StoreError::Full);
        }
        platter.write_body((tenant, digest), sealed);
        if !self.has(Planted::PayloadFlushMissing) {
            platter.flush_bodies();
        }
        Ok(())
    }

    fn get(&self, tenant: TenantId, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.disk.platter().body((tenant, digest)))
    }
}

impl Lease for FaultyStore {
    fn acquire(&self, _node: &str, _ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError> {
        let mut platter = self.disk.platter();
        platter.epoch += 1;
        Ok(shards(platter.epoch))
    }

    fn renew(&self, _node: &str, _ttl_ms: u64) -> Result<Vec<ShardEpoch>, StoreError> {
        Ok(shards(self.disk.platter().epoch))
    }

    fn release(&self, _node: &str) -> Result<(), StoreError> {
        self.disk.platter().epoch += 1;
        Ok(())
    }
}

fn shards(epoch: u64) -> Vec<ShardEpoch> {
    (0..=255).map(|shard| ShardEpoch { shard, epoch }).collect()
}

impl Projection for FaultyStore {
    fn anchor(&self) -> Result<Option<Anchor>, StoreError> {
        let platter = self.disk.platter();
        let anchor = platter.projection().projection.anchor()?;
        let accepted = self.has(Planted::ProjectionAheadAccepted);
        let ahead = |anchor: &Anchor| {
            anchor.position != Position::START && platter.at(anchor.position).is_none()
        };
        Ok(anchor.filter(|anchor| !(accepted && ahead(anchor))))
    }

    fn settle(&self, settle: &Settle) -> Result<(), StoreError> {
        let mut settle = settle.clone();
        if self.strikes(Planted::SettlerSkipsRow, 50) {
            settle.rows.pop();
        }
        if self.strikes(Planted::IndexOffByOne, 50)
            && let Some(run) = settle.index.iter_mut().find(|run| run.positions.len() > 1)
        {
            run.positions[0] = run.positions[1];
        }
        let mut platter = self.disk.platter();
        if platter.armed == Some(CrashPoint::InSettle) {
            platter.armed = None;
            platter.dead = true;
            self.trace.say(" crash: InSettle");
            if self.has(Planted::AnchorWrittenAhead) {
                let _ = platter.settle(&settle);
                platter.hollow_last_settle();
            }
            // the settler believes it and has no time left to act on it
            return Ok(());
        }
        let refused = platter.settle(&settle).err();
        drop(platter);
        if let Some(error) = refused {
            // told as done, or the settler would offer it again for ever
            self.trace.broke("settle steps follow on", error.to_string());
        }
        Ok(())
    }

    fn reset(&self) -> Result<(), StoreError> {
        self.disk.platter().reset_lists();
        Ok(())
    }

    fn locate(
        &self,
        journal: [u8; 16],
        from: u64,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.disk.platter().projection().projection.locate(journal, from, limit)
    }

    fn head(&self, journal: [u8; 16]) -> Result<u64, StoreError> {
        self.disk.platter().projection().projection.head(journal)
    }

    fn snapshot(&self, journal: [u8; 16]) -> Result<Option<Snapshot>, StoreError> {
        self.disk.platter().projection().projection.snapshot(journal)
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Row>, StoreError> {
        let scope = match self.planted {
            Some(Planted::TenantFilterDropped) => Scope::Engine,
            _ => query.scope,
        };
        let query = ListQuery { scope, ..query.clone() };
        self.disk.platter().projection().projection.list(&query)
    }
}
