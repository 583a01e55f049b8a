//! Workspaces: make, list, see, say how they stand (`WSP-1`).

use super::caller::Who;
use super::extract::{Asked, Json, Key, Named};
use super::page::{WorkspacesAsked, blocking, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::WorkspaceId;
use tenure_contract::resource::{CreateWorkspace, MoveWorkspace, Page, Workspace};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(create_workspace, list_workspaces))
        .routes(routes!(get_workspace, move_workspace))
}

/// Make a workspace.
///
/// With an `Idempotency-Key` the same request again returns the workspace that was made first.
#[utoipa::path(
    post, path = "/v1/workspaces", tag = "workspaces", operation_id = "createWorkspace",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    request_body = CreateWorkspace,
    responses((status = 201, description = "The workspace", body = Workspace,
        headers(("Location" = String, description = "Where the workspace is")))),
)]
async fn create_workspace(
    State(state): State<ServerState>,
    Who(caller): Who,
    Key(key): Key,
    Json(request): Json<CreateWorkspace>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.create_workspace(&caller, request, key.as_deref()).await?;
    let location = format!("/v1/workspaces/{}", made.workspace_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(made)))
}

/// List workspaces, the newest first.
#[utoipa::path(
    get, path = "/v1/workspaces", tag = "workspaces", operation_id = "listWorkspaces",
    params(WorkspacesAsked),
    responses((status = 200, description = "A page of workspaces", body = Page<Workspace>)),
)]
async fn list_workspaces(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<WorkspacesAsked>,
) -> Result<axum::Json<Page<Workspace>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::workspaces).await.map(axum::Json)
}

/// See a workspace.
#[utoipa::path(
    get, path = "/v1/workspaces/{workspaceId}", tag = "workspaces", operation_id = "getWorkspace",
    params(("workspaceId" = WorkspaceId, Path, description = "The workspace")),
    responses((status = 200, description = "The workspace", body = Workspace)),
)]
async fn get_workspace(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<WorkspaceId>,
) -> Result<axum::Json<Workspace>, Refusal> {
    blocking(move || state.engine.workspace(&caller, id)).await.map(axum::Json)
}

/// Say how a workspace stands: provisioning, ready or error.
#[utoipa::path(
    patch, path = "/v1/workspaces/{workspaceId}", tag = "workspaces", operation_id = "moveWorkspace",
    params(("workspaceId" = WorkspaceId, Path, description = "The workspace")),
    request_body = MoveWorkspace,
    responses((status = 200, description = "The workspace, changed", body = Workspace)),
)]
async fn move_workspace(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<WorkspaceId>,
    Json(request): Json<MoveWorkspace>,
) -> Result<axum::Json<Workspace>, Refusal> {
    Ok(axum::Json(state.engine.move_workspace(&caller, id, request).await?))
}
