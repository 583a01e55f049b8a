//! The node: everything one process holds of the journals it owns.

use crate::agents::Seat;
use crate::claims::Claims;
use crate::clock::Clock;
use crate::commit::{Committed, Committer, Drive, OnFatal, store_error};
use crate::desk::Desk;
use crate::feed::Feed;
use crate::handler::IntentRegistry;
use crate::hold::Watchman;
use crate::host::{self, Failure, Host};
use crate::leases::Leases;
use crate::lock;
use crate::mint::{self, Mint};
use crate::nudged::Nudged;
use crate::observe::{Crowd, Observer};
use crate::resident::{Actor, Cell, Chain, Folded, Resident, Submission, Writer};
use crate::residents::Residents;
use crate::seal::{Bodies, Sealed, seal};
use crate::settle::Settler;
use crate::timers::Timers;
use crate::vault::VaultKey;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenure_agent::Cancel;
use tenure_contract::event::CallSite;
use tenure_contract::words::{ErrorClass, LossCause};
use tenure_contract::{
    Code, Digest, Entry, Error, Event, Journal, PolicyVersion, RunId, SessionId, StepId, TenantId,
    Time, limits,
};
use tenure_core::fair::Slots;
use tenure_core::ledger::{LedgerCommand, LedgerState};
use tenure_core::session::{self, FOLD_VERSION, Fault, SessionState, Stand};
use tenure_core::{Command, Context, Fresh};
use tenure_store::{NewEntry, Snapshot, Store};

/// How often a void resident's tail is looked at while it is being settled.
const TAIL_LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Whether a node moves what it holds, or only tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Runs that had not ended go on, timers fire, effects happen, commands are taken.
    Live,
    /// Nothing is journaled and no effect happens: a command is refused, and what a former owner
    /// left open stays open for the next one.
    Still,
}

/// How a node is set up; nothing is opened by making one (`RT1`).
pub struct Config {
    /// The owner's name in leases; the same for every process of one data directory.
    pub node: String,
    /// Who turns the committer's crank.
    pub drive: Drive,
    /// Where time comes from.
    pub clock: Clock,
    /// Where ids and salts come from.
    pub mint: Arc<dyn Mint>,
    /// What secrets at rest are encrypted with.
    pub vault: VaultKey,
    /// Under which each session's workspace folder lies.
    pub workspaces: PathBuf,
    /// Who sees what happens in runs, and can change none of it (`RT9`).
    pub observers: Vec<Arc<dyn Observer>>,
    /// What to do when the disk can no longer be trusted.
    pub on_fatal: OnFatal,
    /// Whether it moves anything.
    pub motion: Motion,
    /// How many dispatched runs may be under way at a time.
    pub slots: Slots,
    /// What the sessions in memory may take together, bytes; those that only wait are let go above
    /// it.
    pub resident_max_bytes: u64,
    /// What the host brings (`HST-1`).
    pub host: Host,
}

/// A session as another store left it: what is to be written of it, and what it comes to.
pub(crate) struct Behind {
    pub state: Box<SessionState>,
    pub chain: Chain,
    pub rows: Vec<NewEntry>,
    pub entries: Vec<Entry>,
}

