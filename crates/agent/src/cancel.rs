//! A signal that a call should stop: cheap to clone, set once, awaitable.
//!
//! Whoever waits is woken in the order of coming, so that one seed is one history; a watch channel
//! wakes in an order of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Tells a call that its run was aborted. Dropping it cancels nothing.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    signal: Arc<Signal>,
}

#[derive(Debug, Default)]
struct Signal {
    given: AtomicBool,
    notify: Notify,
}

impl Cancel {
    /// Signals every clone.
    pub fn cancel(&self) {
        self.signal.given.store(true, Ordering::Release);
        self.signal.notify.notify_waiters();
    }
    /// Whether the signal was given.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.signal.given.load(Ordering::Acquire)
    }
    /// Resolves once the signal is given; never, if it is not.
    pub async fn cancelled(&self) {
        // made before the look: a signal given between the two still wakes it
        let notified = self.signal.notify.notified();
        if !self.is_cancelled() {
            notified.await;
        }
    }
}
