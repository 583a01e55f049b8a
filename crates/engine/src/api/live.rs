//! Watching what is under way: a turn's text while the model says it, a tool's progress (`STR-1`,
//! `T6`).
//!
//! A watcher pulls: it remembers how far it was told, never what, so one that stops reading costs
//! nothing but that.

use super::Engine;
use crate::feed::{Feed, Live, Says};
use std::collections::BTreeMap;
use std::sync::Arc;
use tenure_contract::live::{Cursor, Provisional, ToolProgress, TurnDelta, TurnRestarted};
use tenure_contract::resource::Caller;
use tenure_contract::words::StepKind;
use tenure_contract::{Code, Error, Event, RunId, SessionId, StepId};
use tokio::sync::Notify;

/// One watcher of one session.
pub struct Watch {
    feed: Arc<Feed>,
    session: SessionId,
    changed: Arc<Notify>,
    shown: BTreeMap<StepId, Shown>,
}

/// What the watcher was told of a step.
#[derive(Debug, Clone, Copy)]
struct Shown {
    run: RunId,
    attempt: u32,
    /// Bytes of text, or values of progress.
    upto: u64,
    is_model: bool,
    /// True once an entry said how the attempt ended.
    over: bool,
}

/// Something provisional, and the place it leaves its watcher at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What.
    pub what: Provisional,
    /// Where the watcher may go on from; none when only its last entry tells that.
    pub cursor: Option<Cursor>,
}

impl Engine {
    /// Watches what is under way in a session, from a place within a turn if one is given.
    ///
    /// # Errors
    /// `not-found`; `invalid-argument` for a place that is none.
    pub fn watch(
        &self,
        caller: &Caller,
        session: SessionId,
        from: Option<Cursor>,
    ) -> Result<Watch, Error> {
        self.session_of(caller, session)?;
        let shown = match from {
            Some(cursor) => BTreeMap::from([self.place(caller, session, cursor)?]),
            None => BTreeMap::new(),
        };
        let feed = self.node.feed.clone();
        let changed = feed.join(session);
        Ok(Watch { feed, session, changed, shown })
    }

    /// What a watcher was not told yet, if anything, while the caller may still see the session: a turn
    /// goes on over a handoff, and who watched it before does not (`HND-1`).
    ///
    /// # Errors
    /// `not-found`, `handed-over`.
    pub fn news(
        &self,
        caller: &Caller,
        watch: &mut Watch,
        upto: u64,
    ) -> Result<Option<News>, Error> {
        self.session_of(caller, watch.session)?;
        Ok(watch.news(upto))
    }

    /// The attempt a place lies in: the entry tells it, whatever became of the attempt since.
    fn place(
        &self,
        caller: &Caller,
        session: SessionId,
        cursor: Cursor,
    ) -> Result<(StepId, Shown), Error> {
        let told = self.entries(caller, session, cursor.seq, 1)?.pop();
        let event = told.filter(|told| told.entry.seq == cursor.seq).map(|told| told.entry.event);
        let begun = match event {
            Some(Event::StepIntended(intended)) if intended.kind == StepKind::Model => {
                Some((intended.run, intended.step, 1))
            }
            Some(Event::StepAttempted(attempted)) => {
                Some((attempted.run, attempted.step, attempted.attempt))
            }
            _ => None,
        };
        let begun = begun.filter(|(_, _, attempt)| *attempt == cursor.attempt);
        let (run, step, attempt) = begun.ok_or_else(|| {
            let told = format!(
                "`{cursor}` is no place within a turn of this session; expected the id of an event \
                 of its stream"
            );
            Error::new(Code::InvalidArgument, told)
        })?;
        Ok((step, Shown { run, attempt, upto: cursor.offset, is_model: true, over: false }))
    }
}

