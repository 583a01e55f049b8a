//! The delivery of one started dispatch: at least once, recorded once.

use crate::api::{Engine, actor};
use crate::effect::is_passing;
use crate::lock;
use crate::node::Node;
use crate::resident::{Actor, Resident};
use crate::seal::Bodies;
use serde_json::{Value, json};
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::event::{DispatchDelivered, DispatchReceived, RemoteWork, RunSubmitted, Work};
use tenure_contract::resource::Caller;
use tenure_contract::words::{ExecutionTarget, RecoveryClass};
use tenure_contract::{Code, DispatchId, Error, RunId, limits};
use tenure_core::command::Write;
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::dispatch::{Claim, Dispatch, DispatchCommand};
use tenure_core::{Command, Refusal};

/// First and longest wait before a message is offered to its session again.
const DELIVER_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

impl Node {
    /// Begins to deliver a start, once it is durable, unless somebody here does already.
    pub(super) fn begin_delivery(
        self: &Arc<Self>,
        ledger: &Arc<Resident>,
        needs: u64,
        started: &Dispatch,
    ) {
        let id = started.received.dispatch;
        if self.is_draining() {
            return;
        }
        match lock(&self.desk.delivering).entry(id) {
            Entry::Occupied(_) => return,
            Entry::Vacant(free) => drop(free.insert(None)),
        }
        let (node, ledger) = (self.clone(), ledger.clone());
        let (mut received, seq) = (started.received.clone(), started.seq);
        if let Some(claim) = &started.claim {
            received.run = Box::new(by_executor(&received, claim));
        }
        self.spawn(async move {
            let delivered = node.deliver(&ledger, needs, &received, seq).await;
            lock(&node.desk.delivering).remove(&id);
            if let Err(error) = delivered {
                node.failed("a start is not delivered yet", id, &error);
                // whatever is still to be delivered is found by reading the ledger again
                node.revisit(ledger.journal).await;
            }
        });
    }

