//! Opening a data directory: every check first, then everything at once, or one clear message.

use crate::intents;
use crate::keys::{KeyError, Keys};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tenure_contract::entry::Principal;
use tenure_contract::resource::Caller;
use tenure_contract::words::Surface;
use tenure_contract::{Code, Digest, Error, TenantId, limits};
use tenure_engine::{
    AgentRuntime, Clock, Config, Drive, Engine, Host, IntentRegistry, Motion, Observer, OnFatal,
    Slots, SystemMint, Trust, VaultKey,
};
use tenure_store_sqlite::SqliteStore;

/// The exit status of a process whose disk failed.
const EXIT_DISK_FAILED: i32 = 70;
/// How long leases live that nobody renews; the engine renews them more often.
const LEASE_TTL_MS: u64 = 60_000;
/// The owner's name in leases; one data directory has one owner, whichever process it is.
const NODE: &str = "local";

/// How a data directory is opened.
pub struct Options {
    /// Intent handlers besides the built-in ones.
    pub intents: IntentRegistry,
    /// Told how many entries were read while lists are rebuilt.
    pub progress: Box<dyn Fn(u64)>,
    /// Who sees what happens in runs, and can change none of it (`RT9`).
    pub observers: Vec<Arc<dyn Observer>>,
    /// What the host brings in place of the defaults (`HST-1`).
    pub host: Host,
    /// What to do when the disk can no longer be trusted; it must not return.
    pub on_fatal: OnFatal,
    /// Whether the runs in it go on, or are only told of.
    pub motion: Motion,
    /// What the sessions in memory may take together, bytes.
    pub resident_max_bytes: u64,
    /// Whether the machine's clock is believed although entries are dated after it.
    pub trust: Trust,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            intents: IntentRegistry::default(),
            progress: Box::new(|_| {}),
            observers: Vec::new(),
            host: Host::default(),
            on_fatal: Box::new(|why| {
                eprintln!("tenure: {why}; what was acknowledged is safe, start again");
                std::process::exit(EXIT_DISK_FAILED)
            }),
            motion: Motion::Live,
            resident_max_bytes: limits::RESIDENT_MAX_BYTES_DEFAULT,
            trust: Trust::Checked,
        }
    }
}

/// Why a data directory cannot be opened. Nothing is running then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not a directory one can write to.
    #[error("data directory `{}` {why}; give another one with `--data DIR`", dir.display())]
    Directory {
        /// Which.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another process has it.
    #[error("data directory `{}` is held by {holder}; talk to that one, or stop it first", dir.display())]
    Held {
        /// Which.
        dir: PathBuf,
        /// Who.
        holder: String,
    },
    /// Its keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The store refused: it is newer, damaged, full, or has lost acknowledged entries.
    #[error("data directory `{}`: {source}", dir.display())]
    Store {
        /// Which.
        dir: PathBuf,
        /// Why.
        source: Error,
    },
}

impl OpenError {
    /// The code it travels under.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Directory { .. } => Code::InvalidArgument,
            Self::Held { .. } => Code::StoreOwned,
            Self::Keys(_) => Code::StoreUnavailable,
            Self::Store { source, .. } => source.code,
        }
    }
}

/// A data directory and what runs in it.
pub struct Tenure {
    dir: PathBuf,
    keys: Keys,
    engine: Engine,
    tenant: TenantId,
    clock: Clock,
    epoch: u64,
    // keeps the directory owned
    store: SqliteStore,
}

