//! The committer: everything that arrived while the last flush ran becomes one physical commit.
//!
//! There is no linger. A lone submitter on an empty queue commits inline, on its own thread;
//! otherwise one thread takes batch after batch. A failed batch acks nobody; a failed flush ends
//! the process.

use crate::feed::Feed;
use crate::lock;
use crate::resident::Submission;
use crate::tenant_feed::TenantFeeds;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;
use tenure_contract::{Code, Error, TenantId, limits};
use tenure_core::position::Position;
use tenure_store::{Log, NewEntry, ShardEpoch, StoreError};

/// Who turns the committer's crank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// A thread of its own, and lone submitters inline.
    Threads,
    /// The caller, by [`crate::Engine::commit_some`] and [`crate::Engine::settle_some`]: for
    /// simulation.
    Manual,
}

/// Committed entries on their way to the settler.
pub(crate) struct Committed {
    pub submissions: Vec<(Submission, Vec<Position>)>,
}

/// Figures of the committer, for benchmarks and metrics.
#[derive(Debug, Default)]
pub struct CommitFigures {
    /// Physical commits.
    pub commits: AtomicU64,
    /// Entries committed.
    pub entries: AtomicU64,
    /// The longest commit, microseconds.
    pub commit_max_us: AtomicU64,
}

#[derive(Default)]
struct Queue {
    by_tenant: BTreeMap<TenantId, VecDeque<Submission>>,
    rotation: VecDeque<TenantId>,
    submissions: usize,
    committing: bool,
    last_batch: usize,
    closed: bool,
}

/// What to do when the disk can no longer be trusted.
pub type OnFatal = Box<dyn Fn(&str) + Send + Sync>;

pub(crate) struct Committer {
    log: Arc<dyn Log>,
    queue: Mutex<Queue>,
    ready: Condvar,
    settler: Mutex<Option<Sender<Committed>>>,
    epochs: Mutex<BTreeMap<u8, u64>>,
    drive: Drive,
    on_fatal: OnFatal,
    feed: Arc<Feed>,
    pub figures: CommitFigures,
    last: AtomicU64,
    pub lag: Arc<AtomicU64>,
    /// Who follows a whole tenant.
    pub tenants: TenantFeeds,
}

impl Committer {
    pub fn new(
        log: Arc<dyn Log>,
        settler: Sender<Committed>,
        drive: Drive,
        on_fatal: OnFatal,
        feed: Arc<Feed>,
    ) -> Self {
        Self {
            log,
            queue: Mutex::new(Queue::default()),
            ready: Condvar::new(),
            settler: Mutex::new(Some(settler)),
            epochs: Mutex::new(BTreeMap::new()),
            drive,
            on_fatal,
            feed,
            figures: CommitFigures::default(),
            last: AtomicU64::new(0),
            lag: Arc::default(),
            tenants: TenantFeeds::default(),
        }
    }

    pub fn hold(&self, shards: &[ShardEpoch]) {
        *lock(&self.epochs) = shards.iter().map(|held| (held.shard, held.epoch)).collect();
    }

    /// Queues entries; their journal's lock is held, so a journal's entries arrive in order.
    pub fn push(&self, submission: Submission) {
        let tenant = submission.resident.tenant;
        let mut queue = lock(&self.queue);
        queue.submissions += 1;
        let waiting = queue.by_tenant.entry(tenant).or_default();
        let first = waiting.is_empty();
        waiting.push_back(submission);
        if first {
            queue.rotation.push_back(tenant);
        }
    }

    /// Sees to it that what is queued gets committed: inline when the caller is alone;
    /// tells whether it committed.
    pub fn nudge(&self) -> bool {
        if self.drive == Drive::Manual {
            return false;
        }
        let mut queue = lock(&self.queue);
        if queue.submissions == 0 || queue.committing {
            return false;
        }
        // an intent and the landing before it are the two a lone run queues
        if queue.submissions > 2 || queue.last_batch > 2 {
            self.ready.notify_one();
            return false;
        }
        queue.committing = true;
        let batch = take(&mut queue);
        drop(queue);
        self.commit(batch);
        let mut queue = lock(&self.queue);
        queue.committing = false;
        if queue.submissions > 0 || queue.closed {
            self.ready.notify_one();
        }
        true
    }

    /// Commits one batch if anything is queued; tells whether it did.
    pub fn commit_some(&self) -> bool {
        let batch = take(&mut lock(&self.queue));
        let any = !batch.is_empty();
        if any {
            self.commit(batch);
        }
        any
    }

