//! The node every benchmark measures: the real engine on SQLite, set up as the binary does.

use std::path::Path;
use std::sync::Arc;
use tenure_contract::entry::Principal;
use tenure_contract::resource::Caller;
use tenure_contract::{Code, Error, TenantId};
use tenure_engine::{Clock, Config, Drive, Engine, IntentRegistry, Motion, Slots, SystemMint};
use tenure_store_sqlite::SqliteStore;

pub(crate) fn open(dir: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::open(dir).map_err(|error| Error::new(Code::StoreUnavailable, error.to_string()))
}

pub(crate) fn start(
    store: &SqliteStore,
    dir: &Path,
    intents: IntentRegistry,
) -> Result<Engine, Error> {
    let config = Config {
        node: "bench".to_owned(),
        drive: Drive::Threads,
        clock: Clock::system(),
        mint: Arc::new(SystemMint),
        workspaces: dir.join("workspaces"),
        vault: tenure_engine::VaultKey([3; 32]),
        motion: Motion::Live,
        observers: Vec::new(),
        slots: Slots::default(),
        resident_max_bytes: tenure_contract::limits::RESIDENT_MAX_BYTES_DEFAULT,
        host: tenure_engine::Host::default(),
        on_fatal: Box::new(|why| {
            eprintln!("the disk failed: {why}");
            std::process::exit(70);
        }),
    };
    Engine::start(store.store(), config, intents, &|_| {})
}

pub(crate) fn caller() -> Caller {
    Caller {
        tenant: TenantId::from_bytes([0; 16]),
        principal: Principal::user("bench"),
        surface: None,
        scopes: vec!["*".to_owned()],
        product: None,
    }
}
