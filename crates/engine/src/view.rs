//! From folded state and bodies to the resources a surface shows. Nothing here changes anything.

use crate::effect::transcript;
use crate::lock;
use crate::node::Node;
use crate::resident::Resident;
use serde_json::{Value, json};
use std::sync::Arc;
use tenure_contract::agent::Role;
use tenure_contract::event::{SessionBound, Work};
use tenure_contract::resource as wire;
use tenure_contract::words::RunStatus;
use tenure_contract::{Error, RunId};
use tenure_core::SessionState;
use tenure_core::session::{Run, explain};

/// A session, whole.
pub(crate) fn session(state: &SessionState) -> Option<wire::Session> {
    let opened = state.opened.as_ref()?;
    let current = state.current_root();
    Some(wire::Session {
        session_id: state.id,
        tenant_id: state.tenant,
        product_id: opened.product.clone(),
        user_id: opened.user.clone(),
        title: opened.title.clone(),
        status: state.status(),
        started_at: state.opened_at,
        updated_at: state.at,
        // the journal folded, so its chain verifies; what it needs is looked at where bodies are
        resumable: !state.status().is_final() && state.gone_to().is_none(),
        current_task_id: state.current_task(),
        current_run_id: current.map(|run| run.id),
        memory_refs: state.memory_refs(),
        artifact_refs: state.artifacts.keys().copied().collect(),
        approval_refs: state.approvals.keys().copied().collect(),
        dispatch_context: opened.dispatch.clone(),
        workspace: opened.workspace,
        execution_target: opened.target,
        input_policy: opened.input_policy,
        agent_binding: state.binding.as_ref().map(binding),
        transfer: crate::api::transfer(state, None),
        seq: state.seq,
    })
}

/// The agent a session is bound to.
pub(crate) fn binding(bound: &SessionBound) -> wire::AgentBinding {
    let agent = format!("{}@{}", bound.name, bound.version);
    wire::AgentBinding { agent, external_id: bound.external_id.clone() }
}

fn agent_name(run: &Run) -> Option<String> {
    match &run.work {
        Work::Agent { version, name, .. } => Some(format!("{name}@{version}")),
        Work::Intent { .. } => None,
    }
}

/// A run, whole, with what it was given and what it came to.
pub(crate) async fn run(
    node: &Arc<Node>,
    resident: &Resident,
    id: RunId,
) -> Result<wire::Run, Error> {
    let (run, mut view) = {
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("run", id))?;
        let run = state.runs.get(&id).ok_or_else(|| Error::not_found("run", id))?;
        let mut view = bare_run(state, run);
        let held = explain::held(state, id, node.hold(), node.clock.now());
        view.waiting_for = held.map(told).or(view.waiting_for);
        (run.clone(), view)
    };
    // what the view says happened must be durable before it leaves, and its bodies be there
    node.durable(resident, view.seq).await?;
    view.input = node.json_at(resident, run.submitted_seq)?;
    view.output = output(node, resident, &run)?;
    if let Some(error) = &mut view.error {
        error.message = error_message(node, resident, &run)?.unwrap_or_else(|| error.code.clone());
    }
    Ok(view)
}

fn bare_run(state: &SessionState, run: &Run) -> wire::Run {
    // whose the session was when the run came: a handoff changes no run
    let owner = state.owner_at(run.submitted_seq).unwrap_or_default();
    let ending = run.ending();
    let (intent_type, intent_id, handler) = match &run.work {
        Work::Intent { intent, intent_type, handler, .. } => {
            (Some(intent_type.clone()), Some(*intent), Some(handler.clone()))
        }
        Work::Agent { .. } => (None, None, None),
    };
    let error = ending.and_then(|ending| {
        let class = ending.error_class?;
        let code = ending.error_code.clone().unwrap_or_default();
        Some(wire::RunError { class, code, message: String::new() })
    });
    wire::Run {
        run_id: run.id,
        tenant_id: state.tenant,
        user_id: owner.user().to_owned(),
        product_id: owner.product,
        session_id: state.id,
        task_id: run.task,
        parent_run_id: run.parent,
        attempt: run.attempt,
        agent: agent_name(run),
        intent_type,
        intent_id,
        handler,
        status: run.status,
        stop_reason: ending.map(|ending| ending.stop_reason),
        trigger: run.trigger,
        scheduled: run.scheduled,
        usage: run.usage,
        created_at: run.created_at,
        started_at: run.started_at,
        completed_at: ending.map(|ending| ending.at),
        input: None,
        output: None,
        error,
        stop_receipt: ending.and_then(|ending| ending.receipt),
        waiting_for: waiting(state, run),
        seq: state.seq,
    }
}

fn waiting(state: &SessionState, run: &Run) -> Option<wire::Waiting> {
    if run.status.is_final() {
        return None;
    }
    explain::explain(state, run.id).map(told)
}

fn told(stuck: explain::Stuck) -> wire::Waiting {
    let explain::Stuck { reason, subject, since, text } = stuck;
    wire::Waiting { reason, subject, since, text }
}

/// What an ended run came to: a handler's output; an agent's result, partial or whole (`RT12`).
fn output(node: &Arc<Node>, resident: &Resident, run: &Run) -> Result<Option<Value>, Error> {
    let Some(ending) = run.ending() else { return Ok(None) };
    match &run.work {
        // what an executor answered stands beside its step
        _ if ending.turns == 0 && ending.last_turn_seq.is_some() => match run.status {
            RunStatus::Completed => {
                ending.last_turn_seq.map_or(Ok(None), |seq| node.json_at(resident, seq))
            }
            _ => Ok(None),
        },
        Work::Intent { .. } if run.status == RunStatus::Completed => {
            node.json_at(resident, ending.seq)
        }
        Work::Intent { .. } => Ok(None),
        Work::Agent { version, .. } => {
            let agent = node.agent(resident.tenant, *version)?;
            let messages = transcript::messages(node, resident, &agent, &ending.said)?;
            let last = messages.iter().rev().find(|message| message.role == Role::Assistant);
            let content = last.map(|message| message.content.clone()).unwrap_or_default();
            let calls: Vec<Value> = messages.iter().flat_map(|message| &message.tool_calls).map(|call| {
                let result = messages.iter().find(|answer| answer.tool_call_id.as_ref() == Some(&call.id));
                json!({ "id": call.id, "name": call.name, "arguments": call.arguments, "result": result.map(|answer| &answer.content) })
            }).collect();
            let started = run.started_at.unwrap_or(run.created_at);
            Ok(Some(json!({
                "content": content,
                "messages": messages,
                "steps": ending.turns,
                "toolCalls": calls,
                "durationMs": ending.at.ms_since(started),
            })))
        }
    }
}

fn error_message(
    node: &Arc<Node>,
    resident: &Resident,
    run: &Run,
) -> Result<Option<String>, Error> {
    let Some(seq) = run.ending().and_then(|ending| ending.error_seq) else { return Ok(None) };
    let body = node.json_at(resident, seq)?;
    Ok(body.and_then(|body| body.get("error")?.as_str().map(str::to_owned)))
}
