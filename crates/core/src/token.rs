//! Signing and opening the tokens of an approval that travels (`APR-6`): compact JWS (RFC 7515), Ed25519
//! (RFC 8037), one algorithm and no negotiation. Keys and `now` come in; nothing here makes or keeps one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenure_contract::export::key_id;
use tenure_contract::limits::{TOKEN_CLOCK_SKEW_MAX_MS, TOKEN_MAX_BYTES};
use tenure_contract::token::{ALGORITHM, TokenHeader};
use tenure_contract::{Code, Error, Time};
use thiserror::Error as Failure;

/// Why a token is worth nothing. Each reason has a code of its own on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Failure)]
pub enum BadToken {
    /// It is too long to be one.
    #[error("the token has {found} bytes; the limit TOKEN_MAX_BYTES is {TOKEN_MAX_BYTES}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It is not three parts of base64url with the expected JSON in them.
    #[error("the token is not a compact JWS of this kind: {0}")]
    Malformed(String),
    /// It names another algorithm; none but one is ever taken.
    #[error("the token is signed with `{0}`; expected `EdDSA`")]
    Algorithm(String),
    /// It is a token of another kind.
    #[error("the token is a `{found}`; expected a `{expected}`")]
    Kind {
        /// Its `typ`.
        found: String,
        /// The one asked for.
        expected: &'static str,
    },
    /// Nobody registered its key, or it was revoked.
    #[error("no registered key `{0}`; register the app's public key first")]
    UnknownKey(String),
    /// The key did not sign these words.
    #[error("the signature is not its key's over this token")]
    Signature,
    /// It was for an earlier time.
    #[error("the token expired at {at}; ask for another one")]
    Expired {
        /// When.
        at: Time,
    },
    /// It is from a clock that is ahead.
    #[error("the token was issued at {at}, which is in the future; set the clock of who issued it")]
    FromTheFuture {
        /// When it says.
        at: Time,
    },
}

impl BadToken {
    /// The code it travels under.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLong { .. } => Code::TooLarge,
            Self::Malformed(_) | Self::Algorithm(_) | Self::Kind { .. } => Code::TokenMalformed,
            Self::UnknownKey(_) | Self::Signature => Code::TokenForged,
            Self::Expired { .. } | Self::FromTheFuture { .. } => Code::TokenExpired,
        }
    }
}

impl From<BadToken> for Error {
    fn from(bad: BadToken) -> Self {
        Self::new(bad.code(), bad.to_string())
    }
}

/// From when to when a token holds.
pub trait Dated {
    /// When it was issued, seconds since 1970.
    fn issued_at(&self) -> u64;
    /// When it is worth nothing any more, seconds since 1970.
    fn expires_at(&self) -> u64;
}

impl Dated for tenure_contract::token::HandedApproval {
    fn issued_at(&self) -> u64 {
        self.iat
    }
    fn expires_at(&self) -> u64 {
        self.exp
    }
}

impl Dated for tenure_contract::token::HandedDecision {
    fn issued_at(&self) -> u64 {
        self.iat
    }
    fn expires_at(&self) -> u64 {
        self.exp
    }
}

/// Signs claims as a token of a kind. Ed25519 is deterministic: the same claims sign the same.
///
/// ```
/// use tenure_core::token::{open, sign};
/// use tenure_core::verify::head::public_key;
/// # use tenure_contract::{ApprovalId, Digest, SessionId, TenantId, Time, TokenId, words::RiskLevel};
/// # use tenure_contract::token::{HANDED_TYPE, HandedApproval};
/// # let claims = HandedApproval {
/// #     iss: TenantId::from_bytes([1; 16]), aud: "desk".into(), jti: TokenId::from_bytes([2; 16]),
/// #     iat: 1_000, exp: 2_000, approval: ApprovalId::from_bytes([3; 16]),
/// #     session: SessionId::from_bytes([4; 16]), run: None, task: None, product: "shop".into(),
/// #     action_label: "refund 40".into(), action_digest: Digest::ZERO, risk: RiskLevel::High,
/// #     dispatch_context: None, return_address: "https://shop.example/decisions".into(),
/// # };
/// let secret = [7; 32];
/// let token = sign(&secret, HANDED_TYPE, &claims);
/// let at = Time::from_micros(1_500_000_000);
/// let (_, opened) = open::<HandedApproval>(&token, HANDED_TYPE, at, |_| Some(public_key(&secret)))?;
/// assert_eq!(opened, claims);
/// let late = Time::from_micros(2_000_000_000);
/// assert!(open::<HandedApproval>(&token, HANDED_TYPE, late, |_| Some(public_key(&secret))).is_err());
/// # Ok::<(), tenure_core::token::BadToken>(())
/// ```
#[must_use]
pub fn sign(secret: &[u8; 32], kind: &str, claims: &impl Serialize) -> String {
    let key = SigningKey::from_bytes(secret);
    let kid = key_id(&key.verifying_key().to_bytes());
    let header = TokenHeader { alg: ALGORITHM.to_owned(), kid, typ: kind.to_owned() };
    let message = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", BASE64URL.encode(signature))
}

