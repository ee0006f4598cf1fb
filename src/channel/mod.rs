//! The port to carts, and each cart's protocol.
//!
//! Nothing of a cart's shape leaks past this room: what comes out is a [`Sighting`], an order id, or
//! an error that says what the caller can do. A channel holds no state of a store; what it needs
//! for a call is handed to it.

pub mod bigcommerce;
pub mod credentials;
pub mod error;
pub mod http;
pub mod list;
pub mod shopify;
#[cfg(test)]
mod testing;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

pub use credentials::{Credentials, Presented, SigningKeys, Token, WebhookSecret};
pub use error::ChannelError;
pub use http::{CartHttp, ClientError, Outbound};
pub use list::{ListFrom, ListPage, Listed, Listing};

use crate::domain::{CartOrderId, ChannelKind, Sighting, Timestamp};

/// What a delivery says about itself. What stands outside its body is not signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryHead {
    /// The cart's topic, such as `orders/create`; empty if the header is missing.
    pub topic: String,
    /// The cart's name of itself, lower case (Shopify: shop domain).
    pub domain: Option<String>,
    /// The cart's id of this delivery: what it is deduplicated by (R10).
    pub delivery_id: Option<String>,
    /// When the cart says it was triggered.
    pub triggered_at: Option<Timestamp>,
    /// The signature, as it came.
    pub signature: Option<String>,
    /// When it was signed, in the sender's spelling, where that is signed too.
    pub signed_at: Option<String>,
    /// The secret that the sender shows, where carts send one back (BigCommerce).
    pub secret: Option<Presented>,
    /// The API version that shaped the body.
    pub api_version: Option<String>,
}

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A full order, to be decided directly.
    Order(Box<Sighting>),
    /// Only that something about an order changed: it has to be fetched.
    Thin {
        /// Which order.
        cart_order_id: CartOrderId,
        /// The cart says it was deleted; a fetch has to confirm it (R55).
        deleted: bool,
        /// When it changed, if the signed body says so: a read that shows an older state has met a
        /// cart that lags behind itself.
        changed_at: Option<Timestamp>,
    },
    /// The app's own life (uninstalled, scopes changed): the credentials have to be checked (R55).
    CheckAccess,
    /// Asks for something that only a person may confirm (redaction, R55).
    NeedsConfirmation,
    /// A known topic that nothing here needs (R9).
    NotUsed,
    /// No topic that we know (R9).
    UnknownTopic,
    /// Authentic bytes that are not JSON (R9).
    Unreadable,
    /// JSON whose shape does not fit its topic (R9).
    WrongShape,
}

/// How an order is named to a cart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderRef {
    /// By the cart's id.
    Id(CartOrderId),
    /// By the name or number the cart shows, such as `#1001` (R7); compared exactly.
    Name(String),
}

/// Where a store's cart is and how to enter it.
#[derive(Debug, Clone)]
pub struct Access {
    /// The cart's own name of itself (Shopify: shop domain).
    pub domain: String,
    /// Scheme, host and port of its API.
    pub base: String,
    /// The token to show.
    pub token: secrecy::SecretString,
    /// What deliveries have to carry, for carts that send it back with each (BigCommerce).
    pub hook_secret: Option<secrecy::SecretString>,
    /// Where the channel notes what the cart says of its budget.
    pub meter: Meter,
}

/// What a cart said with its last answer about how much may still be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests in a whole window.
    pub quota: u32,
    /// Requests left in this one.
    pub left: u32,
    /// Until a new window begins.
    pub resets_in: Duration,
}

/// Keeps what carts say beside their answers during a call. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Told>>);

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    budget: Option<Budget>,
    clock: Option<Timestamp>,
}

impl Meter {
    /// The cart said so of its budget.
    pub fn note(&self, budget: Budget) {
        self.told(|told| told.budget = Some(budget));
    }

    /// What was said last of the budget; `None`: nothing.
    pub fn read(&self) -> Option<Budget> {
        self.told(|told| told.budget)
    }

    /// The cart's own clock said so.
    pub fn note_clock(&self, at: Timestamp) {
        self.told(|told| told.clock = Some(at));
    }

    /// What the cart's clock said with the last answer, in whole seconds; `None`: nothing.
    pub fn clock(&self) -> Option<Timestamp> {
        self.told(|told| told.clock)
    }

    fn told<T>(&self, work: impl FnOnce(&mut Told) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who a delivery is from (R8, R9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// From the cart.
    Authentic,
    /// From the cart as far as what is required goes, but a further proof that it carries does not
    /// hold: kept as a hint to look, and people are told.
    Doubtful,
    /// Not proven: refused, nothing is stored.
    Forged,
}

/// A scope that the credentials lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeGap {
    /// The cart's name of it.
    pub scope: &'static str,
    /// What does not work without it and where to grant it, one sentence.
    pub sentence: &'static str,
    /// Nothing useful works without it.
    pub essential: bool,
}

/// A webhook subscription as the cart lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The cart's id of it.
    pub id: String,
    /// The topic in the delivery's spelling, such as `orders/create`.
    pub topic: String,
    /// Where it points.
    pub url: String,
    /// It delivers as it should. `false`: switched off, or carrying an old secret; see
    /// [`Channel::mend`].
    pub works: bool,
}

