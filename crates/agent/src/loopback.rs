//! A hand-written HTTP server on loopback for this crate's tests: it records what arrives and
//! answers exactly the bytes it was given.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What one connection gets: raw pieces, each flushed, and what then becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) pieces: Vec<String>,
    pub(crate) then: Then,
}

/// What becomes of a connection after its last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is closed.
    Close,
    /// It is held open until the client closes it.
    Hold,
}

impl From<String> for Reply {
    fn from(raw: String) -> Self {
        Self { pieces: vec![raw], then: Then::Close }
    }
}

/// A whole answer with a length.
pub(crate) fn reply(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// The server; connections are answered in their order, then refused.
pub(crate) struct Loopback {
    authority: String,
    requests: Arc<Mutex<Vec<String>>>,
    closed_by_client: watch::Receiver<usize>,
}

impl Loopback {
    /// Starts one.
    pub(crate) async fn answering<R: Into<Reply>>(replies: Vec<R>) -> Self {
        // whoever is first in this process; the others find it there
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (closed, closed_by_client) = watch::channel(0);
        let replies: Vec<Reply> = replies.into_iter().map(Into::into).collect();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, reply, Arc::clone(&seen), closed.clone()));
            }
        });
        Self { authority, requests, closed_by_client }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn authority(&self) -> String {
        self.authority.clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// Every request so far: head with lower-case names, empty line, body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resolves once a client has closed a held connection.
    pub(crate) async fn closed_by_client(&self) {
        let mut closed = self.closed_by_client.clone();
        closed.wait_for(|count| *count > 0).await.unwrap();
    }
}

async fn answer(
    mut stream: TcpStream,
    reply: Reply,
    seen: Arc<Mutex<Vec<String>>>,
    closed: watch::Sender<usize>,
) {
    stream.set_nodelay(true).unwrap();
    let request = request(&mut stream).await;
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    for piece in &reply.pieces {
        if stream.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
        let _ = stream.flush().await;
    }
    if reply.then == Then::Hold {
        let mut rest = [0; 64];
        while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {}
        closed.send_modify(|count| *count += 1);
    }
    let _ = stream.shutdown().await;
}

async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            _ => return text,
        }
    }
}