impl Watch {
    /// The watcher was told this entry: what it was shown and is withdrawn by it. The entry a turn
    /// lands with replaces what was shown of it and withdraws nothing.
    pub fn told(&mut self, event: &Event) -> Vec<TurnRestarted> {
        if let Event::StepIntended(begun) = event {
            if begun.kind == StepKind::Model {
                self.begin(begun.step, begun.run, 1);
            }
        } else if let Event::StepAttempted(again) = event {
            let withdrawn = self.end(again.step);
            if self.shown.get(&again.step).is_some_and(|shown| shown.is_model) {
                self.begin(again.step, again.run, again.attempt);
            }
            return withdrawn;
        } else if let Event::TurnLanded(landed) = event {
            if let Some(shown) = self.shown.get_mut(&landed.step) {
                shown.over = true;
            }
        } else if let Event::StepFailed(failed) = event {
            return self.end(failed.step);
        } else if let Event::StepInDoubt(doubtful) = event {
            return self.end(doubtful.step);
        } else if let Event::StepCancelled(cancelled) = event {
            return self.end(cancelled.step);
        } else if let Event::StepLanded(landed) = event {
            return self.end(landed.step);
        } else if let Event::RunEnded(ended) = event {
            let of_run = self.shown.iter().filter(|(_, shown)| shown.run == ended.run);
            let steps: Vec<StepId> = of_run.map(|(step, _)| *step).collect();
            let withdrawn = steps.iter().flat_map(|step| self.end(*step)).collect();
            let is_live = |step: &StepId| {
                self.feed.look(self.session, |live| live.contains_key(step)).unwrap_or(false)
            };
            // one whose end is told a moment before its effect has left must not be shown anew
            self.shown.retain(|step, shown| shown.run != ended.run || is_live(step));
            return withdrawn;
        }
        Vec::new()
    }

    fn begin(&mut self, step: StepId, run: RunId, attempt: u32) {
        let shown = Shown { run, attempt, upto: 0, is_model: true, over: false };
        self.shown.insert(step, shown);
    }

    fn end(&mut self, step: StepId) -> Vec<TurnRestarted> {
        let Some(shown) = self.shown.get_mut(&step) else { return Vec::new() };
        let was_shown = shown.is_model && shown.upto > 0 && !shown.over;
        shown.over = true;
        let (run, attempt) = (shown.run, shown.attempt);
        was_shown.then_some(TurnRestarted { run, step, attempt }).into_iter().collect()
    }

    /// What the watcher was not told yet, if anything; `upto` is the last entry it was told, and
    /// nothing is told of a step whose beginning it does not have.
    fn news(&mut self, upto: u64) -> Option<News> {
        let (step, shown, news) = self.find(upto)?;
        self.shown.insert(step, shown);
        Some(news)
    }

    /// Resolves once there may be news.
    pub async fn moved(&self, upto: u64) {
        let changed = self.changed.notified();
        if self.find(upto).is_none() {
            changed.await;
        }
    }

    fn find(&self, upto: u64) -> Option<(StepId, Shown, News)> {
        self.feed.look(self.session, |steps| {
            let begun = steps.iter().filter(|(_, live)| live.begun <= upto);
            begun.into_iter().find_map(|(step, live)| self.of(*step, live, upto))
        })?
    }

    fn of(&self, step: StepId, live: &Live, upto: u64) -> Option<(StepId, Shown, News)> {
        let known = self.shown.get(&step).filter(|shown| shown.attempt == live.attempt);
        if known.is_some_and(|shown| shown.over) {
            return None;
        }
        let known = known.map(|shown| shown.upto);
        let (what, place, is_model) = match &live.says {
            Says::Words { start, text } => {
                let delta = delta(step, live, known, (*start, text))?;
                (Provisional::Delta(delta), (start + text.len()) as u64, true)
            }
            Says::Progress(values) => {
                let known = known.unwrap_or(0);
                let (number, value) = values.iter().find(|(number, _)| *number > known)?;
                let (run, attempt) = (live.run, live.attempt);
                let (number, value) = (*number, value.clone());
                let progress = ToolProgress { run, step, attempt, number, value };
                (Provisional::Progress(progress), number, false)
            }
        };
        let Live { run, attempt, begun, .. } = *live;
        // only while the attempt's first entry is the last one told does this place say it all
        let cursor =
            (is_model && begun == upto).then_some(Cursor { seq: begun, attempt, offset: place });
        let shown = Shown { run, attempt, upto: place, is_model, over: false };
        Some((step, shown, News { what, cursor }))
    }
}

