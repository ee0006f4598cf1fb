//! A front with two stores, served over TCP, and a journal in memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::actor::WriteError;
use crate::channel::{Channels, Credentials, WebhookSecret};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::{ChannelKind, Position, StoreId, Timestamp};
use crate::ledger::{DeliveryKey, Journaled, NewEvent, StoreRow};
use crate::metrics::{About, Metrics, Snapshot};
use crate::vault::Vault;
use crate::web::server::{Running, ServerLimits, bind, serve_public};
use crate::web::testing::{Answer, Client, StoresOnly, TestCart, patiently, sign, store_row};
use crate::web::webhook::body::{BodyLimits, Room};
use crate::web::webhook::intake::Intake;
use crate::web::webhook::{Front, hmac_only_routes, public_routes};

pub(in crate::web) const PINE: &str = "/webhooks/shopify/pine";
pub(in crate::web) const SECRET: &str = "pine-secret";
/// Valid for another hour.
pub(super) const OLD_SECRET: &str = "pine-secret-before";
/// No longer valid.
pub(super) const ENDED_SECRET: &str = "pine-secret-long-ago";
pub(super) const OAK_SECRET: &str = "oak-secret";
pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// The journal, and what happened to it.
#[derive(Default)]
pub(in crate::web) struct Journal {
    pub(in crate::web) events: Mutex<Vec<NewEvent>>,
    known: Mutex<HashMap<(StoreId, DeliveryKey), Position>>,
    pub(super) nudges: Mutex<Vec<StoreId>>,
    /// Every delivery is refused so.
    pub(super) failure: Mutex<Option<WriteError>>,
    /// Deliveries wait for a permit each.
    pub(in crate::web) gated: AtomicBool,
    pub(in crate::web) gate: Gate,
}

pub(in crate::web) struct Gate {
    pub(in crate::web) arrived: Semaphore,
    pub(in crate::web) open: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrived: Semaphore::new(0), open: Semaphore::new(0) }
    }
}

#[async_trait]
impl Intake for Journal {
    async fn journal(&self, event: NewEvent) -> Result<Journaled, WriteError> {
        if self.gated.load(Ordering::Relaxed) {
            self.gate.arrived.add_permits(1);
            self.gate.open.acquire().await.unwrap().forget();
        }
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        let mut events = self.events.lock().unwrap();
        let next = Position(i64::try_from(events.len()).unwrap() + 1);
        let mut known = self.known.lock().unwrap();
        let position = *known.entry((event.store, event.key)).or_insert(next);
        let duplicate = position != next;
        if !duplicate {
            events.push(event);
        }
        Ok(Journaled { position, duplicate })
    }

    fn nudge(&self, store: StoreId) {
        self.nudges.lock().unwrap().push(store);
    }
}

/// How a world differs from the usual one.
#[derive(Clone)]
pub(in crate::web) struct Settings {
    pub(in crate::web) body: BodyLimits,
    pub(in crate::web) server: ServerLimits,
    /// The front stores nothing.
    pub(in crate::web) hmac_only: bool,
    /// The vault does not open what the ledger holds.
    pub(in crate::web) wrong_key: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let body = BodyLimits { max_bytes: 1000, ..BodyLimits::default() };
        Self { body, server: ServerLimits::public(2), hmac_only: false, wrong_key: false }
    }
}

pub(in crate::web) struct World {
    pub(in crate::web) addr: SocketAddr,
    pub(in crate::web) journal: Arc<Journal>,
    pub(super) ledger: Arc<StoresOnly>,
    metrics: Metrics,
    running: Running,
}

