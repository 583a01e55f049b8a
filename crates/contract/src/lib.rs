//! Every word that crosses a process or disk boundary: ids, times, events, entries, requests,
//! resources, errors and limits.
//!
//! **Invariant:** this crate holds no product logic, no clock, no randomness and no I/O, and it
//! is publishable alone (`STB-1`). What a word *means* is decided in `tenure-core`.

pub mod agent;
pub mod digest;
pub mod entry;
pub mod error;
pub mod event;
pub mod export;
pub mod feed;
pub mod ids;
pub mod limits;
pub mod live;
pub mod policy;
pub mod resource;
pub mod time;
pub mod token;
pub mod trail;
pub mod words;

mod macros;

pub use digest::Digest;
pub use entry::{Entry, Journal, PayloadRef};
pub use error::{Code, Error};
pub use event::Event;
pub use ids::*;
pub use policy::PolicyVersion;
pub use time::Time;

/// The examples of the readme are run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
