//! Who calls: credentials looked up, and the refusals of those who are known (`AUT-1`).

use super::{Engine, actor};
use crate::lock;
use crate::seal::Bodies;
use tenure_contract::entry::Principal;
use tenure_contract::event::AccessDenied;
use tenure_contract::resource::Caller;
use tenure_contract::{Code, Digest, Error, Journal, KeyId, TenantId, Time};
use tenure_core::authority;
use tenure_core::ledger::denials::Denial;
use tenure_core::ledger::{LedgerCommand, keys};

/// What a caller proved itself with, to be looked at again while an answer takes long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// It is the server's own user.
    Local,
    /// An API key.
    Key {
        /// The key's tenant.
        tenant: TenantId,
        /// The key.
        key: KeyId,
    },
    /// A token somebody else signed.
    Token {
        /// The tenant it acts in.
        tenant: TenantId,
        /// Whom it names.
        principal: Principal,
        /// From then on it is refused.
        until: Time,
    },
}

impl Engine {
    /// The caller an API key speaks for.
    ///
    /// # Errors
    /// `unauthenticated`, saying whether it is unknown, expired or its principal disabled.
    pub fn authenticate(&self, text: &str) -> Result<(Caller, Credential), Error> {
        let tenant = super::keys::tenant_of(text).ok_or_else(keys::unknown)?;
        // a tenant that does not exist must not be made by somebody who guesses
        if self.node.resident(Journal::Ledger(tenant))?.is_none() {
            return Err(keys::unknown());
        }
        let hash = Digest::of(&[text.as_bytes()]);
        let now = self.node.clock.now();
        let standing =
            self.with_ledger(tenant, |state| state.keys.standing(&hash, &state.principals, now))??;
        let caller = Caller {
            tenant,
            principal: standing.principal,
            surface: None,
            scopes: standing.scopes,
            product: standing.product,
        };
        Ok((caller, Credential::Key { tenant, key: standing.key }))
    }

    /// Holds a caller that somebody else vouches for against what the tenant knows of it: one that
    /// is registered does no more than it may here, one that is disabled nothing.
    ///
    /// # Errors
    /// `unauthenticated` for a disabled principal.
    pub fn recognise(&self, caller: Caller) -> Result<Caller, Error> {
        self.with_ledger(caller.tenant, |state| {
            let known = state.principals.admit(&caller.principal)?;
            let scopes = match known {
                Some(known) => authority::narrowed(&known.scopes, &caller.scopes),
                None => caller.scopes.clone(),
            };
            Ok(Caller { scopes, ..caller })
        })?
    }

    /// Whether a credential would still be let in.
    #[must_use]
    pub fn stands(&self, credential: &Credential) -> bool {
        let now = self.node.clock.now();
        match credential {
            Credential::Local => true,
            Credential::Key { tenant, key } => self
                .with_ledger(*tenant, |state| state.keys.stands(*key, &state.principals, now))
                .unwrap_or(false),
            Credential::Token { tenant, principal, until } => {
                *until > now
                    && self
                        .with_ledger(*tenant, |state| state.principals.admit(principal).is_ok())
                        .unwrap_or(false)
            }
        }
    }

    /// Whether the tenant has a key at all; without one only loopback is served.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn has_keys(&self, tenant: TenantId) -> Result<bool, Error> {
        self.with_ledger(tenant, |state| state.keys.any())
    }

    /// Journals that an authenticated caller was refused; those beyond so many a minute are
    /// counted, and the count stands in the next one that is journaled.
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
        let seq = {
            // held over both, so that what has room gets it and what is counted is told once
            let mut omitted = lock(&self.node.denials);
            let who = (caller.tenant, caller.principal.to_string());
            let at = self.node.clock.now();
            let room = self.with_ledger(caller.tenant, |state| {
                state.denials.has_room(&caller.principal, at)
            })?;
            if !room {
                *omitted.entry(who).or_default() += 1;
                return Ok(());
            }
            let before = omitted.remove(&who).unwrap_or_default();
            let denied = AccessDenied { action, code: code.to_string(), omitted: before };
            let denial = Denial { principal: caller.principal.clone(), denied, at };
            let command = LedgerCommand::NoteDenial(denial);
            self.node.transact_ledger(&ledger, &command, Bodies::default(), &actor(caller))?
        };
        self.node.durable(&ledger, seq).await
    }
}
