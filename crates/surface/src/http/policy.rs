//! The tenant's policy: set, see, list, try (`POL-1`).

use super::caller::Who;
use super::extract::{Asked, Json, Named};
use super::page::blocking;
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use serde::Deserialize;
use tenure_contract::PolicyVersion;
use tenure_contract::resource::{Page, Policy, PolicyAnswer, SetPolicy, TryPolicy};
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered
        .routes(routes!(set_policy, get_policy))
        .routes(routes!(list_policies))
        .routes(routes!(get_policy_version))
        .routes(routes!(try_policy))
}

/// What a list of policies is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PoliciesAsked {
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Rows at the most; 50 when nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Set the tenant's policy, whole. The same text again changes nothing.
///
/// It is in force when this is answered: for every run, decision and call that has not begun.
#[utoipa::path(
    put, path = "/v1/policy", tag = "policy", operation_id = "setPolicy",
    request_body = SetPolicy,
    responses((status = 200, description = "The policy in force", body = Policy)),
)]
async fn set_policy(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<SetPolicy>,
) -> Result<axum::Json<Policy>, Refusal> {
    Ok(axum::Json(state.engine.set_policy(&caller, request).await?))
}

/// See the policy in force, with its text.
#[utoipa::path(
    get, path = "/v1/policy", tag = "policy", operation_id = "getPolicy",
    responses((status = 200, description = "The policy in force", body = Policy)),
)]
async fn get_policy(
    State(state): State<ServerState>,
    Who(caller): Who,
) -> Result<axum::Json<Policy>, Refusal> {
    blocking(move || state.engine.policy(&caller)).await.map(axum::Json)
}

/// List the policies that were set, the newest first, without their texts.
#[utoipa::path(
    get, path = "/v1/policy/versions", tag = "policy", operation_id = "listPolicies",
    params(PoliciesAsked),
    responses((status = 200, description = "A page of policies", body = Page<Policy>)),
)]
async fn list_policies(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<PoliciesAsked>,
) -> Result<axum::Json<Page<Policy>>, Refusal> {
    let read = move || state.engine.policies(&caller, asked.cursor.as_deref(), asked.limit);
    blocking(read).await.map(axum::Json)
}

/// See a version of the policy, with its text.
#[utoipa::path(
    get, path = "/v1/policy/versions/{version}", tag = "policy", operation_id = "getPolicyVersion",
    params(("version" = PolicyVersion, Path, description = "The version")),
    responses((status = 200, description = "The policy", body = Policy)),
)]
async fn get_policy_version(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(version): Named<PolicyVersion>,
) -> Result<axum::Json<Policy>, Refusal> {
    blocking(move || state.engine.policy_version(&caller, version)).await.map(axum::Json)
}

/// Check a text, or ask a policy a question. Nothing is kept and nothing happens.
#[utoipa::path(
    post, path = "/v1/policy/try", tag = "policy", operation_id = "tryPolicy",
    request_body = TryPolicy,
    responses((status = 200, description = "What it says", body = PolicyAnswer)),
)]
async fn try_policy(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<TryPolicy>,
) -> Result<axum::Json<PolicyAnswer>, Refusal> {
    blocking(move || state.engine.try_policy(&caller, &request)).await.map(axum::Json)
}
