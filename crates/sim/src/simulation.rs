//! One seed from its first breath to its last check.

use crate::clients::Clients;
use crate::dice::Dice;
use crate::disk::{CrashPoint, Disk};
use crate::life::{Life, Surroundings};
use crate::oracle;
use crate::planted::Planted;
use crate::products::Products;
use crate::store::FaultyStore;
use crate::trace::{Broken, Trace};
use crate::witness::Witness;
use crate::world::World;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tenure_contract::{Digest, Time};
use tenure_core::position::Position;
use tenure_engine::Engine;

/// When every simulation begins: 2026-11-21T08:00:00Z.
const BEGINS_AT: Time = Time::from_micros(1_795_248_000_000_000);
/// Rounds with failures, at the most.
const ROUNDS_MAX: u64 = 260;
/// Rounds in which everything must come to its end once nothing fails any more.
const CALM_ROUNDS_MAX: u64 = 2_000;

/// What came of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first promise that was broken.
    pub broken: Option<Broken>,
    /// Every line of the trace.
    pub trace: Vec<String>,
    /// Digest of the trace and of every byte of the log.
    pub digest: Digest,
    /// Entries in the log.
    pub entries: usize,
    /// How often the server died.
    pub crashes: u64,
}

/// Runs a seed, with a planted bug if one is given.
#[must_use]
pub fn run(seed: u64, planted: Option<Planted>) -> Outcome {
    switch(planted);
    let outcome = Simulation::new(seed, planted).run();
    switch(None);
    outcome
}

/// Switches on a bug inside the engine, on this thread.
#[cfg(feature = "planted")]
fn switch(planted: Option<Planted>) {
    use tenure_core::planted::{Bug, set};
    set(match planted {
        Some(Planted::EvictBeforeSettle) => Some(Bug::EvictBeforeSettle),
        Some(Planted::OnceRetriedOnTimeout) => Some(Bug::OnceRetriedOnTimeout),
        Some(Planted::ApprovalConsumedTwice) => Some(Bug::ApprovalConsumedTwice),
        Some(Planted::PerformAfterCancel) => Some(Bug::PerformAfterCancel),
        Some(Planted::TimerEarly) => Some(Bug::TimerEarly),
        Some(Planted::PerformBeforeDurable) => Some(Bug::PerformBeforeDurable),
        Some(Planted::PolicyNotCheckedAgain) => Some(Bug::PolicyNotCheckedAgain),
        Some(Planted::OutboxLost) => Some(Bug::OutboxLost),
        Some(Planted::FenceDropped) => Some(Bug::FenceDropped),
        Some(Planted::EntryEarly) => Some(Bug::EntryEarly),
        Some(Planted::EntryForgotten) => Some(Bug::EntryForgotten),
        _ => None,
    });
}

/// Without the feature there is nothing to switch.
#[cfg(not(feature = "planted"))]
const fn switch(_: Option<Planted>) {}

fn commit(engine: &Engine) {
    let _ = engine.commit_some();
}

fn settle(engine: &Engine) {
    let _ = engine.settle_some();
}

struct Simulation {
    around: Surroundings,
    clients: Clients,
    products: Products,
    witness: Arc<Mutex<Witness>>,
    dice: Dice,
    disk_dice: Dice,
    trace: Trace,
    time: Time,
    lives: u64,
    /// A server that was taken for dead and has something left to say.
    frozen: Option<Life>,
    /// In so many of a thousand rounds the server dies.
    deadly: u64,
}

