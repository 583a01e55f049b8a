//! From a definition to something that runs: adapter and tools, validated, nothing opened (`RT1`).
//!
//! Building reads the definition and nothing else: no file, no socket, no environment. A script or
//! recording is read, and a key looked up, when the first call is streamed; [`preflight`] does so
//! earlier for whoever wants to know before a run is accepted (`RT14`).

mod adapters;
mod checks;
mod parse;
mod ready;
mod refusals;

pub use adapters::preflight;
pub use parse::parse;
pub(crate) use parse::place;
pub use refusals::BuildError;

use crate::adapter::{Adapter, ModelRequest, ToolOffer};
use crate::secrets::{NoSecrets, Secrets};
use crate::tool::loader::{BuiltIns, ToolLoader};
use crate::tool::validate::Parameters;
use crate::tool::{Tool, ToolSpec};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tenure_contract::Digest;
use tenure_contract::agent::{AgentDefinition, Message, ToolGrant, ToolScope};

/// A tool whose schema is compiled. Cheap to clone.
#[derive(Clone)]
pub struct BuiltTool {
    tool: Arc<dyn Tool>,
    parameters: Arc<Parameters>,
    schema_version: Digest,
    life: ready::Life,
}

impl BuiltTool {
    /// The tool itself.
    #[must_use]
    pub fn tool(&self) -> &Arc<dyn Tool> {
        &self.tool
    }
    /// What it is.
    #[must_use]
    pub fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }
    /// What it takes.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
    /// Digest of its parameters' canonical JSON, `null` for none; part of every action's digest
    /// (`APR-3`).
    #[must_use]
    pub fn schema_version(&self) -> Digest {
        self.schema_version
    }
}

/// An agent that can run: its definition, a way to its model, its tools.
pub struct Agent {
    /// The definition it was built from.
    pub definition: AgentDefinition,
    /// The way to its model.
    pub adapter: Arc<dyn Adapter>,
    tools: Vec<BuiltTool>,
}

/// Builds the agent a definition describes. `base` is the folder its files are relative to.
///
/// # Errors
/// [`BuildError`], always its author's mistake (`RT14`).
pub fn build(definition: &AgentDefinition, base: &Path) -> Result<Agent, BuildError> {
    build_with(definition, base, &BuiltIns, &(Arc::new(NoSecrets) as Arc<dyn Secrets>))
}

/// The same with a host's tools (`HST-1`), for an agent of a tenant that has these secrets; none is
/// revealed by building.
///
/// # Errors
/// As [`build`].
pub fn build_with(
    definition: &AgentDefinition,
    base: &Path,
    tools: &dyn ToolLoader,
    secrets: &Arc<dyn Secrets>,
) -> Result<Agent, BuildError> {
    let adapter = adapters::make(&definition.model, base, secrets)?;
    let own = ToolScope::of(definition.target);
    let loaded =
        definition.tools.iter().filter_map(|grant| granted(grant, own, tools, secrets).transpose());
    let loaded = loaded.collect::<Result<_, _>>()?;
    Agent::assemble(definition.clone(), adapter, loaded)
}

/// The grant's tool, from the scope it names; none when that is another target's (`TGT-3`).
fn granted(
    grant: &ToolGrant,
    own: ToolScope,
    tools: &dyn ToolLoader,
    secrets: &Arc<dyn Secrets>,
) -> Result<Option<Arc<dyn Tool>>, BuildError> {
    let scope = grant.scope.unwrap_or(ToolScope::Global);
    if scope != ToolScope::Global && scope != own {
        return Ok(None);
    }
    let known = tools.offers(scope);
    if !known.contains(&grant.builtin) {
        return Err(BuildError::UnknownTool { found: grant.builtin.clone(), known });
    }
    checks::grant(grant)?;
    let made = tools.load(scope, grant, secrets).map_err(|told| BuildError::Tool {
        tool: grant.name.clone().unwrap_or_else(|| grant.builtin.clone()),
        message: told.message,
    });
    made.map(Some)
}

impl Agent {
    /// Puts an agent together from an adapter and tools made elsewhere; the definition's own
    /// `model` and `tools` are not looked at, its limits are.
    ///
    /// # Errors
    /// [`BuildError`] for a limit out of range, or a tool whose name or schema cannot be used.
    pub fn assemble(
        definition: AgentDefinition,
        adapter: Arc<dyn Adapter>,
        tools: Vec<Arc<dyn Tool>>,
    ) -> Result<Self, BuildError> {
        checks::definition(&definition)?;
        checks::names(&tools)?;
        let tools = tools.into_iter().map(compiled).collect::<Result<_, _>>()?;
        Ok(Self { definition, adapter, tools })
    }

    /// The tool of that name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&BuiltTool> {
        self.tools.iter().find(|built| built.spec().name == name)
    }

    /// Every tool, in the definition's order.
    #[must_use]
    pub fn tools(&self) -> &[BuiltTool] {
        &self.tools
    }

    /// Digest of its tools: their grants, names and schemas (`CKP-1`).
    #[must_use]
    pub fn tools_digest(&self) -> Digest {
        let schemas: Vec<Value> = self
            .tools
            .iter()
            .map(|built| serde_json::json!([built.spec().name, built.schema_version()]))
            .collect();
        let all = serde_json::json!({ "grants": self.definition.tools, "schemas": schemas });
        Digest::of(&[crate::canonical(&all).as_bytes()])
    }

    /// Its model, as `adapter/name`.
    #[must_use]
    pub fn model_name(&self) -> String {
        format!("{}/{}", self.definition.model.adapter, self.definition.model.name)
    }

    /// Every tool's name, in the definition's order.
    #[must_use]
    pub fn tool_names(&self) -> Vec<&str> {
        self.tools.iter().map(|built| built.spec().name.as_str()).collect()
    }

    /// The model call that continues a conversation.
    #[must_use]
    pub fn request(&self, messages: Vec<Message>) -> ModelRequest {
        let offer = |built: &BuiltTool| {
            let spec = built.spec();
            ToolOffer {
                name: spec.name.clone(),
                description: spec.description.clone(),
                parameters: spec.parameters.clone(),
            }
        };
        ModelRequest {
            model: self.definition.model.name.clone(),
            system: self.definition.instructions.clone(),
            messages,
            tools: self.tools.iter().map(offer).collect(),
            temperature: self.definition.model.temperature,
            max_tokens: self.definition.model.max_tokens,
        }
    }
}

fn compiled(tool: Arc<dyn Tool>) -> Result<BuiltTool, BuildError> {
    let spec = tool.spec();
    let parameters = Parameters::compile(spec)
        .map_err(|told| BuildError::Tool { tool: spec.name.clone(), message: told.message })?;
    let schema = spec.parameters.as_ref().unwrap_or(&Value::Null);
    let schema_version = Digest::of(&[crate::canonical(schema).as_bytes()]);
    let life = ready::Life::default();
    Ok(BuiltTool { tool, parameters: Arc::new(parameters), schema_version, life })
}

#[cfg(test)]
mod tests;
