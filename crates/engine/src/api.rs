//! What surfaces and embedders call. Every call names its caller; the tenant is the caller's and
//! never an argument (`TEN-1`, `FLT-22`).

mod agents;
mod approvals;
mod apps;
mod artifacts;
mod checkpoints;
mod dispatch_approvals;
mod dispatches;
mod executors;
mod handoffs;
mod identity;
mod keys;
mod ledger;
mod lists;
mod live;
mod migrations;
mod places;
mod policy;
mod principals;
mod remote;
mod resume;
mod runs;
mod schedules;
mod secrets;
mod sessions;
mod steps;
mod tasks;
mod tenant_feed;
mod tenants;
mod todos;
mod trail;
mod transfers;
mod travel;
mod watch;

pub use identity::Credential;
pub use lists::{Listing, Sort};
pub use live::{News, Watch};
pub use migrations::RowsWanted;
pub(crate) use secrets::TenantSecrets;
pub use steps::steps_of;
pub use tenant_feed::{Following, Wanted};
pub use trail::Trailing;
pub use transfers::Acceptance;
pub use watch::Told;

pub(crate) use tasks::{task_change, task_write};
pub(crate) use todos::{todo_change, todo_view, todo_write};
pub(crate) use transfers::transfer;

use crate::commit::{CommitFigures, Drive, store_error};
use crate::handler::IntentRegistry;
use crate::host::mirror;
use crate::lock;
use crate::node::{Config, Motion, Node};
use crate::resident::{Actor, Resident};
use crate::settle::waits;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tenure_contract::resource::Caller;
use tenure_contract::words::Scope as Held;
use tenure_contract::{Code, Error, Journal, SessionId, limits};
use tenure_core::projection::{Column, ListQuery, Order, Row, Scope, Table, Value};
use tenure_core::session::{Authority, By, SessionState};
use tenure_core::{Refusal, authority};
use tenure_store::Store;

/// How long a node's leases live without renewal.
const LEASE_TTL_MS: u64 = 60_000;
/// How often leases are renewed and what nobody looks at is let go.
const ROUND: Duration = Duration::from_secs(20);
/// How soon a caller looks again at a session whose commit failed.
const VOID_LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Rows of one page of the recovery scan.
const RECOVERY_PAGE: usize = 512;

/// A running node. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) node: Arc<Node>,
}

impl Engine {
    /// Starts a node on a store: takes the leases, brings the lists up to the log, starts the
    /// committer and the settler, and begins to move every run that had not ended, unless it is to
    /// be [`Motion::Still`].
    ///
    /// # Errors
    /// When the store is held by another, is damaged, or has lost acknowledged entries. Nothing is
    /// running then.
    pub fn start(
        store: Store,
        config: Config,
        intents: IntentRegistry,
        progress: &dyn Fn(u64),
    ) -> Result<Self, Error> {
        let spawned =
            |error: std::io::Error| Error::new(Code::Internal, format!("no thread: {error}"));
        let node = Arc::new(Node::new(store, config, intents).map_err(spawned)?);
        let held = node.store.lease.acquire(&node.name, LEASE_TTL_MS).map_err(store_error)?;
        node.committer.hold(&held);
        node.settler.catch_up(progress)?;
        node.first_look_at_clock()?;
        let engine = Self { node };
        if engine.node.drive == Drive::Threads {
            engine.start_threads()?;
        }
        engine.start_tasks();
        Ok(engine)
    }

    fn start_threads(&self) -> Result<(), Error> {
        let spawned =
            |error: std::io::Error| Error::new(Code::Internal, format!("no thread: {error}"));
        let node = self.node.clone();
        let committer = std::thread::Builder::new().name("committer".to_owned());
        committer.spawn(move || node.committer.run()).map_err(spawned)?;
        let node = self.node.clone();
        let settler = std::thread::Builder::new().name("settler".to_owned());
        settler
            .spawn(move || {
                let committed = lock(&node.committed);
                node.settler.run(&committed, &|residents| node.settled(residents));
            })
            .map_err(spawned)?;
        if self.node.motion == Motion::Still {
            return Ok(());
        }
        let engine = self.clone();
        let recovery = std::thread::Builder::new().name("recovery".to_owned());
        recovery.spawn(move || engine.recover_until_done()).map_err(spawned)?;
        Ok(())
    }

