//! Time for the engine: where it started plus what has passed since, never the wall clock's jumps.
//!
//! It counts with tokio's instants, so a paused runtime is a simulated clock.

use tenure_contract::Time;
use tokio::time::Instant;

/// A clock that only moves forward.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Time,
    started: Instant,
}

impl Clock {
    /// A clock that reads `start` now.
    #[must_use]
    pub fn starting_at(start: Time) -> Self {
        Self { start, started: Instant::now() }
    }

    /// A clock that reads the machine's time now.
    #[must_use]
    pub fn system() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self::starting_at(Time::from_micros(since.map_or(0, |passed| passed.as_micros() as u64)))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_micros(self.start.micros() + self.started.elapsed().as_micros() as u64)
    }

    /// Resolves at `time`.
    pub async fn sleep_until(&self, time: Time) {
        let wait = time.micros().saturating_sub(self.start.micros());
        tokio::time::sleep_until(self.started + std::time::Duration::from_micros(wait)).await;
    }
}
