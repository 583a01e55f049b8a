//! When to look at which journal again.

use crate::lock;
use std::collections::BTreeSet;
use std::sync::Mutex;
use tenure_contract::{Journal, Time};
use tokio::sync::Notify;

/// Armed wakes, the earliest first. Arming twice is harmless: waking is.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    armed: Mutex<BTreeSet<(Time, Journal)>>,
    earlier: Notify,
}

impl Timers {
    pub fn arm(&self, at: Time, journal: Journal) {
        let mut armed = lock(&self.armed);
        let is_first = armed.first().is_none_or(|(first, _)| at < *first);
        armed.insert((at, journal));
        drop(armed);
        if is_first {
            self.earlier.notify_one();
        }
    }

    pub fn first(&self) -> Option<Time> {
        lock(&self.armed).first().map(|(at, _)| *at)
    }

    pub fn take_due(&self, now: Time) -> Vec<Journal> {
        let mut due = Vec::new();
        let mut armed = lock(&self.armed);
        while armed.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(armed.pop_first().map(|(_, journal)| journal));
        }
        due
    }

    /// More time has passed than whoever waits for the first could see.
    pub fn stir(&self) {
        self.earlier.notify_one();
    }

    /// Resolves when something earlier than the first was armed.
    pub async fn earlier(&self) {
        self.earlier.notified().await;
    }
}