    /// The thread's loop; returns once closed and empty.
    pub fn run(&self) {
        loop {
            let mut queue = lock(&self.queue);
            while queue.submissions == 0 || queue.committing {
                if queue.closed && queue.submissions == 0 && !queue.committing {
                    // the settler ends once it has settled what it was sent
                    *lock(&self.settler) = None;
                    return;
                }
                // leaving the many-in-flight mode: the next lone submitter may commit inline
                if queue.submissions == 0 && !queue.committing {
                    queue.last_batch = 0;
                }
                queue = self.ready.wait(queue).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            queue.committing = true;
            let batch = take(&mut queue);
            drop(queue);
            self.commit(batch);
            lock(&self.queue).committing = false;
        }
    }

    /// The position of the last commit of this process.
    pub fn last(&self) -> Position {
        Position::from_number(self.last.load(Ordering::Acquire))
    }

    pub fn close(&self) {
        lock(&self.queue).closed = true;
        self.ready.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        lock(&self.queue).closed
    }

    pub fn is_empty(&self) -> bool {
        let queue = lock(&self.queue);
        queue.submissions == 0 && !queue.committing
    }

    fn commit(&self, mut batch: Vec<Submission>) {
        // a submission behind a failed one of the same journal would leave a gap
        batch.retain(|submission| submission.resident.durable.lost().is_none());
        if batch.is_empty() {
            return;
        }
        let mut rows: Vec<NewEntry> = Vec::with_capacity(batch.len() * 2);
        for submission in &mut batch {
            rows.append(&mut submission.rows);
        }
        let started = Instant::now();
        let appended = self.log.append(&self.fence(&batch), &rows);
        let took = started.elapsed().as_micros() as u64;
        match appended {
            Ok(appended) => {
                self.figures.commits.fetch_add(1, Ordering::Relaxed);
                self.figures.entries.fetch_add(rows.len() as u64, Ordering::Relaxed);
                self.figures.commit_max_us.fetch_max(took, Ordering::Relaxed);
                self.ack(batch, &appended.positions);
            }
            Err(StoreError::Flush(why)) => (self.on_fatal)(&why),
            Err(error) => lose(&batch, &error),
        }
    }

    fn fence(&self, batch: &[Submission]) -> Vec<ShardEpoch> {
        let mut shards: Vec<u8> =
            batch.iter().map(|submission| submission.resident.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        let epochs = lock(&self.epochs);
        shards
            .into_iter()
            .map(|shard| ShardEpoch { shard, epoch: epochs.get(&shard).copied().unwrap_or(0) })
            .collect()
    }

    /// Tells everyone, in this order: where a reader finds the entries, that they are durable, who
    /// follows the tenant, and the settler.
    fn ack(&self, batch: Vec<Submission>, positions: &[Position]) {
        self.lag.fetch_add(positions.len() as u64, Ordering::Relaxed);
        self.last
            .fetch_max(positions.last().map_or(0, |position| position.number()), Ordering::Release);
        let mut from = 0;
        let mut submissions = Vec::with_capacity(batch.len());
        for submission in batch {
            let upto = from + submission.entries.len();
            let places = positions[from..upto].to_vec();
            from = upto;
            let resident = &submission.resident;
            let seqs = submission.entries.iter().map(|entry| entry.seq);
            lock(&resident.tail).extend(seqs.zip(places.iter().copied()));
            // before anyone goes on: what a run's entries say comes before what follows from them
            self.feed.durable(&submission.entries);
            if let Some(last) = submission.entries.last() {
                resident.durable.ack(last.seq);
            }
            submissions.push((submission, places));
        }
        self.tenants.note(&submissions);
        // a settler that is gone settles again from the log at the next start
        if let Some(settler) = &*lock(&self.settler) {
            let _ = settler.send(Committed { submissions });
        }
    }
}

/// Takes a batch, one submission of each tenant in turn, up to the limit.
fn take(queue: &mut Queue) -> Vec<Submission> {
    let mut batch = Vec::new();
    let mut entries = 0;
    while entries < limits::COMMIT_MAX_ENTRIES {
        let Some(tenant) = queue.rotation.pop_front() else { break };
        let Some(waiting) = queue.by_tenant.get_mut(&tenant) else { continue };
        if let Some(submission) = waiting.pop_front() {
            entries += submission.rows.len();
            batch.push(submission);
        }
        if waiting.is_empty() {
            queue.by_tenant.remove(&tenant);
        } else {
            queue.rotation.push_back(tenant);
        }
    }
    queue.submissions -= batch.len();
    queue.last_batch = batch.len();
    batch
}

fn lose(batch: &[Submission], error: &StoreError) {
    for submission in batch {
        submission.resident.durable.lose(store_error(error.clone()));
    }
}

/// The error a store's refusal becomes.
pub(crate) fn store_error(error: StoreError) -> Error {
    let code = match &error {
        StoreError::Fenced(_) | StoreError::Other(_) | StoreError::Flush(_) => {
            Code::StoreUnavailable
        }
        StoreError::Full => Code::StorageFull,
        StoreError::Corrupt(_) => Code::StoreCorrupt,
        StoreError::TooNew { .. } => Code::StoreTooNew,
        StoreError::Owned(_) => Code::StoreOwned,
    };
    let hint = match &error {
        StoreError::Full => "; nothing of the call was kept, free some space and call again",
        _ => "",
    };
    Error::new(code, format!("{error}{hint}"))
}