    async fn deliver(
        self: &Arc<Self>,
        ledger: &Arc<Resident>,
        needs: u64,
        received: &DispatchReceived,
        seq: u64,
    ) -> Result<(), Error> {
        self.durable(ledger, needs).await?;
        #[cfg(feature = "planted")]
        if tenure_core::planted::is(tenure_core::planted::Bug::OutboxLost) {
            self.acknowledge(ledger, received, Ok(received.run.run)).await?;
        }
        let mut wait = DELIVER_AGAIN.0;
        let mut offers = 0;
        let taken = loop {
            offers += 1;
            match self.hand_over(ledger, received, seq).await {
                Ok(run) => break Ok(run),
                // whether the store takes it is no word of the session's
                Err(error) if is_passing(&error) => {}
                Err(error)
                    if may_pass(&error) && offers < limits::DISPATCH_DELIVERY_ATTEMPTS_MAX =>
                {
                    self.refused_for_now(ledger, received.dispatch, &error);
                }
                Err(error) => break Err(error),
            }
            if self.committer.is_closed() || self.is_draining() {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(DELIVER_AGAIN.1);
        };
        self.acknowledge(ledger, received, taken).await
    }

    /// Its session does not take it now: told once, shown until it does, and no slot is held for it.
    fn refused_for_now(self: &Arc<Self>, ledger: &Resident, dispatch: DispatchId, error: &Error) {
        let before = lock(&self.desk.delivering).insert(dispatch, Some(error.message.clone()));
        if before.flatten().is_none() {
            tracing::warn!(%dispatch, %error, "a session does not take a start now; offering it again");
            if lock(&self.desk.board).put_off(ledger.tenant) {
                self.look_who_waits();
            }
            // what came after it for the same session need not wait for it
            let (node, journal) = (self.clone(), ledger.journal);
            self.spawn(async move { node.revisit(journal).await });
        }
    }

    /// Why a session refused a start last, while it is offered again.
    pub fn last_refusal(&self, dispatch: DispatchId) -> Option<String> {
        lock(&self.desk.delivering).get(&dispatch).cloned().flatten()
    }

    /// Opens the session if need be, makes the task if one is to be made, submits the run; durable when
    /// it returns. Each of the three is nothing new the second time.
    async fn hand_over(
        self: &Arc<Self>,
        ledger: &Arc<Resident>,
        received: &DispatchReceived,
        seq: u64,
    ) -> Result<RunId, Error> {
        let id = received.dispatch;
        let found = self.read_one(ledger, seq)?;
        let found = found.ok_or_else(|| Error::not_found("dispatch", id))?;
        let body = self
            .body(&found)?
            .ok_or_else(|| Error::new(Code::NotFound, "what it was given is erased").about(id))?;
        let body: Value = serde_json::from_slice(&body)
            .map_err(|why| Error::new(Code::StoreCorrupt, why.to_string()).about(id))?;
        let session = match &received.opens {
            Some(_) => self.session_or_new(ledger.tenant, received.session)?,
            None => self
                .session(ledger.tenant, received.session)?
                .ok_or(Refusal::NoSession(received.session))?,
        };
        // whoever dispatched it is who submits it, now as then, and for the product they did it for: a
        // session that was handed over meanwhile takes it no more (`HND-1`)
        let caller = Caller {
            tenant: ledger.tenant,
            principal: found.entry.principal.clone(),
            surface: found.entry.surface,
            product: match &received.opens {
                Some(opened) => Some(opened.product.clone()),
                None => product_in(&session, received),
            },
            scopes: Vec::new(),
        };
        let actor = actor(&caller);
        if let Some(opened) = &received.opens {
            let command = Command::OpenSession((**opened).clone());
            self.transact(&session, &command, Bodies::default(), &actor)?;
        }
        if let Some(made) = &received.makes {
            let intent = self.seal_json(ledger.tenant, &json!({ "intent": made.title }))?;
            let bodies = Bodies { writes: vec![Some(intent)], ..Bodies::default() };
            let command = Command::Write(Write::CreateTask((**made).clone()));
            self.transact(&session, &command, bodies, &actor)?;
        }
        let input = run_input(&received.run.work, &body["payload"]);
        let engine = Engine { node: self.clone() };
        let accepted = engine.enter_run(&caller, &session, &received.run, &input)?;
        self.durable(&session, accepted.seq).await?;
        Ok(accepted.run_id)
    }

    async fn acknowledge(
        self: &Arc<Self>,
        ledger: &Arc<Resident>,
        received: &DispatchReceived,
        taken: Result<RunId, Error>,
    ) -> Result<(), Error> {
        let run = taken.as_ref().ok().copied();
        let refused = taken.err();
        if let Some(error) = &refused {
            tracing::warn!(dispatch = %received.dispatch, %error, "a session refused a start for good");
        }
        let delivered = DispatchDelivered {
            dispatch: received.dispatch,
            run,
            refused: refused.as_ref().map(|error| error.code.to_string()),
            reason: refused.map(|error| error.message),
        };
        let command = LedgerCommand::Dispatch(DispatchCommand::Deliver(delivered));
        let seq = self.transact_ledger(ledger, &command, Bodies::default(), &Actor::system())?;
        self.durable(ledger, seq).await
    }
}

/// The product a dispatch speaks for in a session it did not open: the one it is for, or the one it came from, whichever
/// the session is or was of.
fn product_in(session: &Resident, received: &DispatchReceived) -> Option<String> {
    let cell = lock(&session.cell);
    let state = cell.session()?;
    let named = [&received.product, &received.context.origin_product_id];
    named.into_iter().find(|product| state.knows(product)).cloned()
}

/// The run of a dispatch that an executor started: it performs it under its claim. Chat memory is an
/// agent's of this server, and stays as it is.
fn by_executor(received: &DispatchReceived, claim: &Claim) -> RunSubmitted {
    let work = RemoteWork {
        dispatch: received.dispatch,
        executor: claim.executor,
        claim: claim.number,
        lease_ms: claim.lease_ms,
        class: received.class.unwrap_or(RecoveryClass::Once),
        target: received.target.unwrap_or(ExecutionTarget::Sandbox),
        user: received.user.clone(),
        product: received.product.clone(),
    };
    RunSubmitted { remote: Some(Box::new(work)), memory: false, ..(*received.run).clone() }
}

/// What a run is given, from a dispatch's payload.
pub(crate) fn run_input(work: &Work, payload: &Value) -> Value {
    match work {
        Work::Intent { .. } => json!({ "parameters": payload, "metadata": Value::Null }),
        Work::Agent { .. } => json!({ "task": payload["task"] }),
    }
}

/// Whether the session may take later what it refuses now.
fn may_pass(error: &Error) -> bool {
    is_passing(error) || matches!(error.code, Code::LimitReached | Code::SettleLag)
}
