//! What the engine's tests stand on: a store that can be switched off, a node that can die and
//! come again, callers of two tenants, agents written inline, and a world outside that keeps a
//! ledger of what reached it.

mod definition;
mod outside;
mod plug;

pub use definition::{Definition, action, agent};
pub use outside::{Outside, Reply, calls, said};
use plug::Plug;

use serde_json::{Value, json};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tenure_contract::entry::Principal;
use tenure_contract::resource::{
    Accepted, AgentRequest, Approval, Caller, CreateKey, DecideApproval, Decision, IntentRequest,
    OpenSession, Run, Session, SubmitRun,
};
use tenure_contract::words::{InputPolicy, RunStatus};
use tenure_contract::{Entry, Error, RunId, SessionId, TenantId};
use tenure_engine::{
    Clock, Config, Drive, Engine, Host, IntentRegistry, Listing, Motion, Slots, SystemMint, Told,
};
use tenure_store::{MemoryStore, Store};
use tenure_store_sqlite::SqliteStore;
use tokio::runtime::Runtime;

/// Longer than anything here takes; nothing waits for it unless something is wrong.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A caller of the first tenant.
pub fn ada() -> Caller {
    person(1, "ada")
}

/// Another caller of the first tenant.
pub fn bob() -> Caller {
    person(1, "bob")
}

/// A caller of the second tenant.
pub fn eve() -> Caller {
    person(2, "eve")
}

/// A request for a key of that principal, with all it may do.
pub fn key_for(principal: &str) -> CreateKey {
    CreateKey { principal: principal.to_owned(), ..CreateKey::default() }
}

fn person(tenant: u8, name: &str) -> Caller {
    Caller {
        tenant: TenantId::from_bytes([tenant; 16]),
        principal: Principal::user(name),
        surface: None,
        scopes: vec!["*".to_owned()],
        product: None,
    }
}

enum Disk {
    Memory(MemoryStore),
    Files(SqliteStore, PathBuf),
}

/// A place where nodes live, one after the other, on the same store.
pub struct House {
    folder: TempDir,
    disk: Disk,
    pub plug: Plug,
    lives: AtomicUsize,
}

impl House {
    /// On the in-memory store.
    pub fn new() -> Self {
        Self::on(|_| Disk::Memory(MemoryStore::new()))
    }

    /// On files.
    pub fn on_files() -> Self {
        Self::on(|folder| {
            let dir = folder.join("data-0");
            Disk::Files(SqliteStore::open(&dir).unwrap(), dir)
        })
    }

    fn on(disk: impl FnOnce(&Path) -> Disk) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(folder.path());
        Self { folder, disk, plug: Plug::default(), lives: AtomicUsize::new(0) }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> Store {
        match &self.disk {
            Disk::Memory(memory) => self.plug.around(memory.store()),
            Disk::Files(files, _) => self.plug.around(files.store()),
        }
    }

    pub fn config(&self, drive: Drive) -> Config {
        Config {
            node: "house".to_owned(),
            drive,
            // compared with nothing: a paused runtime leaves the machine behind
            clock: Clock::starting_at(Clock::system().now()),
            mint: Arc::new(SystemMint),
            workspaces: self.folder.path().join("workspaces"),
            vault: tenure_engine::VaultKey([3; 32]),
            motion: Motion::Live,
            observers: Vec::new(),
            slots: Slots::default(),
            resident_max_bytes: tenure_contract::limits::RESIDENT_MAX_BYTES_DEFAULT,
            host: Host::default(),
            on_fatal: Box::new(|why| panic!("the disk failed: {why}")),
        }
    }

    /// An engine in the runtime of the caller.
    pub fn engine(&self, intents: IntentRegistry) -> Engine {
        Engine::start(self.store(), self.config(Drive::Threads), intents, &|_| {}).unwrap()
    }

    /// A node in a runtime of its own, which can die.
    pub fn live(&self, intents: IntentRegistry) -> Life {
        self.live_with(self.config(Drive::Threads), intents)
    }

    pub fn live_with(&self, config: Config, intents: IntentRegistry) -> Life {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let started = async { Engine::start(self.store(), config, intents, &|_| {}) };
        let engine = runtime.block_on(started).unwrap();
        Life { runtime, engine }
    }

