//! The payment service: another process with its own memory and its own ledger.
//!
//! `/charges` honours the idempotency key. `/refunds` does not: whoever asks twice pays twice. Both
//! can be asked what became of a key. Told so, the service keeps an answer back after the money
//! moved, which is where a crash hurts most.

use super::ledger::{Ledger, Line, Outcome, Request};
use crate::stage::now_micros;
use axum::extract::{Path as PathPart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

/// How the service behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// Its ledger.
    pub ledger: PathBuf,
    /// Answers kept back for ever once the money moved: which charge or refund, from 1.
    pub hold: Vec<(Request, u64)>,
    /// The same, and its look-up cannot tell.
    pub unknown: Vec<(Request, u64)>,
    /// Longest wait before and after the money moves, milliseconds.
    pub delay_ms: u64,
    /// Which waits.
    pub seed: u64,
}

/// What the service says on standard output, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Booked {
    /// The key.
    pub booked: String,
    pub request: Request,
    pub reference: String,
    /// Whether the answer is kept back.
    pub held: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Payment {
    reference: String,
    #[serde(default)]
    document: String,
    #[serde(default)]
    cents: u64,
    #[serde(default)]
    reason: String,
}

struct Desk {
    behaviour: Behaviour,
    books: Mutex<Books>,
}

struct Books {
    ledger: Ledger,
    claims: HashMap<String, String>,
    booked: HashMap<(Request, String), Value>,
    counts: HashMap<Request, u64>,
    mute: Vec<String>,
    waits: StdRng,
}

impl std::hash::Hash for Request {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (*self as u8).hash(state);
    }
}

/// Serves until standard input ends: the service does not outlive whoever started it.
pub(crate) async fn serve(behaviour: Behaviour) -> std::io::Result<()> {
    let books = Books {
        ledger: Ledger::create(&behaviour.ledger)?,
        claims: HashMap::new(),
        booked: HashMap::new(),
        counts: HashMap::new(),
        mute: Vec::new(),
        waits: StdRng::seed_from_u64(behaviour.seed),
    };
    let desk = Arc::new(Desk { behaviour, books: Mutex::new(books) });
    let routes = Router::new()
        .route("/references", post(register))
        .route("/charges", post(charge))
        .route("/charges/by-key/{key}", get(charge_by_key))
        .route("/refunds", post(refund))
        .route("/refunds/by-key/{key}", get(refund_by_key))
        .route("/reports", post(report))
        .with_state(desk);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    say(&json!({ "listening": format!("http://{}", listener.local_addr()?) }));
    tokio::select! {
        served = axum::serve(listener, routes) => served,
        _ = parent_gone() => Ok(()),
    }
}

async fn parent_gone() {
    let mut nothing = [0; 16];
    while matches!(tokio::io::stdin().read(&mut nothing).await, Ok(read) if read > 0) {}
}

