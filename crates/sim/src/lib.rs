//! The simulator: the real engine, driven by hand on a paused clock, against a disk that forgets, a
//! world that is late, and clients that ask again; everything by seed.
//!
//! One seed is one history: [`run`] gives the same trace and the same bytes each time. The
//! [`witness`] sees what really is durable and folds it without the engine; every effect is held
//! against it when it begins, every answer when it is given, and everything once more at rest. What
//! the checks are worth is shown by [`Planted`] bugs, each of which a budget of seeds must catch.
//!
//! It is not a store's test suite (`tenure_store::suite`) and not a load test.

pub mod agent;
pub mod clients;
pub mod dice;
pub mod disk;
pub mod handlers;
pub mod life;
pub mod oracle;
pub mod owners;
pub mod plan;
pub mod planted;
pub mod policies;
pub mod products;
pub mod simulation;
pub mod store;
pub mod trace;
pub mod witness;
pub mod world;

pub use planted::Planted;
pub use simulation::{Outcome, run};
