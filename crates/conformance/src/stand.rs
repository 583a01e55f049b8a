//! The world the kit brings along: a model that speaks Chat Completions, and an outside that counts
//! effects. Both stand on one listener of this machine.
//!
//! A [`Play`] is what one agent's model says. Which turn it is follows from the conversation alone,
//! by the model's answers since the task: a server may ask again, or be restarted, and gets the same
//! turn. Turns may be held until the case lets them go, so nothing here depends on how fast a
//! machine is.

mod speech;
mod wire;

use speech::Held;
pub(crate) use speech::Turn;

use crate::case::{Outcome, failed};
use crate::kit::PATIENCE;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::{Asked, Said};

/// What every task the kit gives begins with.
const TASK_MARK: &str = "kit-task";

/// The listener; it closes when this is dropped.
pub(crate) struct Stand {
    address: SocketAddr,
    plays: Plays,
    serving: JoinHandle<()>,
}

type Plays = Arc<Mutex<BTreeMap<String, Arc<Scene>>>>;

/// What one agent's model says, and what its tools did.
#[derive(Clone)]
pub(crate) struct Play {
    id: String,
    address: SocketAddr,
    scene: Arc<Scene>,
}

struct Scene {
    turns: Vec<Turn>,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    released: bool,
    asked: Vec<Request>,
    effects: Vec<Effect>,
    replies: BTreeMap<String, Vec<Reply>>,
}

/// One question to the model.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Which turn it was, from 0.
    pub turn: usize,
    /// The conversation as it was sent.
    pub messages: Vec<Value>,
}

/// One call of a tool that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub tool: String,
    pub key: String,
    pub what: String,
}

/// How the outside answers one call instead of doing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// 503, come back later.
    Busy,
    /// The connection ends without an answer.
    Cut,
}

impl Stand {
    pub async fn open(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let plays = Plays::default();
        let known = Arc::clone(&plays);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let plays = Arc::clone(&known);
                tokio::spawn(wire::converse(stream, async move |asked| {
                    answer(&plays, asked).await
                }));
            }
        });
        Ok(Self { address, plays, serving })
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new play.
    pub fn play(&self, turns: Vec<Turn>) -> Play {
        let mut plays = lock(&self.plays);
        let id = format!("p{}", plays.len());
        let scene = Arc::new(Scene { turns, state: watch::Sender::default() });
        plays.insert(id.clone(), Arc::clone(&scene));
        Play { id, address: self.address, scene }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Play {
    /// The base URL of its model.
    pub fn model_url(&self) -> String {
        format!("http://{}/{}/v1", self.address, self.id)
    }

    /// Where a tool tells what it did.
    pub fn effect_url(&self, tool: &str) -> String {
        format!("http://{}/{}/effects/{tool}", self.address, self.id)
    }

    /// The task the model counts its turns from.
    #[expect(clippy::unused_self, reason = "a task belongs to a play")]
    pub fn task(&self) -> String {
        format!("{TASK_MARK}: do it")
    }

    /// Lets the held turns go.
    pub fn release(&self) {
        self.scene.state.send_modify(|state| state.released = true);
    }

    /// What the outside answers the next calls of a tool instead of doing them.
    pub fn reply(&self, tool: &str, replies: &[Reply]) {
        self.scene.state.send_modify(|state| {
            state.replies.insert(tool.to_owned(), replies.iter().rev().copied().collect());
        });
    }

    /// How often the model was asked so far.
    pub fn turns_asked(&self) -> usize {
        self.scene.state.borrow().asked.len()
    }

    /// Every question so far.
    pub fn asked(&self) -> Vec<Request> {
        self.scene.state.borrow().asked.clone()
    }

    /// What was done so far; a call answered with [`Reply`] was not.
    pub fn effects(&self) -> Vec<Effect> {
        self.scene.state.borrow().effects.clone()
    }

    /// Waits until the model was asked for a turn, so often in all.
    pub async fn is_asked(&self, turn: usize, times: usize) -> Outcome {
        let mut state = self.scene.state.subscribe();
        let seen = state.wait_for(|state| {
            state.asked.iter().filter(|asked| asked.turn == turn).count() >= times
        });
        match tokio::time::timeout(PATIENCE, seen).await {
            Ok(Ok(_)) => Ok(()),
            _ => failed(format!(
                "the model was not asked for turn {turn} ({times} times) within {} s",
                PATIENCE.as_secs()
            )),
        }
    }
}

/// The one place that answers: `/<play>/v1/chat/completions` and `/<play>/effects/<tool>`.
async fn answer(plays: &Plays, asked: Asked) -> Said {
    let mut parts = asked.path.trim_start_matches('/').splitn(2, '/');
    let play = parts.next().and_then(|id| lock(plays).get(id).cloned());
    let (Some(scene), Some(rest)) = (play, parts.next()) else { return Said::nothing(404) };
    match rest.strip_prefix("effects/") {
        Some(tool) => scene.effect(tool, &asked),
        None => scene.speak(&asked).await,
    }
}

impl Scene {
    async fn speak(&self, asked: &Asked) -> Said {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let turn = turn_of(&messages);
        self.state.send_modify(|state| state.asked.push(Request { turn, messages }));
        let Some(said) = self.turns.get(turn) else { return Said::nothing(400) };
        let mut state = self.state.subscribe();
        let released = async move {
            // a scene that is gone holds nothing back
            let _ = state.wait_for(|state| state.released).await;
        };
        let in_pieces = body["stream"] == true;
        match (said.held_back(), in_pieces) {
            (Held::Whole, _) | (Held::Ending, false) => {
                released.await;
                said.to_answer(turn, in_pieces, std::future::ready(()))
            }
            (Held::Not | Held::Ending, _) => said.to_answer(turn, in_pieces, released),
        }
    }

    fn effect(&self, tool: &str, asked: &Asked) -> Said {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let what = body["what"].as_str().unwrap_or_default().to_owned();
        let key = asked.header("idempotency-key").to_owned();
        let mut said = Said::json(200, &serde_json::json!({ "did": what }));
        self.state.send_modify(|state| {
            let reply = state.replies.get_mut(tool).and_then(Vec::pop);
            match reply {
                Some(Reply::Busy) => said = Said::nothing(503),
                Some(Reply::Cut) => said = Said::Cut,
                None => {}
            }
            // a cut connection hides an effect that did happen
            if reply != Some(Reply::Busy) {
                state.effects.push(Effect { tool: tool.to_owned(), key, what });
            }
        });
        said
    }
}

/// The model's answers since the last task of the kit.
fn turn_of(messages: &[Value]) -> usize {
    let is_task = |message: &Value| {
        message["role"] == "user" && message["content"].to_string().contains(TASK_MARK)
    };
    let since = messages.iter().rposition(is_task).map_or(0, |place| place + 1);
    messages[since..].iter().filter(|message| message["role"] == "assistant").count()
}

fn lock<T>(cell: &Mutex<T>) -> MutexGuard<'_, T> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}
