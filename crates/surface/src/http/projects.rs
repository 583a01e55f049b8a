//! Projects: make, list, see (`WSP-1`).

use super::caller::Who;
use super::extract::{Asked, Json, Key, Named};
use super::page::{PageAsked, blocking, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::ProjectId;
use tenure_contract::resource::{CreateProject, Page, Project};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(create_project, list_projects)).routes(routes!(get_project))
}

/// Make a project.
///
/// With an `Idempotency-Key` the same request again returns the project that was made first.
#[utoipa::path(
    post, path = "/v1/projects", tag = "projects", operation_id = "createProject",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    request_body = CreateProject,
    responses((status = 201, description = "The project", body = Project,
        headers(("Location" = String, description = "Where the project is")))),
)]
async fn create_project(
    State(state): State<ServerState>,
    Who(caller): Who,
    Key(key): Key,
    Json(request): Json<CreateProject>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.create_project(&caller, request, key.as_deref()).await?;
    let location = format!("/v1/projects/{}", made.project_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(made)))
}

/// List projects, the newest first.
#[utoipa::path(
    get, path = "/v1/projects", tag = "projects", operation_id = "listProjects",
    params(PageAsked),
    responses((status = 200, description = "A page of projects", body = Page<Project>)),
)]
async fn list_projects(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<PageAsked>,
) -> Result<axum::Json<Page<Project>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::projects).await.map(axum::Json)
}

/// See a project.
#[utoipa::path(
    get, path = "/v1/projects/{projectId}", tag = "projects", operation_id = "getProject",
    params(("projectId" = ProjectId, Path, description = "The project")),
    responses((status = 200, description = "The project", body = Project)),
)]
async fn get_project(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ProjectId>,
) -> Result<axum::Json<Project>, Refusal> {
    blocking(move || state.engine.project(&caller, id)).await.map(axum::Json)
}
