//! Drives: feeds commands and `now` to the core, commits what it decided, performs effects, wakes,
//! settles and recovers.
//!
//! **Invariant:** no SQL, no HTTP, and no decision: what may follow what is `tenure-core`'s.
//!
//! The way of a command: [`node`] locks the session's [`resident`] state, lets the core decide,
//! turns drafts into entries and queues them; [`commit`] makes them durable; [`settle`] brings
//! lists up; [`effect`] performs what the core wishes, once what it depends on is durable.

mod agents;
pub mod api;
mod claims;
mod clock;
mod commit;
mod desk;
mod durable;
mod effect;
mod feed;
mod handler;
mod hold;
pub mod host;
mod journal;
mod leases;
mod mint;
mod node;
mod nudged;
mod observe;
mod policy;
mod resident;
mod residents;
mod runtime;
mod seal;
mod settle;
mod tenant_feed;
mod timers;
mod vault;
mod view;

pub use api::{
    Credential, Engine, Following, Listing, News, RowsWanted, Sort, Told, Trailing, Wanted, Watch,
};
pub use clock::{Clock, Machine, Trust};
pub use commit::{CommitFigures, Drive, OnFatal};
pub use handler::{
    ArtifactMade, Ctx, Handler, HandlerFailure, HandlerResult, Intent, IntentRegistry,
    Registration, StepFailure,
};
pub use host::Host;
pub use mint::{Mint, SeededMint, SystemMint};
pub use node::{Config, Motion};
pub use observe::{Observation, Observed, Observer, Outcome, Refused};
pub use tenure_core::fair::Slots;

pub use runtime::{AgentRuntime, RunOptions, Runtime};
pub use vault::VaultKey;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex; a thread that panicked while it held one left nothing half-written here, since
/// every state behind a lock is replaced whole or void.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