    /// The process dies: nothing it does from now on reaches the store. The store is found by the
    /// next one as it was then.
    pub fn crash(&mut self, life: Life) {
        self.plug.pull();
        life.runtime.shutdown_background();
        self.disk = match &self.disk {
            Disk::Memory(memory) => Disk::Memory(memory.reopen()),
            Disk::Files(_, dir) => {
                let lives = self.lives.fetch_add(1, Ordering::Relaxed) + 1;
                let copy = self.folder.path().join(format!("data-{lives}"));
                copy_files(dir, &copy);
                Disk::Files(SqliteStore::open(&copy).unwrap(), copy)
            }
        };
        self.plug = Plug::default();
    }
}

/// The files of a data directory as a dead process leaves them.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in std::fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let name = found.file_name();
        if found.file_type().unwrap().is_dir() {
            copy_files(&found.path(), &to.join(name));
        } else if name != "lock" && !name.to_string_lossy().ends_with("-shm") {
            std::fs::copy(found.path(), to.join(name)).unwrap();
        }
    }
}

/// An engine on the paused clock, cranked by a task that never rests: time passes only by
/// `tokio::time::advance`.
pub fn cranked(house: &House, intents: IntentRegistry) -> Engine {
    cranked_as(house, house.config(Drive::Manual), intents)
}

/// The same with a configuration of one's own.
pub fn cranked_as(house: &House, config: Config, intents: IntentRegistry) -> Engine {
    let engine = Engine::start(house.store(), config, intents, &|_| {}).unwrap();
    let turning = engine.clone();
    tokio::spawn(async move {
        loop {
            let _ = turning.commit_some();
            let _ = turning.settle_some();
            tokio::task::yield_now().await;
        }
    });
    engine
}

/// A node that is alive.
pub struct Life {
    runtime: Runtime,
    pub engine: Engine,
}

impl Life {
    /// Leaves a life behind whose threads may be stuck.
    pub fn forget(self) {
        self.runtime.shutdown_background();
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(async {
            tokio::time::timeout(LIMIT, future).await.expect("it takes too long")
        })
    }
}

/// What tests ask of an engine, in short words. Refusals panic; whoever expects one calls the
/// engine itself.
pub trait Asked {
    fn engine(&self) -> &Engine;

    /// Registers an agent for `ada`.
    async fn hire(&self, definition: Definition) {
        self.engine().register_agent(&ada(), definition.made()).await.unwrap();
    }

    async fn open(&self) -> SessionId {
        self.open_as(OpenSession::default()).await.session_id
    }

    async fn open_as(&self, request: OpenSession) -> Session {
        self.engine().open_session(&ada(), request, None).await.unwrap()
    }

    /// Gives an agent a task in a session.
    async fn task(&self, session: SessionId, agent: &str, task: &str) -> RunId {
        self.engine().submit(&ada(), task_in(session, agent, task)).await.unwrap().run_id
    }

    /// Submits an intent in a session.
    async fn intend(&self, session: SessionId, intent: &str, parameters: Value) -> RunId {
        self.engine().submit(&ada(), intent_in(session, intent, parameters)).await.unwrap().run_id
    }

    /// The run once it rests: ended, paused or waiting for a decision.
    async fn rested(&self, run: RunId) -> Run {
        self.engine().wait(&ada(), run, LIMIT).await.unwrap()
    }

    /// The run once it has ended.
    async fn over(&self, run: RunId) -> Run {
        let session = self.engine().run(&ada(), run).await.unwrap().session_id;
        let ended = self.engine().ended(&ada(), session, run, LIMIT).await;
        let run = self.engine().run(&ada(), run).await.unwrap();
        ended.unwrap_or_else(|error| panic!("{error}: {run:?}"));
        run
    }

    /// The run once a look at it satisfies.
    async fn seen(&self, run: RunId, satisfied: impl Fn(&Run) -> bool) -> Run {
        let mut last = None;
        let looking = async {
            loop {
                let seen = last.insert(self.engine().run(&ada(), run).await.unwrap());
                if satisfied(seen) {
                    return seen.clone();
                }
                self.engine().reach(&ada(), seen.session_id, seen.seq + 1).await.unwrap();
            }
        };
        let found = tokio::time::timeout(LIMIT, looking).await.ok();
        found.unwrap_or_else(|| panic!("it never came to that: {last:?}"))
    }

