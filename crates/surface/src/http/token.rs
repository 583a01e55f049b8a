//! Tokens of OIDC issuers: signed elsewhere, believed because the operator named the issuer, its
//! keys and the algorithms (`AUT-1`).
//!
//! Nothing here opens a file or a socket: [`KeySource`] brings the keys, the binary says whence.

mod claims;
mod ring;

pub use claims::{ClaimNames, Named};
pub use ring::KeySource;

use super::limits::{TOKEN_MAX_BYTES, TOKEN_SKEW_MAX_S};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use ring::Ring;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use tenure_contract::{Code, Error, TenantId, Time};

/// The claims of a token.
type Claims = Map<String, Value>;

/// The algorithms there are; never `none`, and none whose secret would be a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Signing {
    /// RSA with SHA-256.
    RS256,
    /// The curve P-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// What an operator says about an issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// What its tokens say in `iss`.
    pub issuer: String,
    /// What they must name in `aud`.
    pub audience: String,
    /// Where its keys are: a URL, or a file beside this one.
    pub jwks: String,
    /// The algorithms it may sign with; all three when nothing is said.
    #[serde(default = "Signing::all")]
    pub algorithms: Vec<Signing>,
    /// Which of its claims say what.
    #[serde(default)]
    pub claims: ClaimNames,
    /// What it calls this server's tenants; their ids are understood without.
    #[serde(default)]
    pub tenants: BTreeMap<String, TenantId>,
}

/// An issuer and its keys.
pub struct Issuer {
    trust: Trust,
    ring: Ring,
}

/// Every issuer that is believed.
#[derive(Clone, Default)]
pub struct Tokens(Arc<Vec<Issuer>>);

impl Signing {
    /// Every algorithm.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![Self::RS256, Self::ES256, Self::EdDSA]
    }

    const fn word(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }
}

impl Issuer {
    /// An issuer whose keys have not been fetched yet.
    #[must_use]
    pub fn new(trust: Trust, source: Arc<dyn KeySource>) -> Self {
        Self { trust, ring: Ring::new(source) }
    }
}

impl Tokens {
    /// These issuers.
    #[must_use]
    pub fn of(issuers: Vec<Issuer>) -> Self {
        Self(Arc::new(issuers))
    }

    /// Whether any issuer is believed.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Fetches every issuer's keys; those of an issuer that fails stay as they were.
    ///
    /// # Errors
    /// The first failure, naming its issuer.
    pub async fn refresh(&self) -> Result<(), String> {
        let mut first = Ok(());
        for Issuer { trust, ring } in self.0.iter() {
            let fetched = ring.refresh().await;
            let told =
                |why| format!("the keys of issuer `{}` from `{}`: {why}", trust.issuer, trust.jwks);
            first = first.and(fetched.map_err(told));
        }
        first
    }

    /// Whom a token names, if it may be believed now.
    ///
    /// # Errors
    /// `unauthenticated`, each reason in its own words.
    pub(super) async fn verify(&self, token: &str, now: Time) -> Result<Named, Error> {
        let (header, unproven) = parts(token).ok_or_else(|| {
            refused("the token is neither an API key, `tnr_…`, nor a signed token of three parts")
        })?;
        let Issuer { trust, ring } = self.issuer(&unproven)?;
        let signing = signing(trust, &header)?;
        let kid = header.get("kid").and_then(Value::as_str);
        let key = ring.key(kid, signing.word()).await?;
        let claims = proven(token, &key, signing)?;
        check_audience(trust, &claims)?;
        let until = check_times(&claims, now)?;
        claims::named(trust, &claims, until)
    }

    fn issuer(&self, unproven: &Claims) -> Result<&Issuer, Error> {
        let named = unproven.get("iss").and_then(Value::as_str).unwrap_or_default();
        self.0.iter().find(|issuer| issuer.trust.issuer == named).ok_or_else(|| {
            refused(format!("the token's issuer `{}` is not one this server trusts", shown(named)))
        })
    }
}

pub(super) fn refused(why: impl Into<String>) -> Error {
    Error::new(Code::Unauthenticated, why)
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(100).collect()
}

/// Header and claims as they are written; nothing of it is proven.
fn parts(token: &str) -> Option<(Claims, Claims)> {
    if token.len() > TOKEN_MAX_BYTES {
        return None;
    }
    let mut parts = token.split('.');
    let (header, claims) = (parts.next()?, parts.next()?);
    parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    let read = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Claims>(&bytes).ok()
    };
    Some((read(header)?, read(claims)?))
}

fn signing(trust: &Trust, header: &Claims) -> Result<Signing, Error> {
    let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let known = trust.algorithms.iter().find(|signing| signing.word() == named);
    known.copied().ok_or_else(|| {
        let accepted: Vec<_> = trust.algorithms.iter().map(|signing| signing.word()).collect();
        refused(format!(
            "the token's algorithm `{}` is not accepted; expected one of {}",
            shown(named),
            accepted.join(", ")
        ))
    })
}

/// The claims, once the signature over them holds.
fn proven(token: &str, key: &DecodingKey, signing: Signing) -> Result<Claims, Error> {
    let mut validation = Validation::new(signing.algorithm());
    // times and audience are looked at here, with this server's clock and its words
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let proven = jsonwebtoken::decode::<Claims>(token, key, &validation);
    proven.map(|proven| proven.claims).map_err(|_| refused("the token's signature does not hold"))
}

fn check_audience(trust: &Trust, claims: &Claims) -> Result<(), Error> {
    let named = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(|one| *one == *trust.audience),
        Some(one) => *one == *trust.audience,
        None => false,
    };
    if named {
        return Ok(());
    }
    Err(refused(format!("the token is for another audience; expected `{}`", trust.audience)))
}

/// Until when the token holds, if it does now.
fn check_times(claims: &Claims, now: Time) -> Result<Time, Error> {
    let at = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            // past the year 9999 is for ever, before 1970 is 1970
            Some(seconds) => Ok(Some((seconds.clamp(0.0, 253_402_300_799.0) * 1e6) as u64)),
            None => Err(refused(format!("the token's `{name}` is not a number of seconds"))),
        },
    };
    let skew = TOKEN_SKEW_MAX_S * 1_000_000;
    let latest = now.micros().saturating_add(skew);
    let until =
        at("exp")?.ok_or_else(|| refused("the token has no `exp`: it would never expire"))?;
    let until = Time::from_micros(until.saturating_add(skew));
    if until <= now {
        return Err(refused("the token is expired; get another one from its issuer"));
    }
    if at("nbf")?.is_some_and(|from| from > latest) {
        return Err(refused("the token is not valid yet, says its `nbf`"));
    }
    if at("iat")?.is_some_and(|issued| issued > latest) {
        return Err(refused("the token was issued in the future, says its `iat`"));
    }
    Ok(until)
}
