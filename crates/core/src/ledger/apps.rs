//! The keys other apps sign their decisions with (`APR-6`): one product a key, for ever.

use super::entry;
use crate::command::{Draft, DraftBody};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use tenure_contract::event::{AppKeyRegistered, AppKeyRevoked};
use tenure_contract::{Code, Digest, Error, limits};

/// The keys by their short names, revoked ones included: a name never changes hands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Apps {
    #[n(0)]
    known: BTreeMap<String, AppKeyRecord>,
}

/// An app's key as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AppKeyRecord {
    /// The product whose decisions it signs.
    #[n(0)]
    pub product: String,
    /// The public key, in hex.
    #[n(1)]
    pub public_key: String,
    /// SHA-256 of the public key.
    #[n(2)]
    pub digest: Digest,
    /// False once revoked.
    #[n(3)]
    pub active: bool,
}

impl Apps {
    /// The key of that short name, if its signatures count.
    #[must_use]
    pub fn active(&self, kid: &str) -> Option<&AppKeyRecord> {
        self.known.get(kid).filter(|known| known.active)
    }

    /// Whether the product has a key whose signatures count.
    #[must_use]
    pub fn has(&self, product: &str) -> bool {
        self.known.values().any(|known| known.active && known.product == product)
    }

    pub(super) fn register(&self, wanted: &AppKeyRegistered) -> Result<Vec<Draft>, Error> {
        match self.known.get(&wanted.kid) {
            Some(known) if known.active && known.product == wanted.product => Ok(Vec::new()),
            Some(known) => {
                let told = if known.active {
                    format!("key `{}` is registered for product `{}`", wanted.kid, known.product)
                } else {
                    format!("key `{}` was revoked; make and register another one", wanted.kid)
                };
                Err(Error::new(Code::KeyConflict, told).about(&wanted.kid))
            }
            None if self.known.len() >= limits::APP_KEYS_MAX => {
                let told = format!(
                    "this tenant has {} app keys, the limit APP_KEYS_MAX; no more are taken",
                    self.known.len()
                );
                Err(Error::new(Code::LimitReached, told))
            }
            None => Ok(vec![entry(wanted.clone(), DraftBody::None)]),
        }
    }

    pub(super) fn revoke(&self, kid: &str) -> Result<Vec<Draft>, Error> {
        let known = self.known.get(kid).ok_or_else(|| Error::not_found("app key", kid))?;
        if !known.active {
            return Ok(Vec::new());
        }
        let event = AppKeyRevoked { kid: kid.to_owned(), digest: known.digest };
        Ok(vec![entry(event, DraftBody::None)])
    }

    pub(super) fn registered(&mut self, event: &AppKeyRegistered) {
        let record = AppKeyRecord {
            product: event.product.clone(),
            public_key: event.public_key.clone(),
            digest: event.digest,
            active: true,
        };
        self.known.insert(event.kid.clone(), record);
    }

    pub(super) fn revoked(&mut self, kid: &str) -> Result<(), String> {
        let known = self.known.get_mut(kid).ok_or("no such app key")?;
        known.active = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kid: &str, product: &str) -> AppKeyRegistered {
        AppKeyRegistered {
            product: product.to_owned(),
            kid: kid.to_owned(),
            public_key: "00".repeat(32),
            digest: Digest::ZERO,
        }
    }

    #[test]
    fn apr_6_a_key_signs_for_one_product_and_never_again_once_revoked() {
        let mut apps = Apps::default();
        assert_eq!(apps.register(&wanted("k1", "desk")).unwrap().len(), 1);
        apps.registered(&wanted("k1", "desk"));
        assert!(apps.register(&wanted("k1", "desk")).unwrap().is_empty());
        assert_eq!(apps.register(&wanted("k1", "shop")).unwrap_err().code, Code::KeyConflict);
        assert!(apps.has("desk") && !apps.has("shop"));
        assert_eq!(apps.revoke("k2").unwrap_err().code, Code::NotFound);
        assert_eq!(apps.revoke("k1").unwrap().len(), 1);
        apps.revoked("k1").unwrap();
        assert!(apps.revoke("k1").unwrap().is_empty() && apps.active("k1").is_none());
        assert_eq!(apps.register(&wanted("k1", "desk")).unwrap_err().code, Code::KeyConflict);
        assert!(!apps.has("desk"));
    }
}
