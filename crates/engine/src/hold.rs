//! The clock watched: what was measured goes to the core, what it says holds for the node.

use crate::clock::Trust;
use crate::commit::store_error;
use crate::lock;
use crate::node::Node;
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tenure_contract::{Entry, Error, Journal, Time, limits};
use tenure_core::clock::{Hold, Readings, judge};

/// Whether what time destroys is held, and whose turn comes once it is not.
#[derive(Default)]
pub(crate) struct Watchman {
    hold: ArcSwap<Hold>,
    /// When the newest entry found at the start was decided.
    newest: OnceLock<Time>,
    /// Journals with something that may have expired meanwhile.
    held: Mutex<BTreeSet<Journal>>,
}

impl Node {
    /// Whether what time destroys is held now.
    pub fn hold(&self) -> Hold {
        **self.watchman.hold.load()
    }

    /// Looks at the clock for the first time, before anything is moved.
    pub fn first_look_at_clock(self: &Arc<Self>) -> Result<(), Error> {
        let (end, _) = self.store.log.end().map_err(store_error)?;
        let newest = self.store.log.fetch(&[end]).ok().and_then(|mut found| found.pop());
        let newest = newest.and_then(|stored| Entry::from_bytes(&stored.bytes).ok());
        if let (Some(entry), Trust::Checked) = (newest, self.clock.trust()) {
            let _ = self.watchman.newest.set(entry.at);
        }
        self.look_at_clock();
        Ok(())
    }

    /// Looks at the clock: notices sleep, holds or lets go.
    pub fn look_at_clock(self: &Arc<Self>) {
        let Some(wall) = self.clock.wall() else { return };
        let slept = self.clock.notice_sleep();
        let newest = self.watchman.newest.get().copied();
        let hold = judge(Readings { now: self.clock.now(), wall, newest });
        let before = *self.watchman.hold.swap(Arc::new(hold));
        match (before.is_held(), hold.text()) {
            (false, Some(why)) => tracing::error!("{why}"),
            (true, None) => tracing::warn!("the clocks agree again; what has expired is closed"),
            _ => {}
        }
        if before.is_held() && !hold.is_held() {
            for journal in std::mem::take(&mut *lock(&self.watchman.held)) {
                self.timers.arm(self.clock.now(), journal);
            }
        }
        if slept {
            self.timers.stir();
        }
    }

    /// Arms a session's next wake. What may have expired waits for the end of the hold.
    pub fn arm(&self, state: &tenure_core::SessionState, journal: Journal) {
        use tenure_core::session::{next_retry, next_wake};
        let at = if self.hold().is_held() {
            if !state.asked.is_empty() {
                lock(&self.watchman.held).insert(journal);
            }
            next_retry(state)
        } else {
            next_wake(state)
        };
        if let Some(at) = at {
            self.timers.arm(at, journal);
        }
    }

    /// Arms a ledger's next wake; while its expiries are held it is looked at now and then.
    pub fn arm_ledger(&self, at: Time, journal: Journal) {
        let now = self.clock.now();
        let at = match self.hold().is_held() {
            true => at.max(now.plus_ms(limits::CLOCK_LOOK_MS)),
            false => at,
        };
        self.timers.arm(at, journal);
    }
}

/// Looks at the clock for as long as the node lives.
pub(crate) async fn watch(node: Arc<Node>) {
    loop {
        tokio::time::sleep(Duration::from_millis(limits::CLOCK_LOOK_MS)).await;
        node.look_at_clock();
    }
}
