//! Intent handlers: registered functions that get durability by named substeps.
//!
//! A handler is a coroutine that is run again after a loss; `ctx.step` returns what was recorded
//! without running it again (`INT-6`).

mod asking;
mod context;
mod drive;
mod registry;
mod writes;

pub use context::{Ctx, Intent, StepFailure};
pub(crate) use drive::drive;
pub use registry::{
    ArtifactMade, Handler, HandlerFailure, HandlerResult, IntentRegistry, Registration,
};
