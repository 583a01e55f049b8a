//! Sessions that move to another server (`HND-2`).

use crate::event::HeadSeal;
use crate::words::TransferStatus;
use crate::{SessionId, StoreId, TenantId, TransferId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Offers a session to another server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferTransfer {
    /// The receiver's store, as its `GET /v1/server` and `tenure transfer here` tell it.
    pub to_store: StoreId,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Gives a session away for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseTransfer {
    /// What the receiver answered when it accepted: the head of the chain up to the offer, signed by it.
    pub accepted: HeadSeal,
}

/// The receiver's word that it has verified a session that was offered to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedTransfer {
    /// The transfer.
    pub transfer_id: TransferId,
    /// The session.
    pub session_id: SessionId,
    /// The head of the chain up to the offer, signed by the receiver.
    pub accepted: HeadSeal,
}

/// A session on its way to another server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// The transfer.
    pub transfer_id: TransferId,
    /// The session.
    pub session_id: SessionId,
    /// Its owner, the same on both servers.
    pub tenant_id: TenantId,
    /// Where it goes.
    pub to_store: StoreId,
    /// How far it is.
    pub status: TransferStatus,
    /// The entry that offers it.
    pub offered_seq: u64,
    /// The last entry of the session's journal here.
    pub seq: u64,
}
