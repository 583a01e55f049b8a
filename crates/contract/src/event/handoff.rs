//! Events of a handoff: responsibility for a session moving to another product or principal (`HND-1`).

use crate::words::HandoffStatus;
use crate::{ApprovalId, Digest, HandoffId, TaskId, Time};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Who is responsible for a session: a product, and who acts in it.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Owner {
    /// The product.
    #[n(0)]
    pub product: String,
    /// The principal, as `kind:name`.
    #[n(1)]
    pub principal: String,
}

/// A session is offered to another owner. References only: what they lead to stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct HandoffOffered {
    /// The handoff.
    #[n(0)]
    pub handoff: HandoffId,
    /// Who owns the session.
    #[n(1)]
    pub from: Owner,
    /// Who may accept it.
    #[n(2)]
    pub to: Owner,
    /// The tasks it is about.
    #[n(3)]
    pub tasks: Vec<TaskId>,
    /// The approvals that were open.
    #[n(4)]
    pub approvals: Vec<ApprovalId>,
    /// What else belongs to it, as `<kind>:<id>[@version]`.
    #[n(5)]
    pub refs: Vec<String>,
    /// Why.
    #[n(6)]
    pub reason: Option<String>,
    /// From then on nobody may accept it.
    #[n(7)]
    pub expires_at: Time,
    /// Digest of the request, when it carried an idempotency key.
    #[n(8)]
    pub request: Option<Digest>,
}

/// A session has another owner from here on; who owned it before is shut out.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct HandoffAccepted {
    /// The handoff.
    #[n(0)]
    pub handoff: HandoffId,
    /// Who owned the session.
    #[n(1)]
    pub from: Owner,
    /// Who owns it.
    #[n(2)]
    pub to: Owner,
    /// The open approvals that moved along.
    #[n(3)]
    pub approvals: Vec<ApprovalId>,
}

/// An offer came to nothing; the owner stays.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(rename_all = "camelCase")]
pub struct HandoffClosed {
    /// The handoff.
    #[n(0)]
    pub handoff: HandoffId,
    /// `declined`, `expired` or `withdrawn`.
    #[n(1)]
    pub status: HandoffStatus,
    /// Why, when somebody said so.
    #[n(2)]
    pub reason: Option<String>,
}

impl Owner {
    /// The name of its principal, which is whom the session is then for (`SES-1`).
    #[must_use]
    pub fn user(&self) -> &str {
        self.principal.split_once(':').map_or(&self.principal, |(_, name)| name)
    }
}