/// One kind of cart.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// Which kind.
    fn kind(&self) -> ChannelKind;

    /// Scheme and host of a store's API when no `api_url` replaces it.
    fn default_base(&self, domain: &str) -> String;

    /// Brings a domain into the one spelling it is stored and compared in, or says in a sentence
    /// why it cannot be one.
    fn normalize_domain(&self, domain: &str) -> Result<String, String>;

    /// Whether deliveries carry a secret of ours, given to the cart with each subscription.
    fn needs_hook_secret(&self) -> bool {
        false
    }

    // === Receiving ===

    /// Reads a delivery's headers; `header` looks one up by lower-case name.
    fn read_head(&self, header: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead;

    /// Adds what only the body of an authentic delivery says: its topic, which store it is of, when
    /// it was triggered.
    fn complete_head(&self, head: DeliveryHead, _body: &[u8]) -> DeliveryHead {
        head
    }

    /// Whether the raw body comes from the cart that holds one of the keys, compared in constant
    /// time (R8).
    fn authenticate(&self, head: &DeliveryHead, body: &[u8], keys: &SigningKeys) -> Verdict;

    /// Reads a body by its topic. Total: every input has an answer, none panics (I3).
    fn decode(&self, topic: &str, body: &[u8]) -> Decoded;

    /// Whether deliveries carry the order as it was, so that one of them proves one version told.
    /// Otherwise each only says that the order changed at some time before (R41).
    fn tells_versions(&self) -> bool {
        true
    }

    /// Every topic whose deliveries this channel knows, for looking up a delivery id (R48).
    fn known_topics(&self) -> &'static [&'static str];

    // === Calling ===

    /// Asks for a token that expires, its life counted from `now`. `Unauthorized` if the cart
    /// refuses the credentials.
    async fn new_token(
        &self,
        domain: &str,
        base: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Token, ChannelError>;

    /// Scopes granted to the token.
    async fn granted_scopes(&self, access: &Access) -> Result<Vec<String>, ChannelError>;

    /// What `granted` lacks, most essential first.
    fn scope_gaps(&self, granted: &[String]) -> Vec<ScopeGap>;

    /// The order as the cart has it now, with all its lines. `None`: the cart has no such order, or
    /// does not show it to these credentials.
    async fn fetch_order(
        &self,
        access: &Access,
        which: &OrderRef,
    ) -> Result<Option<Sighting>, ChannelError>;

    /// How many calls may be in flight at once for one store.
    fn calls_at_once(&self) -> usize {
        1
    }

    /// Which of `due` are better read by one list call than one by one; empty: none. Every order
    /// that exists of those given back is in the answer of [`Channel::fetch_many`].
    fn together(&self, _due: &[CartOrderId]) -> Vec<CartOrderId> {
        Vec::new()
    }

    /// The orders that [`Channel::together`] chose, in the same shape as one that is read by itself.
    /// Those that are missing have to be read by themselves: lists lag behind.
    async fn fetch_many(
        &self,
        access: &Access,
        ids: &[CartOrderId],
    ) -> Result<Vec<Sighting>, ChannelError> {
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.fetch_order(access, &OrderRef::Id(id.clone())).await?);
        }
        Ok(found)
    }

    /// One page of a list of orders (R40). Orders whose lines do not fit into the list are read by
    /// themselves on the way.
    async fn list_orders(&self, access: &Access, from: &ListFrom)
    -> Result<ListPage, ChannelError>;

    /// What lists of these credentials never show, a sentence each (R42).
    fn blind_spots(&self, granted: &[String]) -> Vec<&'static str>;

    /// Whether "no such order" from these credentials proves that the cart has none. Shopify hides
    /// orders older than 60 days from credentials without `read_all_orders`.
    fn absence_is_proof(
        &self,
        granted: &[String],
        placed_at: Option<Timestamp>,
        now: Timestamp,
    ) -> bool;

    /// Topics that a store of this kind must be subscribed to.
    fn wanted_topics(&self) -> &'static [&'static str];

    /// All subscriptions of these credentials, ours or not.
    async fn subscriptions(&self, access: &Access) -> Result<Vec<Subscription>, ChannelError>;

    /// Subscribes a topic. Already subscribed there counts as done.
    async fn subscribe(&self, access: &Access, topic: &str, url: &str) -> Result<(), ChannelError>;

    /// Brings a subscription that does not work into order: switched on, with the present secret.
    async fn mend(&self, access: &Access, subscription: &Subscription) -> Result<(), ChannelError>;

    /// Removes a subscription. Already gone counts as done.
    async fn unsubscribe(&self, access: &Access, id: &str) -> Result<(), ChannelError>;

    /// What keeps the cart from delivering to `url` although its subscriptions are in order, in a
    /// sentence.
    async fn delivery_trouble(
        &self,
        _access: &Access,
        _url: &str,
    ) -> Result<Option<String>, ChannelError> {
        Ok(None)
    }
}

/// The channels of this build. Clones share them.
#[derive(Clone, Default)]
pub struct Channels(Vec<Arc<dyn Channel>>);

impl Channels {
    /// With one more: the real one, or one that injects faults in tests.
    #[must_use]
    pub fn with(mut self, channel: Arc<dyn Channel>) -> Self {
        self.0.push(channel);
        self
    }

    /// The channel of that kind, if this build speaks to it.
    pub fn get(&self, kind: ChannelKind) -> Option<&Arc<dyn Channel>> {
        self.0.iter().find(|channel| channel.kind() == kind)
    }
}
