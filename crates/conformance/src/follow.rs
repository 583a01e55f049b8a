//! A session's stream, read as a client reads it: server-sent events, one after the other.

use crate::case::{Outcome, failed};
use crate::client::{Client, Headers, innermost};
use crate::kit::PATIENCE;
use reqwest::Response;
use serde_json::Value;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// The event's id, where a client that comes back goes on.
    pub id: String,
    /// Its name.
    pub event: String,
    pub data: Value,
}

impl Told {
    /// The seq of the entry it tells; none for what is provisional.
    pub fn seq(&self) -> Option<u64> {
        self.data["hash"].as_str().and_then(|_| self.data["seq"].as_u64())
    }
}

/// An open stream.
pub(crate) struct Follow {
    response: Response,
    read: String,
    rest: Vec<u8>,
}

impl Follow {
    /// Follows a session; with `after`, from behind that event's id.
    pub async fn begin(client: &Client, session: &str, after: Option<&str>) -> Outcome<Self> {
        let path = format!("/v1/sessions/{session}/events");
        let place = after.map(|id| ("last-event-id", id));
        let headers: Vec<(&str, &str)> =
            [("accept", "text/event-stream")].into_iter().chain(place).collect();
        Self::open(client, &path, &headers).await
    }

    async fn open(client: &Client, path: &str, headers: Headers<'_>) -> Outcome<Self> {
        let response = client.open(path, headers).await?;
        let media = response.headers().get("content-type").and_then(|media| media.to_str().ok());
        let media = media.unwrap_or_default().to_owned();
        if response.status() != 200 || !media.starts_with("text/event-stream") {
            return failed(format!(
                "`GET {path}` answered {} as `{media}`; expected 200 as `text/event-stream`",
                response.status()
            ));
        }
        Ok(Self { response, read: String::new(), rest: Vec::new() })
    }

    /// The next event; none when the stream has ended or was cut.
    pub async fn next(&mut self) -> Outcome<Option<Told>> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (told, rest) = (event(block), rest.to_owned());
                self.read = rest;
                if told.is_some() {
                    return Ok(told);
                }
                continue;
            }
            match tokio::time::timeout(PATIENCE, self.response.chunk()).await {
                Ok(Ok(Some(piece))) => self.take(&piece),
                // cut short is how a restart looks
                Ok(Ok(None) | Err(_)) => return Ok(None),
                Err(_) => {
                    return failed(format!("the stream told nothing for {} s", PATIENCE.as_secs()));
                }
            }
        }
    }

    /// The next event that tells an entry.
    pub async fn entry(&mut self) -> Outcome<Option<Told>> {
        loop {
            match self.next().await? {
                Some(told) if told.seq().is_none() => {}
                told => return Ok(told),
            }
        }
    }

    /// Entries up to that seq; the case fails if the stream ends before.
    pub async fn up_to(&mut self, last: u64) -> Outcome<Vec<Told>> {
        let mut told = Vec::new();
        while told.last().and_then(Told::seq) < Some(last) {
            match self.entry().await? {
                Some(entry) => told.push(entry),
                None => return failed(format!("the stream ended before entry {last}")),
            }
        }
        Ok(told)
    }

    fn take(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        // a letter may be cut in two between pieces
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let text: Vec<u8> = self.rest.drain(..whole).collect();
        self.read.push_str(&String::from_utf8_lossy(&text).replace('\r', ""));
    }
}

fn event(block: &str) -> Option<Told> {
    let field = |name: &str| -> Vec<&str> {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect()
    };
    let data = field("data").join("\n");
    let data: Value = serde_json::from_str(&data).ok()?;
    let last = |name: &str| field(name).last().map_or(String::new(), |value| (*value).to_owned());
    Some(Told { id: last("id"), event: last("event"), data })
}

/// Reads a text answer whole.
pub(crate) async fn whole(response: Response) -> Outcome<String> {
    match tokio::time::timeout(PATIENCE, response.text()).await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => failed(format!("an answer was cut short: {}", innermost(&error))),
        Err(_) => failed(format!("an answer did not end within {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_1_an_event_is_read_and_a_comment_is_none() {
        let told =
            event("id: 7\nevent: run.started\ndata: {\"seq\":7,\"hash\":\"sha256:0\"}").unwrap();
        assert_eq!(
            (told.id.as_str(), told.event.as_str(), told.seq()),
            ("7", "run.started", Some(7))
        );
        assert_eq!(event(": keep-alive"), None);
    }
}
