//! Lists: what they are asked for and how they answer, the same for every noun.

use super::problem::Refusal;
use serde::{Deserialize, Deserializer};
use tenure_contract::resource::{Caller, Change, Page};
use tenure_contract::words::{
    ApprovalStatus, ExecutionTarget, RunStatus, SessionStatus, Surface, TaskRank, TaskStatus,
    TodoStatus, WorkspaceStatus,
};
use tenure_contract::{Code, Error, ProjectId, SessionId, TaskId, WorkspaceId};
use tenure_engine::{Engine, Listing, Sort};
use utoipa::{IntoParams, ToSchema};

/// What a list of sessions is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionsAsked {
    /// Only sessions in this status.
    status: Option<SessionStatus>,
    /// Only sessions in this workspace; `null` asks for chat threads, which have none.
    #[serde(default, deserialize_with = "workspace")]
    #[param(value_type = Option<String>)]
    workspace_id: Change<WorkspaceId>,
    /// Only sessions of this product.
    product_id: Option<String>,
    /// Only sessions for this user.
    user_id: Option<String>,
    /// Only sessions whose tools execute there; `web` and `worker` see `sandbox` unless they ask.
    #[serde(default, deserialize_with = "target")]
    #[param(value_type = Option<String>)]
    execution_target: Option<ExecutionTarget>,
    /// Only sessions opened from this surface.
    surface: Option<Surface>,
    /// Only sessions that have not ended, or only those that have.
    open: Option<bool>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What a list of runs is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsAsked {
    /// Only runs of this session.
    #[serde(default, deserialize_with = "session_id")]
    session: Option<SessionId>,
    /// Only runs of this task.
    #[serde(default, deserialize_with = "task_id")]
    task: Option<TaskId>,
    /// Only runs in this status.
    status: Option<RunStatus>,
    /// Only runs that have not ended, or only those that have.
    open: Option<bool>,
    /// Only what belongs to this product.
    product_id: Option<String>,
    /// Only what is for this user.
    user_id: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What a list of tasks is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TasksAsked {
    /// Only tasks of this session.
    #[serde(default, deserialize_with = "session_id")]
    session: Option<SessionId>,
    /// Only tasks in this status.
    status: Option<TaskStatus>,
    /// Only tasks that are not over, or only those that are.
    open: Option<bool>,
    /// Only tasks whose priority ranks so; any other text ranks as `normal`.
    #[param(inline)]
    priority: Option<TaskRank>,
    /// `newest` first, which is the default, or `priority`: the most urgent first.
    #[param(inline)]
    sort: Option<TaskSort>,
    /// Only what belongs to this product.
    product_id: Option<String>,
    /// Only what is for this user.
    user_id: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// The orders of a list of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TaskSort {
    /// The newest first.
    Newest,
    /// The most urgent first, and the newest first among equals.
    Priority,
}

/// What a list of todos is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TodosAsked {
    /// Only todos of this session.
    #[serde(default, deserialize_with = "session_id")]
    session: Option<SessionId>,
    /// Only todos of this task.
    #[serde(default, deserialize_with = "task_id")]
    task: Option<TaskId>,
    /// Only todos in this status.
    status: Option<TodoStatus>,
    /// Only todos that are open or in progress, or only the others.
    open: Option<bool>,
    /// Only what belongs to this product.
    product_id: Option<String>,
    /// Only what is for this user.
    user_id: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What a list of checkpoints is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CheckpointsAsked {
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What a list of approvals is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ApprovalsAsked {
    /// Only approvals of this session.
    #[serde(default, deserialize_with = "session_id")]
    session: Option<SessionId>,
    /// Only approvals in this status.
    status: Option<ApprovalStatus>,
    /// Only approvals that wait for a decision, or only those that do not.
    open: Option<bool>,
    /// Only what belongs to this product.
    product_id: Option<String>,
    /// Only what is for this user.
    user_id: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What a list of steps in doubt is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DoubtsAsked {
    /// Only steps of this session.
    #[serde(default, deserialize_with = "session_id")]
    session: Option<SessionId>,
    /// Only steps that wait to be settled, or only those that do not.
    open: Option<bool>,
    /// Only what belongs to this product.
    product_id: Option<String>,
    /// Only what is for this user.
    user_id: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What a list that has no filter is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageAsked {
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<PageAsked> for Listing {
    fn from(PageAsked { cursor, limit }: PageAsked) -> Self {
        Self { cursor, limit, ..Self::default() }
    }
}

/// What a list of workspaces is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WorkspacesAsked {
    /// Only workspaces of this project.
    #[serde(default, deserialize_with = "project_id")]
    project: Option<ProjectId>,
    /// Only workspaces in this status.
    status: Option<WorkspaceStatus>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<WorkspacesAsked> for Listing {
    fn from(asked: WorkspacesAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let WorkspacesAsked { project, cursor, limit, .. } = asked;
        Self { project, status, cursor, limit, ..Self::default() }
    }
}

/// What a list of keys or principals is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OpenAsked {
    /// Only those that may act, or only those that may not any more.
    open: Option<bool>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<OpenAsked> for Listing {
    fn from(asked: OpenAsked) -> Self {
        let OpenAsked { open, cursor, limit } = asked;
        Self { open_only: open, cursor, limit, ..Self::default() }
    }
}

impl From<SessionsAsked> for Listing {
    fn from(asked: SessionsAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let SessionsAsked { open, cursor, limit, surface, .. } = asked;
        Self {
            status,
            workspace: asked.workspace_id,
            product: asked.product_id,
            user: asked.user_id,
            target: asked.execution_target,
            surface,
            open_only: open,
            cursor,
            limit,
            ..Self::default()
        }
    }
}

impl From<RunsAsked> for Listing {
    fn from(asked: RunsAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let RunsAsked { session, task, open, cursor, limit, product_id, user_id, .. } = asked;
        let (product, user) = (product_id, user_id);
        Self {
            session,
            task,
            status,
            product,
            user,
            open_only: open,
            cursor,
            limit,
            ..Self::default()
        }
    }
}

impl From<CheckpointsAsked> for Listing {
    fn from(CheckpointsAsked { cursor, limit }: CheckpointsAsked) -> Self {
        Self { cursor, limit, ..Self::default() }
    }
}

impl From<TasksAsked> for Listing {
    fn from(asked: TasksAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let by_rank = match asked.sort {
            Some(TaskSort::Priority) => Sort::Rank,
            Some(TaskSort::Newest) | None => Sort::Newest,
        };
        let TasksAsked {
            session, open, priority: rank, cursor, limit, product_id, user_id, ..
        } = asked;
        let (product, user) = (product_id, user_id);
        Self {
            session,
            status,
            rank,
            by_rank,
            product,
            user,
            open_only: open,
            cursor,
            limit,
            ..Self::default()
        }
    }
}

impl From<TodosAsked> for Listing {
    fn from(asked: TodosAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let TodosAsked { session, task, open, cursor, limit, product_id, user_id, .. } = asked;
        let (product, user) = (product_id, user_id);
        Self {
            session,
            task,
            status,
            product,
            user,
            open_only: open,
            cursor,
            limit,
            ..Self::default()
        }
    }
}

impl From<ApprovalsAsked> for Listing {
    fn from(asked: ApprovalsAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let ApprovalsAsked { session, open, cursor, limit, product_id, user_id, .. } = asked;
        let (product, user) = (product_id, user_id);
        Self { session, status, product, user, open_only: open, cursor, limit, ..Self::default() }
    }
}

impl From<DoubtsAsked> for Listing {
    fn from(asked: DoubtsAsked) -> Self {
        let DoubtsAsked { session, open, cursor, limit, product_id, user_id } = asked;
        let (product, user) = (product_id, user_id);
        Self { session, product, user, open_only: open, cursor, limit, ..Self::default() }
    }
}

/// Reads a list off the async threads, once it holds everything that was committed before. A
/// session that is named must exist for the caller (`TEN-1`): an empty page would look the same for
/// a slip of the pen.
pub(super) async fn list<T: Send + 'static>(
    engine: Engine,
    caller: Caller,
    listing: Listing,
    read: fn(&Engine, &Caller, &Listing) -> Result<Page<T>, Error>,
) -> Result<Page<T>, Refusal> {
    engine.settled().await?;
    if let Some(session) = listing.session {
        engine.session(&caller, session).await?;
    }
    blocking(move || read(&engine, &caller, &listing)).await
}

/// A list that is shown whole.
pub(super) const fn whole<T>(items: Vec<T>) -> Page<T> {
    Page { items, next_cursor: None }
}

/// Does work that reads the database where it holds up no request but its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    let done =
        done.map_err(|why| Refusal::new(Code::Internal, format!("a read ended early: {why}")))?;
    done.map_err(Refusal)
}

fn project_id<'de, D: Deserializer<'de>>(d: D) -> Result<Option<ProjectId>, D::Error> {
    ProjectId::deserialize(d).map(Some)
}

fn session_id<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SessionId>, D::Error> {
    SessionId::deserialize(d).map(Some)
}

fn task_id<'de, D: Deserializer<'de>>(d: D) -> Result<Option<TaskId>, D::Error> {
    TaskId::deserialize(d).map(Some)
}

/// `null` is a word here: a query knows no null of its own.
fn workspace<'de, D: Deserializer<'de>>(d: D) -> Result<Change<WorkspaceId>, D::Error> {
    let text = String::deserialize(d)?;
    if text == "null" {
        return Ok(Change::Clear);
    }
    text.parse().map(Change::Set).map_err(serde::de::Error::custom)
}

fn target<'de, D: Deserializer<'de>>(d: D) -> Result<Option<ExecutionTarget>, D::Error> {
    let text = String::deserialize(d)?;
    ExecutionTarget::canonical(Some(&text)).map(Some).map_err(serde::de::Error::custom)
}