    /// Every durable entry of a session.
    fn told(&self, session: SessionId) -> Vec<Told> {
        self.engine().entries(&ada(), session, 1, 100_000).unwrap()
    }

    /// The kinds of a session's entries.
    fn kinds(&self, session: SessionId) -> Vec<&'static str> {
        self.told(session).iter().map(|told| told.entry.event.name()).collect()
    }

    /// The open approvals of a session.
    async fn asked(&self, session: SessionId) -> Vec<Approval> {
        self.engine().settled().await.unwrap();
        let listing =
            Listing { session: Some(session), open_only: Some(true), ..Listing::default() };
        self.engine().approvals(&ada(), &listing).unwrap().items
    }

    /// Decides the one open approval of a session.
    async fn answer(&self, session: SessionId, decision: Decision) -> Result<Approval, Error> {
        let asked = self.asked(session).await;
        let [approval] = asked.as_slice() else { panic!("{asked:?}") };
        self.engine().decide(&ada(), approval.approval_id, plain(decision)).await
    }
}

impl Asked for Engine {
    fn engine(&self) -> &Engine {
        self
    }
}

pub fn plain(decision: Decision) -> DecideApproval {
    DecideApproval { decision, reason: None, arguments: None, answer: None }
}

pub fn task_in(session: SessionId, agent: &str, text: &str) -> SubmitRun {
    SubmitRun { session_id: Some(session), ..task(agent, text) }
}

pub fn intent_in(session: SessionId, intent: &str, parameters: Value) -> SubmitRun {
    SubmitRun { session_id: Some(session), ..intent_of(intent, parameters) }
}

/// A task in a session made for it.
pub fn task(agent: &str, text: &str) -> SubmitRun {
    let agent = AgentRequest {
        name: agent.to_owned(),
        version: None,
        task: text.to_owned(),
        max_steps: None,
    };
    SubmitRun { agent: Some(agent), ..SubmitRun::default() }
}

/// An intent in a session made for it.
pub fn intent_of(intent: &str, parameters: Value) -> SubmitRun {
    let intent = IntentRequest {
        intent_type: intent.to_owned(),
        parameters,
        metadata: Value::Null,
        solution_id: None,
    };
    SubmitRun { intent: Some(intent), ..SubmitRun::default() }
}

/// A session whose runs' approvals this person may decide.
pub fn approved_by(approver: &str) -> OpenSession {
    OpenSession { approvers: vec![approver.to_owned()], ..OpenSession::default() }
}

pub fn with_policy(request: SubmitRun, policy: InputPolicy) -> SubmitRun {
    SubmitRun { input_policy: Some(policy), ..request }
}

/// The tool results an agent's run came to, in call order, as JSON.
pub fn results(run: &Run) -> Vec<Value> {
    let calls = run.output.as_ref().and_then(|output| output["toolCalls"].as_array()).unwrap();
    calls.iter().map(|call| read(call["result"].as_str().unwrap_or_default())).collect()
}

/// A script whose model calls this tool on every one of its first twenty turns.
pub fn again_and_again(tool: &str) -> String {
    let turn = |n: u32| {
        format!(
            "[[turn]]\n[[turn.call]]\ntool = \"{tool}\"\nas = \"r{n}\"\narguments = {{ n = 1 }}\n"
        )
    };
    (1..=20).map(turn).collect()
}

/// A text's JSON, or the text.
pub fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// What an agent's run said last.
pub fn content(run: &Run) -> &str {
    run.output.as_ref().and_then(|output| output["content"].as_str()).unwrap_or_default()
}

pub fn is_completed(run: &Run) -> bool {
    run.status == RunStatus::Completed
}

/// Checks a session's chain from its bytes and that the readable entries are what they say.
pub fn verified(told: &[Told]) {
    let mut hash = tenure_contract::Digest::ZERO;
    for (seq, one) in (1..).zip(told) {
        assert_eq!(one.entry.seq, seq);
        hash = Entry::hash(&hash, &one.bytes);
        assert_eq!(hash, one.hash, "entry {seq} follows");
        assert_eq!(Entry::from_bytes(&one.bytes).unwrap(), one.entry);
    }
}

/// What was accepted, for whoever made a session of its own.
pub async fn accepted(engine: &Engine, request: SubmitRun) -> Accepted {
    engine.submit(&ada(), request).await.unwrap()
}
