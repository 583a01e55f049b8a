//! What the routes share: the engine, who may call without a key, and the key heads are signed
//! with. No state of any session.

use super::files::StoreFiles;
use super::token::Tokens;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::sync::Arc;
use tenure_contract::digest::hex;
use tenure_contract::export::{Certificate, HeadClaim, SignedHead, key_id};
use tenure_contract::resource::{SigningKey, SigningKeys};
use tenure_contract::token::ALGORITHM;
use tenure_contract::{Digest, TenantId, Time};
use tenure_core::verify::head::{public_key, sign_head};
use tenure_engine::{Clock, Engine};

/// What every route gets. Cheap to clone.
#[derive(Clone)]
pub struct ServerState {
    /// The engine all surfaces share.
    pub engine: Engine,
    /// Who may call without an API key.
    pub access: Arc<Access>,
    /// What the heads of exports are signed with.
    pub signer: Arc<HeadSigner>,
    /// Where the time of a signature comes from; the engine's.
    pub clock: Clock,
    /// When this server began.
    pub started_at: Time,
    /// How the files beneath it are set, for its operator.
    pub files: StoreFiles,
}

/// Who may call without an API key.
pub struct Access {
    /// The tenant such callers act in.
    pub tenant: TenantId,
    /// The name they go by, as `user:<name>`; the user the server runs as.
    pub user: String,
    /// Callers with no credentials at all.
    pub anonymous: Anonymous,
    /// Digest of the owner's token; who presents the token may do everything.
    pub owner: Option<Digest>,
    /// Whose tokens are believed.
    pub tokens: Tokens,
}

/// What becomes of callers with no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// They are refused.
    Refused,
    /// Those on this machine are served for as long as the tenant has no API key.
    Loopback,
}

/// Signs heads for this node.
pub struct HeadSigner {
    /// The node's secret Ed25519 key.
    pub secret: [u8; 32],
    /// The root's word for that key.
    pub certificate: Certificate,
    /// The epoch under which this process owns what it signs.
    pub epoch: u64,
}

impl Access {
    /// Access on this machine only: nobody's token, and anonymous callers on loopback.
    #[must_use]
    pub fn loopback(tenant: TenantId, user: impl Into<String>) -> Self {
        Self {
            tenant,
            user: user.into(),
            anonymous: Anonymous::Loopback,
            owner: None,
            tokens: Tokens::default(),
        }
    }

    /// The same, and whoever presents this token.
    #[must_use]
    pub fn with_owner_token(mut self, token: &str) -> Self {
        self.owner = Some(Digest::of(&[token.as_bytes()]));
        self
    }

    /// The same, and whoever brings a token of these issuers. Then nobody is served without
    /// credentials, on this machine neither.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Tokens) -> Self {
        if tokens.any() {
            self.anonymous = Anonymous::Refused;
        }
        self.tokens = tokens;
        self
    }

    /// Whether a text is the owner's token. What is compared are digests, every byte of them, so
    /// that the time it takes says nothing about how near a guess was.
    pub(super) fn is_owner(&self, token: &str) -> bool {
        let Some(owner) = &self.owner else { return false };
        let given = Digest::of(&[token.as_bytes()]);
        let pairs = owner.bytes().iter().zip(given.bytes());
        pairs.fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs)) == 0
    }
}

impl HeadSigner {
    pub(super) fn sign(&self, claim: HeadClaim) -> SignedHead {
        sign_head(&self.secret, self.certificate.clone(), claim)
    }

    pub(super) fn sign_token(&self, kind: &str, claims: &impl serde::Serialize) -> String {
        tenure_core::token::sign(&self.secret, kind, claims)
    }

    /// The public half, as others read it (RFC 8037).
    pub(super) fn keys(&self) -> SigningKeys {
        let public = public_key(&self.secret);
        let key = SigningKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: ALGORITHM.to_owned(),
            used_for: "sig".to_owned(),
            kid: key_id(&public),
            x: BASE64_URL_SAFE_NO_PAD.encode(public),
        };
        SigningKeys { keys: vec![key] }
    }
}

impl std::fmt::Debug for HeadSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeadSigner {{ root: {}, epoch: {} }}", hex(&self.certificate.root), self.epoch)
    }
}
