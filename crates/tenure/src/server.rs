//! Being the owner of a data directory: the engine, the HTTP surface and the note that says where.

use crate::auth;
use crate::client::{Client, Fault};
use crate::open::Tenure;
use crate::owner::{self, Owner};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::{Code, Error};
use tenure_engine::Motion;
use tenure_store_sqlite::{FileSettings, SqliteStore};
use tenure_surface::http::{
    Access, HeadSigner, ServerState, StoreFile, StoreFiles, Tokens, check_bind, router, serve,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long open connections may keep an orderly exit waiting.
const CONNECTIONS_END_MAX: Duration = Duration::from_secs(5);

/// The name of a data directory's own tenant.
const TENANT_NAME: &str = "default";

/// An owner that accepts requests.
pub(crate) struct Running {
    tenure: Tenure,
    owner: Owner,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    keys: JoinHandle<()>,
}

impl Running {
    /// Serves a data directory at an address; its note stands once requests are accepted. One that
    /// only reads writes no note: who wants to move something would be refused there, and waits
    /// until it has gone instead.
    pub async fn start(tenure: Tenure, listen: SocketAddr, tokens: Tokens) -> Result<Self, Error> {
        // one that only reads shows a tenant that is not there yet as an empty one
        if tenure.engine().motion() == Motion::Live {
            tenure.engine().open_tenant(tenure.tenant(), TENANT_NAME).await?;
        }
        let has_keys = tenure.engine().has_keys(tenure.tenant())?;
        check_bind(listen, has_keys || tokens.any())?;
        let refused = |error: std::io::Error| {
            let told = format!("cannot listen on `{listen}`: {error}; port 0 picks a free one");
            Error::new(Code::InvalidArgument, told)
        };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let owner = Owner {
            endpoint: format!("http://{}", reachable(address)),
            token: owner::token(),
            pid: std::process::id(),
            started_at: tenure.clock().now(),
        };
        let (shutdown, stopped) = oneshot::channel();
        let keys = tokio::spawn(auth::keep_fresh(tokens.clone()));
        let routes = router(state(&tenure, &owner, tokens));
        let serving = tokio::spawn(serve(listener, routes, async {
            // a sender that is gone means the same
            let _ = stopped.await;
        }));
        match tenure.engine().motion() {
            Motion::Live => owner.write(tenure.dir()).map_err(|error| {
                let dir = tenure.dir().display();
                let told = format!("`owner.json` in `{dir}` cannot be written: {error}");
                Error::new(Code::StoreUnavailable, told)
            })?,
            Motion::Still => Owner::remove_stale(tenure.dir()),
        }
        Ok(Self { tenure, owner, shutdown, serving, keys })
    }

    /// Whether it moves the runs of its directory.
    pub fn motion(&self) -> Motion {
        self.tenure.engine().motion()
    }

    /// Where it answers.
    pub fn endpoint(&self) -> &str {
        &self.owner.endpoint
    }

    /// A client of it, as the owner.
    pub fn client(&self) -> Result<Client, Fault> {
        Client::new(&self.owner.endpoint, &self.owner.token)
    }

    /// Takes no more requests, lets effects in flight come to an end, takes the note away.
    pub async fn stop(self) {
        self.keys.abort();
        let drained = self.tenure.engine().clone();
        drained.drain().await;
        let _ = self.shutdown.send(());
        if tokio::time::timeout(CONNECTIONS_END_MAX, self.serving).await.is_err() {
            tracing::info!("some connections did not end by themselves");
        }
        self.owner.withdraw(self.tenure.dir());
    }
}

fn state(tenure: &Tenure, owner: &Owner, tokens: Tokens) -> ServerState {
    let keys = tenure.keys();
    let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
    let user = user.unwrap_or_else(|| "local".to_owned());
    let access = Access::loopback(tenure.tenant(), user).with_owner_token(&owner.token);
    ServerState {
        engine: tenure.engine().clone(),
        access: Arc::new(access.with_tokens(tokens)),
        signer: Arc::new(HeadSigner {
            secret: keys.node,
            certificate: keys.certificate.clone(),
            epoch: tenure.epoch(),
        }),
        clock: tenure.clock().clone(),
        started_at: owner.started_at,
        files: files(tenure.store().clone()),
    }
}

/// What the connections that write the store say of their settings.
fn files(store: SqliteStore) -> StoreFiles {
    let told = |set: FileSettings| StoreFile {
        file: set.file,
        journal_mode: set.journal_mode,
        synchronous: match set.synchronous {
            0 => "off".to_owned(),
            1 => "normal".to_owned(),
            2 => "full".to_owned(),
            3 => "extra".to_owned(),
            other => other.to_string(),
        },
        bytes: set.bytes,
        wal_bytes: set.wal_bytes,
    };
    StoreFiles::told_by(move || {
        let settings = store.settings();
        let settings = settings.map_err(|why| Error::new(Code::StoreUnavailable, why.to_string()));
        Ok(settings?.into_iter().map(told).collect())
    })
}

/// The address a client on this machine reaches: nobody connects to "any".
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}

/// Resolves at the next SIGTERM or SIGINT, with its name; listens from now on.
pub(crate) fn ended_by_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    let mut term: Signal = signal(SignalKind::terminate())?;
    let mut int: Signal = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        }
    })
}
