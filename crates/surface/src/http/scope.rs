//! The one table of what a caller must hold for which route.

use axum::http::Method;
use tenure_contract::resource::Caller;

/// What a caller may do. An API key holds some of these, or `*` for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// See everything of the tenant but its keys.
    Read,
    /// Open sessions, submit runs and steer them.
    Run,
    /// Decide approvals and settle steps in doubt.
    Approve,
    /// Register agents; make, see and revoke keys.
    Admin,
}

/// The word that holds all scopes.
pub(super) const EVERYTHING: &str = "*";

/// Method, route and the scope it asks for: every route that acts in a tenant stands here.
pub const ROUTES: &[(&str, &str, Scope)] = &[
    ("POST", "/v1/sessions", Scope::Run),
    ("GET", "/v1/sessions", Scope::Read),
    ("GET", "/v1/sessions/{sessionId}", Scope::Read),
    ("PATCH", "/v1/sessions/{sessionId}", Scope::Run),
    ("POST", "/v1/sessions/{sessionId}/agent-binding", Scope::Run),
    ("POST", "/v1/sessions/{sessionId}/end", Scope::Run),
    ("GET", "/v1/sessions/{sessionId}/entries", Scope::Read),
    ("GET", "/v1/sessions/{sessionId}/events", Scope::Read),
    ("GET", "/v1/sessions/{sessionId}/export", Scope::Read),
    ("GET", "/v1/sessions/{sessionId}/artifacts", Scope::Read),
    ("POST", "/v1/runs", Scope::Run),
    ("GET", "/v1/runs", Scope::Read),
    ("GET", "/v1/runs/{runId}", Scope::Read),
    ("GET", "/v1/runs/{runId}/steps", Scope::Read),
    ("POST", "/v1/runs/{runId}/cancel", Scope::Run),
    ("POST", "/v1/runs/{runId}/pause", Scope::Run),
    ("POST", "/v1/runs/{runId}/resume", Scope::Run),
    ("POST", "/v1/sessions/{sessionId}/tasks", Scope::Run),
    ("GET", "/v1/tasks", Scope::Read),
    ("GET", "/v1/tasks/{taskId}", Scope::Read),
    ("PATCH", "/v1/tasks/{taskId}", Scope::Run),
    ("POST", "/v1/tasks/{taskId}/retry", Scope::Run),
    ("POST", "/v1/sessions/{sessionId}/todos", Scope::Run),
    ("GET", "/v1/todos", Scope::Read),
    ("GET", "/v1/todos/{todoId}", Scope::Read),
    ("PATCH", "/v1/todos/{todoId}", Scope::Run),
    ("GET", "/v1/approvals", Scope::Read),
    ("GET", "/v1/approvals/{approvalId}", Scope::Read),
    ("POST", "/v1/approvals/{approvalId}/decision", Scope::Approve),
    ("GET", "/v1/doubts", Scope::Read),
    ("POST", "/v1/steps/{stepId}/resolution", Scope::Approve),
    ("POST", "/v1/agents", Scope::Admin),
    ("GET", "/v1/agents", Scope::Read),
    ("GET", "/v1/agents/{name}", Scope::Read),
    ("GET", "/v1/intents", Scope::Read),
    ("POST", "/v1/keys", Scope::Admin),
    ("GET", "/v1/keys", Scope::Admin),
    ("DELETE", "/v1/keys/{keyId}", Scope::Admin),
    ("GET", "/v1/server", Scope::Read),
    ("GET", "/api/execution/{execution_id}/status", Scope::Read),
    ("POST", "/api/intent/submit", Scope::Run),
];

impl Scope {
    /// Every scope.
    pub const ALL: &'static [Self] = &[Self::Read, Self::Run, Self::Approve, Self::Admin];

    /// The scope's word, as keys hold it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Approve => "approve",
            Self::Admin => "admin",
        }
    }

    /// Whether a caller holds it.
    pub(super) fn is_held(self, caller: &Caller) -> bool {
        caller.scopes.iter().any(|held| held == EVERYTHING || held == self.as_str())
    }

    /// What a route asks for; none for a method it does not offer.
    pub(super) fn of(method: &Method, route: &str) -> Option<Self> {
        let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
        let found = ROUTES.iter().find(|(verb, path, _)| *verb == method && *path == route);
        found.map(|(_, _, scope)| *scope)
    }
}
