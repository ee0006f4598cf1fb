//! Callbacks: thin bodies with the hook's own headers, signed by Standard Webhooks, tried again on
//! the documented schedule.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::delivery::RawDelivery;
use super::super::faults::Fault;
use super::super::random::uuid;
use super::super::time::At;
use super::goods::{Good, Tracking};
use super::hooks::Hook;
use super::order::Told;
use super::store::{Store, World};

/// No answer is waited for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Seconds before each further attempt.
const RETRIES: [u64; 11] = [60, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 50_400, 86_400];

/// What became of one callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Its scope.
    pub scope: String,
    /// The order or product that it tells of.
    pub subject: u64,
    /// Under way, or waiting for another attempt.
    pub pending: bool,
    /// The answer to each attempt: a status, or what went wrong.
    pub answers: Vec<String>,
}

/// One callback to one destination.
#[derive(Debug, Clone)]
struct Post {
    hook: Hook,
    id: String,
    body: String,
    /// Signed with another key.
    forged: bool,
}

impl Store {
    /// Tells the hooks of an order.
    pub(super) fn announce(self: &Arc<Self>, world: &mut World, order: u64, told: &[Told]) {
        self.tell(world, order, told.iter().map(|told| data(order, told)));
    }

    /// Tells the hooks of stock that changed: by so many units through an order, or to so many.
    pub(super) fn announce_stock(
        self: &Arc<Self>,
        world: &mut World,
        changes: &[(&Good, i64)],
        by_order: bool,
    ) {
        for (good, value) in changes {
            self.tell(world, good.product_id, stock(good, *value, by_order));
        }
    }

