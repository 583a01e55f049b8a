//! A substep on its way to its intent: what policy says of it, and the wait where policy asks
//! (`POL-1`).
//!
//! The core decides what is asked and what a decision is good for. Here is only the waiting: a handler
//! of which nothing else moves is dropped, at no cost for however long it takes, and run again once
//! the decision is there; on recorded results it comes to the same substep.

use super::context::{Ctx, Inner, StepFailure};
use crate::lock;
use crate::policy::{setting, standing};
use crate::seal::Bodies;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_agent::assess;
use tenure_contract::entry::Principal;
use tenure_contract::words::{ApprovalStatus, RunStatus};
use tenure_contract::{ApprovalId, Code, Digest, Error};
use tenure_core::Command;
use tenure_core::command::{Shown, Standing, Substep};
use tenure_core::policy::{Callee, Matter, Policy, Question, Ruled, Ruling};
use tenure_core::session::{Approval, Run};

/// What was asked about a substep before.
struct Before {
    id: ApprovalId,
    approval: Approval,
}

/// A substep that waits, counted while it does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    /// Whether every substep of this invocation waits for a decision, and its run with it.
    pub(super) fn only_waits(&self) -> bool {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting == 0 || lock(&self.under_way).len() > waiting {
            return false;
        }
        let cell = lock(&self.resident.cell);
        let run = cell.session().and_then(|state| state.runs.get(&self.run));
        run.is_some_and(|run| run.status != RunStatus::Running)
    }
}

impl Ctx {
    /// Journals the intent, or that it is refused, and waits until it is durable. Where policy asks, it
    /// waits for the decision first.
    pub(super) async fn intend(
        &self,
        substep: &Substep,
        inputs: &impl Serialize,
    ) -> Result<(), StepFailure> {
        loop {
            self.decided(substep).await;
            let (command, bodies) = self.intention(substep, inputs)?;
            match self.transact(&command, bodies).await {
                Ok(seq) => {
                    self.reach(seq).await;
                    if !self.is_asked(substep) {
                        return Ok(());
                    }
                }
                // another policy came into force meanwhile
                Err(StepFailure::Refused(error)) if error.code == Code::VersionConflict => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Resolves once nothing is asked about the substep any more.
    async fn decided(&self, substep: &Substep) {
        let mut waiting = None;
        loop {
            let moved = self.inner.resident.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if !self.is_asked(substep) {
                return;
            }
            waiting.get_or_insert_with(|| Waiting::begin(&self.inner.waiting));
            moved.await;
        }
    }

    fn before(&self, substep: &Substep) -> Option<Before> {
        let cell = lock(&self.inner.resident.cell);
        let state = cell.session()?;
        let progress = state.runs.get(&substep.run).and_then(Run::progress)?;
        let id = progress.asked_steps.get(&substep.name)?.approval;
        Some(Before { id, approval: state.approvals.get(&id)?.clone() })
    }

    fn is_asked(&self, substep: &Substep) -> bool {
        self.before(substep)
            .is_some_and(|before| before.approval.status == ApprovalStatus::Requested)
    }

    /// The command to begin a substep, with what policy says of it (`POL-1`).
    fn intention(
        &self,
        substep: &Substep,
        inputs: &impl Serialize,
    ) -> Result<(Command, Bodies), Error> {
        let Inner { node, resident, .. } = &*self.inner;
        let policy = node.policy(resident)?;
        let before = self.before(substep);
        let begin = |ruled: Ruled, shown: Option<Shown>, approver: Standing| Command::IntendStep {
            substep: substep.clone(),
            ruled,
            shown,
            approver,
        };
        if policy.permits_every_call() && before.is_none() {
            return Ok((begin(policy.permit(), None, Standing::Kept), Bodies::default()));
        }
        let arguments = serde_json::to_value(inputs)
            .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
        let ruled = self.ruled(&policy, substep, &arguments);
        let mut bodies = Bodies::default();
        if let Some(why) = why_not(before.as_ref(), &ruled.ruling) {
            let told = format!("substep `{}` is refused: {why}", substep.name);
            let body = json!({ "error": told, "code": Code::DeniedByPolicy });
            bodies.refusal = Some(node.seal_json(resident.tenant, &body)?);
        }
        let shown = match ruled.ruling {
            Ruling::Ask(_) => {
                let action = self.action(substep, &arguments)?;
                bodies.given = Some(node.seal(resident.tenant, &action)?);
                let label = assess::line(&substep.name, &arguments);
                Some(Shown { action: Digest::of(&[&action]), label })
            }
            Ruling::Permit | Ruling::Deny { .. } => None,
        };
        let approver = match before.as_ref().map(|known| (known.id, &known.approval.resolver)) {
            Some((id, Some(resolver))) => standing(resident, &policy, id, resolver),
            Some((_, None)) | None => Standing::Kept,
        };
        Ok((begin(ruled, shown, approver), bodies))
    }

    fn ruled(&self, policy: &Policy, substep: &Substep, arguments: &Value) -> Ruled {
        let callee = Callee::Substep {
            intent: self.inner.intent.intent_type.clone(),
            name: substep.name.clone(),
        };
        let setting = {
            let cell = lock(&self.inner.resident.cell);
            cell.session().map(|state| setting(state, None)).unwrap_or_default()
        };
        let matter = Matter::Call { callee, class: substep.class, asks: None, arguments };
        policy.ruled(&Question { principal: Principal::system(), matter, setting })
    }

    /// The canonical JSON of the exact action: what an approval is bound to (`APR-3`).
    fn action(&self, substep: &Substep, arguments: &Value) -> Result<Vec<u8>, Error> {
        serde_json_canonicalizer::to_vec(&json!({
            "intent": self.inner.intent.intent_type,
            "substep": substep.name,
            "kind": substep.kind,
            "arguments": arguments,
            "tenant": self.inner.resident.tenant,
            "run": substep.run,
        }))
        .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))
    }
}

/// Why a substep is refused, if it comes to that; none when policy permits it.
fn why_not(before: Option<&Before>, ruling: &Ruling) -> Option<String> {
    let decided = before.and_then(|Before { id, approval }| match approval.status {
        ApprovalStatus::Denied => {
            let by = approval.resolver.as_deref().unwrap_or("somebody");
            Some(format!("approval `{id}` was denied by `{by}`"))
        }
        ApprovalStatus::Expired => Some(format!("approval `{id}` has expired")),
        ApprovalStatus::Cancelled => Some(format!("approval `{id}` was closed undecided")),
        ApprovalStatus::Requested | ApprovalStatus::Approved => None,
    });
    decided.or_else(|| match ruling {
        Ruling::Permit => None,
        Ruling::Deny { why } => Some(why.clone()),
        Ruling::Ask(terms) => Some(format!(
            "policy asks for a decision (`{}`) and nobody may give it, or the session waits for as many \
             as it may",
            terms.why
        )),
    })
}
