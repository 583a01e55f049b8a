//! What the core wishes for, performed: each effect once at a time, and only after everything it
//! depends on is durable.

mod assess;
mod model;
mod todo;
mod tool;
pub(crate) mod transcript;

use crate::lock;
use crate::node::Node;
use crate::observe::{Observation, Observed};
use crate::resident::{Actor, Cell, Folded, Resident};
use crate::seal::Bodies;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tenure_agent::Agent;
use tenure_contract::agent::AgentDefinition;
use tenure_contract::event::Work;
use tenure_contract::{Code, Digest, Error, Journal, RunId, StepId, TenantId};
use tenure_core::Command;
use tenure_core::ledger::LedgerCommand;
use tenure_core::ledger::dispatch::DispatchCommand;
use tenure_core::session::{Stand, Wish, wishes};

/// How long an aborted effect may take to come to an end by itself.
const ABORT_GRACE: Duration = Duration::from_millis(250);
/// First and longest wait before a result that could not be committed is offered again.
const REPORT_RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How long a session whose store refused waits before it is looked at again.
const REVISIT_AFTER: Duration = Duration::from_millis(200);

/// The place of a look-up among the attempts of a step.
const LOOK_UP: u32 = 0;

impl Node {
    /// Sees to everything the session wishes for now; the session's lock is held.
    pub fn pump(self: &Arc<Self>, resident: &Arc<Resident>, cell: &mut Cell) {
        let Folded::Session(state) = &cell.state else { return };
        self.arm(state, resident.journal);
        self.count_dispatched(state);
        self.mind_remote(state, self.clock.now().max(cell.chain.at));
        let in_force = match self.policy(resident) {
            Ok(policy) => policy.version(),
            // whatever was decided here has read it
            Err(error) => return self.failed("the policy is not there", resident.journal, &error),
        };
        for wish in wishes(state, in_force) {
            self.grant(resident, cell, wish);
        }
    }

    fn grant(self: &Arc<Self>, resident: &Arc<Resident>, cell: &mut Cell, wish: Wish) {
        let needs = cell.chain.seq;
        let (node, held) = (self.clone(), resident.clone());
        match wish {
            Wish::Stop { run } => self.stop(resident, cell, run),
            _ if self.is_draining() => {}
            Wish::CallModel { run, step, attempt } => {
                if self.begin(step, attempt) {
                    self.spawn(async move {
                        model::call(node, held, needs, model::Turn { run, step, attempt }).await
                    });
                }
            }
            Wish::CallTool { run, step, attempt, site, edited_seq, timeout_ms } => {
                if self.begin(step, attempt) {
                    let call = tool::Call { run, step, attempt, site, edited_seq, timeout_ms };
                    self.spawn(async move { tool::call(node, held, needs, call).await });
                }
            }
            Wish::Assess { run, site, edited_seq, approved } => {
                if lock(&self.assessing).insert((run, site)) {
                    let call = assess::Again { run, site, edited_seq, approved };
                    self.spawn(async move { assess::again(node, held, needs, call).await });
                }
            }
            Wish::LookUp { run, step, site, edited_seq, travelling_until } => {
                if self.begin(step, LOOK_UP) {
                    let call =
                        tool::Call { run, step, attempt: LOOK_UP, site, edited_seq, timeout_ms: 0 };
                    self.spawn(async move {
                        tool::look_up(node, held, needs, call, travelling_until).await
                    });
                }
            }
            Wish::Invoke { run } => {
                if lock(&self.invoked).insert(run) {
                    self.spawn(async move { crate::handler::drive(node, held, needs, run).await });
                }
            }
        }
    }

