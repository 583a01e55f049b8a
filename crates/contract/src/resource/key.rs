//! API keys.

use crate::KeyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Make an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateKey {
    /// Whom it speaks for, as `kind:name`.
    pub principal: String,
    /// What it may do; `*` is everything.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// An API key; its text is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The key.
    pub key_id: KeyId,
    /// The letters a person recognises it by.
    pub prefix: String,
    /// Whom it speaks for.
    pub principal: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// `active` or `revoked`.
    pub status: String,
    /// The whole text, only in the answer to making it.
    pub key: Option<String>,
}
