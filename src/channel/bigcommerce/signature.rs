//! Who sent a callback (R8, R9).
//!
//! BigCommerce sends the headers back that a hook was created with, so a secret among them proves
//! the sender. HTTPS callbacks may also be signed by Standard Webhooks: HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`, the key being the raw bytes of the API account's client secret. Whether
//! every hook is signed, and whether a retry gets a new timestamp, is not documented; so a missing
//! signature is no reason to refuse, and none is too old.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::channel::{DeliveryHead, SigningKeys, Verdict};

/// Room for what 44 base64 characters may hold; a signature is 32 bytes.
const ROOM: usize = 33;
/// Signatures tried of one header: a sender that rotates its key sends two.
const MOST_SIGNATURES: usize = 8;

pub(super) fn authenticate(head: &DeliveryHead, body: &[u8], keys: &SigningKeys) -> Verdict {
    if !knows_the_secret(head, keys) {
        return Verdict::Forged;
    }
    let doubtful = if keys.require_signature { Verdict::Forged } else { Verdict::Doubtful };
    match (&head.signature, &keys.app_secret) {
        (Some(signature), Some(secret)) => {
            if is_signed(head, signature, body, secret) {
                Verdict::Authentic
            } else {
                doubtful
            }
        }
        // Nothing to check, or nothing to check it with.
        _ if keys.require_signature => Verdict::Forged,
        _ => Verdict::Authentic,
    }
}

/// Every secret is compared, whichever fits, so that time tells nothing.
fn knows_the_secret(head: &DeliveryHead, keys: &SigningKeys) -> bool {
    let Some(shown) = &head.secret else { return false };
    let shown = shown.as_bytes();
    let fits = |secret: &SecretString| {
        let secret = secret.expose_secret().as_bytes();
        // An empty secret is one that everybody knows.
        !secret.is_empty() && bool::from(secret.ct_eq(shown))
    };
    keys.secrets.iter().fold(false, |known, (secret, _)| fits(secret) | known)
}

fn is_signed(head: &DeliveryHead, signatures: &str, body: &[u8], secret: &SecretString) -> bool {
    let (Some(id), Some(at)) = (&head.delivery_id, &head.signed_at) else { return false };
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return false;
    }
    let Ok(mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    let mac = mac.chain_update(id).chain_update(".").chain_update(at).chain_update(".");
    let mac = mac.chain_update(body);
    let versions = signatures.split_ascii_whitespace().take(MOST_SIGNATURES);
    versions.filter_map(|version| version.strip_prefix("v1,")).any(|encoded| {
        let mut room = [0; ROOM];
        let Ok(length) = STANDARD.decode_slice(encoded, &mut room) else { return false };
        room.get(..length).is_some_and(|tag| mac.clone().verify_slice(tag).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::channel::Presented;

    const BODY: &str = r#"{"scope":"store/order/created","store_id":"1025646","data":{"type":"order","id":250},"hash":"dd70c0976e06b67aaf671e73f49dcb79230ebf9d","created_at":1561479335,"producer":"stores/abc123"}"#;
    const SIGNATURE: &str = "v1,hq0VCfdjiipJdqLje6iuzVIxRa2xm0CPRj5o/gIBDbI=";

    fn head(secret: Option<&str>, signature: Option<&str>) -> DeliveryHead {
        DeliveryHead {
            secret: secret.map(|secret| Presented::from(secret.to_owned())),
            delivery_id: Some("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W".to_owned()),
            signed_at: Some("1795441305".to_owned()),
            signature: signature.map(str::to_owned),
            ..DeliveryHead::default()
        }
    }

    fn keys(require_signature: bool) -> SigningKeys {
        SigningKeys {
            secrets: vec![("hook-secret".into(), None), ("old-secret".into(), None)],
            app_secret: Some("abcdef0123456789client_secret".into()),
            require_signature,
        }
    }

    fn verdict(secret: Option<&str>, signature: Option<&str>, required: bool) -> Verdict {
        authenticate(&head(secret, signature), BODY.as_bytes(), &keys(required))
    }

    #[rstest]
    #[case::right(Some("hook-secret"), None, Verdict::Authentic)]
    #[case::rotating(Some("old-secret"), None, Verdict::Authentic)]
    #[case::signed(Some("hook-secret"), Some(SIGNATURE), Verdict::Authentic)]
    #[case::one_of_two(
        Some("hook-secret"),
        Some("v1,AAAA v1,hq0VCfdjiipJdqLje6iuzVIxRa2xm0CPRj5o/gIBDbI="),
        Verdict::Authentic
    )]
    #[case::badly_signed(Some("hook-secret"), Some("v1,AAAA"), Verdict::Doubtful)]
    #[case::other_version(
        Some("hook-secret"),
        Some("v1a,hq0VCfdjiipJdqLje6iuzVIxRa2xm0CPRj5o/gIBDbI="),
        Verdict::Doubtful
    )]
    #[case::none(None, None, Verdict::Forged)]
    #[case::signed_alone(None, Some(SIGNATURE), Verdict::Forged)]
    #[case::wrong(Some("hook-secreT"), Some(SIGNATURE), Verdict::Forged)]
    #[case::longer(Some("hook-secret2"), None, Verdict::Forged)]
    #[case::empty(Some(""), None, Verdict::Forged)]
    fn r8_r9_the_secret_is_always_needed_and_a_signature_is_checked_where_there_is_one(
        #[case] secret: Option<&str>,
        #[case] signature: Option<&str>,
        #[case] expected: Verdict,
    ) {
        assert_eq!(verdict(secret, signature, false), expected);
    }

    #[rstest]
    #[case(Some(SIGNATURE), Verdict::Authentic)]
    #[case(Some("v1,AAAA"), Verdict::Forged)]
    #[case(None, Verdict::Forged)]
    fn r9_a_required_signature_has_to_be_there_and_right(
        #[case] signature: Option<&str>,
        #[case] expected: Verdict,
    ) {
        assert_eq!(verdict(Some("hook-secret"), signature, true), expected);
    }

    #[test]
    fn r8_a_changed_body_is_found() {
        let head = head(Some("hook-secret"), Some(SIGNATURE));
        let changed = BODY.replace("250", "251");
        assert_eq!(authenticate(&head, changed.as_bytes(), &keys(false)), Verdict::Doubtful);
    }

    #[test]
    fn r8_without_a_client_secret_there_is_nothing_to_check_with() {
        let keys = SigningKeys { app_secret: None, ..keys(false) };
        let head = head(Some("hook-secret"), Some("v1,AAAA"));
        assert_eq!(authenticate(&head, BODY.as_bytes(), &keys), Verdict::Authentic);
    }

    #[test]
    fn r8_an_empty_secret_opens_nothing() {
        let keys = SigningKeys { secrets: vec![("".into(), None)], ..SigningKeys::default() };
        assert_eq!(authenticate(&head(Some(""), None), b"{}", &keys), Verdict::Forged);
    }
}
