//! Who kills the server, and when.

use super::Kills;
use super::narrator::Narrator;
use super::payments::Booked;
use crate::cli::Failure;
use crate::stage::Server;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Longest time a server lives after it began to accept, milliseconds.
const LIFE_MAX_MS: u64 = 160;
/// Longest time a server lives that is killed while it starts, milliseconds.
const START_LIFE_MAX_MS: u64 = 60;
/// Bookings a server survives before it is killed right after the next.
const BOOKINGS_MAX: u64 = 3;
/// Longest time between a booking and the kill it is aimed at, milliseconds.
const AIM_MAX_MS: u64 = 8;

/// Kills, starts again, and remembers when.
#[derive(Clone)]
pub(super) struct Killer {
    kills: Kills,
    server: Arc<Server>,
    narrator: Arc<Narrator>,
    moments: Arc<Mutex<Vec<u64>>>,
    over: Arc<AtomicBool>,
    stop: Arc<Notify>,
}

/// A moment to kill at.
enum Moment {
    /// So long after the server began to accept.
    Life(Duration),
    /// After so many bookings, and a little later.
    Booking(u64, Duration),
    /// While it is starting again after the kill before.
    Start(Duration),
}

impl Killer {
    pub fn new(kills: Kills, server: Arc<Server>, narrator: Arc<Narrator>) -> Self {
        Self {
            kills,
            server,
            narrator,
            moments: Arc::default(),
            over: Arc::default(),
            stop: Arc::default(),
        }
    }

    /// When it killed so far, microseconds since 1970.
    pub fn moments(&self) -> Vec<u64> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the kills that were asked for are not all done.
    pub fn wants_more(&self) -> bool {
        match self.kills {
            Kills::Planned => false,
            Kills::Random { count, .. } => (self.moments().len() as u64) < count,
        }
    }

    /// No more kills: the work is done.
    pub fn enough(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.stop.notify_one();
    }

    /// Kills until it is enough.
    pub async fn run(self, mut booked: mpsc::UnboundedReceiver<Booked>) {
        let killed = match self.kills {
            Kills::Planned => self.planned(&mut booked).await,
            Kills::Random { seed, .. } => self.random(&mut booked, seed).await,
        };
        if let Err(failure) = killed {
            self.narrator.trouble(&failure.error().message);
        }
    }

    /// Right after money moved, when the service keeps its answer back.
    async fn planned(&self, booked: &mut mpsc::UnboundedReceiver<Booked>) -> Result<(), Failure> {
        loop {
            let told = tokio::select! {
                told = booked.recv() => told,
                () = self.stop.notified() => None,
            };
            let Some(told) = told else { return Ok(()) };
            if told.held {
                self.narrator.about_to_kill(&told, self.server.pid());
                self.kill().await?;
                let took = self.server.restart().await?;
                self.narrator.back(self.server.pid(), took);
            }
        }
    }

    async fn random(
        &self,
        booked: &mut mpsc::UnboundedReceiver<Booked>,
        seed: u64,
    ) -> Result<(), Failure> {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut moment = Moment::Booking(dice.random_range(0..BOOKINGS_MAX), Duration::ZERO);
        while self.wants_more() && !self.over.load(Ordering::SeqCst) {
            self.await_moment(&moment, booked).await;
            match moment {
                Moment::Start(after) => self.note(self.server.start_and_kill(after).await?),
                Moment::Life(_) | Moment::Booking(..) => self.kill().await?,
            }
            self.narrator.killed(self.moments().len() as u64);
            moment = next(&mut dice);
            if !matches!(moment, Moment::Start(_)) || !self.wants_more() {
                self.server.restart().await?;
                // what was booked before has nothing to do with this process
                while booked.try_recv().is_ok() {}
            }
        }
        Ok(())
    }

    async fn await_moment(&self, moment: &Moment, booked: &mut mpsc::UnboundedReceiver<Booked>) {
        let waited = async {
            match moment {
                Moment::Life(time) => tokio::time::sleep(*time).await,
                Moment::Start(_) => {}
                Moment::Booking(skip, after) => {
                    for _ in 0..=*skip {
                        booked.recv().await;
                    }
                    tokio::time::sleep(*after).await;
                }
            }
        };
        tokio::select! {
            () = waited => {}
            () = self.stop.notified() => {}
        }
    }

    async fn kill(&self) -> Result<(), Failure> {
        let at = self.server.kill().await?;
        self.note(at);
        Ok(())
    }

    fn note(&self, at: u64) {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner).push(at);
    }
}

fn next(dice: &mut StdRng) -> Moment {
    let ms = |dice: &mut StdRng, most: u64| Duration::from_millis(dice.random_range(0..=most));
    match dice.random_range(0..10) {
        0..=4 => Moment::Life(ms(dice, LIFE_MAX_MS)),
        5..=8 => Moment::Booking(dice.random_range(0..BOOKINGS_MAX), ms(dice, AIM_MAX_MS)),
        _ => Moment::Start(ms(dice, START_LIFE_MAX_MS)),
    }
}
