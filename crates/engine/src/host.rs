//! What a host brings (`HST-1`): five small seams, each with the default the product itself runs on.
//!
//! | seam | default | what a host may do instead |
//! |---|---|---|
//! | [`MessageSink`] | [`JournalAlone`] | keep a copy of thread messages of its own |
//! | [`ToolLoader`](tenure_agent::ToolLoader) | [`BuiltIns`](tenure_agent::BuiltIns) | bring tools of its own, by scope (`TGT-3`) |
//! | [`Background`] | [`OnRuntime`] | decide when the engine's own work is done |
//! | [`ErrorReports`] | [`ToLog`] | hear of what fails with nobody to answer |
//! | [`IdRegistry`] | [`Derived`] | keep which id a client's key stands for |
//!
//! None of them is a second truth: a sink is fed after the commit, an id only names a journal, and
//! what a loader or a scheduler does shows as entries like anybody else's.

pub(crate) mod mirror;

mod defaults;

pub use defaults::{Derived, JournalAlone, OnRuntime, ToLog};

use futures::future::BoxFuture;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tenure_agent::{BuiltIns, ToolLoader};
use tenure_contract::agent::Message;
use tenure_contract::{Error, RunId, SessionId, TenantId, Time};
use tokio::runtime::Handle;

/// The seams of one host.
#[derive(Clone)]
pub struct Host {
    /// Who is given thread messages.
    pub messages: Arc<dyn MessageSink>,
    /// Where tools come from.
    pub tools: Arc<dyn ToolLoader>,
    /// Who does the engine's own work.
    pub background: Arc<dyn Background>,
    /// Who hears of failures nobody waits for.
    pub errors: Arc<dyn ErrorReports>,
    /// Which ids clients' keys stand for.
    pub ids: Arc<dyn IdRegistry>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            messages: Arc::new(JournalAlone),
            tools: Arc::new(BuiltIns),
            background: Arc::new(OnRuntime),
            errors: Arc::new(ToLog),
            ids: Arc::new(Derived),
        }
    }
}

/// What a sink says when it does not take a batch.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Is given what people and agents say in threads, to keep a copy of its own.
///
/// The journal stays the truth: chat memory, recovery and the trail read it and never a sink. A sink is
/// fed after the commit, in the order of the store's log, each message at least once and with its
/// place: what it had not kept when the process died comes again, under the same place.
pub trait MessageSink: Send + Sync {
    /// From where it wants messages, asked once at the start.
    fn wants(&self) -> Wants;
    /// Takes the next messages; once it returns, everything up to `place` counts as kept, also the
    /// stretches of the log without messages. It is called on a thread where it may wait for a disk.
    ///
    /// # Errors
    /// Whatever it likes: it is reported, and the same messages come again.
    fn keep(&self, messages: &[ThreadMessage], place: u64) -> Result<(), SinkError>;
}

/// From where a sink wants messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// It keeps none: the journal is where messages are.
    Nothing,
    /// Those after the last place it has kept; 0 for all.
    After(u64),
}

/// Something a person or an agent said.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadMessage {
    /// Its place in the store's log; grows, with gaps.
    pub place: u64,
    /// Whose thread it is.
    pub tenant: TenantId,
    /// The thread.
    pub session: SessionId,
    /// The run it belongs to.
    pub run: RunId,
    /// Its entry's number in the thread.
    pub seq: u64,
    /// When it was said.
    pub at: Time,
    /// What was said; the text `[erased]` when its body is gone.
    pub message: Message,
}

/// Does the engine's own work: effects, deliveries, handlers.
pub trait Background: Send + Sync {
    /// Takes a task, which must be driven to its end on that runtime, now or later. Never blocks: locks
    /// are held.
    fn schedule(&self, runtime: &Handle, task: BoxFuture<'static, ()>);
}

/// Something the engine could not do while nobody waited for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What did not work, in a few words.
    pub what: &'static str,
    /// The journal, run or step it is about.
    pub about: String,
    /// Why; its `retry` says whether the engine tries again.
    pub error: Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.what, self.about, self.error)
    }
}

/// Hears of failures.
pub trait ErrorReports: Send + Sync {
    /// Takes one. Locks are held: it must neither block nor call the engine.
    fn report(&self, failure: &Failure);
}

/// Reports a failure; a reporter that panics does not bring down what it is told about.
pub(crate) fn tell(errors: &dyn ErrorReports, failure: &Failure) {
    if catch_unwind(AssertUnwindSafe(|| errors.report(failure))).is_err() {
        tracing::error!(%failure, "whoever was to report this panicked");
    }
}

/// Says which id a client's key stands for.
pub trait IdRegistry: Send + Sync {
    /// The id of that kind (`session`, `run`, `dispatch`, …) under a key of the tenant. The same three give
    /// the same id for ever, after a restart too; other ones give another id, in no tenant's use.
    ///
    /// # Errors
    /// When it cannot say; nothing is made then.
    fn id_of(&self, tenant: TenantId, kind: &str, key: &str) -> Result<[u8; 16], Error>;
}
