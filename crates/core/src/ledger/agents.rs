//! A tenant's agents and their versions (`AGT-1`).

use super::entry;
use crate::command::{Draft, DraftBody};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::AgentRegistered;
use tenure_contract::{AgentId, Code, Digest, Error};

/// The agents, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Agents(#[n(0)] BTreeMap<String, AgentRecord>);

/// An agent and its versions.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AgentRecord {
    /// The agent.
    #[n(0)]
    pub agent: AgentId,
    /// Its versions and the entries their definitions are beside, oldest first.
    #[n(1)]
    pub versions: Vec<(Digest, u64)>,
}

impl Agents {
    /// Every agent with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &AgentRecord)> {
        self.0.iter()
    }

    /// The newest version of an agent, or the error that lists what exists.
    ///
    /// # Errors
    /// `unknown-name`.
    pub fn newest(&self, name: &str) -> Result<(&AgentRecord, (Digest, u64)), Error> {
        let record = self.0.get(name);
        record.and_then(|record| Some((record, *record.versions.last()?))).ok_or_else(|| {
            let known: Vec<_> = self.0.keys().map(|name| format!("`{name}`")).collect();
            let has = if known.is_empty() { "no agents yet".to_owned() } else { known.join(", ") };
            Error::new(Code::UnknownName, format!("no agent `{name}`; this server has: {has}"))
                .about(name)
        })
    }

    /// Whether there is an agent of that name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether there is that version of an agent.
    #[must_use]
    pub fn has(&self, name: &str, version: Digest) -> bool {
        let known = self.0.get(name);
        known.is_some_and(|known| known.versions.iter().any(|(digest, _)| *digest == version))
    }

    pub(super) fn register(&self, name: &str, agent: AgentId, version: Digest) -> Vec<Draft> {
        if self.has(name, version) {
            return Vec::new();
        }
        let known = self.0.get(name);
        let agent = known.map_or(agent, |known| known.agent);
        let made = AgentRegistered { agent, name: name.to_owned(), version };
        vec![entry(made, DraftBody::Given)]
    }

    pub(super) fn registered(&mut self, event: &AgentRegistered, seq: u64) {
        let fresh = AgentRecord { agent: event.agent, versions: Vec::new() };
        let record = self.0.entry(event.name.clone()).or_insert(fresh);
        record.versions.push((event.version, seq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_agent_is_told_what_exists() {
        let mut agents = Agents::default();
        assert!(agents.newest("triaje").unwrap_err().message.ends_with("no agents yet"));
        for name in ["triage", "ingest"] {
            let agent = AgentId::from_bytes([2; 16]);
            let made = AgentRegistered { agent, name: name.to_owned(), version: Digest::ZERO };
            agents.registered(&made, 1);
        }
        let told = agents.newest("triaje").unwrap_err().message;
        assert_eq!(told, "no agent `triaje`; this server has: `ingest`, `triage`");
    }
}