/// Opens a token of a kind: who signed (the key's short name) and what it says. `key` knows the public
/// keys that count. Nothing of the claims is looked at before the signature holds.
///
/// # Errors
/// [`BadToken`] says what is wrong with it.
pub fn open<C: DeserializeOwned + Dated>(
    token: &str,
    kind: &'static str,
    now: Time,
    key: impl FnOnce(&str) -> Option<[u8; 32]>,
) -> Result<(String, C), BadToken> {
    if token.len() > TOKEN_MAX_BYTES {
        return Err(BadToken::TooLong { found: token.len() });
    }
    let malformed = |why: &str| BadToken::Malformed(why.to_owned());
    let (message, signature) = token.rsplit_once('.').ok_or_else(|| malformed("no `.` in it"))?;
    let (header, claims) = message.split_once('.').ok_or_else(|| malformed("two parts only"))?;
    let header: TokenHeader = read(header, "header")?;
    if header.alg != ALGORITHM {
        return Err(BadToken::Algorithm(header.alg));
    }
    if header.typ != kind {
        return Err(BadToken::Kind { found: header.typ, expected: kind });
    }
    let public = key(&header.kid).ok_or_else(|| BadToken::UnknownKey(header.kid.clone()))?;
    let signature = bytes(signature, "signature")?;
    let signature = Signature::from_slice(&signature).map_err(|_| BadToken::Signature)?;
    let holds = VerifyingKey::from_bytes(&public)
        .is_ok_and(|public| public.verify_strict(message.as_bytes(), &signature).is_ok());
    if !holds {
        return Err(BadToken::Signature);
    }
    let claims: C = read(claims, "claims")?;
    in_time(&claims, now)?;
    Ok((header.kid, claims))
}

fn in_time(claims: &impl Dated, now: Time) -> Result<(), BadToken> {
    let expires = instant(claims.expires_at());
    if expires <= now {
        return Err(BadToken::Expired { at: expires });
    }
    let issued = instant(claims.issued_at());
    if issued > now.plus_ms(TOKEN_CLOCK_SKEW_MAX_MS) {
        return Err(BadToken::FromTheFuture { at: issued });
    }
    Ok(())
}

/// Whether the bytes are an Ed25519 public key one may trust: a point, and not a weak one.
#[must_use]
pub fn is_key(public: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(public).is_ok_and(|key| !key.is_weak())
}

/// The instant so many whole seconds after 1970; saturates.
#[must_use]
pub const fn instant(seconds: u64) -> Time {
    Time::from_micros(seconds.saturating_mul(1_000_000))
}

fn part(value: &impl Serialize) -> String {
    // neither claims nor header have a map with keys other than text, the only way this could fail
    BASE64URL.encode(serde_json::to_vec(value).unwrap_or_default())
}

fn bytes(part: &str, what: &str) -> Result<Vec<u8>, BadToken> {
    BASE64URL
        .decode(part)
        .map_err(|_| BadToken::Malformed(format!("its {what} is not base64url without padding")))
}

fn read<T: DeserializeOwned>(part: &str, what: &str) -> Result<T, BadToken> {
    let bytes = bytes(part, what)?;
    serde_json::from_slice(&bytes).map_err(|why| BadToken::Malformed(format!("its {what}: {why}")))
}

#[cfg(test)]
mod tests;
