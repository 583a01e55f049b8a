//! Events of a tenant's ledger.

use crate::{AgentId, Digest, KeyId, Time};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A tenant's ledger began.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TenantOpened {
    /// The tenant's name.
    #[n(0)]
    pub name: String,
}

/// A version of an agent was registered (`AGT-1`); the definition is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct AgentRegistered {
    /// The agent.
    #[n(0)]
    pub agent: AgentId,
    /// Its name, unique in the tenant.
    #[n(1)]
    pub name: String,
    /// Digest of the definition's canonical JSON; never changes.
    #[n(2)]
    pub version: Digest,
}

/// An API key was made (`AUT-1`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct KeyCreated {
    /// The key.
    #[n(0)]
    pub key: KeyId,
    /// The letters a person recognises it by.
    #[n(1)]
    pub prefix: String,
    /// SHA-256 of the whole key text, which has 256 random bits.
    #[n(2)]
    pub hash: Digest,
    /// Whom it speaks for, as `kind:name`.
    #[n(3)]
    pub principal: String,
    /// What it may do of what its principal may; none is all of that.
    #[n(4)]
    pub scopes: Vec<String>,
    /// The one product it works for; none is any.
    #[n(5)]
    pub product: Option<String>,
    /// From then on it is refused.
    #[n(6)]
    pub expires_at: Option<Time>,
}

/// An API key was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct KeyRevoked {
    /// The key.
    #[n(0)]
    pub key: KeyId,
}

/// An authenticated caller was refused; who stands in the entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct AccessDenied {
    /// What was tried, as method and route.
    #[n(0)]
    pub action: String,
    /// The code it was refused with.
    #[n(1)]
    pub code: String,
    /// Denials of the same principal before this one that are no entries: there were too many in
    /// one minute.
    #[n(2)]
    pub omitted: u64,
}

/// A tenant's policy was set (`POL-1`); its text is the body. Setting an older text again is
/// another entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct PolicySet {
    /// Digest of the text.
    #[n(0)]
    pub version: Digest,
}
