//! Clients and an operator: they submit until they are told it is accepted, look, decide, cancel
//! and settle doubts by what the world's ledger says, and remember what they were told.

use crate::dice::Dice;
use crate::plan::{self, Asked, Wanted};
use crate::policies::POLICIES;
use crate::products;
use crate::trace::Trace;
use crate::witness::Witness;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenure_contract::resource::{
    Caller, CreateDispatch, CreateSchedule, DecideApproval, Decision, MoveScheduleEntry,
    OpenSession, ResolveStep, SetPolicy, SubmitRun,
};
use tenure_contract::words::{
    ApprovalKind, ApprovalStatus, Resolution, RunStatus, ScheduleEntryKind, ScheduleStatus,
};
use tenure_contract::{ApprovalId, Code, Error, RunId, ScheduleId, SessionId, StepId, Time};
use tenure_engine::{Engine, Listing};

/// What the clients were told, and what they are about.
#[derive(Default)]
struct Memory {
    busy: BTreeSet<String>,
    registered: BTreeSet<usize>,
    accepted: BTreeMap<RunId, usize>,
    decided: BTreeMap<ApprovalId, ApprovalStatus>,
    cancelled: BTreeSet<RunId>,
    resolved: BTreeMap<StepId, Resolution>,
    /// When entries are to be due, by the place of what is wanted, from the first request on.
    due: BTreeMap<usize, Time>,
}

/// Every client; clones share their memory.
#[derive(Clone)]
pub struct Clients {
    memory: Arc<Mutex<Memory>>,
    dice: Arc<Mutex<Dice>>,
    callers: Arc<Vec<Caller>>,
    wanted: Arc<Vec<Wanted>>,
    world: World,
    witness: Arc<Mutex<Witness>>,
    trace: Trace,
}

/// Errors that pass: the client asks again.
fn passes(error: &Error) -> bool {
    matches!(
        error.code,
        Code::StorageFull | Code::StoreUnavailable | Code::SettleLag | Code::Draining
    )
}

