//! A shop: its orders, its app's subscriptions and tokens, and what it tells when something
//! happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::catalogue::{self, Wish};
use super::order::{Action, Done, Financial, Impossible, Order, Told};
use super::random::{Chance, secret};
use super::time::At;
use super::wire::webhook;

/// The newest stable version of the API.
pub(super) const STABLE: &str = "2026-10";
/// Versions that are answered as asked, oldest first; older ones fall forward to the first.
pub(super) const SUPPORTED: &[&str] = &["2026-01", "2026-04", "2026-07", STABLE];

/// What a shop is.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// What people call it.
    pub name: String,
    /// Its own name of itself.
    pub domain: String,
    /// Its currency.
    pub currency: String,
    /// Its time zone's name.
    pub timezone: String,
    /// Its offset to UTC, in which webhooks write times.
    pub offset_minutes: i32,
    /// The installed app.
    pub client_id: String,
    /// The app's secret when the shop opens; it may be rotated later.
    pub client_secret: String,
    /// What the app may do.
    pub scopes: Vec<String>,
    /// How long a token lives, in seconds.
    pub token_seconds: i64,
    /// The version that shapes webhooks.
    pub webhook_version: String,
    /// Refuse plain http and internal addresses for webhooks, as a real shop does. Off, so that
    /// everything can happen on one machine.
    pub strict_addresses: bool,
}

impl Default for Profile {
    fn default() -> Self {
        let scopes = ["read_orders", "read_all_orders", "read_products", "read_inventory"];
        Self {
            name: "Pine & Wick".to_owned(),
            domain: "pine-and-wick.myshopify.com".to_owned(),
            currency: "USD".to_owned(),
            timezone: "America/New_York".to_owned(),
            offset_minutes: -300,
            client_id: "5ac1d09c8be14b0f8f0e0bb1b53d8c11".to_owned(),
            client_secret: secret("shpss_"),
            scopes: scopes.map(str::to_owned).to_vec(),
            token_seconds: 86_399,
            webhook_version: STABLE.to_owned(),
            strict_addresses: false,
        }
    }
}

/// A subscription made through the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The shop's id of it.
    pub id: u64,
    /// The topic's GraphQL name.
    pub topic: String,
    /// Where deliveries go.
    pub uri: String,
    /// Kept, not evaluated.
    pub filter: Option<String>,
    /// Kept, not evaluated.
    pub include_fields: Vec<String>,
    /// Its own name.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: At,
    /// When it was changed.
    pub updated_at: At,
    /// Failures since the last success; the eighth ends it.
    pub failures: u32,
}

/// What a subscription is made or changed with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SubscriptionInput {
    pub(super) uri: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) include_fields: Option<Vec<String>>,
    pub(super) name: Option<String>,
}

/// What a shop tells: one topic, one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) topic: &'static str,
    pub(super) order: u64,
    pub(super) body: Vec<u8>,
}

/// Why something did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The shop has no such order.
    #[error("the simulated shop has no order {0}")]
    NoSuchOrder(String),
    /// Not with the order as it is.
    #[error(transparent)]
    Impossible(#[from] Impossible),
}

/// Everything a shop has to remember.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shop {
    seed: u64,
    placed: u64,
    ids: u64,
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) subscriptions: BTreeMap<u64, Subscription>,
    tokens: BTreeMap<String, At>,
    secret: String,
    /// After a rotation: deliveries are signed with this one until then.
    old_secret: Option<(String, At)>,
}

impl Shop {
    pub(super) fn new(seed: u64, profile: &Profile) -> Self {
        Self {
            seed,
            placed: 0,
            ids: 0,
            orders: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            tokens: BTreeMap::new(),
            secret: profile.client_secret.clone(),
            old_secret: None,
        }
    }

    /// The next id. Every fourth is beyond 2^53, where JSON readers that use floats lose digits.
    fn fresh_id(ids: &mut u64) -> u64 {
        *ids += 1;
        if ids.is_multiple_of(4) {
            820_982_911_946_154_508 + *ids * 7
        } else {
            5_812_345_000_000 + *ids * 101
        }
    }

    // === Orders ===

