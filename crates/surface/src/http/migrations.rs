//! Rows of a store without owners: begin a migration, say whose they are, bring them in, finish (`TEN-2`).
//!
//! A migration is the server's: whatever tenant the operator acts in, it stands in the server's own.

use super::caller::Who;
use super::extract::{Asked, Json, JsonOrNothing, Key, LegacyRows, Named};
use super::page::{blocking, whole};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use tenure_contract::ids::BadId;
use tenure_contract::resource::{
    AssignRow, DiscardRow, LegacyRow, MapUser, Migration, Page, RunMigration,
};
use tenure_contract::words::{LegacyKind, QuarantineCause, RowStanding};
use tenure_contract::{Code, MigrationId};
use tenure_engine::RowsWanted;
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(begin_migration, list_migrations))
        .routes(routes!(get_migration))
        .routes(routes!(map_user))
        .routes(routes!(run_migration))
        .routes(routes!(finish_migration))
        .routes(routes!(list_rows))
        .routes(routes!(get_row, change_row))
        .routes(routes!(assign_row))
        .routes(routes!(discard_row))
}

/// A row of a migration, from the path.
type OfRow = Path<(String, String)>;

fn row_of(Path((migration, row)): OfRow) -> Result<(MigrationId, String), Refusal> {
    let bad = |why: BadId| Refusal::new(Code::InvalidArgument, why.to_string());
    Ok((migration.parse().map_err(bad)?, row))
}

/// Where rows come from.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SourceAsked {
    /// What a person calls the store the rows come from.
    source: String,
}

/// What a list of rows is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RowsAsked {
    /// Only rows that stand there.
    standing: Option<RowStanding>,
    /// Only rows that were set aside for that.
    cause: Option<QuarantineCause>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<RowsAsked> for RowsWanted {
    fn from(asked: RowsAsked) -> Self {
        let RowsAsked { standing, cause, cursor, limit } = asked;
        Self { standing, cause, cursor, limit }
    }
}

/// Begin a migration with a file of rows that have no owner. Only the server's operator may.
///
/// Every line is checked before anything is kept. With an `Idempotency-Key` the same file again
/// returns the migration that was begun first.
#[utoipa::path(
    post, path = "/v1/migrations", tag = "migrations", operation_id = "beginMigration",
    params(
        SourceAsked,
        ("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat"),
    ),
    request_body(content = String, content_type = "application/jsonl", description = "The rows, one a line"),
    responses((status = 201, description = "The migration", body = Migration,
        headers(("Location" = String, description = "Where the migration is")))),
)]
async fn begin_migration(
    State(state): State<ServerState>,
    Who(caller): Who,
    Key(key): Key,
    Asked(asked): Asked<SourceAsked>,
    LegacyRows(rows): LegacyRows,
) -> Result<impl IntoResponse, Refusal> {
    let (engine, home) = (&state.engine, state.access.tenant);
    let begun = engine.begin_migration(&caller, home, asked.source, rows, key.as_deref()).await?;
    let location = format!("/v1/migrations/{}", begun.migration_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(begun)))
}

/// List migrations, the newest first.
#[utoipa::path(
    get, path = "/v1/migrations", tag = "migrations", operation_id = "listMigrations",
    responses((status = 200, description = "The migrations", body = Page<Migration>)),
)]
async fn list_migrations(
    State(state): State<ServerState>,
    Who(caller): Who,
) -> Result<axum::Json<Page<Migration>>, Refusal> {
    let home = state.access.tenant;
    let known = blocking(move || state.engine.migrations(&caller, home)).await?;
    Ok(axum::Json(whole(known)))
}

/// See a migration, with what became of its rows so far.
#[utoipa::path(
    get, path = "/v1/migrations/{migrationId}", tag = "migrations", operation_id = "getMigration",
    params(("migrationId" = MigrationId, Path, description = "The migration")),
    responses((status = 200, description = "The migration", body = Migration)),
)]
async fn get_migration(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<MigrationId>,
) -> Result<axum::Json<Migration>, Refusal> {
    let home = state.access.tenant;
    blocking(move || state.engine.migration(&caller, home, id)).await.map(axum::Json)
}

/// Say which tenant is a user's. Rows set aside for want of that are decided about anew.
#[utoipa::path(
    post, path = "/v1/migrations/{migrationId}/users", tag = "migrations", operation_id = "mapMigrationUser",
    params(("migrationId" = MigrationId, Path, description = "The migration")),
    request_body = MapUser,
    responses((status = 200, description = "The migration", body = Migration)),
)]
async fn map_user(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<MigrationId>,
    Json(request): Json<MapUser>,
) -> Result<axum::Json<Migration>, Refusal> {
    Ok(axum::Json(state.engine.map_user(&caller, state.access.tenant, id, request).await?))
}

/// Decide about the next rows and bring those in that have an owner. `open` says how many are left.
#[utoipa::path(
    post, path = "/v1/migrations/{migrationId}/run", tag = "migrations", operation_id = "runMigration",
    params(("migrationId" = MigrationId, Path, description = "The migration")),
    request_body(content = Option<RunMigration>, description = "How many rows; may be left out"),
    responses((status = 200, description = "The migration after that", body = Migration)),
)]
async fn run_migration(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<MigrationId>,
    JsonOrNothing(request): JsonOrNothing<Option<RunMigration>>,
) -> Result<axum::Json<Migration>, Refusal> {
    let (home, request) = (state.access.tenant, request.unwrap_or_default());
    Ok(axum::Json(state.engine.run_migration(&caller, home, id, &request).await?))
}

