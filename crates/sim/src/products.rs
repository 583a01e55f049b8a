//! Two who hand sessions to and fro, between products and within one: each offers, accepts, declines and
//! withdraws, and works on in whatever it takes for its own (`HND-1`). Whose a session really is, the
//! witness says.

use crate::dice::Dice;
use crate::life::Life;
use crate::trace::Trace;
use crate::witness::Witness;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenure_contract::entry::Principal;
use tenure_contract::resource::{Caller, CreateTask, HandoffTo, OfferHandoff};
use tenure_contract::words::HandoffStatus;
use tenure_contract::{Code, Error, HandoffId, SessionId, TaskId, TenantId};
use tenure_engine::{Engine, Listing};

/// Whom sessions are opened for.
pub const FIRST: &str = "desk";
/// The two; neither is an operator.
const NAMES: &[&str] = &[FIRST, "lab"];
/// The products they work for, and the one sessions are opened in.
const PRODUCTS: &[&str] = &["tenure", "lab"];

/// What the two were told.
#[derive(Default)]
struct Memory {
    busy: BTreeSet<String>,
    resolved: BTreeMap<HandoffId, HandoffStatus>,
    made: BTreeSet<TaskId>,
    refused: BTreeSet<String>,
    /// Answers to handoffs that nobody knows the end of yet.
    answering: usize,
    /// Answers that were begun.
    begun: u64,
    told: u64,
}

/// The two, in every tenant; clones share their memory.
#[derive(Clone)]
pub struct Products {
    memory: Arc<Mutex<Memory>>,
    dice: Arc<Mutex<Dice>>,
    world: World,
    witness: Arc<Mutex<Witness>>,
    trace: Trace,
}

/// Errors that pass, and what whoever is not the owner, or comes too late, is told.
fn is_expected(error: &Error) -> bool {
    matches!(
        error.code,
        Code::StorageFull
            | Code::StoreUnavailable
            | Code::SettleLag
            | Code::Draining
            | Code::HandedOver
            | Code::NotFound
            | Code::Forbidden
            | Code::DeniedByPolicy
            | Code::IllegalTransition
            | Code::LimitReached
    )
}

fn word(name: &str) -> String {
    format!("user:{name}")
}

