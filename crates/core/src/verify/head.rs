//! Signing heads and checking who signed. Keys come in as bytes; nothing here makes one.

use super::{Signer, Trust};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use tenure_contract::digest::hex;
use tenure_contract::export::{Certificate, HeadClaim, SignedHead, key_id};
use thiserror::Error;

/// Why a head proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotSigned {
    /// The key's short name is another key's.
    #[error("the head's `keyId` is not that of its key, expected `{0}`")]
    KeyId(String),
    /// The signature is not the node's over this head.
    #[error("the head's signature is not its key's over this head")]
    Signature,
    /// The certificate is not the root's over this node key.
    #[error("the head's certificate is not its root's word for its key")]
    Certificate,
    /// The root is not the one the caller knows.
    #[error("the head's root key is `{found}`, expected `{expected}`: another store signed it")]
    UnknownRoot {
        /// The root in the head, hex.
        found: String,
        /// The root the caller knows, hex.
        expected: String,
    },
}

/// The public half of a secret key.
#[must_use]
pub fn public_key(secret: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(secret).verifying_key().to_bytes()
}

/// The root key's word for a node key.
#[must_use]
pub fn certify(root_secret: &[u8; 32], node: &[u8; 32]) -> Certificate {
    let root = SigningKey::from_bytes(root_secret);
    let signature = root.sign(&Certificate::message(node)).to_bytes();
    Certificate { root: root.verifying_key().to_bytes(), signature }
}

/// Signs a claim with a node's secret key, certified before by [`certify`].
///
/// ```
/// use tenure_contract::{Digest, SessionId, StoreId, TenantId, Time, entry::Journal, export::HeadClaim};
/// use tenure_core::verify::head::{certify, check_head, public_key, sign_head};
/// let (root, node) = ([1; 32], [2; 32]);
/// let claim = HeadClaim {
///     journal: Journal::Session(SessionId::from_bytes([3; 16])),
///     tenant: TenantId::from_bytes([4; 16]),
///     store: StoreId::from_bytes([5; 16]),
///     seq: 41,
///     hash: Digest::of(&[b"the last entry"]),
///     at: Time::from_micros(6),
///     epoch: 7,
/// };
/// let head = sign_head(&node, certify(&root, &public_key(&node)), claim);
/// assert!(check_head(&head, Some(&public_key(&root))).is_ok());
/// assert!(check_head(&head, Some(&public_key(&node))).is_err());
/// ```
#[must_use]
pub fn sign_head(node_secret: &[u8; 32], certificate: Certificate, claim: HeadClaim) -> SignedHead {
    let node = SigningKey::from_bytes(node_secret);
    let key = node.verifying_key().to_bytes();
    let signature = node.sign(&claim.to_bytes()).to_bytes();
    SignedHead { claim, key_id: key_id(&key), signature, key, certificate }
}

/// Checks a head's signature and certificate, and its root against the one the caller knows.
///
/// # Errors
/// [`NotSigned`] says which of them is false.
pub fn check_head(head: &SignedHead, root: Option<&[u8; 32]>) -> Result<Signer, NotSigned> {
    let known = key_id(&head.key);
    if head.key_id != known {
        return Err(NotSigned::KeyId(known));
    }
    if !signed(&head.key, &head.claim.to_bytes(), &head.signature) {
        return Err(NotSigned::Signature);
    }
    let certificate = &head.certificate;
    if !signed(&certificate.root, &Certificate::message(&head.key), &certificate.signature) {
        return Err(NotSigned::Certificate);
    }
    let trust = match root {
        None => Trust::Claimed,
        Some(root) if *root == certificate.root => Trust::Rooted,
        Some(root) => {
            let (found, expected) = (hex(&certificate.root), hex(root));
            return Err(NotSigned::UnknownRoot { found, expected });
        }
    };
    Ok(Signer { key_id: known, root: certificate.root, trust })
}

/// The strict check: no second signature of the same words, no weak keys.
fn signed(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}
