//! Deliveries: signed, sent to the subscriptions, tried again, given up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::cart::{Cart, World};
use super::faults::Fault;
use super::random::uuid;
use super::shop::Notice;
use super::time::At;
use super::wire::webhook::{TOPICS, sign};

/// A cart waits no longer for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Nor for a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(1);
/// Waits before each further attempt, in minutes: eight within four hours.
const RETRIES: [u64; 8] = [1, 2, 4, 8, 15, 30, 60, 120];
/// A delivery that failed so often ends its subscription, unless another one got through.
const FATAL: u32 = 8;
/// Deliveries that are remembered for the judge.
const REMEMBERED: usize = 50_000;

/// One delivery to one address.
#[derive(Debug, Clone)]
struct Post {
    webhook_id: String,
    event_id: Option<String>,
    topic: String,
    order: Option<u64>,
    uri: String,
    subscription: Option<u64>,
    triggered_at: String,
    body: Bytes,
    /// The first attempt is signed wrongly.
    forged: bool,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Under way, or waiting for its next attempt.
    Pending,
    /// Answered with 2xx.
    Delivered,
    /// Given up.
    Failed,
    /// Never sent, by a fault.
    Dropped,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// `X-Shopify-Webhook-Id`.
    pub webhook_id: String,
    /// The topic.
    pub topic: String,
    /// The order it tells of.
    pub order: Option<u64>,
    /// Where it went.
    pub uri: String,
    /// How it stands.
    pub fate: Fate,
    /// The answer to each attempt: a status, or what went wrong.
    pub answers: Vec<String>,
}

/// The deliveries of a shop.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    next: u64,
    records: BTreeMap<u64, Record>,
    pending: usize,
}

impl Deliveries {
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    fn begin(&mut self, post: &Post, fate: Fate) -> u64 {
        self.next += 1;
        let record = Record {
            webhook_id: post.webhook_id.clone(),
            topic: post.topic.clone(),
            order: post.order,
            uri: post.uri.clone(),
            fate,
            answers: Vec::new(),
        };
        self.records.insert(self.next, record);
        self.pending += usize::from(fate == Fate::Pending);
        if self.records.len() > REMEMBERED {
            self.records.pop_first();
        }
        self.next
    }

    fn answered(&mut self, number: u64, answer: String, fate: Fate) {
        self.pending -= usize::from(fate != Fate::Pending);
        if let Some(record) = self.records.get_mut(&number) {
            record.answers.push(answer);
            record.fate = fate;
        }
    }
}

/// A delivery that a person asks for.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawDelivery {
    /// The topic.
    pub topic: String,
    /// The exact body; the newest order's, if not given.
    pub body: Option<String>,
    /// Where to; the subscriptions of the topic, if not given.
    pub uri: Option<String>,
    /// The delivery id; a fresh one, if not given.
    pub webhook_id: Option<String>,
    /// Signed with a wrong secret.
    pub bad_signature: bool,
    /// Sent twice with the same ids.
    pub twice: bool,
}

impl Cart {
    /// Tells the subscriptions, with whatever goes wrong at the moment.
    pub(super) fn announce(self: &Arc<Self>, world: &mut World, notices: Vec<Notice>, now: At) {
        let event_id = uuid();
        let mut posts = Vec::new();
        for notice in notices {
            let name =
                TOPICS.iter().find(|(topic, _)| *topic == notice.topic).map(|(_, name)| *name);
            let body = Bytes::from(notice.body);
            let subscribed = world.shop.subscriptions.values();
            posts.extend(subscribed.filter(|found| Some(found.topic.as_str()) == name).map(
                |found| Post {
                    webhook_id: uuid(),
                    event_id: Some(event_id.clone()),
                    topic: notice.topic.to_owned(),
                    order: Some(notice.order),
                    uri: found.uri.clone(),
                    subscription: Some(found.id),
                    triggered_at: now.nanoseconds((notice.order % 1000) as u32),
                    body: body.clone(),
                    forged: false,
                },
            ));
        }
        let World { faults, dice, .. } = world;
        let reversed = faults.strikes(Fault::Reorder, dice);
        let last = posts.len().saturating_sub(1) as u32;
        for (at, mut post) in (0_u32..).zip(posts) {
            let World { faults, dice, deliveries, .. } = world;
            let mut strikes = |fault| faults.strikes(fault, dice);
            if strikes(Fault::Drop).is_some() {
                deliveries.begin(&post, Fate::Dropped);
                continue;
            }
            let late = strikes(Fault::Delay).unwrap_or_default()
                + reversed.map_or(Duration::ZERO, |gap| gap * (last - at));
            post.forged = strikes(Fault::BadSignature).is_some();
            let (again, stale, cut) = (
                strikes(Fault::Duplicate),
                strikes(Fault::StaleRetry),
                strikes(Fault::GarbageBody),
            );
            if let Some(after) = again {
                self.post(world, post.clone(), late + after);
            }
            if let Some(after) = stale {
                self.post(world, Post { webhook_id: uuid(), ..post.clone() }, late + after);
            }
            if let Some(after) = cut {
                let body = post.body.slice(..post.body.len() / 2);
                self.post(world, Post { webhook_id: uuid(), body, ..post.clone() }, late + after);
            }
            self.post(world, post, late);
        }
    }

