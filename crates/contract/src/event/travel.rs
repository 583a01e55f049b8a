//! Events of an approval that travels to another app (`APR-6`).

use crate::{ApprovalId, RunId, Time, TokenId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A token for an approval was handed out; who asked for it stands in the entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalHanded {
    /// The approval.
    #[n(0)]
    pub approval: ApprovalId,
    /// The run that waits.
    #[n(1)]
    pub run: Option<RunId>,
    /// The token.
    #[n(2)]
    pub token: TokenId,
    /// The product whose decision it takes.
    #[n(3)]
    pub audience: String,
    /// From then on it takes none.
    #[n(4)]
    pub expires_at: Time,
}
