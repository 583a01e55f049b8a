//! An agent's definition and the messages it works with, as they stand on disk and on the wire.

use crate::words::{ExecutionTarget, RecoveryClass, RiskLevel};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A versioned agent definition (`AGT-1`); written as TOML or JSON. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct AgentDefinition {
    /// Unique in the tenant.
    pub name: String,
    /// The system prompt; never saved to memory (`RT7`).
    #[serde(default)]
    pub instructions: String,
    /// The model it talks to.
    pub model: ModelChoice,
    /// The tools it may call; names are unique (`RT5`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolGrant>,
    /// Hard cap on its turns, 1 to 1000 (`RT4`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u32>,
    /// Durable steps of one run tree (`RT16`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_steps: Option<u64>,
    /// Who may decide its approvals, as `kind:name`; empty refuses all of them (`APR-2`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// Where its tools execute.
    #[serde(default = "sandbox")]
    pub target: ExecutionTarget,
    /// Whether runs of one session remember each other (`RT7`).
    #[serde(default = "yes")]
    pub memory: bool,
}

/// Which model, by which adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct ModelChoice {
    /// `openai`, `scripted` or `cassette`.
    pub adapter: String,
    /// The model's name at its provider.
    #[serde(default)]
    pub name: String,
    /// The provider's base URL, for `openai`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the key; the key itself never stands in a definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The tenant's secret that holds the key, as `secret:NAME` (`TEN-4`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The script of `scripted`, or the recording of `cassette`, relative to the definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The most tokens of one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How long it may stay silent before the attempt has failed, milliseconds (`STR-1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
}

/// One tool granted to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct ToolGrant {
    /// The built-in: `read_file`, `write_file`, `list_files`, `http_request`, `http_action`,
    /// `ask_human`.
    #[serde(rename = "use")]
    pub builtin: String,
    /// Where it is there: everywhere when absent, or for agents of one target only (`TGT-3`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ToolScope>,
    /// The name the model sees; the built-in's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the model reads about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words for people and programs that look for tools; they change nothing (`T12`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// JSON Schema of the arguments, for `http_action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    /// What may be done again after a loss; the built-in's own when absent, `once` at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<RecoveryClass>,
    /// Time limit of one call, milliseconds (`T14`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Output limit of one call, bytes (`T14`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_bytes: Option<usize>,
    /// When a person must decide first (`T9`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// For `http_action`: the request it makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpAction>,
    /// For `http_request`: hosts it may reach, as `host`, `host:port` or `*.domain`. Loopback and
    /// private ranges are denied unless they stand here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

/// For which target a tool is loaded (`TGT-3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolScope {
    /// For every target.
    Global,
    /// For agents whose target is `sandbox`.
    Sandbox,
    /// For agents whose target is `local`.
    Local,
}

impl ToolScope {
    /// A target's own scope.
    #[must_use]
    pub const fn of(target: ExecutionTarget) -> Self {
        match target {
            ExecutionTarget::Sandbox => Self::Sandbox,
            ExecutionTarget::Local => Self::Local,
        }
    }
}

/// One fixed kind of request, its parts filled from the call's arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct HttpAction {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// The URL; `{field}` stands for an argument, percent-encoded.
    pub url: String,
    /// Asked with GET before any human when a call is in doubt; `{key}` is the step's key.
    /// 200 with a body is landed, 404 is absent, anything else unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup_url: Option<String>,
    /// Headers of every request and look-up; `{secret:NAME}` stands for a secret of the tenant
    /// (`TEN-4`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// When a call needs a decision first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Confirm {
    /// Only when this argument, a number, is above `above`; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The bound for `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// How much harm it could do.
    #[serde(default = "medium")]
    pub risk: RiskLevel,
}

const fn sandbox() -> ExecutionTarget {
    ExecutionTarget::Sandbox
}
const fn yes() -> bool {
    true
}
const fn medium() -> RiskLevel {
    RiskLevel::Medium
}

/// Who speaks in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions.
    System,
    /// The person or program the run is for.
    User,
    /// The model.
    Assistant,
    /// A tool's answer.
    Tool,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text.
    #[serde(default)]
    pub content: String,
    /// The calls an assistant asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallAsked>,
    /// The call a tool message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// What the adapter said of an answer besides: opaque, kept and given back to it, never
    /// interpreted (`A8`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// A call as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolCallAsked {
    /// The model's id for the call.
    pub id: String,
    /// The tool it names.
    pub name: String,
    /// The arguments, raw; malformed ones are a tool error, never `{}` (`T3`).
    pub arguments: String,
}

impl Message {
    /// A message with text only.
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            metadata: None,
        }
    }
    /// A tool's answer to that call.
    pub fn tool(call_id: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            role: Role::Tool,
            content: content.into(),
            tool_calls: Vec::new(),
            tool_call_id: Some(call_id.into()),
            metadata: None,
        }
    }
}
