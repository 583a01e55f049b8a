//! Observers: whoever wants to see what happens gets copies and can change nothing (`RT9`, `FLT-7`).

use crate::lock;
use serde_json::Value;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tenure_agent::Chunk;
use tenure_contract::agent::ToolCallAsked;
use tenure_contract::event::CallVerdict;
use tenure_contract::words::{ApprovalStatus, CallRefusal, ErrorClass, RunStatus, StopReason};
use tenure_contract::{Event, RunId, SessionId, StepId, TenantId, limits};

/// Sees what happens in runs; given to the engine with its configuration.
///
/// It is called on a thread of its own, in the order of what happened, with a copy. One that fails
/// or panics is logged; one that is slow misses what does not fit its queue,
/// [`limits::OBSERVER_QUEUE_MAX`]; neither changes anything about a run.
pub trait Observer: Send + Sync {
    /// Takes one observation.
    ///
    /// # Errors
    /// Whatever it likes; it is logged.
    fn observe(&self, seen: Observation) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Whose it is.
    pub tenant: TenantId,
    /// The session.
    pub session: SessionId,
    /// The run.
    pub run: RunId,
    /// What happened.
    pub what: Observed,
}

/// What can be observed of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// The run came to a status, durably.
    Run {
        /// Where it stands.
        status: RunStatus,
        /// Why, once it has ended.
        stop_reason: Option<StopReason>,
    },
    /// The run was given a run of its own to wait for.
    Delegation {
        /// The nested run.
        child: RunId,
    },
    /// A model call began; its intent is durable.
    ModelBegan {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// The entry with which the attempt began.
        seq: u64,
    },
    /// The model said something; provisional until the call has ended well.
    Chunk {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// What.
        chunk: Chunk,
    },
    /// The model asks for a tool; nothing is decided about it yet.
    ToolCallDetected {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// The call as the model wrote it.
        call: ToolCallAsked,
    },
    /// A model call ended and how is durable.
    ModelEnded {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// How.
        outcome: Outcome,
    },
    /// A tool's call began; its intent is durable.
    ToolBegan {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// The entry with which the attempt began.
        seq: u64,
        /// The tool.
        name: String,
        /// A copy of its arguments.
        arguments: Value,
    },
    /// A tool said how far it is (`T6`).
    ToolProgress {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// What it said.
        value: Value,
    },
    /// A tool's call ended and how is durable.
    ToolEnded {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// How.
        outcome: Outcome,
    },
    /// Something was refused, and the model is told.
    Refusal(Refused),
    /// A step or the run failed.
    Error {
        /// Whose failure it is (`RT14`).
        class: ErrorClass,
        /// The step; none for the run itself.
        step: Option<StepId>,
    },
}

/// How an effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its result is recorded.
    Landed,
    /// It failed and did not happen.
    Failed,
    /// Whether it happened is not known.
    Lost,
}

/// What was refused, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// A call, when it was assessed.
    Call {
        /// The tool it named.
        tool: String,
        /// Why.
        why: CallRefusal,
    },
    /// An approver denied what was asked.
    Denied,
    /// Nobody decided in time.
    Expired,
}

/// The observers in their places, each with a queue and a thread.
#[derive(Default)]
pub(crate) struct Crowd {
    seats: Vec<Seat>,
}

struct Seat {
    queue: Mutex<SyncSender<Observation>>,
    dropped: AtomicU64,
}

impl Crowd {
    pub fn seated(observers: Vec<Arc<dyn Observer>>) -> std::io::Result<Self> {
        let seats = observers.into_iter().map(Seat::of).collect::<Result<_, _>>()?;
        Ok(Self { seats })
    }

    /// Without observers nothing is copied.
    pub const fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    pub fn tell(&self, seen: &Observation) {
        for seat in &self.seats {
            seat.offer(seen.clone());
        }
    }
}