/// What follows where the watcher is, or all there is when its place is not kept any more.
fn delta(
    step: StepId,
    live: &Live,
    known: Option<u64>,
    (start, text): (usize, &str),
) -> Option<TurnDelta> {
    let inside = known
        .and_then(|known| usize::try_from(known).ok()?.checked_sub(start))
        .filter(|at| text.is_char_boundary(*at));
    let (at, restated) = match inside {
        Some(at) => (at, false),
        None => (0, true),
    };
    let text = &text[at..];
    if text.is_empty() {
        return None;
    }
    let (run, attempt, offset) = (live.run, live.attempt, (start + at) as u64);
    Some(TurnDelta { run, step, attempt, offset, text: text.to_owned(), restated })
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.feed.leave(self.session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Observation, Observed};
    use tenure_agent::Chunk;
    use tenure_contract::{TenantId, limits};

    const SESSION: SessionId = SessionId::from_bytes([1; 16]);
    const STEP: StepId = StepId::from_bytes([2; 16]);

    fn watching() -> (Arc<Feed>, Watch) {
        let feed = Arc::new(Feed::default());
        let changed = feed.join(SESSION);
        (feed.clone(), Watch { feed, session: SESSION, changed, shown: BTreeMap::new() })
    }

    fn tell(feed: &Feed, what: Observed) {
        let (tenant, run) = (TenantId::from_bytes([3; 16]), RunId::from_bytes([4; 16]));
        feed.tell(Observation { tenant, session: SESSION, run, what });
    }

    fn say(feed: &Feed, text: &str) {
        let chunk = Chunk::Text(text.to_owned());
        tell(feed, Observed::Chunk { step: STEP, attempt: 1, chunk });
    }

    fn heard(watch: &mut Watch, upto: u64) -> Option<(TurnDelta, Option<Cursor>)> {
        match watch.news(upto)? {
            News { what: Provisional::Delta(delta), cursor } => Some((delta, cursor)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn str_1_a_watcher_who_does_not_read_holds_nothing_and_is_told_when_some_is_gone() {
        let (feed, mut watch) = watching();
        tell(&feed, Observed::ModelBegan { step: STEP, attempt: 1, seq: 5 });
        say(&feed, "begin");
        assert_eq!(heard(&mut watch, 5).unwrap().0.text, "begin");
        for _ in 0..3 {
            say(&feed, &"x".repeat(limits::STREAM_RING_MAX_BYTES / 2));
        }
        let (delta, cursor) = heard(&mut watch, 5).unwrap();
        assert!(delta.restated && delta.offset > 5, "the front is gone, and it says so");
        assert!(delta.text.len() <= limits::STREAM_RING_MAX_BYTES);
        assert_eq!(delta.offset + delta.text.len() as u64, cursor.unwrap().offset);
        assert_eq!(watch.news(5), None);
    }

    #[test]
    fn str_1_nothing_is_told_before_the_entry_its_attempt_began_with() {
        let (feed, mut watch) = watching();
        tell(&feed, Observed::ModelBegan { step: STEP, attempt: 1, seq: 5 });
        say(&feed, "early");
        assert_eq!(watch.news(4), None);
        assert_eq!(heard(&mut watch, 5).unwrap().1.unwrap().to_string(), "5.1.5");
        // another entry came between: only that one is a place every entry can go on from
        say(&feed, "!");
        assert_eq!(heard(&mut watch, 6).unwrap().1, None);
    }
}
