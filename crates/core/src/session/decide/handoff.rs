//! Decisions about a handoff (`HND-1`): who may offer a session, who may take it, and that one offer is
//! open at a time.

use super::fields::check_refs;
use super::{Decided, checkpoint, still_open, unowned};
use crate::command::{Context, Offer};
use crate::policy::Ruling;
use crate::refusal::Refusal;
use crate::session::owner::{By, Handoff, owns};
use crate::session::state::SessionState;
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::{ApprovalId, HandoffId, TaskId, limits};

const MOST: usize = limits::HANDOFF_REFS_MAX;

/// Offers the session; the same offer again is nothing new.
pub(super) fn offer(state: &SessionState, offer: &Offer, ruling: &Ruling, cx: &Context) -> Decided {
    let id = offer.handoff;
    if let Some(known) = state.handoffs.get(&id) {
        let same = known.offered.request.is_some() && known.offered.request == offer.request;
        let subject = id.to_string();
        return if same { Ok(Vec::new()) } else { Err(Refusal::KeyConflict { subject }) };
    }
    still_open(state)?;
    let from = owns(state, &offer.by)?;
    if let Some((open, handoff)) = state.open_handoff() {
        let to = handoff.offered.to.clone();
        return Err(Refusal::HandoffOpen { session: state.id, handoff: open, to });
    }
    let principal = offer.to_principal.clone().unwrap_or_else(|| from.principal.clone());
    let to = Owner { product: offer.to_product.clone(), principal };
    if to == from {
        let told = format!(
            "session `{}` is `{}`'s of product `{}` already; name another product or principal",
            state.id, to.principal, to.product
        );
        return Err(Refusal::Invalid(told));
    }
    let crosses = to.product != from.product;
    if let Err(why) = permitted(crosses, ruling) {
        return Err(Refusal::MayNotHandOver { session: state.id, product: to.product, why });
    }
    if state.handoffs.len() >= limits::SESSION_HANDOFFS_MAX {
        let limit = limits::SESSION_HANDOFFS_MAX;
        return Err(Refusal::TooMany { session: state.id, what: "handoffs", limit });
    }
    check_refs("ref", &offer.refs, ("HANDOFF_REFS_MAX", MOST))?;
    let longest = cx.now.plus_ms(limits::HANDOFF_EXPIRY_MAX_MS);
    let wanted = cx.now.plus_ms(limits::HANDOFF_EXPIRY_DEFAULT_MS);
    let expires_at = offer.expires_at.unwrap_or(wanted);
    if expires_at <= cx.now || expires_at > longest {
        let told = format!(
            "expiresAt `{expires_at}` is not between now and the limit HANDOFF_EXPIRY_MAX_MS from now, {longest}"
        );
        return Err(Refusal::Invalid(told));
    }
    Ok(vec![unowned(HandoffOffered {
        handoff: id,
        from,
        to,
        tasks: tasks(state, offer.tasks.as_deref())?,
        approvals: open_approvals(state),
        refs: offer.refs.clone(),
        reason: offer.reason.clone(),
        expires_at,
        request: offer.request,
    })])
}

/// Within one product policy is not asked: nothing leaves it.
fn permitted(crosses: bool, ruling: &Ruling) -> Result<(), String> {
    if crosses { ruling.clone().at_once() } else { Ok(()) }
}

fn tasks(state: &SessionState, named: Option<&[TaskId]>) -> Result<Vec<TaskId>, Refusal> {
    let Some(named) = named else {
        let open = state.tasks.iter().filter(|(_, task)| !task.status.is_over());
        return Ok(open.map(|(id, _)| *id).take(MOST).collect());
    };
    if named.len() > MOST {
        let told = format!("{} tasks; the limit HANDOFF_REFS_MAX is {MOST}", named.len());
        return Err(Refusal::Invalid(told));
    }
    match named.iter().find(|task| !state.tasks.contains_key(task)) {
        Some(unknown) => Err(Refusal::NoTask(*unknown)),
        None => Ok(named.to_vec()),
    }
}

