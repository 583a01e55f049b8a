//! Events of the keys other apps sign their decisions with (`APR-6`).

use crate::Digest;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A product's public key was registered: decisions signed with it are that product's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct AppKeyRegistered {
    /// The product.
    #[n(0)]
    pub product: String,
    /// The key's short name: the first eight bytes of SHA-256 of the key, as 16 hex digits.
    #[n(1)]
    pub kid: String,
    /// The Ed25519 public key, in hex.
    #[n(2)]
    pub public_key: String,
    /// SHA-256 of the public key; the row's key in lists.
    #[n(3)]
    pub digest: Digest,
}

/// A product's key was revoked: what it signs from then on proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct AppKeyRevoked {
    /// The key's short name.
    #[n(0)]
    pub kid: String,
    /// SHA-256 of the public key; the row's key in lists.
    #[n(1)]
    pub digest: Digest,
}
