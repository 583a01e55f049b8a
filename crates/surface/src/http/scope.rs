//! The one table of what a caller must hold for which route.
//!
//! What each scope means stands in `docs/format/words.md`; who holds one is the core's to say.

use axum::http::Method;
use tenure_contract::words::Scope;

/// Method, route and the scope it asks for: every route that acts in a tenant stands here.
pub const ROUTES: &[(&str, &str, Scope)] = &[
    ("POST", "/v1/sessions", Scope::SessionsWrite),
    ("GET", "/v1/sessions", Scope::SessionsRead),
    ("GET", "/v1/sessions/{sessionId}", Scope::SessionsRead),
    ("PATCH", "/v1/sessions/{sessionId}", Scope::SessionsWrite),
    ("POST", "/v1/sessions/{sessionId}/agent-binding", Scope::SessionsWrite),
    ("POST", "/v1/sessions/{sessionId}/end", Scope::SessionsWrite),
    ("POST", "/v1/sessions/{sessionId}/tasks", Scope::RunsWrite),
    ("GET", "/v1/tasks", Scope::RunsRead),
    ("GET", "/v1/tasks/{taskId}", Scope::RunsRead),
    ("PATCH", "/v1/tasks/{taskId}", Scope::RunsWrite),
    ("POST", "/v1/tasks/{taskId}/retry", Scope::RunsWrite),
    ("POST", "/v1/sessions/{sessionId}/todos", Scope::RunsWrite),
    ("GET", "/v1/todos", Scope::RunsRead),
    ("GET", "/v1/todos/{todoId}", Scope::RunsRead),
    ("PATCH", "/v1/todos/{todoId}", Scope::RunsWrite),
    ("DELETE", "/v1/sessions/{sessionId}/memory", Scope::SessionsWrite),
    ("GET", "/v1/sessions/{sessionId}/entries", Scope::JournalsRead),
    ("GET", "/v1/sessions/{sessionId}/events", Scope::JournalsRead),
    ("GET", "/v1/sessions/{sessionId}/export", Scope::JournalsRead),
    ("GET", "/v1/events", Scope::JournalsRead),
    ("GET", "/v1/sessions/{sessionId}/trail", Scope::JournalsRead),
    ("GET", "/v1/sessions/{sessionId}/artifacts", Scope::ArtifactsRead),
    ("POST", "/v1/runs", Scope::RunsWrite),
    ("GET", "/v1/runs", Scope::RunsRead),
    ("GET", "/v1/runs/{runId}", Scope::RunsRead),
    ("GET", "/v1/runs/{runId}/steps", Scope::StepsRead),
    ("POST", "/v1/runs/{runId}/cancel", Scope::RunsWrite),
    ("POST", "/v1/runs/{runId}/pause", Scope::RunsWrite),
    ("POST", "/v1/runs/{runId}/resume", Scope::RunsWrite),
    ("GET", "/v1/approvals", Scope::ApprovalsRead),
    ("GET", "/v1/approvals/{approvalId}", Scope::ApprovalsRead),
    ("POST", "/v1/approvals/{approvalId}/decision", Scope::ApprovalsDecide),
    ("POST", "/v1/approvals/{approvalId}/tokens", Scope::ApprovalsDecide),
    ("POST", "/v1/approval-decisions", Scope::ApprovalsDecide),
    ("POST", "/v1/app-keys", Scope::KeysAdmin),
    ("GET", "/v1/app-keys", Scope::KeysAdmin),
    ("DELETE", "/v1/app-keys/{kid}", Scope::KeysAdmin),
    ("GET", "/v1/signing-keys", Scope::ApprovalsRead),
    ("GET", "/v1/doubts", Scope::StepsRead),
    ("POST", "/v1/steps/{stepId}/resolution", Scope::StepsResolve),
    ("POST", "/v1/agents", Scope::AgentsWrite),
    ("GET", "/v1/agents", Scope::AgentsRead),
    ("GET", "/v1/agents/{name}", Scope::AgentsRead),
    ("GET", "/v1/intents", Scope::IntentsRead),
    ("POST", "/v1/tenants", Scope::TenantsAdmin),
    ("GET", "/v1/tenants", Scope::TenantsRead),
    ("GET", "/v1/tenants/{tenantId}", Scope::TenantsRead),
    ("GET", "/v1/secrets", Scope::SecretsRead),
    ("PUT", "/v1/secrets/{secretName}", Scope::SecretsWrite),
    ("DELETE", "/v1/secrets/{secretName}", Scope::SecretsWrite),
    ("POST", "/v1/projects", Scope::ProjectsWrite),
    ("GET", "/v1/projects", Scope::ProjectsRead),
    ("GET", "/v1/projects/{projectId}", Scope::ProjectsRead),
    ("POST", "/v1/workspaces", Scope::WorkspacesWrite),
    ("GET", "/v1/workspaces", Scope::WorkspacesRead),
    ("GET", "/v1/workspaces/{workspaceId}", Scope::WorkspacesRead),
    ("PATCH", "/v1/workspaces/{workspaceId}", Scope::WorkspacesWrite),
    ("POST", "/v1/principals", Scope::PrincipalsAdmin),
    ("GET", "/v1/principals", Scope::PrincipalsRead),
    ("GET", "/v1/principals/{principalId}", Scope::PrincipalsRead),
    ("PATCH", "/v1/principals/{principalId}", Scope::PrincipalsAdmin),
    ("POST", "/v1/keys", Scope::KeysAdmin),
    ("GET", "/v1/keys", Scope::KeysAdmin),
    ("DELETE", "/v1/keys/{keyId}", Scope::KeysAdmin),
    ("PUT", "/v1/policy", Scope::PolicyAdmin),
    ("GET", "/v1/policy", Scope::PolicyRead),
    ("GET", "/v1/policy/versions", Scope::PolicyRead),
    ("GET", "/v1/policy/versions/{version}", Scope::PolicyRead),
    ("POST", "/v1/policy/try", Scope::PolicyRead),
    ("GET", "/v1/server", Scope::ServerRead),
    ("GET", "/api/execution/{execution_id}/status", Scope::RunsRead),
    ("POST", "/api/intent/submit", Scope::RunsWrite),
    ("POST", "/v1/sessions/{sessionId}/checkpoints", Scope::RunsWrite),
    // a checkpoint shows its resume token, which is of use to whoever may run
    ("GET", "/v1/sessions/{sessionId}/checkpoints", Scope::SessionsRead),
    ("GET", "/v1/checkpoints/{checkpointId}", Scope::SessionsRead),
    ("POST", "/v1/resume", Scope::RunsWrite),
];

/// What a route asks for; none for a method it does not offer.
pub(super) fn of(method: &Method, route: &str) -> Option<Scope> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let found = ROUTES.iter().find(|(verb, path, _)| *verb == method && *path == route);
    found.map(|(_, _, scope)| *scope)
}
