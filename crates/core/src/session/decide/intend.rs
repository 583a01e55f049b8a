//! Decisions about a handler's substep with an outside effect: it begins, is asked about, or is
//! refused (`POL-1`).

use super::assess::is_as_strict;
use super::step::{going_on, may_step};
use super::turn::room_to_ask;
use super::{Decided, given};
use crate::command::{Context, Draft, DraftBody, Shown, Standing, Substep};
use crate::policy::{Ruling, Terms};
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::run::{AskedStep, Run};
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, StepId, limits};

/// A substep a handler is about to perform, with what is to be known of it.
pub(super) struct Intention<'a> {
    pub(super) substep: &'a Substep,
    pub(super) ruling: &'a Ruling,
    pub(super) shown: Option<&'a Shown>,
    pub(super) approver: Standing,
}

pub(super) fn intend_step(
    state: &SessionState,
    intention: &Intention<'_>,
    cx: &mut Context,
) -> Decided {
    let substep = intention.substep;
    if matches!(substep.kind, StepKind::Model | StepKind::Tool) {
        let kind = substep.kind;
        return Err(Refusal::Invalid(format!(
            "a {kind} step is begun by its agent's turn; expected a kind of substep"
        )));
    }
    let run = may_step(state, substep)?;
    let asked = asked_before(run, substep)?;
    match (asked.map(|asked| asked.status), intention.ruling) {
        // the handler was run again and has come to where it waits
        (Some(ApprovalStatus::Requested), _) => Ok(Vec::new()),
        (Some(ApprovalStatus::Denied | ApprovalStatus::Expired | ApprovalStatus::Cancelled), _)
        | (_, Ruling::Deny { .. }) => Ok(begin(run, refused(run, substep, cx))),
        (_, Ruling::Permit) => Ok(begin(run, intended(run, substep, asked, cx))),
        (_, Ruling::Ask(terms)) if is_covered(state, run, asked, terms, intention, cx) => {
            Ok(begin(run, intended(run, substep, asked, cx)))
        }
        (_, Ruling::Ask(terms)) => ask(state, run, intention, terms, cx),
    }
}

/// What was asked about the substep before. Another one under its name is a divergence: a decision is
/// about exactly what was asked (`APR-3`).
fn asked_before<'a>(run: &'a Run, substep: &Substep) -> Result<Option<&'a AskedStep>, Refusal> {
    let asked = run.progress().and_then(|progress| progress.asked_steps.get(&substep.name));
    match asked {
        Some(asked) if (asked.kind, asked.input) != (substep.kind, substep.input) => {
            Err(Refusal::Divergence { run: run.id, name: substep.name.clone() })
        }
        asked => Ok(asked),
    }
}

/// Whether an approval was given for exactly this action that holds now: under the policy in force, or
/// on terms at least as strict by somebody who may still decide (`APR-3`, `APR-4`).
fn is_covered(
    state: &SessionState,
    run: &Run,
    asked: Option<&AskedStep>,
    terms: &Terms,
    intention: &Intention<'_>,
    cx: &Context,
) -> bool {
    let Some(asked) = asked.filter(|asked| asked.status == ApprovalStatus::Approved) else {
        return false;
    };
    let Some(given) = state.approvals.get(&asked.approval) else { return false };
    // what is the same by name and inputs may have become another class of step with new code
    let is_same = intention.shown.is_some_and(|shown| shown.action == given.action);
    let is_as_strict = || {
        is_as_strict(given, risk(terms), terms.needs_reason, approvers(run, terms))
            && intention.approver == Standing::Kept
    };
    is_same && (asked.policy == cx.policy || is_as_strict())
}

fn risk(terms: &Terms) -> RiskLevel {
    terms.risk.unwrap_or(RiskLevel::Medium)
}

fn approvers<'a>(run: &'a Run, terms: &'a Terms) -> &'a [String] {
    if terms.approvers.is_empty() { &run.approvers } else { &terms.approvers }
}

fn begin(run: &Run, first: Draft) -> Vec<Draft> {
    going_on(run).into_iter().chain([first]).collect()
}

fn intended(run: &Run, substep: &Substep, asked: Option<&AskedStep>, cx: &mut Context) -> Draft {
    let event = StepIntended {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: substep.name.clone(),
        kind: substep.kind,
        class: substep.class,
        input: substep.input,
        site: None,
        timeout_ms: substep.timeout_ms,
        approval: asked.map(|asked| asked.approval),
        has_lookup: false,
        policy: Some(cx.policy),
    };
    draft(run, event)
}

/// The refusal is the substep's result, so that the handler goes the same way whenever it is run
/// again.
fn refused(run: &Run, substep: &Substep, cx: &mut Context) -> Draft {
    let event = StepRefused {
        run: run.id,
        step: StepId::from_bytes(cx.fresh.take()),
        name: substep.name.clone(),
        kind: substep.kind,
        class: substep.class,
        input: substep.input,
        policy: cx.policy,
    };
    Draft { body: DraftBody::Refusal, ..draft(run, event) }
}

/// Asks for a decision. Nobody to ask is a refusal (`APR-2`), and so is no room for another question
/// (`APR-5`). An agent has no handler that could come again.
fn ask(
    state: &SessionState,
    run: &Run,
    intention: &Intention<'_>,
    terms: &Terms,
    cx: &mut Context,
) -> Decided {
    let substep = intention.substep;
    let approvers = approvers(run, terms);
    if run.is_agent() || approvers.is_empty() || room_to_ask(state) == 0 {
        return Ok(begin(run, refused(run, substep, cx)));
    }
    let shown = intention.shown.ok_or_else(|| {
        Refusal::Invalid(format!(
            "policy asks about substep `{}`; expected what is shown to who decides",
            substep.name
        ))
    })?;
    let approval = ApprovalId::from_bytes(cx.fresh.take());
    let request = ApprovalRequested {
        approval,
        kind: ApprovalKind::Action,
        run: Some(run.id),
        site: None,
        label: format!("{}: {}", terms.why, shown.label),
        action: shown.action,
        risk: risk(terms),
        policy: cx.policy,
        approvers: approvers.to_vec(),
        expires_at: Some(cx.now.plus_ms(limits::APPROVAL_EXPIRY_DEFAULT_MS)),
        increment: None,
        needs_reason: terms.needs_reason,
    };
    let waits = StepAsked {
        run: run.id,
        approval,
        name: substep.name.clone(),
        kind: substep.kind,
        input: substep.input,
        policy: cx.policy,
    };
    Ok(vec![given(draft(run, request)), draft(run, waits)])
}
