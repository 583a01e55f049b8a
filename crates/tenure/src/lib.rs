//! Tenure as a library: one call opens a data directory and runs what is in it.
//!
//! ```no_run
//! # async fn open() -> Result<(), tenure::OpenError> {
//! let tenure = tenure::Tenure::open(".tenure".as_ref(), tenure::Options::default())?;
//! println!("{:?}", tenure.engine().intents().list());
//! tenure.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The data directory
//! | name | holds |
//! |---|---|
//! | `log-000001.db` | the log: every entry, flushed before it counts |
//! | `lists.db` | everything derived from the log; may be deleted, is rebuilt |
//! | `blobs/` | bodies above 256 KiB |
//! | `keys/root`, `keys/node` | Ed25519 seeds, mode 0600: the root certifies the node, the node signs heads |
//! | `keys/secrets` | what the tenants' secrets are encrypted with, mode 0600; without it they are lost |
//! | `keys/root.pub` | the root's public key in hex: what `tenure verify --root` takes |
//! | `workspaces/ses_…/` | the folder a session's file tools see |
//! | `lock` | held while the directory has an owner |
//! | `owner.json` | where the owner answers and the token for it, mode 0600; gone at an orderly exit |
//!
//! Everything in it belongs to one process at a time. A verb of the command line talks to that
//! process over HTTP, and becomes it only when there is none: as one that moves nothing where the verb only reads, which
//! writes no note and is gone at once.
//!
//! **Invariant:** wiring and presentation; no decision about a run stands here.

mod auth;
pub mod cli;
mod client;
mod connection;
mod demo;
mod examples;
pub mod intents;
mod keys;
mod open;
mod owner;
mod server;
mod stage;

pub use keys::{KeyError, Keys};
pub use open::{OpenError, Options, Tenure};
pub use tenure_engine::{
    AgentRuntime, Motion, Observation, Observed, Observer, Outcome, Refused, RunOptions, Runtime,
};
