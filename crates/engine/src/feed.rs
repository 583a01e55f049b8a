//! The one source of what happens and is not, or not yet, an entry: observers and the streams of
//! watchers are both fed from here (`RT9`, `STR-1`).
//!
//! What watchers may have missed is kept per step while it is under way, bounded, and gone with it.

use crate::lock;
use crate::observe::{Crowd, Observation, Observed, ended, observed};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tenure_agent::Chunk;
use tenure_contract::{Entry, Event, RunId, SessionId, StepId, limits};
use tokio::sync::Notify;

/// See the module.
#[derive(Default)]
pub(crate) struct Feed {
    crowd: Crowd,
    stages: Mutex<HashMap<SessionId, Stage>>,
}

/// What is under way in one session.
#[derive(Default)]
struct Stage {
    steps: BTreeMap<StepId, Live>,
    changed: Arc<Notify>,
}

/// A step under way.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub run: RunId,
    pub attempt: u32,
    /// The entry with which the attempt began.
    pub begun: u64,
    pub says: Says,
    /// Whether observers know how it ended.
    is_told: bool,
}

/// What a step under way has said so far, as far as it is kept.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// A model's text from that byte on.
    Words { start: usize, text: String },
    /// A tool's progress, each with its number.
    Progress(VecDeque<(u64, Value)>),
}

impl Feed {
    pub fn new(crowd: Crowd) -> Self {
        Self { crowd, stages: Mutex::default() }
    }

    /// Something happened. What comes from an attempt that is not under way any more is nobody's.
    pub fn tell(&self, seen: Observation) {
        if self.keep(&seen) {
            self.crowd.tell(&seen);
        }
    }

    /// Entries are durable. Without observers this costs nothing: what it would tell them, watchers
    /// read from the entries themselves.
    pub fn durable(&self, entries: &[Entry]) {
        if self.crowd.is_empty() {
            return;
        }
        for entry in entries {
            let (Some(session), Some(run)) = (entry.session(), entry.run) else { continue };
            let end = self.end(session, &entry.event).map(|what| (run, what));
            for (run, what) in end.into_iter().chain(observed(run, &entry.event)) {
                self.crowd.tell(&Observation { tenant: entry.tenant, session, run, what });
            }
        }
    }

    /// The end of an effect that is under way here; told once.
    fn end(&self, session: SessionId, event: &Event) -> Option<Observed> {
        let (step, attempt, outcome) = ended(event)?;
        let mut stages = lock(&self.stages);
        let live = under_way(&mut stages, session, step, attempt)?;
        if std::mem::replace(&mut live.is_told, true) {
            return None;
        }
        Some(match live.says {
            Says::Words { .. } => Observed::ModelEnded { step, attempt, outcome },
            Says::Progress(_) => Observed::ToolEnded { step, attempt, outcome },
        })
    }

    /// An attempt is not under way any more: what was kept of it goes.
    pub fn gone(&self, session: SessionId, step: StepId) {
        let mut stages = lock(&self.stages);
        if let Some(stage) = stages.get_mut(&session) {
            stage.steps.remove(&step);
        }
        sweep(&mut stages, session, 1);
    }

    fn keep(&self, seen: &Observation) -> bool {
        let mut stages = lock(&self.stages);
        let kept = match &seen.what {
            Observed::ModelBegan { step, attempt, seq } => {
                let says = Says::Words { start: 0, text: String::new() };
                let live =
                    Live { run: seen.run, attempt: *attempt, begun: *seq, says, is_told: false };
                stages.entry(seen.session).or_default().steps.insert(*step, live);
                return true;
            }
            Observed::ToolBegan { step, attempt, seq, .. } => {
                let says = Says::Progress(VecDeque::new());
                let live =
                    Live { run: seen.run, attempt: *attempt, begun: *seq, says, is_told: false };
                stages.entry(seen.session).or_default().steps.insert(*step, live);
                return true;
            }
            Observed::Chunk { step, attempt, chunk } => {
                let live = under_way(&mut stages, seen.session, *step, *attempt);
                live.map(|live| live.hear(chunk)).is_some()
            }
            Observed::ToolProgress { step, attempt, value } => {
                let live = under_way(&mut stages, seen.session, *step, *attempt);
                live.map(|live| live.progress(value)).is_some()
            }
            Observed::Run { .. }
            | Observed::ModelEnded { .. }
            | Observed::ToolEnded { .. }
            | Observed::Delegation { .. }
            | Observed::ToolCallDetected { .. }
            | Observed::Refusal(_)
            | Observed::Error { .. } => return true,
        };
        if let Some(stage) = stages.get(&seen.session).filter(|_| kept) {
            stage.changed.notify_waiters();
        }
        kept
    }

    /// A place to wait for what happens in a session; given back by [`Feed::leave`].
    pub fn join(&self, session: SessionId) -> Arc<Notify> {
        lock(&self.stages).entry(session).or_default().changed.clone()
    }

    /// A watcher leaves.
    pub fn leave(&self, session: SessionId) {
        // one is the stage's, one the leaver's
        sweep(&mut lock(&self.stages), session, 2);
    }