    /// A buyer places an order; gives it and what is told.
    pub(super) fn place(&mut self, wish: &Wish, profile: &Profile, now: At) -> (u64, Vec<Notice>) {
        self.placed += 1;
        let ids = &mut self.ids;
        let order =
            catalogue::order(self.seed, self.placed, now, wish, &mut || Self::fresh_id(ids));
        let body = webhook::bytes(&webhook::order(&order, profile));
        let mut topics = vec!["orders/create", "orders/updated"];
        if order.financial == Financial::Paid {
            topics.push("orders/paid");
        }
        let notice = |topic| Notice { topic, order: order.id, body: body.clone() };
        let notices =
            if wish.quiet { Vec::new() } else { topics.into_iter().map(notice).collect() };
        let id = order.id;
        self.orders.insert(id, order);
        (id, notices)
    }

    /// Something happens to an order; gives what is told of it.
    pub(super) fn act(
        &mut self,
        id: u64,
        action: &Action,
        profile: &Profile,
        now: At,
    ) -> Result<Vec<Notice>, Refusal> {
        let order = self.orders.get_mut(&id).ok_or(Refusal::NoSuchOrder(id.to_string()))?;
        let mut chance = Chance::new(self.seed, "change", order.number * 1000 + order.revision);
        let ids = &mut self.ids;
        let done = order.apply(action, now, &mut chance, &mut || Self::fresh_id(ids))?;
        Ok(tell(order, &done, profile))
    }

    /// The order that somebody means by its id, its name or its number.
    pub(super) fn find(&self, text: &str) -> Result<u64, Refusal> {
        let number = text.trim_start_matches('#').parse::<u64>();
        let found = number.ok().and_then(|number| {
            if self.orders.contains_key(&number) {
                return Some(number);
            }
            self.orders.values().find(|order| order.number == number).map(|order| order.id)
        });
        found.ok_or_else(|| Refusal::NoSuchOrder(text.to_owned()))
    }

    // === The app ===

    /// A token for the app's client id and secret, and how long it lives; or the error's code and
    /// sentence.
    pub(super) fn token(
        &mut self,
        client_id: &str,
        client_secret: &str,
        profile: &Profile,
        now: At,
    ) -> Result<(String, i64), (&'static str, &'static str)> {
        if client_id != profile.client_id {
            return Err(("application_cannot_be_found", "Application cannot be found."));
        }
        if client_secret != self.secret {
            return Err(("invalid_client", "Client authentication failed."));
        }
        let token = secret("shpat_");
        self.tokens.retain(|_, until| *until > now);
        self.tokens.insert(token.clone(), At(now.0 + (profile.token_seconds + 1) * 1_000_000));
        Ok((token, profile.token_seconds))
    }

    /// Whether a token is good now.
    pub(super) fn accepts(&self, token: &str, now: At) -> bool {
        self.tokens.get(token).is_some_and(|until| *until > now)
    }

