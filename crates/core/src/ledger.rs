//! A tenant's ledger as a machine: its agents and its API keys.

use crate::command::{Draft, DraftBody};
use crate::refusal::Illegal;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::{AgentRegistered, KeyCreated, KeyRevoked, TenantOpened};
use tenure_contract::{AgentId, Code, Digest, Entry, Error, Event, KeyId, TenantId, Time};

/// A tenant's ledger, folded.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LedgerState {
    /// The tenant.
    #[n(0)]
    pub tenant: TenantId,
    /// The last entry folded.
    #[n(1)]
    pub seq: u64,
    /// When it was decided.
    #[n(2)]
    pub at: Time,
    /// The tenant's name; none before the first entry.
    #[n(3)]
    pub name: Option<String>,
    /// Its agents by name.
    #[n(4)]
    pub agents: BTreeMap<String, AgentRecord>,
    /// Its keys.
    #[n(5)]
    pub keys: BTreeMap<KeyId, KeyRecord>,
}

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

/// An API key as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyRecord {
    /// SHA-256 of the key's text.
    #[n(0)]
    pub hash: Digest,
    /// Whom it speaks for.
    #[n(1)]
    pub principal: String,
    /// What it may do.
    #[n(2)]
    pub scopes: Vec<String>,
    /// False once revoked.
    #[n(3)]
    pub active: bool,
}

/// What the ledger is asked to decide.
#[derive(Debug, Clone, PartialEq)]
pub enum LedgerCommand {
    /// Begin the ledger; harmless when it has begun.
    Open {
        /// The tenant's name.
        name: String,
    },
    /// Register a version of an agent; its definition is the body. The same version again is
    /// nothing new.
    RegisterAgent {
        /// Its name.
        name: String,
        /// An id, used when the name is new.
        agent: AgentId,
        /// Digest of the definition.
        version: Digest,
    },
    /// Make a key.
    CreateKey(KeyCreated),
    /// Revoke a key.
    RevokeKey(KeyId),
    /// Note that an authenticated caller was refused.
    NoteDenial(tenure_contract::event::AccessDenied),
}

impl LedgerState {
    /// A ledger of which nothing is known yet.
    #[must_use]
    pub const fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            seq: 0,
            at: Time::from_micros(0),
            name: None,
            agents: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Decides a command.
    ///
    /// # Errors
    /// When the key does not exist.
    pub fn decide(&self, command: &LedgerCommand) -> Result<Vec<Draft>, Error> {
        Ok(match command {
            LedgerCommand::Open { .. } if self.name.is_some() => Vec::new(),
            LedgerCommand::Open { name } => {
                vec![entry(TenantOpened { name: name.clone() }, DraftBody::None)]
            }
            LedgerCommand::RegisterAgent { name, agent, version } => {
                let known = self.agents.get(name);
                if known
                    .is_some_and(|known| known.versions.iter().any(|(digest, _)| digest == version))
                {
                    return Ok(Vec::new());
                }
                let agent = known.map_or(*agent, |known| known.agent);
                vec![entry(
                    AgentRegistered { agent, name: name.clone(), version: *version },
                    DraftBody::Given,
                )]
            }
            LedgerCommand::CreateKey(made) => vec![entry(made.clone(), DraftBody::None)],
            LedgerCommand::RevokeKey(key) => match self.keys.get(key) {
                None => return Err(Error::not_found("API key", key)),
                Some(known) if !known.active => Vec::new(),
                Some(_) => vec![entry(KeyRevoked { key: *key }, DraftBody::None)],
            },
            LedgerCommand::NoteDenial(denied) => vec![entry(denied.clone(), DraftBody::None)],
        })
    }

    /// Folds the next entry.
    ///
    /// # Errors
    /// [`Illegal`] when it cannot follow.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Illegal> {
        let illegal = |why: String| Illegal { seq: entry.seq, kind: entry.event.name(), why };
        if entry.seq != self.seq + 1 {
            return Err(illegal(format!("expected entry {}", self.seq + 1)));
        }
        match &entry.event {
            Event::TenantOpened(event) => self.name = Some(event.name.clone()),
            Event::AgentRegistered(event) => {
                let fresh = AgentRecord { agent: event.agent, versions: Vec::new() };
                let record = self.agents.entry(event.name.clone()).or_insert(fresh);
                record.versions.push((event.version, entry.seq));
            }
            Event::KeyCreated(event) => {
                let record = KeyRecord {
                    hash: event.hash,
                    principal: event.principal.clone(),
                    scopes: event.scopes.clone(),
                    active: true,
                };
                self.keys.insert(event.key, record);
            }
            Event::KeyRevoked(event) => {
                let known = self
                    .keys
                    .get_mut(&event.key)
                    .ok_or_else(|| illegal("no such key".to_owned()))?;
                known.active = false;
            }
            Event::AccessDenied(_) => {}
            _ => return Err(illegal("it belongs to a session".to_owned())),
        }
        self.seq = entry.seq;
        self.at = entry.at;
        Ok(())
    }

    /// The newest version of an agent, or the error that lists what exists.
    ///
    /// # Errors
    /// `unknown-name`.
    pub fn agent(&self, name: &str) -> Result<(&AgentRecord, (Digest, u64)), Error> {
        let record = self.agents.get(name);
        record.and_then(|record| Some((record, *record.versions.last()?))).ok_or_else(|| {
            let known: Vec<_> = self.agents.keys().map(|name| format!("`{name}`")).collect();
            let has = if known.is_empty() { "no agents yet".to_owned() } else { known.join(", ") };
            Error::new(Code::UnknownName, format!("no agent `{name}`; this server has: {has}"))
                .about(name)
        })
    }
}

fn entry(event: impl Into<Event>, body: DraftBody) -> Draft {
    Draft { event: event.into(), run: None, parent: None, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_agent_is_told_what_exists() {
        let mut ledger = LedgerState::new(TenantId::from_bytes([1; 16]));
        assert!(ledger.agent("triaje").unwrap_err().message.ends_with("no agents yet"));
        for name in ["triage", "ingest"] {
            let record = AgentRecord {
                agent: AgentId::from_bytes([2; 16]),
                versions: vec![(Digest::ZERO, 1)],
            };
            ledger.agents.insert(name.to_owned(), record);
        }
        let told = ledger.agent("triaje").unwrap_err().message;
        assert_eq!(told, "no agent `triaje`; this server has: `ingest`, `triage`");
    }
}
