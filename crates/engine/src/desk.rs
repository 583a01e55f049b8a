//! Dispatches on their way: which one starts next, and the delivery of those that started.
//!
//! A started dispatch is a message in its tenant's ledger. It is delivered by opening its session and
//! submitting its run, both under ids the dispatch determines, so that delivering it again changes
//! nothing; only then is it acknowledged. What was started and not acknowledged is found by folding the
//! ledger, and delivered again.

mod deliver;
mod due;
mod remote;

use crate::lock;
use crate::node::Node;
use crate::resident::{Actor, Cell, Folded, Resident};
use crate::seal::Bodies;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tenure_contract::words::{RunStatus, Trigger};
use tenure_contract::{DispatchId, Journal, TenantId};
use tenure_core::SessionState;
use tenure_core::fair::{Board, Slots};
use tenure_core::ledger::dispatch::{Dispatch, DispatchCommand};
use tenure_core::ledger::{LedgerCommand, LedgerState};

/// What the node knows of the dispatches of its tenants; all of it can be read again.
#[derive(Debug)]
pub(crate) struct Desk {
    slots: Slots,
    board: Mutex<Board>,
    /// Starts that are being delivered, with why their session refused them last.
    delivering: Mutex<HashMap<DispatchId, Option<String>>>,
    /// Tenants whose due schedule entries are being started.
    scheduling: Mutex<HashSet<TenantId>>,
    /// True while a look at who waits is due.
    is_due: AtomicBool,
    /// One looks at a time: a slot that is free for two would be given twice.
    looking: Mutex<()>,
}

impl Desk {
    pub fn new(slots: Slots) -> Self {
        Self {
            slots,
            board: Mutex::default(),
            delivering: Mutex::default(),
            scheduling: Mutex::default(),
            is_due: AtomicBool::new(false),
            looking: Mutex::default(),
        }
    }
}

impl Node {
    /// Sees to everything a ledger wishes for now; its lock is held.
    pub fn pump_ledger(self: &Arc<Self>, resident: &Arc<Resident>, cell: &Cell) {
        let Folded::Ledger(state) = &cell.state else { return };
        let now = self.clock.now().max(cell.chain.at);
        if let Some(at) = state.next_wake(now) {
            self.arm_ledger(at, resident.journal);
        }
        let out = self.deliver_started(resident, cell.chain.seq, state);
        self.mind_claims(state, now);
        let ready = state.dispatches.ready(now);
        if lock(&self.desk.board).ledger(state.tenant, ready, out) {
            self.look_who_waits();
        }
        if state.due(now).is_some() {
            self.begin_due(resident, state.tenant);
        }
    }

    /// Begins to deliver what started and is not delivered, one after the other to each session; tells how many of
    /// them hold a slot.
    fn deliver_started(
        self: &Arc<Self>,
        ledger: &Arc<Resident>,
        needs: u64,
        state: &LedgerState,
    ) -> usize {
        let mut started: Vec<(bool, &Dispatch)> = {
            let delivering = lock(&self.desk.delivering);
            // one its session does not take now holds nobody up
            let is_put_off = |id| matches!(delivering.get(id), Some(Some(_)));
            let undelivered = state.dispatches.undelivered();
            undelivered
                .map(|one| (delivering.contains_key(&one.received.dispatch), one))
                .filter(|(_, one)| !is_put_off(&one.received.dispatch))
                .collect()
        };
        // behind those that are on their way, as they came
        started.sort_unstable_by_key(|(is_on_its_way, one)| (!is_on_its_way, one.seq));
        let mut busy = HashSet::new();
        for (_, one) in &started {
            if busy.insert(one.received.session) {
                self.begin_delivery(ledger, needs, one);
            }
        }
        started.len()
    }

    /// Counts the dispatched runs of a session that hold a slot: those that are to go on without a
    /// person. One that ended or waits for somebody gives its slot back.
    pub fn count_dispatched(self: &Arc<Self>, state: &SessionState) {
        let holds = |run: &&tenure_core::session::Run| {
            // an executor's run takes no slot of this node
            run.parent.is_none()
                && !state.remote.contains_key(&run.id)
                && matches!(run.trigger, Trigger::Dispatch | Trigger::Schedule)
                && matches!(run.status, RunStatus::Queued | RunStatus::Running)
        };
        let is_gone = state.gone_to().is_some();
        let held = if is_gone {
            0
        } else {
            state.live.iter().filter_map(|run| state.runs.get(run)).filter(holds).count()
        };
        if lock(&self.desk.board).session(state.id, state.tenant, held) {
            self.look_who_waits();
        }
    }

    /// Starts what may start, soon: whoever asks holds a lock.
    fn look_who_waits(self: &Arc<Self>) {
        if self.is_draining() || self.desk.is_due.swap(true, Ordering::SeqCst) {
            return;
        }
        let node = self.clone();
        self.spawn(async move {
            node.desk.is_due.store(false, Ordering::SeqCst);
            node.start_waiting();
        });
    }

    fn start_waiting(self: &Arc<Self>) {
        let _one_at_a_time = lock(&self.desk.looking);
        loop {
            let chosen = lock(&self.desk.board).choose(self.desk.slots);
            let Some(tenant) = chosen.filter(|_| !self.is_draining()) else { return };
            let journal = Journal::Ledger(tenant);
            let command = LedgerCommand::Dispatch(DispatchCommand::StartNext);
            let started = self.ledger(tenant).and_then(|ledger| {
                self.transact_ledger(&ledger, &command, Bodies::default(), &Actor::system())
            });
            if let Err(error) = started {
                self.failed("a dispatch could not be started", tenant, &error);
                // looking at the ledger again puts it back on the board
                lock(&self.desk.board).forget(tenant);
                let node = self.clone();
                self.spawn(async move { node.revisit(journal).await });
            }
        }
    }
}