    /// Forgets a token.
    pub(super) fn revoke(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// Forgets all tokens.
    pub(super) fn revoke_all(&mut self) {
        self.tokens.clear();
    }

    /// The secret that deliveries are signed with now.
    pub(super) fn signing_secret(&self, now: At) -> &str {
        match &self.old_secret {
            Some((old, until)) if *until > now => old,
            _ => &self.secret,
        }
    }

    /// The app's client secret.
    pub(super) fn client_secret(&self) -> &str {
        &self.secret
    }

    /// A new client secret; deliveries go on with the old one until then.
    pub(super) fn rotate(&mut self, fresh: String, old_until: At) {
        let old = std::mem::replace(&mut self.secret, fresh);
        self.old_secret = Some((old, old_until));
    }

    // === Subscriptions ===

    /// Subscribes; gives the id, or the field and the sentence of the error.
    pub(super) fn subscribe(
        &mut self,
        topic: &str,
        input: &SubscriptionInput,
        profile: &Profile,
        now: At,
    ) -> Result<u64, (&'static str, String)> {
        let uri = input.uri.clone().unwrap_or_default();
        self.check_subscription(None, topic, &uri, input.name.as_deref(), profile)?;
        self.ids += 1;
        let id = 1_300_000_000_000 + self.ids;
        let subscription = Subscription {
            id,
            topic: topic.to_owned(),
            uri,
            filter: input.filter.clone(),
            include_fields: input.include_fields.clone().unwrap_or_default(),
            name: input.name.clone(),
            created_at: now.seconds(),
            updated_at: now.seconds(),
            failures: 0,
        };
        self.subscriptions.insert(id, subscription);
        Ok(id)
    }

    /// Changes a subscription; what is not given stays.
    pub(super) fn resubscribe(
        &mut self,
        id: u64,
        input: &SubscriptionInput,
        profile: &Profile,
        now: At,
    ) -> Result<u64, (&'static str, String)> {
        let gone = || ("id", "Webhook subscription does not exist".to_owned());
        let known = self.subscriptions.get(&id).ok_or_else(gone)?;
        let (topic, uri) = (known.topic.clone(), input.uri.clone().unwrap_or(known.uri.clone()));
        self.check_subscription(Some(id), &topic, &uri, input.name.as_deref(), profile)?;
        let known = self.subscriptions.get_mut(&id).ok_or_else(gone)?;
        known.uri = uri;
        known.updated_at = now.seconds();
        if let Some(fields) = &input.include_fields {
            known.include_fields.clone_from(fields);
        }
        if input.filter.is_some() {
            known.filter.clone_from(&input.filter);
        }
        if input.name.is_some() {
            known.name.clone_from(&input.name);
        }
        Ok(id)
    }

    fn check_subscription(
        &self,
        own: Option<u64>,
        topic: &str,
        uri: &str,
        name: Option<&str>,
        profile: &Profile,
    ) -> Result<(), (&'static str, String)> {
        const URI: &str = "webhookSubscription.uri";
        let plain = uri.starts_with("http://");
        let host = uri.split("://").nth(1).unwrap_or_default();
        let host = host.split(['/', ':']).next().unwrap_or_default();
        if host.is_empty() {
            return Err((URI, "Address is invalid".to_owned()));
        }
        if profile.strict_addresses && plain {
            return Err((URI, "Address protocol http:// is not supported".to_owned()));
        }
        let internal = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
        if profile.strict_addresses && (internal || host == profile.domain) {
            return Err((URI, "Address cannot be a Shopify or an internal domain".to_owned()));
        }
        let mut others = self.subscriptions.values().filter(|other| Some(other.id) != own);
        if others.clone().any(|other| other.topic == topic && other.uri == uri) {
            return Err((URI, "Address for this topic has already been taken".to_owned()));
        }
        let Some(name) = name else { return Ok(()) };
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.len() > 50 || !name.chars().all(allowed) {
            return Err(("webhookSubscription.name", "Name is invalid".to_owned()));
        }
        if others.any(|other| other.name.as_deref() == Some(name)) {
            return Err(("webhookSubscription.name", "Name has already been taken".to_owned()));
        }
        Ok(())
    }
}

/// What is told of a change, newest state in every body.
fn tell(order: &Order, done: &Done, profile: &Profile) -> Vec<Notice> {
    let notice =
        |topic, body: &Value| Notice { topic, order: order.id, body: webhook::bytes(body) };
    let told = match done {
        Done::Nothing => return Vec::new(),
        Done::Deleted => return vec![notice("orders/delete", &webhook::deleted(order))],
        Done::Changed(told) => told,
    };
    let full = webhook::order(order, profile);
    let mut notices = Vec::new();
    for told in told {
        let (topic, thin) = match told {
            Told::Edited { additions, removals } => {
                ("orders/edited", Some(webhook::edited(order, profile, additions, removals)))
            }
            Told::Refunded => {
                let Some(refund) = order.refunds.last() else { continue };
                ("refunds/create", Some(webhook::refund(order, refund, profile)))
            }
            Told::Cancelled => ("orders/cancelled", None),
            Told::Paid => ("orders/paid", None),
            Told::Fulfilled => ("orders/fulfilled", None),
            Told::PartiallyFulfilled => ("orders/partially_fulfilled", None),
        };
        notices.push(notice(topic, thin.as_ref().unwrap_or(&full)));
    }
    notices.push(notice("orders/updated", &full));
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(notices: &[Notice]) -> Vec<&'static str> {
        notices.iter().map(|notice| notice.topic).collect()
    }

