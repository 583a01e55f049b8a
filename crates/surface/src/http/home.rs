//! What the server says about itself: its figures, whether it is up, its document, a front page.

use super::caller::Who;
use super::document;
use super::files::StoreFile;
use super::page::blocking;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use serde::Serialize;
use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;
use tenure_contract::resource::Caller;
use tenure_contract::{Error, StoreId, Time};
use tenure_core::authority::is_operator;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn guarded_routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(get_server))
}

pub(super) fn open_routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(health)).routes(routes!(get_document)).routes(routes!(front_page))
}

/// What a server is and how it does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Server {
    /// The version of the program.
    version: &'static str,
    /// The data directory or database it owns.
    store_id: StoreId,
    /// When it began.
    started_at: Time,
    /// Why what time destroys, such as an approval's expiry, is held; null while the clock is believed.
    clock_held: Option<String>,
    /// How it does: of all tenants together, so for its operator only; null for anyone else.
    figures: Option<Figures>,
}

/// How a server does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Figures {
    /// Journals in memory.
    resident_journals: usize,
    /// What the sessions among them are reckoned to take, bytes.
    resident_bytes: u64,
    /// What they may take before those that wait are let go, bytes.
    resident_max_bytes: u64,
    /// Sessions let go while they waited, since it began.
    evicted: u64,
    /// Entries committed and not yet in the lists.
    settle_lag: u64,
    /// The most that ever were.
    settle_lag_max: u64,
    /// Why the lists take no entries now; null while they do.
    settle_refused: Option<String>,
    /// Physical commits since it began.
    commits: u64,
    /// Entries committed since it began.
    entries: u64,
    /// The longest commit, microseconds.
    commit_max_us: u64,
    /// The databases beneath it, as the process that writes them reads their settings back.
    files: Vec<StoreFile>,
}

/// Whether the server is up.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// See what this server is and, as its operator, how it does.
#[utoipa::path(
    get, path = "/v1/server", tag = "server", operation_id = "getServer",
    responses((status = 200, description = "The server", body = Server)),
)]
async fn get_server(
    State(state): State<ServerState>,
    Who(caller): Who,
) -> Result<axum::Json<Server>, Refusal> {
    let (store_id, started_at) = (state.engine.store_id(), state.started_at);
    let (version, clock_held) = (env!("CARGO_PKG_VERSION"), state.engine.clock_held());
    let figures = match may_see_figures(&state, &caller) {
        true => Some(blocking(move || figures(&state)).await?),
        false => None,
    };
    Ok(axum::Json(Server { version, store_id, started_at, clock_held, figures }))
}

/// Figures tell of every tenant's work at once, so only who operates the server sees them: a caller
/// in the server's own tenant, or its operator acting in another.
fn may_see_figures(state: &ServerState, caller: &Caller) -> bool {
    caller.tenant == state.access.tenant || is_operator(&caller.scopes)
}

fn figures(state: &ServerState) -> Result<Figures, Error> {
    let (settle_lag, settle_lag_max) = state.engine.settle_lag();
    let figures = state.engine.commit_figures();
    let (resident_bytes, resident_max_bytes) = state.engine.resident_bytes();
    Ok(Figures {
        resident_journals: state.engine.resident_count(),
        resident_bytes,
        resident_max_bytes,
        evicted: state.engine.evicted(),
        settle_lag,
        settle_lag_max,
        settle_refused: state.engine.settle_refused(),
        commits: figures.commits.load(Relaxed),
        entries: figures.entries.load(Relaxed),
        commit_max_us: figures.commit_max_us.load(Relaxed),
        files: state.files.look()?,
    })
}

/// Ask whether the server is up.
#[utoipa::path(
    get, path = "/healthz", tag = "server", operation_id = "health",
    responses((status = 200, description = "It is", body = Health)),
)]
async fn health() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "server", operation_id = "getDocument",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)),
)]
async fn get_document() -> impl IntoResponse {
    // made when it is first asked for, and kept as it is sent
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| document::openapi().to_string());
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// A page for people who come by.
#[utoipa::path(
    get, path = "/", tag = "server", operation_id = "frontPage",
    responses((status = 200, description = "A plain page", body = String, content_type = "text/html; charset=utf-8")),
)]
async fn front_page() -> impl IntoResponse {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tenure</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Tenure</h1>
<p>A durable runtime for agents: every run survives a restart, every side effect is recorded before
and after it happens, and every session can be proven afterwards.</p>
<ul>
<li><a href="/v1/sessions">Sessions</a>, <a href="/v1/runs">runs</a>,
<a href="/v1/runs?open=true">runs in progress</a></li>
<li><a href="/v1/approvals?open=true">Approvals that wait for somebody</a>,
<a href="/v1/doubts?open=true">steps in doubt</a></li>
<li><a href="/v1/agents">Agents</a>, <a href="/v1/intents">intents</a>, <a href="/v1/server">this server</a></li>
<li><a href="/openapi.json">What every route takes and answers</a></li>
</ul>
<p>On a command line: <code>tenure --help</code>.</p>
</html>
"#;
