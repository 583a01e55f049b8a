//! Events of a session that moves to another server (`HND-2`).

use crate::digest::{hex, unhex};
use crate::entry::Journal;
use crate::export::{Certificate, HeadClaim, SignedHead, key_id};
use crate::{Digest, SessionId, StoreId, TenantId, Time, TransferId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A session is offered to another server. Here everything goes on until it is released.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TransferOffered {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// The store it is offered to.
    #[n(1)]
    pub to: StoreId,
    /// Why, when somebody said so.
    #[n(2)]
    pub reason: Option<String>,
}

/// An offer was taken back before it was released.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TransferWithdrawn {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
}

/// The session is the receiver's from this entry on; here nothing follows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TransferReleased {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// The receiver's signature under the chain up to the offer.
    #[n(1)]
    pub accepted: HeadSeal,
}

/// The receiver's first entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct TransferReceived {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// The sender's signature under the chain up to the release.
    #[n(1)]
    pub released: HeadSeal,
}

/// A signed head without the session and the tenant, which stand beside it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, utoipa::ToSchema)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct HeadSeal {
    /// The store that signed.
    #[n(0)]
    pub store: StoreId,
    /// The last entry signed for.
    #[n(1)]
    pub seq: u64,
    /// That entry's hash.
    #[n(2)]
    pub hash: Digest,
    /// When it was signed.
    #[n(3)]
    pub at: Time,
    /// The epoch of the shard's owner that signed.
    #[n(4)]
    pub epoch: u64,
    /// The node's Ed25519 public key, in hex.
    #[n(5)]
    pub key: String,
    /// The node's signature, in hex.
    #[n(6)]
    pub signature: String,
    /// The root's public key, in hex.
    #[n(7)]
    pub root: String,
    /// The root's signature under the node's key, in hex.
    #[n(8)]
    pub certificate: String,
}

impl From<&SignedHead> for HeadSeal {
    fn from(head: &SignedHead) -> Self {
        Self {
            store: head.claim.store,
            seq: head.claim.seq,
            hash: head.claim.hash,
            at: head.claim.at,
            epoch: head.claim.epoch,
            key: hex(&head.key),
            signature: hex(&head.signature),
            root: hex(&head.certificate.root),
            certificate: hex(&head.certificate.signature),
        }
    }
}

impl HeadSeal {
    /// The head as it was signed; none when a key or a signature in it is no such thing.
    #[must_use]
    pub fn opened(&self, session: SessionId, tenant: TenantId) -> Option<SignedHead> {
        let claim = HeadClaim {
            journal: Journal::Session(session),
            tenant,
            store: self.store,
            seq: self.seq,
            hash: self.hash,
            at: self.at,
            epoch: self.epoch,
        };
        let key: [u8; 32] = bytes(&self.key)?;
        let certificate =
            Certificate { root: bytes(&self.root)?, signature: bytes(&self.certificate)? };
        Some(SignedHead {
            claim,
            key_id: key_id(&key),
            signature: bytes(&self.signature)?,
            key,
            certificate,
        })
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex(text)?.try_into().ok()
}