impl Tenure {
    /// Opens a data directory, making it when it is new, and begins to move every run in it that
    /// had not ended, unless [`Options::motion`] is [`Motion::Still`]. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is running then.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        writable(dir)?;
        let dir = dir.canonicalize().map_err(|error| directory(dir, &error.to_string()))?;
        let store = SqliteStore::open(&dir).map_err(|error| refused(&dir, error))?;
        let keys = Keys::load_or_make(&dir)?;
        let workspaces = dir.join("workspaces");
        fs::create_dir_all(&workspaces)
            .map_err(|error| directory(&workspaces, &error.to_string()))?;
        intents::register(&options.intents);
        let clock = Clock::system().with_trust(options.trust);
        let config = Config {
            node: NODE.to_owned(),
            drive: Drive::Threads,
            clock: clock.clone(),
            mint: Arc::new(SystemMint),
            workspaces,
            vault: VaultKey(keys.secrets),
            observers: options.observers,
            slots: Slots::default(),
            host: options.host,
            on_fatal: options.on_fatal,
            motion: options.motion,
            resident_max_bytes: options.resident_max_bytes,
        };
        let engine = Engine::start(store.store(), config, options.intents, &*options.progress)
            .map_err(|source| OpenError::Store { dir: dir.clone(), source })?;
        let tenant = default_tenant(&engine);
        let held =
            store.store().lease.renew(NODE, LEASE_TTL_MS).map_err(|error| refused(&dir, error))?;
        let epoch = held.iter().map(|held| held.epoch).max().unwrap_or_default();
        Ok(Self { dir, keys, engine, tenant, clock, epoch, store })
    }

    /// The directory, canonical.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// Its signing keys.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }
    /// What runs in it.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }
    /// The store beneath, for its figures.
    #[must_use]
    pub const fn store(&self) -> &SqliteStore {
        &self.store
    }
    /// The tenant of a data directory that serves one.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }
    /// Its clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }
    /// The epoch under which this process owns it; grows with every owner.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }
    /// A registered agent as a [`Runtime`](tenure_engine::Runtime), for [`Tenure::caller`].
    #[must_use]
    pub fn runtime(&self, agent: &str) -> AgentRuntime {
        AgentRuntime::new(self.engine.clone(), self.caller(), agent.to_owned())
    }
    /// A caller that may do everything in [`Tenure::tenant`].
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            tenant: self.tenant,
            principal: Principal::user("local"),
            surface: Some(Surface::Desktop),
            scopes: vec!["*".to_owned()],
            product: None,
        }
    }

    /// Takes no new work, waits for effects in flight up to a limit, and lets the directory go.
    pub async fn close(self) {
        self.engine.drain().await;
    }
}

/// A store's own tenant: the same after every start, another one in another store.
fn default_tenant(engine: &Engine) -> TenantId {
    let store = engine.store_id();
    TenantId::from_bytes(Digest::of(&[b"tenure-tenant-v1\0", &store.bytes()]).first_half())
}

fn writable(dir: &Path) -> Result<(), OpenError> {
    match fs::metadata(dir) {
        Ok(about) if !about.is_dir() => return Err(directory(dir, "is not a directory")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = fs::create_dir_all(dir);
            made.map_err(|error| directory(dir, &format!("cannot be made: {error}")))?;
        }
        Err(error) => return Err(directory(dir, &format!("cannot be looked at: {error}"))),
    }
    tempfile::tempfile_in(dir)
        .map(drop)
        .map_err(|error| directory(dir, &format!("cannot be written to: {error}")))
}

fn directory(dir: &Path, why: &str) -> OpenError {
    OpenError::Directory { dir: dir.to_owned(), why: why.to_owned() }
}

fn refused(dir: &Path, error: tenure_store::StoreError) -> OpenError {
    use tenure_store::StoreError;
    let code = match &error {
        StoreError::Owned(holder) => {
            return OpenError::Held { dir: dir.to_owned(), holder: holder.clone() };
        }
        StoreError::TooNew { .. } => Code::StoreTooNew,
        StoreError::Corrupt(_) => Code::StoreCorrupt,
        StoreError::Full => Code::StorageFull,
        StoreError::Fenced(_) | StoreError::Flush(_) | StoreError::Other(_) => {
            Code::StoreUnavailable
        }
    };
    let hint = match code {
        Code::StoreCorrupt => "; `tenure doctor` says what can be done",
        Code::StorageFull => "; free some space and start again",
        _ => "",
    };
    let source = Error::new(code, format!("{error}{hint}"));
    OpenError::Store { dir: dir.to_owned(), source }
}
