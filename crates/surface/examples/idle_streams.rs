//! Measures what idle followers cost, of a session's stream and of a tenant's: resident memory and
//! processor time of the whole process, both ends of every connection included; what
//! little of the latter there is goes into heartbeats.
//! `cargo run -p tenure-surface --example idle_streams tenant`

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::entry::Principal;
use tenure_contract::resource::{Caller, OpenSession};
use tenure_contract::{TenantId, Time};
use tenure_core::verify::head::{certify, public_key};
use tenure_engine::{
    Clock, Config, Drive, Engine, IntentRegistry, Motion, Slots, SystemMint, VaultKey,
};
use tenure_store::MemoryStore;
use tenure_surface::http::{Access, HeadSigner, ServerState, StoreFiles, router, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Followers of each stream; a server answers only a few more connections at once.
const FOLLOWERS: usize = 1_000;
/// How long they are left alone.
const IDLE: Duration = Duration::from_secs(20);
/// Bytes of a page and ticks of a second, as Linux counts them almost everywhere.
const PAGE_BYTES: u64 = 4_096;
const TICKS_PER_S: f64 = 100.0;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let tenant = TenantId::from_bytes([1; 16]);
    let engine =
        Engine::start(MemoryStore::new().store(), config(), IntentRegistry::default(), &|_| {})?;
    let caller = Caller {
        tenant,
        principal: Principal::user("ada"),
        surface: None,
        scopes: vec!["*".to_owned()],
        product: None,
    };
    let session = engine.open_session(&caller, OpenSession::default(), None).await?.session_id;
    // one stream per process: what the first one frees, the next one would be given
    let path = match std::env::args().nth(1).as_deref() {
        Some("session") => format!("/v1/sessions/{session}/events"),
        Some("tenant") => "/v1/events".to_owned(),
        other => return Err(format!("{other:?}: expected `session` or `tenant`").into()),
    };
    let address = served(engine, tenant).await?;
    // what the first connections set up once is not theirs
    let warm = follow(address, &path, 8).await?;
    let before = resident()?;
    let followers = follow(address, &path, FOLLOWERS).await?;
    let (held, spent) = (resident()?.saturating_sub(before), ticks()?);
    tokio::time::sleep(IDLE).await;
    let spent = (ticks()? - spent) as f64 / TICKS_PER_S / IDLE.as_secs_f64();
    println!(
        "{FOLLOWERS} idle followers of `{path}`: {:.1} MiB, {} KiB each, {:.2} % of a core",
        held as f64 / 1_048_576.0,
        held / 1024 / FOLLOWERS as u64,
        spent * 100.0
    );
    drop((warm, followers));
    Ok(())
}

fn config() -> Config {
    Config {
        node: "node".to_owned(),
        drive: Drive::Threads,
        clock: Clock::system(),
        mint: Arc::new(SystemMint),
        workspaces: std::env::temp_dir(),
        vault: VaultKey([3; 32]),
        motion: Motion::Live,
        observers: Vec::new(),
        slots: Slots::default(),
        resident_max_bytes: tenure_contract::limits::RESIDENT_MAX_BYTES_DEFAULT,
        host: tenure_engine::Host::default(),
        on_fatal: Box::new(|why| panic!("{why}")),
    }
}

async fn served(engine: Engine, tenant: TenantId) -> Outcome<SocketAddr> {
    let secret = [8; 32];
    let certificate = certify(&[7; 32], &public_key(&secret));
    let state = ServerState {
        engine,
        access: Arc::new(Access::loopback(tenant, "ada")),
        signer: Arc::new(HeadSigner { secret, certificate, epoch: 1 }),
        clock: Clock::system(),
        started_at: Time::from_micros(0),
        files: StoreFiles::none(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, router(state), std::future::pending()));
    Ok(address)
}

/// Connections that follow a path and have read its head and the first event.
async fn follow(address: SocketAddr, path: &str, count: usize) -> Outcome<Vec<TcpStream>> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut followers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut follower = TcpStream::connect(address).await?;
        follower.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        let mut piece = [0; 4_096];
        while !answer.contains("session.opened") {
            let read = follower.read(&mut piece).await?;
            answer.push_str(&String::from_utf8_lossy(&piece[..read]));
            if read == 0 || !answer.starts_with("HTTP/1.1 200") {
                return Err(answer.into());
            }
        }
        followers.push(follower);
    }
    Ok(followers)
}

fn resident() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split(' ').nth(1).ok_or("no resident pages")?.parse()?;
    Ok(pages * PAGE_BYTES)
}

fn ticks() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let rest = text.rsplit_once(") ").ok_or("no processor time")?.1;
    let mut fields = rest.split(' ').skip(11);
    let mut next = || -> Outcome<u64> { Ok(fields.next().ok_or("no ticks")?.parse()?) };
    Ok(next()? + next()?)
}