    fn post(self: &Arc<Self>, world: &mut World, post: Post, after: Duration) {
        let number = world.deliveries.begin(&post, Fate::Pending);
        let cart = Arc::clone(self);
        let mut stop = self.stop.subscribe();
        self.runtime.spawn(async move {
            tokio::select! {
                () = cart.deliver(post, number, after) => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
        });
    }

    /// Tries until it is taken or given up.
    async fn deliver(&self, mut post: Post, number: u64, after: Duration) {
        tokio::time::sleep(after).await;
        let mut failures = 0;
        let mut waits = RETRIES.iter();
        loop {
            let secret = self.world().shop.signing_secret(At::now()).to_owned();
            let signature = if post.forged {
                sign("not the secret", &post.body)
            } else {
                sign(&secret, &post.body)
            };
            post.forged = false;
            let answer = self.try_once(&post, &signature).await;
            failures += u32::from(answer.is_err());
            let wait = if answer.is_ok() { None } else { waits.next() };
            let fate = match (&answer, wait) {
                (Ok(_), _) => Fate::Delivered,
                (Err(_), Some(_)) => Fate::Pending,
                (Err(_), None) => Fate::Failed,
            };
            self.note(&post, number, &answer, failures, fate);
            let Some(minutes) = wait else { return };
            let pause = Duration::from_secs(minutes * 60).mul_f64(self.retry_pace);
            tokio::time::sleep(pause).await;
        }
    }

    fn note(
        &self,
        post: &Post,
        number: u64,
        answer: &Result<u16, String>,
        failures: u32,
        fate: Fate,
    ) {
        let mut world = self.world();
        let text = match answer {
            Ok(status) => status.to_string(),
            Err(why) => why.clone(),
        };
        world.deliveries.answered(number, text, fate);
        let Some(id) = post.subscription else { return };
        let Some(subscription) = world.shop.subscriptions.get_mut(&id) else { return };
        if answer.is_ok() {
            subscription.failures = 0;
            return;
        }
        subscription.failures += 1;
        if failures >= FATAL && subscription.failures >= FATAL {
            tracing::info!(topic = post.topic, "the simulated shop removed a subscription");
            world.shop.subscriptions.remove(&id);
            self.save(&world);
        }
    }

    /// One attempt. Any 2xx is a success; redirects are failures.
    async fn try_once(&self, post: &Post, signature: &str) -> Result<u16, String> {
        let mut request = self
            .http
            .post(&post.uri)
            .header("Content-Type", "application/json")
            .header("X-Shopify-Topic", &post.topic)
            .header("X-Shopify-Hmac-Sha256", signature)
            .header("X-Shopify-Shop-Domain", &self.profile.domain)
            .header("X-Shopify-API-Version", &self.profile.webhook_version)
            .header("X-Shopify-Webhook-Id", &post.webhook_id)
            .header("X-Shopify-Triggered-At", &post.triggered_at);
        if let Some(event_id) = &post.event_id {
            request = request.header("X-Shopify-Event-Id", event_id);
        }
        if let Some(order) = post.order {
            request = request.header("X-Shopify-Order-Id", order.to_string());
        }
        match request.body(post.body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer.status().as_u16()),
            Ok(answer) => Err(answer.status().as_u16().to_string()),
            Err(error) if error.is_timeout() => Err("timeout".to_owned()),
            Err(error) if error.is_connect() => Err("no connection".to_owned()),
            Err(_error) => Err("broken off".to_owned()),
        }
    }

    /// Sends exactly what a person asks for, once, and waits for the answers. Nothing goes wrong
    /// by itself. An empty list: nobody is subscribed.
    pub async fn send(self: &Arc<Self>, raw: &RawDelivery) -> Vec<Record> {
        let (posts, secret) = {
            let world = self.world();
            (self.raw_posts(&world, raw), world.shop.signing_secret(At::now()).to_owned())
        };
        let mut records = Vec::new();
        for post in posts {
            let secret = if raw.bad_signature { "not the secret" } else { &secret };
            let signature = sign(secret, &post.body);
            for _ in 0..=u8::from(raw.twice) {
                let number = self.world().deliveries.begin(&post, Fate::Pending);
                let answer = self.try_once(&post, &signature).await;
                let fate = if answer.is_ok() { Fate::Delivered } else { Fate::Failed };
                // No subscription pays for what a person tries out.
                self.note(&Post { subscription: None, ..post.clone() }, number, &answer, 1, fate);
                records.extend(self.world().deliveries.records.get(&number).cloned());
            }
        }
        records
    }

    fn raw_posts(&self, world: &World, raw: &RawDelivery) -> Vec<Post> {
        let name = TOPICS.iter().find(|(topic, _)| *topic == raw.topic).map(|(_, name)| *name);
        let subscriptions = || world.shop.subscriptions.values();
        let mut uris: Vec<String> = match (&raw.uri, name) {
            (Some(uri), _) => vec![uri.clone()],
            (None, Some(name)) => subscriptions()
                .filter(|found| found.topic == name)
                .map(|found| found.uri.clone())
                .collect(),
            (None, None) => Vec::new(),
        };
        if uris.is_empty() {
            // Nobody asked for the topic: wherever else the shop delivers to.
            uris.extend(subscriptions().next().map(|found| found.uri.clone()));
        }
        let newest = world.shop.orders.values().max_by_key(|order| order.number);
        let body = match (&raw.body, newest) {
            (Some(body), _) => Bytes::from(body.clone()),
            (None, Some(order)) => Bytes::from(self.body(order)),
            (None, None) => Bytes::from_static(b"{}"),
        };
        let order = newest.filter(|_| raw.body.is_none()).map(|order| order.id);
        let post = |uri| Post {
            webhook_id: raw.webhook_id.clone().unwrap_or_else(uuid),
            event_id: None,
            topic: raw.topic.clone(),
            order,
            uri,
            subscription: None,
            triggered_at: At::now().nanoseconds(0),
            body: body.clone(),
            forged: false,
        };
        uris.into_iter().map(post).collect()
    }
}
