//! What a merchant gives us to enter a cart. Lives sealed in the ledger and in memory only while
//! needed; nothing here can be printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::domain::Timestamp;

/// Credentials of one store. Serialising them is for the vault alone.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Credentials {
    /// The app's client id.
    pub client_id: Option<String>,
    /// The app's client secret: asks for tokens, and signs webhooks unless others are named.
    #[serde(serialize_with = "expose")]
    pub client_secret: Option<SecretString>,
    /// A permanent token, for apps that have one.
    #[serde(serialize_with = "expose")]
    pub access_token: Option<SecretString>,
    /// The token that was last asked for.
    pub token: Option<Token>,
    /// What webhooks are signed with, newest first; at most two while rotating (R8).
    pub webhook_secrets: Vec<WebhookSecret>,
}

/// A token that expires.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token {
    /// The token.
    #[serde(serialize_with = "expose_one")]
    pub secret: SecretString,
    /// When the cart stops accepting it.
    pub expires_at: Timestamp,
    /// The scopes it was granted, if the cart said so with the token.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// One secret that webhooks may be signed with.
#[derive(Clone, Serialize, Deserialize)]
pub struct WebhookSecret {
    /// The secret.
    #[serde(serialize_with = "expose_one")]
    pub secret: SecretString,
    /// Until when it is accepted; `None`: until it is replaced.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// The secrets of a store, ready to verify with.
#[derive(Clone, Default)]
pub struct SigningKeys {
    /// Secrets with their end, in the order they are tried.
    pub secrets: Vec<(SecretString, Option<Timestamp>)>,
    /// The app's client secret, where deliveries may be signed with it besides.
    pub app_secret: Option<SecretString>,
    /// That signature has to be there (`require_signature`).
    pub require_signature: bool,
}

/// A secret as a delivery shows it; not to be printed either, since it may be the right one.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented(String);

impl From<String> for Presented {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl Presented {
    /// What was shown.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Credentials {
    /// What webhooks are signed with: the named secrets, else the client secret.
    pub fn signing_keys(&self) -> SigningKeys {
        let named = self.webhook_secrets.iter().map(|s| (s.secret.clone(), s.until));
        let mut secrets: Vec<_> = named.collect();
        if secrets.is_empty() {
            secrets.extend(self.client_secret.clone().map(|secret| (secret, None)));
        }
        let app_secret = self.client_secret.clone();
        SigningKeys { secrets, app_secret, require_signature: false }
    }

    /// The token to show now: the permanent one, else the renewed one while it lasts.
    pub fn usable_token(&self, now: Timestamp) -> Option<SecretString> {
        let renewed = self.token.as_ref().filter(|token| now < token.expires_at);
        self.access_token.clone().or_else(|| renewed.map(|token| token.secret.clone()))
    }

    /// Whether a token can be asked for.
    pub fn can_renew(&self) -> bool {
        self.access_token.is_none() && self.client_id.is_some() && self.client_secret.is_some()
    }
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
fn expose<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(serializer)
}

fn expose_one<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    secret.expose_secret().serialize(serializer)
}

macro_rules! silent {
    ($($name:ident),*) => {$(
        /// Prints nothing of what it holds (I12).
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

silent!(Credentials, Token, WebhookSecret, SigningKeys, Presented);
