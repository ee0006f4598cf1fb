//! Credentials as people give them, and what they do to those that are kept. Write-only.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use utoipa::ToSchema;

use crate::channel::{Channel, Credentials, WebhookSecret};
use crate::domain::Timestamp;
use crate::web::api::input::Fields;
use crate::web::problem::{FieldError, Kind, Problem};

/// How many secrets may sign webhooks at the same time (R8).
const MOST_SECRETS: usize = 2;

/// What a cart is entered with.
#[derive(Debug, Clone, Default, ToSchema)]
#[schema(as = Credentials)]
pub(in crate::web::api) struct CredentialsRequest {
    /// The app's client id.
    client_id: Option<String>,
    /// The app's client secret: asks for tokens, and signs webhooks unless others are named.
    #[schema(value_type = Option<String>)]
    client_secret: Option<SecretString>,
    /// A permanent token, for apps that have one.
    #[schema(value_type = Option<String>)]
    access_token: Option<SecretString>,
    /// What webhooks are signed with, newest first; at most two.
    #[schema(value_type = Option<Vec<String>>)]
    webhook_secrets: Option<Vec<SecretString>>,
    /// When secrets are replaced: how much longer the old one is accepted, such as `1h`.
    #[schema(value_type = Option<String>)]
    keep_old: Option<Duration>,
}

impl CredentialsRequest {
    /// Reads them from a body's `credentials`.
    pub(super) fn read(fields: &mut Fields) -> Self {
        let secrets = fields.texts("webhook_secrets");
        let secrets = secrets.and_then(|secrets| {
            if (1..=MOST_SECRETS).contains(&secrets.len()) && secrets.iter().all(|s| !s.is_empty())
            {
                return Some(secrets.into_iter().map(SecretString::from).collect());
            }
            fields.mistake("webhook_secrets", "must be one or two secrets, none of them empty")
        });
        let keep_old = fields.text("keep_old").and_then(|text| {
            let span = crate::config::parse_span(&text);
            span.or_else(|| fields.mistake("keep_old", "must be a span such as 1h or 30m"))
        });
        Self {
            client_id: text(fields, "client_id"),
            client_secret: text(fields, "client_secret").map(SecretString::from),
            access_token: text(fields, "access_token").map(SecretString::from),
            webhook_secrets: secrets,
            keep_old,
        }
    }

    /// Whether they change how the cart is called, so that the connection has to be checked.
    pub(super) fn reconnects(&self) -> bool {
        self.client_id.is_some() || self.client_secret.is_some() || self.access_token.is_some()
    }

    /// Whether they replace what webhooks are verified with.
    pub(super) fn rotates(&self) -> bool {
        self.webhook_secrets.is_some()
    }

    /// Puts them over those that are kept. What is not given stays.
    pub(super) fn merge_into(self, kept: &mut Credentials, now: Timestamp) -> Result<(), Problem> {
        let (reconnects, until) = (self.reconnects(), self.keep_old.map(|span| now.plus(span)));
        let signed_with = kept.signing_keys().secrets.into_iter().next().map(|(secret, _)| secret);
        let follows = follows_client_secret(kept);
        if reconnects {
            // New credentials outrank a token that was got with the old ones.
            kept.token = None;
            let renewable = self.client_id.is_some() && self.client_secret.is_some();
            if self.access_token.is_some() || renewable {
                kept.access_token = self.access_token;
            }
        }
        kept.client_id = self.client_id.or(kept.client_id.take());
        let new_client_secret = self.client_secret.clone();
        kept.client_secret = self.client_secret.or(kept.client_secret.take());
        let signs = match (self.webhook_secrets, new_client_secret) {
            (Some(named), _) => named,
            (None, Some(secret)) if follows && until.is_some() => vec![secret],
            (None, Some(_)) if follows => {
                kept.webhook_secrets.clear();
                return Ok(());
            }
            _ if until.is_some() => return Err(nothing_to_rotate()),
            _ => return Ok(()),
        };
        let secret = |secret| WebhookSecret { secret, until: None };
        kept.webhook_secrets = signs.into_iter().map(secret).collect();
        if let (Some(until), Some(old)) = (until, signed_with) {
            let known = |new: &WebhookSecret| new.secret.expose_secret() == old.expose_secret();
            if !kept.webhook_secrets.iter().any(known) {
                kept.webhook_secrets.push(WebhookSecret { secret: old, until: Some(until) });
            }
        }
        if kept.webhook_secrets.len() > MOST_SECRETS {
            let sentence = "Two new secrets and the old one are three; at most two can be valid.";
            return Err(Problem::invalid("/credentials/keep_old", sentence));
        }
        Ok(())
    }
}

