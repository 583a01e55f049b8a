//! Schedules: make, list, see, change, hold, give up, and their entries.

use super::caller::Who;
use super::extract::{Asked, Json, JsonOrNothing, Key, Named};
use super::page::list;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use tenure_contract::resource::{
    AddScheduleEntry, CancelSchedule, ChangeSchedule, CreateSchedule, MoveScheduleEntry, Page,
    Schedule, ScheduleSummary,
};
use tenure_contract::words::ScheduleStatus;
use tenure_contract::{Code, ScheduleId, SessionId};
use tenure_engine::{Engine, Listing};
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(create_schedule, list_schedules))
        .routes(routes!(get_schedule, change_schedule))
        .routes(routes!(pause_schedule))
        .routes(routes!(resume_schedule))
        .routes(routes!(cancel_schedule))
        .routes(routes!(add_entry))
        .routes(routes!(move_entry))
        .routes(routes!(cancel_entry))
}

/// What a list of schedules is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SchedulesAsked {
    /// Only those whose runs belong to this session.
    session: Option<SessionId>,
    /// Only those in this status.
    status: Option<ScheduleStatus>,
    /// Only those that are active or paused, or only the others.
    open: Option<bool>,
    /// Only those whose runs are for this product.
    product_id: Option<String>,
    /// Only those for this user.
    user_id: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<SchedulesAsked> for Listing {
    fn from(asked: SchedulesAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let SchedulesAsked { session, open, cursor, limit, product_id, user_id, .. } = asked;
        let (product, user) = (product_id, user_id);
        Self { session, status, product, user, open_only: open, cursor, limit, ..Self::default() }
    }
}

/// A schedule and the number of one of its entries, from the path.
type OfEntry = Path<(String, String)>;

fn entry_of(Path((schedule, entry)): OfEntry) -> Result<(ScheduleId, u32), Refusal> {
    let schedule: ScheduleId = schedule.parse().map_err(|why: tenure_contract::ids::BadId| {
        Refusal::new(Code::InvalidArgument, why.to_string())
    })?;
    let number = entry.parse().map_err(|_| {
        let shown: String = entry.chars().take(60).collect();
        let told = format!("`{shown}` is no entry's number; expected 1 or more");
        Refusal::new(Code::InvalidArgument, told)
    })?;
    Ok((schedule, number))
}

/// Make a schedule, with its entries: each starts one run, at its time or by turn.
///
/// A run starts in the session the schedule names; when it names none, each in a new one that ends with
/// it.
#[utoipa::path(
    post, path = "/v1/schedules", tag = "schedules", operation_id = "createSchedule",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    request_body = CreateSchedule,
    responses((status = 201, description = "The schedule", body = Schedule,
        headers(("Location" = String, description = "Where the schedule is")))),
)]
async fn create_schedule(
    State(state): State<ServerState>,
    Who(caller): Who,
    Key(key): Key,
    Json(request): Json<CreateSchedule>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.create_schedule(&caller, request, key.as_deref()).await?;
    let location = format!("/v1/schedules/{}", made.schedule_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(made)))
}

/// List schedules, the newest first.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules", operation_id = "listSchedules",
    params(SchedulesAsked),
    responses((status = 200, description = "A page of schedules", body = Page<ScheduleSummary>)),
)]
async fn list_schedules(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<SchedulesAsked>,
) -> Result<axum::Json<Page<ScheduleSummary>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::schedules).await.map(axum::Json)
}

/// See a schedule with its entries, and what became of each.
#[utoipa::path(
    get, path = "/v1/schedules/{scheduleId}", tag = "schedules", operation_id = "getSchedule",
    params(("scheduleId" = ScheduleId, Path, description = "The schedule")),
    responses((status = 200, description = "The schedule", body = Schedule)),
)]
async fn get_schedule(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ScheduleId>,
) -> Result<axum::Json<Schedule>, Refusal> {
    Ok(axum::Json(state.engine.see_schedule(&caller, id).await?))
}

/// Change what a schedule is called, or how it treats entries it missed.
#[utoipa::path(
    patch, path = "/v1/schedules/{scheduleId}", tag = "schedules", operation_id = "changeSchedule",
    params(("scheduleId" = ScheduleId, Path, description = "The schedule")),
    request_body = ChangeSchedule,
    responses((status = 200, description = "The schedule, changed", body = Schedule)),
)]
async fn change_schedule(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ScheduleId>,
    Json(request): Json<ChangeSchedule>,
) -> Result<axum::Json<Schedule>, Refusal> {
    Ok(axum::Json(state.engine.change_schedule(&caller, id, request).await?))
}

