//! Bearer tokens: what they look like and what is kept of them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// So that scanners for leaked secrets recognise one.
const PREFIX: &str = "isk_";

/// A new token, shown once, and its hash, which is kept.
///
/// A plain SHA-256 is enough: the token holds 256 random bits, so there is nothing to guess.
pub(in crate::web) fn new_token() -> (String, [u8; 32]) {
    let token = format!("{PREFIX}{}", random_text());
    let hash = hash(&token);
    (token, hash)
}

/// What is kept of a token.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 random bits that may stand in addresses and cookies.
pub(super) fn random_text() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