pub(crate) struct Node {
    pub store: Store,
    pub clock: Clock,
    pub mint: Arc<dyn Mint>,
    pub workspaces: PathBuf,
    pub vault: VaultKey,
    pub name: String,
    pub drive: Drive,
    pub motion: Motion,
    pub committer: Committer,
    pub feed: Arc<Feed>,
    pub settler: Settler,
    pub committed: Mutex<Receiver<Committed>>,
    pub timers: Timers,
    /// Whether the clock is believed.
    pub watchman: Watchman,
    /// Runs the lists may not tell yet.
    pub claims: Claims,
    pub intents: IntentRegistry,
    pub host: Host,
    /// Agents that are built, by their version.
    pub agents: Mutex<BTreeMap<(TenantId, Digest), Seat>>,
    pub residents: Residents,
    loading: Vec<Mutex<()>>,
    /// Effects this process is performing.
    pub performing: Mutex<HashSet<(StepId, u32)>>,
    /// Handlers this process is running.
    pub invoked: Mutex<HashSet<RunId>>,
    /// Whose dispatches wait, and what is under way of them.
    pub desk: Desk,
    /// What executors claimed, and until when they keep it.
    pub leases: Leases,
    /// Signals for the effects of runs.
    pub cancels: Mutex<HashMap<RunId, Cancel>>,
    /// Denials that are no entries, counted for the next one that is.
    pub denials: Mutex<HashMap<(TenantId, String), u64>>,
    /// Calls this process is assessing again.
    pub assessing: Mutex<BTreeSet<(RunId, CallSite)>>,
    /// The policies of tenants.
    pub policies: Mutex<HashMap<TenantId, Arc<crate::policy::Seat>>>,
    /// Whoever brings rows of a migration in, one at a time.
    pub migrating: tokio::sync::Mutex<()>,
    pub draining: AtomicBool,
    pub tasks: AtomicU64,
    /// Substeps with an outside effect that handlers are performing.
    pub substeps: AtomicU64,
    /// The node's own loops, ended by a drain.
    pub loops: Mutex<Vec<tokio::task::AbortHandle>>,
    pub runtime: tokio::runtime::Handle,
}

