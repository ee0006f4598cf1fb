//! A cart in memory. Its webhooks are sightings as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;

use crate::channel::{
    Access, Channel, ChannelError, Credentials, Decoded, DeliveryHead, ListFrom, ListPage, Listed,
    OrderRef, ScopeGap, SigningKeys, Subscription, Token, Verdict,
};
use crate::domain::{CartOrderId, ChannelKind, Sighting, Timestamp};

const TOPICS: [&str; 2] = ["orders/create", "orders/updated"];

#[derive(Default)]
pub(super) struct Cart {
    /// What a fetch finds.
    pub(super) orders: Mutex<BTreeMap<CartOrderId, Sighting>>,
    /// Credentials are refused.
    pub(super) refuses: AtomicBool,
    /// Calls hang up.
    pub(super) is_out: AtomicBool,
    /// The essential scope was not granted.
    pub(super) lacks_scope: AtomicBool,
    /// Subscriptions by id: topic and address.
    pub(super) subscribed: Mutex<BTreeSet<(String, String, String)>>,
    next: AtomicU64,
}

impl Cart {
    fn answer(&self) -> Result<(), ChannelError> {
        if self.is_out.load(SeqCst) {
            return Err(ChannelError::Unavailable("out".to_owned()));
        }
        if self.refuses.load(SeqCst) {
            return Err(ChannelError::Unauthorized("unknown client".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Channel for Cart {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Shopify
    }

    fn default_base(&self, domain: &str) -> String {
        format!("https://{domain}")
    }

    fn normalize_domain(&self, domain: &str) -> Result<String, String> {
        let domain = domain.trim().to_lowercase();
        if domain.contains('.') { Ok(domain) } else { Err("That is no domain.".to_owned()) }
    }

    fn read_head(&self, _: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead {
        DeliveryHead::default()
    }

    fn authenticate(&self, _: &DeliveryHead, _: &[u8], _: &SigningKeys) -> Verdict {
        Verdict::Authentic
    }

    fn decode(&self, topic: &str, body: &[u8]) -> Decoded {
        if !TOPICS.contains(&topic) {
            return Decoded::UnknownTopic;
        }
        serde_json::from_slice(body)
            .map_or(Decoded::Unreadable, |order| Decoded::Order(Box::new(order)))
    }

    fn known_topics(&self) -> &'static [&'static str] {
        &TOPICS
    }

    async fn new_token(
        &self,
        _: &str,
        _: &str,
        _: &Credentials,
        _: Timestamp,
    ) -> Result<Token, ChannelError> {
        self.answer()?;
        let expires_at = Timestamp(i64::MAX).minus(Duration::from_hours(1));
        Ok(Token { secret: "cart-token".into(), expires_at, scopes: Vec::new() })
    }

    async fn granted_scopes(&self, _: &Access) -> Result<Vec<String>, ChannelError> {
        self.answer()?;
        let lacks = self.lacks_scope.load(SeqCst);
        Ok(if lacks { Vec::new() } else { vec!["read_orders".to_owned()] })
    }

    fn scope_gaps(&self, granted: &[String]) -> Vec<ScopeGap> {
        let sentence = "Without it no order is seen; grant it in the app.";
        let gap = ScopeGap { scope: "read_orders", sentence, essential: true };
        if granted.is_empty() { vec![gap] } else { Vec::new() }
    }

    async fn fetch_order(
        &self,
        _: &Access,
        which: &OrderRef,
    ) -> Result<Option<Sighting>, ChannelError> {
        self.answer()?;
        let orders = self.orders.lock().unwrap();
        Ok(match which {
            OrderRef::Id(id) => orders.get(id).cloned(),
            OrderRef::Name(name) => orders.values().find(|order| order.name == *name).cloned(),
        })
    }

    async fn list_orders(&self, _: &Access, _: &ListFrom) -> Result<ListPage, ChannelError> {
        self.answer()?;
        let orders = self.orders.lock().unwrap();
        let listed = orders.values().cloned().map(|order| Listed::Order(Box::new(order)));
        Ok(ListPage { orders: listed.collect(), next: None })
    }

    fn blind_spots(&self, _: &[String]) -> Vec<&'static str> {
        vec!["deletions"]
    }

    fn absence_is_proof(&self, _: &[String], _: Option<Timestamp>, _: Timestamp) -> bool {
        true
    }

    fn wanted_topics(&self) -> &'static [&'static str] {
        &TOPICS
    }

    async fn subscriptions(&self, _: &Access) -> Result<Vec<Subscription>, ChannelError> {
        self.answer()?;
        let subscribed = self.subscribed.lock().unwrap().clone();
        let listed = |(id, topic, url)| Subscription { id, topic, url, works: true };
        Ok(subscribed.into_iter().map(listed).collect())
    }

    async fn subscribe(&self, _: &Access, topic: &str, url: &str) -> Result<(), ChannelError> {
        self.answer()?;
        let id = self.next.fetch_add(1, SeqCst).to_string();
        self.subscribed.lock().unwrap().insert((id, topic.to_owned(), url.to_owned()));
        Ok(())
    }

    async fn mend(&self, _: &Access, _: &Subscription) -> Result<(), ChannelError> {
        Ok(())
    }

    async fn unsubscribe(&self, _: &Access, id: &str) -> Result<(), ChannelError> {
        self.answer()?;
        self.subscribed.lock().unwrap().retain(|known| known.0 != id);
        Ok(())
    }
}