/// Whether webhooks are signed with the client secret, so that a new one changes that too.
fn follows_client_secret(kept: &Credentials) -> bool {
    match (kept.webhook_secrets.first(), &kept.client_secret) {
        (None, _) => true,
        (Some(named), Some(client)) => named.secret.expose_secret() == client.expose_secret(),
        (Some(_), None) => false,
    }
}

/// Makes the secret that deliveries have to carry, for carts that send one back. It is shown to
/// nobody but the cart.
pub(super) fn provide_hook_secret(credentials: &mut Credentials, channel: &dyn Channel) {
    if channel.needs_hook_secret() && credentials.webhook_secrets.is_empty() {
        let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into();
        credentials.webhook_secrets.push(WebhookSecret { secret, until: None });
    }
}

fn nothing_to_rotate() -> Problem {
    let sentence = "keep_old is for replacing the webhook secret; name the new one.";
    Problem::invalid("/credentials/keep_old", sentence)
}

/// What is missing for working with a cart at all; `calls` also for calling it.
pub(super) fn complete(
    credentials: &Credentials,
    channel: &dyn Channel,
    calls: bool,
) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut missing = |name: &str, detail: &str| {
        let pointer = format!("/credentials/{name}");
        errors.push(FieldError { pointer, detail: detail.to_owned() });
    };
    if credentials.signing_keys().secrets.is_empty() {
        missing(
            "client_secret",
            "Webhooks are verified with the client secret or with webhook_secrets; give one.",
        );
    }
    if channel.needs_hook_secret() {
        if calls && credentials.access_token.is_none() {
            missing(
                "access_token",
                "The cart is called with the access token of its API account; give it, or send \
                 \"connect\": false.",
            );
        }
    } else if calls && credentials.access_token.is_none() && !credentials.can_renew() {
        missing(
            "client_id",
            "The cart is called with client_id and client_secret, or with an access_token; give \
             one of the two, or send \"connect\": false.",
        );
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(Kind::Invalid, errors)) }
}

