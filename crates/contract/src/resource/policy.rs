//! A tenant's policy on the wire (`POL-1`).

use crate::PolicyVersion;
use crate::Time;
use crate::words::{PolicyAction, PolicyEffect, RecoveryClass, RiskLevel, Surface};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A version of the tenant's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// `default`, or the digest of its text.
    pub version: PolicyVersion,
    /// True for the one in force.
    pub in_force: bool,
    /// Its place in the tenant's ledger; none for the built-in one.
    pub seq: Option<u64>,
    /// When it was set.
    pub set_at: Option<Time>,
    /// Its text; none in lists.
    pub text: Option<String>,
}

/// Set the tenant's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetPolicy {
    /// Cedar policies; `docs/policy.md` says what they may ask about.
    pub text: String,
}

/// Check a text, or ask a policy a question; nothing is kept and nothing happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TryPolicy {
    /// The text; the policy in force when absent.
    #[serde(default)]
    pub text: Option<String>,
    /// The question; without one the text is only checked.
    #[serde(default)]
    pub question: Option<PolicyQuestion>,
}

/// What a policy is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyQuestion {
    /// What is about to happen.
    pub action: PolicyAction,
    /// Who does it, as `kind:name`; the calling agent for a tool call.
    pub principal: String,
    /// The tool, the agent or intent to run, the product, or the approval: as `Kind:name`, such as
    /// `Tool:refund`.
    pub resource: String,
    /// For `call`: what may be done again after a loss; `once` when absent.
    #[serde(default)]
    pub class: Option<RecoveryClass>,
    /// For `call`: the risk the agent's definition sees, when it asks by itself; for `decide`: the
    /// approval's.
    #[serde(default)]
    pub risk: Option<RiskLevel>,
    /// The session's product; for `dispatch`, the one the work comes from.
    #[serde(default)]
    pub product: Option<String>,
    /// The session's user.
    #[serde(default)]
    pub user: Option<String>,
    /// Where the action comes from.
    #[serde(default)]
    pub surface: Option<Surface>,
    /// The call's arguments, or the intent's parameters.
    #[serde(default)]
    pub arguments: Option<Value>,
}

/// What a check or a question came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAnswer {
    /// The version that was checked or asked.
    pub version: PolicyVersion,
    /// What it says; none when it was only checked.
    pub effect: Option<PolicyEffect>,
    /// Why, in words.
    pub reason: Option<String>,
    /// For `ask`: who may decide; empty means those the agent or session names.
    pub approvers: Vec<String>,
    /// For `ask`: whether a decision needs a reason.
    pub needs_reason: bool,
    /// For `ask`: how much harm it could do, when the policy says so.
    pub risk: Option<RiskLevel>,
}
