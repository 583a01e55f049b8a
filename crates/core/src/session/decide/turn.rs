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
use tenure_contract::{ApprovalId, limits};

pub(super) fn land_turn(state: &SessionState, turn: TurnLanded, cx: &mut Context) -> Decided {
    let Some((run, open)) = in_time(state, turn.run, turn.step, turn.attempt)? else {
        return late(state, turn.run, turn.step, turn.attempt);
    };
    if open.kind != StepKind::Model {
        return Err(Refusal::Invalid(format!(
            "step `{}` is no model call; its answer lands as a step",
            turn.step
        )));
    }
    let turn = TurnLanded { calls: sifted(run, turn.calls), ..turn };
    let number = run.progress().map_or(0, |progress| progress.turns.len() as u32);
    let mut drafts = vec![given(draft(run, turn.clone()))];
    if cancelling(run) {
        return Ok(drafts);
    }
    for (index, call) in (0u32..).zip(&turn.calls) {
        let (kind, risk, label) = match &call.verdict {
            CallVerdict::Ask { risk, label } => (ApprovalKind::Action, *risk, label),
            CallVerdict::AskHuman { label } => (ApprovalKind::Question, RiskLevel::Low, label),
            CallVerdict::Permit | CallVerdict::Refuse { .. } => continue,
        };
        let event = ApprovalRequested {
            approval: ApprovalId::from_bytes(cx.fresh.take()),
            kind,
            run: Some(run.id),
            site: Some(CallSite { turn: number, index }),
            label: label.clone(),
            action: call.action,
            risk,
            policy: turn.policy.clone(),
            approvers: run.approvers.clone(),
            expires_at: Some(cx.now.plus_ms(limits::APPROVAL_EXPIRY_DEFAULT_MS)),
            increment: None,
        };
        drafts.push(Draft { body: DraftBody::Action(index), ..draft(run, event) });
    }
    Ok(drafts)
}

/// Refuses what needs no assessment to be refused: a call id that stood earlier in the turn (`T13`),
/// and a question nobody may decide (`APR-2`).
fn sifted(run: &Run, calls: Vec<CallNoted>) -> Vec<CallNoted> {
    let mut seen = BTreeSet::new();
    let sift = |mut call: CallNoted| {
        let asks = matches!(call.verdict, CallVerdict::Ask { .. } | CallVerdict::AskHuman { .. });
        if !seen.insert(call.call_id.clone()) {
            call.verdict = CallVerdict::Refuse { why: CallRefusal::DuplicateCallId };
        } else if asks && run.approvers.is_empty() {
            call.verdict = CallVerdict::Refuse { why: CallRefusal::NoApprover };
        }
        call
    };
    calls.into_iter().map(sift).collect()
}
