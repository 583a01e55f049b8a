//! Events of a tenant's principals (`AUT-1`).

use crate::PrincipalId;
use crate::words::{PrincipalKind, PrincipalStatus};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A principal was made; it is active.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalCreated {
    /// The principal.
    #[n(0)]
    pub principal: PrincipalId,
    /// What it is.
    #[n(1)]
    pub kind: PrincipalKind,
    /// Its name, unique among its kind in the tenant.
    #[n(2)]
    pub name: String,
    /// What it may do.
    #[n(3)]
    pub scopes: Vec<String>,
}

/// A principal's scopes or status changed; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalChanged {
    /// The principal.
    #[n(0)]
    pub principal: PrincipalId,
    /// What it may do from now on.
    #[n(1)]
    pub scopes: Option<Vec<String>>,
    /// Whether it may act from now on.
    #[n(2)]
    pub status: Option<PrincipalStatus>,
}
