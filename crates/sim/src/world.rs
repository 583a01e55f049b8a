//! The outside: a payment service that books late, loses answers, is slow, or fails for a while,
//! and keeps a ledger of every attempt and every booking.
//!
//! It honours the key of `idempotent` orders and knows nothing of `once`. A request that left goes
//! its way whether or not its sender lives; it arrives within its time limit or never.

use crate::dice::Dice;
use crate::trace::Trace;
use crate::witness::Witness;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenure_contract::words::RecoveryClass;
use tenure_contract::{RunId, StepId, Time};
use tenure_engine::Clock;

/// A request to the service.
#[derive(Debug, Clone)]
pub struct Order {
    /// The idempotency key: the step's text.
    pub key: String,
    /// What it is for; to be booked once, whatever key it comes under.
    pub what: String,
    /// What may be done again.
    pub class: RecoveryClass,
    /// The caller's patience, milliseconds.
    pub limit_ms: u64,
}

/// What a caller hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Booked, under this receipt.
    Booked(Value),
    /// Not booked, for now.
    Busy,
    /// The connection broke: booked or not.
    Broken,
}

/// A booking.
#[derive(Debug, Clone)]
pub struct Booking {
    /// The key it was asked under.
    pub key: String,
    /// What it is for.
    pub what: String,
    /// Its receipt.
    pub receipt: u64,
}

struct Travelling {
    books_at: Time,
    order: Order,
}

struct Ledger {
    dice: Dice,
    calm: bool,
    clock: Option<Clock>,
    attempts: BTreeMap<String, u32>,
    model_calls: BTreeMap<RunId, u32>,
    travelling: Vec<Travelling>,
    bookings: Vec<Booking>,
}

/// The service; clones share it.
#[derive(Clone)]
pub struct World {
    ledger: Arc<Mutex<Ledger>>,
    witness: Arc<Mutex<Witness>>,
    trace: Trace,
}

/// What will become of one request.
struct Plan {
    books_after_ms: Option<u64>,
    answers_after_ms: Option<u64>,
    answer: Said,
}

enum Said {
    Truth,
    Busy,
    Broken,
}

impl World {
    /// A new world.
    #[must_use]
    pub fn new(seed: u64, witness: Arc<Mutex<Witness>>, trace: Trace) -> Self {
        let ledger = Ledger {
            dice: Dice::of(seed, "world"),
            calm: false,
            clock: None,
            attempts: BTreeMap::new(),
            model_calls: BTreeMap::new(),
            travelling: Vec::new(),
            bookings: Vec::new(),
        };
        Self { ledger: Arc::new(Mutex::new(ledger)), witness, trace }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock of the process that lives now.
    pub fn lives_by(&self, clock: Clock) {
        self.ledger().clock = Some(clock);
    }

    /// The time, by the clock of the process that lives now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.ledger().now()
    }

    /// From now on every request is served at once.
    pub fn calm_down(&self) {
        self.ledger().calm = true;
    }

