//! Every decision about a dispatch: events or an error, nothing in between.

use super::{Asked, Dispatch, Dispatches};
use crate::clock::Hold;
use crate::command::{Draft, DraftBody};
use crate::ledger::entry;
use crate::machine::dispatch::may;
use crate::policy::{Ruled, Ruling, Terms};
use crate::refusal::Refusal;
use tenure_contract::event::*;
use tenure_contract::words::{
    ApprovalKind, ApprovalStatus, DispatchMode, DispatchStatus, RiskLevel,
};
use tenure_contract::{ApprovalId, Code, DispatchId, Error, Time, limits};

/// What the ledger is asked to decide about dispatches.
#[derive(Debug, Clone, PartialEq)]
pub enum DispatchCommand {
    /// Take a dispatch in; payload and key are the body. The same again is nothing new.
    Receive {
        /// The dispatch, resolved.
        received: Box<DispatchReceived>,
        /// What policy says of it.
        ruling: Ruling,
        /// An id, used when somebody has to be asked.
        approval: ApprovalId,
    },
    /// Start the one whose turn it is, if there is one.
    StartNext,
    /// The session has the run, or refused it for good.
    Deliver(DispatchDelivered),
    /// The lease of a claim ran out.
    LoseLease {
        /// The dispatch.
        dispatch: DispatchId,
        /// The claim.
        claim: u64,
    },
    /// Give one up before it starts.
    Cancel {
        /// The dispatch.
        dispatch: DispatchId,
        /// Why.
        reason: Option<String>,
    },
    /// Decide whether a dispatch is taken; the reason is the body.
    Decide {
        /// The approval.
        approval: ApprovalId,
        /// Only literal approval approves.
        approve: bool,
        /// Who decides, as `kind:name`.
        principal: String,
        /// Why.
        reason: Option<String>,
        /// What policy says of their deciding it.
        ruled: Ruled,
    },
    /// Time passed: what has run out ends, unless the clock is not believed. Harmless at any moment.
    Wake(Hold),
}

type Decided = Result<Vec<Draft>, Error>;

impl Dispatches {
    /// Decides a command at that time.
    ///
    /// # Errors
    /// `key-conflict`, `limit-reached`, `not-found`, `illegal-transition`, `already-decided`,
    /// `forbidden`.
    pub fn decide(&self, command: &DispatchCommand, now: Time) -> Decided {
        match command {
            DispatchCommand::Receive { received, ruling, approval } => {
                self.receive(received, ruling, *approval, now)
            }
            DispatchCommand::StartNext => Ok(self
                .next(now)
                .and_then(|id| self.open.get(&id))
                .map(|one| vec![started(&one.received)])
                .unwrap_or_default()),
            DispatchCommand::Deliver(delivered) => Ok(self.deliver(delivered)),
            DispatchCommand::LoseLease { dispatch, claim } => Ok(self.lose(*dispatch, *claim)),
            DispatchCommand::Cancel { dispatch, reason } => self.cancel(*dispatch, reason.clone()),
            DispatchCommand::Decide { approval, approve, principal, reason, ruled } => {
                let asked = self.asked_of(*approval, principal, now)?;
                may_decide(*approval, principal, ruled, reason.as_ref(), asked)?;
                let status =
                    if *approve { ApprovalStatus::Approved } else { ApprovalStatus::Denied };
                let decided = ApprovalDecided {
                    approval: *approval,
                    run: None,
                    status,
                    reason: reason.clone(),
                    edited: None,
                    policy: ruled.under,
                    token: None,
                };
                let mut drafts = vec![entry(decided, DraftBody::Given)];
                drafts.extend(self.follow(*approval, asked, status, now));
                Ok(drafts)
            }
            // what has expired by a clock that is not believed stays as it is
            DispatchCommand::Wake(hold) if hold.is_held() => Ok(Vec::new()),
            DispatchCommand::Wake(_) => Ok(self.wake(now)),
        }
    }

