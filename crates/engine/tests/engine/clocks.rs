//! The engine's clock beside the machine's: jumps hold what time destroys, sleep does not
//! (`APR-2`, `RUN-5`).

use crate::harness::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tenure_contract::resource::Decision;
use tenure_contract::words::{RunStatus, StuckReason};
use tenure_contract::{RunId, SessionId, Time, limits};
use tenure_engine::{Clock, Config, Drive, Engine, IntentRegistry, Machine, Trust};
use tokio::time::Instant;

const ASK: &str = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n\
    [[turn]]\ntext = \"heard: {{pay}}\"\n";
const MINUTE: Duration = Duration::from_secs(60);
const NOON: Time = Time::from_micros(1_795_219_200_000_000);

/// A machine whose clock somebody sets, and whose lid somebody shuts.
struct Laptop {
    begun: Instant,
    start: Time,
    set_by_ms: AtomicI64,
    slept_ms: AtomicU64,
}

impl Laptop {
    fn at(start: Time) -> Arc<Self> {
        let (set_by_ms, slept_ms) = (AtomicI64::new(0), AtomicU64::new(0));
        Arc::new(Self { begun: Instant::now(), start, set_by_ms, slept_ms })
    }
    /// Its clock is set by so much.
    fn set(&self, by_ms: i64) {
        self.set_by_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
    /// It sleeps for so long.
    fn sleep(&self, time: Duration) {
        self.slept_ms.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Machine for Laptop {
    fn wall(&self) -> Time {
        let passed = self.begun.elapsed() + self.slept();
        let right = self.start.plus_ms(passed.as_millis() as u64).micros();
        let set_by = self.set_by_ms.load(Ordering::SeqCst) * 1_000;
        Time::from_micros(right.saturating_add_signed(set_by))
    }
    fn slept(&self) -> Duration {
        Duration::from_millis(self.slept_ms.load(Ordering::SeqCst))
    }
}

/// Time passes by so much; what is due in it happens.
async fn pass(time: Duration) {
    tokio::time::advance(time).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// The clock is looked at.
async fn look() {
    pass(Duration::from_millis(limits::CLOCK_LOOK_MS + 1)).await;
}

async fn asking(house: &House, laptop: &Arc<Laptop>) -> (Engine, SessionId, RunId) {
    let clock = Clock::beside(laptop.clone());
    let config = Config { clock, ..house.config(Drive::Manual) };
    let engine = cranked_as(house, config, IntentRegistry::default());
    let mut pay = action("pay", "once", "http://127.0.0.1:1/pay");
    pay["confirm"] = serde_json::json!({});
    engine.hire(agent("payer").follows(house, ASK).may(pay)).await;
    let session = engine.open_as(approved_by("user:ada")).await.session_id;
    let run = engine.task(session, "payer", "pay").await;
    engine.seen(run, |run| run.status == RunStatus::WaitingApproval).await;
    (engine, session, run)
}

#[tokio::test(start_paused = true)]
async fn apr_2_when_the_clock_jumps_nothing_expires_until_the_clocks_agree_again() {
    for by in [10 * 60_000, -10 * 60_000] {
        let (house, laptop) = (House::new(), Laptop::at(NOON));
        let (engine, _, run) = asking(&house, &laptop).await;
        laptop.set(by / 3);
        look().await;
        assert_eq!(engine.clock_held(), None, "some minutes are nothing");
        laptop.set(by - by / 3);
        look().await;
        let held = engine.clock_held().unwrap();
        assert!(held.contains(if by > 0 { "ahead" } else { "back" }), "{held}");
        pass(Duration::from_millis(limits::APPROVAL_EXPIRY_DEFAULT_MS)).await;
        let waits = engine.run(&ada(), run).await.unwrap();
        assert_eq!(waits.status, RunStatus::WaitingApproval, "held");
        let why = waits.waiting_for.unwrap();
        assert_eq!(why.reason, StuckReason::ClockHeld, "{}", why.text);
        laptop.set(-by);
        look().await;
        assert_eq!(engine.clock_held(), None);
        let ended = engine.seen(run, |run| run.status.is_final()).await;
        assert!(content(&ended).contains("nobody decided in time"), "{}", content(&ended));
    }
}

#[tokio::test(start_paused = true)]
async fn apr_2_what_is_held_can_still_be_decided() {
    let (house, laptop) = (House::new(), Laptop::at(NOON));
    let (engine, session, run) = asking(&house, &laptop).await;
    laptop.set(10 * 60_000);
    look().await;
    pass(Duration::from_millis(limits::APPROVAL_EXPIRY_DEFAULT_MS)).await;
    engine.answer(session, Decision::Deny).await.unwrap();
    let ended = engine.seen(run, |run| run.status.is_final()).await;
    assert!(content(&ended).contains("denied"), "{}", content(&ended));
}

#[tokio::test(start_paused = true)]
async fn apr_2_a_machine_that_slept_has_not_jumped_and_what_is_due_is_due() {
    let (house, laptop) = (House::new(), Laptop::at(NOON));
    let (engine, _, run) = asking(&house, &laptop).await;
    laptop.sleep(60 * MINUTE);
    look().await;
    assert_eq!(engine.clock_held(), None);
    assert_eq!(engine.run(&ada(), run).await.unwrap().status, RunStatus::WaitingApproval);
    laptop.sleep(Duration::from_millis(limits::APPROVAL_EXPIRY_DEFAULT_MS));
    look().await;
    let ended = engine.seen(run, |run| run.status.is_final()).await;
    assert!(content(&ended).contains("nobody decided in time"), "{}", content(&ended));
    let passed = ended.completed_at.unwrap().ms_since(ended.created_at);
    assert!(passed >= limits::APPROVAL_EXPIRY_DEFAULT_MS, "sleep counts");
}

#[test]
fn apr_2_entries_dated_after_the_clock_hold_at_the_start_until_somebody_vouches_for_it() {
    let mut house = House::new();
    let live = |house: &House, at: Time, trust: Trust| {
        let clock = Clock::beside(Laptop::at(at)).with_trust(trust);
        let config = Config { clock, ..house.config(Drive::Threads) };
        house.live_with(config, IntentRegistry::default())
    };
    let later = NOON.plus_ms(60 * 60_000);
    let first = live(&house, later, Trust::Checked);
    first.block_on(first.engine.open());
    assert_eq!(first.engine.clock_held(), None);
    house.crash(first);
    let second = live(&house, NOON, Trust::Checked);
    let held = second.engine.clock_held().unwrap();
    assert!(held.contains("newest entry") && held.contains("--trust-clock"), "{held}");
    house.crash(second);
    let third = live(&house, NOON, Trust::Vouched);
    assert_eq!(third.engine.clock_held(), None);
    house.crash(third);
    let fourth = live(&house, later, Trust::Checked);
    assert_eq!(fourth.engine.clock_held(), None, "set right, it needs nobody");
}