impl Node {
    pub fn new(store: Store, config: Config, intents: IntentRegistry) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let feed = Arc::new(Feed::new(Crowd::seated(config.observers)?));
        let (log, drive) = (store.log.clone(), config.drive);
        let committer = Committer::new(log, sender, drive, config.on_fatal, feed.clone());
        Ok(Self {
            settler: Settler::new(store.clone(), committer.lag.clone(), config.host.errors.clone()),
            committer,
            feed,
            committed: Mutex::new(receiver),
            store,
            clock: config.clock,
            mint: config.mint,
            workspaces: config.workspaces,
            vault: config.vault,
            name: config.node,
            drive: config.drive,
            motion: config.motion,
            timers: Timers::default(),
            watchman: Watchman::default(),
            claims: Claims::default(),
            intents,
            host: config.host,
            agents: Mutex::default(),
            residents: Residents::new(config.resident_max_bytes),
            loading: (0..64).map(|_| Mutex::new(())).collect(),
            performing: Mutex::default(),
            invoked: Mutex::default(),
            desk: Desk::new(config.slots),
            leases: Leases::default(),
            cancels: Mutex::default(),
            denials: Mutex::default(),
            assessing: Mutex::default(),
            policies: Mutex::default(),
            migrating: tokio::sync::Mutex::default(),
            draining: AtomicBool::new(false),
            tasks: AtomicU64::new(0),
            substeps: AtomicU64::new(0),
            loops: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Sixteen fresh bytes for an id.
    pub fn fresh_id(&self) -> [u8; 16] {
        mint::id(&*self.mint, self.clock.now())
    }

    pub fn seal(&self, tenant: TenantId, content: &[u8]) -> Result<Sealed, Error> {
        // a large body is on disk before its entry is decided
        self.must_move()?;
        seal(&*self.mint, &*self.store.payload, tenant, content).map_err(store_error)
    }

    pub fn seal_json(
        &self,
        tenant: TenantId,
        content: &impl serde::Serialize,
    ) -> Result<Sealed, Error> {
        let text = serde_json::to_vec(content)
            .map_err(|why| Error::new(Code::Internal, why.to_string()))?;
        self.seal(tenant, &text)
    }

    /// A session of the tenant; none when it does not exist, or exists elsewhere (`TEN-1`).
    pub fn session(
        self: &Arc<Self>,
        tenant: TenantId,
        id: SessionId,
    ) -> Result<Option<Arc<Resident>>, Error> {
        let found = self.resident(Journal::Session(id))?;
        // a ledger's key has the shape of a session's, and a client can write it down
        let is_session = |resident: &Arc<Resident>| matches!(resident.journal, Journal::Session(_));
        Ok(found.filter(|resident| resident.tenant == tenant && is_session(resident)))
    }

    /// A session under an id that was minted just now, so that nothing of it can exist.
    pub fn new_session(self: &Arc<Self>, tenant: TenantId, id: SessionId) -> Arc<Resident> {
        let journal = Journal::Session(id);
        let nothing = Chain { seq: 0, hash: Digest::ZERO, at: Time::default() };
        let state = Folded::Session(Box::new(SessionState::new(id, tenant)));
        let resident = Arc::new(Resident::new(journal, tenant, state, nothing));
        self.residents.put(resident.clone());
        resident
    }

    /// A session of the tenant, new if it does not exist.
    pub fn session_or_new(
        self: &Arc<Self>,
        tenant: TenantId,
        id: SessionId,
    ) -> Result<Arc<Resident>, Error> {
        let state = || Folded::Session(Box::new(SessionState::new(id, tenant)));
        let resident = self.resident_or(Journal::Session(id), tenant, state)?;
        if resident.tenant == tenant { Ok(resident) } else { Err(Error::not_found("session", id)) }
    }

    /// The tenant's ledger.
    pub fn ledger(self: &Arc<Self>, tenant: TenantId) -> Result<Arc<Resident>, Error> {
        self.resident_or(Journal::Ledger(tenant), tenant, || {
            Folded::Ledger(Box::new(LedgerState::new(tenant)))
        })
    }

    fn resident_or(
        self: &Arc<Self>,
        journal: Journal,
        tenant: TenantId,
        state: impl FnOnce() -> Folded,
    ) -> Result<Arc<Resident>, Error> {
        let _one_at_a_time = lock(&self.loading[stripe(journal)]);
        if let Some(found) = self.look_or_load(journal)? {
            return Ok(found);
        }
        let nothing = Chain { seq: 0, hash: Digest::ZERO, at: Time::default() };
        let resident = Arc::new(Resident::new(journal, tenant, state(), nothing));
        self.residents.put(resident.clone());
        Ok(resident)
    }

    /// The journal in memory, read from disk if need be; none when nothing of it exists.
    pub fn resident(self: &Arc<Self>, journal: Journal) -> Result<Option<Arc<Resident>>, Error> {
        let known = self.residents.get(&journal.key());
        if let Some(known) = known.filter(|known| known.durable.lost().is_none()) {
            known.touch(self.clock.now());
            return Ok(Some(known));
        }
        let _one_at_a_time = lock(&self.loading[stripe(journal)]);
        self.look_or_load(journal)
    }

    fn look_or_load(self: &Arc<Self>, journal: Journal) -> Result<Option<Arc<Resident>>, Error> {
        let known = self.residents.get(&journal.key());
        match known {
            Some(known) if known.durable.lost().is_none() => return Ok(Some(known)),
            Some(void) => self.wait_for_tail(&void)?,
            None => {}
        }
        let Some(resident) = self.load(journal)? else { return Ok(None) };
        resident.touch(self.clock.now());
        self.residents.put(resident.clone());
        // who reads many must not hold them all
        self.make_room();
        if self.motion == Motion::Still {
            return Ok(Some(resident));
        }
        self.revive(&resident)?;
        // who only reads waits for nothing, and what was decided here must not wait for the next one
        self.committer.nudge();
        Ok(Some(resident))
    }

    /// A void resident's durable entries must be settled before its journal is read by the index.
    /// Lists that take nothing, as on a full disk, are not waited for: who waits here holds a thread
    /// that everybody else may need.
    fn wait_for_tail(&self, void: &Resident) -> Result<(), Error> {
        while !lock(&void.tail).is_empty() {
            if let Some(refused) = self.settler.refused() {
                let told = format!(
                    "journal `{}` is read again once the lists are up to it, and they take nothing now: {refused}",
                    void.journal
                );
                return Err(Error::new(Code::StoreUnavailable, told));
            }
            match self.drive {
                // the settler may be waiting for its disk; spinning would not help it
                Drive::Threads => std::thread::sleep(TAIL_LOOK_AGAIN),
                Drive::Manual => {
                    self.settle_some();
                }
            }
        }
        Ok(())
    }

    pub fn settle_some(&self) -> bool {
        let committed = lock(&self.committed);
        self.settler.settle_some(&committed, &|residents| self.settled(residents))
    }

    /// A node that only tells takes no command.
    fn must_move(&self) -> Result<(), Error> {
        match self.motion {
            Motion::Live => Ok(()),
            Motion::Still => Err(Error::new(
                Code::IllegalTransition,
                "this process only reads the store and changes nothing; open it live, as `tenure serve` does",
            )),
        }
    }

    /// The folder of a session's files.
    pub fn workspace_of(&self, resident: &Resident) -> PathBuf {
        self.workspaces.join(resident.journal.to_string())
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub fn resident_count(&self) -> usize {
        self.residents.count()
    }

    /// Steps that were open when the journal was read and that nobody here performs are lost: the
    /// process that performed them is gone. What that means is the core's to decide.
    fn revive(self: &Arc<Self>, resident: &Arc<Resident>) -> Result<(), Error> {
        let mut cell = lock(&resident.cell);
        if std::mem::replace(&mut cell.revived, true) {
            return Ok(());
        }
        let Folded::Session(state) = &cell.state else {
            self.pump_ledger(resident, &cell);
            return Ok(());
        };
        // a cancel whose commit failed never was; its signal would abort whatever the run begins
        for run in state.live.iter().filter(|run| !state.runs.get(run).is_some_and(is_cancelled)) {
            lock(&self.cancels).remove(run);
        }
        let lost = {
            let performing = lock(&self.performing);
            open_steps(state)
                .filter(|(_, step, attempt, _)| !performing.contains(&(*step, *attempt)))
                .collect::<Vec<_>>()
        };
        for (run, step, attempt, class) in lost {
            let command = Command::LoseStep {
                run,
                step,
                attempt,
                cause: LossCause::Crash,
                class,
                tokens: None,
            };
            self.transact_locked(
                resident,
                &mut cell,
                &command,
                Bodies::default(),
                &Actor::system(),
            )?;
        }
        self.transact_locked(
            resident,
            &mut cell,
            &Command::Wake,
            Bodies::default(),
            &Actor::system(),
        )?;
        Ok(())
    }

    /// Decides a command on a session and queues what was decided. Returns the `seq` that must be
    /// durable before anything that depends on it may leave.
    pub fn transact(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        command: &Command,
        bodies: Bodies,
        actor: &Actor,
    ) -> Result<u64, Error> {
        let mut cell = lock(&resident.cell);
        self.transact_locked(resident, &mut cell, command, bodies, actor)
    }

    pub fn transact_locked(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        cell: &mut Cell,
        command: &Command,
        bodies: Bodies,
        actor: &Actor,
    ) -> Result<u64, Error> {
        self.must_move()?;
        if let Some(lost) = resident.durable.lost() {
            return Err(lost.clone());
        }
        if let Folded::Session(state) = &cell.state {
            session::admit(state, command, &actor.authority)?;
        }
        let policy = self.policy(resident)?.version();
        let now = self.clock.now().max(cell.chain.at);
        let mut cx = self.context(now, policy);
        let mut writer = self.writer(resident, cell, actor, bodies, now);
        let Folded::Session(state) = &mut cell.state else {
            return Err(Error::new(Code::Internal, "a ledger takes no session command"));
        };
        writer.cause = run_of(command).and_then(|run| state.last_of_run.get(&run).copied());
        match session::transact(state, command, &mut cx, &mut writer) {
            Ok(()) => {}
            Err(Fault::Refused(refusal)) => return Err(refusal.into()),
            Err(Fault::Illegal(illegal)) => {
                let error = Error::new(
                    Code::Quarantined,
                    format!("session `{}` is set aside: {illegal}", state.id),
                );
                self.failed("a decision contradicted the fold", state.id, &error);
                resident.durable.lose(error.clone());
                return Err(error);
            }
        }
        self.queue(resident, cell, writer);
        resident.moved.notify_waiters();
        // one that asks for a decision has an expiry to wake for
        let asks = cell.session().is_some_and(|state| !state.asked.is_empty());
        if asks || !is_plain_substep(command) {
            self.pump(resident, cell);
        }
        Ok(cell.chain.seq)
    }

    /// The same behind entries that another store wrote: they and what is decided are one commit.
    /// Nothing of them is here when it fails.
    pub fn transact_behind(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        cell: &mut Cell,
        before: Behind,
        command: &Command,
        actor: &Actor,
    ) -> Result<u64, Error> {
        self.must_move()?;
        if let Some(lost) = resident.durable.lost() {
            return Err(lost.clone());
        }
        let Behind { mut state, chain, rows, entries } = before;
        let now = self.clock.now().max(chain.at);
        let mut writer = self.writer(resident, cell, actor, Bodies::default(), now);
        (writer.chain, writer.rows, writer.entries) = (chain, rows, entries);
        let mut cx = self.context(now, self.policy(resident)?.version());
        match session::transact(&mut state, command, &mut cx, &mut writer) {
            Ok(()) => {}
            Err(Fault::Refused(refusal)) => return Err(refusal.into()),
            Err(Fault::Illegal(illegal)) => {
                return Err(Error::new(Code::VerificationFailed, illegal.to_string()));
            }
        }
        cell.state = Folded::Session(state);
        self.queue(resident, cell, writer);
        self.pump(resident, cell);
        Ok(cell.chain.seq)
    }

    fn context(&self, now: Time, policy: PolicyVersion) -> Context {
        Context {
            now,
            fresh: Fresh::new(mint::id(&*self.mint, now)),
            policy,
            secret: self.mint.random(),
            hold: self.hold(),
        }
    }

    /// The same for a ledger.
    pub fn transact_ledger(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        command: &LedgerCommand,
        bodies: Bodies,
        actor: &Actor,
    ) -> Result<u64, Error> {
        let mut cell = lock(&resident.cell);
        self.must_move()?;
        if let Some(lost) = resident.durable.lost() {
            return Err(lost.clone());
        }
        let now = self.clock.now().max(cell.chain.at);
        let mut writer = self.writer(resident, &cell, actor, bodies, now);
        let Folded::Ledger(state) = &mut cell.state else {
            return Err(Error::new(Code::Internal, "a session takes no ledger command"));
        };
        for draft in state.decide(command, now)? {
            let entry = session::Journalist::enter(&mut writer, draft);
            state
                .apply(entry)
                .map_err(|illegal| Error::new(Code::Internal, illegal.to_string()))?;
        }
        self.queue(resident, &mut cell, writer);
        self.pump_ledger(resident, &cell);
        Ok(cell.chain.seq)
    }

    fn writer<'a>(
        &'a self,
        resident: &Resident,
        cell: &Cell,
        actor: &'a Actor,
        bodies: Bodies,
        now: Time,
    ) -> Writer<'a> {
        Writer {
            journal: resident.journal,
            tenant: resident.tenant,
            actor,
            now,
            mint: &*self.mint,
            fresh: Fresh::new(mint::id(&*self.mint, now)),
            bodies,
            chain: cell.chain,
            cause: None,
            correlation: None,
            rows: Vec::new(),
            entries: Vec::new(),
        }
    }

    fn queue(&self, resident: &Arc<Resident>, cell: &mut Cell, writer: Writer<'_>) {
        if writer.entries.is_empty() {
            return;
        }
        cell.chain = writer.chain;
        for entry in &writer.entries {
            if let (Event::RunEnded(_), Some(run)) = (&entry.event, entry.run) {
                lock(&self.cancels).remove(&run);
            }
        }
        cell.unsnapped += writer.rows.iter().map(|row| row.bytes.len()).sum::<usize>();
        let snapshot = self.snapshot_if_due(resident, cell);
        resident.weigh(cell);
        if let Some(last) = writer.entries.last() {
            resident.touch(last.at);
        }
        let hashes = writer.rows.iter().map(|row| row.hash).collect();
        let (rows, entries) = (writer.rows, writer.entries);
        self.committer.push(Submission {
            resident: resident.clone(),
            rows,
            entries,
            hashes,
            snapshot,
        });
    }

    /// A snapshot is worth making once the journal has grown by as much as the last one's size. It
    /// travels behind its entries, so it is kept only if they are.
    fn snapshot_if_due(&self, resident: &Resident, cell: &mut Cell) -> Option<Snapshot> {
        if cell.unsnapped < limits::SNAPSHOT_MIN_BYTES.max(cell.snapshot_size) {
            return None;
        }
        let Folded::Session(state) = &cell.state else { return None };
        let bytes = minicbor::to_vec(state.as_ref()).ok()?;
        cell.unsnapped = 0;
        cell.snapshot_size = bytes.len();
        Some(Snapshot {
            tenant: resident.tenant,
            journal: resident.journal.key(),
            seq: cell.chain.seq,
            hash: cell.chain.hash,
            fold_version: FOLD_VERSION,
            bytes,
        })
    }

    /// Resolves once `seq` of the journal is on disk.
    pub async fn durable(self: &Arc<Self>, resident: &Resident, seq: u64) -> Result<(), Error> {
        Nudged::new(self.clone(), resident.durable.reach(seq)).await
    }

    /// Runs a task of the engine's own, whose waiting gets things committed.
    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let node = self.clone();
        self.tasks.fetch_add(1, Ordering::Relaxed);
        let counted = async move {
            task.await;
            node.tasks.fetch_sub(1, Ordering::Relaxed);
        };
        let task = Box::pin(Nudged::new(self.clone(), counted));
        self.host.background.schedule(&self.runtime, task);
    }

