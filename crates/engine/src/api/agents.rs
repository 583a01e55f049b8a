//! Agents and their versions (`AGT-1`).

use super::{Engine, name};
use crate::seal::Bodies;
use std::path::Path;
use std::sync::Arc;
use tenure_agent::{NoSecrets, Secrets};
use tenure_contract::agent::AgentDefinition;
use tenure_contract::resource::{Agent, Caller, ToolSeen};
use tenure_contract::{AgentId, Code, Digest, Error};
use tenure_core::ledger::LedgerCommand;

impl Engine {
    /// Registers a version of an agent; the same definition again is nothing new (`AGT-1`).
    ///
    /// # Errors
    /// `invalid-argument` naming what is wrong with the definition.
    pub async fn register_agent(
        &self,
        caller: &Caller,
        definition: AgentDefinition,
    ) -> Result<Agent, Error> {
        let built = self.built(&definition)?;
        let (canonical, version) = canonical(&definition)?;
        let command = LedgerCommand::RegisterAgent {
            name: definition.name.clone(),
            agent: AgentId::from_bytes(self.node.fresh_id()),
            version,
        };
        let sealed = self.node.seal(caller.tenant, &canonical)?;
        self.commit_ledger(caller, &command, Bodies::given(sealed)).await?;
        let agent_id = self.with_ledger(caller.tenant, |state| {
            state.agents.newest(&definition.name).map(|(record, _)| record.agent)
        })??;
        Ok(Agent {
            agent_id,
            tenant_id: caller.tenant,
            name: definition.name.clone(),
            version,
            definition: Some(definition),
            tools: Some(tools_of(&built)),
            created_at: None,
        })
    }

    /// What a definition describes, if it can be had here.
    pub(super) fn built(&self, definition: &AgentDefinition) -> Result<tenure_agent::Agent, Error> {
        name("the agent's name", &definition.name)?;
        for approver in &definition.approvers {
            super::sessions::approver_word(approver)?;
        }
        let secrets = Arc::new(NoSecrets) as Arc<dyn Secrets>;
        tenure_agent::build_with(definition, Path::new("/"), &*self.node.host.tools, &secrets)
            .map_err(|why| {
                Error::new(Code::InvalidArgument, why.to_string()).about(&definition.name)
            })
    }

    /// An agent's newest version, with its definition.
    ///
    /// # Errors
    /// `unknown-name`, listing what exists.
    pub fn agent(&self, caller: &Caller, agent: &str) -> Result<Agent, Error> {
        let (agent_id, version) = self.agent_version(caller, agent, None)?;
        let built = self.node.agent(caller.tenant, version)?;
        let definition = self.node.definition(caller.tenant, version)?;
        Ok(Agent {
            agent_id,
            tenant_id: caller.tenant,
            name: agent.to_owned(),
            version,
            definition: Some(definition),
            tools: Some(tools_of(&built)),
            created_at: None,
        })
    }

    /// Puts an agent made elsewhere in the place of the one that version's definition describes, for
    /// as long as this engine lives: for simulation, and for programs that bring tools of their own.
    pub fn seat_agent(&self, caller: &Caller, version: Digest, agent: tenure_agent::Agent) {
        self.node.seat(caller.tenant, version, agent);
    }

    /// The tenant's agents, each with its newest version.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn agents(&self, caller: &Caller) -> Result<Vec<Agent>, Error> {
        self.with_ledger(caller.tenant, |state| {
            let agents = state.agents.iter().filter_map(|(name, record)| {
                Some(Agent {
                    agent_id: record.agent,
                    tenant_id: caller.tenant,
                    name: name.clone(),
                    version: record.versions.last()?.0,
                    definition: None,
                    tools: None,
                    created_at: None,
                })
            });
            agents.collect()
        })
    }

    pub(super) fn agent_version(
        &self,
        caller: &Caller,
        agent: &str,
        wanted: Option<Digest>,
    ) -> Result<(AgentId, Digest), Error> {
        self.with_ledger(caller.tenant, |state| {
            let (record, (newest, _)) = state.agents.newest(agent)?;
            let version = match wanted {
                None => newest,
                Some(wanted) if record.versions.iter().any(|(known, _)| *known == wanted) => wanted,
                Some(wanted) => {
                    let known: Vec<String> =
                        record.versions.iter().map(|(known, _)| format!("`{known}`")).collect();
                    let told = format!(
                        "agent `{agent}` has no version `{wanted}`; it has {}",
                        known.join(", ")
                    );
                    return Err(Error::new(Code::UnknownName, told).about(agent));
                }
            };
            Ok((record.agent, version))
        })?
    }
}

/// A definition's canonical JSON, and the version that is.
pub(super) fn canonical(definition: &AgentDefinition) -> Result<(Vec<u8>, Digest), Error> {
    let canonical = serde_json_canonicalizer::to_vec(definition)
        .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
    let version = Digest::of(&[&canonical]);
    Ok((canonical, version))
}

fn tools_of(agent: &tenure_agent::Agent) -> Vec<ToolSeen> {
    let seen = |spec: &tenure_agent::ToolSpec| ToolSeen {
        name: spec.name.clone(),
        class: spec.class,
        tags: spec.tags.clone(),
    };
    agent.tools().iter().map(|built| seen(built.spec())).collect()
}
