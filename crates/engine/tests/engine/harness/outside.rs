//! The world outside: an HTTP server on loopback, on threads of its own, that survives every crash
//! of a node and writes down every request that reached it.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub path: String,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    pub body: Value,
    /// Which of its path it is, from 1.
    pub nth: usize,
}

/// What a request gets.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status and a body.
    Json(u16, Value),
    /// The same, once the gate is opened.
    Held(Value),
    /// Nothing, for as long as the client holds the connection.
    Silence,
    /// The connection is closed without an answer.
    Cut,
    /// A stream of events, then its end.
    Events(Vec<Value>),
}

/// A model's answer in one piece of text.
pub fn said(text: &str) -> Reply {
    let delta = |content: Value, reason: Value| json!({ "choices": [{ "index": 0, "delta": content, "finish_reason": reason }] });
    Reply::Events(vec![
        delta(json!({ "role": "assistant", "content": text }), Value::Null),
        delta(json!({}), json!("stop")),
    ])
}

/// A model's answer that asks for calls: id, tool, arguments.
pub fn calls(asked: &[(&str, &str, Value)]) -> Reply {
    let call = |(index, (id, name, arguments)): (usize, &(&str, &str, Value))| {
        json!({ "index": index, "id": id, "type": "function",
                "function": { "name": name, "arguments": arguments.to_string() } })
    };
    let asked: Vec<Value> = asked.iter().enumerate().map(call).collect();
    let choice = |delta: Value, reason: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] });
    Reply::Events(vec![
        choice(json!({ "role": "assistant", "tool_calls": asked }), Value::Null),
        choice(json!({}), json!("tool_calls")),
    ])
}

type Behaviour = Arc<dyn Fn(&Attempt) -> Reply + Send + Sync>;

#[derive(Default)]
struct Ledger {
    behaviours: HashMap<String, Behaviour>,
    attempts: Vec<Attempt>,
}

struct State {
    ledger: Mutex<Ledger>,
    arrived: watch::Sender<usize>,
    /// Paths of the answers that were read.
    heard: watch::Sender<Vec<String>>,
    gate: watch::Sender<bool>,
}

/// See the module. Clones are the same server.
#[derive(Clone)]
pub struct Outside {
    authority: String,
    state: Arc<State>,
}

impl Outside {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            ledger: Mutex::default(),
            arrived: watch::Sender::new(0),
            heard: watch::Sender::new(Vec::new()),
            gate: watch::Sender::new(false),
        });
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = serving.clone();
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self { authority, state }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// Requests whose path begins so get this.
    pub fn on(&self, path: &str, behaviour: impl Fn(&Attempt) -> Reply + Send + Sync + 'static) {
        self.state.ledger.lock().unwrap().behaviours.insert(path.to_owned(), Arc::new(behaviour));
    }

    /// Every request whose path begins so.
    pub fn attempts(&self, path: &str) -> Vec<Attempt> {
        let ledger = self.state.ledger.lock().unwrap();
        ledger.attempts.iter().filter(|attempt| attempt.path.starts_with(path)).cloned().collect()
    }

    /// Resolves once that many have arrived.
    pub async fn reached(&self, path: &str, count: usize) {
        let mut arrived = self.state.arrived.subscribe();
        arrived.wait_for(|_| self.attempts(path).len() >= count).await.unwrap();
    }

    /// Resolves once the answer of a request to that path was read to its end.
    pub async fn heard(&self, path: &str) {
        let mut heard = self.state.heard.subscribe();
        heard.wait_for(|heard| heard.iter().any(|known| known.starts_with(path))).await.unwrap();
    }

    /// Answers everything that is held, now and later.
    pub fn open_gate(&self) {
        self.state.gate.send_replace(true);
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        let Some(mut attempt) = request(&stream) else { return };
        let behaviour = {
            let mut ledger = self.ledger.lock().unwrap();
            let earlier = ledger.attempts.iter().filter(|known| known.path == attempt.path);
            attempt.nth = earlier.count() + 1;
            ledger.attempts.push(attempt.clone());
            let fits = ledger.behaviours.iter().filter(|(path, _)| attempt.path.starts_with(*path));
            fits.max_by_key(|(path, _)| path.len()).map(|(_, behaviour)| behaviour.clone())
        };
        self.arrived.send_modify(|count| *count += 1);
        let reply = behaviour.map_or(Reply::Json(200, json!({ "ok": true })), |one| one(&attempt));
        if self.answer(&mut stream, reply).is_ok() && stream.read(&mut [0; 1]).is_ok() {
            // the client has hung up, so it has read everything
            self.heard.send_modify(|heard| heard.push(attempt.path));
        }
    }

    fn answer(&self, stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
        match reply {
            Reply::Json(status, body) => write_json(stream, status, &body),
            Reply::Held(body) => {
                let mut gate = self.gate.subscribe();
                let _ = futures::executor::block_on(gate.wait_for(|open| *open));
                write_json(stream, 200, &body)
            }
            Reply::Silence => {
                let mut rest = [0; 64];
                while stream.read(&mut rest)? > 0 {}
                Ok(())
            }
            Reply::Cut => Err(std::io::ErrorKind::ConnectionAborted.into()),
            Reply::Events(events) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                            connection: close\r\n\r\n";
                stream.write_all(head.as_bytes())?;
                for event in events {
                    write!(stream, "data: {event}\n\n")?;
                }
                stream.write_all(b"data: [DONE]\n\n")?;
                // a stream without a length ends with its connection
                stream.shutdown(std::net::Shutdown::Write)
            }
        }
    }
}

fn write_json(stream: &mut TcpStream, status: u16, body: &Value) -> std::io::Result<()> {
    let text = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    )
}

fn request(stream: &TcpStream) -> Option<Attempt> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut key) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "idempotency-key" => key = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Attempt { path, key, body, nth: 0 })
}
