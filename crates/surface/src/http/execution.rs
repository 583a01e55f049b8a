//! SRC1's view of the same runs: submit an intent, see an execution, in snake_case (`RUN-3`,
//! `INT-5`). An execution id is a run's id; nothing is kept here.

use super::caller::Who;
use super::extract::{Json, Key, Named};
use super::journal::{Bodies, Reader};
use super::limits::ENTRIES_AT_ONCE;
use super::page::blocking;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenure_contract::resource::{
    Accepted, Artifact, Caller, IntentRequest, Materialization, Run, SubmitRun,
};
use tenure_contract::words::{ArtifactState, ErrorClass, RunStatus, StopReason};
use tenure_contract::{
    ArtifactId, Digest, EventId, IntentId, MaterializationId, RunId, SessionId, TenantId, Time,
};
use tenure_engine::Engine;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(submit_intent)).routes(routes!(get_execution))
}

/// Submit an intent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SubmitIntent {
    /// Its type, such as `ingest_file`.
    intent_type: String,
    /// What it is given.
    #[serde(default)]
    parameters: Value,
    /// What else is known of it.
    #[serde(default)]
    metadata: Value,
    /// The session; a new one, which ends with the execution, when absent.
    #[serde(default)]
    session_id: Option<SessionId>,
    /// Must equal the caller's when given.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// The solution; `default` when absent.
    #[serde(default)]
    solution_id: Option<String>,
    /// The same key and body return the first execution; another body conflicts.
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// The answer to a submission: the execution is durable, not done.
#[derive(Debug, Serialize, ToSchema)]
struct Submitted {
    /// The execution.
    execution_id: RunId,
    /// Its session.
    session_id: SessionId,
    /// `created`.
    status: ExecutionStatus,
}

/// Where an execution stands (`RUN-3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExecutionStatus {
    /// Not started.
    Created,
    /// Started; `metadata.run_status` says whether it is paused or waits for a decision.
    Running,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Ended by abort or by a successor.
    Cancelled,
}

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
struct Execution {
    /// The execution; a run's id.
    execution_id: RunId,
    /// Where it stands.
    status: ExecutionStatus,
    /// The intent; null for an agent's task.
    intent_id: Option<IntentId>,
    /// What it made.
    artifacts: Vec<ExecutionArtifact>,
    /// What is recorded of it.
    events: Vec<ExecutionEvent>,
    /// What went wrong.
    error: Option<ExecutionError>,
    /// When it was submitted.
    created_at: Time,
    /// What else is known.
    metadata: ExecutionMetadata,
}

/// What went wrong with an execution.
#[derive(Debug, Serialize, ToSchema)]
struct ExecutionError {
    /// Whose failure it is.
    class: ErrorClass,
    /// For machines.
    code: String,
    /// For a person.
    message: String,
}

/// What else is known of an execution.
#[derive(Debug, Serialize, ToSchema)]
struct ExecutionMetadata {
    /// The exact state.
    run_status: RunStatus,
    /// Why it ended.
    stop_reason: Option<StopReason>,
    /// The session.
    session_id: SessionId,
    /// Its owner.
    tenant_id: TenantId,
    /// The intent's type.
    intent_type: Option<String>,
    /// The handler that serves it.
    handler_name: Option<String>,
    /// The agent and version.
    agent: Option<String>,
    /// When it started.
    started_at: Option<Time>,
    /// When it ended.
    completed_at: Option<Time>,
    /// What it came to, once it ended.
    output: Option<Value>,
    /// The journal's last entry this view holds.
    seq: u64,
}

/// One recorded event of an execution.
#[derive(Debug, Serialize, ToSchema)]
struct ExecutionEvent {
    /// The entry's id.
    event_id: EventId,
    /// Its kind.
    event_type: &'static str,
    /// Its place in the session's journal.
    seq: u64,
    /// When it happened.
    created_at: Time,
}

/// An artifact of an execution.
#[derive(Debug, Serialize, ToSchema)]
struct ExecutionArtifact {
    /// The artifact.
    artifact_id: ArtifactId,
    /// What it is.
    artifact_type: String,
    /// Its owner.
    tenant_id: TenantId,
    /// What made it.
    produced_by: Producer,
    /// What it was made from.
    parent_artifacts: Vec<ArtifactId>,
    /// Where it stands.
    lifecycle_state: ArtifactState,
    /// What is in it.
    semantic_descriptor: Descriptor,
    /// Where its body lies.
    materializations: Vec<Place>,
    /// Digest of its content.
    digest: Option<Digest>,
    /// When it was registered.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

/// What made an artifact.
#[derive(Debug, Serialize, ToSchema)]
struct Producer {
    /// The intent.
    intent: String,
    /// The execution.
    execution_id: RunId,
}

/// What is in an artifact.
#[derive(Debug, Serialize, ToSchema)]
struct Descriptor {
    /// Its shape: columns, keys, headings.
    schema: Value,
    /// How many records it has.
    record_count: Option<u64>,
    /// What read it.
    parser_type: Option<String>,
    /// What embedded it.
    embedding_model: Option<String>,
}

/// One place an artifact's body lies.
#[derive(Debug, Serialize, ToSchema)]
struct Place {
    /// The place's id.
    materialization_id: MaterializationId,
    /// `file`, `s3`, `inline`.
    storage_type: String,
    /// Where.
    uri: String,
    /// The media type or format.
    format: String,
    /// The compression.
    compression: Option<String>,
    /// When it was written.
    created_at: Time,
}

/// Submit an intent; answered once it is durable.
#[utoipa::path(
    post, path = "/api/intent/submit", tag = "executions", operation_id = "submitIntent",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "The same as `idempotency_key` in the body")),
    request_body = SubmitIntent,
    responses((status = 202, description = "The execution is accepted", body = Submitted,
        headers(("Location" = String, description = "Where the execution is")))),
)]
async fn submit_intent(
    State(state): State<ServerState>,
    Who(caller): Who,
    key: Key,
    Json(request): Json<SubmitIntent>,
) -> Result<impl IntoResponse, Refusal> {
    let run = SubmitRun {
        session_id: request.session_id,
        tenant_id: request.tenant_id,
        idempotency_key: key.agreeing_with(request.idempotency_key)?,
        intent: Some(IntentRequest {
            intent_type: request.intent_type,
            parameters: request.parameters,
            metadata: request.metadata,
            solution_id: request.solution_id,
        }),
        ..SubmitRun::default()
    };
    let Accepted { run_id, session_id, .. } = state.engine.submit(&caller, run).await?;
    let location = format!("/api/execution/{run_id}/status");
    let submitted =
        Submitted { execution_id: run_id, session_id, status: ExecutionStatus::Created };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(submitted)))
}

