//! Decisions about a handler's return, and what any run leaves behind at its end.

use super::step::going_on;
use super::{Decided, cancelling, ended, given, live};
use crate::command::{Draft, DraftBody, HandlerOutcome, NewArtifact};
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::run::{Progress, Run, Stand};
use crate::session::state::SessionState;
use std::collections::BTreeSet;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{RunId, Time};

pub(super) fn finish_run(
    state: &SessionState,
    run: RunId,
    outcome: &HandlerOutcome,
    artifacts: &[NewArtifact],
    now: Time,
) -> Decided {
    let known = live(state, run)?;
    if known.is_agent() {
        return Err(Refusal::Invalid(format!(
            "run `{run}` is an agent's and ends by itself; fail or cancel it"
        )));
    }
    if cancelling(known) {
        return Ok(Vec::new());
    }
    if !matches!(known.status, RunStatus::Running | RunStatus::WaitingApproval) {
        let possible = "a handler can end a running or waiting run only";
        return Err(Refusal::RunStatus { run, status: known.status, possible });
    }
    check_artifacts(state, artifacts)?;
    let mut drafts: Vec<Draft> = going_on(known).into_iter().collect();
    drafts.extend(leave_open(known, now));
    drafts.extend((0u32..).zip(artifacts).map(|(index, made)| registration(known, made, index)));
    drafts.push(given(match outcome {
        HandlerOutcome::Done => ended(known, StopReason::Finished, None),
        HandlerOutcome::OutOfBudget => {
            ended(known, StopReason::Budget, Some((ErrorClass::Budget, "budget-exceeded".into())))
        }
        HandlerOutcome::Failed { class, code } => {
            ended(known, StopReason::Failed, Some((*class, code.clone())))
        }
    }));
    Ok(drafts)
}

/// Artifacts are new, in a state to begin with, and not made from themselves (`ART-2`).
fn check_artifacts(state: &SessionState, artifacts: &[NewArtifact]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for made in artifacts {
        let id = made.artifact;
        let wrong = if state.artifacts.contains_key(&id) || !seen.insert(id) {
            "is registered already"
        } else if made.parents.contains(&id) {
            "cannot be made from itself"
        } else if !matches!(made.state, ArtifactState::Pending | ArtifactState::Ready) {
            "begins as PENDING or READY"
        } else {
            continue;
        };
        return Err(Refusal::Invalid(format!("artifact `{id}` {wrong}")));
    }
    Ok(())
}

/// What a run leaves behind at its end: its questions are closed, steps that may have happened are
/// in doubt, the rest given up.
pub(in crate::session) fn leave_open(run: &Run, now: Time) -> Vec<Draft> {
    let asked = run.progress().into_iter().flat_map(Progress::asked);
    let close = |approval| {
        let status = ApprovalStatus::Cancelled;
        draft(run, ApprovalClosed { approval, run: Some(run.id), status })
    };
    let open = run.progress().into_iter().flat_map(|progress| &progress.open);
    let left = open.filter_map(|(step, open)| match (&open.stand, open.class) {
        (Stand::InDoubt(_), _) => None,
        (Stand::Intended, RecoveryClass::Once | RecoveryClass::Idempotent) => {
            let travelling_until = now.plus_ms(open.timeout_ms);
            let cause = LossCause::Abort;
            Some(draft(
                run,
                StepInDoubt {
                    run: run.id,
                    step: *step,
                    attempt: open.attempt,
                    cause,
                    travelling_until,
                },
            ))
        }
        (Stand::Intended, RecoveryClass::Read) | (Stand::RetryAt(_), _) => {
            Some(draft(run, StepCancelled { run: run.id, step: *step }))
        }
    });
    asked.map(close).chain(left).collect()
}

fn registration(run: &Run, made: &NewArtifact, index: u32) -> Draft {
    let intent = match &run.work {
        Work::Intent { intent_type, .. } => intent_type,
        Work::Agent { name, .. } => name,
    };
    let event = ArtifactRegistered {
        artifact: made.artifact,
        artifact_type: made.artifact_type.clone(),
        run: run.id,
        intent: intent.clone(),
        state: made.state,
        parents: made.parents.clone(),
        digest: made.digest,
    };
    Draft { body: DraftBody::Artifact(index), ..draft(run, event) }
}