impl World {
    pub(in crate::web) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(in crate::web) async fn with(settings: Settings) -> Self {
        let vault = Arc::new(Vault::new([1; 32]));
        let ledger = Arc::new(StoresOnly::with(rows(&vault).await));
        let opens = if settings.wrong_key { Arc::new(Vault::new([2; 32])) } else { vault };
        let about = About { version: "0", revision: "0", started_at: NOW };
        let metrics = Metrics::new(10, about, tokio::runtime::Handle::current());
        let journal = Arc::new(Journal::default());
        let front = Arc::new(Front {
            directory: Arc::new(Directory::load(ledger.clone(), opens).await.unwrap()),
            channels: Channels::default().with(Arc::new(TestCart)),
            intake: journal.clone(),
            metrics: metrics.clone(),
            clock: Clock::tokio(NOW),
            limits: settings.body,
            room: Room::new(&settings.body),
        });
        let listener = bind(([127, 0, 0, 1], 0).into(), 1024).unwrap();
        let routes = if settings.hmac_only { hmac_only_routes } else { public_routes };
        let running =
            serve_public(listener, &settings.server, move |config| routes(config, &front)).unwrap();
        Self { addr: running.addr().unwrap(), journal, ledger, metrics, running }
    }

    pub(in crate::web) async fn connect(&self) -> Client {
        Client::connect(self.addr).await
    }

    /// Posts with these headers on a connection of its own.
    pub(in crate::web) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.connect().await.post(path, headers, body).await
    }

    /// Posts a well-formed delivery to the store `pine`, signed with `secret`.
    pub(in crate::web) async fn deliver(&self, id: &str, secret: &str, body: &[u8]) -> Answer {
        self.post(PINE, &headers(id, &sign(secret, body)), body).await
    }

    pub(in crate::web) fn events(&self) -> Vec<NewEvent> {
        self.journal.events.lock().unwrap().clone()
    }

    /// The value of `instasync_webhooks_received_total` with these labels.
    pub(super) fn counted(&self, store: &str, topic: &str, result: &str) -> u64 {
        let labels =
            format!(r#"{{store="{store}",channel="shopify",topic="{topic}",result="{result}"}} "#);
        let start = format!("instasync_webhooks_received_total{labels}");
        let text = self.metrics.render(&Snapshot::default());
        let line = text.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned));
        line.map_or(0, |value| value.parse().unwrap())
    }

    pub(super) fn numbers(&self) -> String {
        self.metrics.render(&Snapshot::default())
    }

    pub(in crate::web) async fn stop(self) {
        patiently("stop", self.running.stop()).await.unwrap();
    }
}

/// What Shopify sends along.
pub(in crate::web) fn headers<'a>(id: &'a str, signature: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("X-Shopify-Topic", "orders/create"),
        ("X-Shopify-Shop-Domain", "Pine.myshopify.com"),
        ("X-Shopify-Webhook-Id", id),
        ("X-Shopify-Triggered-At", "2023-11-14T22:13:19.123456789Z"),
        ("X-Shopify-Hmac-Sha256", signature),
    ]
}

/// A request's head for `pine`, up to its end, with one more header.
pub(super) fn head(signature: &str, more: &str) -> String {
    let mut head = format!("POST {PINE} HTTP/1.1\r\nhost: x\r\n{more}\r\n");
    for (name, value) in headers("d-1", signature) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head
}

/// `pine` with secrets of three ages, `oak`, and `elm`, which is disconnected.
async fn rows(vault: &Arc<Vault>) -> Vec<StoreRow> {
    let empty = Arc::new(StoresOnly::default());
    let directory = Directory::load(empty, Arc::clone(vault)).await.unwrap();
    let secret = |text: &str, until| WebhookSecret { secret: text.into(), until };
    let hour = Duration::from_hours(1);
    let ended = Timestamp(NOW.0 - 1);
    let mut rows = Vec::new();
    for (id, slug, secrets) in [
        (
            1,
            "pine",
            vec![
                secret(SECRET, None),
                secret(OLD_SECRET, Some(NOW.plus(hour))),
                secret(ENDED_SECRET, Some(ended)),
            ],
        ),
        (2, "oak", vec![secret(OAK_SECRET, None)]),
        (3, "elm", vec![secret(SECRET, Some(NOW.plus(hour)))]),
    ] {
        let mut row = store_row(id, slug, &format!("{slug}.myshopify.com"));
        let credentials = Credentials { webhook_secrets: secrets, ..Credentials::default() };
        directory.seal(&mut row, &credentials);
        row.disconnected_at = (slug == "elm").then_some(ended);
        rows.push(row);
    }
    let mut foreign = store_row(4, "harbor", "abc123");
    foreign.channel = ChannelKind::BigCommerce;
    rows.push(foreign);
    rows
}
