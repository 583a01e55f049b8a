//! What Tenure decides: machines, policies and projections, all pure.
//!
//! Every machine has one shape. A *command* comes in with `now` and fresh ids; [`session::transact`]
//! answers with events or a refusal; [`session::SessionState::apply`] folds an entry, the same live,
//! in recovery and in replay; [`session::wishes`] says what the outside should do and
//! [`session::next_wake`] when to look again.
//!
//! **Invariant:** no async, no I/O, no clock, no randomness.

pub mod authority;
pub mod clock;
pub mod command;
pub mod cursor;
pub mod fair;
pub mod ledger;
pub mod machine;
pub mod pins;
#[cfg(feature = "planted")]
pub mod planted;
pub mod policy;
pub mod position;
pub mod projection;
pub mod refusal;
pub mod session;
pub mod token;
pub mod trail;
pub mod verify;

pub use command::{Command, Context, Draft, DraftBody, Fresh};
pub use refusal::{Illegal, Refusal};
pub use session::SessionState;
