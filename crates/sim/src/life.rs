//! One life of the server: a runtime of its own whose end ends every task, and the real engine.

use crate::agent;
use crate::disk::Disk;
use crate::handlers;
use crate::store::FaultyStore;
use crate::trace::Trace;
use crate::world::World;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;
use tenure_contract::resource::Caller;
use tenure_contract::{Code, Digest, Error, Time, limits};
use tenure_engine::{Clock, Config, Drive, Engine, Motion, SeededMint, Slots};
use tokio::runtime::{Builder, Runtime};

/// What a life is made of.
#[derive(Clone)]
pub struct Surroundings {
    /// The disk.
    pub disk: Disk,
    /// The store on it.
    pub store: Arc<FaultyStore>,
    /// The outside.
    pub world: World,
    /// Whose agents are seated.
    pub callers: Vec<Caller>,
    /// The trace.
    pub trace: Trace,
    /// The seed.
    pub seed: u64,
}

/// A running server.
pub struct Life {
    runtime: Runtime,
    engine: Engine,
    clock: Clock,
    panics_before: u64,
}

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Panics on this thread so far.
fn panics() -> u64 {
    PANICS.get()
}

/// Counts panics from now on, besides whatever else was done about them.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |told| {
            PANICS.set(PANICS.get() + 1);
            before(told);
        }));
    });
}

impl Life {
    /// Starts a server at that time, the `number`th of this disk.
    ///
    /// # Errors
    /// When there is no runtime, or the engine refuses to start.
    pub fn begin(around: &Surroundings, number: u64, at: Time) -> Result<Self, Error> {
        let failed = |why: String| Error::new(Code::Internal, why);
        count_panics();
        let panics_before = panics();
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let (engine, clock) = {
            let _inside = runtime.enter();
            let clock = Clock::starting_at(at);
            around.world.lives_by(clock.clone());
            let engine = Self::start(around, number, clock.clone())?;
            for caller in &around.callers {
                let agent = agent::agent(&around.world).map_err(|why| failed(why.to_string()))?;
                engine.seat_agent(caller, version()?, agent);
            }
            (engine, clock)
        };
        Ok(Self { runtime, engine, clock, panics_before })
    }

    fn start(around: &Surroundings, number: u64, clock: Clock) -> Result<Engine, Error> {
        let (disk, trace) = (around.disk.clone(), around.trace.clone());
        let config = Config {
            node: "simulated".to_owned(),
            drive: Drive::Manual,
            clock,
            mint: Arc::new(SeededMint::new(around.seed.wrapping_mul(1_000).wrapping_add(number))),
            workspaces: PathBuf::from("/nowhere"),
            vault: tenure_engine::VaultKey([3; 32]),
            motion: Motion::Live,
            observers: Vec::new(),
            // few enough that dispatches wait for one another
            slots: Slots { per_node: 2, per_tenant: 1 },
            // every other world has no room: a session is let go whenever it waits
            resident_max_bytes: if around.seed.is_multiple_of(2) {
                0
            } else {
                limits::RESIDENT_MAX_BYTES_DEFAULT
            },
            host: tenure_engine::Host::default(),
            on_fatal: Box::new(move |why| {
                trace.say(format!(" fatal: {why}"));
                disk.platter().dead = true;
            }),
        };
        let intents = handlers::registry(&around.world);
        Engine::start(around.store.store(), config, intents, &|_| {})
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Does something inside the runtime, then lets every task go on for so many turns.
    pub fn turn(&self, then: impl FnOnce(&Engine), turns: u64) {
        self.runtime.block_on(async {
            then(&self.engine);
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Lets time pass; whatever is due in it happens in its order.
    pub fn pass(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    /// Lets time jump: what is due in it happens late.
    pub fn leap(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::advance(time).await });
    }

    /// Waits for one call, committing and settling while it takes.
    ///
    /// # Errors
    /// `internal` when it takes an hour.
    pub fn wait<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let failed = || Error::new(Code::Internal, "no answer within an hour");
        self.runtime.block_on(async {
            let mut call = std::pin::pin!(call);
            for _ in 0..3_600 {
                let second = Duration::from_secs(1);
                if let Ok(answer) = tokio::time::timeout(second, call.as_mut()).await {
                    return answer;
                }
                let _ = self.engine.commit_some() | self.engine.settle_some();
            }
            Err(failed())
        })
    }

    /// Panics on this thread since this life began; a task's panic is caught by its runtime.
    #[must_use]
    pub fn panics(&self) -> u64 {
        panics() - self.panics_before
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        let _inside = self.runtime.enter();
        self.clock.now()
    }
}

/// The version under which the simulation's agent is registered.
fn version() -> Result<Digest, Error> {
    let canonical = serde_json_canonicalizer::to_vec(&agent::definition())
        .map_err(|why| Error::new(Code::Internal, why.to_string()))?;
    Ok(Digest::of(&[&canonical]))
}
