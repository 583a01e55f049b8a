//! A tenant's ledger: agents and API keys.

use super::{Engine, actor, name};
use crate::lock;
use crate::resident::Folded;
use crate::seal::Bodies;
use std::path::Path;
use tenure_contract::agent::AgentDefinition;
use tenure_contract::digest::hex;
use tenure_contract::entry::Principal;
use tenure_contract::event::{AccessDenied, KeyCreated};
use tenure_contract::resource::{Agent, ApiKey, Caller, CreateKey};
use tenure_contract::{AgentId, Code, Digest, Error, Journal, KeyId, TenantId};
use tenure_core::ledger::{LedgerCommand, LedgerState};

/// What an API key's text begins with.
const KEY_MARK: &str = "tnr";
/// Letters of a key's text that are shown in lists.
const PREFIX_CHARS: usize = 12;

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
        name("the agent's name", &definition.name)?;
        for approver in &definition.approvers {
            super::sessions::approver_word(approver)?;
        }
        tenure_agent::build(&definition, Path::new("/")).map_err(|why| {
            Error::new(Code::InvalidArgument, why.to_string()).about(&definition.name)
        })?;
        let canonical = serde_json_canonicalizer::to_vec(&definition)
            .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
        let version = Digest::of(&[&canonical]);
        let ledger = self.node.ledger(caller.tenant)?;
        self.open_ledger(caller.tenant)?;
        let command = LedgerCommand::RegisterAgent {
            name: definition.name.clone(),
            agent: AgentId::from_bytes(self.node.fresh_id()),
            version,
        };
        let sealed = self.node.seal(caller.tenant, &canonical)?;
        let seq =
            self.node.transact_ledger(&ledger, &command, Bodies::given(sealed), &actor(caller))?;
        self.node.durable(&ledger, seq).await?;
        let agent_id = self.with_ledger(caller.tenant, |state| {
            state.agent(&definition.name).map(|(record, _)| record.agent)
        })??;
        Ok(Agent {
            agent_id,
            tenant_id: caller.tenant,
            name: definition.name.clone(),
            version,
            definition: Some(definition),
            created_at: None,
        })
    }

    /// An agent's newest version, with its definition.
    ///
    /// # Errors
    /// `unknown-name`, listing what exists.
    pub fn agent(&self, caller: &Caller, agent: &str) -> Result<Agent, Error> {
        let (agent_id, version) = self.agent_version(caller, agent, None)?;
        let definition = self.node.definition(caller.tenant, version)?;
        Ok(Agent {
            agent_id,
            tenant_id: caller.tenant,
            name: agent.to_owned(),
            version,
            definition: Some(definition),
            created_at: None,
        })
    }

    /// Puts an agent made elsewhere in the place of the one that version's definition describes, for
    /// as long as this engine lives: for simulation, and for programs that bring tools of their own.
    pub fn seat_agent(&self, caller: &Caller, version: Digest, agent: tenure_agent::Agent) {
        lock(&self.node.agents).insert((caller.tenant, version), std::sync::Arc::new(agent));
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
            let (record, (newest, _)) = state.agent(agent)?;
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

    /// Makes an API key; its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// `invalid-argument`.
    pub async fn create_key(&self, caller: &Caller, request: CreateKey) -> Result<ApiKey, Error> {
        super::sessions::approver_word(&request.principal)?;
        let secret = [self.node.mint.random(), self.node.mint.random()].concat();
        let text = format!("{KEY_MARK}_{}_{}", hex(&caller.tenant.bytes()), hex(&secret));
        let made = KeyCreated {
            key: KeyId::from_bytes(self.node.fresh_id()),
            prefix: format!(
                "{KEY_MARK}_…{}",
                &text[text.len() - PREFIX_CHARS..text.len() - PREFIX_CHARS / 2]
            ),
            hash: Digest::of(&[text.as_bytes()]),
            principal: request.principal,
            scopes: if request.scopes.is_empty() { vec!["*".to_owned()] } else { request.scopes },
        };
        let ledger = self.node.ledger(caller.tenant)?;
        self.open_ledger(caller.tenant)?;
        let command = LedgerCommand::CreateKey(made.clone());
        let seq =
            self.node.transact_ledger(&ledger, &command, Bodies::default(), &actor(caller))?;
        self.node.durable(&ledger, seq).await?;
        Ok(ApiKey {
            key_id: made.key,
            prefix: made.prefix,
            principal: made.principal,
            scopes: made.scopes,
            status: "active".to_owned(),
            key: Some(text),
        })
    }

    /// The tenant's API keys, without their texts.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn keys(&self, caller: &Caller) -> Result<Vec<ApiKey>, Error> {
        let rows = self.rows(
            caller,
            tenure_core::projection::Table::Key,
            Vec::new(),
            None,
            tenure_contract::limits::PAGE_MAX_ROWS,
        )?;
        Ok(rows.iter().map(super::lists::api_key).collect())
    }

    /// Revokes an API key; it is refused from the moment this returns.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn revoke_key(&self, caller: &Caller, key: KeyId) -> Result<(), Error> {
        let ledger = self.node.ledger(caller.tenant)?;
        let seq = self.node.transact_ledger(
            &ledger,
            &LedgerCommand::RevokeKey(key),
            Bodies::default(),
            &actor(caller),
        )?;
        self.node.durable(&ledger, seq).await
    }

    /// The caller an API key speaks for; none for a text nobody knows.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn authenticate(&self, text: &str) -> Result<Option<Caller>, Error> {
        let Some(tenant) = key_tenant(text) else { return Ok(None) };
        // a tenant that does not exist must not be made by somebody who guesses
        if self.node.resident(Journal::Ledger(tenant))?.is_none() {
            return Ok(None);
        }
        let hash = Digest::of(&[text.as_bytes()]);
        self.with_ledger(tenant, |state| {
            let known = state.keys.values().find(|known| known.active && known.hash == hash)?;
            let (kind, name) = known.principal.split_once(':')?;
            let principal = Principal { kind: kind.parse().ok()?, name: name.to_owned() };
            Some(Caller { tenant, principal, surface: None, scopes: known.scopes.clone() })
        })
    }

    /// Whether the tenant has a key at all; without one only loopback is served.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn has_keys(&self, tenant: TenantId) -> Result<bool, Error> {
        self.with_ledger(tenant, |state| state.keys.values().any(|known| known.active))
    }

    /// Journals that an authenticated caller was refused (`AUT-1`).
    ///
    /// # Errors
    /// A store's refusal.
    pub async fn note_denial(
        &self,
        caller: &Caller,
        action: String,
        code: Code,
    ) -> Result<(), Error> {
        let ledger = self.node.ledger(caller.tenant)?;
        let denied = AccessDenied { action, code: code.to_string() };
        let seq = self.node.transact_ledger(
            &ledger,
            &LedgerCommand::NoteDenial(denied),
            Bodies::default(),
            &actor(caller),
        )?;
        self.node.durable(&ledger, seq).await
    }

    fn open_ledger(&self, tenant: TenantId) -> Result<(), Error> {
        let ledger = self.node.ledger(tenant)?;
        let command = LedgerCommand::Open { name: "default".to_owned() };
        self.node.transact_ledger(
            &ledger,
            &command,
            Bodies::default(),
            &crate::resident::Actor::system(),
        )?;
        Ok(())
    }

    fn with_ledger<T>(
        &self,
        tenant: TenantId,
        read: impl FnOnce(&LedgerState) -> T,
    ) -> Result<T, Error> {
        // a tenant nobody knows leaves no trace: whoever guesses keys could fill the memory with them
        let Some(ledger) = self.node.resident(Journal::Ledger(tenant))? else {
            return Ok(read(&LedgerState::new(tenant)));
        };
        let cell = lock(&ledger.cell);
        match &cell.state {
            Folded::Ledger(state) => Ok(read(state)),
            Folded::Session(_) => Err(Error::not_found("tenant", tenant)),
        }
    }
}

/// The tenant a key's text names; it proves nothing until the hash is found.
fn key_tenant(text: &str) -> Option<TenantId> {
    let rest = text.strip_prefix(KEY_MARK)?.strip_prefix('_')?;
    let (tenant, _) = rest.split_once('_')?;
    let bytes = tenure_contract::digest::unhex(tenant)?;
    Some(TenantId::from_bytes(bytes.try_into().ok()?))
}
