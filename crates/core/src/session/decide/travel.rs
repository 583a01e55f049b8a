//! Decisions about an approval that travels to another app (`APR-6`).

use super::approval::covers;
use super::{Decided, unowned};
use crate::command::{Context, Returned};
use crate::refusal::Refusal;
use crate::session::draft;
use crate::session::state::{Approval, SessionState};
use tenure_contract::event::ApprovalHanded;
use tenure_contract::words::ApprovalStatus;
use tenure_contract::{ApprovalId, Time, limits};

/// Hands a token out: only while the question is open, and only by or for someone who may decide it.
pub(super) fn hand_approval(
    state: &SessionState,
    wanted: &ApprovalHanded,
    principal: &str,
    cx: &Context,
) -> Decided {
    let id = wanted.approval;
    let approval = state.approvals.get(&id).ok_or(Refusal::NoApproval(id))?;
    if approval.status != ApprovalStatus::Requested {
        return Err(Refusal::AlreadyDecided { approval: id, status: approval.status });
    }
    if !may_decide(approval, &[principal, &app(&wanted.audience)]) {
        return Err(Refusal::NotAnApprover {
            approval: id,
            principal: principal.to_owned(),
            allowed: approval.approvers.clone(),
        });
    }
    let out = approval.handed.values().filter(|handed| handed.expires_at > cx.now).count();
    if out >= limits::APPROVAL_TOKENS_MAX {
        return Err(Refusal::TooManyTokens { approval: id, out });
    }
    let run = approval.run.and_then(|run| state.runs.get(&run));
    let event = ApprovalHanded { run: approval.run, ..wanted.clone() };
    Ok(vec![run.map_or_else(|| unowned(event.clone()), |run| draft(run, event.clone()))])
}

/// Checks that a token takes the decision that returned under it; answers as whom it may be decided, in
/// this order: as the app where the approval names it, and as whoever handed the token out. Policy has
/// its say about each: the first one it lets decide does.
///
/// # Errors
/// Each way in which a token does not fit has a [`Refusal`] of its own.
pub fn redeem(
    state: &SessionState,
    id: ApprovalId,
    returned: &Returned,
    now: Time,
) -> Result<Vec<String>, Refusal> {
    let token = returned.token;
    let approval = state.approvals.get(&id).ok_or(Refusal::NoApproval(id))?;
    let handed = approval.handed.get(&token).ok_or(Refusal::TokenElsewhere { token })?;
    if handed.audience != returned.product {
        return Err(Refusal::TokenForAnother { token, audience: handed.audience.clone() });
    }
    if approval.decided_under == Some(token) {
        return Err(Refusal::TokenUsed { token });
    }
    if handed.expires_at <= now {
        return Err(Refusal::TokenExpired { token, at: handed.expires_at });
    }
    if approval.status == ApprovalStatus::Requested && approval.action != returned.action {
        return Err(Refusal::ActionChanged { approval: id });
    }
    let app = app(&returned.product);
    let named = may_decide(approval, &[&app]).then_some(app);
    Ok(named.into_iter().chain([handed.by.clone()]).collect())
}

/// The principal an app decides as.
fn app(product: &str) -> String {
    format!("service:{product}")
}

fn may_decide(approval: &Approval, principals: &[&str]) -> bool {
    let covered = |allowed: &String| principals.iter().any(|principal| covers(allowed, principal));
    approval.approvers.iter().any(covered)
}