    /// Books, or does what else happens to requests.
    pub async fn order(&self, order: Order) -> Answer {
        self.begin(&order);
        let plan = self.ledger().send(&order);
        match plan.answers_after_ms {
            Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
        let answer = match plan.answer {
            Said::Truth => match self.receipt(&order.key) {
                Some(receipt) => Answer::Booked(receipt),
                None => Answer::Broken,
            },
            Said::Busy => Answer::Busy,
            Said::Broken => Answer::Broken,
        };
        self.trace.say(format!("  world answers {} {}: {answer:?}", order.what, order.key));
        answer
    }

    /// Holds the attempt against what is durable at this moment.
    fn begin(&self, order: &Order) {
        let mut ledger = self.ledger();
        let begun = ledger.attempts.entry(order.key.clone()).or_insert(0);
        let allowed = match order.key.parse::<StepId>() {
            Ok(step) => self.witness().may_begin(step, *begun),
            Err(bad) => Err(("a key is a step's id", bad.to_string())),
        };
        *begun += 1;
        self.trace.say(format!("  world gets {} {} #{begun}", order.what, order.key));
        if let Err((promise, what)) = allowed {
            self.trace.broke(promise, what);
        }
    }

    /// A model is called for that run.
    pub fn model_called(&self, run: RunId) {
        let mut ledger = self.ledger();
        let begun = ledger.model_calls.entry(run).or_insert(0);
        *begun += 1;
        self.trace.say(format!("  model called for {run} #{begun}"));
        let witness = self.witness();
        match witness.run(run) {
            None => self.trace.broke("no model call before its run is durable", run.to_string()),
            Some(seen) if seen.model_attempts < *begun => {
                let what = format!("{run}: {begun} calls, the journal has {}", seen.model_attempts);
                self.trace.broke("every model call is in the journal before it begins", what);
            }
            Some(seen) if seen.cancelled => {
                self.trace.broke("no model call after a committed cancel", run.to_string());
            }
            Some(_) => {}
        }
    }

    /// The receipt of what was booked under a key by now.
    #[must_use]
    pub fn receipt(&self, key: &str) -> Option<Value> {
        let mut ledger = self.ledger();
        ledger.arrive();
        let booked = ledger.bookings.iter().find(|booking| booking.key == key);
        booked.map(|booking| json!({ "what": booking.what, "receipt": booking.receipt }))
    }

    /// A little time that a slow service or model takes, milliseconds.
    #[must_use]
    pub fn some_ms(&self) -> u64 {
        let mut ledger = self.ledger();
        if ledger.calm { 1 } else { ledger.dice.between(0, 300) }
    }

    /// True now and then, until the world has calmed down.
    #[must_use]
    pub fn fails(&self, per_mille: u64) -> bool {
        let mut ledger = self.ledger();
        !ledger.calm && ledger.dice.chance(per_mille)
    }

    /// Every booking, those on their way included.
    #[must_use]
    pub fn bookings(&self) -> Vec<Booking> {
        let mut ledger = self.ledger();
        ledger.arrive_until(Time::from_micros(u64::MAX));
        ledger.bookings.clone()
    }
}

impl Ledger {
    fn now(&self) -> Time {
        self.clock.as_ref().map_or_else(Time::default, Clock::now)
    }

    fn send(&mut self, order: &Order) -> Plan {
        let plan = self.plan(order);
        if let Some(ms) = plan.books_after_ms {
            let books_at = self.now().plus_ms(ms);
            self.travelling.push(Travelling { books_at, order: order.clone() });
        }
        self.arrive();
        plan
    }

    fn plan(&mut self, order: &Order) -> Plan {
        let plan = |books_after_ms, answers_after_ms, answer| Plan {
            books_after_ms,
            answers_after_ms,
            answer,
        };
        if self.calm {
            return plan(Some(0), Some(5), Said::Truth);
        }
        let quick = self.dice.between(0, 40);
        let late = self.dice.between(0, order.limit_ms * 9 / 10);
        let slow = quick + self.dice.between(0, order.limit_ms / 4);
        match self.dice.below(100) {
            0..=54 => plan(Some(quick), Some(quick + 1), Said::Truth),
            55..=64 => plan(Some(slow), Some(slow + 1), Said::Truth),
            65..=72 => plan(None, Some(quick), Said::Busy),
            73..=80 => plan(Some(quick), Some(quick + 1), Said::Broken),
            81..=86 => plan(Some(late), Some(quick), Said::Broken),
            87..=90 => plan(None, Some(quick), Said::Broken),
            91..=95 => plan(Some(late), None, Said::Truth),
            _ => plan(None, None, Said::Truth),
        }
    }

    fn arrive(&mut self) {
        self.arrive_until(self.now());
    }

    fn arrive_until(&mut self, now: Time) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.travelling).into_iter().partition(|one| one.books_at <= now);
        self.travelling = later;
        let mut due = due;
        due.sort_by_key(|one| one.books_at);
        for Travelling { order, .. } in due {
            let known = self.bookings.iter().any(|booking| booking.key == order.key);
            if known && order.class != RecoveryClass::Once {
                continue;
            }
            let receipt = self.bookings.len() as u64 + 1;
            self.bookings.push(Booking { key: order.key, what: order.what, receipt });
        }
    }
}
