//! A session as a machine: the fold of its journal, and every decision about it.
//!
//! [`transact`] is the one way in: it decides a command and then advances whatever may move by
//! itself (a queued run starts, a model's calls become steps, a finished agent ends) until nothing
//! does. Live, recovery and replay fold with the same [`SessionState::apply`].

mod advance;
mod apply;
mod decide;
pub mod explain;
mod needs;
pub mod owner;
pub mod remote;
mod run;
mod state;
mod task;
mod transfer;
mod wishes;

#[cfg(test)]
pub(crate) mod tests;

pub use decide::opens;
pub use decide::redeem;
pub use needs::Needs;
pub use owner::{Authority, By, Handoff, Owned, admit};
pub use run::{
    AskedStep, Call, CallOutcome, Cancelling, Doubt, Ending, Memo, OpenStep, Progress, Run, Said,
    Stage, Stand, Turn, Unbilled,
};
pub use state::{Approval, BroughtMemory, Due, Handed, SessionState, Steered};
pub use task::{Task, Todo};
pub use transfer::{ChainEnd, Transfer};
pub use wishes::{Wish, next_retry, next_wake, rests, wishes};

pub(crate) use decide::covers;

pub use decide::{check_offered, check_opening, check_title};

use crate::{Command, Context, Draft, Illegal, Refusal};
use tenure_contract::{Entry, EventId};

/// The fold's version: a snapshot made by another one is folded again.
pub const FOLD_VERSION: u32 = 4;

/// What [`transact`] needs of its caller: a place to turn a draft into an entry.
pub trait Journalist {
    /// Makes the draft an entry, the next of the journal, and keeps it for the commit.
    fn enter(&mut self, draft: Draft) -> &Entry;
}

/// Why a transaction did not happen or must not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused before anything changed.
    Refused(Refusal),
    /// The machine contradicted itself: drop the state, keep nothing.
    Illegal(Illegal),
}

/// Decides a command, folds what was decided, and advances until nothing moves by itself.
///
/// # Errors
/// [`Fault::Refused`] leaves the state untouched. [`Fault::Illegal`] means the state must be
/// dropped and the entries of this call with it.
pub fn transact(
    state: &mut SessionState,
    command: &Command,
    cx: &mut Context,
    journalist: &mut dyn Journalist,
) -> Result<(), Fault> {
    let drafts = decide::decide(state, command, cx).map_err(Fault::Refused)?;
    for draft in drafts {
        enter(state, draft, journalist)?;
    }
    #[cfg(feature = "planted")]
    crate::planted::hurry(cx);
    while let Some(drafts) = advance::advance(state, cx) {
        for draft in drafts {
            enter(state, draft, journalist)?;
        }
    }
    Ok(())
}

fn enter(
    state: &mut SessionState,
    draft: Draft,
    journalist: &mut dyn Journalist,
) -> Result<(), Fault> {
    let entry = journalist.enter(draft);
    state.apply(entry).map_err(Fault::Illegal)
}

/// A draft without a body, for a run.
pub(crate) fn draft(run: &Run, event: impl Into<tenure_contract::Event>) -> Draft {
    Draft {
        event: event.into(),
        run: Some(run.id),
        parent: run.parent_event(),
        body: crate::DraftBody::None,
    }
}

impl Run {
    fn parent_event(&self) -> Option<EventId> {
        self.parent.map(|_| self.submitted_event)
    }
}
