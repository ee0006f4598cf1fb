//! Encryption of credentials at rest with the master key (I12).

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// First byte of every sealed text: which key and scheme made it, so that keys can be rotated.
const KEY_1: u8 = 1;
const NONCE: usize = 24;

/// Seals and opens secrets. Cheap to share; holds the master key for the life of the process.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    master: zeroize::Zeroizing<[u8; 32]>,
}

/// A sealed text that this master key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open what is stored; use the key the data was written with")]
pub struct WrongKey;

impl Vault {
    /// A vault for that master key.
    pub fn new(master: [u8; 32]) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new((&master).into()),
            master: zeroize::Zeroizing::new(master),
        }
    }

    /// Seals a `column` of `owner` (for a store: its channel and domain, which never change); only
    /// the same owner and column open it again, so that a sealed text cannot be moved to another row.
    pub fn seal(&self, owner: &str, column: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = rand::random();
        let aad = aad(owner, column);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("invariant: encryption fails only beyond 256 GiB");
        let mut text = Vec::with_capacity(1 + NONCE + sealed.len());
        text.push(KEY_1);
        text.extend_from_slice(&nonce);
        text.extend_from_slice(&sealed);
        text
    }

    /// Opens what [`Vault::seal`] made.
    pub fn open(
        &self,
        owner: &str,
        column: &str,
        sealed: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, WrongKey> {
        let (scheme, rest) = sealed.split_first().ok_or(WrongKey)?;
        let (nonce, cipher) = rest.split_first_chunk::<NONCE>().ok_or(WrongKey)?;
        if *scheme != KEY_1 {
            return Err(WrongKey);
        }
        let aad = aad(owner, column);
        let payload = Payload { msg: cipher, aad: aad.as_bytes() };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| WrongKey)?;
        Ok(zeroize::Zeroizing::new(plain))
    }

    /// A keyed hash for a named purpose: fingerprints, cursors, sessions. Different purposes never
    /// share a value.
    pub fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.master.as_slice())
            .expect("invariant: HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

fn aad(owner: &str, column: &str) -> String {
    format!("{owner}|{column}")
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_a_sealed_text_opens_for_its_store_and_column_only() {
        let vault = Vault::new([7; 32]);
        let sealed = vault.seal("shopify|a", "credentials", b"hush");
        assert!(!sealed.windows(4).any(|w| w == b"hush"));
        assert_eq!(vault.open("shopify|a", "credentials", &sealed).unwrap().as_slice(), b"hush");
        assert_eq!(vault.open("shopify|b", "credentials", &sealed), Err(WrongKey));
        assert_eq!(vault.open("shopify|a", "token", &sealed), Err(WrongKey));
        assert_eq!(Vault::new([8; 32]).open("shopify|a", "credentials", &sealed), Err(WrongKey));
    }

    #[test]
    fn i12_damaged_or_foreign_bytes_do_not_open() {
        let vault = Vault::new([7; 32]);
        let mut sealed = vault.seal("shopify|a", "credentials", b"hush");
        *sealed.last_mut().unwrap() ^= 1;
        for bad in [sealed.as_slice(), &[], &[1], &[2; 60]] {
            assert_eq!(vault.open("shopify|a", "credentials", bad), Err(WrongKey));
        }
    }

    #[test]
    fn tags_differ_by_purpose() {
        let vault = Vault::new([7; 32]);
        assert_ne!(vault.tag("cursor", b"x"), vault.tag("session", b"x"));
        assert_eq!(vault.tag("cursor", b"x"), vault.tag("cursor", b"x"));
    }
}
