//! What is told of steps and turns: attempts, doubts and who settled them, digests.

use super::{Trail, beside};
use tenure_contract::event::{
    CallAssessed, StepAttempted, StepCharged, StepFailed, StepInDoubt, StepIntended, StepRecorded,
    StepRefused, StepResolved, TokensUsed, TurnLanded,
};
use tenure_contract::trail::{
    AssessmentTold, AttemptTold, Deed, DoubtTold, FailureTold, ResolutionTold, StepTold, Subject,
};
use tenure_contract::words::{LossCause, RecoveryClass, Resolution, StepStatus};
use tenure_contract::{Entry, StepId};

impl Trail {
    pub(super) fn step_intended(&mut self, entry: &Entry, event: &StepIntended) -> Option<Subject> {
        let told = StepTold {
            id: event.step,
            run: event.run,
            name: event.name.clone(),
            kind: event.kind,
            class: event.class,
            site: event.site,
            status: StepStatus::Intended,
            begun: Deed::of(entry),
            input: event.input,
            approval: event.approval,
            attempts: vec![attempt(entry, 1, None)],
            settled_at: None,
            result: None,
            late: Vec::new(),
            calls: Vec::new(),
            assessed: Vec::new(),
            refused_by: None,
            tokens: TokensUsed::default(),
        };
        self.steps.add(event.step, told);
        if let Some(approval) = event.approval.and_then(|used| self.approvals.get_mut(&used)) {
            approval.used_by = Some(event.step);
        }
        Some(Subject::Step(event.step))
    }

    pub(super) fn step_recorded(&mut self, entry: &Entry, event: &StepRecorded) -> Option<Subject> {
        let status = if event.failed { StepStatus::Failed } else { StepStatus::Landed };
        let told = StepTold {
            id: event.step,
            run: event.run,
            name: event.name.clone(),
            kind: event.kind,
            class: RecoveryClass::Read,
            site: None,
            status,
            begun: Deed::of(entry),
            input: event.input,
            approval: None,
            attempts: vec![attempt(entry, 1, None)],
            settled_at: Some(entry.at),
            result: beside(entry),
            late: Vec::new(),
            calls: Vec::new(),
            assessed: Vec::new(),
            refused_by: None,
            tokens: TokensUsed::default(),
        };
        self.steps.add(event.step, told);
        Some(Subject::Step(event.step))
    }

    /// A step that policy refused: its whole life is one entry.
    pub(super) fn step_refused(&mut self, entry: &Entry, event: &StepRefused) -> Option<Subject> {
        let told = StepTold {
            id: event.step,
            run: event.run,
            name: event.name.clone(),
            kind: event.kind,
            class: event.class,
            site: None,
            status: StepStatus::Failed,
            begun: Deed::of(entry),
            input: event.input,
            approval: None,
            attempts: Vec::new(),
            settled_at: Some(entry.at),
            result: beside(entry),
            late: Vec::new(),
            calls: Vec::new(),
            assessed: Vec::new(),
            refused_by: Some(event.policy),
            tokens: TokensUsed::default(),
        };
        self.steps.add(event.step, told);
        Some(Subject::Step(event.step))
    }

    /// Told of the turn that asked for the call.
    pub(super) fn call_assessed(&mut self, entry: &Entry, event: &CallAssessed) -> Option<Subject> {
        let assessment = AssessmentTold {
            deed: Deed::of(entry),
            index: event.site.index,
            verdict: event.verdict.clone(),
            policy: event.policy,
        };
        let is_its_turn = |told: &&mut StepTold| {
            told.run == event.run
                && !told.calls.is_empty()
                && told.site.is_some_and(|site| site.turn == event.site.turn)
        };
        let turn = self.steps.items.iter_mut().rev().find(is_its_turn)?;
        turn.assessed.push(assessment);
        Some(Subject::Step(turn.id))
    }

    pub(super) fn step_attempted(
        &mut self,
        entry: &Entry,
        event: &StepAttempted,
    ) -> Option<Subject> {
        self.step(event.step, |told| {
            told.status = StepStatus::Intended;
            told.attempts.push(attempt(entry, event.attempt, event.cause));
        })
    }

