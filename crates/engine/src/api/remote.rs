//! What an executor asks and says: claim, heartbeat, start, complete, fail, give back (`DSP-2`).

use super::{Engine, actor};
use crate::leases::{Lease, Orphan};
use crate::lock;
use crate::resident::{Folded, Resident};
use crate::seal::Bodies;
use crate::view;
use serde_json::json;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::event::{DispatchClaimed, RunClaimed};
use tenure_contract::resource::{
    Answered, Caller, ClaimDispatch, ClaimStanding, Claimed, ClaimedDispatch, CompleteDispatch,
    FailDispatch,
};
use tenure_contract::words::{ClaimDirective, DispatchStatus};
use tenure_contract::{
    Code, DispatchId, Error, Event, ExecutorId, Journal, RunId, SessionId, StepId, limits,
};
use tenure_core::Command;
use tenure_core::command::RemoteAnswer;
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::dispatch::claim::{ClaimUse, ClaimWanted, Holding, lease_lost};
use tenure_core::ledger::executors::Serves;
use tenure_core::session::remote::Hearing;
use tokio::time::Instant;

/// What an executor is to do, and with which run and step.
type Told = (ClaimDirective, Option<RunId>, Option<StepId>);

impl Engine {
    /// Gives an executor the most urgent remote dispatch it may have, durably claimed; waits for one
    /// up to the time asked for.
    ///
    /// # Errors
    /// `not-found`, `forbidden` for who is not that executor, `invalid-argument` for a time beyond its
    /// limit, `draining`.
    pub async fn claim_dispatch(
        &self,
        caller: &Caller,
        request: ClaimDispatch,
    ) -> Result<Claimed, Error> {
        self.admit()?;
        let lease_ms = lease_of(&request)?;
        let until = Instant::now() + wait_of(&request)?;
        loop {
            let mut news = pin!(self.node.leases.news().notified());
            news.as_mut().enable();
            let claimed = self.claim_now(caller, request.executor_id, lease_ms).await?;
            let is_over = Instant::now() >= until || self.node.is_draining();
            if claimed.is_some() || is_over {
                return Ok(Claimed { claimed });
            }
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    async fn claim_now(
        &self,
        caller: &Caller,
        executor: ExecutorId,
        lease_ms: u64,
    ) -> Result<Option<ClaimedDispatch>, Error> {
        let serves = self.serves(caller, executor)?;
        for orphan in self.node.leases.orphans(caller.tenant) {
            let work = &orphan.work;
            if serves.takes(work.target, &work.user, &work.product)
                && let Some(taken) = self.adopt(caller, &orphan, executor, lease_ms).await?
            {
                return Ok(Some(taken));
            }
        }
        let ledger = self.node.ledger(caller.tenant)?;
        loop {
            let now = self.node.clock.now();
            let next = self.with_ledger(caller.tenant, |state| {
                state.dispatches.next_for(&serves, now.max(state.at))
            })?;
            let Some((dispatch, claim)) = next else { return Ok(None) };
            let claimed = DispatchClaimed { dispatch, executor, claim, lease_ms };
            let principal = caller.principal.to_string();
            let product = caller.product.clone();
            let command = LedgerCommand::Claim(ClaimWanted { claimed, principal, product });
            let done =
                self.node.transact_ledger(&ledger, &command, Bodies::default(), &actor(caller));
            match done {
                Ok(seq) => {
                    self.node.durable(&ledger, seq).await?;
                    return self.taken(caller, dispatch, claim).await.map(Some);
                }
                // another executor was faster
                Err(error) if error.code == Code::VersionConflict => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes over a run whose executor was lost; none when another one was faster.
    async fn adopt(
        &self,
        caller: &Caller,
        orphan: &Orphan,
        executor: ExecutorId,
        lease_ms: u64,
    ) -> Result<Option<ClaimedDispatch>, Error> {
        let Some(resident) = self.node.session(caller.tenant, orphan.session)? else {
            return Ok(None);
        };
        let claim = orphan.work.claim + 1;
        let claimed = RunClaimed { run: orphan.run, executor, claim, lease_ms };
        let command = Command::ClaimRun(claimed);
        let done = {
            let mut cell = lock(&resident.cell);
            let known = cell.session().and_then(|state| state.remote_of(orphan.run));
            if known.is_none_or(|known| known.work != orphan.work) {
                // whether it may have this was asked of what it was before
                return Ok(None);
            }
            let (bodies, actor) = (Bodies::default(), actor(caller));
            self.node.transact_locked(&resident, &mut cell, &command, bodies, &actor)
        };
        match done {
            Ok(seq) => {
                self.node.durable(&resident, seq).await?;
                self.taken(caller, orphan.work.dispatch, claim).await.map(Some)
            }
            Err(error) if matches!(error.code, Code::IllegalTransition | Code::HandedOver) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn taken(
        &self,
        caller: &Caller,
        id: DispatchId,
        claim: u64,
    ) -> Result<ClaimedDispatch, Error> {
        // the claim is what lets it see the dispatch: its session may be another product's by now
        let dispatch = self.known_dispatch(caller, id).await?;
        let standing = self.heartbeat(caller, id, claim).await?;
        Ok(ClaimedDispatch { dispatch, standing })
    }

    fn serves(&self, caller: &Caller, executor: ExecutorId) -> Result<Serves, Error> {
        let principal = caller.principal.to_string();
        self.with_ledger(caller.tenant, |state| {
            let known = state.executors.admit(executor, &principal)?;
            Ok(known.serves(caller.product.clone()))
        })?
    }

    /// Keeps a claim for another lease and says what its executor is to do.
    ///
    /// # Errors
    /// `not-found`, `forbidden` for another principal or a revoked executor, `lease-lost` once the
    /// claim is over.
    pub async fn heartbeat(
        &self,
        caller: &Caller,
        id: DispatchId,
        claim: u64,
    ) -> Result<ClaimStanding, Error> {
        let lease = self.lease(caller, id, claim).await?;
        let now = self.node.clock.now();
        let Some(lease) = self.node.leases.extend(id, claim, now) else {
            // nobody has noticed yet that it ran out
            self.node.wake(lease.journal);
            return Err(self.over(caller, id, claim)?);
        };
        let (directive, run_id, step_id) = self.directive(caller, id, &lease).await?;
        Ok(ClaimStanding {
            dispatch_id: id,
            executor_id: lease.executor,
            claim,
            lease_ms: lease.lease_ms,
            lease_until: lease.until,
            directive,
            run_id,
            step_id,
        })
    }

    /// Starts a claimed dispatch: its session gets the run, which this claim's executor performs. Waits
    /// a while for the run to begin; a run that is queued behind another one is told as `wait`.
    ///
    /// # Errors
    /// As of a heartbeat; `illegal-transition` once it expired.
    pub async fn start_claimed(
        &self,
        caller: &Caller,
        id: DispatchId,
        claim: u64,
    ) -> Result<ClaimStanding, Error> {
        let lease = self.lease(caller, id, claim).await?;
        if lease.run.is_none() {
            match self.use_claim(caller, id, &lease, ClaimUse::Start).await {
                // asked twice at once: its session has it by now
                Err(error) if error.code == Code::LeaseLost => {
                    self.lease(caller, id, claim).await?;
                }
                started => started?,
            }
        }
        let until = Instant::now() + Duration::from_millis(limits::CLAIM_START_WAIT_MS);
        loop {
            let mut news = pin!(self.node.leases.news().notified());
            news.as_mut().enable();
            let standing = self.heartbeat(caller, id, claim).await?;
            if standing.directive != ClaimDirective::Wait || Instant::now() >= until {
                return Ok(standing);
            }
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Gives a claimed dispatch back before it starts; it waits for another claim.
    ///
    /// # Errors
    /// As of a heartbeat; `illegal-transition` once it started.
    pub async fn give_back(
        &self,
        caller: &Caller,
        id: DispatchId,
        claim: u64,
    ) -> Result<tenure_contract::resource::Dispatch, Error> {
        let lease = self.lease(caller, id, claim).await?;
        if lease.run.is_some() {
            let told = format!("dispatch `{id}` has started; complete it or fail it");
            return Err(Error::new(Code::IllegalTransition, told).about(id));
        }
        self.use_claim(caller, id, &lease, ClaimUse::GiveBack).await?;
        self.see_dispatch(caller, id).await
    }

    async fn use_claim(
        &self,
        caller: &Caller,
        id: DispatchId,
        lease: &Lease,
        how: ClaimUse,
    ) -> Result<(), Error> {
        let holding = Holding { dispatch: id, claim: lease.claim, executor: lease.executor };
        let principal = caller.principal.to_string();
        let command = LedgerCommand::UseClaim { holding, principal, how };
        self.commit_ledger(caller, &command, Bodies::default()).await
    }

    /// Takes the result of an executor's work; durable when it returns. The same claim's answer again
    /// is nothing new.
    ///
    /// # Errors
    /// `not-found`, `forbidden`, `lease-lost` for a claim nobody waits for, `illegal-transition` before
    /// its step began, `too-large`.
    pub async fn complete_dispatch(
        &self,
        caller: &Caller,
        id: DispatchId,
        request: CompleteDispatch,
    ) -> Result<Answered, Error> {
        let size = request.output.to_string().len();
        if size > limits::STEP_RESULT_MAX_BYTES {
            let told = format!(
                "the output has {size} bytes; the limit STEP_RESULT_MAX_BYTES is {}",
                limits::STEP_RESULT_MAX_BYTES
            );
            return Err(Error::new(Code::TooLarge, told).about(id));
        }
        let sealed = self.node.seal_json(caller.tenant, &request.output)?;
        let bodies = Bodies::given(sealed);
        self.answer(caller, (id, request.claim), RemoteAnswer::Done, bodies).await
    }

    /// Takes an executor's word that its work failed.
    ///
    /// # Errors
    /// As of a completion.
    pub async fn fail_dispatch(
        &self,
        caller: &Caller,
        id: DispatchId,
        request: FailDispatch,
    ) -> Result<Answered, Error> {
        super::reason(Some(&request.message))?;
        let sealed = self.node.seal_json(caller.tenant, &json!({ "error": request.message }))?;
        let answer = RemoteAnswer::Failed { may_pass: request.retryable };
        self.answer(caller, (id, request.claim), answer, Bodies::given(sealed)).await
    }

    async fn answer(
        &self,
        caller: &Caller,
        (id, claim): (DispatchId, u64),
        answer: RemoteAnswer,
        bodies: Bodies,
    ) -> Result<Answered, Error> {
        let (session, run) = self.run_of(caller, id)?;
        let resident = self.node.session(caller.tenant, session)?;
        let resident = resident.ok_or_else(|| lease_lost(id, claim, DispatchStatus::Started))?;
        let over = || lease_lost(id, claim, DispatchStatus::Started);
        let (seq, counts) = {
            let mut cell = lock(&resident.cell);
            let state = cell.session().ok_or_else(over)?;
            let remote = state.remote_of(run).ok_or_else(over)?;
            let executor = remote.executor_of(claim).ok_or_else(over)?;
            self.serves(caller, executor)?;
            let progress = state.runs.get(&run).and_then(tenure_core::session::Run::progress);
            let heard = remote.hear(progress, claim, executor);
            let counts = matches!(heard, Hearing::Counts { .. } | Hearing::Known);
            let command = Command::AnswerRemote { run, claim, executor, answer };
            let actor = actor(caller);
            let seq = self.node.transact_locked(&resident, &mut cell, &command, bodies, &actor)?;
            (seq, counts)
        };
        self.node.durable(&resident, seq).await?;
        if !counts {
            // what became of the run since is its new owner's to know
            match self.session_of(caller, session) {
                Err(refused) if refused.code == Code::HandedOver => return Err(refused),
                Ok(_) | Err(_) => {}
            }
        }
        let run = view::run(&self.node, &resident, run).await?;
        Ok(Answered { counts, run })
    }

    /// The claim, if it is kept and the caller is its executor.
    async fn lease(&self, caller: &Caller, id: DispatchId, claim: u64) -> Result<Lease, Error> {
        let lease = match self.node.leases.get(id, claim) {
            Some(lease) => lease,
            // a process that has just begun reads the journal that knows of it
            None => {
                if let Ok((session, _)) = self.run_of(caller, id) {
                    self.node.session(caller.tenant, session)?;
                }
                let over = self.over(caller, id, claim)?;
                self.node.leases.get(id, claim).ok_or(over)?
            }
        };
        if lease.tenant != caller.tenant {
            return Err(Error::not_found("dispatch", id));
        }
        self.serves(caller, lease.executor)?;
        Ok(lease)
    }

    /// Why a claim is not kept.
    fn over(&self, caller: &Caller, id: DispatchId, claim: u64) -> Result<Error, Error> {
        let known = self.with_ledger(caller.tenant, |state| state.dispatches.standing(id))?;
        Ok(known.map_or_else(
            || Error::not_found("dispatch", id),
            |known| lease_lost(id, claim, known.status),
        ))
    }

    /// The session and the run of a dispatch that started.
    fn run_of(&self, caller: &Caller, id: DispatchId) -> Result<(SessionId, RunId), Error> {
        let unknown = || Error::not_found("dispatch", id);
        let known = self.with_ledger(caller.tenant, |state| state.dispatches.standing(id))?;
        let known = known.ok_or_else(unknown)?;
        if known.status != DispatchStatus::Started {
            let told = format!("dispatch `{id}` is {}; start it first", known.status);
            return Err(Error::new(Code::IllegalTransition, told).about(id));
        }
        let ledger = self.node.ledger(caller.tenant)?;
        let found = self.node.read_one(&ledger, known.seq)?.ok_or_else(unknown)?;
        match found.entry.event {
            Event::DispatchReceived(received) => Ok((received.session, received.run.run)),
            _ => Err(unknown()),
        }
    }

    /// What an executor is to do now; what it is told is durable.
    async fn directive(
        &self,
        caller: &Caller,
        id: DispatchId,
        lease: &Lease,
    ) -> Result<Told, Error> {
        let Journal::Session(session) = lease.journal else {
            let ledger = self.node.ledger(caller.tenant)?;
            let (told, seq) = {
                let cell = lock(&ledger.cell);
                let is_claimed = match &cell.state {
                    Folded::Ledger(state) => state
                        .dispatches
                        .standing(id)
                        .is_some_and(|known| known.status == DispatchStatus::Claimed),
                    Folded::Session(_) => false,
                };
                let told = if is_claimed { ClaimDirective::Start } else { ClaimDirective::Wait };
                (told, cell.chain.seq)
            };
            self.node.durable(&ledger, seq).await?;
            return Ok((told, None, None));
        };
        let resident = self.node.session(caller.tenant, session)?;
        let resident = resident.ok_or_else(|| Error::not_found("dispatch", id))?;
        let (told, seq) = self.of_run(&resident, lease);
        self.node.durable(&resident, seq).await?;
        Ok(told)
    }

    fn of_run(&self, resident: &Arc<Resident>, lease: &Lease) -> (Told, u64) {
        let cell = lock(&resident.cell);
        let seq = cell.chain.seq;
        let nothing = ((ClaimDirective::Stop, lease.run, None), seq);
        let (Some(state), Some(run)) = (cell.session(), lease.run) else { return nothing };
        let progress = state.runs.get(&run).and_then(tenure_core::session::Run::progress);
        let (Some(progress), Some(remote)) = (progress, state.remote_of(run)) else {
            return nothing;
        };
        let told = match remote.performing(progress) {
            _ if progress.cancel.is_some() => ClaimDirective::Stop,
            Some(_) => ClaimDirective::Work,
            None => ClaimDirective::Wait,
        };
        ((told, Some(run), remote.performing(progress)), seq)
    }
}

fn lease_of(request: &ClaimDispatch) -> Result<u64, Error> {
    let (least, most) = (limits::EXECUTOR_LEASE_MIN_MS, limits::EXECUTOR_LEASE_MAX_MS);
    let lease_ms = request.lease_ms.unwrap_or(limits::EXECUTOR_LEASE_DEFAULT_MS);
    if (least..=most).contains(&lease_ms) {
        return Ok(lease_ms);
    }
    let told = format!(
        "leaseMs `{lease_ms}` is out of range; expected EXECUTOR_LEASE_MIN_MS {least} to EXECUTOR_LEASE_MAX_MS {most}"
    );
    Err(Error::new(Code::InvalidArgument, told))
}

fn wait_of(request: &ClaimDispatch) -> Result<Duration, Error> {
    let (asked, most) = (request.wait_ms.unwrap_or(0), limits::CLAIM_WAIT_MAX_MS);
    if asked <= most {
        return Ok(Duration::from_millis(asked));
    }
    let told = format!("waitMs `{asked}` is over the limit CLAIM_WAIT_MAX_MS {most}");
    Err(Error::new(Code::InvalidArgument, told))
}
