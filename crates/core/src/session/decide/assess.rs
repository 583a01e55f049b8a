//! A call looked at again before it is executed (`APR-3`, `APR-4`).

use super::turn::{answerable, approvers, request, room_to_ask};
use super::{Decided, given};
use crate::command::{Context, Standing};
use crate::refusal::Refusal;
use crate::session::run::{Call, CallOutcome, Run};
use crate::session::state::{Approval, SessionState};
use crate::session::{covers, draft};
use tenure_contract::event::*;
use tenure_contract::words::RiskLevel;

/// Takes a new verdict on a call. One that comes too late, or from a policy that is not in force any
/// more, changes nothing; the wish for another one stays.
pub(super) fn assess_call(
    state: &SessionState,
    assessed: CallAssessed,
    approver: Standing,
    cx: &mut Context,
) -> Decided {
    let run = state.runs.get(&assessed.run).ok_or(Refusal::NoRun(assessed.run))?;
    let Some(call) = waiting(run, assessed.site, cx) else { return Ok(Vec::new()) };
    if assessed.policy != cx.policy || super::cancelling(run) {
        return Ok(Vec::new());
    }
    let is_covered = covered(state, run, call, &assessed.verdict) && approver == Standing::Kept;
    // what an approval covers asks for no other one
    let room = if is_covered { usize::MAX } else { room_to_ask(state) };
    let verdict = answerable(run, assessed.verdict.clone(), room);
    let assessed = CallAssessed { verdict: verdict.clone(), ..assessed };
    let mut drafts = vec![draft(run, assessed.clone())];
    if matches!(verdict, CallVerdict::Ask { .. }) && !is_covered {
        let action = action_of(state, call);
        let asked = CallNoted { verdict, action, ..call.noted.clone() };
        let event = request(run, assessed.site, &asked, assessed.policy, cx);
        drafts.extend(event.map(|event| given(draft(run, event))));
    }
    Ok(drafts)
}

fn waiting<'a>(run: &'a Run, site: CallSite, cx: &Context) -> Option<&'a Call> {
    let turns = &run.progress()?.turns;
    let turn = turns.get((site.turn as usize).checked_sub(1)?)?;
    turn.calls.get(site.index as usize).filter(|call| call.needs_assessment(cx.policy))
}

/// The exact action: as the model asked for it, or as an approver edited it.
fn action_of(state: &SessionState, call: &Call) -> tenure_contract::Digest {
    match call.outcome {
        CallOutcome::Approved { approval, .. } => {
            state.approvals.get(&approval).map_or(call.noted.action, |approval| approval.action)
        }
        _ => call.noted.action,
    }
}

/// Whether the approval a call has was given on terms at least as strict, by somebody who may decide
/// what is asked now.
fn covered(state: &SessionState, run: &Run, call: &Call, verdict: &CallVerdict) -> bool {
    let (CallOutcome::Approved { approval, .. }, CallVerdict::Ask { risk, needs_reason, .. }) =
        (call.outcome, verdict)
    else {
        return false;
    };
    let Some(given) = state.approvals.get(&approval) else { return false };
    is_as_strict(given, *risk, *needs_reason, approvers(run, verdict))
}

/// Whether an approval was given on terms at least as strict, by one of these.
pub(super) fn is_as_strict(
    given: &Approval,
    risk: RiskLevel,
    needs_reason: bool,
    approvers: &[String],
) -> bool {
    let may = |resolver: &String| approvers.iter().any(|allowed| covers(allowed, resolver));
    risk <= given.risk
        && (!needs_reason || given.needs_reason)
        && given.resolver.as_ref().is_some_and(may)
}