/// See an execution.
#[utoipa::path(
    get, path = "/api/execution/{execution_id}/status", tag = "executions", operation_id = "getExecution",
    params(("execution_id" = RunId, Path, description = "The execution")),
    responses((status = 200, description = "The execution", body = Execution)),
)]
async fn get_execution(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<RunId>,
) -> Result<axum::Json<Execution>, Refusal> {
    let run = state.engine.run(&caller, id).await?;
    let events = recorded(state.engine.clone(), caller.clone(), &run).await?;
    let session = run.session_id;
    let made = blocking(move || state.engine.artifacts(&caller, session)).await?;
    let made = made.into_iter().filter(|made| made.produced_by.execution_id == id);
    Ok(axum::Json(shown(run, made.map(artifact).collect(), events)))
}

/// The entries of a run, up to the one its view holds.
async fn recorded(
    engine: Engine,
    caller: Caller,
    run: &Run,
) -> Result<Vec<ExecutionEvent>, Refusal> {
    let mut reader = Reader::new(engine, caller, run.session_id, 1);
    reader.bodies = Bodies::Without;
    let mut events = Vec::new();
    while reader.next <= run.seq {
        let lines = reader.read(ENTRIES_AT_ONCE).await?;
        if lines.is_empty() {
            break;
        }
        let of_run =
            lines.iter().filter(|line| line.run == Some(run.run_id) && line.seq <= run.seq);
        events.extend(of_run.map(|line| ExecutionEvent {
            event_id: line.event_id,
            event_type: line.event.name(),
            seq: line.seq,
            created_at: line.at,
        }));
    }
    Ok(events)
}

fn shown(run: Run, artifacts: Vec<ExecutionArtifact>, events: Vec<ExecutionEvent>) -> Execution {
    let error = run.error.map(|error| ExecutionError {
        class: error.class,
        code: error.code,
        message: error.message,
    });
    Execution {
        execution_id: run.run_id,
        status: status(run.status),
        intent_id: run.intent_id,
        artifacts,
        events,
        error,
        created_at: run.created_at,
        metadata: ExecutionMetadata {
            run_status: run.status,
            stop_reason: run.stop_reason,
            session_id: run.session_id,
            tenant_id: run.tenant_id,
            intent_type: run.intent_type,
            handler_name: run.handler,
            agent: run.agent,
            started_at: run.started_at,
            completed_at: run.completed_at,
            output: run.output,
            seq: run.seq,
        },
    }
}

const fn status(status: RunStatus) -> ExecutionStatus {
    match status {
        RunStatus::Queued => ExecutionStatus::Created,
        RunStatus::Running | RunStatus::Paused | RunStatus::WaitingApproval => {
            ExecutionStatus::Running
        }
        RunStatus::Completed => ExecutionStatus::Completed,
        RunStatus::Failed => ExecutionStatus::Failed,
        RunStatus::Cancelled => ExecutionStatus::Cancelled,
    }
}

fn artifact(made: Artifact) -> ExecutionArtifact {
    let descriptor = made.semantic_descriptor;
    ExecutionArtifact {
        artifact_id: made.artifact_id,
        artifact_type: made.artifact_type,
        tenant_id: made.tenant_id,
        produced_by: Producer {
            intent: made.produced_by.intent,
            execution_id: made.produced_by.execution_id,
        },
        parent_artifacts: made.parent_artifacts,
        lifecycle_state: made.lifecycle_state,
        semantic_descriptor: Descriptor {
            schema: descriptor.schema,
            record_count: descriptor.record_count,
            parser_type: descriptor.parser_type,
            embedding_model: descriptor.embedding_model,
        },
        materializations: made.materializations.into_iter().map(place).collect(),
        digest: made.digest,
        created_at: made.created_at,
        updated_at: made.updated_at,
    }
}

fn place(place: Materialization) -> Place {
    Place {
        materialization_id: place.materialization_id,
        storage_type: place.storage_type,
        uri: place.uri,
        format: place.format,
        compression: place.compression,
        created_at: place.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn run_3_seven_statuses_are_seen_as_five() {
        let seen = |run: RunStatus| json!(status(run));
        assert_eq!(seen(RunStatus::Queued), "created");
        for run in [RunStatus::Running, RunStatus::Paused, RunStatus::WaitingApproval] {
            assert_eq!(seen(run), "running");
        }
        for run in [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled] {
            assert_eq!(seen(run), run.as_str());
        }
    }
}
