//! Decisions about an approval: who may decide it, and that it is decided once.

use super::travel::redeem;
use super::{Decided, given, unowned};
use crate::command::Context;
use crate::command::Returned;
use crate::policy::Ruling;
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, Digest};

pub(super) struct Verdict<'a> {
    pub(super) approve: bool,
    pub(super) principal: &'a str,
    pub(super) reason: &'a Option<String>,
    pub(super) edited: Option<Digest>,
    pub(super) ruling: &'a Ruling,
    pub(super) returned: Option<&'a Returned>,
}

pub(super) fn decide_approval(
    state: &SessionState,
    id: ApprovalId,
    verdict: Verdict<'_>,
    cx: &Context,
) -> Decided {
    let approval = state.approvals.get(&id).ok_or(Refusal::NoApproval(id))?;
    if let Some(returned) = verdict.returned {
        redeem(state, id, returned, cx.now)?;
    }
    let expired = approval.expires_at.is_some_and(|at| cx.hold.is_over(at, cx.now));
    match (approval.status, expired) {
        (ApprovalStatus::Requested, false) => {}
        (ApprovalStatus::Requested, true) => {
            return Err(Refusal::AlreadyDecided { approval: id, status: ApprovalStatus::Expired });
        }
        (status, _) => return Err(Refusal::AlreadyDecided { approval: id, status }),
    }
    if !approval.approvers.iter().any(|allowed| covers(allowed, verdict.principal)) {
        return Err(Refusal::NotAnApprover {
            approval: id,
            principal: verdict.principal.to_owned(),
            allowed: approval.approvers.clone(),
        });
    }
    if let Err(why) = verdict.ruling.clone().at_once() {
        return Err(Refusal::MayNotDecide {
            approval: id,
            principal: verdict.principal.to_owned(),
            why,
        });
    }
    let has_reason = verdict.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    if approval.needs_reason && !has_reason {
        return Err(Refusal::ReasonRequired(id));
    }
    let run = approval.run.and_then(|run| state.runs.get(&run));
    let asked = run.and_then(|run| run.progress()?.asked_step(id));
    if let (Some(_), Some((name, _))) = (verdict.edited, asked) {
        return Err(Refusal::Invalid(format!(
            "approval `{id}` is about substep `{name}`, whose inputs its handler makes; approve or \
             deny it as it is"
        )));
    }
    let event = ApprovalDecided {
        approval: id,
        run: approval.run,
        status: if verdict.approve { ApprovalStatus::Approved } else { ApprovalStatus::Denied },
        reason: verdict.reason.clone(),
        // only an approved action has arguments to edit
        edited: verdict.edited.filter(|_| verdict.approve && approval.kind == ApprovalKind::Action),
        policy: cx.policy,
        token: verdict.returned.map(|returned| returned.token),
    };
    Ok(vec![match run {
        Some(run) => given(draft(run, event)),
        None => given(unowned(event)),
    }])
}

/// Whether an approver's word covers a principal: the same `kind:name`, or `kind:*`.
pub(crate) fn covers(allowed: &str, principal: &str) -> bool {
    allowed == principal
        || allowed
            .strip_suffix('*')
            .is_some_and(|kind| kind.ends_with(':') && principal.starts_with(kind))
}
