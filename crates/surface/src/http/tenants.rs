//! Tenants: make, list, see (`TEN-1`).

use super::caller::Who;
use super::extract::{Asked, Json, Key, Named};
use super::page::{PageAsked, blocking, list};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tenure_contract::TenantId;
use tenure_contract::resource::{CreateTenant, Page, Tenant};
use tenure_engine::Engine;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(create_tenant, list_tenants)).routes(routes!(get_tenant))
}

/// Make a tenant. Only the server's operator may.
///
/// The operator makes its first key by `POST /v1/keys` with the header `Tenure-Tenant`. With an
/// `Idempotency-Key` the same request again returns the tenant that was made first.
#[utoipa::path(
    post, path = "/v1/tenants", tag = "tenants", operation_id = "createTenant",
    params(("Idempotency-Key" = inline(Option<String>), Header, description = "Makes the request safe to repeat")),
    request_body = CreateTenant,
    responses((status = 201, description = "The tenant", body = Tenant,
        headers(("Location" = String, description = "Where the tenant is")))),
)]
async fn create_tenant(
    State(state): State<ServerState>,
    Who(caller): Who,
    Key(key): Key,
    Json(request): Json<CreateTenant>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.engine.create_tenant(&caller, request, key.as_deref()).await?;
    let location = format!("/v1/tenants/{}", made.tenant_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(made)))
}

/// List tenants, the newest first: the caller's own, and for the operator all.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants", operation_id = "listTenants",
    params(PageAsked),
    responses((status = 200, description = "A page of tenants", body = Page<Tenant>)),
)]
async fn list_tenants(
    State(state): State<ServerState>,
    Who(caller): Who,
    Asked(asked): Asked<PageAsked>,
) -> Result<axum::Json<Page<Tenant>>, Refusal> {
    list(state.engine, caller, asked.into(), Engine::tenants).await.map(axum::Json)
}

/// See a tenant: the caller's own, and for the operator any.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}", tag = "tenants", operation_id = "getTenant",
    params(("tenantId" = TenantId, Path, description = "The tenant")),
    responses((status = 200, description = "The tenant", body = Tenant)),
)]
async fn get_tenant(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(id): Named<TenantId>,
) -> Result<axum::Json<Tenant>, Refusal> {
    blocking(move || state.engine.tenant(&caller, id)).await.map(axum::Json)
}
