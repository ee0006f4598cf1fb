//! A cart that signs its deliveries as Shopify does and cannot be called.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;

use crate::channel::{
    Access, Channel, ChannelError, Credentials, Decoded, DeliveryHead, ListFrom, ListPage,
    OrderRef, ScopeGap, SigningKeys, Subscription, Token, Verdict,
};
use crate::domain::{ChannelKind, Sighting, Timestamp};

/// The signature header of a body.
pub(in crate::web) fn sign(secret: &str, body: &[u8]) -> String {
    STANDARD.encode(mac(secret, body).finalize().into_bytes())
}

fn mac(secret: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac
}

pub(in crate::web) struct TestCart;

#[async_trait]
impl Channel for TestCart {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Shopify
    }

    fn default_base(&self, domain: &str) -> String {
        format!("https://{domain}")
    }

    fn normalize_domain(&self, domain: &str) -> Result<String, String> {
        Ok(domain.to_owned())
    }

    fn read_head(&self, header: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead {
        DeliveryHead {
            topic: header("x-shopify-topic").unwrap_or_default(),
            domain: header("x-shopify-shop-domain").map(|domain| domain.to_lowercase()),
            delivery_id: header("x-shopify-webhook-id"),
            triggered_at: header("x-shopify-triggered-at").and_then(|at| Timestamp::parse(&at)),
            signature: header("x-shopify-hmac-sha256"),
            api_version: header("x-shopify-api-version"),
            ..DeliveryHead::default()
        }
    }

    fn authenticate(&self, head: &DeliveryHead, body: &[u8], keys: &SigningKeys) -> Verdict {
        let decode = |text: &String| STANDARD.decode(text).ok();
        let Some(signature) = head.signature.as_ref().and_then(decode) else {
            return Verdict::Forged;
        };
        let fits = |secret: &str| mac(secret, body).verify_slice(&signature).is_ok();
        let fits = keys.secrets.iter().any(|(secret, _)| fits(secret.expose_secret()));
        if fits { Verdict::Authentic } else { Verdict::Forged }
    }

    fn decode(&self, _: &str, _: &[u8]) -> Decoded {
        unreachable!("the front does not decode")
    }

    fn known_topics(&self) -> &'static [&'static str] {
        &["orders/create", "orders/updated"]
    }

    async fn new_token(
        &self,
        _: &str,
        _: &str,
        _: &Credentials,
        _: Timestamp,
    ) -> Result<Token, ChannelError> {
        out_of_reach()
    }

    async fn granted_scopes(&self, _: &Access) -> Result<Vec<String>, ChannelError> {
        out_of_reach()
    }

    fn scope_gaps(&self, _: &[String]) -> Vec<ScopeGap> {
        Vec::new()
    }

    async fn fetch_order(
        &self,
        _: &Access,
        _: &OrderRef,
    ) -> Result<Option<Sighting>, ChannelError> {
        out_of_reach()
    }

    async fn list_orders(&self, _: &Access, _: &ListFrom) -> Result<ListPage, ChannelError> {
        out_of_reach()
    }

    fn blind_spots(&self, _: &[String]) -> Vec<&'static str> {
        Vec::new()
    }

    fn absence_is_proof(&self, _: &[String], _: Option<Timestamp>, _: Timestamp) -> bool {
        false
    }

    fn wanted_topics(&self) -> &'static [&'static str] {
        &[]
    }

    async fn subscriptions(&self, _: &Access) -> Result<Vec<Subscription>, ChannelError> {
        out_of_reach()
    }

    async fn subscribe(&self, _: &Access, _: &str, _: &str) -> Result<(), ChannelError> {
        out_of_reach()
    }

    async fn mend(&self, _: &Access, _: &Subscription) -> Result<(), ChannelError> {
        out_of_reach()
    }

    async fn unsubscribe(&self, _: &Access, _: &str) -> Result<(), ChannelError> {
        out_of_reach()
    }
}

fn out_of_reach<T>() -> Result<T, ChannelError> {
    Err(ChannelError::Unavailable("not in this test".to_owned()))
}
