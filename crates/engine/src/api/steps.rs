//! Steps of a run, told from its journal.

use super::Engine;
use crate::lock;
use std::collections::BTreeMap;
use tenure_contract::event::Event;
use tenure_contract::resource::{Caller, Step};
use tenure_contract::words::{RecoveryClass, Resolution, StepKind, StepStatus};
use tenure_contract::{Entry, Error, RunId, StepId, Time};

/// Entries read at once while steps are told.
const PAGE: usize = 1_024;

impl Engine {
    /// The steps of a run in the order they began, with their results.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn steps(&self, caller: &Caller, id: RunId) -> Result<Vec<Step>, Error> {
        let resident = self.session_of_run(caller, id).await?;
        let mut from = {
            let cell = lock(&resident.cell);
            let run = cell.session().and_then(|state| state.runs.get(&id));
            run.map(|run| run.submitted_seq).ok_or_else(|| Error::not_found("run", id))?
        };
        let mut telling = BTreeMap::new();
        let mut results = BTreeMap::new();
        loop {
            let page = self.node.read(&resident, from, PAGE)?;
            let Some(last) = page.last() else { break };
            from = last.entry.seq + 1;
            for found in page.iter().filter(|found| found.entry.run == Some(id)) {
                if let Some(step) = steps_of(&mut telling, &found.entry) {
                    let body = self.node.body(found)?;
                    results.insert(step, body.and_then(|body| serde_json::from_slice(&body).ok()));
                }
            }
        }
        let mut steps: Vec<Step> = telling.into_values().collect();
        for step in &mut steps {
            step.result = results.remove(&step.step_id).flatten();
        }
        steps.sort_by_key(|step| step.seq);
        Ok(steps)
    }
}

/// Folds one entry into the steps told so far; names the step whose result it holds, if any.
pub fn steps_of(steps: &mut BTreeMap<StepId, Step>, entry: &Entry) -> Option<StepId> {
    match &entry.event {
        Event::StepIntended(event) => {
            let begun = Begun { name: &event.name, kind: event.kind, class: event.class };
            let mut step = begin(entry, event.step, event.run, &begun);
            step.approval_id = event.approval;
            steps.insert(event.step, step);
            None
        }
        Event::StepRecorded(event) => {
            let begun = Begun { name: &event.name, kind: event.kind, class: RecoveryClass::Read };
            let mut step = begin(entry, event.step, event.run, &begun);
            step.status = if event.failed { StepStatus::Failed } else { StepStatus::Landed };
            step.completed_at = Some(entry.at);
            steps.insert(event.step, step);
            Some(event.step)
        }
        Event::StepAttempted(event) => {
            let step = steps.get_mut(&event.step)?;
            step.attempts = event.attempt;
            step.status = StepStatus::Intended;
            None
        }
        Event::StepInDoubt(event) => {
            let step = steps.get_mut(&event.step)?;
            step.status = StepStatus::InDoubt;
            step.travelling_until = Some(event.travelling_until);
            None
        }
        Event::StepLanded(event) => settle(steps, event.step, StepStatus::Landed, entry.at),
        Event::TurnLanded(event) => settle(steps, event.step, StepStatus::Landed, entry.at),
        Event::StepCancelled(event) => settle(steps, event.step, StepStatus::Cancelled, entry.at),
        Event::StepFailed(event) if event.retry_at.is_none() => {
            settle(steps, event.step, StepStatus::Failed, entry.at)
        }
        Event::StepResolved(event) => match event.resolution {
            Resolution::Landed => settle(steps, event.step, StepStatus::Landed, entry.at),
            Resolution::DidNotHappen => settle(steps, event.step, StepStatus::Failed, entry.at),
            Resolution::Retry => None,
        },
        _ => None,
    }
}

struct Begun<'a> {
    name: &'a str,
    kind: StepKind,
    class: RecoveryClass,
}

fn begin(entry: &Entry, step_id: StepId, run_id: RunId, begun: &Begun<'_>) -> Step {
    Step {
        step_id,
        run_id,
        name: begun.name.to_owned(),
        kind: begun.kind,
        class: begun.class,
        status: StepStatus::Intended,
        attempts: 1,
        approval_id: None,
        travelling_until: None,
        created_at: entry.at,
        completed_at: None,
        result: None,
        seq: entry.seq,
    }
}

fn settle(
    steps: &mut BTreeMap<StepId, Step>,
    id: StepId,
    status: StepStatus,
    at: Time,
) -> Option<StepId> {
    let step = steps.get_mut(&id)?;
    step.status = status;
    step.completed_at = Some(at);
    Some(id)
}