    fn start_tasks(&self) {
        if self.node.motion == Motion::Live {
            let timers = self.node.runtime.spawn(fire(self.node.clone()));
            lock(&self.node.loops).push(timers.abort_handle());
            let watch = self.node.runtime.spawn(crate::hold::watch(self.node.clone()));
            lock(&self.node.loops).push(watch.abort_handle());
        }
        if self.node.motion == Motion::Live {
            let sink = self.node.host.messages.clone();
            let feeding = self.node.runtime.spawn(mirror::feed(self.clone(), sink));
            lock(&self.node.loops).push(feeding.abort_handle());
        }
        let engine = self.clone();
        let rounds = self.node.runtime.spawn(async move {
            loop {
                tokio::time::sleep(ROUND).await;
                engine.round();
            }
        });
        lock(&self.node.loops).push(rounds.abort_handle());
    }

    /// Every so often: keep the leases, let go what nobody needs.
    fn round(&self) {
        match self.node.store.lease.renew(&self.node.name, LEASE_TTL_MS) {
            Ok(held) => self.node.committer.hold(&held),
            Err(error) => {
                let error = store_error(error);
                self.node.failed("leases could not be renewed", &self.node.name, &error);
            }
        }
        self.node.sweep();
        self.node.let_agents_go();
    }

    /// Looks at every session that has a run not ended. Harmless at any moment: reading a session
    /// declares what its former owner was performing lost, and grants what it wishes.
    ///
    /// # Errors
    /// When the lists cannot be read; the sessions looked at by then are recovered.
    pub fn recover(&self) -> Result<(), Error> {
        self.recover_from(Table::Run, |row| {
            row.id(Column::Session).map(|session| Journal::Session(SessionId::from_bytes(session)))
        })?;
        // an offer nobody answers expires, and its session may have no run
        self.recover_from(Table::Handoff, |row| {
            row.id(Column::Session).map(|session| Journal::Session(SessionId::from_bytes(session)))
        })?;
        // a message that was not delivered stands in the ledger of its tenant
        self.recover_from(Table::Dispatch, |row| Some(Journal::Ledger(row.tenant)))?;
        #[cfg(feature = "planted")]
        if tenure_core::planted::is(tenure_core::planted::Bug::EntryForgotten) {
            return Ok(());
        }
        // and so does an entry of a schedule that waits for its time
        self.recover_from(Table::Schedule, |row| Some(Journal::Ledger(row.tenant)))
    }

    fn recover_from(
        &self,
        table: Table,
        journal: impl Fn(&Row) -> Option<Journal>,
    ) -> Result<(), Error> {
        let mut after = None;
        let mut last = None;
        loop {
            let query = ListQuery {
                scope: Scope::Engine,
                table,
                key: None,
                filters: vec![(Column::Open, Value::Number(1))],
                order: Order::OldestFirst,
                after,
                limit: RECOVERY_PAGE,
            };
            let rows = self.node.store.projection.list(&query).map_err(store_error)?;
            let Some(end) = rows.last() else { return Ok(()) };
            after = Some(end.born);
            for journal in rows.iter().filter_map(&journal) {
                if last != Some(journal) {
                    self.node.wake(journal);
                }
                last = Some(journal);
            }
        }
    }

    /// A scan that failed is begun again: no run may wait for a visitor because a disk hiccuped.
    fn recover_until_done(&self) {
        let mut waits = waits();
        while let Err(error) = self.recover() {
            let what = "runs that had not ended could not be listed; trying again";
            self.node.failed(what, &self.node.name, &error);
            std::thread::sleep(waits.next().unwrap_or_default());
            if self.node.committer.is_closed() {
                return;
            }
        }
    }

