//! Decisions about a model's answer: which of its calls are refused, which are asked about.

use super::step::{in_time, late};
use super::{Decided, cancelling, given};
use crate::command::{Context, Draft, DraftBody};
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::run::Run;
use crate::session::state::SessionState;
use std::collections::BTreeSet;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, PolicyVersion, limits};

pub(super) fn land_turn(state: &SessionState, turn: TurnLanded, cx: &mut Context) -> Decided {
    let Some((run, open)) = in_time(state, turn.run, turn.step, turn.attempt)? else {
        return late(state, (turn.run, turn.step, turn.attempt), Some(turn.tokens));
    };
    if open.kind != StepKind::Model {
        return Err(Refusal::Invalid(format!(
            "step `{}` is no model call; its answer lands as a step",
            turn.step
        )));
    }
    let turn = TurnLanded { calls: sifted(state, run, turn.calls), ..turn };
    let number = run.progress().map_or(0, |progress| progress.turns.len() as u32);
    let mut drafts = vec![given(draft(run, turn.clone()))];
    if cancelling(run) {
        return Ok(drafts);
    }
    for (index, call) in (0u32..).zip(&turn.calls) {
        let site = CallSite { turn: number, index };
        if let Some(event) = request(run, site, call, turn.policy, cx) {
            drafts.push(Draft { body: DraftBody::Action(index), ..draft(run, event) });
        }
    }
    Ok(drafts)
}

/// The request for the decision a call's verdict asks for; none when it asks for none.
pub(super) fn request(
    run: &Run,
    site: CallSite,
    call: &CallNoted,
    policy: PolicyVersion,
    cx: &mut Context,
) -> Option<ApprovalRequested> {
    let (kind, risk, label, needs_reason) = match &call.verdict {
        CallVerdict::Ask { risk, label, needs_reason, .. } => {
            (ApprovalKind::Action, *risk, label, *needs_reason)
        }
        CallVerdict::AskHuman { label } => (ApprovalKind::Question, RiskLevel::Low, label, false),
        CallVerdict::Permit | CallVerdict::Refuse { .. } => return None,
    };
    Some(ApprovalRequested {
        approval: ApprovalId::from_bytes(cx.fresh.take()),
        kind,
        run: Some(run.id),
        site: Some(site),
        label: label.clone(),
        action: call.action,
        risk,
        policy,
        approvers: approvers(run, &call.verdict).to_vec(),
        expires_at: Some(cx.now.plus_ms(limits::APPROVAL_EXPIRY_DEFAULT_MS)),
        increment: None,
        needs_reason,
    })
}

/// Who may decide what a verdict asks: those the policy names, else those the run does.
pub(super) fn approvers<'a>(run: &'a Run, verdict: &'a CallVerdict) -> &'a [String] {
    match verdict {
        CallVerdict::Ask { approvers, .. } if !approvers.is_empty() => approvers,
        CallVerdict::Ask { .. }
        | CallVerdict::AskHuman { .. }
        | CallVerdict::Permit
        | CallVerdict::Refuse { .. } => &run.approvers,
    }
}

/// How many more decisions the session may ask for now (`APR-5`).
pub(in crate::session) fn room_to_ask(state: &SessionState) -> usize {
    limits::APPROVALS_OPEN_PER_SESSION_MAX.saturating_sub(state.asked.len())
}

const fn asks(verdict: &CallVerdict) -> bool {
    matches!(verdict, CallVerdict::Ask { .. } | CallVerdict::AskHuman { .. })
}

/// A question nobody may decide is a refusal (`APR-2`), and so is one more than a session may have
/// open (`APR-5`).
pub(super) fn answerable(run: &Run, verdict: CallVerdict, room: usize) -> CallVerdict {
    let refuse = |why| CallVerdict::Refuse { why };
    match asks(&verdict) {
        true if approvers(run, &verdict).is_empty() => refuse(CallRefusal::NoApprover),
        true if room == 0 => refuse(CallRefusal::ApprovalsFull),
        _ => verdict,
    }
}

/// Refuses what needs no assessment to be refused: a call id that stood earlier in the turn (`T13`),
/// a question nobody may decide (`APR-2`), and one for which there is no room (`APR-5`).
fn sifted(state: &SessionState, run: &Run, calls: Vec<CallNoted>) -> Vec<CallNoted> {
    let mut seen = BTreeSet::new();
    let mut room = room_to_ask(state);
    let sift = |mut call: CallNoted| {
        if !seen.insert(call.call_id.clone()) {
            call.verdict = CallVerdict::Refuse { why: CallRefusal::DuplicateCallId };
        } else {
            call.verdict = answerable(run, call.verdict, room);
        }
        room -= usize::from(asks(&call.verdict));
        call
    };
    calls.into_iter().map(sift).collect()
}