fn open_approvals(state: &SessionState) -> Vec<ApprovalId> {
    state.asked.iter().copied().take(MOST).collect()
}

/// Takes the session over, with a checkpoint in the same commit (`CKP-1`).
pub(super) fn accept(
    state: &SessionState,
    id: HandoffId,
    by: &By,
    ruling: &Ruling,
    cx: &mut Context,
) -> Decided {
    let known = named(state, id, by)?;
    if known.status == HandoffStatus::Accepted {
        return match state.owner() {
            Some(owner) if owner == known.offered.to => Ok(Vec::new()),
            _ => Err(state.handed_over()),
        };
    }
    answerable(id, known, HandoffStatus::Accepted, cx)?;
    let HandoffOffered { from, to, .. } = known.offered.clone();
    if let Err(why) = permitted(from.product != to.product, ruling) {
        return Err(Refusal::MayNotHandOver { session: state.id, product: to.product, why });
    }
    let approvals = open_approvals(state);
    let run = state.last_root();
    Ok(vec![
        unowned(HandoffAccepted { handoff: id, from, to, approvals }),
        checkpoint(state, run, CheckpointCause::Handoff, cx),
    ])
}

/// Does not take it.
pub(super) fn decline(
    state: &SessionState,
    id: HandoffId,
    by: &By,
    reason: Option<String>,
    cx: &Context,
) -> Decided {
    let known = named(state, id, by)?;
    close(id, known, HandoffStatus::Declined, reason, cx)
}

/// Takes the offer back.
pub(super) fn withdraw(
    state: &SessionState,
    id: HandoffId,
    by: &By,
    reason: Option<String>,
    cx: &Context,
) -> Decided {
    let known = state.handoffs.get(&id).ok_or(Refusal::NoHandoff(id))?;
    owns(state, by)?;
    close(id, known, HandoffStatus::Withdrawn, reason, cx)
}

/// The same end again is nothing new; another one is refused.
fn close(
    id: HandoffId,
    known: &Handoff,
    status: HandoffStatus,
    reason: Option<String>,
    cx: &Context,
) -> Decided {
    if known.status == status {
        return Ok(Vec::new());
    }
    answerable(id, known, status, cx)?;
    Ok(vec![unowned(HandoffClosed { handoff: id, status, reason })])
}

/// The handoff, for whom it is offered to and nobody else.
fn named<'a>(state: &'a SessionState, id: HandoffId, by: &By) -> Result<&'a Handoff, Refusal> {
    let known = state.handoffs.get(&id).ok_or(Refusal::NoHandoff(id))?;
    let to = &known.offered.to;
    if by.works_for(&to.product) && by.principal == to.principal {
        return Ok(known);
    }
    Err(Refusal::NotOfferedTo { handoff: id, principal: by.principal.clone(), to: to.clone() })
}

fn answerable(
    id: HandoffId,
    known: &Handoff,
    to: HandoffStatus,
    cx: &Context,
) -> Result<(), Refusal> {
    let late =
        known.status == HandoffStatus::Offered && cx.hold.is_over(known.offered.expires_at, cx.now);
    let from = if late { HandoffStatus::Expired } else { known.status };
    if crate::machine::handoff::may(from, to) {
        return Ok(());
    }
    let possible = "it was resolved before; offer the session anew".to_owned();
    Err(Refusal::NoMove { subject: id.to_string(), from: from.as_str(), to: to.as_str(), possible })
}

/// What time, or the session's end, does to an open offer.
pub(in crate::session) fn lapse(state: &SessionState, cx: &Context) -> Option<HandoffClosed> {
    let (handoff, known) = state.open_handoff()?;
    if cx.hold.is_over(known.offered.expires_at, cx.now) {
        return Some(HandoffClosed { handoff, status: HandoffStatus::Expired, reason: None });
    }
    let reason = Some("the session ended".to_owned());
    let over = HandoffClosed { handoff, status: HandoffStatus::Withdrawn, reason };
    state.ended.map(|_| over)
}
