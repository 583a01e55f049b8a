//! Time for the engine: where it started plus what has passed since, never the wall clock's jumps.
//!
//! It counts with tokio's instants, so a paused runtime is a simulated clock. Those stand still while
//! the machine sleeps; what it slept is added when it is noticed, so that a laptop that was closed for
//! an hour is an hour later and has not jumped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tenure_contract::Time;
use tokio::time::Instant;

/// Less is not sleep: two of the machine's clocks are never read at one moment.
const SLEPT_MIN: Duration = Duration::from_secs(1);

/// What the machine says of time besides the instants the engine counts with.
pub trait Machine: Send + Sync {
    /// The wall clock.
    fn wall(&self) -> Time;
    /// How long the machine has slept, ever; it only grows.
    fn slept(&self) -> Duration;
}

/// A clock that only moves forward.
#[derive(Clone)]
pub struct Clock {
    start: Time,
    started: Instant,
    /// What the machine slept since, as far as it was noticed, microseconds.
    slept: Arc<AtomicU64>,
    beside: Option<Beside>,
    trust: Trust,
}

/// The machine's time beside the clock's, and what it had slept when the clock started.
#[derive(Clone)]
struct Beside {
    machine: Arc<dyn Machine>,
    slept_before: Duration,
}

/// Whether the wall clock found at the start is believed although entries are dated after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Not when they are far apart.
    #[default]
    Checked,
    /// An operator vouches for it.
    Vouched,
}

impl Clock {
    /// A clock that reads `start` now, and is compared with nothing.
    #[must_use]
    pub fn starting_at(start: Time) -> Self {
        let slept = Arc::default();
        Self { start, started: Instant::now(), slept, beside: None, trust: Trust::Checked }
    }

    /// A clock that reads the machine's time now, and is compared with it from time to time.
    #[must_use]
    pub fn beside(machine: Arc<dyn Machine>) -> Self {
        let slept_before = machine.slept();
        let clock = Self::starting_at(machine.wall());
        Self { beside: Some(Beside { machine, slept_before }), ..clock }
    }

    /// A clock that reads this machine's time now.
    #[must_use]
    pub fn system() -> Self {
        Self::beside(Arc::new(ThisMachine))
    }

    /// The same clock, its start believed as said.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// Whether its start is believed whatever entries say.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        self.trust
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        let passed = self.started.elapsed().as_micros() as u64;
        Time::from_micros(self.start.micros() + passed + self.slept.load(Ordering::Relaxed))
    }

    /// The machine's wall clock; none when there is nothing to compare with.
    #[must_use]
    pub fn wall(&self) -> Option<Time> {
        self.beside.as_ref().map(|beside| beside.machine.wall())
    }

    /// Adds what the machine slept since the last look. True when it slept at all: whoever waits for a
    /// time waits too long then.
    #[must_use]
    pub fn notice_sleep(&self) -> bool {
        let Some(beside) = &self.beside else { return false };
        let slept = beside.machine.slept().saturating_sub(beside.slept_before);
        let known = Duration::from_micros(self.slept.load(Ordering::Relaxed));
        if slept < known + SLEPT_MIN {
            return false;
        }
        self.slept.fetch_max(slept.as_micros() as u64, Ordering::Relaxed);
        true
    }

    /// Resolves at `time`, later by what the machine sleeps meanwhile.
    pub async fn sleep_until(&self, time: Time) {
        let from = self.start.micros() + self.slept.load(Ordering::Relaxed);
        let wait = time.micros().saturating_sub(from);
        tokio::time::sleep_until(self.started + Duration::from_micros(wait)).await;
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("start", &self.start).field("now", &self.now()).finish()
    }
}

/// The machine this process runs on.
struct ThisMachine;

impl Machine for ThisMachine {
    fn wall(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Time::from_micros(since.map_or(0, |passed| passed.as_micros() as u64))
    }

    /// The clock that counts sleep, less the one that does not; instants are the latter's.
    fn slept(&self) -> Duration {
        let read = |id| {
            let at = rustix::time::clock_gettime(id);
            Duration::new(at.tv_sec.unsigned_abs(), at.tv_nsec.unsigned_abs() as u32)
        };
        let awake = read(rustix::time::ClockId::Monotonic);
        read(rustix::time::ClockId::Boottime).saturating_sub(awake)
    }
}