    /// Why the lists do not take what is committed; none while they do.
    #[must_use]
    pub fn settle_refused(&self) -> Option<String> {
        self.node.settler.refused()
    }

    /// Stops taking new work and waits, up to a limit, for effects in flight; what has not ended by
    /// then is recovered at the next start.
    pub async fn drain(&self) {
        self.node.draining.store(true, Ordering::SeqCst);
        // whoever waits for something to claim waits no longer
        self.node.leases.tell();
        let deadline = tokio::time::Instant::now() + Duration::from_millis(limits::DRAIN_MAX_MS);
        while tokio::time::Instant::now() < deadline && self.node.has_effect_in_flight() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.node.dispose_of_tools().await;
        self.node.committer.nudge();
        while !(self.node.committer.is_empty() && self.node.settler.lag() == 0)
            && tokio::time::Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.node.committer.nudge();
        }
        self.node.committer.close();
        lock(&self.node.loops).drain(..).for_each(|looping| looping.abort());
        if let Err(error) = self.node.store.lease.release(&self.node.name) {
            let error = store_error(error);
            self.node.failed("leases could not be given up", &self.node.name, &error);
        }
    }

    /// Whether this node moves what it holds.
    #[must_use]
    pub fn motion(&self) -> Motion {
        self.node.motion
    }

    /// The handlers of this node.
    #[must_use]
    pub fn intents(&self) -> &IntentRegistry {
        &self.node.intents
    }

    /// Commits one batch; for a node driven by hand.
    #[must_use]
    pub fn commit_some(&self) -> bool {
        self.node.committer.commit_some()
    }

    /// Settles what is committed; for a node driven by hand.
    #[must_use]
    pub fn settle_some(&self) -> bool {
        self.node.settle_some()
    }

    /// The committer's figures.
    #[must_use]
    pub fn commit_figures(&self) -> &CommitFigures {
        &self.node.committer.figures
    }

    /// Entries committed and not yet in the lists: now, and at the worst.
    #[must_use]
    pub fn settle_lag(&self) -> (u64, u64) {
        (self.node.settler.lag(), self.node.settler.lag_max.load(Ordering::Relaxed))
    }

    /// Journals in memory.
    #[must_use]
    pub fn resident_count(&self) -> usize {
        self.node.resident_count()
    }

    /// Resolves once everything committed by now is in the lists.
    ///
    /// # Errors
    /// `settle-lag` after [`limits::SETTLE_WAIT_MAX_MS`].
    pub async fn settled(&self) -> Result<(), Error> {
        let wanted = self.node.committer.last().number();
        let settled = &self.node.settler.settled;
        if settled.seq() >= wanted {
            return Ok(());
        }
        self.node.settler.hurry();
        let reached = settled.reach(wanted);
        let limit = Duration::from_millis(limits::SETTLE_WAIT_MAX_MS);
        match tokio::time::timeout(limit, reached).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::new(
                Code::SettleLag,
                format!("lists are {} entries behind; ask again", self.node.settler.lag()),
            )),
        }
    }

    /// Why what time destroys is held; none while the clocks agree.
    #[must_use]
    pub fn clock_held(&self) -> Option<String> {
        self.node.hold().text()
    }

    /// What the sessions in memory are reckoned to take, and what they may take, bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> (u64, u64) {
        self.node.residents.bytes()
    }

    /// Sessions that were let go of while they waited, since this node began.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.node.residents.evicted()
    }

    pub(crate) fn session_of(
        &self,
        caller: &Caller,
        id: SessionId,
    ) -> Result<Arc<Resident>, Error> {
        let found = self.node.session(caller.tenant, id)?;
        let found = found.ok_or_else(|| Error::not_found("session", id))?;
        works_for(caller, &found)?;
        Ok(found)
    }

    pub(crate) fn admit(&self) -> Result<(), Error> {
        if self.node.is_draining() {
            return Err(Error::new(
                Code::Draining,
                "this server is going down and takes no new work; ask again in a while",
            ));
        }
        let lag = self.node.settler.lag();
        if lag > limits::SETTLE_LAG_MAX_ENTRIES {
            let text = format!(
                "lists are {lag} entries behind, the limit SETTLE_LAG_MAX_ENTRIES is {}; ask again",
                limits::SETTLE_LAG_MAX_ENTRIES
            );
            return Err(Error::new(Code::SettleLag, text));
        }
        Ok(())
    }
}

