//! The settler: off the commit path, brings index, list rows and snapshots up to the log.

use crate::commit::{Committed, store_error};
use crate::durable::Durable;
use crate::host::{self, ErrorReports, Failure};
use crate::lock;
use crate::resident::{Resident, Submission};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tenure_contract::{Digest, Entry, Error, limits};
use tenure_core::position::{Anchor, AnchorVerdict, Position, judge_anchor};
use tenure_core::projection::project;
use tenure_store::{IndexRun, Settle, Snapshot, Store, Stored};

/// How long a busy settler lets entries gather.
const PACE: Duration = Duration::from_millis(10);

pub(crate) struct Settler {
    store: Store,
    errors: Arc<dyn ErrorReports>,
    /// The last settled position, by number; who waits is woken in the order of coming, which a
    /// watch channel does not do and one seed, one history needs.
    pub settled: Durable,
    lag: Arc<AtomicU64>,
    pub lag_max: AtomicU64,
    refused: Mutex<Option<String>>,
    hurried: Mutex<bool>,
    hurry: Condvar,
}

/// One settle step while it is put together.
struct Gathering {
    upto: Anchor,
    index: BTreeMap<[u8; 16], IndexRun>,
    rows: Vec<(Position, tenure_core::projection::RowChange)>,
    snapshots: Vec<Snapshot>,
}

impl Gathering {
    fn new(store: &Store) -> Self {
        let upto =
            Anchor { store: store.log.store_id(), position: Position::START, hash: Digest::ZERO };
        Self { upto, index: BTreeMap::new(), rows: Vec::new(), snapshots: Vec::new() }
    }

    fn add(&mut self, position: Position, hash: Digest, entry: &Entry) {
        let journal = entry.journal.key();
        let run = self.index.entry(journal).or_insert_with(|| IndexRun {
            journal,
            first_seq: entry.seq,
            positions: Vec::new(),
        });
        run.positions.push(position);
        self.rows.extend(project(entry).into_iter().map(|change| (position, change)));
        if position > self.upto.position {
            self.upto.position = position;
            self.upto.hash = hash;
        }
    }

    fn finish(self) -> Settle {
        Settle {
            upto: self.upto,
            index: self.index.into_values().collect(),
            rows: self.rows,
            snapshots: self.snapshots,
        }
    }
}

impl Settler {
    pub fn new(store: Store, lag: Arc<AtomicU64>, errors: Arc<dyn ErrorReports>) -> Self {
        Self {
            store,
            errors,
            settled: Durable::default(),
            lag,
            lag_max: AtomicU64::new(0),
            refused: Mutex::default(),
            hurried: Mutex::new(false),
            hurry: Condvar::new(),
        }
    }

    /// Entries committed and not settled.
    pub fn lag(&self) -> u64 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Why the lists do not take what is committed, while they do not.
    pub fn refused(&self) -> Option<String> {
        lock(&self.refused).clone()
    }

    /// Settles, however often the lists refuse: what is committed stands in the log and waits.
    fn insist(&self, settle: &Settle, entries: usize) {
        let mut waits = waits();
        while let Err(refused) = self.store.projection.settle(settle) {
            let failure = Failure {
                what: "lists cannot be brought up to the log; trying again",
                about: format!("{entries} entries"),
                error: store_error(refused.clone()),
            };
            host::tell(&*self.errors, &failure);
            *lock(&self.refused) = Some(refused.to_string());
            std::thread::sleep(waits.next().unwrap_or_default());
        }
        *lock(&self.refused) = None;
    }

    /// Brings the projection up to the log before anything is served: catches up, rebuilds, or
    /// refuses because acknowledged entries are lost.
    pub fn catch_up(&self, progress: &dyn Fn(u64)) -> Result<(), Error> {
        let anchor = self.store.projection.anchor().map_err(store_error)?;
        let (end, _) = self.store.log.end().map_err(store_error)?;
        let at_anchor = anchor
            .filter(|anchor| anchor.position != Position::START)
            .and_then(|anchor| self.store.log.fetch(&[anchor.position]).ok())
            .and_then(|found| found.first().map(|stored| stored.hash));
        let mut after = match judge_anchor(self.store.log.store_id(), end, anchor, at_anchor) {
            AnchorVerdict::Current => {
                self.settled.ack(end.number());
                return Ok(());
            }
            AnchorVerdict::Behind => anchor.map_or(Position::START, |anchor| anchor.position),
            AnchorVerdict::Foreign => {
                self.store.projection.reset().map_err(store_error)?;
                Position::START
            }
            AnchorVerdict::Ahead => return Err(acknowledged_entries_lost(anchor, end)),
        };
        let mut settled = 0;
        loop {
            let page =
                self.store.log.scan(after, limits::SETTLE_MAX_ENTRIES).map_err(store_error)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            settled += page.len() as u64;
            self.settle_stored(&page)?;
            progress(settled);
        }
        self.settled.ack(after.number());
        Ok(())
    }

