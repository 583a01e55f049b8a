//! What the two tokens of an approval that travels say (`APR-6`): the one that leaves, and the decision
//! that returns. How they are signed is in `docs/format/approval-token.md`.
//!
//! Both are JSON Web Tokens with the registered claims every library knows; instants are whole seconds
//! since 1970, as RFC 7519 has them.

use crate::event::DispatchContext;
use crate::words::RiskLevel;
use crate::{ApprovalId, Digest, RunId, SessionId, TaskId, TenantId, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The `typ` of the token that leaves.
pub const HANDED_TYPE: &str = "tenure-approval+jwt";
/// The `typ` of the decision that returns.
pub const DECISION_TYPE: &str = "tenure-decision+jwt";
/// The only signature there is: Ed25519.
pub const ALGORITHM: &str = "EdDSA";

/// The first part of either token. Anything beside these three is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenHeader {
    /// [`ALGORITHM`].
    pub alg: String,
    /// The short name of the key that signed: the first eight bytes of its SHA-256, hex.
    pub kid: String,
    /// [`HANDED_TYPE`] or [`DECISION_TYPE`].
    pub typ: String,
}

/// An approval on its way to another app: everything a person there needs to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandedApproval {
    /// The tenant it belongs to, who issues the token.
    pub iss: TenantId,
    /// The product of the app it is for; no other app's decision is taken.
    pub aud: String,
    /// The token; it is used up by the first decision.
    pub jti: TokenId,
    /// When it was issued.
    pub iat: u64,
    /// When it is worth nothing any more.
    pub exp: u64,
    /// The approval.
    pub approval: ApprovalId,
    /// Its session.
    pub session: SessionId,
    /// The run that waits.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The task of that run.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// The product the session belongs to.
    pub product: String,
    /// What a person reads.
    pub action_label: String,
    /// Digest of the exact action (`APR-3`).
    pub action_digest: Digest,
    /// How much harm it could do.
    pub risk: RiskLevel,
    /// Where the work came from.
    #[serde(default)]
    pub dispatch_context: Option<DispatchContext>,
    /// Where the decision is to be sent.
    pub return_address: String,
}

/// What the other app's person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HandedVerdict {
    /// Do it.
    Approve,
    /// Do not.
    Deny,
}

/// A decision on its way back, signed with the app's own registered key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandedDecision {
    /// The product of the app that decided: the audience of the token that left.
    pub iss: String,
    /// The tenant it returns to.
    pub aud: TenantId,
    /// The token that left.
    pub jti: TokenId,
    /// When it was decided.
    pub iat: u64,
    /// When it is worth nothing any more.
    pub exp: u64,
    /// The approval.
    pub approval: ApprovalId,
    /// Digest of the action that was shown; another one was not decided about.
    pub action_digest: Digest,
    /// What was decided.
    pub decision: HandedVerdict,
    /// The person in that app, as that app knows them.
    pub decided_by: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Other arguments than those asked for; only with `approve`.
    #[serde(default)]
    pub arguments: Option<Value>,
}