/// Wakes every journal whose time has come.
async fn fire(node: Arc<Node>) {
    loop {
        for journal in node.timers.take_due(node.clock.now()) {
            node.wake(journal);
        }
        let first = node.timers.first();
        tokio::select! {
            biased;
            () = node.timers.earlier() => {}
            () = sleep_to(&node, first) => {}
        }
    }
}

async fn sleep_to(node: &Node, first: Option<tenure_contract::Time>) {
    match first {
        Some(at) => node.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// To a caller bound to a product another product's session is not there (`AUT-1`), but for one that was
/// its product's: that one is told who has it (`HND-1`).
fn works_for(caller: &Caller, resident: &Resident) -> Result<(), Error> {
    let Some(product) = &caller.product else { return Ok(()) };
    let cell = lock(&resident.cell);
    match cell.session() {
        Some(state) if sees(state, resident.durable.seq(), product) => Ok(()),
        Some(state) if state.was_of(product) => Err(state.handed_over().into()),
        Some(_) | None => Err(Refusal::NoSession(session_id(resident)).into()),
    }
}

/// A product sees a session it owns, and before its acceptance is durable it does not: what it would be shown
/// meanwhile, it might turn out never to have owned.
fn sees(state: &SessionState, durable: u64, product: &str) -> bool {
    let owners = [state.owner(), state.owner_at(durable + 1)];
    owners.iter().all(|owner| owner.as_ref().is_some_and(|owner| owner.product == product))
}

fn session_id(resident: &Resident) -> SessionId {
    SessionId::from_bytes(resident.journal.key())
}

/// What a lookup by something in a session answers when the session is not there: that the thing is not.
/// A session that was handed over keeps its own answer.
pub(crate) fn not_there(refused: Error, instead: Error) -> Error {
    if refused.code == Code::HandedOver { refused } else { instead }
}

/// Whose word a caller's commands are. The operator's scope is nothing to a key that works for one
/// product.
pub(crate) fn by(caller: &Caller) -> By {
    let operator =
        caller.product.is_none() && authority::holds(&caller.scopes, Held::HandoffsAdmin);
    By { principal: caller.principal.to_string(), product: caller.product.clone(), operator }
}

pub(crate) fn actor(caller: &Caller) -> Actor {
    Actor {
        principal: caller.principal.clone(),
        surface: caller.surface,
        authority: Authority::Caller(by(caller)),
    }
}

/// A text within the limit of names.
pub(crate) fn name(what: &str, text: &str) -> Result<(), Error> {
    let longest = limits::NAME_MAX_CHARS;
    let long = text.chars().count();
    if long == 0 || long > longest {
        let told = format!("{what} has {long} characters; expected 1 to {longest}");
        return Err(Error::new(Code::InvalidArgument, told));
    }
    Ok(())
}

/// A reason within the limit.
pub(crate) fn reason(text: Option<&String>) -> Result<(), Error> {
    let long = text.map_or(0, |text| text.chars().count());
    if long > limits::REASON_MAX_CHARS {
        let told = format!(
            "the reason has {long} characters; the limit REASON_MAX_CHARS is {}",
            limits::REASON_MAX_CHARS
        );
        return Err(Error::new(Code::InvalidArgument, told));
    }
    Ok(())
}
