//! Requests and resources of the `/v1` surface: JSON, camelCase, absent and null the same on input,
//! null on output. Every entity carries all its fields from the first version. One file per noun.

mod agent;
mod approval;
mod artifact;
mod caller;
mod checkpoint;
mod claim;
mod dispatch;
mod executor;
mod handoff;
mod page;
mod patch;
mod place;
mod policy;
mod run;
mod schedule;
mod secret;
mod session;
mod step;
mod task;
mod tenancy;
mod todo;
mod travel;

pub use agent::*;
pub use approval::*;
pub use artifact::*;
pub use caller::*;
pub use checkpoint::*;
pub use claim::*;
pub use dispatch::*;
pub use executor::*;
pub use handoff::*;
pub use page::*;
pub use patch::*;
pub use place::*;
pub use policy::*;
pub use run::*;
pub use schedule::*;
pub use secret::*;
pub use session::*;
pub use step::*;
pub use task::*;
pub use tenancy::*;
pub use todo::*;
pub use travel::*;