    /// Takes a dispatch in; payload and key are the command's body.
    pub(in crate::ledger) fn receive(
        &self,
        received: &DispatchReceived,
        ruling: &Ruling,
        approval: ApprovalId,
        now: Time,
    ) -> Decided {
        let id = received.dispatch;
        if let Some(known) = self.standing(id) {
            return if known.request == received.request {
                Ok(Vec::new())
            } else {
                let told = format!(
                    "dispatch `{id}` was made under this key with another body; use another key"
                );
                Err(Error::new(Code::KeyConflict, told).about(id))
            };
        }
        if !self.has_room() {
            let told = format!(
                "{} dispatches of this tenant have not started, the limit DISPATCHES_OPEN_MAX; wait for some to start, or cancel some",
                limits::DISPATCHES_OPEN_MAX
            );
            return Err(Error::new(Code::LimitReached, told));
        }
        if received.expires_at <= now {
            let told =
                format!("expiresAt {} is over; expected a time to come", received.expires_at);
            return Err(Error::new(Code::InvalidArgument, told));
        }
        let noted = Draft { body: DraftBody::Given, ..entry(received.clone(), DraftBody::None) };
        let mut drafts = vec![noted];
        match ruling {
            Ruling::Permit => drafts.extend(accepted(received)),
            Ruling::Deny { why } => drafts.push(rejected(id, why.clone())),
            Ruling::Ask(terms) => drafts.push(ask(received, approval, terms, now)),
        }
        Ok(drafts)
    }

    /// The end of a dispatch's message; one that was delivered before is nothing new.
    fn deliver(&self, delivered: &DispatchDelivered) -> Vec<Draft> {
        let is_out = self.undelivered().any(|one| one.received.dispatch == delivered.dispatch);
        is_out.then(|| entry(delivered.clone(), DraftBody::None)).into_iter().collect()
    }

    fn cancel(&self, id: DispatchId, reason: Option<String>) -> Decided {
        let known = self.standing(id).ok_or_else(|| Error::not_found("dispatch", id))?;
        let possible = match known.status {
            DispatchStatus::Cancelled => return Ok(Vec::new()),
            status if may(status, DispatchStatus::Cancelled) => {
                let status = DispatchStatus::Cancelled;
                let closed = DispatchClosed { dispatch: id, status, reason };
                return Ok(vec![entry(closed, DraftBody::None)]);
            }
            DispatchStatus::Received => "deny its approval instead",
            DispatchStatus::Started => "cancel its run instead",
            _ => "it has ended",
        };
        let told = format!("dispatch `{id}` is {}; {possible}", known.status);
        Err(Error::new(Code::IllegalTransition, told).about(id))
    }

    fn asked_of(&self, id: ApprovalId, principal: &str, now: Time) -> Result<&Asked, Error> {
        let asked = self.asked.get(&id).ok_or(Refusal::NoApproval(id))?;
        let status = match asked.status {
            ApprovalStatus::Requested if asked.expires_at <= now => ApprovalStatus::Expired,
            status => status,
        };
        if status != ApprovalStatus::Requested {
            return Err(Refusal::AlreadyDecided { approval: id, status }.into());
        }
        if !asked.approvers.iter().any(|allowed| crate::session::covers(allowed, principal)) {
            let (principal, allowed) = (principal.to_owned(), asked.approvers.clone());
            return Err(Refusal::NotAnApprover { approval: id, principal, allowed }.into());
        }
        Ok(asked)
    }

    /// What the dispatch makes of a decision, or of the lack of one.
    fn follow(
        &self,
        approval: ApprovalId,
        asked: &Asked,
        status: ApprovalStatus,
        now: Time,
    ) -> Vec<Draft> {
        let Some(one) = self.open.get(&asked.dispatch) else { return Vec::new() };
        let in_time = now < one.received.expires_at;
        if status == ApprovalStatus::Approved && in_time {
            return accepted(&one.received).into();
        }
        vec![rejected(asked.dispatch, format!("approval `{approval}` is {status}"))]
    }