fn say(line: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(line) {
        let mut out = std::io::stdout();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

type Shared = State<Arc<Desk>>;

async fn charge(State(desk): Shared, headers: HeaderMap, Json(asked): Json<Payment>) -> Response {
    desk.pay(Request::Charge, key(&headers), asked).await
}

async fn refund(State(desk): Shared, headers: HeaderMap, Json(asked): Json<Payment>) -> Response {
    desk.pay(Request::Refund, key(&headers), asked).await
}

async fn charge_by_key(State(desk): Shared, PathPart(key): PathPart<String>) -> Response {
    desk.look_up(Request::Charge, &key)
}

async fn refund_by_key(State(desk): Shared, PathPart(key): PathPart<String>) -> Response {
    desk.look_up(Request::Refund, &key)
}

async fn register(State(desk): Shared, headers: HeaderMap, Json(asked): Json<Payment>) -> Response {
    let mut books = desk.books();
    let holder =
        books.claims.entry(asked.reference.clone()).or_insert_with(|| asked.document.clone());
    let (first, holder) = (*holder == asked.document, holder.clone());
    let answer = json!({
        "reference": asked.reference, "document": asked.document, "cents": asked.cents,
        "first": first, "holder": holder,
    });
    books.note(Request::Register, Outcome::Noted, &key(&headers), &asked);
    Json(answer).into_response()
}

async fn report(State(desk): Shared, headers: HeaderMap, Json(asked): Json<Payment>) -> Response {
    desk.books().note(Request::Report, Outcome::Noted, &key(&headers), &asked);
    Json(json!({ "document": asked.document, "reported": asked.reason })).into_response()
}

/// The key a request came with; a payment without one is on its own.
fn key(headers: &HeaderMap) -> String {
    let given = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    given.unwrap_or_default().to_owned()
}

impl Desk {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pay(&self, request: Request, key: String, asked: Payment) -> Response {
        self.wait().await;
        let (answer, kept_back) = {
            let mut books = self.books();
            let known = books.booked.get(&(request, key.clone())).cloned();
            match known {
                Some(answer) if request == Request::Charge => {
                    books.note(request, Outcome::Repeated, &key, &asked);
                    (answer, false)
                }
                _ => self.book(&mut books, request, &key, &asked),
            }
        };
        if kept_back {
            // nobody will ever hear of it from here
            std::future::pending::<()>().await;
        }
        self.wait().await;
        Json(answer).into_response()
    }

    /// Moves the money; tells whether the answer is kept back.
    fn book(
        &self,
        books: &mut Books,
        request: Request,
        key: &str,
        asked: &Payment,
    ) -> (Value, bool) {
        books.note(request, Outcome::Booked, key, asked);
        let count = books.counts.entry(request).or_default();
        *count += 1;
        let number = *count;
        let name = if request == Request::Charge { "charge" } else { "refund" };
        let answer = json!({ name: format!("{name}-{number:04}"), "reference": asked.reference, "cents": asked.cents });
        books.booked.insert((request, key.to_owned()), answer.clone());
        let held = self.behaviour.hold.contains(&(request, number));
        let mute = self.behaviour.unknown.contains(&(request, number));
        if mute {
            books.mute.push(key.to_owned());
        }
        say(&Booked { booked: key.to_owned(), request, reference: asked.reference.clone(), held });
        (answer, held || mute)
    }

    fn look_up(&self, request: Request, key: &str) -> Response {
        let mut books = self.books();
        let found = books.booked.get(&(request, key.to_owned())).cloned();
        let asked = Payment {
            reference: String::new(),
            document: String::new(),
            cents: 0,
            reason: String::new(),
        };
        if books.mute.iter().any(|mute| mute == key) {
            books.note(Request::LookUp, Outcome::Unknown, key, &asked);
            let told = json!({ "error": "the look-up is down for maintenance" });
            return (StatusCode::SERVICE_UNAVAILABLE, Json(told)).into_response();
        }
        match found {
            Some(answer) => {
                books.note(Request::LookUp, Outcome::Found, key, &asked);
                Json(answer).into_response()
            }
            None => {
                books.note(Request::LookUp, Outcome::Absent, key, &asked);
                (StatusCode::NOT_FOUND, Json(json!({ "error": "no such key" }))).into_response()
            }
        }
    }

    async fn wait(&self) {
        if self.behaviour.delay_ms > 0 {
            let wait = self.books().waits.random_range(0..=self.behaviour.delay_ms);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}

impl Books {
    fn note(&mut self, request: Request, outcome: Outcome, key: &str, asked: &Payment) {
        let line = Line {
            number: 0,
            at_micros: now_micros(),
            request,
            outcome,
            key: key.to_owned(),
            reference: asked.reference.clone(),
            cents: asked.cents,
        };
        if let Err(error) = self.ledger.enter(line) {
            // a payment that cannot be written down must not be answered
            eprintln!("payments: the ledger cannot be written: {error}");
            std::process::exit(4);
        }
    }
}