impl Simulation {
    fn new(seed: u64, planted: Option<Planted>) -> Self {
        let trace = Trace::default();
        let witness = Arc::new(Mutex::new(Witness::new(trace.clone())));
        let disk = Disk::new(witness.clone(), trace.clone());
        let world = World::new(seed, witness.clone(), trace.clone());
        let clients = Clients::new(seed, world.clone(), witness.clone(), trace.clone());
        let products = Products::new(seed, world.clone(), witness.clone(), trace.clone());
        let store = FaultyStore::new(disk.clone(), seed, planted, trace.clone());
        let callers = clients.callers().to_vec();
        let around = Surroundings { disk, store, world, callers, trace: trace.clone(), seed };
        let mut dice = Dice::of(seed, "schedule");
        let deadly = *dice.pick(&[0, 20, 60, 150]).unwrap_or(&60);
        let disk_dice = Dice::of(seed, "disk");
        Self {
            around,
            clients,
            products,
            witness,
            dice,
            disk_dice,
            trace,
            time: BEGINS_AT,
            lives: 0,
            frozen: None,
            deadly,
        }
    }

    fn run(mut self) -> Outcome {
        if let Some(life) = self.boot()
            && let Some(life) = self.storm(life)
            && let Some(life) = self.calm(life)
        {
            self.clients.remember();
            self.products.check(&life);
            oracle::check(&self.around, &life, &self.clients, &self.witness);
        }
        let platter = self.around.disk.platter();
        let log: Vec<u8> = platter.flushed().iter().flat_map(|entry| entry.bytes.clone()).collect();
        Outcome {
            seed: self.around.seed,
            broken: self.trace.broken(),
            trace: self.trace.told(),
            digest: Digest::of(&[self.trace.digest().bytes(), &log]),
            entries: platter.flushed().len(),
            crashes: self.lives.saturating_sub(1),
        }
    }

    /// Rounds in which anything may fail.
    fn storm(&mut self, mut life: Life) -> Option<Life> {
        let rounds = self.dice.between(ROUNDS_MAX / 3, ROUNDS_MAX);
        for _ in 0..rounds {
            self.round(&life);
            if self.broke(&life) {
                return None;
            }
            if self.around.disk.platter().dead || self.dice.chance(self.deadly) {
                life = self.crash(life)?;
            }
        }
        Some(life)
    }

    fn broke(&self, life: &Life) -> bool {
        if life.panics() > 0 {
            self.trace.broke("nothing panics", "a task of the engine did");
        }
        self.trace.broken().is_some()
    }

    fn round(&mut self, life: &Life) {
        self.let_time_pass(life);
        let full = self.around.disk.platter().full;
        let full = if full { !self.dice.chance(200) } else { self.dice.chance(8) };
        self.around.disk.platter().full = full;
        if self.dice.chance(400) {
            let turns = self.dice.between(1, 6);
            life.turn(|engine| self.clients.act(engine), turns);
        }
        if self.dice.chance(300) {
            let turns = self.dice.between(1, 6);
            life.turn(|engine| self.products.act(engine), turns);
        }
        if self.dice.chance(700) {
            self.commit(life);
        }
        if self.dice.chance(450) && !self.around.disk.platter().dead {
            self.settle(life);
        }
        if self.dice.chance(100)
            && let Some(frozen) = self.frozen.take()
        {
            self.trace.say(" a frozen server wakes up");
            commit(frozen.engine());
        }
    }

    fn let_time_pass(&mut self, life: &Life) {
        match self.dice.below(1_000) {
            0..=499 => life.turn(|_| {}, self.dice.between(1, 8)),
            500..=899 => life.pass(Duration::from_millis(self.dice.between(1, 60))),
            900..=979 => life.pass(Duration::from_millis(self.dice.between(100, 3_000))),
            980..=996 => life.pass(Duration::from_secs(self.dice.between(10, 90))),
            _ => life.leap(Duration::from_secs(self.dice.between(3_600, 9 * 86_400))),
        }
    }

    fn commit(&mut self, life: &Life) {
        use CrashPoint::{BeforeAck, BeforeAppend, FlushRefused, InFlush};
        let at = self.dice.pick(&[BeforeAppend, InFlush, FlushRefused, BeforeAck]).copied();
        if self.dice.chance(self.deadly / 3) {
            self.around.disk.platter().armed = at;
        }
        life.turn(commit, 0);
        self.around.disk.platter().armed = None;
    }

