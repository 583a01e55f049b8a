//! An issuer's keys: fetched at start-up and now and then, earlier when a token names one that is
//! not known yet.

use super::refused;
use crate::http::limits::JWKS_EARLY_MIN_MS;
use futures::future::BoxFuture;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tenure_contract::Error;
use tokio::sync::Mutex;

/// Brings an issuer's keys.
pub trait KeySource: Send + Sync {
    /// The key set as JSON (RFC 7517), or why there is none.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, String>>;
}

/// One key and what it is for.
#[derive(Clone)]
struct Held {
    kid: Option<String>,
    algorithm: &'static str,
    key: DecodingKey,
}

pub(super) struct Ring {
    source: Arc<dyn KeySource>,
    held: RwLock<Arc<Vec<Held>>>,
    /// When keys were last fetched for a token that named an unknown one.
    early: Mutex<Option<Instant>>,
}

impl Ring {
    pub fn new(source: Arc<dyn KeySource>) -> Self {
        Self { source, held: RwLock::default(), early: Mutex::new(None) }
    }

    /// Fetches the keys anew; what cannot be used is left out, and a set without any is refused.
    pub async fn refresh(&self) -> Result<(), String> {
        let bytes = self.source.fetch().await?;
        let set: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|why| format!("it is not JSON: {why}"))?;
        let keys = set["keys"].as_array().cloned().unwrap_or_default();
        // one by one: a kind of key nobody here knows must not hide the others
        let known = keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let set = JwkSet { keys: known.collect() };
        let held: Vec<Held> = set.keys.iter().filter_map(usable).collect();
        if held.is_empty() {
            return Err("it holds no key for RS256, ES256 or EdDSA".to_owned());
        }
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
        Ok(())
    }

    /// The key a token names.
    pub async fn key(&self, kid: Option<&str>, algorithm: &str) -> Result<DecodingKey, Error> {
        if let Some(found) = self.find(kid, algorithm) {
            return Ok(found);
        }
        // one at a time; whoever waited here finds what the one before fetched
        let mut early = self.early.lock().await;
        if let Some(found) = self.find(kid, algorithm) {
            return Ok(found);
        }
        let gap = Duration::from_millis(JWKS_EARLY_MIN_MS);
        if early.is_none_or(|last| last.elapsed() >= gap) {
            *early = Some(Instant::now());
            if let Err(why) = self.refresh().await {
                tracing::warn!(%why, "the keys of an issuer could not be fetched");
            }
        }
        self.find(kid, algorithm).ok_or_else(|| match kid {
            Some(kid) => {
                let kid = super::shown(kid);
                refused(format!("the token's key `{kid}` is not one of its issuer's for {algorithm}"))
            }
            None => refused(format!(
                "the token names no key in `kid`, and its issuer has not exactly one for {algorithm}"
            )),
        })
    }

    fn find(&self, kid: Option<&str>, algorithm: &str) -> Option<DecodingKey> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut fitting = held
            .iter()
            .filter(|held| held.algorithm == algorithm)
            .filter(|held| kid.is_none() || held.kid.as_deref() == kid);
        let first = fitting.next()?;
        // without a name it must be clear which one is meant
        (kid.is_some() || fitting.next().is_none()).then(|| first.key.clone())
    }
}

/// A key that signs with one of the three algorithms; a secret one never.
fn usable(jwk: &Jwk) -> Option<Held> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => "RS256",
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => "ES256",
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => "EdDSA",
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_signing =
        common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
    let says_so = common.key_algorithm.is_none_or(|says| says.to_string() == algorithm);
    if !is_for_signing || !says_so {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(Held { kid: common.key_id.clone(), algorithm, key })
}
