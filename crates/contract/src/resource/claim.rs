//! Claiming a session for an agent, once (`CLM-1`).

use super::AgentBinding;
use crate::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Claim a session for an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimSession {
    /// The agent's name; its newest version is bound.
    pub agent: String,
    /// A version, to bind another.
    #[serde(default)]
    pub version: Option<Digest>,
    /// The id another system knows it by: what the claimer has made there.
    #[serde(default)]
    pub external_id: Option<String>,
}

/// What a claim came to. Of any number of claims exactly one ever has `won`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// True for the claim that bound the session.
    pub won: bool,
    /// The agent the session is bound to, whoever won.
    pub agent_binding: AgentBinding,
    /// What a losing claimer has made elsewhere and nobody will use: it is to be removed.
    pub orphan: Option<String>,
}