    /// Tells the effects of a run to stop; those nobody began are given up.
    fn stop(self: &Arc<Self>, resident: &Arc<Resident>, cell: &mut Cell, run: RunId) {
        self.cancel_of(run).cancel();
        let Folded::Session(state) = &cell.state else { return };
        let Some(known) = state
            .runs
            .get(&run)
            .filter(|known| !state.remote.contains_key(&known.id))
            .filter(|known| known.is_agent() || !lock(&self.invoked).contains(&run))
        else {
            return;
        };
        let mut open = known.progress().into_iter().flat_map(|progress| &progress.open);
        let idle = open.find(|(step, open)| {
            open.stand == Stand::Intended && !self.is_performing(**step, open.attempt)
        });
        // giving one up comes back here for the next
        if let Some(step) = idle.map(|(step, _)| *step) {
            let command = Command::SkipStep { run, step };
            if let Err(error) =
                self.transact_locked(resident, cell, &command, Bodies::default(), &Actor::system())
            {
                self.failed("a step could not be given up", format!("{run} {step}"), &error);
            }
        }
    }

    /// Tells observers and watchers what happens in a run.
    fn tell(&self, resident: &Resident, run: RunId, what: Observed) {
        if let Journal::Session(session) = resident.journal {
            self.feed.tell(Observation { tenant: resident.tenant, session, run, what });
        }
    }

    /// What a step said is gone with it.
    fn hush(&self, resident: &Resident, step: StepId) {
        if let Journal::Session(session) = resident.journal {
            self.feed.gone(session, step);
        }
    }

    fn begin(&self, step: StepId, attempt: u32) -> bool {
        let mut performing = lock(&self.performing);
        if attempt != LOOK_UP {
            // it is under way again: should it be lost again, it may be asked about again
            performing.remove(&(step, LOOK_UP));
        }
        performing.insert((step, attempt))
    }

    /// Nobody asks about the step any more.
    pub fn end_look_up(&self, step: StepId) {
        self.end(step, LOOK_UP);
    }

    /// Whether an effect that would be lost by going down is under way; a look-up would not.
    pub fn has_effect_in_flight(&self) -> bool {
        let is_effect = |(_, attempt): &(StepId, u32)| *attempt != LOOK_UP;
        self.substeps.load(Ordering::Relaxed) > 0 || lock(&self.performing).iter().any(is_effect)
    }

    pub fn is_performing(&self, step: StepId, attempt: u32) -> bool {
        lock(&self.performing).contains(&(step, attempt))
    }

    fn end(&self, step: StepId, attempt: u32) {
        lock(&self.performing).remove(&(step, attempt));
    }

