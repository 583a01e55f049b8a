//! Lists: what they are asked for and how they answer, the same for every noun.

use super::problem::Refusal;
use serde::{Deserialize, Deserializer};
use tenure_contract::resource::{Caller, Page};
use tenure_contract::words::{ApprovalStatus, RunStatus, SessionStatus};
use tenure_contract::{Code, Error, SessionId};
use tenure_engine::{Engine, Listing};
use utoipa::IntoParams;

/// What a list of sessions is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionsAsked {
    /// Only sessions in this status.
    status: Option<SessionStatus>,
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
    /// Only runs in this status.
    status: Option<RunStatus>,
    /// Only runs that have not ended, or only those that have.
    open: Option<bool>,
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
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
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
        let SessionsAsked { open, cursor, limit, .. } = asked;
        Self { session: None, status, open_only: open, cursor, limit }
    }
}

impl From<RunsAsked> for Listing {
    fn from(asked: RunsAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let RunsAsked { session, open, cursor, limit, .. } = asked;
        Self { session, status, open_only: open, cursor, limit }
    }
}

impl From<ApprovalsAsked> for Listing {
    fn from(asked: ApprovalsAsked) -> Self {
        let status = asked.status.map(|status| status.to_string());
        let ApprovalsAsked { session, open, cursor, limit, .. } = asked;
        Self { session, status, open_only: open, cursor, limit }
    }
}

impl From<DoubtsAsked> for Listing {
    fn from(asked: DoubtsAsked) -> Self {
        let DoubtsAsked { session, open, cursor, limit } = asked;
        Self { session, status: None, open_only: open, cursor, limit }
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

fn session_id<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SessionId>, D::Error> {
    SessionId::deserialize(d).map(Some)
}