    #[test]
    fn each_action_is_told_as_the_real_cart_tells_it() {
        let profile = Profile::default();
        let mut shop = Shop::new(1, &profile);
        let now = At::now();
        let (id, told) = shop.place(&Wish::default(), &profile, now);
        assert_eq!(topics(&told), ["orders/create", "orders/updated", "orders/paid"]);
        let cancel = Action::Cancel { reason: "customer".to_owned() };
        for (action, told) in [
            (Action::Edit { note: None }, &["orders/edited", "orders/updated"][..]),
            (Action::Edit { note: Some("x".to_owned()) }, &["orders/updated"]),
            (Action::Archive, &["orders/updated"]),
            (Action::Archive, &[]),
            (Action::Unarchive, &["orders/updated"]),
            (cancel, &["orders/cancelled", "refunds/create", "orders/updated"]),
            (Action::Revive, &["orders/updated"]),
            (Action::Fulfil { partly: false }, &["orders/fulfilled", "orders/updated"]),
            (Action::Refund { all: true }, &["refunds/create", "orders/updated"]),
            (Action::Delete, &["orders/delete"]),
            (Action::Revive, &["orders/updated"]),
        ] {
            let notices = shop.act(id, &action, &profile, now).unwrap();
            assert_eq!(topics(&notices), told, "{action:?}");
        }
        assert_eq!(shop.find("#1001"), Ok(id));
        assert_eq!(shop.find(&id.to_string()), Ok(id));
        assert!(matches!(shop.find("#7"), Err(Refusal::NoSuchOrder(_))));
    }

    #[test]
    fn the_same_seed_gives_the_same_orders() {
        let profile = Profile::default();
        let draw = |seed| {
            let mut shop = Shop::new(seed, &profile);
            let now = At(1_800_000_000_000_000);
            (0..20).for_each(|_| drop(shop.place(&Wish::default(), &profile, now)));
            shop.orders.into_values().collect::<Vec<_>>()
        };
        let first = draw(7);
        assert_eq!(first, draw(7));
        assert_ne!(first, draw(8));
        assert!(first.iter().any(|order| order.id > 1 << 53), "ids that floats cannot hold");
        let lines = || first.iter().flat_map(|order| &order.lines);
        assert!(lines().any(|line| line.sku.is_none()));
    }

    #[test]
    fn secrets_rotate_and_the_old_one_signs_for_a_while() {
        let profile = Profile::default();
        let mut shop = Shop::new(1, &profile);
        shop.rotate("new".to_owned(), At(100));
        assert_eq!(shop.signing_secret(At(50)), profile.client_secret);
        assert_eq!(shop.signing_secret(At(100)), "new");
        let refused = shop.token(&profile.client_id, &profile.client_secret, &profile, At(0));
        assert_eq!(refused.unwrap_err().0, "invalid_client");
        let (token, seconds) = shop.token(&profile.client_id, "new", &profile, At(0)).unwrap();
        assert_eq!(seconds, 86_399);
        assert!(shop.accepts(&token, At(86_399_000_000)));
        assert!(!shop.accepts(&token, At(86_400_000_000)));
    }

    #[test]
    fn subscriptions_are_checked_as_a_real_shop_does() {
        let profile = Profile { strict_addresses: true, ..Profile::default() };
        let mut shop = Shop::new(1, &profile);
        let mut subscribe = |uri: &str| {
            let input = SubscriptionInput { uri: Some(uri.to_owned()), ..Default::default() };
            shop.subscribe("ORDERS_CREATE", &input, &profile, At(0)).map_err(|(_, why)| why)
        };
        assert!(subscribe("https://hooks.example.com/a").is_ok());
        for (uri, why) in [
            ("https://hooks.example.com/a", "Address for this topic has already been taken"),
            ("http://hooks.example.com/a", "Address protocol http:// is not supported"),
            ("https://127.0.0.1/a", "Address cannot be a Shopify or an internal domain"),
            ("nonsense", "Address is invalid"),
        ] {
            assert_eq!(subscribe(uri), Err(why.to_owned()));
        }
    }
}
