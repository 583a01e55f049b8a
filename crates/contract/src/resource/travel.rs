//! Approvals that travel to another app, and the keys such apps sign with (`APR-6`).

use crate::words::PrincipalStatus;
use crate::{ApprovalId, TenantId, Time, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Register the key an app signs its decisions with. The same again is nothing new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterAppKey {
    /// The product whose decisions it signs.
    pub product_id: String,
    /// The Ed25519 public key: its 32 bytes in hex.
    pub public_key: String,
}

/// The key of another app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppKey {
    /// Its short name: the first eight bytes of SHA-256 of the key, in hex.
    pub kid: String,
    /// Its owner.
    pub tenant_id: TenantId,
    /// The product whose decisions it signs.
    pub product_id: String,
    /// The public key, in hex.
    pub public_key: String,
    /// `active`, or `disabled` once revoked.
    pub status: PrincipalStatus,
    /// When it was registered.
    pub created_at: Time,
}

/// Hand an approval to another app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandApproval {
    /// The product of the app; it needs a registered key.
    pub audience: String,
    /// Where the decision is to be sent; this server's own route when absent.
    #[serde(default)]
    pub return_address: Option<String>,
    /// When the token is worth nothing any more; the approval's own expiry or a day from now, the
    /// earlier, when absent.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// A token on its way to another app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandedToken {
    /// The token's id.
    pub token_id: TokenId,
    /// The approval.
    pub approval_id: ApprovalId,
    /// The product it is for.
    pub audience: String,
    /// When it is worth nothing any more.
    pub expires_at: Time,
    /// The signed token; it is in this answer and nowhere else.
    pub token: String,
}

/// A decision that returns from another app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReturnDecision {
    /// The decision, signed with that app's own registered key.
    pub decision: String,
}

/// The keys this server signs with, as a JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKeys {
    /// The keys.
    pub keys: Vec<SigningKey>,
}

/// One of them (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub used_for: String,
    /// Its short name.
    pub kid: String,
    /// The public key, base64url without padding.
    pub x: String,
}