impl Seat {
    fn of(observer: Arc<dyn Observer>) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(limits::OBSERVER_QUEUE_MAX);
        let thread = std::thread::Builder::new().name("observer".to_owned());
        // it ends when its queue goes, with the node
        thread.spawn(move || attend(&*observer, &receiver))?;
        Ok(Self { queue: Mutex::new(sender), dropped: AtomicU64::new(0) })
    }

    fn offer(&self, seen: Observation) {
        if lock(&self.queue).try_send(seen).is_err() {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            if dropped.is_power_of_two() {
                tracing::warn!(dropped, "an observer is too slow; OBSERVER_QUEUE_MAX is reached");
            }
        }
    }
}

fn attend(observer: &dyn Observer, queue: &Receiver<Observation>) {
    for seen in queue {
        match catch_unwind(AssertUnwindSafe(|| observer.observe(seen))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an observer failed"),
            Err(_) => tracing::warn!("an observer panicked"),
        }
    }
}

/// What an entry says that is worth observing, and of which run.
pub(crate) fn observed(run: RunId, event: &Event) -> Vec<(RunId, Observed)> {
    let status = |status| vec![(run, Observed::Run { status, stop_reason: None })];
    let refused = |refused| vec![(run, Observed::Refusal(refused))];
    if let Event::RunSubmitted(submitted) = event {
        let nested = submitted.parent.map(|parent| (parent, Observed::Delegation { child: run }));
        nested.into_iter().chain(status(RunStatus::Queued)).collect()
    } else if let Event::RunStarted(_) | Event::RunResumed(_) = event {
        status(RunStatus::Running)
    } else if let Event::RunPaused(_) = event {
        status(RunStatus::Paused)
    } else if let Event::RunWaiting(_) = event {
        status(RunStatus::WaitingApproval)
    } else if let Event::RunEnded(ended) = event {
        let error = ended.error_class.map(|class| (run, Observed::Error { class, step: None }));
        let stop_reason = Some(ended.stop_reason);
        let end = (run, Observed::Run { status: ended.status, stop_reason });
        error.into_iter().chain([end]).collect()
    } else if let Event::StepFailed(failed) = event {
        vec![(run, Observed::Error { class: failed.class, step: Some(failed.step) })]
    } else if let Event::TurnLanded(landed) = event {
        let refusals = landed.calls.iter().filter_map(|call| match call.verdict {
            CallVerdict::Refuse { why } => Some(Refused::Call { tool: call.tool.clone(), why }),
            CallVerdict::Permit | CallVerdict::Ask { .. } | CallVerdict::AskHuman { .. } => None,
        });
        refusals.map(|refusal| (run, Observed::Refusal(refusal))).collect()
    } else if let Event::ApprovalDecided(decided) = event {
        if decided.status == ApprovalStatus::Denied { refused(Refused::Denied) } else { Vec::new() }
    } else if let Event::ApprovalClosed(closed) = event {
        if closed.status == ApprovalStatus::Expired {
            refused(Refused::Expired)
        } else {
            Vec::new()
        }
    } else {
        Vec::new()
    }
}

/// The attempt an entry says the end of, and how it ended.
pub(crate) fn ended(event: &Event) -> Option<(StepId, u32, Outcome)> {
    if let Event::TurnLanded(landed) = event {
        Some((landed.step, landed.attempt, Outcome::Landed))
    } else if let Event::StepLanded(landed) = event {
        Some((landed.step, landed.attempt, Outcome::Landed))
    } else if let Event::StepFailed(failed) = event {
        let outcome = if failed.lost.is_some() { Outcome::Lost } else { Outcome::Failed };
        Some((failed.step, failed.attempt, outcome))
    } else if let Event::StepInDoubt(doubtful) = event {
        Some((doubtful.step, doubtful.attempt, Outcome::Lost))
    } else if let Event::StepAttempted(again) = event {
        Some((again.step, again.attempt.saturating_sub(1), Outcome::Lost))
    } else {
        None
    }
}
