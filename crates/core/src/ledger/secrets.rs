//! A tenant's secrets: names, versions, and where their ciphertexts stand; never a clear text
//! (`TEN-4`).

use super::entry;
use crate::command::{Draft, DraftBody};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::{SecretDeleted, SecretSet};
use tenure_contract::{Code, Error, Time, limits};

/// The secrets, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct SecretNames(#[n(0)] BTreeMap<String, SecretRecord>);

/// A secret as the ledger knows it; a deleted one keeps its place in the count of versions.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretRecord {
    /// How often it was set.
    #[n(0)]
    pub version: u64,
    /// The entry its ciphertext is beside; none once deleted.
    #[n(1)]
    pub seq: Option<u64>,
    /// At most so many characters.
    #[n(2)]
    pub length_hint: u64,
    /// When it was first set.
    #[n(3)]
    pub created_at: Time,
    /// When it was last set.
    #[n(4)]
    pub updated_at: Time,
}

impl SecretNames {
    /// A secret that is there.
    ///
    /// # Errors
    /// `not-found`.
    pub fn get(&self, name: &str) -> Result<&SecretRecord, Error> {
        let known = self.0.get(name).filter(|known| known.seq.is_some());
        known.ok_or_else(|| Error::not_found("secret", name))
    }

    /// The version the next text of that name is.
    #[must_use]
    pub fn next_version(&self, name: &str) -> u64 {
        self.0.get(name).map_or(1, |known| known.version + 1)
    }

    pub(super) fn set(&self, set: &SecretSet) -> Result<Vec<Draft>, Error> {
        // its ciphertext is bound to the version: another one may have come between
        if set.version != self.next_version(&set.name) {
            let told = format!("secret `{}` was set meanwhile; set it again", set.name);
            return Err(Error::new(Code::VersionConflict, told).about(&set.name));
        }
        if !self.0.contains_key(&set.name) && self.0.len() >= limits::SECRETS_MAX {
            let told =
                format!("this tenant has {} secrets, the limit SECRETS_MAX", limits::SECRETS_MAX);
            return Err(Error::new(Code::LimitReached, told));
        }
        Ok(vec![entry(set.clone(), DraftBody::Given)])
    }

    pub(super) fn delete(&self, name: &str) -> Result<Vec<Draft>, Error> {
        self.get(name)?;
        Ok(vec![entry(SecretDeleted { name: name.to_owned() }, DraftBody::None)])
    }

    pub(super) fn was_set(&mut self, event: &SecretSet, seq: u64, at: Time) {
        let created_at = self.0.get(&event.name).map_or(at, |known| known.created_at);
        let record = SecretRecord {
            version: event.version,
            seq: Some(seq),
            length_hint: event.length_hint,
            created_at,
            updated_at: at,
        };
        self.0.insert(event.name.clone(), record);
    }

    pub(super) fn was_deleted(&mut self, event: &SecretDeleted) -> Result<(), String> {
        let known = self.0.get_mut(&event.name).ok_or("no such secret")?;
        known.seq = None;
        Ok(())
    }
}
