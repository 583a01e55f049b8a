//! One tool call, or one look-up of a lost one.

use super::model::error_body;
use super::{ABORT_GRACE, LOOK_UP};
use crate::lock;
use crate::node::Node;
use crate::observe::{Observation, Observed};
use crate::resident::Resident;
use crate::seal::Bodies;
use futures::FutureExt;
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tenure_agent::tool::error_in;
use tenure_agent::{BuiltTool, Lookup, Progress, ToolCall, ToolContext, ToolFailure};
use tenure_contract::agent::Message;
use tenure_contract::event::CallSite;
use tenure_contract::words::{ErrorClass, LossCause, Resolution};
use tenure_contract::{Code, Error, Journal, RunId, StepId, Time};
use tenure_core::Command;
use tenure_core::session::Run;

/// Which call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub run: RunId,
    pub step: StepId,
    pub attempt: u32,
    pub site: CallSite,
    pub edited_seq: Option<u64>,
    pub timeout_ms: u64,
}

/// How a call ended.
enum Ended {
    Answered(Value),
    Failed { message: String, may_pass: bool },
    Lost { message: String, cause: LossCause },
}

pub(super) async fn call(node: Arc<Node>, resident: Arc<Resident>, needs: u64, call: Call) {
    let Call { run, step, attempt, .. } = call;
    #[cfg(feature = "planted")]
    let needs = if tenure_core::planted::is(tenure_core::planted::Bug::PerformBeforeDurable) {
        0
    } else {
        needs
    };
    let durable = node.durable(&resident, needs).await.is_ok();
    // a void resident knows nothing of what was decided on the one that took its place
    let valid = durable && resident.durable.lost().is_none();
    let begun = lock(&resident.cell).may_begin(run, step, attempt).filter(|_| valid);
    if let Some(seq) = begun {
        let ended = match prepare(&node, &resident, call) {
            Ok((built, asked)) => {
                let (name, arguments) = (built.spec().name.clone(), asked.arguments.clone());
                let began = Observed::ToolBegan { step, attempt, seq, name, arguments };
                node.tell(&resident, run, began);
                if built.spec().keeps_todos {
                    super::todo::land(&node, &resident, call, asked.arguments).await;
                    None
                } else {
                    Some(perform(&built, asked, call.timeout_ms).await)
                }
            }
            // nothing was sent: the tool could not even be found again
            Err(error) => Some(Ended::Failed { message: error.message, may_pass: false }),
        };
        if let Some(ended) = ended {
            let (command, bodies) = landing(&node, &resident, call, ended);
            node.report(&resident, &command, bodies).await;
        }
        node.hush(&resident, step);
    }
    node.end(step, attempt);
    node.look_again(&resident).await;
}

fn prepare(
    node: &Arc<Node>,
    resident: &Resident,
    call: Call,
) -> Result<(BuiltTool, ToolCall), Error> {
    let (built, arguments) = asked(node, resident, call.run, call.site, call.edited_seq)?;
    let workspace = node.workspace_of(resident);
    let context = ToolContext { tenant: resident.tenant, run: call.run, workspace };
    let (cancel, progress) = (node.cancel_of(call.run), progress(node, resident, call));
    let asked = ToolCall { step: call.step, arguments, context, cancel, progress };
    Ok((built, asked))
}

/// The tool a call asks for, with the arguments the model gave or an approver put in their place.
pub(super) fn asked(
    node: &Arc<Node>,
    resident: &Resident,
    run: RunId,
    site: CallSite,
    edited_seq: Option<u64>,
) -> Result<(BuiltTool, Value), Error> {
    let agent = node.agent_of(resident, run)?;
    let turn_seq = {
        let cell = lock(&resident.cell);
        let progress =
            cell.session().and_then(|state| state.runs.get(&run)).and_then(Run::progress);
        progress
            .and_then(|progress| progress.turns.get(site.turn as usize - 1))
            .and_then(|turn| turn.seq)
    };
    let message = match turn_seq {
        Some(seq) => node.json_at(resident, seq)?,
        None => None,
    };
    let message: Option<Message> = message.and_then(|message| serde_json::from_value(message).ok());
    let asked = message.as_ref().and_then(|message| message.tool_calls.get(site.index as usize));
    let asked = asked.ok_or_else(|| {
        Error::new(Code::StoreCorrupt, "the turn's message is not there").about(run)
    })?;
    let built = agent.tool(&asked.name).ok_or_else(|| Error::not_found("tool", &asked.name))?;
    let arguments = match edited_seq {
        Some(seq) => node.json_at(resident, seq)?.and_then(|body| body.get("arguments").cloned()),
        None => built.parameters().read(&asked.arguments).ok(),
    };
    let arguments = arguments
        .ok_or_else(|| Error::new(Code::InvalidArgument, "the call's arguments are not there"))?;
    Ok((built.clone(), arguments))
}

/// What the tool says on the way goes to whoever watches, and nowhere else (`T6`).
fn progress(node: &Arc<Node>, resident: &Resident, call: Call) -> Progress {
    let Call { run, step, attempt, .. } = call;
    let Journal::Session(session) = resident.journal else { return Progress::default() };
    let (feed, tenant) = (node.feed.clone(), resident.tenant);
    Progress::to(move |value| {
        let what = Observed::ToolProgress { step, attempt, value };
        feed.tell(Observation { tenant, session, run, what });
    })
}