    /// Offers a result until it is taken: an effect that happened must not be forgotten because the
    /// disk was full for a moment.
    pub async fn report(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        command: &Command,
        bodies: Bodies,
    ) {
        let mut wait = REPORT_RETRY.0;
        let mut at = resident.clone();
        loop {
            let outcome = match self.transact(&at, command, bodies.clone(), &Actor::system()) {
                Ok(seq) => self.durable(&at, seq).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => return,
                Err(error) if is_passing(&error) && !self.committer.is_closed() => {
                    // reported, so that who watches the run is told why it does not move
                    self.failed("a result is not committed yet; trying again", at.journal, &error);
                }
                Err(error) => {
                    return self.failed("a result was refused", at.journal, &error);
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(REPORT_RETRY.1);
            if let Ok(Some(again)) = self.resident(at.journal) {
                at = again;
            }
        }
    }

    /// Looks at a journal again: reads it if need be, lets time pass for it.
    pub fn wake(self: &Arc<Self>, journal: Journal) {
        let (bodies, actor) = (Bodies::default(), Actor::system());
        let lapsed = |resident: Option<Arc<Resident>>| match resident {
            Some(resident) => self.lapse(&resident).map(|()| Some(resident)),
            None => Ok(None),
        };
        let woken = self.resident(journal).and_then(lapsed).and_then(|resident| {
            match (resident, journal) {
                (Some(resident), Journal::Session(_)) => {
                    self.transact(&resident, &Command::Wake, bodies, &actor).map(drop)
                }
                (Some(resident), Journal::Ledger(_)) => {
                    let command = LedgerCommand::Dispatch(DispatchCommand::Wake(self.hold()));
                    self.transact_ledger(&resident, &command, bodies, &actor).map(drop)
                }
                (None, _) => Ok(()),
            }
        });
        if let Err(error) = woken {
            self.failed("a journal could not be woken", journal, &error);
            if is_passing(&error) {
                self.timers
                    .arm(self.clock.now().plus_ms(REVISIT_AFTER.as_millis() as u64), journal);
            }
        }
        self.committer.nudge();
    }

    /// After an effect: what the session wishes for may have been held back by it. A session whose
    /// store refused meanwhile is read again once it may accept.
    pub async fn look_again(self: &Arc<Self>, resident: &Arc<Resident>) {
        if resident.durable.lost().is_none() {
            let mut cell = lock(&resident.cell);
            return self.pump(resident, &mut cell);
        }
        self.revisit(resident.journal).await;
    }

    /// The store refused: read the journal again once it may accept.
    pub async fn revisit(self: &Arc<Self>, journal: Journal) {
        tokio::time::sleep(REVISIT_AFTER).await;
        self.wake(journal);
    }

    /// The definition of an agent's version.
    pub fn definition(
        self: &Arc<Self>,
        tenant: TenantId,
        version: Digest,
    ) -> Result<AgentDefinition, Error> {
        let ledger = self.ledger(tenant)?;
        let seq = {
            let cell = lock(&ledger.cell);
            let Folded::Ledger(state) = &cell.state else {
                return Err(Error::not_found("agent version", version));
            };
            let mut versions = state.agents.iter().flat_map(|(_, agent)| &agent.versions);
            versions.find(|(digest, _)| *digest == version).map(|(_, seq)| *seq)
        };
        let body = match seq {
            Some(seq) => self.json_at(&ledger, seq)?,
            None => None,
        };
        let body = body.ok_or_else(|| Error::not_found("agent version", version))?;
        serde_json::from_value(body)
            .map_err(|why| Error::new(Code::StoreCorrupt, why.to_string()).about(version))
    }

    /// The agent a run was pinned to.
    pub fn agent_of(
        self: &Arc<Self>,
        resident: &Resident,
        run: RunId,
    ) -> Result<Arc<Agent>, Error> {
        let version = {
            let cell = lock(&resident.cell);
            match cell.session().and_then(|state| state.runs.get(&run)).map(|run| &run.work) {
                Some(Work::Agent { version, .. }) => Some(*version),
                Some(Work::Intent { .. }) | None => None,
            }
        };
        let version = version.ok_or_else(|| Error::not_found("agent run", run))?;
        self.agent(resident.tenant, version)
    }
}

impl Cell {
    /// The session's state; none for a ledger.
    pub fn session(&self) -> Option<&tenure_core::SessionState> {
        match &self.state {
            Folded::Session(state) => Some(state),
            Folded::Ledger(_) => None,
        }
    }

    /// The entry with which an attempt began, if its effect may still begin: its step is open, at
    /// that attempt, and nobody asked for the run's end.
    fn may_begin(&self, run: RunId, step: StepId, attempt: u32) -> Option<u64> {
        let progress = self
            .session()
            .and_then(|state| state.runs.get(&run))
            .and_then(tenure_core::session::Run::progress);
        let progress = progress?;
        let is_cancelled = progress.cancel.is_some();
        #[cfg(feature = "planted")]
        let is_cancelled = is_cancelled
            && !tenure_core::planted::is(tenure_core::planted::Bug::PerformAfterCancel);
        let open = progress.open.get(&step).filter(|_| !is_cancelled)?;
        (open.stand == Stand::Intended && open.attempt == attempt).then_some(open.begun_seq)
    }
}

/// Whether a store's refusal may pass by itself.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(error.code, Code::StorageFull | Code::StoreUnavailable)
}