fn text(fields: &mut Fields, name: &str) -> Option<String> {
    let text = fields.text(name)?;
    if text.trim().is_empty() { fields.mistake(name, "must not be empty") } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::bigcommerce::BigCommerce;
    use crate::channel::{CartHttp, Outbound};
    use crate::web::testing::TestCart;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    fn given(json: &str) -> CredentialsRequest {
        let mut fields = Fields::read(json.as_bytes()).unwrap();
        let given = CredentialsRequest::read(&mut fields);
        fields.finish().unwrap();
        given
    }

    fn merged(kept: &Credentials, json: &str) -> Credentials {
        let mut kept = kept.clone();
        given(json).merge_into(&mut kept, NOW).unwrap();
        kept
    }

    fn keys(credentials: &Credentials) -> Vec<(String, Option<Timestamp>)> {
        let keys = credentials.signing_keys().secrets;
        keys.iter().map(|(secret, until)| (secret.expose_secret().to_owned(), *until)).collect()
    }

    #[test]
    fn r8_a_rotation_keeps_the_old_secret_for_as_long_as_was_said() {
        let first = merged(&Credentials::default(), r#"{"client_id":"c","client_secret":"one"}"#);
        assert_eq!(keys(&first), [("one".to_owned(), None)]);
        let json = r#"{"webhook_secrets":["two"],"keep_old":"1h"}"#;
        let rotated = merged(&first, json);
        let old = ("one".to_owned(), Some(NOW.plus(HOUR)));
        assert_eq!(keys(&rotated), [("two".to_owned(), None), old.clone()]);
        let again = merged(&rotated, r#"{"webhook_secrets":["three"],"keep_old":"1h"}"#);
        let old = ("two".to_owned(), Some(NOW.plus(HOUR)));
        assert_eq!(keys(&again), [("three".to_owned(), None), old]);
        let at_once = merged(&again, r#"{"webhook_secrets":["four"]}"#);
        assert_eq!(keys(&at_once), [("four".to_owned(), None)]);
    }

    #[test]
    fn r8_a_new_client_secret_signs_unless_others_were_named() {
        let first = merged(&Credentials::default(), r#"{"client_id":"c","client_secret":"one"}"#);
        assert_eq!(keys(&merged(&first, r#"{"client_secret":"two"}"#)), [("two".to_owned(), None)]);
        let kept = merged(&first, r#"{"client_secret":"two","keep_old":"1h"}"#);
        let old = ("one".to_owned(), Some(NOW.plus(HOUR)));
        assert_eq!(keys(&kept), [("two".to_owned(), None), old]);
        assert_eq!(
            keys(&merged(&kept, r#"{"client_secret":"three"}"#)),
            [("three".to_owned(), None)]
        );
        let named = merged(&first, r#"{"webhook_secrets":["hook"]}"#);
        assert_eq!(
            keys(&merged(&named, r#"{"client_secret":"two"}"#)),
            [("hook".to_owned(), None)]
        );
    }

    #[test]
    fn three_secrets_and_a_rotation_of_nothing_are_refused() {
        let mut kept =
            merged(&Credentials::default(), r#"{"client_id":"c","client_secret":"one"}"#);
        for bad in [r#"{"webhook_secrets":["a","b"],"keep_old":"1h"}"#, r#"{"keep_old":"1h"}"#] {
            let problem = given(bad).merge_into(&mut kept.clone(), NOW).unwrap_err();
            assert_eq!(problem.errors().first().unwrap().pointer, "/credentials/keep_old");
        }
        given(r#"{"webhook_secrets":["a","b"]}"#).merge_into(&mut kept, NOW).unwrap();
        assert_eq!(keys(&kept).len(), 2);
    }

    #[test]
    fn r47_new_credentials_outrank_the_old_tokens() {
        let old = merged(&Credentials::default(), r#"{"access_token":"old","client_secret":"s"}"#);
        assert!(old.access_token.is_some());
        let renewing = merged(&old, r#"{"client_id":"c","client_secret":"t"}"#);
        assert!(renewing.access_token.is_none() && renewing.can_renew());
        let other = merged(&old, r#"{"webhook_secrets":["h"]}"#);
        assert!(other.access_token.is_some());
    }

    #[test]
    fn credentials_must_verify_and_call() {
        let none = complete(&Credentials::default(), &TestCart, true).unwrap_err();
        assert_eq!(none.errors().len(), 2);
        let hook = merged(&Credentials::default(), r#"{"webhook_secrets":["h"]}"#);
        assert!(complete(&hook, &TestCart, false).is_ok());
        assert!(complete(&hook, &TestCart, true).is_err());
    }

    #[test]
    fn r47_a_cart_that_sends_a_secret_back_is_given_one_and_needs_a_token() {
        let http =
            CartHttp::new(Outbound { allow_private: false, connect_timeout: HOUR, timeout: HOUR });
        let cart = BigCommerce::new(http.unwrap());
        let mut kept = merged(&Credentials::default(), r#"{"client_id":"i","client_secret":"c"}"#);
        provide_hook_secret(&mut kept, &cart);
        let secret = keys(&kept).remove(0).0;
        assert!(secret.len() >= 43 && secret != "c", "long, and not the client secret");
        provide_hook_secret(&mut kept, &cart);
        assert_eq!(keys(&kept).len(), 1, "made once");
        assert!(complete(&kept, &cart, false).is_ok());
        let missing = complete(&kept, &cart, true).unwrap_err();
        assert_eq!(missing.errors()[0].pointer, "/credentials/access_token");
        let kept = merged(&kept, r#"{"access_token":"t","client_secret":"c2"}"#);
        assert!(complete(&kept, &cart, true).is_ok());
        assert_eq!(keys(&kept)[0].0, secret, "a new client secret is another thing");

        let mut shopify = merged(&Credentials::default(), r#"{"client_secret":"c"}"#);
        provide_hook_secret(&mut shopify, &TestCart);
        assert!(shopify.webhook_secrets.is_empty());
    }
}