    fn wake(&self, now: Time) -> Vec<Draft> {
        let late = self.open_asked().filter(|(_, asked)| asked.expires_at <= now);
        let mut drafts: Vec<Draft> = late
            .flat_map(|(id, asked)| {
                let (approval, status) = (*id, ApprovalStatus::Expired);
                let closed = ApprovalClosed { approval, run: None, status };
                let mut drafts = vec![entry(closed, DraftBody::None)];
                drafts.extend(self.follow(approval, asked, status, now));
                drafts
            })
            .collect();
        let over = |one: &&Dispatch| one.may_expire() && one.received.expires_at <= now;
        drafts.extend(self.open.values().filter(over).map(|one| {
            let (dispatch, status) = (one.received.dispatch, DispatchStatus::Expired);
            entry(DispatchClosed { dispatch, status, reason: None }, DraftBody::None)
        }));
        drafts
    }
}

/// A dispatch is taken: it starts, or waits for what its mode says.
fn accepted(received: &DispatchReceived) -> [Draft; 2] {
    let dispatch = received.dispatch;
    let next = match received.context.dispatch_mode {
        DispatchMode::Interactive => started(received),
        DispatchMode::Queued | DispatchMode::Scheduled | DispatchMode::Remote => {
            entry(DispatchWaiting { dispatch }, DraftBody::None)
        }
    };
    [entry(DispatchAccepted { dispatch }, DraftBody::None), next]
}

pub(super) fn started(received: &DispatchReceived) -> Draft {
    let (session, run) = (received.session, received.run.run);
    entry(DispatchStarted { dispatch: received.dispatch, session, run }, DraftBody::None)
}

fn rejected(dispatch: DispatchId, reason: String) -> Draft {
    entry(DispatchRejected { dispatch, reason }, DraftBody::None)
}

/// Somebody is asked: those the policy names, else those who may decide for the run. Nobody at all is
/// a refusal (`APR-2`).
fn ask(received: &DispatchReceived, approval: ApprovalId, terms: &Terms, now: Time) -> Draft {
    let approvers = match terms.approvers.is_empty() {
        true => received.run.approvers.clone(),
        false => terms.approvers.clone(),
    };
    if approvers.is_empty() {
        let why = format!("it needs a decision ({}) and nobody may give one", terms.why);
        return rejected(received.dispatch, why);
    }
    let patience = now.plus_ms(limits::APPROVAL_EXPIRY_DEFAULT_MS);
    let (from, to) = (&received.context.origin_product_id, &received.product);
    let asked = ApprovalRequested {
        approval,
        kind: ApprovalKind::Dispatch,
        run: None,
        site: None,
        label: format!("{}: dispatch from `{from}` to `{to}`", terms.why),
        action: received.request,
        risk: terms.risk.unwrap_or(RiskLevel::Medium),
        policy: received.decided_under,
        approvers,
        expires_at: Some(received.expires_at.min(patience)),
        increment: None,
        needs_reason: terms.needs_reason,
    };
    entry(asked, DraftBody::None)
}

/// Whether policy lets them decide, and whether what it wants is there.
fn may_decide(
    approval: ApprovalId,
    principal: &str,
    ruled: &Ruled,
    reason: Option<&String>,
    asked: &Asked,
) -> Result<(), Refusal> {
    if let Err(why) = ruled.ruling.clone().at_once() {
        return Err(Refusal::MayNotDecide { approval, principal: principal.to_owned(), why });
    }
    let has_reason = reason.is_some_and(|reason| !reason.trim().is_empty());
    if asked.needs_reason && !has_reason {
        return Err(Refusal::ReasonRequired(approval));
    }
    Ok(())
}
