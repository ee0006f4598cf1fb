//! Shopify: webhooks in the REST shape, calls to the Admin GraphQL API.
//!
//! | file | subject |
//! |---|---|
//! | `signature` | who signed a delivery (R8) |
//! | `delivery` | headers, topics, and what a body is (R9) |
//! | `webhook_order`, `graph_order` | an order in each of the two shapes |
//! | `canonical` | the one spelling of both (R12) |
//! | `graphql`, `operations` | calls, and the texts that are sent |
//! | `fetch` | one order as the cart has it now (R7) |
//! | `connect` | domain, tokens, scopes (R47) |
//! | `subscriptions` | webhook subscriptions (R43) |

mod canonical;
mod connect;
mod delivery;
mod fetch;
mod graph_order;
mod graphql;
mod id;
mod list;
mod operations;
mod signature;
mod subscriptions;
mod webhook_order;

use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use self::graphql::Graph;
use super::{
    Access, CartHttp, Channel, ChannelError, Credentials, Decoded, DeliveryHead, ListFrom,
    ListPage, OrderRef, ScopeGap, SigningKeys, Subscription, Token, Verdict,
};
use crate::domain::{ChannelKind, Sighting, Timestamp};

/// The channel to Shopify.
#[derive(Debug)]
pub struct Shopify {
    http: CartHttp,
    /// Another API version than ours has been reported.
    alarmed: AtomicBool,
}

impl Shopify {
    /// Speaks through that client.
    pub fn new(http: CartHttp) -> Self {
        Self { http, alarmed: AtomicBool::new(false) }
    }

    fn graph<'c>(&'c self, access: &'c Access) -> Graph<'c> {
        Graph { http: &self.http, access, alarmed: &self.alarmed }
    }
}

#[async_trait]
impl Channel for Shopify {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Shopify
    }

    fn default_base(&self, domain: &str) -> String {
        format!("https://{domain}")
    }

    fn normalize_domain(&self, domain: &str) -> Result<String, String> {
        connect::normalize_domain(domain)
    }

    fn read_head(&self, header: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead {
        delivery::read_head(header)
    }

    fn authenticate(&self, head: &DeliveryHead, body: &[u8], keys: &SigningKeys) -> Verdict {
        let signature = head.signature.as_deref();
        let signed = |signature| signature::is_authentic(signature, body, keys);
        if signature.is_some_and(signed) { Verdict::Authentic } else { Verdict::Forged }
    }

    fn decode(&self, topic: &str, body: &[u8]) -> Decoded {
        delivery::decode(topic, body)
    }

    fn known_topics(&self) -> &'static [&'static str] {
        delivery::KNOWN
    }

    async fn new_token(
        &self,
        _domain: &str,
        base: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Token, ChannelError> {
        connect::new_token(&self.http, base, credentials, now).await
    }

    async fn granted_scopes(&self, access: &Access) -> Result<Vec<String>, ChannelError> {
        connect::granted_scopes(&self.graph(access)).await
    }

    fn scope_gaps(&self, granted: &[String]) -> Vec<ScopeGap> {
        connect::scope_gaps(granted)
    }

    async fn fetch_order(
        &self,
        access: &Access,
        which: &OrderRef,
    ) -> Result<Option<Sighting>, ChannelError> {
        fetch::order(&self.graph(access), which).await
    }

    async fn list_orders(
        &self,
        access: &Access,
        from: &ListFrom,
    ) -> Result<ListPage, ChannelError> {
        list::page(&self.graph(access), from).await
    }

    fn blind_spots(&self, granted: &[String]) -> Vec<&'static str> {
        let old = granted.iter().all(|scope| scope != "read_all_orders");
        let old = old.then_some("orders older than 60 days, without the scope read_all_orders");
        std::iter::once("deletions").chain(old).collect()
    }

    fn absence_is_proof(
        &self,
        granted: &[String],
        placed_at: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        connect::absence_is_proof(granted, placed_at, now)
    }

    fn wanted_topics(&self) -> &'static [&'static str] {
        delivery::WANTED
    }

    async fn subscriptions(&self, access: &Access) -> Result<Vec<Subscription>, ChannelError> {
        subscriptions::list(&self.graph(access)).await
    }

    async fn subscribe(&self, access: &Access, topic: &str, url: &str) -> Result<(), ChannelError> {
        subscriptions::create(&self.graph(access), topic, url).await
    }

    /// Shopify's are either there and work, or are removed by it.
    async fn mend(&self, _: &Access, _: &Subscription) -> Result<(), ChannelError> {
        Ok(())
    }

    async fn unsubscribe(&self, access: &Access, id: &str) -> Result<(), ChannelError> {
        subscriptions::delete(&self.graph(access), id).await
    }
}

#[cfg(test)]
mod tests;