    /// Tells the hooks, with whatever goes wrong at the moment.
    fn tell(
        self: &Arc<Self>,
        world: &mut World,
        subject: u64,
        told: impl IntoIterator<Item = (&'static str, Value)>,
    ) {
        let mut posts = Vec::new();
        for (scope, data) in told {
            let body = self.body(scope, &data);
            let hears = world.hooks.values().filter(|hook| hook.hears(scope));
            posts.extend(hears.map(|hook| {
                let id = format!("msg_{}", uuid().replace('-', ""));
                (scope, Post { hook: hook.clone(), id, body: body.clone(), forged: false })
            }));
        }
        let reversed = strikes(world, Fault::Reorder);
        let last = posts.len().saturating_sub(1) as u32;
        for (at, (scope, mut post)) in (0_u32..).zip(posts) {
            if strikes(world, Fault::Drop).is_some() {
                continue;
            }
            let late = strikes(world, Fault::Delay).unwrap_or_default()
                + reversed.map_or(Duration::ZERO, |gap| gap * (last - at));
            post.forged = strikes(world, Fault::BadSignature).is_some();
            if let Some(after) = strikes(world, Fault::Duplicate) {
                self.post(world, scope, subject, post.clone(), late + after);
            }
            if let Some(after) = strikes(world, Fault::StaleRetry) {
                let again = Post { id: format!("msg_{}", uuid()), ..post.clone() };
                self.post(world, scope, subject, again, late + after);
            }
            if strikes(world, Fault::GarbageBody).is_some() {
                let half: String = post.body.chars().take(post.body.len() / 2).collect();
                let cut = Post { id: format!("msg_{}", uuid()), body: half, ..post.clone() };
                self.post(world, scope, subject, cut, late);
            }
            self.post(world, scope, subject, post, late);
        }
    }

    fn body(&self, scope: &str, data: &Value) -> String {
        let digest = Sha256::digest(data.to_string());
        let digest = format!("{:x}", Bytes::copy_from_slice(&digest));
        let hash = digest.get(..40).unwrap_or(&digest);
        json!({
            "scope": scope,
            "store_id": "1025646",
            "data": data,
            "hash": hash,
            "created_at": At::now().0 / 1_000_000,
            "producer": format!("stores/{}", self.hash()),
        })
        .to_string()
    }

    fn post(
        self: &Arc<Self>,
        world: &mut World,
        scope: &str,
        subject: u64,
        post: Post,
        after: Duration,
    ) {
        let number = world.sent.len();
        world.sent.push(Sent {
            scope: scope.to_owned(),
            subject,
            pending: true,
            answers: Vec::new(),
        });
        let store = Arc::clone(self);
        let mut stop = self.stop.subscribe();
        self.runtime.spawn(async move {
            tokio::select! {
                () = store.deliver(post, number, after) => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
        });
    }

    /// Tries until it is taken or given up; then the hook is switched off.
    async fn deliver(&self, mut post: Post, number: usize, after: Duration) {
        tokio::time::sleep(after).await;
        let mut waits = RETRIES.iter();
        loop {
            while let Some(left) = self.blocked(&post) {
                tokio::time::sleep(left).await;
            }
            let answer = self.try_once(&post).await;
            post.forged = false;
            let wait = if answer.is_ok() { None } else { waits.next() };
            {
                let mut world = self.world();
                let (to, pace) = (&post.hook.destination, self.options.retry_pace);
                world.domains.note(to, &answer, At::now(), pace);
                if let Some(sent) = world.sent.get_mut(number) {
                    sent.pending = wait.is_some();
                    sent.answers.push(match &answer {
                        Ok(status) => status.to_string(),
                        Err(why) => why.clone(),
                    });
                }
                if answer.is_err()
                    && wait.is_none()
                    && let Some(hook) = world.hooks.get_mut(&post.hook.id)
                {
                    hook.is_active = false;
                }
            }
            let Some(seconds) = wait else { return };
            let pause = Duration::from_secs(*seconds).mul_f64(self.options.retry_pace);
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends exactly what a person asks for, once, and waits for the answers: to the hooks of that
    /// scope, or wherever else this store calls. Empty: there is no hook. Nothing goes wrong by
    /// itself, and no hook pays for it.
    pub async fn send(&self, raw: &RawDelivery) -> Vec<Value> {
        let (hooks, newest) = {
            let world = self.world();
            let hears: Vec<Hook> =
                world.hooks.values().filter(|hook| hook.hears(&raw.topic)).cloned().collect();
            let any = || world.hooks.values().take(1).cloned().collect();
            let newest = world.orders.last_key_value().map_or(0, |(id, _)| *id);
            (if hears.is_empty() { any() } else { hears }, newest)
        };
        let mut answers = Vec::new();
        for mut hook in hooks {
            hook.destination = raw.uri.clone().unwrap_or(hook.destination);
            let uri = hook.destination.clone();
            let data = json!({"type": "order", "id": newest});
            let body = raw.body.clone().unwrap_or_else(|| self.body(&raw.topic, &data));
            let id = raw.webhook_id.clone().unwrap_or_else(|| format!("msg_{}", uuid()));
            let post = Post { hook, id, body, forged: raw.bad_signature };
            for _ in 0..=u8::from(raw.twice) {
                let answer = match self.try_once(&post).await {
                    Ok(status) => status.to_string(),
                    Err(why) => why,
                };
                answers.push(json!({"topic": raw.topic, "uri": uri, "answers": [answer]}));
            }
        }
        answers
    }

    fn blocked(&self, post: &Post) -> Option<Duration> {
        self.world().domains.blocked(&post.hook.destination, At::now())
    }

    async fn try_once(&self, post: &Post) -> Result<u16, String> {
        let at = (At::now().0 / 1_000_000).to_string();
        let key = if post.forged { "another key" } else { &self.client_secret };
        let mut request = self
            .http
            .post(&post.hook.destination)
            .header("Content-Type", "application/json")
            .header("webhook-id", &post.id)
            .header("webhook-timestamp", &at)
            .header("webhook-signature", sign(key, &post.id, &at, &post.body));
        for (name, value) in &post.hook.headers {
            request = request.header(name, value);
        }
        match request.body(post.body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer.status().as_u16()),
            Ok(answer) => Err(answer.status().as_u16().to_string()),
            Err(error) if error.is_timeout() => Err("timeout".to_owned()),
            Err(error) if error.is_connect() => Err("no connection".to_owned()),
            Err(_error) => Err("broken off".to_owned()),
        }
    }
}

fn strikes(world: &mut World, fault: Fault) -> Option<Duration> {
    let World { faults, dice, .. } = world;
    faults.strikes(fault, dice)
}

/// Scopes and data of a stock that changed: by so many units through an order, or to so many.
fn stock(good: &Good, value: i64, by_order: bool) -> [(&'static str, Value); 2] {
    let method = if by_order { "relative" } else { "absolute" };
    let (id, variant) = (good.product_id, good.variant_id());
    let changed = match (good.tracking == Tracking::Variant, by_order) {
        (false, false) => "store/product/inventory/updated",
        (false, true) => "store/product/inventory/order/updated",
        (true, false) => "store/sku/inventory/updated",
        (true, true) => "store/sku/inventory/order/updated",
    };
    let data = if good.tracking == Tracking::Variant {
        json!({"type": "sku", "id": variant, "inventory": {
            "product_id": id, "variant_id": variant, "method": method, "value": value}})
    } else {
        json!({"type": "product", "id": id, "inventory": {
            "product_id": id, "method": method, "value": value}})
    };
    [(changed, data), ("store/product/updated", json!({"type": "product", "id": id}))]
}

/// Scope and data of what is told.
fn data(order: u64, told: &Told) -> (&'static str, Value) {
    match told {
        Told::Created => ("store/order/created", json!({"type": "order", "id": order})),
        Told::Updated => ("store/order/updated", json!({"type": "order", "id": order})),
        Told::Archived => ("store/order/archived", json!({"type": "order", "id": order})),
        Told::Status { before, now } => (
            "store/order/statusUpdated",
            json!({"type": "order", "id": order,
                "status": {"previous_status_id": before, "new_status_id": now}}),
        ),
        Told::Refund { refund } => (
            "store/order/refund/created",
            json!({"type": "order", "id": order, "refund": {"refund_id": refund}}),
        ),
        Told::Shipment { shipment, what } => (
            match *what {
                "created" => "store/shipment/created",
                "deleted" => "store/shipment/deleted",
                _ => "store/shipment/updated",
            },
            json!({"type": "shipment", "id": shipment, "orderId": order}),
        ),
    }
}

/// `v1,` and the HMAC-SHA256 of id, time and body under the raw bytes of the client secret.
pub(super) fn sign(secret: &str, id: &str, at: &str, body: &str) -> String {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes());
    let mac = mac.expect("HMAC takes keys of any length");
    let mac = mac.chain_update(format!("{id}.{at}.{body}"));
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