async fn perform(built: &BuiltTool, asked: ToolCall, timeout_ms: u64) -> Ended {
    let cancel = asked.cancel.clone();
    let limit = built.spec().max_output_bytes;
    let tool = built.clone();
    let mut answer = AssertUnwindSafe(async move { tool.call(asked).await }).catch_unwind().boxed();
    let given_up = async {
        cancel.cancelled().await;
        tokio::time::sleep(ABORT_GRACE).await;
    };
    tokio::select! {
        biased;
        answer = &mut answer => match answer {
            Ok(answer) => ended(answer, limit),
            // how far it got nobody knows
            Err(_) => Ended::Lost { message: "the tool panicked".to_owned(), cause: LossCause::Connection },
        },
        () = given_up => Ended::Lost { message: "aborted while it was under way".to_owned(), cause: LossCause::Abort },
        () = tokio::time::sleep(Duration::from_millis(timeout_ms)) => Ended::Lost {
            message: format!("no answer within {timeout_ms} ms"),
            cause: LossCause::Timeout,
        },
    }
}

fn ended(answer: Result<Value, ToolFailure>, limit: usize) -> Ended {
    match answer {
        Ok(value) => match error_in(&value) {
            Some(message) => Ended::Failed { message, may_pass: false },
            None => Ended::Answered(within(value, limit)),
        },
        Err(ToolFailure::Refused { message }) => Ended::Failed { message, may_pass: false },
        Err(ToolFailure::Transient { message }) => Ended::Failed { message, may_pass: true },
        Err(ToolFailure::Lost { message }) => Ended::Lost { message, cause: LossCause::Connection },
    }
}

/// A result within the tool's output limit; a longer one is cut, and says so.
fn within(value: Value, limit: usize) -> Value {
    let text = value.to_string();
    if text.len() <= limit {
        return value;
    }
    let head: String = text.chars().take(limit).collect();
    json!({ "truncated": true, "bytes": text.len(), "limit": limit, "head": head })
}

fn landing(node: &Arc<Node>, resident: &Resident, call: Call, ended: Ended) -> (Command, Bodies) {
    let Call { run, step, attempt, .. } = call;
    let class = ErrorClass::Tool;
    match ended {
        Ended::Answered(value) => match node.seal_json(resident.tenant, &value) {
            Ok(sealed) => (
                Command::LandStep { run, step, attempt, writes: Vec::new() },
                Bodies::given(sealed),
            ),
            // it happened, and what it answered cannot be kept
            Err(error) => {
                let body = json!({ "error": format!("it happened, its answer could not be stored: {error}") });
                let bodies = Bodies {
                    given: node.seal_json(resident.tenant, &body).ok(),
                    ..Bodies::default()
                };
                (Command::LandStep { run, step, attempt, writes: Vec::new() }, bodies)
            }
        },
        Ended::Failed { message, may_pass } => {
            let bodies = error_body(node, resident, &message);
            (Command::FailStep { run, step, attempt, class, may_pass, tokens: None }, bodies)
        }
        Ended::Lost { message, cause } => {
            let bodies = error_body(node, resident, &message);
            (Command::LoseStep { run, step, attempt, cause, class, tokens: None }, bodies)
        }
    }
}

/// Asks the tool what became of a lost call, before any human is (`STP-2`). `landed` settles it at
/// once; `absent` only counts once the old request cannot be travelling any more.
pub(super) async fn look_up(
    node: Arc<Node>,
    resident: Arc<Resident>,
    needs: u64,
    call: Call,
    travelling_until: Time,
) {
    if node.durable(&resident, needs).await.is_err() {
        node.end_look_up(call.step);
        node.revisit(resident.journal).await;
    } else {
        let told = ask(&node, &resident, call).await;
        let told = match told {
            Lookup::Absent if node.clock.now() < travelling_until => {
                node.clock.sleep_until(travelling_until).await;
                ask(&node, &resident, call).await
            }
            told => told,
        };
        settle(&node, &resident, call, told).await;
    }
    // an unknown stays in `performing` until the step is resolved: asking again and again would not
    // make it known
}

async fn ask(node: &Arc<Node>, resident: &Arc<Resident>, call: Call) -> Lookup {
    match prepare(node, resident, call) {
        Ok((built, asked)) => built.lookup(asked).await,
        Err(_) => Lookup::Unknown,
    }
}

async fn settle(node: &Arc<Node>, resident: &Arc<Resident>, call: Call, told: Lookup) {
    let (resolution, bodies) = match told {
        Lookup::Landed(value) => match node.seal_json(resident.tenant, &value) {
            Ok(sealed) => (Resolution::Landed, Bodies::given(sealed)),
            Err(_) => return,
        },
        Lookup::Absent => (Resolution::Retry, Bodies::default()),
        Lookup::Unknown => return,
    };
    let command =
        Command::ResolveStep { step: call.step, resolution, by_lookup: true, reason: None };
    node.report(resident, &command, bodies).await;
    node.end(call.step, LOOK_UP);
}