    /// Looks at what is under way in a session.
    pub fn look<T>(
        &self,
        session: SessionId,
        look: impl FnOnce(&BTreeMap<StepId, Live>) -> T,
    ) -> Option<T> {
        lock(&self.stages).get(&session).map(|stage| look(&stage.steps))
    }

    /// Sessions something is kept of, for the engine's own tests.
    #[cfg(test)]
    fn kept(&self) -> usize {
        lock(&self.stages).len()
    }
}

type Stages = HashMap<SessionId, Stage>;

/// Lets go of a session in which nothing is under way and that only so many hold.
fn sweep(stages: &mut Stages, session: SessionId, holders: usize) {
    let is_empty =
        |stage: &Stage| stage.steps.is_empty() && Arc::strong_count(&stage.changed) <= holders;
    if stages.get(&session).is_some_and(is_empty) {
        stages.remove(&session);
    }
}

fn under_way(
    stages: &mut Stages,
    session: SessionId,
    step: StepId,
    attempt: u32,
) -> Option<&mut Live> {
    stages.get_mut(&session)?.steps.get_mut(&step).filter(|live| live.attempt == attempt)
}

impl Live {
    fn hear(&mut self, chunk: &Chunk) {
        let (Says::Words { start, text }, Chunk::Text(more)) = (&mut self.says, chunk) else {
            return;
        };
        text.push_str(more);
        if text.len() > limits::STREAM_RING_MAX_BYTES {
            // a quarter at once, so that not every token moves all of them
            let keep = limits::STREAM_RING_MAX_BYTES * 3 / 4;
            let mut cut = text.len() - keep;
            while !text.is_char_boundary(cut) {
                cut += 1;
            }
            text.drain(..cut);
            *start += cut;
        }
    }

    fn progress(&mut self, value: &Value) {
        let Says::Progress(values) = &mut self.says else { return };
        let number = values.back().map_or(1, |(number, _)| number + 1);
        values.push_back((number, value.clone()));
        if values.len() > limits::PROGRESS_RING_MAX_VALUES {
            values.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure_contract::TenantId;

    const SESSION: SessionId = SessionId::from_bytes([1; 16]);
    const STEP: StepId = StepId::from_bytes([2; 16]);

    fn tell(feed: &Feed, what: Observed) {
        let (tenant, run) = (TenantId::from_bytes([3; 16]), RunId::from_bytes([4; 16]));
        feed.tell(Observation { tenant, session: SESSION, run, what });
    }

    fn says(feed: &Feed) -> Option<Says> {
        feed.look(SESSION, |steps| steps.get(&STEP).map(|live| live.says.clone())).flatten()
    }

    #[test]
    fn str_1_what_is_kept_of_a_turn_is_bounded_and_cut_between_letters() {
        let feed = Feed::default();
        tell(&feed, Observed::ModelBegan { step: STEP, attempt: 1, seq: 5 });
        let mut said = String::new();
        while said.len() < 2 * limits::STREAM_RING_MAX_BYTES {
            let more = "aäöü€".repeat(1_001);
            said.push_str(&more);
            let chunk = Chunk::Text(more);
            tell(&feed, Observed::Chunk { step: STEP, attempt: 1, chunk });
            let Some(Says::Words { start, text }) = says(&feed) else { panic!("no words") };
            assert!(text.len() <= limits::STREAM_RING_MAX_BYTES);
            assert_eq!(said[start..], text);
        }
    }

    #[test]
    fn t6_what_is_kept_of_progress_is_bounded_and_keeps_its_numbers() {
        let feed = Feed::default();
        let began = |attempt| Observed::ToolBegan {
            step: STEP,
            attempt,
            seq: 5,
            name: "t".to_owned(),
            arguments: Value::Null,
        };
        tell(&feed, began(1));
        let last = limits::PROGRESS_RING_MAX_VALUES as u64 + 3;
        for n in 1..=last {
            tell(&feed, Observed::ToolProgress { step: STEP, attempt: 1, value: n.into() });
        }
        let Some(Says::Progress(values)) = says(&feed) else { panic!("no progress") };
        assert_eq!(values.len(), limits::PROGRESS_RING_MAX_VALUES);
        assert_eq!(
            (values.front(), values.back()),
            (Some(&(4, 4.into())), Some(&(last, last.into())))
        );
        // a straggler of an attempt that was given up says nothing
        tell(&feed, began(2));
        tell(&feed, Observed::ToolProgress { step: STEP, attempt: 1, value: 0.into() });
        assert!(matches!(says(&feed), Some(Says::Progress(values)) if values.is_empty()));
    }

    #[test]
    fn nothing_is_kept_of_a_session_in_which_nothing_is_under_way_and_that_nobody_watches() {
        let feed = Feed::default();
        let watcher = feed.join(SESSION);
        tell(&feed, Observed::ModelBegan { step: STEP, attempt: 1, seq: 5 });
        feed.gone(SESSION, STEP);
        assert_eq!(feed.kept(), 1);
        feed.leave(SESSION);
        drop(watcher);
        assert_eq!(feed.kept(), 0);
        tell(&feed, Observed::ModelBegan { step: STEP, attempt: 2, seq: 6 });
        feed.gone(SESSION, STEP);
        assert_eq!(feed.kept(), 0);
    }
}
