//! What the session machine promises, by requirement, and what holds after anything at all.

mod approval;
mod asking;
pub(crate) mod bench;
mod checkpoint;
mod handoff;
mod loops;
mod policy;
pub(crate) mod properties;
mod remote;
mod run;
mod session;
mod step;
mod task;
pub(crate) mod transfer;
