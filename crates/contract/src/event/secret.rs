//! Events of a tenant's secrets (`TEN-4`).

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A secret was set; its ciphertext is the body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct SecretSet {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// How often it was set, this time included.
    #[n(1)]
    pub version: u64,
    /// At most so many characters, as a power of two.
    #[n(2)]
    pub length_hint: u64,
}

/// A secret was deleted; nothing opens its ciphertext any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct SecretDeleted {
    /// Its name.
    #[n(0)]
    pub name: String,
}
