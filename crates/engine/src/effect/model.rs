//! One model call: the stream consumed, its turn assessed and landed.

use super::assess::Caller;
use super::transcript;
use crate::lock;
use crate::node::Node;
use crate::observe::Observed;
use crate::resident::Resident;
use crate::seal::Bodies;
use futures::{FutureExt, StreamExt};
use serde_json::{Map, Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tenure_agent::{AdapterFailure, Agent, Chunk, action_json, assess};
use tenure_contract::agent::{Message, Role};
use tenure_contract::event::{CallNoted, CallVerdict, TokensUsed};
use tenure_contract::words::{ErrorClass, LossCause};
use tenure_contract::{Error, PolicyVersion, RunId, StepId, limits};
use tenure_core::Command;

/// Which model call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub run: RunId,
    pub step: StepId,
    pub attempt: u32,
}

/// How a model call ended.
enum Ended {
    Answered(Message, TokensUsed),
    Failed(AdapterFailure, TokensUsed),
    Aborted(TokensUsed),
}

pub(super) async fn call(node: Arc<Node>, resident: Arc<Resident>, needs: u64, turn: Turn) {
    let Turn { run, step, attempt } = turn;
    let durable = node.durable(&resident, needs).await.is_ok();
    // a void resident knows nothing of what was decided on the one that took its place
    let valid = durable && resident.durable.lost().is_none();
    let begun = lock(&resident.cell).may_begin(run, step, attempt).filter(|_| valid);
    if let Some(seq) = begun {
        match prepare(&node, &resident, run) {
            Ok((agent, messages)) => {
                node.tell(&resident, run, Observed::ModelBegan { step, attempt, seq });
                let streaming = AssertUnwindSafe(stream(&node, &resident, &agent, messages, turn))
                    .catch_unwind();
                let ended = streaming
                    .await
                    .unwrap_or_else(|_| Ended::Failed(panicked(), TokensUsed::default()));
                let (command, bodies) = landing(&node, &resident, &agent, turn, ended);
                node.report(&resident, &command, bodies).await;
                node.hush(&resident, step);
            }
            Err(error) => fail_run(&node, &resident, run, &error).await,
        }
    }
    node.end(step, attempt);
    node.look_again(&resident).await;
}

fn prepare(
    node: &Arc<Node>,
    resident: &Resident,
    run: RunId,
) -> Result<(Arc<Agent>, Vec<Message>), Error> {
    let agent = node.agent_of(resident, run)?;
    let messages = transcript::conversation(node, resident, &agent, run)?;
    Ok((agent, messages))
}

async fn fail_run(node: &Arc<Node>, resident: &Arc<Resident>, run: RunId, error: &Error) {
    let body = json!({ "error": error.message });
    let Ok(sealed) = node.seal_json(resident.tenant, &body) else { return };
    let command = Command::FailRun { run, class: ErrorClass::Memory, code: error.code.to_string() };
    node.report(resident, &command, Bodies::given(sealed)).await;
}

async fn stream(
    node: &Arc<Node>,
    resident: &Resident,
    agent: &Agent,
    messages: Vec<Message>,
    Turn { run, step, attempt }: Turn,
) -> Ended {
    let cancel = node.cancel_of(run);
    let mut chunks = agent.adapter.source(Arc::new(agent.request(messages))).stream();
    let mut message = Message::text(Role::Assistant, "");
    let mut tokens = TokensUsed::default();
    let silence = agent.definition.model.silence_ms.unwrap_or(limits::MODEL_SILENCE_DEFAULT_MS);
    loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => return Ended::Aborted(tokens),
            next = tokio::time::timeout(Duration::from_millis(silence), chunks.next()) => next,
        };
        if let Ok(Some(chunk)) = &next {
            let chunk = chunk.clone();
            node.tell(resident, run, Observed::Chunk { step, attempt, chunk });
        }
        match next {
            Ok(Some(Chunk::Text(text))) => message.content.push_str(&text),
            Ok(Some(Chunk::ToolCall(call))) => {
                let seen = call.clone();
                node.tell(resident, run, Observed::ToolCallDetected { step, attempt, call: seen });
                message.tool_calls.push(call);
            }
            Ok(Some(Chunk::Usage { input_tokens, output_tokens })) => {
                tokens = TokensUsed { input: input_tokens, output: output_tokens };
            }
            Ok(Some(Chunk::Metadata(said))) => keep(&mut message, said),
            Ok(Some(Chunk::Done)) => return checked(message, tokens),
            Ok(Some(Chunk::Failed(failure))) => return Ended::Failed(failure, tokens),
            Ok(None) => {
                return Ended::Failed(
                    failure("the model's stream ended without an ending"),
                    tokens,
                );
            }
            Err(_) => {
                let told = format!("the model was silent for {silence} ms");
                return Ended::Failed(failure(&told), tokens);
            }
        }
    }
}

