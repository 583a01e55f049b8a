//! Bugs that can be switched on, each of which a budget of seeds must catch.
//!
//! Those of the store are made by the simulated store itself. Those inside the engine are hooks
//! that exist only under the feature `planted`.

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// An append answers before its flush, which comes with the next append.
    AckBeforeFlush,
    /// An append never flushes; the system writes when it likes.
    MissingFlush,
    /// A large body is never flushed.
    PayloadFlushMissing,
    /// A settle step now and then leaves a row out.
    SettlerSkipsRow,
    /// A settle step now and then indexes an entry under its neighbour's place.
    IndexOffByOne,
    /// The anchor reaches the disk before what it stands for.
    AnchorWrittenAhead,
    /// Lists that know more than the log are taken for foreign ones and made again.
    ProjectionAheadAccepted,
    /// A former owner's append is accepted.
    StaleEpochAccepted,
    /// An append whose outcome was not known is made again.
    UnknownCommitRetried,
    /// Lists show every tenant's rows.
    TenantFilterDropped,
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

impl Planted {
    /// Those made by the store.
    pub const IN_STORE: &'static [Self] = &[
        Self::AckBeforeFlush,
        Self::MissingFlush,
        Self::PayloadFlushMissing,
        Self::SettlerSkipsRow,
        Self::IndexOffByOne,
        Self::AnchorWrittenAhead,
        Self::ProjectionAheadAccepted,
        Self::StaleEpochAccepted,
        Self::UnknownCommitRetried,
        Self::TenantFilterDropped,
    ];

    /// Those inside the engine; nothing happens without the feature `planted`.
    pub const INSIDE: &'static [Self] = &[
        Self::EvictBeforeSettle,
        Self::OnceRetriedOnTimeout,
        Self::ApprovalConsumedTwice,
        Self::PerformAfterCancel,
        Self::TimerEarly,
        Self::PerformBeforeDurable,
        Self::PolicyNotCheckedAgain,
        Self::OutboxLost,
        Self::FenceDropped,
        Self::EntryEarly,
        Self::EntryForgotten,
    ];
}
