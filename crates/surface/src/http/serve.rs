//! Answering on a listener: time-outs, a bound on connections, and an end that closes streams.

use super::limits::{CLOSE_MAX_MS, CONNECTIONS_MAX, HEADER_READ_MAX_MS};
use super::patient::Patient;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tenure_contract::{Code, Error};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower_http::add_extension::AddExtension;

/// How a request came here; every request served by [`serve`] carries one.
#[derive(Clone)]
pub(super) struct Arrival {
    /// The other end of the connection.
    pub peer: SocketAddr,
    closing: watch::Receiver<bool>,
}

/// Resolves when the server is to end; what would wait longer ends then.
#[derive(Clone)]
pub(super) struct Closing(Option<watch::Receiver<bool>>);

impl Closing {
    pub async fn begun(&mut self) {
        match &mut self.0 {
            // a sender that is gone has closed, too
            Some(closing) => drop(closing.wait_for(|closing| *closing).await),
            None => std::future::pending().await,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Closing {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let arrival = parts.extensions.get::<Arrival>();
        Ok(Self(arrival.map(|arrival| arrival.closing.clone())))
    }
}

/// Refuses an address others can reach while nobody needs a key (`AUT-1`).
///
/// # Errors
/// `invalid-argument`, saying what is possible.
///
/// ```
/// use tenure_surface::http::check_bind;
/// assert!(check_bind("127.0.0.1:0".parse()?, false).is_ok());
/// assert!(check_bind("0.0.0.0:80".parse()?, true).is_ok());
/// assert!(check_bind("0.0.0.0:80".parse()?, false).is_err());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn check_bind(address: SocketAddr, has_auth: bool) -> Result<(), Error> {
    if has_auth || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let text = format!(
        "address `{address}` can be reached by others and this server has no API key \
         and no issuer; make a key, name an issuer with `--auth FILE`, or listen on `127.0.0.1:{}`",
        address.port()
    );
    Err(Error::new(Code::InvalidArgument, text))
}

/// Answers on a listener until `shutdown` resolves. Then nothing new is accepted, streams and long
/// reads end, answers in progress are finished for [`CLOSE_MAX_MS`] at the most.
///
/// # Errors
/// When the listener's own address cannot be read; failures of single connections end those only.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    let (close, closing) = watch::channel(false);
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = accept(&listener, &seats) => {
                let Some((stream, peer, seat)) = accepted else { continue };
                let service = AddExtension::new(router.clone(), Arrival { peer, closing: closing.clone() });
                connections.spawn(answer(stream, service, graceful.watcher(), seat));
            }
        }
    }
    drop(listener);
    close.send_replace(true);
    let limit = Duration::from_millis(CLOSE_MAX_MS);
    if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were cut that had not ended after {CLOSE_MAX_MS} ms");
    }
    Ok(())
}

/// The next connection, once there is a seat for it.
async fn accept(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let seat = seats.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, seat)),
        Err(error) => {
            // out of files, mostly: others must end first, and asking again at once would spin
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn answer(
    stream: TcpStream,
    service: AddExtension<Router, Arrival>,
    watcher: Watcher,
    seat: OwnedSemaphorePermit,
) {
    // small answers go out at once; a peer that is gone is noticed when it is written to
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEADER_READ_MAX_MS));
    let connection = builder
        .serve_connection(TokioIo::new(Patient::new(stream)), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(seat);
}
