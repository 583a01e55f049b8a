//! What is told of runs: who asked, what held them up, what they used, why they ended.

use super::{Trail, beside};
use crate::SessionState;
use crate::session::explain::explain;
use std::collections::BTreeMap;
use tenure_contract::event::Usage;
use tenure_contract::event::{MemorySaved, RunCancelRequested, RunEnded, RunStarted, RunSubmitted};
use tenure_contract::trail::{
    CancelTold, Deed, EndTold, PauseTold, PauseWhy, RunTold, SpentTold, SteerTold, Subject,
};
use tenure_contract::words::{RunStatus, StuckReason};
use tenure_contract::{Entry, RunId};

impl Trail {
    pub(super) fn run_submitted(&mut self, entry: &Entry, event: &RunSubmitted) -> Option<Subject> {
        let parent = event.parent.and_then(|parent| self.runs.get(&parent));
        let told = RunTold {
            id: event.run,
            parent: event.parent,
            depth: parent.map_or(0, |parent| parent.depth + 1),
            task: event.task,
            work: event.work.clone(),
            trigger: event.trigger,
            scheduled: event.scheduled,
            policy: event.policy,
            limits: event.limits,
            asked: Deed::of(entry),
            input: beside(entry),
            status: RunStatus::Queued,
            started_at: None,
            pauses: Vec::new(),
            steered: Vec::new(),
            cancel: None,
            end: None,
            output: None,
            memory_version: None,
            turns: 0,
            spent: SpentTold::default(),
            waits: None,
        };
        self.runs.add(event.run, told);
        Some(Subject::Run(event.run))
    }

    pub(super) fn run_started(&mut self, entry: &Entry, event: &RunStarted) -> Option<Subject> {
        self.run(event.run, |told| told.started_at = Some(entry.at))
    }

    pub(super) fn run_halted(
        &mut self,
        entry: &Entry,
        run: RunId,
        why: PauseWhy,
    ) -> Option<Subject> {
        self.run(run, |told| {
            end_pause(told, entry);
            told.pauses.push(PauseTold { why, from: Deed::of(entry), until: None });
        })
    }

    pub(super) fn run_waits(&mut self, entry: &Entry, run: RunId) -> Option<Subject> {
        self.run_halted(entry, run, PauseWhy::Approval)
    }

    pub(super) fn run_resumed(&mut self, entry: &Entry, run: RunId) -> Option<Subject> {
        self.run(run, |told| end_pause(told, entry))
    }

    /// Another executor has it, or none: the entry says whose claim, and `waits` what follows.
    pub(super) fn run_passed(&mut self, run: RunId) -> Option<Subject> {
        self.run(run, |_| {})
    }

    pub(super) fn run_steered(&mut self, entry: &Entry, run: RunId) -> Option<Subject> {
        let steered = SteerTold { deed: Deed::of(entry), input: beside(entry) };
        self.run(run, |told| told.steered.push(steered))
    }

    pub(super) fn run_cancelled(
        &mut self,
        entry: &Entry,
        event: &RunCancelRequested,
    ) -> Option<Subject> {
        let cancel = CancelTold {
            deed: Deed::of(entry),
            stop_reason: event.stop_reason,
            reason: event.reason.clone(),
        };
        self.run(event.run, |told| told.cancel = Some(cancel))
    }

    pub(super) fn run_ended(&mut self, entry: &Entry, event: &RunEnded) -> Option<Subject> {
        let end = EndTold {
            deed: Deed::of(entry),
            stop_reason: event.stop_reason,
            error_class: event.error_class,
            error_code: event.error_code.clone(),
            receipt: event.receipt,
        };
        let of_executor = self.state.remote.contains_key(&event.run);
        let result = self.steps.items.iter().rev().find(|step| step.run == event.run);
        let result = result.and_then(|step| step.result).filter(|_| of_executor);
        self.run(event.run, |told| {
            told.end = Some(end);
            told.output = beside(entry).or(result);
        })
    }

    pub(super) fn memory_saved(&mut self, event: &MemorySaved) -> Option<Subject> {
        self.run(event.run, |told| told.memory_version = Some(event.version))
    }

    fn run(&mut self, run: RunId, tell: impl FnOnce(&mut RunTold)) -> Option<Subject> {
        tell(self.runs.get_mut(&run)?);
        Some(Subject::Run(run))
    }
}

fn end_pause(told: &mut RunTold, entry: &Entry) {
    if let Some(open) = told.pauses.last_mut().filter(|pause| pause.until.is_none()) {
        open.until = Some(Deed::of(entry));
    }
}

/// Completes what only the machine knows: statuses, limits as they are now, usage, what is waited
/// for.
pub(super) fn finish(runs: &mut [RunTold], state: &SessionState) {
    let mut nested: BTreeMap<RunId, Usage> = BTreeMap::new();
    for told in runs.iter() {
        if let (Some(parent), Some(known)) = (told.parent, state.runs.get(&told.id)) {
            add(nested.entry(parent).or_default(), known.usage);
        }
    }
    for told in runs {
        let Some(known) = state.runs.get(&told.id) else { continue };
        told.status = known.status;
        told.limits = known.limits;
        let within = nested.get(&told.id).copied().unwrap_or_default();
        told.spent = SpentTold { own: less(known.usage, within), total: known.usage };
        let stuck = explain(state, told.id).filter(|stuck| stuck.reason != StuckReason::Ended);
        told.waits = stuck.map(|stuck| stuck.text);
    }
}

/// Adds what was used.
pub(super) fn add(sum: &mut Usage, more: Usage) {
    sum.input_tokens += more.input_tokens;
    sum.output_tokens += more.output_tokens;
    sum.model_calls += more.model_calls;
    sum.tool_calls += more.tool_calls;
    sum.steps += more.steps;
}

fn less(all: Usage, some: Usage) -> Usage {
    Usage {
        input_tokens: all.input_tokens.saturating_sub(some.input_tokens),
        output_tokens: all.output_tokens.saturating_sub(some.output_tokens),
        model_calls: all.model_calls.saturating_sub(some.model_calls),
        tool_calls: all.tool_calls.saturating_sub(some.tool_calls),
        steps: all.steps.saturating_sub(some.steps),
    }
}
