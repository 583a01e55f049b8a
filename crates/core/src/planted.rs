//! Bugs to be switched on, one at a time and on one thread, so that the simulator can show that it
//! would catch them. Nothing of this exists without the feature `planted`.

use crate::Context;
use std::cell::Cell;

/// A bug inside core or engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A session whose entries are not settled is let go.
    EvictBeforeSettle,
    /// A `once` step that timed out is tried again.
    OnceRetriedOnTimeout,
    /// An approval is used for two steps.
    ApprovalConsumedTwice,
    /// An effect begins although its run was cancelled.
    PerformAfterCancel,
    /// What is due in an hour is taken for due.
    TimerEarly,
    /// An effect begins before its intent is durable.
    PerformBeforeDurable,
    /// A call begins on a verdict from a policy that is not in force any more.
    PolicyNotCheckedAgain,
    /// A message to another journal is acknowledged before it is delivered.
    OutboxLost,
    /// Who handed a session over is let in by a key for any product.
    FenceDropped,
    /// A schedule's entry that is due in an hour is taken for due.
    EntryEarly,
    /// A server that starts does not look for schedules whose entries wait for their time.
    EntryForgotten,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    static STRUCK: Cell<bool> = const { Cell::new(false) };
}

/// Switches a bug on for this thread, or all off.
pub fn set(bug: Option<Bug>) {
    PLANTED.set(bug);
    STRUCK.set(false);
}

/// Whether that bug is on.
#[must_use]
pub fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// True once, if that bug is on.
#[must_use]
pub fn strikes(bug: Bug) -> bool {
    is(bug) && !STRUCK.replace(true)
}

/// Moves time an hour forward for what comes due, if that bug is on.
pub fn hurry(cx: &mut Context) {
    if is(Bug::TimerEarly) {
        cx.now = cx.now.plus_ms(3_600_000);
    }
}
