//! Just enough HTTP/1.1 to be a model's server: one request, one answer, one connection.

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest request that is read, bytes.
const REQUEST_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The media type of what comes in pieces.
const EVENTS: &str = "text/event-stream";

/// What arrived.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What is answered.
pub(super) enum Said {
    /// An answer.
    Answer { status: u16, media: &'static str, body: String },
    /// An answer in two pieces; the second one comes when the wait is over.
    Halves { first: String, wait: BoxFuture<'static, ()>, second: String },
    /// The connection ends without one.
    Cut,
}

impl Said {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer { status, media: "application/json", body: body.to_string() }
    }
    pub const fn events(body: String) -> Self {
        Self::Answer { status: 200, media: EVENTS, body }
    }
    pub fn nothing(status: u16) -> Self {
        Self::json(status, &serde_json::json!({ "error": { "message": "nothing here" } }))
    }
}

/// Answers the one request of a connection. A client that goes away ends the wait for the answer.
pub(super) async fn converse(mut stream: TcpStream, answer: impl AsyncFnOnce(Asked) -> Said) {
    let Some(asked) = read(&mut stream).await else { return };
    let mut rest = [0u8; 1];
    let said = tokio::select! {
        said = answer(asked) => said,
        _ = stream.read(&mut rest) => return,
    };
    // a client that is gone needs no answer
    let _ = match said {
        Said::Answer { status, media, body } => {
            let text = head(status, media, body.len()) + &body;
            stream.write_all(text.as_bytes()).await
        }
        Said::Halves { first, wait, second } => {
            let text = head(200, EVENTS, first.len() + second.len()) + &first;
            let _ = stream.write_all(text.as_bytes()).await;
            wait.await;
            stream.write_all(second.as_bytes()).await
        }
        Said::Cut => return,
    };
    let _ = stream.shutdown().await;
}

fn head(status: u16, media: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status} Kit\r\ncontent-type: {media}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(asked) = parse(&bytes) {
            return Some(asked);
        }
        let mut piece = [0u8; 8192];
        let read = stream.read(&mut piece).await.ok()?;
        if read == 0 || bytes.len() > REQUEST_MAX_BYTES {
            return None;
        }
        bytes.extend_from_slice(&piece[..read]);
    }
}

/// A whole request; none while some of it is missing.
fn parse(bytes: &[u8]) -> Option<Asked> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut asked = Asked { path, headers, body: Vec::new() };
    let rest = &bytes[end + 4..];
    asked.body = if asked.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        dechunked(rest)?
    } else {
        let length = asked.header("content-length").parse().unwrap_or(0);
        rest.get(..length)?.to_vec()
    };
    Some(asked)
}

fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_whole_with_a_length_or_in_chunks() {
        let with_length = b"POST /p0/v1/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        assert!(parse(&with_length[..with_length.len() - 1]).is_none());
        let asked = parse(with_length).unwrap();
        assert_eq!((asked.path.as_str(), asked.body.as_slice()), ("/p0/v1/x", b"hello".as_slice()));
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, b"hello");
    }
}
