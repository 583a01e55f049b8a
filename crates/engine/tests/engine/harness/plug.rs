//! A store with a plug: while it is in, everything passes; pulled, nothing reaches the store any
//! more. It can also refuse to append, to settle or to list, or die right after a certain kind of entry is durable.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use tenure_contract::{Digest, Entry, StoreId};
use tenure_core::position::{Anchor, Position};
use tenure_core::projection::{ListQuery, Row};
use tenure_store::{
    Appended, Log, NewEntry, Projection, Settle, ShardEpoch, Snapshot, Store, StoreError, Stored,
};
use tokio::sync::watch;

/// The plug of a store. Clones are the same plug.
#[derive(Clone)]
pub struct Plug {
    state: Arc<State>,
}

struct State {
    pulled: RwLock<bool>,
    refusal: Mutex<Option<StoreError>>,
    settles_refused: AtomicUsize,
    lists_refused: AtomicUsize,
    last_words: Mutex<Option<&'static str>>,
    appends_left: Mutex<Option<usize>>,
    died: watch::Sender<bool>,
    refused: watch::Sender<bool>,
}

impl Default for Plug {
    fn default() -> Self {
        let state = State {
            pulled: RwLock::new(false),
            refusal: Mutex::default(),
            settles_refused: AtomicUsize::new(0),
            lists_refused: AtomicUsize::new(0),
            last_words: Mutex::default(),
            appends_left: Mutex::default(),
            died: watch::Sender::new(false),
            refused: watch::Sender::new(false),
        };
        Self { state: Arc::new(state) }
    }
}

impl Plug {
    /// The store behind this plug.
    pub fn around(&self, store: Store) -> Store {
        let log = Arc::new(Plugged { inner: store.log, state: self.state.clone() });
        let projection = Arc::new(Plugged { inner: store.projection, state: self.state.clone() });
        Store { log, projection, ..store }
    }

    /// From the moment this returns nothing is written any more.
    pub fn pull(&self) {
        *self.state.pulled.write().unwrap() = true;
    }

    /// Appends are refused with this, or accepted again.
    pub fn refuse(&self, refusal: Option<StoreError>) {
        *self.state.refusal.lock().unwrap() = refusal;
    }

    /// The next settles are refused.
    pub fn refuse_settles(&self, times: usize) {
        self.state.settles_refused.store(times, Ordering::SeqCst);
    }

    /// The next lists are refused.
    pub fn refuse_lists(&self, times: usize) {
        self.state.lists_refused.store(times, Ordering::SeqCst);
    }

    /// Resolves once an append was refused.
    pub async fn refused(&self) {
        let mut refused = self.state.refused.subscribe();
        refused.wait_for(|refused| *refused).await.unwrap();
    }

    /// The process dies once an entry of this kind is durable and before anybody is told.
    pub fn die_after(&self, kind: &'static str) {
        *self.state.last_words.lock().unwrap() = Some(kind);
    }

    /// The process dies once that many more commits are durable, and before anybody is told of the last.
    pub fn die_after_commits(&self, commits: usize) {
        *self.state.appends_left.lock().unwrap() = Some(commits);
    }

    /// Resolves once it has died so.
    pub async fn died(&self) {
        let mut died = self.state.died.subscribe();
        died.wait_for(|died| *died).await.unwrap();
    }
}

/// Refuses while there is a refusal left.
fn is_due(left: &AtomicUsize) -> Result<(), StoreError> {
    let one_less = |left: usize| left.checked_sub(1);
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
        Ok(_) => Err(StoreError::Other("the disk hiccups".to_owned())),
        Err(_) => Ok(()),
    }
}

struct Plugged<T: ?Sized> {
    inner: Arc<T>,
    state: Arc<State>,
}

impl Plugged<dyn Log> {
    fn says_last_words(&self, entries: &[NewEntry]) -> bool {
        if let Some(left) = &mut *self.state.appends_left.lock().unwrap() {
            *left -= 1;
            return *left == 0;
        }
        let last_words = *self.state.last_words.lock().unwrap();
        let kind = |entry: &NewEntry| Entry::from_bytes(&entry.bytes).unwrap().event.name();
        last_words.is_some_and(|words| entries.iter().any(|entry| kind(entry) == words))
    }
}

impl Log for Plugged<dyn Log> {
    fn store_id(&self) -> StoreId {
        self.inner.store_id()
    }
    fn append(&self, fence: &[ShardEpoch], entries: &[NewEntry]) -> Result<Appended, StoreError> {
        {
            let pulled = self.state.pulled.read().unwrap();
            if *pulled {
                return Err(StoreError::Other("the plug is pulled".to_owned()));
            }
            if let Some(refusal) = &*self.state.refusal.lock().unwrap() {
                self.state.refused.send_replace(true);
                return Err(refusal.clone());
            }
            let appended = self.inner.append(fence, entries)?;
            if !self.says_last_words(entries) {
                return Ok(appended);
            }
        }
        *self.state.pulled.write().unwrap() = true;
        self.state.died.send_replace(true);
        loop {
            std::thread::park();
        }
    }
    fn fetch(&self, positions: &[Position]) -> Result<Vec<Stored>, StoreError> {
        self.inner.fetch(positions)
    }
    fn scan(&self, after: Position, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.inner.scan(after, limit)
    }
    fn end(&self) -> Result<(Position, Digest), StoreError> {
        self.inner.end()
    }
}

impl Projection for Plugged<dyn Projection> {
    fn anchor(&self) -> Result<Option<Anchor>, StoreError> {
        self.inner.anchor()
    }
    fn settle(&self, settle: &Settle) -> Result<(), StoreError> {
        let pulled = self.state.pulled.read().unwrap();
        if *pulled {
            return Ok(());
        }
        is_due(&self.state.settles_refused)?;
        self.inner.settle(settle)
    }
    fn reset(&self) -> Result<(), StoreError> {
        self.inner.reset()
    }
    fn locate(
        &self,
        journal: [u8; 16],
        from: u64,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.inner.locate(journal, from, limit)
    }
    fn head(&self, journal: [u8; 16]) -> Result<u64, StoreError> {
        self.inner.head(journal)
    }
    fn snapshot(&self, journal: [u8; 16]) -> Result<Option<Snapshot>, StoreError> {
        self.inner.snapshot(journal)
    }
    fn list(&self, query: &ListQuery) -> Result<Vec<Row>, StoreError> {
        is_due(&self.state.lists_refused)?;
        self.inner.list(query)
    }
}