/// Hold a schedule: its entries stay pending until it is resumed.
#[utoipa::path(
    post, path = "/v1/schedules/{scheduleId}/pause", tag = "schedules", operation_id = "pauseSchedule",
    params(("scheduleId" = ScheduleId, Path, description = "The schedule")),
    responses((status = 200, description = "The schedule, paused", body = Schedule)),
)]
async fn pause_schedule(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ScheduleId>,
) -> Result<axum::Json<Schedule>, Refusal> {
    let paused = state.engine.move_schedule(&caller, id, ScheduleStatus::Paused, None).await?;
    Ok(axum::Json(paused))
}

/// Let a paused schedule go on. Entries whose time passed meanwhile are treated as its missed policy
/// says.
#[utoipa::path(
    post, path = "/v1/schedules/{scheduleId}/resume", tag = "schedules", operation_id = "resumeSchedule",
    params(("scheduleId" = ScheduleId, Path, description = "The schedule")),
    responses((status = 200, description = "The schedule, active", body = Schedule)),
)]
async fn resume_schedule(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ScheduleId>,
) -> Result<axum::Json<Schedule>, Refusal> {
    let active = state.engine.move_schedule(&caller, id, ScheduleStatus::Active, None).await?;
    Ok(axum::Json(active))
}

/// Give a schedule up, with every entry that has not started.
#[utoipa::path(
    post, path = "/v1/schedules/{scheduleId}/cancel", tag = "schedules", operation_id = "cancelSchedule",
    params(("scheduleId" = ScheduleId, Path, description = "The schedule")),
    request_body(content = Option<CancelSchedule>, description = "Why; may be left out"),
    responses((status = 200, description = "The schedule, cancelled", body = Schedule)),
)]
async fn cancel_schedule(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ScheduleId>,
    JsonOrNothing(request): JsonOrNothing<Option<CancelSchedule>>,
) -> Result<axum::Json<Schedule>, Refusal> {
    let reason = request.and_then(|request| request.reason);
    let status = ScheduleStatus::Cancelled;
    Ok(axum::Json(state.engine.move_schedule(&caller, id, status, reason).await?))
}

/// Add an entry to a schedule; a completed one becomes active again.
#[utoipa::path(
    post, path = "/v1/schedules/{scheduleId}/entries", tag = "schedules", operation_id = "addScheduleEntry",
    params(
        ("scheduleId" = ScheduleId, Path, description = "The schedule"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat"),
    ),
    request_body = AddScheduleEntry,
    responses((status = 201, description = "The schedule with its new entry", body = Schedule)),
)]
async fn add_entry(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<ScheduleId>,
    Key(key): Key,
    Json(request): Json<AddScheduleEntry>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.add_schedule_entry(&caller, id, request, key.as_deref()).await?;
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// Have a pending entry be due at another time.
#[utoipa::path(
    patch, path = "/v1/schedules/{scheduleId}/entries/{entry}", tag = "schedules", operation_id = "moveScheduleEntry",
    params(
        ("scheduleId" = ScheduleId, Path, description = "The schedule"),
        ("entry" = u32, Path, description = "The entry's number, from 1"),
    ),
    request_body = MoveScheduleEntry,
    responses((status = 200, description = "The schedule, changed", body = Schedule)),
)]
async fn move_entry(
    State(state): State<ServerState>,
    Who(caller): Who,
    of: OfEntry,
    Json(request): Json<MoveScheduleEntry>,
) -> Result<axum::Json<Schedule>, Refusal> {
    Ok(axum::Json(state.engine.move_schedule_entry(&caller, entry_of(of)?, request).await?))
}

/// Give a pending entry up.
#[utoipa::path(
    post, path = "/v1/schedules/{scheduleId}/entries/{entry}/cancel", tag = "schedules", operation_id = "cancelScheduleEntry",
    params(
        ("scheduleId" = ScheduleId, Path, description = "The schedule"),
        ("entry" = u32, Path, description = "The entry's number, from 1"),
    ),
    request_body(content = Option<CancelSchedule>, description = "Why; may be left out"),
    responses((status = 200, description = "The schedule, changed", body = Schedule)),
)]
async fn cancel_entry(
    State(state): State<ServerState>,
    Who(caller): Who,
    of: OfEntry,
    JsonOrNothing(request): JsonOrNothing<Option<CancelSchedule>>,
) -> Result<axum::Json<Schedule>, Refusal> {
    let reason = request.and_then(|request| request.reason);
    Ok(axum::Json(state.engine.cancel_schedule_entry(&caller, entry_of(of)?, reason).await?))
}
