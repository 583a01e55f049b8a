//! Tenants, and who may act in them: principals and their keys (`TEN-1`, `AUT-1`).

use crate::words::{PrincipalKind, PrincipalStatus};
use crate::{KeyId, PrincipalId, TenantId, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Make a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTenant {
    /// Its name.
    pub name: String,
    /// The id it has on another server, when sessions are to move from or to it (`HND-2`); a new one
    /// when nothing is said.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
}

/// A tenant: the owner of everything in it (`TEN-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
}

/// Make a principal. The same kind and name with the same scopes again is the same principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatePrincipal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name, unique among its kind.
    pub name: String,
    /// What it may do, such as `runs:write`; `*` is everything of the tenant.
    pub scopes: Vec<String>,
}

/// Change a principal; what is absent or null stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePrincipal {
    /// What it may do from now on.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// `disabled` refuses all its keys and tokens at once; `active` lets them work again.
    #[serde(default)]
    pub status: Option<PrincipalStatus>,
}

/// A principal of a tenant (`AUT-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownPrincipal {
    /// The principal.
    pub principal_id: PrincipalId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name, unique among its kind.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whether it may act.
    pub status: PrincipalStatus,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// Make an API key. A principal nobody registered is registered with it, with the key's scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateKey {
    /// Whom it speaks for, as `kind:name`.
    pub principal: String,
    /// What it may do of what its principal may; all of that when nothing is named.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The one product it works for; any when absent.
    #[serde(default)]
    pub product_id: Option<String>,
    /// From then on it is refused; never when absent.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// An API key; its text is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The key.
    pub key_id: KeyId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The letters a person recognises it by.
    pub prefix: String,
    /// Whom it speaks for.
    pub principal: String,
    /// What it may do of what its principal may; all of that when empty.
    pub scopes: Vec<String>,
    /// The one product it works for.
    pub product_id: Option<String>,
    /// From then on it is refused.
    pub expires_at: Option<Time>,
    /// `active` or `revoked`.
    pub status: String,
    /// When it was made.
    pub created_at: Time,
    /// The whole text, only in the answer to making it.
    pub key: Option<String>,
}
