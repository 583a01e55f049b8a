//! A substep on its way to its intent: what policy says of it, and the wait where policy asks
//! (`POL-1`).
//!
//! The core decides what is asked and what a decision is good for. Here is only the waiting: a handler
//! of which nothing else moves is dropped, at no cost for however long it takes, and run again once
//! the decision is there; on recorded results it comes to the same substep.

use super::context::{Ctx, Inner, StepFailure};
use crate::lock;
use crate::policy::{setting, standing};
use crate::resident::Cell;
use crate::seal::Bodies;
use futures::task::AtomicWaker;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
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
    decided_seq: Option<u64>,
}

/// What became of a substep on its way to its intent.
pub(super) enum Begun {
    /// It has one, or was refused.
    Yes,
    /// Not on this node.
    No,
}

/// How an invocation stands with what it waits for. Written under its session's lock, so that a
/// decision comes to exactly one of two: this invocation, or the one after it.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// How many of its substeps wait for a decision.
    waiting: AtomicUsize,
    /// It was dropped. What its handler spawned may outlive it and must do nothing more.
    over: AtomicBool,
    /// Who drives it.
    driver: AtomicWaker,
}

/// A substep that waits, counted while it does. A drain does not wait for it.
struct Waiting<'a>(&'a Inner);

impl<'a> Waiting<'a> {
    fn begin(inner: &'a Inner) -> Self {
        inner.rest.waiting.fetch_add(1, Ordering::Relaxed);
        inner.node.substeps.fetch_sub(1, Ordering::Relaxed);
        Self(inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.node.substeps.fetch_add(1, Ordering::Relaxed);
        self.0.rest.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says at the end of an invocation that it is over.
pub(super) struct Over<'a>(pub &'a Inner);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let _cell = lock(&self.0.resident.cell);
        self.0.rest.over.store(true, Ordering::Relaxed);
    }
}

impl Inner {
    /// Whether this invocation was dropped.
    pub(super) fn is_over(&self) -> bool {
        self.rest.over.load(Ordering::Relaxed)
    }

    /// A substep of this invocation is not under way any more.
    pub(super) fn has_one_less(&self) {
        if self.rest.waiting.load(Ordering::Relaxed) > 0 {
            self.rest.driver.wake();
        }
    }

    /// Ready once every substep of this invocation waits for a decision, and its run with it; it is
    /// over then.
    pub(super) fn only_waits(&self, task: &Context<'_>) -> Poll<()> {
        self.rest.driver.register(task.waker());
        if self.rest.waiting.load(Ordering::Relaxed) == 0 {
            return Poll::Pending;
        }
        let cell = lock(&self.resident.cell);
        let run = cell.session().and_then(|state| state.runs.get(&self.run));
        let waits = run.is_some_and(|run| run.status != RunStatus::Running);
        if !waits || lock(&self.under_way).len() > self.rest.waiting.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.rest.over.store(true, Ordering::Relaxed);
        Poll::Ready(())
    }
}

impl Ctx {
    /// Journals the intent, or that it is refused, and waits until it is durable. Where policy asks, it
    /// waits for the decision first; a node that goes down meanwhile begins nothing.
    pub(super) async fn intend(
        &self,
        substep: &Substep,
        inputs: &impl Serialize,
    ) -> Result<Begun, StepFailure> {
        loop {
            self.decided(substep).await;
            if self.inner.node.is_draining() {
                return Ok(Begun::No);
            }
            let (command, bodies) = self.intention(substep, inputs)?;
            match self.transact(&command, bodies).await {
                Ok(seq) => {
                    self.reach(seq).await;
                    // also one that was decided by now has not begun
                    if self.before(substep).is_none() {
                        return Ok(Begun::Yes);
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
        let inner = &*self.inner;
        let mut waiting = None;
        loop {
            let moved = inner.resident.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let is_over = {
                let cell = lock(&inner.resident.cell);
                let is_over = inner.is_over();
                if !is_over && !is_asked(&cell, substep) {
                    drop(waiting);
                    return;
                }
                waiting.get_or_insert_with(|| Waiting::begin(inner));
                is_over
            };
            if is_over {
                return std::future::pending().await;
            }
            inner.rest.driver.wake();
            moved.await;
        }
    }

    fn before(&self, substep: &Substep) -> Option<Before> {
        before(&lock(&self.inner.resident.cell), substep)
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
        if let Some(why) = self.why_not(before.as_ref(), &ruled.ruling)? {
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
            "class": substep.class,
            "arguments": arguments,
            "tenant": self.inner.resident.tenant,
            "run": substep.run,
        }))
        .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))
    }

    /// Why a substep is refused, if it comes to that; none when policy permits it.
    fn why_not(&self, before: Option<&Before>, ruling: &Ruling) -> Result<Option<String>, Error> {
        if let Some(before) = before {
            let id = before.id;
            let told = match before.approval.status {
                ApprovalStatus::Denied => Some(self.denial(before)?),
                ApprovalStatus::Expired => Some(format!("approval `{id}` has expired")),
                ApprovalStatus::Cancelled => Some(format!("approval `{id}` was closed undecided")),
                ApprovalStatus::Requested | ApprovalStatus::Approved => None,
            };
            if told.is_some() {
                return Ok(told);
            }
        }
        Ok(match ruling {
            Ruling::Permit => None,
            Ruling::Deny { why } => Some(why.clone()),
            Ruling::Ask(terms) => Some(format!(
                "policy asks for a decision (`{}`) and nobody may give it, or the session waits for as \
                 many as it may",
                terms.why
            )),
        })
    }

    /// Who denied it, and the reason if one was given.
    fn denial(&self, before: &Before) -> Result<String, Error> {
        let Inner { node, resident, .. } = &*self.inner;
        let body = before.decided_seq.map(|seq| node.json_at(resident, seq)).transpose()?.flatten();
        let reason = body.as_ref().and_then(|body| body.get("reason")?.as_str());
        let by = before.approval.resolver.as_deref().unwrap_or("somebody");
        let told = format!("approval `{}` was denied by `{by}`", before.id);
        Ok(reason.map_or_else(|| told.clone(), |reason| format!("{told}: {reason}")))
    }
}

fn before(cell: &Cell, substep: &Substep) -> Option<Before> {
    let state = cell.session()?;
    let progress = state.runs.get(&substep.run).and_then(Run::progress)?;
    let asked = progress.asked_steps.get(&substep.name)?;
    let (id, decided_seq) = (asked.approval, asked.decided_seq);
    Some(Before { id, approval: state.approvals.get(&id)?.clone(), decided_seq })
}

fn is_asked(cell: &Cell, substep: &Substep) -> bool {
    before(cell, substep).is_some_and(|before| before.approval.status == ApprovalStatus::Requested)
}