    pub(super) fn step_landed(&mut self, entry: &Entry, step: StepId) -> Option<Subject> {
        self.step(step, |told| settle(told, entry, StepStatus::Landed))
    }

    pub(super) fn step_cancelled(&mut self, entry: &Entry, step: StepId) -> Option<Subject> {
        self.step(step, |told| settle(told, entry, StepStatus::Cancelled))
    }

    pub(super) fn turn_landed(&mut self, entry: &Entry, event: &TurnLanded) -> Option<Subject> {
        if let Some(run) = self.runs.get_mut(&event.run) {
            run.turns += 1;
        }
        self.step(event.step, |told| {
            settle(told, entry, StepStatus::Landed);
            told.calls.clone_from(&event.calls);
            charge(told, event.tokens);
        })
    }

    pub(super) fn step_failed(&mut self, entry: &Entry, event: &StepFailed) -> Option<Subject> {
        let failure = FailureTold {
            seq: entry.seq,
            at: entry.at,
            class: event.class,
            retry_at: event.retry_at,
            lost: event.lost,
        };
        self.step(event.step, |told| {
            told.status = StepStatus::Failed;
            charge(told, event.tokens.unwrap_or_default());
            if event.retry_at.is_none() {
                settle(told, entry, StepStatus::Failed);
            }
            if let Some(last) = told.attempts.last_mut() {
                last.failed = Some(failure);
            }
        })
    }

    pub(super) fn step_in_doubt(&mut self, entry: &Entry, event: &StepInDoubt) -> Option<Subject> {
        let doubt = DoubtTold {
            seq: entry.seq,
            since: entry.at,
            cause: event.cause,
            travelling_until: event.travelling_until,
            resolved: None,
        };
        self.step(event.step, |told| {
            told.status = StepStatus::InDoubt;
            if let Some(last) = told.attempts.last_mut() {
                last.doubt = Some(doubt);
            }
        })
    }

    pub(super) fn step_resolved(&mut self, entry: &Entry, event: &StepResolved) -> Option<Subject> {
        let resolved = ResolutionTold {
            deed: Deed::of(entry),
            resolution: event.resolution,
            by_lookup: event.by_lookup,
            reason: event.reason.clone(),
        };
        self.step(event.step, |told| {
            match event.resolution {
                Resolution::Landed => settle(told, entry, StepStatus::Landed),
                Resolution::DidNotHappen => settle(told, entry, StepStatus::Failed),
                // the attempt follows as an entry of its own
                Resolution::Retry => told.status = StepStatus::Intended,
            }
            let doubt = told.attempts.last_mut().and_then(|last| last.doubt.as_mut());
            if let Some(doubt) = doubt {
                doubt.resolved = Some(resolved);
            }
        })
    }

    pub(super) fn step_late(&mut self, entry: &Entry, step: StepId) -> Option<Subject> {
        // the machine takes a late answer for any step of a known run, even one nobody began
        if let Some(told) = self.steps.get_mut(&step) {
            told.late.push(entry.seq);
        }
        Some(Subject::Step(step))
    }

    pub(super) fn step_charged(&mut self, event: &StepCharged) -> Option<Subject> {
        self.step(event.step, |told| charge(told, event.tokens))
    }

    fn step(&mut self, step: StepId, tell: impl FnOnce(&mut StepTold)) -> Option<Subject> {
        tell(self.steps.get_mut(&step)?);
        Some(Subject::Step(step))
    }
}

const fn attempt(entry: &Entry, number: u32, cause: Option<LossCause>) -> AttemptTold {
    AttemptTold { attempt: number, seq: entry.seq, at: entry.at, cause, failed: None, doubt: None }
}

fn settle(told: &mut StepTold, entry: &Entry, status: StepStatus) {
    told.status = status;
    told.settled_at = Some(entry.at);
    told.result = beside(entry);
}

const fn charge(told: &mut StepTold, tokens: TokensUsed) {
    told.tokens.input += tokens.input;
    told.tokens.output += tokens.output;
}
