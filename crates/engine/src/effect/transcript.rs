//! What the model reads of a run: its words, fetched from beside the entries that name them.

use crate::lock;
use crate::node::Node;
use crate::resident::Resident;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use tenure_agent::Agent;
use tenure_contract::agent::{Message, Role, ToolCallAsked};
use tenure_contract::{Error, RunId};
use tenure_core::session::{BroughtMemory, CallOutcome, Said};

/// The conversation of a run: chat memory first, if the run reads it, then its own words.
pub(crate) fn conversation(
    node: &Arc<Node>,
    resident: &Resident,
    agent: &Agent,
    run: RunId,
) -> Result<Vec<Message>, Error> {
    let (brought, said) = {
        let cell = lock(&resident.cell);
        let Some(state) = cell.session() else { return Ok(Vec::new()) };
        let Some(known) = state.runs.get(&run) else { return Ok(Vec::new()) };
        let remembered: &[RunId] = if known.memory { &state.memory } else { &[] };
        let earlier = remembered.iter().filter(|earlier| **earlier != run);
        let mut said: Vec<Said> = earlier
            .filter_map(|run| state.runs.get(run))
            .flat_map(tenure_core::session::Run::said)
            .collect();
        said.extend(known.said());
        (state.brought.filter(|_| known.memory), said)
    };
    let mut conversation = match brought {
        Some(brought) => brought_along(node, resident, brought)?,
        None => Vec::new(),
    };
    conversation.extend(messages(node, resident, agent, &said)?);
    Ok(conversation)
}

/// What was said in a session before it came from a store without owners (`TEN-2`).
fn brought_along(
    node: &Arc<Node>,
    resident: &Resident,
    brought: BroughtMemory,
) -> Result<Vec<Message>, Error> {
    let body = node.json_at(resident, brought.seq)?;
    let told = body.and_then(|body| serde_json::from_value(body).ok());
    Ok(told.unwrap_or_else(|| vec![Message::text(Role::User, erased())]))
}

/// What was said, as messages.
pub(crate) fn messages(
    node: &Arc<Node>,
    resident: &Resident,
    agent: &Agent,
    said: &[Said],
) -> Result<Vec<Message>, Error> {
    let mut teller = Teller { node, resident, agent, turns: HashMap::new() };
    said.iter().map(|said| teller.tell(*said)).collect()
}

struct Teller<'a> {
    node: &'a Arc<Node>,
    resident: &'a Resident,
    agent: &'a Agent,
    turns: HashMap<u64, Message>,
}

impl Teller<'_> {
    fn tell(&mut self, said: Said) -> Result<Message, Error> {
        match said {
            Said::Input(seq) => {
                let input = self.node.json_at(self.resident, seq)?.unwrap_or(Value::Null);
                let text = input
                    .get("task")
                    .and_then(Value::as_str)
                    .map_or_else(|| input.to_string(), str::to_owned);
                Ok(Message::text(Role::User, text))
            }
            Said::Turn(seq) => self.turn(seq),
            Said::Result { turn_seq, index, outcome } => {
                let turn = self.turn(turn_seq)?;
                let Some(call) = turn.tool_calls.get(index as usize) else {
                    return Ok(Message::tool(index.to_string(), erased()));
                };
                let text = self.result(call, outcome)?;
                Ok(Message::tool(&call.id, text))
            }
        }
    }

    fn turn(&mut self, seq: u64) -> Result<Message, Error> {
        if let Some(known) = self.turns.get(&seq) {
            return Ok(known.clone());
        }
        let body = self.node.json_at(self.resident, seq)?;
        let turn = body.and_then(|body| serde_json::from_value(body).ok());
        let turn: Message = turn.unwrap_or_else(|| Message::text(Role::Assistant, erased()));
        self.turns.insert(seq, turn.clone());
        Ok(turn)
    }

    fn result(&self, call: &ToolCallAsked, outcome: CallOutcome) -> Result<String, Error> {
        let body = |seq| self.node.json_at(self.resident, seq);
        let error = |text: &str| json!({ "error": text }).to_string();
        Ok(match outcome {
            CallOutcome::Landed(seq) => match body(seq)? {
                Some(Value::String(text)) => text,
                Some(value) => value.to_string(),
                None => erased(),
            },
            CallOutcome::Failed(seq) => {
                body(seq)?.map_or_else(|| error("it did not happen"), |value| value.to_string())
            }
            CallOutcome::Refused(why) => error(&self.agent.refusal(why, call)),
            CallOutcome::Denied(seq) => {
                let reason =
                    body(seq)?.and_then(|body| body.get("reason")?.as_str().map(str::to_owned));
                error(
                    &reason
                        .map_or_else(|| "denied".to_owned(), |reason| format!("denied: {reason}")),
                )
            }
            CallOutcome::Answered(seq) => {
                let answer =
                    body(seq)?.and_then(|body| body.get("answer")?.as_str().map(str::to_owned));
                answer.unwrap_or_else(erased)
            }
            CallOutcome::Doubtful => error("whether it happened is not known"),
            CallOutcome::Cancelled => error("it was not started"),
            CallOutcome::Open
            | CallOutcome::Asked(_)
            | CallOutcome::Approved { .. }
            | CallOutcome::Performing(_) => error("it has not ended"),
        })
    }
}

fn erased() -> String {
    "[erased]".to_owned()
}
