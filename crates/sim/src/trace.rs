//! What happened in a simulation, line by line, and the first promise that was broken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenure_contract::Digest;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The promise.
    pub promise: &'static str,
    /// What happened instead.
    pub what: String,
}

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    broken: Option<Broken>,
}

/// A trace; clones share it.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Lines>>);

impl Trace {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub fn say(&self, line: impl Into<String>) {
        self.lines().lines.push(line.into());
    }

    /// Notes that a promise was broken; the first one counts.
    pub fn broke(&self, promise: &'static str, what: impl Into<String>) {
        let what = what.into();
        let mut lines = self.lines();
        lines.lines.push(format!("BROKEN {promise}: {what}"));
        lines.broken.get_or_insert(Broken { promise, what });
    }

    /// The first promise that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<Broken> {
        self.lines().broken.clone()
    }

    /// Every line so far.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        self.lines().lines.clone()
    }

    /// A digest of every line so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[self.lines().lines.join("\n").as_bytes()])
    }
}