/// Let no row come in by a migration any more. Refused while rows are neither in their tenant nor in
/// quarantine.
#[utoipa::path(
    post, path = "/v1/migrations/{migrationId}/finish", tag = "migrations", operation_id = "finishMigration",
    params(("migrationId" = MigrationId, Path, description = "The migration")),
    responses((status = 200, description = "The migration with its report", body = Migration)),
)]
async fn finish_migration(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<MigrationId>,
) -> Result<axum::Json<Migration>, Refusal> {
    Ok(axum::Json(state.engine.finish_migration(&caller, state.access.tenant, id).await?))
}

/// List rows of a migration, in the order of the file: those in quarantine with
/// `standing=quarantined`.
#[utoipa::path(
    get, path = "/v1/migrations/{migrationId}/rows", tag = "migrations", operation_id = "listMigrationRows",
    params(("migrationId" = MigrationId, Path, description = "The migration"), RowsAsked),
    responses((status = 200, description = "A page of rows", body = Page<LegacyRow>)),
)]
async fn list_rows(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<MigrationId>,
    Asked(asked): Asked<RowsAsked>,
) -> Result<axum::Json<Page<LegacyRow>>, Refusal> {
    let (home, wanted) = (state.access.tenant, RowsWanted::from(asked));
    blocking(move || state.engine.legacy_rows(&caller, home, id, &wanted)).await.map(axum::Json)
}

/// See a row of the caller's tenant by the id it had in the old store. A row that is not there yet is
/// brought in.
#[utoipa::path(
    get, path = "/v1/migrations/{migrationId}/rows/{row}", tag = "migrations", operation_id = "getMigrationRow",
    params(
        ("migrationId" = MigrationId, Path, description = "The migration"),
        ("row" = String, Path, description = "`kind:id`, with the id of the old store"),
    ),
    responses((status = 200, description = "The row; `location` says where the thing is", body = LegacyRow)),
)]
async fn get_row(
    State(state): State<ServerState>,
    Who(caller): Who,
    of: OfRow,
) -> Result<axum::Json<LegacyRow>, Refusal> {
    let (id, row) = row_of(of)?;
    Ok(axum::Json(state.engine.legacy_row(&caller, state.access.tenant, id, &row).await?))
}

/// Change a session or workspace by the id it had in the old store: it is brought in if it is not there
/// yet, and the answer says where the same request is to go.
#[utoipa::path(
    patch, path = "/v1/migrations/{migrationId}/rows/{row}", tag = "migrations", operation_id = "changeMigrationRow",
    params(
        ("migrationId" = MigrationId, Path, description = "The migration"),
        ("row" = String, Path, description = "`session:id` or `workspace:id`, with the id of the old store"),
    ),
    responses((status = 307, description = "Send the same request to `Location`",
        headers(("Location" = String, description = "Where the thing is")))),
)]
async fn change_row(
    State(state): State<ServerState>,
    Who(caller): Who,
    of: OfRow,
) -> Result<impl IntoResponse, Refusal> {
    let (id, row) = row_of(of)?;
    let found = state.engine.legacy_row(&caller, state.access.tenant, id, &row).await?;
    let is_changed = matches!(found.kind, LegacyKind::Session | LegacyKind::Workspace);
    match found.location.filter(|_| is_changed) {
        Some(location) => Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)])),
        None => {
            let told =
                format!("a {} is not changed by PATCH; a session or workspace is", found.kind);
            Err(Refusal::new(Code::InvalidArgument, told))
        }
    }
}

/// Give a row in quarantine its owner. The next run brings it in.
#[utoipa::path(
    post, path = "/v1/migrations/{migrationId}/rows/{row}/assign", tag = "migrations", operation_id = "assignMigrationRow",
    params(
        ("migrationId" = MigrationId, Path, description = "The migration"),
        ("row" = String, Path, description = "`kind:id`, with the id of the old store"),
    ),
    request_body = AssignRow,
    responses((status = 200, description = "The row", body = LegacyRow)),
)]
async fn assign_row(
    State(state): State<ServerState>,
    Who(caller): Who,
    of: OfRow,
    Json(request): Json<AssignRow>,
) -> Result<axum::Json<LegacyRow>, Refusal> {
    let ((id, row), home) = (row_of(of)?, state.access.tenant);
    Ok(axum::Json(state.engine.assign_row(&caller, home, id, &row, request).await?))
}

/// Give a row in quarantine up, for good.
#[utoipa::path(
    post, path = "/v1/migrations/{migrationId}/rows/{row}/discard", tag = "migrations", operation_id = "discardMigrationRow",
    params(
        ("migrationId" = MigrationId, Path, description = "The migration"),
        ("row" = String, Path, description = "`kind:id`, with the id of the old store"),
    ),
    request_body = DiscardRow,
    responses((status = 200, description = "The row", body = LegacyRow)),
)]
async fn discard_row(
    State(state): State<ServerState>,
    Who(caller): Who,
    of: OfRow,
    Json(request): Json<DiscardRow>,
) -> Result<axum::Json<LegacyRow>, Refusal> {
    let ((id, row), home) = (row_of(of)?, state.access.tenant);
    Ok(axum::Json(state.engine.discard_row(&caller, home, id, &row, request).await?))
}