/// Keeps what the adapter says besides, unread; nobody depends on it, so what is too long goes
/// (`A8`).
fn keep(message: &mut Message, said: Map<String, Value>) {
    let mut kept = match message.metadata.take() {
        Some(Value::Object(kept)) => kept,
        _ => Map::new(),
    };
    let before = kept.clone();
    kept.extend(said);
    let bytes = serde_json::to_string(&kept).map_or(usize::MAX, |text| text.len());
    if bytes > limits::TURN_METADATA_MAX_BYTES {
        let limit = limits::TURN_METADATA_MAX_BYTES;
        tracing::warn!(bytes, "metadata above TURN_METADATA_MAX_BYTES, {limit}, is dropped");
        kept = before;
    }
    message.metadata = (!kept.is_empty()).then_some(Value::Object(kept));
}

fn panicked() -> AdapterFailure {
    AdapterFailure { message: "the adapter panicked".to_owned(), may_pass: false }
}

fn failure(message: &str) -> AdapterFailure {
    AdapterFailure { message: message.to_owned(), may_pass: true }
}

fn checked(message: Message, tokens: TokensUsed) -> Ended {
    if message.tool_calls.len() <= limits::CALLS_PER_TURN_MAX {
        return Ended::Answered(message, tokens);
    }
    let asked = message.tool_calls.len();
    let text = format!(
        "the model asked for {asked} calls in one turn, the limit CALLS_PER_TURN_MAX is {}",
        limits::CALLS_PER_TURN_MAX
    );
    Ended::Failed(AdapterFailure { message: text, may_pass: false }, tokens)
}

fn landing(
    node: &Arc<Node>,
    resident: &Resident,
    agent: &Agent,
    turn: Turn,
    ended: Ended,
) -> (Command, Bodies) {
    let Turn { run, step, attempt } = turn;
    let class = ErrorClass::Adapter;
    match ended {
        Ended::Answered(message, tokens) => match turn_bodies(node, resident, agent, run, &message)
        {
            Ok((calls, policy, bodies)) => {
                (Command::LandTurn { run, step, attempt, calls, tokens, policy }, bodies)
            }
            Err(error) => {
                let bodies = error_body(node, resident, &error.message);
                (
                    Command::FailStep {
                        run,
                        step,
                        attempt,
                        class,
                        may_pass: true,
                        tokens: Some(tokens),
                    },
                    bodies,
                )
            }
        },
        Ended::Failed(failure, tokens) => {
            let bodies = error_body(node, resident, &failure.message);
            (
                Command::FailStep {
                    run,
                    step,
                    attempt,
                    class,
                    may_pass: failure.may_pass,
                    tokens: Some(tokens),
                },
                bodies,
            )
        }
        Ended::Aborted(tokens) => {
            let bodies = error_body(node, resident, "aborted");
            // what the provider said by then; nothing said is not nothing used
            let tokens = (tokens != TokensUsed::default()).then_some(tokens);
            let cause = LossCause::Abort;
            (Command::LoseStep { run, step, attempt, cause, class, tokens }, bodies)
        }
    }
}

/// The body of a failure; without one if even that cannot be stored.
pub(super) fn error_body(node: &Arc<Node>, resident: &Resident, message: &str) -> Bodies {
    Bodies {
        given: node.seal_json(resident.tenant, &json!({ "error": message })).ok(),
        ..Bodies::default()
    }
}

fn turn_bodies(
    node: &Arc<Node>,
    resident: &Resident,
    agent: &Agent,
    run: RunId,
    message: &Message,
) -> Result<(Vec<CallNoted>, PolicyVersion, Bodies), Error> {
    let tenant = resident.tenant;
    let policy = node.policy(resident)?;
    let caller = Caller::of(resident, run)?;
    let mut calls = assess(agent, &message.tool_calls, tenant, run);
    let mut bodies = Bodies::given(node.seal_json(tenant, message)?);
    for (noted, asked) in calls.iter_mut().zip(&message.tool_calls) {
        let read = agent.tool(&asked.name).and_then(|built| {
            let arguments = built.parameters().read(&asked.arguments).ok()?;
            Some((built, arguments))
        });
        if let Some((built, arguments)) = &read {
            noted.verdict = caller.verdict(&policy, built, arguments, noted.verdict.clone());
        }
        let asks = matches!(noted.verdict, CallVerdict::Ask { .. } | CallVerdict::AskHuman { .. });
        let action = read
            .filter(|_| asks)
            .map(|(built, arguments)| action_json(built, &arguments, tenant, run));
        bodies.actions.push(match action {
            Some(action) => Some(node.seal(tenant, action.as_bytes())?),
            None => None,
        });
    }
    Ok((calls, policy.version(), bodies))
}
