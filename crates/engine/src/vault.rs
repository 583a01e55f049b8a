//! Secrets at rest: encrypted under the server's key, bound to tenant, name and version (`TEN-4`).

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use tenure_contract::TenantId;
use tenure_contract::digest::{hex, unhex};

/// The key that everything in the vault is encrypted with.
#[derive(Clone, Copy)]
pub struct VaultKey(pub [u8; 32]);

/// Bytes of a nonce; random ones of this length do not meet.
pub(crate) const NONCE_BYTES: usize = 24;

/// Where a secret stands: what its ciphertext is bound to, so that it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub tenant: TenantId,
    pub name: &'a str,
    pub version: u64,
}

impl Place<'_> {
    fn bound(self) -> Vec<u8> {
        let version = self.version.to_be_bytes();
        let mark: &[u8] = b"tenure-secret-v1\0";
        [mark, &self.tenant.bytes(), &version, self.name.as_bytes()].concat()
    }
}

impl VaultKey {
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.0))
    }

    /// Nonce and ciphertext, as hex; none when the cipher refuses, which it does for texts beyond
    /// any limit only.
    pub(crate) fn seal(
        &self,
        place: Place<'_>,
        nonce: [u8; NONCE_BYTES],
        clear: &str,
    ) -> Option<String> {
        let payload = Payload { msg: clear.as_bytes(), aad: &place.bound() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(hex(&[&nonce[..], &sealed].concat()))
    }

    /// The clear text; none when it was sealed under another key or for another place.
    pub(crate) fn open(&self, place: Place<'_>, sealed: &str) -> Option<String> {
        let bytes = unhex(sealed)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: &place.bound() };
        let clear = self.cipher().decrypt(&XNonce::from(nonce), payload).ok()?;
        String::from_utf8(clear).ok()
    }
}

impl std::fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VaultKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_4_a_secret_opens_under_its_key_in_its_place_and_nowhere_else() {
        let key = VaultKey([1; 32]);
        let place = Place { tenant: TenantId::from_bytes([1; 16]), name: "SHOP", version: 1 };
        let sealed = key.seal(place, [9; NONCE_BYTES], "hunter2hunter2").unwrap();
        assert!(!sealed.contains(&hex(b"hunter2")));
        assert_eq!(key.open(place, &sealed).as_deref(), Some("hunter2hunter2"));
        let elsewhere = [
            Place { tenant: TenantId::from_bytes([2; 16]), ..place },
            Place { name: "TILL", ..place },
            Place { version: 2, ..place },
        ];
        for other in elsewhere {
            assert_eq!(key.open(other, &sealed), None, "{other:?}");
        }
        assert_eq!(VaultKey([2; 32]).open(place, &sealed), None);
        for broken in ["", "zz", &sealed[2..], &sealed[..sealed.len() - 2]] {
            assert_eq!(key.open(place, broken), None);
        }
    }
}