    fn settle(&mut self, life: &Life) {
        if self.dice.chance(self.deadly / 3) {
            self.around.disk.platter().armed = Some(CrashPoint::InSettle);
        }
        life.turn(settle, 0);
        self.around.disk.platter().armed = None;
    }

    /// The server dies; what was not flushed may be gone; another one starts.
    fn crash(&mut self, life: Life) -> Option<Life> {
        self.time = life.now();
        self.trace.say(format!("crash at {}", self.time));
        self.clients.cut_off();
        self.products.cut_off();
        // one that only seems dead keeps what it had queued
        if self.dice.chance(250) && !self.around.disk.platter().dead {
            self.frozen = Some(life);
        } else {
            drop(life);
        }
        self.around.disk.platter().power_off(&mut self.disk_dice);
        self.time = self.time.plus_ms(self.dice.between(1, 90_000));
        self.boot()
    }

    fn boot(&mut self) -> Option<Life> {
        if self.dice.chance(100) {
            self.boot_on_an_older_log();
        }
        loop {
            self.lives += 1;
            self.trace.say(format!("start {} at {}", self.lives, self.time));
            if self.dice.chance(self.deadly / 2) {
                self.around.disk.platter().armed = Some(CrashPoint::InSettle);
            }
            let life = match Life::begin(&self.around, self.lives, self.time) {
                Ok(life) => life,
                Err(error) => {
                    self.trace.broke("a server starts on what is durable", error.to_string());
                    return None;
                }
            };
            if !self.around.disk.platter().dead {
                self.around.disk.platter().armed = None;
                // what a refused scan missed is left to the clients, who look at every session
                life.turn(|engine| drop(engine.recover()), 0);
                return Some(life);
            }
            drop(life);
            self.around.disk.platter().power_off(&mut self.disk_dice);
        }
    }

    /// Acknowledged entries are gone and the lists know it: no server may start.
    fn boot_on_an_older_log(&mut self) {
        let taken = {
            let mut platter = self.around.disk.platter();
            let anchor = platter.projection().projection.anchor().ok().flatten();
            let known = anchor.map_or(Position::START, |anchor| anchor.position);
            let taken = platter.take_away(self.dice.between(1, 5) as usize);
            let end = platter.flushed().last().map_or(Position::START, |last| last.position);
            if known <= end {
                platter.put_back(taken);
                return;
            }
            taken
        };
        self.trace.say("start on an older log");
        self.lives += 1;
        if Life::begin(&self.around, self.lives, self.time).is_ok() {
            let what = format!("{} entries are gone and it started", taken.len());
            self.trace.broke("no start on a log that lost entries", what);
        }
        self.around.disk.platter().put_back(taken);
    }

    /// Nothing fails any more, and a diligent operator attends: everything comes to its end.
    fn calm(&mut self, life: Life) -> Option<Life> {
        self.trace.say(format!("calm at {}", life.now()));
        self.around.disk.platter().full = false;
        self.around.world.calm_down();
        for round in 0..CALM_ROUNDS_MAX {
            life.turn(|engine| self.clients.attend(engine), 4);
            for _ in 0..8 {
                life.turn(commit, 3);
                life.turn(settle, 3);
            }
            if self.broke(&life) {
                return None;
            }
            if round > 2 && self.clients.all_accepted() && self.all_settled() {
                self.trace.say(format!("at rest at {}", life.now()));
                return Some(life);
            }
            life.pass(Duration::from_millis(500));
        }
        oracle::tell_stuck(&self.around, &life, &self.clients, &self.witness);
        Some(life)
    }

    /// Every run has ended, and no doubt is left.
    fn all_settled(&self) -> bool {
        let witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = witness.runs().all(|(_, seen)| seen.ended.is_some());
        let certain = |seen: &crate::witness::RunSeen| {
            witness.session(seen.session).is_none_or(|state| state.doubts.is_empty())
        };
        ended
            && witness.has_no_open_dispatch()
            && witness.has_no_pending_entry()
            && witness.runs().all(|(_, seen)| certain(seen))
    }
}
