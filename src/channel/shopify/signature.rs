//! Who signed a delivery (R8).
//!
//! `X-Shopify-Hmac-Sha256` is the base64 of an HMAC-SHA256 over the raw bytes of the body. Bodies are
//! verified as they came: parsing one and writing it again changes escapes, and with them the MAC.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::channel::SigningKeys;

/// Room for what 44 base64 characters may hold; a signature is 32 bytes.
const ROOM: usize = 33;

/// Whether `signature` is the MAC of `body` under one of the keys. Whoever sends the header chooses
/// its text, so every text has an answer.
pub(super) fn is_authentic(signature: &str, body: &[u8], keys: &SigningKeys) -> bool {
    let mut room = [0; ROOM];
    let Ok(length) = STANDARD.decode_slice(signature.trim(), &mut room) else { return false };
    let Some(signature) = room.get(..length) else { return false };
    keys.secrets.iter().any(|(secret, _)| is_signed_with(secret, body, signature))
}

fn is_signed_with(secret: &SecretString, body: &[u8], signature: &[u8]) -> bool {
    let secret = secret.expose_secret();
    // An empty secret is one that everybody knows.
    if secret.is_empty() {
        return false;
    }
    let Ok(mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.chain_update(body).verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const SECRET: &str = "hush-test-secret";
    const BODY: &str =
        r##"{"id":820982911946154508,"name":"#1001","note":"Tom \u0026 Jerry \/ café"}"##;
    const SIGNATURE: &str = "qhBp3x0xh50ir7/TfdbNxSDAIm8plDKbIXEKpn2urys=";

    fn keys(secrets: &[&str]) -> SigningKeys {
        let secrets = secrets.iter().map(|text| (SecretString::from(*text), None));
        SigningKeys { secrets: secrets.collect(), ..SigningKeys::default() }
    }

    #[test]
    fn r8_a_body_is_verified_over_its_raw_bytes() {
        let only = keys(&[SECRET]);
        let short = r#"{"id":788032119674292922}"#;
        let its = "d7wHaZliZlLKMIxQZMlWJC91h8m75bHkkRFoQgzwxvg=";
        assert!(is_authentic(its, short.as_bytes(), &only));
        assert!(is_authentic(SIGNATURE, BODY.as_bytes(), &only));

        let value: serde_json::Value = serde_json::from_str(BODY).unwrap();
        let rewritten = serde_json::to_vec(&value).unwrap();
        assert!(!is_authentic(SIGNATURE, &rewritten, &only), "the same JSON, other bytes");
        assert!(!is_authentic(its, BODY.as_bytes(), &only));
    }

    #[test]
    fn r8_two_secrets_are_accepted_while_rotating() {
        assert!(is_authentic(SIGNATURE, BODY.as_bytes(), &keys(&["new", SECRET])));
        assert!(is_authentic(SIGNATURE, BODY.as_bytes(), &keys(&[SECRET, "old"])));
        assert!(!is_authentic(SIGNATURE, BODY.as_bytes(), &keys(&["new", "old"])));
        assert!(!is_authentic(SIGNATURE, BODY.as_bytes(), &keys(&[])));
    }

    #[test]
    fn r8_an_empty_secret_signs_nothing() {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"").unwrap();
        let signature = STANDARD.encode(mac.chain_update(b"{}").finalize().into_bytes());
        assert!(!is_authentic(&signature, b"{}", &keys(&[""])));
    }

    #[rstest]
    #[case::empty("")]
    #[case::hex("aa1069df1d31879d22afbfd37dd6cdc520c0226f2994329b21710aa67daeaf2b")]
    #[case::cut("qhBp3x0xh50ir7/TfdbNxSDAIm8plDKbIXEKpn2ury==")]
    #[case::unpadded("qhBp3x0xh50ir7/TfdbNxSDAIm8plDKbIXEKpn2urys")]
    #[case::other_alphabet("qhBp3x0xh50ir7_TfdbNxSDAIm8plDKbIXEKpn2urys=")]
    #[case::longer("qhBp3x0xh50ir7/TfdbNxSDAIm8plDKbIXEKpn2urysA")]
    #[case::foreign("é\u{0}=")]
    fn r9_an_odd_header_is_no_signature(#[case] header: &str) {
        assert!(!is_authentic(header, BODY.as_bytes(), &keys(&[SECRET])));
    }

    proptest! {
        #[test]
        fn r9_no_header_panics(header: String, body: Vec<u8>) {
            prop_assert!(!is_authentic(&header, &body, &keys(&[SECRET])));
        }

        #[test]
        fn r9_one_changed_bit_is_found(at in 0..BODY.len() * 8) {
            let mut body = BODY.as_bytes().to_vec();
            body[at / 8] ^= 1 << (at % 8);
            prop_assert!(!is_authentic(SIGNATURE, &body, &keys(&[SECRET])));
        }
    }
}
