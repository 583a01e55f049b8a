//! One entry as the event stream tells it, and the reader of that stream.

use serde::de::DeserializeOwned;
use serde_json::Value;
use tenure_contract::Time;
use tenure_contract::live::Provisional;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    /// An entry.
    Entry(Happening),
    /// What is provisional.
    Live(Provisional),
}

/// What the command line reads of an entry: an unknown kind is still shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    /// Place in the session's journal.
    pub seq: u64,
    /// When it was decided.
    pub at: Time,
    /// The kind, such as `step.landed`.
    pub kind: String,
    /// The event's own fields.
    pub data: Value,
    /// The run, if it belongs to one.
    pub run: Option<String>,
    /// The hash of the chain after it.
    pub hash: String,
    /// What stands beside it, when it is JSON.
    pub body: Value,
    /// The place a client goes on after, as the stream names it.
    pub place: String,
    /// The entry as it was told.
    pub line: Box<Value>,
}

impl Happening {
    /// Reads the line of an entry; none when it is something else.
    pub fn read(line: &Value) -> Option<Self> {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let body = match &line["body"]["text"] {
            Value::String(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
            }
            _ => Value::Null,
        };
        Some(Self {
            seq: line["seq"].as_u64()?,
            at: text("at")?.parse().ok()?,
            kind: text("kind")?,
            data: line["data"].clone(),
            run: text("run"),
            hash: text("hash").unwrap_or_default(),
            body,
            place: String::new(),
            line: Box::new(line.clone()),
        })
    }

    /// A text among the event's own fields; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.data[name].as_str().unwrap_or_default()
    }
}

/// Puts an event stream together from its pieces (WHATWG HTML §9.2).
#[derive(Debug, Default)]
pub(super) struct Reader {
    pending: Vec<u8>,
    name: String,
    data: String,
    place: String,
}

impl Reader {
    pub fn take(&mut self, piece: &[u8]) {
        self.pending.extend_from_slice(piece);
    }

    /// The next whole event that is known here.
    pub fn next(&mut self) -> Option<Sent> {
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
                match read(&name, &data) {
                    Some(Sent::Entry(told)) => {
                        return Some(Sent::Entry(Happening { place: self.place.clone(), ..told }));
                    }
                    Some(Sent::Live(live)) => return Some(Sent::Live(live)),
                    None => {}
                }
            } else if let Some(place) = line.strip_prefix("id:") {
                self.place = place.trim().to_owned();
            } else if let Some(name) = line.strip_prefix("event:") {
                name.strip_prefix(' ').unwrap_or(name).clone_into(&mut self.name);
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        None
    }
}

fn read(name: &str, data: &str) -> Option<Sent> {
    fn of<T: DeserializeOwned>(data: &str, kind: fn(T) -> Provisional) -> Option<Sent> {
        serde_json::from_str(data).ok().map(|told| Sent::Live(kind(told)))
    }
    match name {
        "turn-delta" => of(data, Provisional::Delta),
        "turn-restarted" => of(data, Provisional::Restarted),
        "tool-progress" => of(data, Provisional::Progress),
        _ => serde_json::from_str(data).ok().as_ref().and_then(Happening::read).map(Sent::Entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure_contract::live::TurnRestarted;
    use tenure_contract::{RunId, StepId};

    #[test]
    fn an_event_is_put_together_from_any_pieces() {
        let stream = ": hello\n\nid: 7\nevent: entry\ndata: {\"seq\":7,\"at\":\"2026-11-21T08:00:00Z\",\n\
                      data: \"kind\":\"run.started\",\"data\":{\"run\":\"run_x\"}}\r\n\r\n";
        for size in 1..stream.len() {
            let mut reader = Reader::default();
            let mut found = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                reader.take(piece);
                found.extend(std::iter::from_fn(|| reader.next()));
            }
            let [Sent::Entry(told)] = &found[..] else { panic!("in pieces of {size}: {found:?}") };
            assert_eq!((told.seq, told.text("run")), (7, "run_x"));
            assert_eq!(told.place, "7");
        }
    }

    #[test]
    fn str_1_what_is_provisional_is_told_apart_by_its_name() {
        let (run, step) = (RunId::from_bytes([1; 16]), StepId::from_bytes([2; 16]));
        let lost = Provisional::Restarted(TurnRestarted { run, step, attempt: 1 });
        let mut reader = Reader::default();
        let data = serde_json::to_string(&lost).unwrap();
        reader.take(format!("event: {}\ndata: {data}\n\n", lost.name()).as_bytes());
        reader.take(format!("event: something-new\ndata: {data}\n\n").as_bytes());
        assert_eq!(reader.next(), Some(Sent::Live(lost)));
        assert_eq!(reader.next(), None);
    }
}