impl Clients {
    /// The clients of a seed.
    #[must_use]
    pub fn new(seed: u64, world: World, witness: Arc<Mutex<Witness>>, trace: Trace) -> Self {
        let callers = plan::callers();
        let wanted = plan::wanted(seed, &callers);
        Self {
            memory: Arc::default(),
            dice: Arc::new(Mutex::new(Dice::of(seed, "clients"))),
            callers: Arc::new(callers),
            wanted: Arc::new(wanted),
            world,
            witness,
            trace,
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose requests there are.
    #[must_use]
    pub fn callers(&self) -> &[Caller] {
        &self.callers
    }
    /// The caller that wanted a run.
    #[must_use]
    pub fn caller_of(&self, run: RunId) -> Option<&Caller> {
        let wanted = self.wanted.iter().find(|wanted| wanted.run == run)?;
        self.callers.get(wanted.caller)
    }
    /// Every run that is wanted.
    #[must_use]
    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }
    /// True once every wanted run was accepted.
    #[must_use]
    pub fn all_accepted(&self) -> bool {
        self.memory().accepted.len() == self.wanted.len()
    }

    /// The server is gone: nobody waits for an answer any more.
    pub fn cut_off(&self) {
        self.memory().busy.clear();
    }

    /// Begins one request of any kind.
    pub fn act(&self, engine: &Engine) {
        let kind = self.dice().below(100);
        match kind {
            0..=38 => self.submit_next(engine),
            39..=44 => self.shift_one(engine),
            45..=64 => self.look(engine),
            65..=76 => self.decide_some(engine),
            77..=80 => self.cancel_one(engine),
            81..=84 => self.halt_one(engine),
            85..=87 => self.set_policy(engine),
            _ => self.resolve_some(engine),
        }
    }

    /// What a diligent operator does until everything has come to its end.
    pub fn attend(&self, engine: &Engine) {
        self.submit_next(engine);
        self.decide_some(engine);
        self.resolve_some(engine);
        self.resume_all(engine);
        self.resume_schedules(engine);
    }

    /// Runs a request in the background, one of a name at a time.
    fn spawn(&self, name: String, request: impl Future<Output = ()> + Send + 'static) {
        if !self.memory().busy.insert(name.clone()) {
            return;
        }
        let clients = self.clone();
        tokio::spawn(async move {
            request.await;
            clients.memory().busy.remove(&name);
        });
    }

    fn submit_next(&self, engine: &Engine) {
        for place in 0..self.callers.len() {
            if !self.memory().registered.contains(&place) {
                return self.register(engine, place);
            }
        }
        let open: Vec<usize> = {
            let memory = self.memory();
            let open = |(_, wanted): &(usize, &Wanted)| {
                !memory.accepted.contains_key(&wanted.run) && !memory.busy.contains(&wanted.key)
            };
            self.wanted.iter().enumerate().filter(open).map(|(place, _)| place).collect()
        };
        let Some(place) = self.dice().pick(&open).copied() else { return };
        let (clients, engine) = (self.clone(), engine.clone());
        self.spawn(self.wanted[place].key.clone(), async move {
            match clients.submit(&engine, place).await {
                Ok(()) => {}
                Err(error) if passes(&error) => clients.trace.say(format!("client: {error}")),
                Err(error) => clients.trace.broke("a wanted run is accepted", error.to_string()),
            }
        });
    }

    fn register(&self, engine: &Engine, place: usize) {
        let (clients, engine) = (self.clone(), engine.clone());
        self.spawn(format!("register-{place}"), async move {
            let caller = &clients.callers[place];
            match engine.register_agent(caller, crate::agent::definition()).await {
                Ok(_) => drop(clients.memory().registered.insert(place)),
                Err(error) if passes(&error) => {}
                Err(error) => clients.trace.broke("an agent can be registered", error.to_string()),
            }
        });
    }

    async fn submit(&self, engine: &Engine, place: usize) -> Result<(), Error> {
        let wanted = &self.wanted[place];
        let caller = &self.callers[wanted.caller];
        let mut session = None;
        if let Some(key) = &wanted.session {
            // for somebody who hands it over, now and then
            let user_id = Some(products::FIRST.to_owned());
            let request = OpenSession { user_id, ..OpenSession::default() };
            let opened = engine.open_session(caller, request, Some(key)).await?;
            if opened.session_id != plan::session_id(caller.tenant, key) {
                self.trace.broke("one key is one session", format!("{key}: {}", opened.session_id));
            }
            session = Some(opened.session_id);
        }
        let request = match &wanted.request {
            Asked::Dispatch(request) => {
                let request = CreateDispatch { session_id: session, ..(**request).clone() };
                return self.dispatch(engine, place, request).await;
            }
            Asked::Schedule(request) => {
                let request = CreateSchedule { session_id: session, ..(**request).clone() };
                return self.schedule(engine, place, request).await;
            }
            Asked::Run(request) => SubmitRun { session_id: session, ..(**request).clone() },
        };
        let accepted = engine.submit(caller, request).await?;
        self.trace.say(format!("client: {} accepted as {}", wanted.key, accepted.run_id));
        if accepted.run_id != wanted.run {
            self.trace.broke("one key is one run", format!("{}: {}", wanted.key, accepted.run_id));
        }
        if self.witness().run(wanted.run).is_none() {
            self.trace.broke("what is acknowledged is durable", format!("run {}", wanted.run));
        }
        self.memory().accepted.insert(wanted.run, place);
        Ok(())
    }

    async fn dispatch(
        &self,
        engine: &Engine,
        place: usize,
        request: CreateDispatch,
    ) -> Result<(), Error> {
        let wanted = &self.wanted[place];
        let caller = &self.callers[wanted.caller];
        let shown = engine.dispatch(caller, request).await?;
        self.trace.say(format!("client: {} dispatched, {}", wanted.key, shown.status));
        if shown.dispatch_id != plan::dispatch_id(caller.tenant, &wanted.key) {
            self.trace
                .broke("one key is one dispatch", format!("{}: {}", wanted.key, shown.dispatch_id));
        }
        if !self.witness().knows_dispatch(caller.tenant, shown.dispatch_id) {
            let what = format!("dispatch {}", shown.dispatch_id);
            self.trace.broke("what is acknowledged is durable", what);
        }
        self.memory().accepted.insert(wanted.run, place);
        Ok(())
    }

    /// Makes a schedule of one entry. Repeated it says the same; a time that is over by then was in no
    /// request that became durable, and another one is chosen.
    async fn schedule(
        &self,
        engine: &Engine,
        place: usize,
        mut request: CreateSchedule,
    ) -> Result<(), Error> {
        let wanted = &self.wanted[place];
        let caller = &self.callers[wanted.caller];
        let mut due = None;
        for entry in request.entries.iter_mut().filter(|one| one.kind == ScheduleEntryKind::At) {
            let soon = self.soon();
            due = Some(*self.memory().due.entry(place).or_insert(soon));
            entry.at = due;
        }
        let shown = match engine.create_schedule(caller, request, Some(&wanted.key)).await {
            Err(error)
                if error.code == Code::InvalidArgument
                    && due.is_some_and(|due| due <= self.world.now()) =>
            {
                self.trace.say(format!("client: {} is too late", wanted.key));
                self.memory().due.remove(&place);
                return Ok(());
            }
            answer => answer?,
        };
        self.trace.say(format!("client: {} scheduled, {}", wanted.key, shown.status));
        if shown.schedule_id != plan::schedule_id(caller.tenant, &wanted.key) {
            self.trace
                .broke("one key is one schedule", format!("{}: {}", wanted.key, shown.schedule_id));
        }
        if self.witness().schedule(caller.tenant, shown.schedule_id).is_none() {
            let what = format!("schedule {}", shown.schedule_id);
            self.trace.broke("what is acknowledged is durable", what);
        }
        self.memory().accepted.insert(wanted.run, place);
        Ok(())
    }

    /// A moment that comes before everything must be at rest.
    fn soon(&self) -> Time {
        self.world.now().plus_ms(self.dice().between(100, 60_000))
    }

    /// Schedules that were accepted, with their owners.
    fn schedules(&self) -> Vec<(usize, ScheduleId)> {
        let accepted: Vec<usize> = self.memory().accepted.values().copied().collect();
        let scheduled = accepted.into_iter().map(|place| &self.wanted[place]);
        let scheduled = scheduled.filter(|wanted| matches!(wanted.request, Asked::Schedule(_)));
        scheduled
            .map(|wanted| {
                let tenant = self.callers[wanted.caller].tenant;
                (wanted.caller, plan::schedule_id(tenant, &wanted.key))
            })
            .collect()
    }

    /// Holds a schedule, lets it go on, or has its entry be due at another time.
    fn shift_one(&self, engine: &Engine) {
        let mut open = self.schedules();
        open.retain(|(at, id)| {
            let status = self.witness().schedule(self.callers[*at].tenant, *id);
            status.is_some_and(ScheduleStatus::is_open)
        });
        let Some((at, id)) = self.dice().pick(&open).copied() else { return };
        let (clients, engine) = (self.clone(), engine.clone());
        let kind = self.dice().below(3);
        self.spawn(format!("shift-{id}"), async move {
            let caller = &clients.callers[at];
            let shifted = match kind {
                0 => engine.move_schedule(caller, id, ScheduleStatus::Paused, None).await,
                1 => engine.move_schedule(caller, id, ScheduleStatus::Active, None).await,
                _ => {
                    let later = MoveScheduleEntry { at: clients.soon() };
                    engine.move_schedule_entry(caller, (id, 1), later).await
                }
            };
            match shifted {
                Ok(shown) => clients.trace.say(format!("client: {id} is {}", shown.status)),
                // settled meanwhile, queued, or the time was over before it was heard
                Err(error)
                    if passes(&error)
                        || error.code == Code::IllegalTransition
                        || error.code == Code::InvalidArgument => {}
                Err(error) => clients.trace.broke("a schedule can be shifted", error.to_string()),
            }
        });
    }

    fn resume_schedules(&self, engine: &Engine) {
        for (at, id) in self.schedules() {
            let tenant = self.callers[at].tenant;
            if self.witness().schedule(tenant, id) != Some(ScheduleStatus::Paused) {
                continue;
            }
            let (clients, engine) = (self.clone(), engine.clone());
            self.spawn(format!("shift-{id}"), async move {
                let caller = &clients.callers[at];
                // refused while the store is; then it is asked again
                drop(engine.move_schedule(caller, id, ScheduleStatus::Active, None).await);
            });
        }
    }

    /// A run that was accepted; a dispatched one has begun.
    fn some_accepted(&self) -> Option<(RunId, usize)> {
        let accepted: Vec<_> = self.memory().accepted.iter().map(|(run, at)| (*run, *at)).collect();
        let begun = |(run, _): &(RunId, usize)| self.witness().run(*run).is_some();
        let accepted: Vec<_> = accepted.into_iter().filter(begun).collect();
        let (run, at) = self.dice().pick(&accepted).copied()?;
        Some((run, self.wanted[at].caller))
    }

    fn look(&self, engine: &Engine) {
        let Some((run, at)) = self.some_accepted() else { return };
        let (clients, engine) = (self.clone(), engine.clone());
        let kind = self.dice().below(4);
        self.spawn(format!("look-{run}-{kind}"), async move {
            let caller = &clients.callers[at];
            let looked = match kind {
                0 => clients.look_at_run(&engine, caller, run).await,
                1 => clients.look_at_session(&engine, caller, run),
                2 => clients.look_at_lists(&engine, caller),
                _ => engine.steps(caller, run).await.map(drop),
            };
            match looked {
                Ok(()) => {}
                Err(error) if passes(&error) => {}
                Err(error) => {
                    clients
                        .trace
                        .broke("what was acknowledged is found", format!("{run}: {error}"));
                }
            }
        });
    }

    async fn look_at_run(&self, engine: &Engine, caller: &Caller, run: RunId) -> Result<(), Error> {
        let shown = engine.run(caller, run).await?;
        let witness = self.witness();
        let known = witness.run(run).is_some_and(|seen| seen.statuses.contains(&shown.status));
        let head = witness.head(shown.session_id.bytes());
        if !known || shown.seq > head {
            let what =
                format!("{run} is shown as {} at {}, durable is {head}", shown.status, shown.seq);
            self.trace.broke("what is shown is durable", what);
        }
        Ok(())
    }

    /// Its entries; the session itself is shown as it stands in memory.
    fn look_at_session(&self, engine: &Engine, caller: &Caller, run: RunId) -> Result<(), Error> {
        let Some(session) = self.witness().run(run).map(|seen| seen.session) else { return Ok(()) };
        let told = engine.entries(caller, session, 1, 1_000)?;
        let reached = told.last().map_or(0, |told| told.entry.seq);
        if reached > self.witness().head(session.bytes()) {
            self.trace
                .broke("what is shown is durable", format!("{session} tells entry {reached}"));
        }
        Ok(())
    }

    fn look_at_lists(&self, engine: &Engine, caller: &Caller) -> Result<(), Error> {
        let listing = Listing::default();
        let mut tenants = BTreeSet::new();
        tenants.extend(engine.runs(caller, &listing)?.items.iter().map(|row| row.tenant_id));
        tenants.extend(engine.sessions(caller, &listing)?.items.iter().map(|row| row.tenant_id));
        tenants.extend(engine.approvals(caller, &listing)?.items.iter().map(|row| row.tenant_id));
        if tenants.iter().any(|tenant| *tenant != caller.tenant) {
            self.trace.broke("a list shows its tenant's rows only", format!("{tenants:?}"));
        }
        Ok(())
    }

    fn decide_some(&self, engine: &Engine) {
        for at in 0..self.callers.len() {
            let listing = Listing { open_only: Some(true), ..Listing::default() };
            let Ok(open) = engine.approvals(&self.callers[at], &listing) else { continue };
            for asked in open.items {
                let approve = self.dice().chance(700);
                let decision = if approve { Decision::Approve } else { Decision::Deny };
                let answer = (asked.kind == ApprovalKind::Question).then(|| "yes".to_owned());
                let request = DecideApproval { decision, reason: None, arguments: None, answer };
                self.decide(engine, at, asked.approval_id, request);
            }
        }
    }

    fn decide(&self, engine: &Engine, at: usize, id: ApprovalId, request: DecideApproval) {
        let (clients, engine) = (self.clone(), engine.clone());
        self.spawn(format!("decide-{id}"), async move {
            let status = match request.decision {
                Decision::Approve => ApprovalStatus::Approved,
                Decision::Deny => ApprovalStatus::Denied,
            };
            match engine.decide(&clients.callers[at], id, request).await {
                Ok(_) => {
                    clients.trace.say(format!("client: {id} decided as {status}"));
                    if clients.witness().approval(id) != Some(status) {
                        clients.trace.broke("what is acknowledged is durable", format!("{id}"));
                    }
                    clients.memory().decided.insert(id, status);
                }
                Err(error) if passes(&error) || error.code == Code::AlreadyDecided => {}
                Err(error) => {
                    clients.trace.broke("an open approval can be decided", error.to_string())
                }
            }
        });
    }

    fn cancel_one(&self, engine: &Engine) {
        let Some((run, at)) = self.some_accepted() else { return };
        let (clients, engine) = (self.clone(), engine.clone());
        self.spawn(format!("cancel-{run}"), async move {
            match engine.cancel(&clients.callers[at], run, None).await {
                Ok(_) => {
                    clients.trace.say(format!("client: {run} cancelled"));
                    if !clients.witness().run(run).is_some_and(|seen| seen.cancelled) {
                        clients
                            .trace
                            .broke("what is acknowledged is durable", format!("cancel of {run}"));
                    }
                    clients.memory().cancelled.insert(run);
                }
                Err(error) if passes(&error) || error.code == Code::IllegalTransition => {}
                Err(error) => clients.trace.broke("a run can be cancelled", error.to_string()),
            }
        });
    }

    /// An administrator changes their mind. From the answer on every call is begun under that
    /// policy, or one set after it.
    fn set_policy(&self, engine: &Engine) {
        let at = self.dice().below(self.callers.len() as u64) as usize;
        let Some(written) = self.dice().pick(POLICIES).copied() else { return };
        let (clients, engine) = (self.clone(), engine.clone());
        self.spawn(format!("policy-{at}"), async move {
            let caller = &clients.callers[at];
            let request = SetPolicy { text: written.text.to_owned() };
            match engine.set_policy(caller, request).await {
                Ok(set) => {
                    clients.trace.say(format!("administrator: {} is in force", set.version));
                    let now = clients.world.now();
                    clients.witness().policy_acknowledged(caller.tenant, set.seq, now);
                }
                Err(error) if passes(&error) => {}
                Err(error) => clients.trace.broke("a policy can be set", error.to_string()),
            }
        });
    }

    fn halt_one(&self, engine: &Engine) {
        let Some((run, at)) = self.some_accepted() else { return };
        let (clients, engine) = (self.clone(), engine.clone());
        let pause = self.dice().chance(500);
        self.spawn(format!("halt-{run}"), async move {
            let caller = &clients.callers[at];
            let done = match pause {
                true => engine.pause(caller, run).await,
                false => engine.resume(caller, run).await,
            };
            match done {
                Ok(_) => clients.trace.say(format!("client: {run} paused: {pause}")),
                Err(error) if passes(&error) || error.code == Code::IllegalTransition => {}
                Err(error) => clients.trace.broke("a run can be halted", error.to_string()),
            }
        });
    }

    fn resume_all(&self, engine: &Engine) {
        let halted: Vec<RunId> = {
            let witness = self.witness();
            let halted = |(run, seen): &(&RunId, &crate::witness::RunSeen)| {
                let state = witness.session(seen.session).and_then(|state| state.runs.get(run));
                state.is_some_and(|run| {
                    run.status == RunStatus::Paused && run.progress().is_some_and(|now| now.halted)
                })
            };
            witness.runs().filter(halted).map(|(run, _)| *run).collect()
        };
        for run in halted {
            let Some(caller) = self.caller_of(run).cloned() else { continue };
            let engine = engine.clone();
            // refused while a step of it is in doubt; then it is asked again
            self.spawn(format!("halt-{run}"), async move {
                drop(engine.resume(&caller, run).await);
            });
        }
    }

    fn resolve_some(&self, engine: &Engine) {
        for at in 0..self.callers.len() {
            let listing = Listing { open_only: Some(true), ..Listing::default() };
            let Ok(open) = engine.doubts(&self.callers[at], &listing) else { continue };
            for doubt in open.items {
                let (clients, engine) = (self.clone(), engine.clone());
                let until = doubt.travelling_until.unwrap_or_default();
                self.spawn(format!("resolve-{}", doubt.step_id), async move {
                    clients.resolve(&engine, at, doubt.step_id, until).await;
                });
            }
        }
    }

    /// The world's ledger knows what arrived; of what may still arrive nobody can say anything.
    async fn resolve(&self, engine: &Engine, at: usize, step: StepId, until: Time) {
        let result = self.world.receipt(&step.to_string());
        if result.is_none() && self.world.now() < until {
            return;
        }
        let resolution = match &result {
            Some(_) => Resolution::Landed,
            None if self.dice().chance(500) => Resolution::Retry,
            None => Resolution::DidNotHappen,
        };
        let request = ResolveStep { resolution, result, reason: None };
        match engine.resolve(&self.callers[at], step, request).await {
            Ok(()) => {
                self.trace.say(format!("operator: {step} {resolution}"));
                self.memory().resolved.insert(step, resolution);
            }
            Err(error) => self.trace.say(format!("operator: {error}")),
        }
    }

    /// Sessions that were opened, by the runs in them.
    #[must_use]
    pub fn sessions(&self) -> BTreeSet<(usize, SessionId)> {
        let witness = self.witness();
        let of = |wanted: &Wanted| Some((wanted.caller, witness.run(wanted.run)?.session));
        self.wanted.iter().filter_map(of).collect()
    }

    /// Holds everything the clients were told against what is durable in the end.
    pub fn remember(&self) {
        let (memory, witness) = (self.memory(), self.witness());
        let is_lost = |run: &&RunId| witness.run(**run).is_none() && !witness.has_expired(**run);
        for run in memory.accepted.keys().filter(is_lost) {
            self.trace.broke("no acknowledged submission is lost", run.to_string());
        }
        for (id, status) in &memory.decided {
            if witness.approval(*id) != Some(*status) {
                self.trace.broke("no acknowledged decision is lost", id.to_string());
            }
        }
        for run in &memory.cancelled {
            if !witness.run(*run).is_some_and(|seen| seen.cancelled) {
                self.trace.broke("no acknowledged cancel is lost", run.to_string());
            }
        }
        for (id, resolution) in &memory.resolved {
            let seen = witness.steps().find(|(step, _)| *step == id).map(|(_, seen)| seen);
            let kept = seen.is_some_and(|seen| match resolution {
                Resolution::Landed => seen.landed,
                Resolution::DidNotHappen => seen.did_not_happen || seen.landed,
                Resolution::Retry => seen.asked_again > 0,
            });
            if !kept {
                self.trace
                    .broke("no acknowledged resolution is lost", format!("{id}: {resolution}"));
            }
        }
    }
}