    /// Tells the host what could not be done while nobody waited for the answer (`HST-1`).
    pub fn failed(&self, what: &'static str, about: impl ToString, error: &Error) {
        let failure = Failure { what, about: about.to_string(), error: error.clone() };
        host::tell(&*self.host.errors, &failure);
    }

    pub fn cancel_of(&self, run: RunId) -> Cancel {
        lock(&self.cancels).entry(run).or_default().clone()
    }
}

fn stripe(journal: Journal) -> usize {
    usize::from(journal.key()[15]) % 64
}

fn is_cancelled(run: &session::Run) -> bool {
    run.progress().is_some_and(|progress| progress.cancel.is_some())
}

/// Open steps that are intended, with whose failure each would be.
fn open_steps(state: &SessionState) -> impl Iterator<Item = (RunId, StepId, u32, ErrorClass)> + '_ {
    use tenure_contract::words::StepKind;
    // what an executor performs is not lost with this process: its lease says
    let here = |run: &&session::Run| !state.remote.contains_key(&run.id);
    state.live.iter().filter_map(|run| state.runs.get(run)).filter(here).flat_map(|run| {
        let open = run.progress().into_iter().flat_map(|progress| &progress.open);
        open.filter(|(_, open)| open.stand == Stand::Intended).map(|(step, open)| {
            let class = match open.kind {
                StepKind::Model => ErrorClass::Adapter,
                StepKind::Tool => ErrorClass::Tool,
                _ => ErrorClass::Handler,
            };
            (run.id, *step, open.attempt, class)
        })
    })
}

