//! BigCommerce: thin callbacks in, V2 orders and V3 hooks over REST.
//!
//! A callback says only that something about an order changed; the order is read from V2, with its
//! addresses and lines in the same answer.
//!
//! | file | subject |
//! |---|---|
//! | `callback` | scopes, and which order a body names under which of its odd keys (R9) |
//! | `signature` | the secret header, and the Standard Webhooks signature where there is one (R8) |
//! | `api` | calls: addresses, refusals in words, what is left of the quota (R46) |
//! | `order` | a V2 order in the one spelling of all carts (R12, R17) |
//! | `fetch` | one order or many as the cart has them now (R7) |
//! | `hooks` | webhook subscriptions (R43) |
//! | `connect` | store hashes and scopes (R47) |
//! | `lenient` | values that come as numbers, as text, or not at all |

mod api;
mod callback;
mod connect;
mod fetch;
mod hooks;
mod lenient;
mod list;
mod order;
mod signature;

use async_trait::async_trait;

use self::api::Api;
use super::{
    Access, CartHttp, Channel, ChannelError, Credentials, Decoded, DeliveryHead, ListFrom,
    ListPage, OrderRef, ScopeGap, SigningKeys, Subscription, Token, Verdict,
};
use crate::domain::{CartOrderId, ChannelKind, Sighting, Timestamp};

/// Calls in flight for one store. No number is published; others share the quota.
const CALLS_AT_ONCE: usize = 4;

/// The channel to BigCommerce.
#[derive(Debug)]
pub struct BigCommerce {
    http: CartHttp,
}

impl BigCommerce {
    /// Speaks through that client.
    pub fn new(http: CartHttp) -> Self {
        Self { http }
    }

    fn api<'c>(&'c self, access: &'c Access) -> Api<'c> {
        Api { http: &self.http, access }
    }
}

#[async_trait]
impl Channel for BigCommerce {
    fn kind(&self) -> ChannelKind {
        ChannelKind::BigCommerce
    }

    fn default_base(&self, _domain: &str) -> String {
        "https://api.bigcommerce.com".to_owned()
    }

    fn normalize_domain(&self, domain: &str) -> Result<String, String> {
        connect::normalize_hash(domain)
    }

    fn needs_hook_secret(&self) -> bool {
        true
    }

    fn read_head(&self, header: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead {
        callback::read_head(header)
    }

    fn complete_head(&self, head: DeliveryHead, body: &[u8]) -> DeliveryHead {
        callback::complete_head(head, body)
    }

    fn authenticate(&self, head: &DeliveryHead, body: &[u8], keys: &SigningKeys) -> Verdict {
        signature::authenticate(head, body, keys)
    }

    fn decode(&self, _topic: &str, body: &[u8]) -> Decoded {
        callback::decode(body)
    }

    fn tells_versions(&self) -> bool {
        false
    }

    fn known_topics(&self) -> &'static [&'static str] {
        callback::KNOWN
    }

    /// A store's token is made once in the control panel and never changes.
    async fn new_token(
        &self,
        _domain: &str,
        _base: &str,
        _credentials: &Credentials,
        _now: Timestamp,
    ) -> Result<Token, ChannelError> {
        Err(ChannelError::Unauthorized(
            "BigCommerce gives no tokens on request; give the access token of the API account"
                .to_owned(),
        ))
    }

    async fn granted_scopes(&self, access: &Access) -> Result<Vec<String>, ChannelError> {
        connect::granted_scopes(&self.api(access)).await
    }

    fn scope_gaps(&self, granted: &[String]) -> Vec<ScopeGap> {
        connect::scope_gaps(granted)
    }

    async fn fetch_order(
        &self,
        access: &Access,
        which: &OrderRef,
    ) -> Result<Option<Sighting>, ChannelError> {
        fetch::order(&self.api(access), which).await
    }

    fn calls_at_once(&self) -> usize {
        CALLS_AT_ONCE
    }

    fn together(&self, due: &[CartOrderId]) -> Vec<CartOrderId> {
        fetch::together(due)
    }

    async fn fetch_many(
        &self,
        access: &Access,
        ids: &[CartOrderId],
    ) -> Result<Vec<Sighting>, ChannelError> {
        fetch::many(&self.api(access), ids).await
    }

    /// An order is archived, never erased, and can be read for ever.
    async fn list_orders(
        &self,
        access: &Access,
        from: &ListFrom,
    ) -> Result<ListPage, ChannelError> {
        list::page(&self.api(access), from).await
    }

    fn blind_spots(&self, _granted: &[String]) -> Vec<&'static str> {
        vec!["deletions", "orders that were archived, and changes after that"]
    }

    fn absence_is_proof(&self, _: &[String], _: Option<Timestamp>, _: Timestamp) -> bool {
        true
    }

    fn wanted_topics(&self) -> &'static [&'static str] {
        callback::WANTED
    }

    async fn subscriptions(&self, access: &Access) -> Result<Vec<Subscription>, ChannelError> {
        hooks::list(&self.api(access)).await
    }

    async fn subscribe(&self, access: &Access, topic: &str, url: &str) -> Result<(), ChannelError> {
        hooks::create(&self.api(access), topic, url).await
    }

    async fn mend(&self, access: &Access, subscription: &Subscription) -> Result<(), ChannelError> {
        hooks::mend(&self.api(access), subscription).await
    }

    async fn unsubscribe(&self, access: &Access, id: &str) -> Result<(), ChannelError> {
        hooks::delete(&self.api(access), id).await
    }

    async fn delivery_trouble(
        &self,
        access: &Access,
        url: &str,
    ) -> Result<Option<String>, ChannelError> {
        hooks::trouble(&self.api(access), url).await
    }
}

#[cfg(test)]
mod tests;
