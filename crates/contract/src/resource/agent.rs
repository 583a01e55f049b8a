//! Agents: register a version, see it.

use crate::agent::AgentDefinition;
use crate::words::RecoveryClass;
use crate::{AgentId, Digest, TenantId, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A version of an agent (`AGT-1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// The agent.
    pub agent_id: AgentId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Digest of the definition.
    pub version: Digest,
    /// The definition; null in lists.
    pub definition: Option<AgentDefinition>,
    /// The tools it comes to, with what the definition leaves to the built-in; null in lists.
    pub tools: Option<Vec<ToolSeen>>,
    /// When this version was registered; null when it is the answer to registering it again.
    pub created_at: Option<Time>,
}

/// Register a version of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterAgent {
    /// The definition.
    pub definition: AgentDefinition,
}

/// A tool of an agent as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolSeen {
    /// The name the model calls it by.
    pub name: String,
    /// What may be done again after a loss.
    pub class: RecoveryClass,
    /// Words about it, which change nothing (`T12`).
    pub tags: Vec<String>,
}