/// A handler's substep wishes for nothing: the handler performs it.
const fn is_plain_substep(command: &Command) -> bool {
    matches!(command, Command::IntendStep { .. } | Command::RecordStep { .. })
}

const fn run_of(command: &Command) -> Option<RunId> {
    match command {
        Command::CancelRun { run, .. }
        | Command::PauseRun { run }
        | Command::ResumeRun { run }
        | Command::LandStep { run, .. }
        | Command::LandTurn { run, .. }
        | Command::AssessCall { run, .. }
        | Command::FailStep { run, .. }
        | Command::LoseStep { run, .. }
        | Command::SkipStep { run, .. }
        | Command::FinishRun { run, .. }
        | Command::LoseClaim { run, .. }
        | Command::AnswerRemote { run, .. }
        | Command::FailRun { run, .. } => Some(*run),
        Command::ClaimRun(claimed) => Some(claimed.run),
        Command::IntendStep { substep, .. } | Command::RecordStep { substep, .. } => {
            Some(substep.run)
        }
        Command::OpenSession(_)
        | Command::BringSession(_)
        | Command::BringArtifact { .. }
        | Command::EndSession { .. }
        | Command::ClearMemory
        | Command::SubmitRun { .. }
        | Command::ResolveStep { .. }
        | Command::DecideApproval { .. }
        | Command::HandApproval { .. }
        | Command::Write(_)
        | Command::ChangeSession { .. }
        | Command::BindAgent(_)
        | Command::OfferHandoff { .. }
        | Command::AcceptHandoff { .. }
        | Command::DeclineHandoff { .. }
        | Command::WithdrawHandoff { .. }
        | Command::OfferTransfer { .. }
        | Command::WithdrawTransfer
        | Command::ReleaseTransfer { .. }
        | Command::ReceiveTransfer { .. }
        | Command::MakeCheckpoint
        | Command::Resume(_)
        | Command::Wake => None,
    }
}
