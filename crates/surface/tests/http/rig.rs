//! A server on loopback with an engine of its own, and a client for it.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tenure_contract::entry::Principal;
use tenure_contract::resource::{Caller, CreateKey};
use tenure_contract::words::RecoveryClass;
use tenure_contract::{TenantId, Time};
use tenure_core::verify::head::{certify, public_key};
use tenure_engine::{
    Clock, Config, Ctx, Drive, Engine, HandlerFailure, HandlerResult, IntentRegistry, Motion,
    Slots, StepFailure, SystemMint,
};
use tenure_store::{MemoryStore, Store};
use tenure_surface::http::{Access, HeadSigner, ServerState, StoreFiles, router, serve};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// The tenant of callers without a key.
pub const OURS: TenantId = TenantId::from_bytes([1; 16]);
/// Another one.
pub const THEIRS: TenantId = TenantId::from_bytes([2; 16]);
/// The secret the signing keys begin with.
pub const ROOT: [u8; 32] = [7; 32];
/// The secret the node signs with.
pub const NODE: [u8; 32] = [8; 32];
/// The owner's token.
pub const OWNER: &str = "own_0123456789";

/// A server that answers, and everything it needs.
pub struct Rig {
    pub engine: Engine,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    /// Handlers of the intent `hold` wait for a permit of this.
    pub gate: Arc<Semaphore>,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Rig {
    pub async fn new() -> Self {
        Self::on(MemoryStore::new().store()).await
    }

    pub async fn on(store: Store) -> Self {
        // whoever is first in this process; the others find it there
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let config = Config {
            node: "node".to_owned(),
            drive: Drive::Threads,
            clock: Clock::system(),
            mint: Arc::new(SystemMint),
            workspaces: folder.path().join("workspaces"),
            vault: tenure_engine::VaultKey([3; 32]),
            motion: Motion::Live,
            observers: Vec::new(),
            slots: Slots::default(),
            resident_max_bytes: tenure_contract::limits::RESIDENT_MAX_BYTES_DEFAULT,
            host: tenure_engine::Host::default(),
            on_fatal: Box::new(|why| panic!("{why}")),
        };
        let engine = Engine::start(store, config, intents(&gate), &|_| {}).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let app = router(state(engine.clone()));
        let serving = tokio::spawn(async move {
            serve(listener, app, async { drop(stopped.await) }).await.unwrap();
        });
        let client = reqwest::Client::new();
        Self { engine, address, client, gate, folder, stop, serving }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// Gets what must be there.
    pub async fn see(&self, path: &str) -> Value {
        answered(self.get(path), StatusCode::OK).await
    }

    /// Registers an agent with a script and who may decide for it.
    pub async fn agent(&self, name: &str, script: &str, tools: Value) -> Value {
        let definition = json!({
            "name": name, "tools": tools, "approvers": ["user:ada"],
            "model": { "adapter": "scripted", "file": self.file(&format!("{name}.toml"), script) },
        });
        let request = self.post("/v1/agents", &json!({ "definition": definition }));
        answered(request, StatusCode::CREATED).await
    }

    /// Submits a run and waits until it rests.
    pub async fn run(&self, request: &Value) -> Value {
        let accepted = answered(self.post("/v1/runs", request), StatusCode::ACCEPTED).await;
        self.rested(accepted["runId"].as_str().unwrap()).await
    }

    /// A run once it has ended or waits for somebody.
    pub async fn rested(&self, run: &str) -> Value {
        self.see(&format!("/v1/runs/{run}?waitMs=60000")).await
    }

    /// A key of a tenant for a principal, made where nobody needs one.
    pub async fn key(&self, tenant: TenantId, principal: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let principal = principal.to_owned();
        let request = CreateKey { principal, scopes, ..CreateKey::default() };
        self.engine.create_key(&caller(tenant), request).await.unwrap().key.unwrap()
    }

    /// A key of somebody who was given scopes beyond the tenant's.
    pub async fn key_of(&self, tenant: TenantId, scopes: &[&str]) -> String {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let giver = Caller { scopes: scopes.clone(), ..caller(tenant) };
        let principal = "user:beyond".to_owned();
        let request = CreateKey { principal, scopes, ..CreateKey::default() };
        self.engine.create_key(&giver, request).await.unwrap().key.unwrap()
    }

    /// Entries committed so far, in all journals.
    pub fn entries(&self) -> u64 {
        self.engine.commit_figures().entries.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// A file beside the workspaces.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Ends the server and waits for that.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
    }
}

/// The answer's JSON, which must come under that status.
pub async fn answered(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.unwrap();
    let (found, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The problem a request is refused with; checks that it is one.
pub async fn refused(request: RequestBuilder, status: StatusCode, code: &str) -> Value {
    problem(request.send().await.unwrap(), status, code).await
}

pub async fn problem(response: Response, status: StatusCode, code: &str) -> Value {
    let kind = response.headers().get("content-type").cloned();
    let (found, path) = (response.status(), response.url().path().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    assert_eq!(kind.unwrap(), "application/problem+json", "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["type"], format!("urn:tenure:error:{code}"));
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["instance"], path);
    for field in ["title", "detail", "retry"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
    problem
}

/// Someone who may do everything in a tenant.
pub fn caller(tenant: TenantId) -> Caller {
    let principal = Principal::user("ada");
    Caller {
        tenant,
        principal,
        surface: None,
        scopes: vec!["*".to_owned(), "tenants:admin".to_owned()],
        product: None,
    }
}

pub fn state(engine: Engine) -> ServerState {
    let secret = NODE;
    let certificate = certify(&ROOT, &public_key(&secret));
    ServerState {
        engine,
        access: Arc::new(Access::loopback(OURS, "ada").with_owner_token(OWNER)),
        signer: Arc::new(HeadSigner { secret, certificate, epoch: 1 }),
        clock: Clock::system(),
        started_at: Time::from_micros(1_795_219_200_000_000),
        files: StoreFiles::none(),
    }
}

fn intents(gate: &Arc<Semaphore>) -> IntentRegistry {
    let intents = IntentRegistry::default();
    intents.register_intent("echo", "mirror", |ctx: Ctx| async move {
        Ok(HandlerResult { output: ctx.intent().parameters.clone(), ..HandlerResult::default() })
    });
    intents.register_intent("fail", "faulty", failing);
    intents.register_intent("pay", "teller", |ctx: Ctx| async move {
        let pay = |_| async { Ok::<_, StepFailure>("paid".to_owned()) };
        let inputs = ctx.intent().parameters.clone();
        let output = json!(ctx.step("pay", RecoveryClass::Once, &inputs, pay).await?);
        Ok(HandlerResult { output, ..HandlerResult::default() })
    });
    let gate = gate.clone();
    intents.register_intent("hold", "patient", move |_: Ctx| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(HandlerResult::default())
        }
    });
    intents
}

async fn failing(_: Ctx) -> Result<HandlerResult, HandlerFailure> {
    Err(HandlerFailure::new("no-file", "the file is not there"))
}
