//! A tenant's API keys: found by their hash, narrowed by their principal (`AUT-1`).

use super::entry;
use super::principals::{Principals, check_given};
use crate::authority::{self, EVERYTHING};
use crate::command::{Draft, DraftBody};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::entry::Principal;
use tenure_contract::event::{KeyCreated, KeyRevoked, PrincipalCreated};
use tenure_contract::words::PrincipalStatus;
use tenure_contract::{Code, Digest, Error, KeyId, PrincipalId, Time, limits};

/// The keys, by id and by hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Keys {
    #[n(0)]
    known: BTreeMap<KeyId, KeyRecord>,
    /// Every key that is not revoked.
    #[n(1)]
    hashes: BTreeMap<Digest, KeyId>,
}

/// An API key as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyRecord {
    /// SHA-256 of the key's text.
    #[n(0)]
    pub hash: Digest,
    /// Whom it speaks for, as `kind:name`.
    #[n(1)]
    pub principal: String,
    /// What it may do of what its principal may; none is all of that.
    #[n(2)]
    pub scopes: Vec<String>,
    /// The one product it works for.
    #[n(3)]
    pub product: Option<String>,
    /// From then on it is refused.
    #[n(4)]
    pub expires_at: Option<Time>,
}

/// A key somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWanted {
    /// How it is to be.
    pub made: KeyCreated,
    /// Whom it speaks for.
    pub principal: Principal,
    /// An id, used when nobody registered that principal.
    pub fresh: PrincipalId,
    /// What whoever asks holds.
    pub held: Vec<String>,
    /// Now.
    pub at: Time,
}

/// For whom a key stands, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The key.
    pub key: KeyId,
    /// Whom it speaks for.
    pub principal: Principal,
    /// What it may do now.
    pub scopes: Vec<String>,
    /// The one product it works for.
    pub product: Option<String>,
}

impl Keys {
    /// Whether there is a key that is not revoked.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.hashes.is_empty()
    }

    /// A key by its id.
    ///
    /// # Errors
    /// `not-found`.
    pub fn get(&self, key: KeyId) -> Result<&KeyRecord, Error> {
        self.known.get(&key).ok_or_else(|| Error::not_found("API key", key))
    }

    /// For whom the key of that hash stands.
    ///
    /// # Errors
    /// `unauthenticated`, saying whether it is unknown, expired or its principal disabled.
    pub fn standing(
        &self,
        hash: &Digest,
        principals: &Principals,
        now: Time,
    ) -> Result<Standing, Error> {
        let refused = |why: String| Error::new(Code::Unauthenticated, why);
        let found = self.hashes.get(hash).and_then(|key| Some((*key, self.known.get(key)?)));
        let (key, record) = found.ok_or_else(unknown)?;
        if let Some(expired) = record.expires_at.filter(|expires_at| *expires_at <= now) {
            let told =
                format!("the API key expired at {expired}; ask an administrator for another one");
            return Err(refused(told).about(key));
        }
        let principal = principal_of(&record.principal).ok_or_else(unknown)?;
        let held = principals.admit(&principal)?.ok_or_else(unknown)?;
        let scopes = match record.scopes.is_empty() {
            true => held.scopes.clone(),
            false => authority::narrowed(&held.scopes, &record.scopes),
        };
        Ok(Standing { key, principal, scopes, product: record.product.clone() })
    }

    /// Whether a key would still be let in.
    #[must_use]
    pub fn stands(&self, key: KeyId, principals: &Principals, now: Time) -> bool {
        let record = self.known.get(&key);
        record.is_some_and(|record| self.standing(&record.hash, principals, now).is_ok())
    }

    pub(super) fn create(
        &self,
        wanted: &KeyWanted,
        principals: &Principals,
    ) -> Result<Vec<Draft>, Error> {
        let KeyWanted { made, principal, held, .. } = wanted;
        self.check(wanted)?;
        let Some(known) = principals.named(principal) else {
            principals.admit_one_more()?;
            let all = vec![EVERYTHING.to_owned()];
            let scopes = if made.scopes.is_empty() { all } else { made.scopes.clone() };
            check_given(held, &scopes)?;
            let registered = PrincipalCreated {
                principal: wanted.fresh,
                kind: principal.kind,
                name: principal.name.clone(),
                scopes,
            };
            return Ok(vec![
                entry(registered, DraftBody::None),
                entry(made.clone(), DraftBody::None),
            ]);
        };
        if known.status == PrincipalStatus::Disabled {
            let told =
                format!("principal `{principal}` is disabled; enable it before it gets a key");
            return Err(Error::new(Code::IllegalTransition, told).about(principal));
        }
        let given = if made.scopes.is_empty() { &known.scopes } else { &made.scopes };
        check_given(held, given)?;
        authority::within(&known.scopes, given, &format!("principal `{principal}`"))?;
        Ok(vec![entry(made.clone(), DraftBody::None)])
    }

    fn check(&self, wanted: &KeyWanted) -> Result<(), Error> {
        if let Some(past) = wanted.made.expires_at.filter(|expires_at| *expires_at <= wanted.at) {
            let told = format!("expiresAt `{past}` is past; it is {} now", wanted.at);
            return Err(Error::new(Code::InvalidArgument, told));
        }
        if self.hashes.len() < limits::KEYS_MAX {
            return Ok(());
        }
        let told = format!(
            "this tenant has {} API keys, the limit KEYS_MAX; revoke some",
            limits::KEYS_MAX
        );
        Err(Error::new(Code::LimitReached, told))
    }

    pub(super) fn revoke(&self, key: KeyId) -> Result<Vec<Draft>, Error> {
        let known = self.get(key)?;
        if !self.hashes.contains_key(&known.hash) {
            return Ok(Vec::new());
        }
        Ok(vec![entry(KeyRevoked { key }, DraftBody::None)])
    }

    pub(super) fn created(&mut self, event: &KeyCreated) {
        let record = KeyRecord {
            hash: event.hash,
            principal: event.principal.clone(),
            scopes: event.scopes.clone(),
            product: event.product.clone(),
            expires_at: event.expires_at,
        };
        self.hashes.insert(event.hash, event.key);
        self.known.insert(event.key, record);
    }

    pub(super) fn revoked(&mut self, key: KeyId) -> Result<(), String> {
        let known = self.known.get(&key).ok_or("no such key")?;
        self.hashes.remove(&known.hash);
        Ok(())
    }
}

/// The refusal of a key nobody knows; the same for one that was revoked.
#[must_use]
pub fn unknown() -> Error {
    let told = "the API key is unknown or revoked; ask an administrator for another one";
    Error::new(Code::Unauthenticated, told)
}

fn principal_of(text: &str) -> Option<Principal> {
    let (kind, name) = text.split_once(':')?;
    Some(Principal { kind: kind.parse().ok()?, name: name.to_owned() })
}