    fn settle_stored(&self, page: &[Stored]) -> Result<(), Error> {
        let mut gathering = Gathering::new(&self.store);
        for stored in page {
            let entry = Entry::from_bytes(&stored.bytes)
                .map_err(|why| crate::journal::undecodable(stored, &why))?;
            gathering.add(stored.position, stored.hash, &entry);
        }
        self.store.projection.settle(&gathering.finish()).map_err(store_error)
    }

    /// The thread's loop; returns when the committer is gone and everything is settled.
    ///
    /// What comes after an idle moment is settled at once; while more keeps coming it is settled at
    /// a pace: waking this thread for every commit would slow the commit down, and entries of one
    /// journal that are settled together cost one index row.
    pub fn run(&self, committed: &Receiver<Committed>, on_settled: &dyn Fn(Vec<Arc<Resident>>)) {
        while let Ok(first) = committed.recv() {
            self.settle_from(first, committed, on_settled);
            self.breathe();
            while self.settle_some(committed, on_settled) {
                self.breathe();
            }
        }
    }

    /// Waits until the next settle is due, or until somebody waits for it.
    fn breathe(&self) {
        let hurried = lock(&self.hurried);
        let waited = self.hurry.wait_timeout_while(hurried, PACE, |hurried| !*hurried);
        *waited.unwrap_or_else(std::sync::PoisonError::into_inner).0 = false;
    }

    /// Somebody waits for what is not settled yet.
    pub fn hurry(&self) {
        *lock(&self.hurried) = true;
        self.hurry.notify_one();
    }

    /// Settles what is there without waiting; tells whether there was anything.
    pub fn settle_some(
        &self,
        committed: &Receiver<Committed>,
        on_settled: &dyn Fn(Vec<Arc<Resident>>),
    ) -> bool {
        match committed.try_recv() {
            Ok(first) => {
                self.settle_from(first, committed, on_settled);
                true
            }
            Err(_) => false,
        }
    }

    fn settle_from(
        &self,
        first: Committed,
        more: &Receiver<Committed>,
        on_settled: &dyn Fn(Vec<Arc<Resident>>),
    ) {
        let mut waiting = first.submissions;
        let mut entries: usize = waiting.iter().map(|(_, places)| places.len()).sum();
        while entries < limits::SETTLE_MAX_ENTRIES {
            let Ok(next) = more.try_recv() else { break };
            entries += next.submissions.iter().map(|(_, places)| places.len()).sum::<usize>();
            waiting.extend(next.submissions);
        }
        self.lag_max.fetch_max(self.lag(), Ordering::Relaxed);
        let mut gathering = Gathering::new(&self.store);
        for (submission, places) in &mut waiting {
            gather(&mut gathering, submission, places);
        }
        let settle = gathering.finish();
        self.insist(&settle, entries);
        self.settled.ack(settle.upto.position.number());
        self.lag.fetch_sub(entries as u64, Ordering::Relaxed);
        let mut residents: Vec<Arc<Resident>> = Vec::with_capacity(waiting.len());
        for (submission, places) in waiting {
            forget_tail(&submission.resident, places.len());
            residents.push(submission.resident);
        }
        residents.sort_by_key(|resident| Arc::as_ptr(resident).addr());
        residents.dedup_by(|one, other| Arc::ptr_eq(one, other));
        on_settled(residents);
    }
}

/// How long to wait for a store that refused: ever longer, up to a limit.
pub(crate) fn waits() -> impl Iterator<Item = Duration> {
    let doubled = |wait: &u64| Some((wait * 2).min(limits::STORE_RETRY_MAX_MS));
    std::iter::successors(Some(limits::STORE_RETRY_MS), doubled).map(Duration::from_millis)
}

fn gather(gathering: &mut Gathering, submission: &mut Submission, places: &[Position]) {
    // the batch's last entry anchors the projection, so its hash is needed of every last one
    for (entry, (position, hash)) in
        submission.entries.iter().zip(places.iter().zip(&submission.hashes))
    {
        gathering.add(*position, *hash, entry);
    }
    gathering.snapshots.extend(submission.snapshot.take());
}

/// The projection holds them now; the resident need not.
fn forget_tail(resident: &Resident, entries: usize) {
    let mut tail = lock(&resident.tail);
    for _ in 0..entries {
        tail.pop_front();
    }
}

fn acknowledged_entries_lost(anchor: Option<Anchor>, end: Position) -> Error {
    let known = anchor.map_or(0, |anchor| anchor.position.number());
    Error::new(
        tenure_contract::Code::StoreCorrupt,
        format!(
            "the lists know the log up to {known}, the log ends at {} or differs there: acknowledged entries are lost; \
             restore the log file from where it was, or start once with --accept-lost-entries",
            end.number()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_refuses_is_asked_ever_more_rarely_up_to_a_limit() {
        let waits: Vec<u64> = waits().take(9).map(|wait| wait.as_millis() as u64).collect();
        assert_eq!(waits[..3], [500, 1_000, 2_000]);
        assert_eq!(waits[8], limits::STORE_RETRY_MAX_MS);
    }
}
