//! The events: every kind of entry, with its number and name, frozen once released.
//!
//! A fold reads events only, never payload bodies; what a machine needs to go on stands here,
//! everything a person would want erased stands in the body beside the entry.

pub mod app;
pub mod approval;
pub mod artifact;
pub mod checkpoint;
pub mod dispatch;
pub mod executor;
pub mod handoff;
pub mod ledger;
pub mod migration;
pub mod place;
pub mod principal;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod session;
pub mod step;
pub mod task;
pub mod transfer;
pub mod travel;

use minicbor::{Decoder, Encoder, decode, encode};
use serde::{Deserialize, Serialize};

pub use app::*;
pub use approval::*;
pub use artifact::*;
pub use checkpoint::*;
pub use dispatch::*;
pub use executor::*;
pub use handoff::*;
pub use ledger::*;
pub use migration::*;
pub use place::*;
pub use principal::*;
pub use run::*;
pub use schedule::*;
pub use secret::*;
pub use session::*;
pub use step::*;
pub use task::*;
pub use transfer::*;
pub use travel::*;

macro_rules! events {
    ($($(#[$meta:meta])* $number:literal $name:literal $variant:ident),+ $(,)?) => {
        /// What happened. One variant per kind of entry.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "data")]
        pub enum Event { $($(#[$meta])* #[serde(rename = $name)] $variant($variant)),+ }

        impl Event {
            /// Every kind: its number on disk, its name on the wire, what it says.
            pub const KINDS: &'static [(u16, &'static str)] = &[$(($number, $name)),+];

            /// The kind's number on disk.
            #[must_use]
            pub const fn number(&self) -> u16 {
                match self { $(Self::$variant(_) => $number),+ }
            }
            /// The kind's name on the wire.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }
            pub(crate) fn encode_body<W: encode::Write>(
                &self, e: &mut Encoder<W>,
            ) -> Result<(), encode::Error<W::Error>> {
                match self { $(Self::$variant(body) => { e.encode(body)?; })+ }
                Ok(())
            }
            pub(crate) fn decode_body(kind: u16, d: &mut Decoder<'_>) -> Result<Self, decode::Error> {
                match kind {
                    $($number => Ok(Self::$variant(d.decode()?)),)+
                    other => Err(decode::Error::message(
                        format!("event kind {other} is not known to this program"))),
                }
            }
        }

        $(impl From<$variant> for Event {
            fn from(body: $variant) -> Self { Self::$variant(body) }
        })+
    };
}

events! {
    /// A session began.
    1 "session.opened" SessionOpened,
    /// A session was closed, cancelled, or ended with its only run.
    2 "session.ended" SessionEnded,
    /// A session's fields changed.
    3 "session.changed" SessionChanged,
    /// A session was claimed for an agent; the first claim stands.
    4 "session.bound" SessionBound,
    /// Somebody resumed the session from a checkpoint.
    5 "session.resumed" SessionResumed,
    /// What was made just before came from a store without owners; a session's messages are the body.
    6 "row.brought" RowBrought,
    /// A run was accepted; its input is the body.
    10 "run.submitted" RunSubmitted,
    /// A run left the queue.
    11 "run.started" RunStarted,
    /// A run was halted.
    12 "run.paused" RunPaused,
    /// A run waits for a decision.
    13 "run.waiting-approval" RunWaiting,
    /// A halted or waiting run goes on.
    14 "run.resumed" RunResumed,
    /// Somebody asked for a run's end; it wins over every effect not yet started.
    15 "run.cancel-requested" RunCancelRequested,
    /// A run ended; its output, partial or whole, is the body.
    16 "run.ended" RunEnded,
    /// Input for a run in progress, given before its next model call.
    17 "run.steered" RunSteered,
    /// A step with an outside effect is about to begin; its arguments are the body.
    20 "step.intended" StepIntended,
    /// A step is tried again under the same key.
    21 "step.attempted" StepAttempted,
    /// A step's result is committed; the result is the body.
    22 "step.landed" StepLanded,
    /// A step failed; the error is the body.
    23 "step.failed" StepFailed,
    /// The request may have left and no answer is committed.
    24 "step.in-doubt" StepInDoubt,
    /// An in-doubt step was settled.
    25 "step.resolved" StepResolved,
    /// An answer came after the step was settled; it changes nothing.
    26 "step.late" StepLate,
    /// A `read` step, intent and result in one entry; the result is the body.
    27 "step.recorded" StepRecorded,
    /// A model call's turn is committed; the message is the body.
    28 "turn.landed" TurnLanded,
    /// A step that never started was given up.
    29 "step.cancelled" StepCancelled,
    /// A call was assessed again because the policy had changed, or its arguments were edited.
    33 "call.assessed" CallAssessed,
    /// Policy refused a handler's substep before it began; the refusal is the body, and its result.
    34 "step.refused" StepRefused,
    /// A model call that was lost, or whose run had ended, turned out to have cost tokens.
    35 "step.charged" StepCharged,
    /// A handler's substep waits for the approval that was asked for just before.
    37 "step.asked" StepAsked,
    /// A decision is asked for; the exact action is the body.
    40 "approval.requested" ApprovalRequested,
    /// Somebody decided; edited arguments, if any, are the body.
    41 "approval.decided" ApprovalDecided,
    /// A request closed without a decision.
    42 "approval.closed" ApprovalClosed,
    /// A token was handed out under which another app may decide.
    43 "approval.handed" ApprovalHanded,
    /// An artifact was registered; descriptor and materializations are the body.
    50 "artifact.registered" ArtifactRegistered,
    /// An artifact changed its state.
    51 "artifact.moved" ArtifactMoved,
    /// A task was made; its intent is the body.
    55 "task.created" TaskCreated,
    /// A task is called otherwise, ranks otherwise or lies elsewhere.
    56 "task.changed" TaskChanged,
    /// A task changed its status.
    57 "task.moved" TaskMoved,
    /// A todo was made; its text is the body.
    58 "todo.created" TodoCreated,
    /// A todo changed its status, or its text, which then is the body.
    59 "todo.changed" TodoChanged,
    /// Chat memory was saved; the added messages are the body.
    60 "memory.saved" MemorySaved,
    /// Chat memory was emptied; the messages stay where they are.
    61 "memory.cleared" MemoryCleared,
    /// A session is offered to another owner.
    62 "handoff.offered" HandoffOffered,
    /// A session has another owner.
    63 "handoff.accepted" HandoffAccepted,
    /// An offer came to nothing.
    64 "handoff.closed" HandoffClosed,
    /// A session is offered to another server.
    65 "transfer.offered" TransferOffered,
    /// An offer to another server was taken back.
    66 "transfer.withdrawn" TransferWithdrawn,
    /// A session is another server's from here on; the sender's last entry.
    67 "transfer.released" TransferReleased,
    /// A session came from another server; the receiver's first entry.
    68 "transfer.received" TransferReceived,
    /// A point to resume from; the resume token is the body.
    70 "checkpoint.made" CheckpointMade,
    /// A tenant's ledger began.
    80 "tenant.opened" TenantOpened,
    /// A version of an agent was registered; the definition is the body.
    81 "agent.registered" AgentRegistered,
    /// An API key was made; only its hash is kept.
    82 "key.created" KeyCreated,
    /// An API key was revoked.
    83 "key.revoked" KeyRevoked,
    /// An authenticated caller was refused.
    84 "access.denied" AccessDenied,
    /// The key of another app was registered.
    110 "app-key.registered" AppKeyRegistered,
    /// The key of another app was revoked.
    111 "app-key.revoked" AppKeyRevoked,
    /// A principal was made.
    85 "principal.created" PrincipalCreated,
    /// A principal's scopes or status changed.
    86 "principal.changed" PrincipalChanged,
    /// A project was made.
    87 "project.created" ProjectCreated,
    /// A workspace was made.
    88 "workspace.created" WorkspaceCreated,
    /// A workspace's status changed.
    89 "workspace.moved" WorkspaceMoved,
    /// A secret was set; its ciphertext is the body.
    90 "secret.set" SecretSet,
    /// A secret was deleted.
    91 "secret.deleted" SecretDeleted,
    /// A tenant's policy was set; its text is the body.
    92 "policy.set" PolicySet,
    /// A dispatch came in; its payload and key are the body.
    100 "dispatch.received" DispatchReceived,
    /// A dispatch was taken.
    101 "dispatch.accepted" DispatchAccepted,
    /// A dispatch was not taken.
    102 "dispatch.rejected" DispatchRejected,
    /// A dispatch waits for its turn, its time or an executor.
    103 "dispatch.waiting" DispatchWaiting,
    /// An executor has a remote dispatch and a lease on it.
    104 "dispatch.claimed" DispatchClaimed,
    /// A dispatch starts: the message to its session, until it is delivered.
    105 "dispatch.started" DispatchStarted,
    /// The session has the run of a dispatch, or refused it for good.
    106 "dispatch.delivered" DispatchDelivered,
    /// A dispatch was cancelled or expired before it started.
    107 "dispatch.closed" DispatchClosed,
    /// A claimed dispatch waits again: its lease was lost, or it was given back.
    108 "dispatch.released" DispatchReleased,
    /// A schedule was made; what its entries do unless they say otherwise is the body.
    130 "schedule.created" ScheduleCreated,
    /// A schedule is called otherwise, or treats what it missed otherwise.
    131 "schedule.changed" ScheduleChanged,
    /// A schedule changed its status.
    132 "schedule.moved" ScheduleMoved,
    /// A schedule has another entry; what it is given is the body.
    133 "schedule.entry-added" ScheduleEntryAdded,
    /// An entry of a schedule is due at another time.
    134 "schedule.entry-moved" ScheduleEntryMoved,
    /// An entry of a schedule was due and becomes a dispatch, in the same commit.
    135 "schedule.entry-dispatched" ScheduleEntryDispatched,
    /// An entry of a schedule was missed or given up.
    136 "schedule.entry-closed" ScheduleEntryClosed,
    /// An executor was registered.
    140 "executor.registered" ExecutorRegistered,
    /// An executor is trusted no more.
    141 "executor.revoked" ExecutorRevoked,
    /// An executor has a run whose former executor was lost.
    142 "run.claimed" RunClaimed,
    /// A run's executor was lost.
    143 "run.released" RunReleased,
    /// A migration from a store without owners was begun.
    145 "migration.begun" MigrationBegun,
    /// Some rows of a migration; their lines are the body.
    146 "migration.rows-read" MigrationRowsRead,
    /// The operator said which tenant is which user's.
    147 "migration.users-mapped" MigrationUsersMapped,
    /// Rows moved: to a tenant, aside, back, or away.
    148 "migration.rows-moved" MigrationRowsMoved,
    /// A migration is over; what became of its rows stands in the entry.
    149 "migration.finished" MigrationFinished,
}
