//! The trail of a session as it is told: lines, some observed and some derived (`RPL-1`).
//!
//! A trail is JSON Lines in this order and nothing else:
//!
//! 1. one [`Head`]: which session, and up to which entry;
//! 2. one [`Observed`] per entry, oldest first: an entry says so;
//! 3. one [`Derived`] per run, step, approval, artifact, task and todo, each kind in the order of
//!    coming, and at last one for the session: the fold of those entries says so.
//!
//! Every line says in `told` which of the three it is, so nobody takes a conclusion for a fact.
//! The line of the session is the last one; a trail without it was cut on its way. This module
//! says what the lines are; making them is `tenure-core`'s.

mod approval;
mod artifact;
mod run;
mod session;
mod step;
mod task;

pub use approval::{ApprovalTold, DecisionTold, HandingTold};
pub use artifact::{ArtifactTold, MoveTold};
pub use run::{CancelTold, EndTold, PauseTold, PauseWhy, RunTold, SpentTold, SteerTold};
pub use session::{HandoffTold, ResumeTold, SessionTold};
pub use step::{AssessmentTold, AttemptTold, DoubtTold, FailureTold, ResolutionTold, StepTold};
pub use task::{TaskMoveTold, TaskTold, TodoChangeTold, TodoTold};

use crate::entry::{PayloadRef, Principal};
use crate::export::{Body, Content};
use crate::words::Surface;
use crate::{ApprovalId, ArtifactId, Digest, Entry, Event, EventId, RunId, SessionId, StepId};
use crate::{TaskId, TenantId, Time, TodoId};
use serde::{Deserialize, Serialize};

/// The version of the trail's lines.
pub const TRAIL_VERSION: u32 = 1;

/// One line of a trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "lowercase")]
pub enum Line {
    /// Which trail it is.
    Head(Head),
    /// An entry says so.
    Observed(Box<Observed>),
    /// The fold says so.
    Derived(Box<Derived>),
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`TRAIL_VERSION`].
    pub trail: u32,
    /// The session.
    pub session: SessionId,
    /// Its owner.
    pub tenant: TenantId,
    /// The last entry it takes account of.
    pub seq: u64,
}

/// What an entry says, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// Place in the journal.
    pub seq: u64,
    /// The entry's id.
    pub event_id: EventId,
    /// When it was decided.
    pub at: Time,
    /// What it is about, as `subject` and `id`.
    #[serde(flatten)]
    pub subject: Subject,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// Who acted, as `kind:name`.
    #[serde(with = "crate::export::as_text")]
    pub by: Principal,
    /// Where from.
    pub surface: Option<Surface>,
    /// What happened, as `kind` and `data`.
    #[serde(flatten)]
    pub event: Event,
    /// What stands beside the entry.
    pub body: Option<Beside>,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "subject", content = "id", rename_all = "kebab-case")]
pub enum Subject {
    /// The session itself.
    Session(SessionId),
    /// A run.
    Run(RunId),
    /// A step, or the turn a model step came to.
    Step(StepId),
    /// An approval.
    Approval(ApprovalId),
    /// An artifact.
    Artifact(ArtifactId),
    /// A task.
    Task(TaskId),
    /// A todo.
    Todo(TodoId),
}

/// A body beside an entry; `erased` when nothing is left of it but its digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// Its salted digest, as the entry has it.
    pub digest: Digest,
    /// Its size in bytes.
    pub len: u64,
    /// True when it is not there any more.
    pub erased: bool,
    /// Its exact bytes, as `text` or `hex`.
    #[serde(flatten)]
    pub content: Option<Content>,
}

/// Where something stands at the trail's end, by the fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "kebab-case")]
pub enum Derived {
    /// A run.
    Run(Box<RunTold>),
    /// A step.
    Step(StepTold),
    /// An approval.
    Approval(ApprovalTold),
    /// An artifact.
    Artifact(ArtifactTold),
    /// A task.
    Task(TaskTold),
    /// A todo.
    Todo(TodoTold),
    /// The session; the last line.
    Session(Box<SessionTold>),
}

/// Who did something, from where, when, and the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// The entry.
    pub seq: u64,
    /// When it was decided.
    pub at: Time,
    /// Who acted, as `kind:name`.
    #[serde(with = "crate::export::as_text")]
    pub by: Principal,
    /// Where from.
    pub surface: Option<Surface>,
}

impl Line {
    /// The line, without its end of line.
    #[must_use]
    pub fn to_line(&self) -> String {
        // no map has keys other than text, the only way writing JSON could fail
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Observed {
    /// What an entry says, its body not attached yet.
    #[must_use]
    pub fn new(entry: &Entry, subject: Subject) -> Self {
        Self {
            seq: entry.seq,
            event_id: entry.event_id,
            at: entry.at,
            subject,
            run: entry.run,
            by: entry.principal.clone(),
            surface: entry.surface,
            event: entry.event.clone(),
            body: entry.payload.as_ref().map(Beside::gone),
        }
    }

    /// Attaches the body, if there is one left.
    #[must_use]
    pub fn with_body(mut self, found: Option<Body>) -> Self {
        if let (Some(beside), Some(found)) = (&mut self.body, found) {
            beside.erased = false;
            beside.content = Some(found.content);
        }
        self
    }
}

impl Beside {
    fn gone(payload: &PayloadRef) -> Self {
        Self { digest: payload.digest, len: payload.len, erased: true, content: None }
    }
}

impl Deed {
    /// The deed an entry tells of.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        Self { seq: entry.seq, at: entry.at, by: entry.principal.clone(), surface: entry.surface }
    }
}