impl Products {
    /// Those of a seed.
    #[must_use]
    pub fn new(seed: u64, world: World, witness: Arc<Mutex<Witness>>, trace: Trace) -> Self {
        let dice = Arc::new(Mutex::new(Dice::of(seed, "products")));
        Self { memory: Arc::default(), dice, world, witness, trace }
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

    /// The server is gone: nobody waits for an answer any more.
    pub fn cut_off(&self) {
        let mut memory = self.memory();
        memory.busy.clear();
        memory.answering = 0;
    }

    /// Begins one request of any kind.
    pub fn act(&self, engine: &Engine) {
        let names: Vec<String> = NAMES.iter().map(|name| word(name)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let sessions = self.witness().owners().of_any(&names);
        let Some((session, tenant)) = self.dice().pick(&sessions).copied() else { return };
        let kind = self.dice().below(100);
        match kind {
            0..=19 => self.offer(engine, session, tenant),
            20..=49 => self.answer(engine),
            50..=79 => self.work(engine, session, tenant),
            _ => self.read(engine, session, tenant),
        }
    }

    /// One of the two, with a key for one product or for any.
    fn somebody(&self, tenant: TenantId) -> Caller {
        let mut dice = self.dice();
        let name = dice.pick(NAMES).copied().unwrap_or(FIRST);
        let product = dice.chance(600).then(|| dice.pick(PRODUCTS).copied().unwrap_or_default());
        Caller {
            tenant,
            principal: Principal::user(name),
            surface: None,
            scopes: vec!["runs:*".to_owned(), "handoffs:write".to_owned()],
            product: product.map(str::to_owned),
        }
    }

    fn spawn(&self, name: String, request: impl Future<Output = ()> + Send + 'static) {
        if !self.memory().busy.insert(name.clone()) {
            return;
        }
        let products = self.clone();
        tokio::spawn(async move {
            request.await;
            products.memory().busy.remove(&name);
        });
    }

    fn offer(&self, engine: &Engine, session: SessionId, tenant: TenantId) {
        let caller = self.somebody(tenant);
        let (product, name, soon) = {
            let mut dice = self.dice();
            let product = dice.pick(PRODUCTS).copied().unwrap_or_default().to_owned();
            let name = dice.pick(NAMES).copied().unwrap_or_default();
            (product, name, dice.chance(300).then(|| dice.between(1_000, 600_000)))
        };
        let request = OfferHandoff {
            tenant_id: None,
            to: HandoffTo { product, principal: Some(word(name)) },
            task_ids: None,
            refs: Vec::new(),
            reason: None,
            expires_at: soon.map(|ms| self.world.now().plus_ms(ms)),
        };
        let (products, engine) = (self.clone(), engine.clone());
        self.spawn(format!("offer-{session}"), async move {
            match engine.offer_handoff(&caller, session, request, None).await {
                Ok(shown) => {
                    products.trace.say(format!("product: {} offered", shown.handoff_id));
                    if products.witness().owners().handoff(shown.handoff_id).is_none() {
                        let what = shown.handoff_id.to_string();
                        products.trace.broke("what is acknowledged is durable", what);
                    }
                }
                // what it asks for may be what is so already
                Err(error) if is_expected(&error) || error.code == Code::InvalidArgument => {}
                Err(error) => products.trace.broke("an owner may offer", error.to_string()),
            }
        });
    }

    /// Accepts, declines or withdraws whatever is open, as whom it is offered to or as somebody else.
    fn answer(&self, engine: &Engine) {
        let open: Vec<_> = {
            let witness = self.witness();
            let known = witness.owners().handoffs();
            let open = known.filter(|(_, seen)| seen.status == HandoffStatus::Offered);
            open.map(|(id, seen)| (*id, seen.clone())).collect()
        };
        let Some((id, seen)) = self.dice().pick(&open).cloned() else { return };
        let mut caller = self.somebody(seen.tenant);
        let status = {
            let mut dice = self.dice();
            if dice.chance(600)
                && let Some((_, name)) = seen.to.principal.split_once(':')
            {
                caller.principal = Principal::user(name);
                caller.product = dice.chance(500).then(|| seen.to.product.clone());
            }
            match dice.below(10) {
                0..=5 => HandoffStatus::Accepted,
                6..=7 => HandoffStatus::Declined,
                _ => HandoffStatus::Withdrawn,
            }
        };
        let (products, engine) = (self.clone(), engine.clone());
        {
            let mut memory = self.memory();
            memory.answering += 1;
            memory.begun += 1;
        }
        let name = format!("answer-{id}-{status}-{}", self.next());
        self.spawn(name, async move {
            let answered = match status {
                HandoffStatus::Accepted => engine.accept_handoff(&caller, id).await,
                HandoffStatus::Declined => engine.decline_handoff(&caller, id, None).await,
                _ => engine.withdraw_handoff(&caller, id, None).await,
            };
            {
                let mut memory = products.memory();
                memory.answering = memory.answering.saturating_sub(1);
            }
            match answered {
                Ok(_) => products.answered(&caller, (id, status), &seen.to.principal),
                Err(error) if is_expected(&error) => {}
                Err(error) => products.trace.broke("a handoff is answered", error.to_string()),
            }
        });
    }

    fn answered(&self, caller: &Caller, (id, status): (HandoffId, HandoffStatus), to: &str) {
        let by = caller.principal.to_string();
        self.trace.say(format!("product: {id} {status} by {by}"));
        if status != HandoffStatus::Withdrawn && by != to {
            self.trace.broke("only whom it names answers", format!("{id} {status} by {by}"));
        }
        let known = self.witness().owners().handoff(id).map(|seen| seen.status);
        if known != Some(status) {
            let what = format!("{id}: {status}, the journal says {known:?}");
            self.trace.broke("what is acknowledged is durable", what);
        }
        self.memory().resolved.insert(id, status);
    }

    fn next(&self) -> u64 {
        let mut memory = self.memory();
        memory.told += 1;
        memory.told
    }

    /// That the durable owner is who asks and nobody is about to change that, and after how many moves and
    /// answers.
    fn is_quiet_for(&self, caller: &Caller, session: SessionId) -> Option<(usize, u64)> {
        let (quiet, begun) = {
            let memory = self.memory();
            (memory.answering == 0, memory.begun)
        };
        let witness = self.witness();
        let owners = witness.owners();
        let owner = owners.owner(session)?;
        let is = owner.principal == caller.principal.to_string()
            && caller.product.as_ref().is_none_or(|bound| *bound == owner.product);
        (quiet && is).then(|| (owners.moves(session), begun))
    }

    /// Works on, as one of the two: what is taken was theirs to write at its place, and while nothing but an
    /// offer stands an owner is not refused.
    fn work(&self, engine: &Engine, session: SessionId, tenant: TenantId) {
        let caller = self.somebody(tenant);
        let title = format!("{} {}", caller.principal, self.next());
        let request =
            CreateTask { title: title.clone(), intent: None, priority: None, workspace: None };
        let before = self.is_quiet_for(&caller, session);
        let (products, engine) = (self.clone(), engine.clone());
        self.spawn(title.clone(), async move {
            match engine.create_task(&caller, session, request, None).await {
                Ok(task) => products.worked(&caller, task.task_id),
                Err(error) if matches!(error.code, Code::HandedOver | Code::NotFound) => {
                    let after = products.is_quiet_for(&caller, session);
                    if before.is_some() && before == after {
                        let what = format!("{session}: {error}");
                        products.trace.broke("while it is offered its owner works on", what);
                    }
                    products.memory().refused.insert(title);
                }
                Err(error) if is_expected(&error) => {}
                Err(error) => products.trace.broke("an owner may work", error.to_string()),
            }
        });
    }

    fn worked(&self, caller: &Caller, task: TaskId) {
        let witness = self.witness();
        let Some((session, seq)) = witness.owners().task(task) else {
            return self.trace.broke("what is acknowledged is durable", task.to_string());
        };
        if !witness.owners().may(caller, session, seq) {
            let by = (&caller.principal, &caller.product);
            let what = format!("{session} {seq} by {by:?}");
            self.trace.broke("one owner at a time works in a session", what);
        }
        drop(witness);
        self.memory().made.insert(task);
    }

    /// Reads with a key for one product: it is told entries exactly while that product owns the session.
    fn read(&self, engine: &Engine, session: SessionId, tenant: TenantId) {
        let mut caller = self.somebody(tenant);
        let product = self.dice().pick(PRODUCTS).copied().unwrap_or_default();
        caller.product = Some(product.to_owned());
        let told = engine.entries(&caller, session, 1, 1_000);
        let owner = self.witness().owners().owner(session).map(|owner| owner.product.clone());
        if told.is_ok() && owner.as_deref() != Some(product) {
            let what = format!("{session} to {product}, of {owner:?}");
            self.trace.broke("a session is told to its owner's product only", what);
        }
    }

    /// Holds what the two were told against what is durable in the end, and what is shown.
    pub fn check(&self, life: &Life) {
        let (memory, witness) = (self.memory(), self.witness());
        let owners = witness.owners();
        for (id, status) in &memory.resolved {
            if owners.handoff(*id).map(|seen| seen.status) != Some(*status) {
                self.trace.broke("no acknowledged answer is lost", format!("{id}: {status}"));
            }
        }
        for task in memory.made.iter().filter(|task| owners.task(**task).is_none()) {
            self.trace.broke("no acknowledged work is lost", task.to_string());
        }
        for title in memory.refused.iter().filter(|title| owners.has_titled(title)) {
            self.trace.broke("what was refused left no entry", title.clone());
        }
        let names: Vec<String> = NAMES.iter().map(|name| word(name)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let sessions = owners.of_any(&names);
        let owned: Vec<_> = sessions
            .into_iter()
            .filter_map(|(session, tenant)| Some((session, tenant, owners.owner(session)?.clone())))
            .collect();
        // the engine may be looked at, and the witness be told of what that makes
        drop((memory, witness));
        for (session, tenant, owner) in owned {
            for product in PRODUCTS {
                let product = Some((*product).to_owned());
                let caller = Caller { product: product.clone(), ..self.somebody(tenant) };
                let is = product.as_ref() == Some(&owner.product);
                let engine = life.engine();
                let sees = life.wait(engine.session(&caller, session)).is_ok();
                let reads = engine.entries(&caller, session, 1, 1).is_ok();
                let all = Listing { limit: Some(200), ..Listing::default() };
                let listed = engine.sessions(&caller, &all).map(|page| page.items);
                let lists = listed.into_iter().flatten().any(|row| row.session_id == session);
                if (sees, reads, lists) != (is, is, is) {
                    let what = format!(
                        "{session} of {owner:?} to {product:?}: shown {sees}, told {reads}, listed {lists}"
                    );
                    self.trace.broke("one product sees a session", what);
                }
            }
        }
    }
}
