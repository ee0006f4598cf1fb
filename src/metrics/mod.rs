//! Numbers for Prometheus, and the only place where they are named (operations page 2.3).
//!
//! Rooms call typed functions; what a label may hold is an enum or a known topic, never an order id,
//! a domain or an error text. A label `store` exists for at most `max_stores` stores, made on first
//! use; what others do is counted under `store="other"`, so that totals stay right.
//!
//! Counters and histograms live in a recorder of their own, not in the process-wide one, so that two
//! daemons can run in one test process. Handles are kept per store: a webhook costs two look-ups.
//! What is known only by asking ([`Snapshot`], the process, the runtime) is written out when
//! somebody scrapes and is nowhere kept, so that a store that went away leaves no stale number.

mod exposition;
mod label;
mod process;
mod series;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, Key, Label, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::domain::{ChannelKind, Timestamp};

pub use self::label::{CartCode, ImportPath, Outcome, RestartReason, WebhookResult};
use self::series::StoreSeries;

const WEBHOOKS: &str = "instasync_webhooks_received_total";
const ACK: &str = "instasync_webhook_ack_duration_seconds";
const IMPORT: &str = "instasync_import_latency_seconds";
const ORDERS: &str = "instasync_orders_total";
const RESTARTS: &str = "instasync_actor_restarts_total";
const REQUESTS: &str = "instasync_cart_requests_total";

/// Seconds; the upper end is a cart's patience.
const ACK_BUCKETS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Seconds; the upper end is a missed hourly poll.
const IMPORT_BUCKETS: [f64; 14] =
    [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];

/// Stands for every store beyond `max_stores`, and for no store at all.
const OTHER: &str = "other";

/// The recorder keeps every observation until it is sorted into its bucket. That is done each time
/// so many came together, so that memory is bounded also when nobody scrapes.
const SORT_EVERY: u64 = 8192;

/// What the numbers say about the daemon itself.
#[derive(Debug, Clone)]
pub struct About {
    /// The build's version.
    pub version: &'static str,
    /// The commit it was built from.
    pub revision: &'static str,
    /// When the process started.
    pub started_at: Timestamp,
}

/// What is known only by asking, at the time of a scrape.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Stores worth a number of their own, least healthy first: the first ones get a label while
    /// there is room, the rest is summed up.
    pub stores: Vec<StoreGauges>,
    /// How many stores are in which state of health.
    pub health: Vec<(&'static str, u64)>,
}

/// One store at the time of a scrape.
#[derive(Debug, Clone, Default)]
pub struct StoreGauges {
    /// Its slug.
    pub store: String,
    /// Open events.
    pub events_waiting: u64,
    /// How long the oldest of them has waited.
    pub oldest_waiting: Duration,
    /// Events set aside.
    pub set_aside: u64,
    /// Messages and events its actor knows of and has not worked off.
    pub mailbox_depth: u64,
    /// Topics the store must be subscribed to, and whether it is.
    pub subscriptions: Vec<(&'static str, bool)>,
}

/// Where every number is counted. Cheap to clone; clones share their numbers.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Registry,
    prometheus: PrometheusHandle,
    about: About,
    /// Whose tasks `tokio_*` counts.
    runtime: tokio::runtime::Handle,
    max_stores: usize,
    stores: RwLock<HashMap<Box<str>, Arc<StoreSeries>>>,
    other: StoreSeries,
    ack: Histogram,
    observations: AtomicU64,
}

impl Metrics {
    /// Numbers that start at zero. `max_stores` is the setting `metrics.max_stores`; `runtime` is
    /// the one that carries the actors.
    pub fn new(max_stores: usize, about: About, runtime: tokio::runtime::Handle) -> Self {
        let recorder = recorder().expect("invariant: no list of buckets is empty");
        let prometheus = recorder.handle();
        let registry = Registry { recorder };
        registry.describe();
        Self {
            shared: Arc::new(Shared {
                ack: registry.histogram(ACK, Vec::new()),
                registry,
                prometheus,
                about,
                runtime,
                max_stores,
                stores: RwLock::default(),
                other: StoreSeries::new(OTHER),
                observations: AtomicU64::new(0),
            }),
        }
    }

    /// A delivery was answered. `topic` is one that the channel knows, or `other`: the header is not
    /// signed and must not make series. No `store`: there is none of that name.
    pub fn webhook(
        &self,
        store: Option<&str>,
        channel: ChannelKind,
        topic: &'static str,
        result: WebhookResult,
    ) {
        self.with(store.unwrap_or(OTHER), |series, registry| {
            series.webhook(registry, channel, topic, result);
        });
    }

    /// A delivery was acknowledged so long after its headers had come.
    pub fn acknowledged(&self, after: Duration) {
        self.shared.ack.record(after.as_secs_f64());
        self.observed();
    }

    /// An order was stored so long after what caused it: the webhook's receipt, the poll's read or
    /// the person's request.
    pub fn import_latency(&self, store: &str, path: ImportPath, latency: Duration) {
        self.with(store, |series, registry| series.import(registry, path, latency));
        self.observed();
    }

    /// An event came to this outcome.
    pub fn order_outcome(&self, store: &str, outcome: Outcome) {
        self.with(store, |series, registry| series.order(registry, outcome));
    }

    /// A store's actor was built anew.
    pub fn actor_restart(&self, store: &str, reason: RestartReason) {
        self.with(store, |series, registry| series.restart(registry, reason));
    }

    /// A cart was called.
    pub fn cart_request(&self, store: &str, code: CartCode) {
        self.with(store, |series, registry| series.request(registry, code));
    }

    /// A call had to wait so long because the cart asked for it.
    pub fn cart_throttled(&self, store: &str, wait: Duration) {
        self.with(store, |series, _| series.throttled(wait));
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self, snapshot: &Snapshot) -> String {
        let mut text = self.shared.prometheus.render();
        exposition::build(&mut text, &self.shared.about);
        exposition::throttled(&mut text, &self.throttled());
        exposition::snapshot(&mut text, snapshot, |slug| self.has_own_label(slug));
        process::write(&mut text, self.shared.about.started_at);
        process::write_runtime(&mut text, &self.shared.runtime);
        text
    }

    /// Does it in the series of that store, which is made if there is room.
    fn with(&self, slug: &str, act: impl FnOnce(&StoreSeries, &Registry)) {
        let shared = &*self.shared;
        let known = {
            let stores = shared.stores.read().unwrap_or_else(PoisonError::into_inner);
            stores.get(slug).map(Arc::clone)
        };
        match known.or_else(|| self.make(slug)) {
            Some(series) => act(&series, &shared.registry),
            None => act(&shared.other, &shared.registry),
        }
    }

    fn make(&self, slug: &str) -> Option<Arc<StoreSeries>> {
        if slug == OTHER {
            return None;
        }
        let mut stores = self.shared.stores.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = stores.get(slug) {
            return Some(Arc::clone(known));
        }
        (stores.len() < self.shared.max_stores).then(|| {
            let series = Arc::new(StoreSeries::new(slug));
            stores.insert(slug.into(), Arc::clone(&series));
            series
        })
    }

    fn has_own_label(&self, slug: &str) -> bool {
        let known = {
            let stores = self.shared.stores.read().unwrap_or_else(PoisonError::into_inner);
            stores.contains_key(slug)
        };
        known || self.make(slug).is_some()
    }

    /// Seconds waited for carts, by store.
    fn throttled(&self) -> Vec<(String, f64)> {
        let stores = self.shared.stores.read().unwrap_or_else(PoisonError::into_inner);
        let all = stores.values().map(Arc::as_ref).chain([&self.shared.other]);
        all.filter_map(StoreSeries::seconds_throttled).collect()
    }

    fn observed(&self) {
        let before = self.shared.observations.fetch_add(1, Ordering::Relaxed);
        if before % SORT_EVERY == SORT_EVERY - 1 {
            self.shared.prometheus.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(…)")
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(ACK.to_owned()), &ACK_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(IMPORT.to_owned()), &IMPORT_BUCKETS)?
        .build_recorder())
}

/// Makes series in the recorder.
struct Registry {
    recorder: PrometheusRecorder,
}

/// The recorder asks for it and looks at nothing of it.
static ORIGIN: Metadata<'static> = Metadata::new("instasync", metrics::Level::INFO, None);

impl Registry {
    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels), &ORIGIN)
    }

    fn histogram(&self, name: &'static str, labels: Vec<Label>) -> Histogram {
        self.recorder.register_histogram(&Key::from_parts(name, labels), &ORIGIN)
    }

    fn describe(&self) {
        let counters = [
            (WEBHOOKS, "Deliveries of carts, by what was answered."),
            (ORDERS, "What events did to orders."),
            (RESTARTS, "Store actors that were built anew."),
            (REQUESTS, "Calls to carts, by what they answered."),
        ];
        for (name, text) in counters {
            self.recorder.describe_counter(name.into(), None, SharedString::const_str(text));
        }
        let histograms = [
            (ACK, "From a delivery's headers to its answer 200."),
            (IMPORT, "From what caused it to the stored order."),
        ];
        for (name, text) in histograms {
            self.recorder.describe_histogram(name.into(), None, SharedString::const_str(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About { version: "1.2.3", revision: "abc", started_at: Timestamp(5_000_000) }
    }

    fn metrics(max_stores: usize) -> Metrics {
        Metrics::new(max_stores, about(), tokio::runtime::Handle::current())
    }

    fn line<'a>(text: &'a str, start: &str) -> &'a str {
        text.lines().find(|line| line.starts_with(start)).unwrap_or("")
    }

    #[tokio::test]
    async fn counts_under_the_names_that_are_promised() {
        let metrics = metrics(10);
        let accepted = WebhookResult::Accepted;
        metrics.webhook(Some("pine"), ChannelKind::Shopify, "orders/create", accepted);
        metrics.webhook(Some("pine"), ChannelKind::Shopify, "orders/create", accepted);
        metrics.webhook(None, ChannelKind::Shopify, "other", WebhookResult::UnknownStore);
        metrics.acknowledged(Duration::from_millis(3));
        metrics.import_latency("pine", ImportPath::Instasync, Duration::from_secs(1));
        metrics.order_outcome("pine", Outcome::Created);
        metrics.actor_restart("pine", RestartReason::Panic);
        metrics.cart_request("pine", CartCode::Status(200));
        metrics.cart_request("pine", CartCode::Status(999));
        metrics.cart_request("pine", CartCode::Timeout);
        metrics.cart_throttled("pine", Duration::from_millis(1250));
        metrics.cart_throttled("pine", Duration::from_millis(250));
        let text = metrics.render(&Snapshot::default());
        for expected in [
            "instasync_webhooks_received_total{store=\"pine\",channel=\"shopify\",topic=\"orders/create\",result=\"accepted\"} 2",
            "instasync_webhooks_received_total{store=\"other\",channel=\"shopify\",topic=\"other\",result=\"unknown_store\"} 1",
            "instasync_webhook_ack_duration_seconds_bucket{le=\"0.001\"} 0",
            "instasync_webhook_ack_duration_seconds_bucket{le=\"0.005\"} 1",
            "instasync_webhook_ack_duration_seconds_count 1",
            "instasync_import_latency_seconds_count{store=\"pine\",path=\"instasync\"} 1",
            "instasync_orders_total{store=\"pine\",outcome=\"created\"} 1",
            "instasync_actor_restarts_total{store=\"pine\",reason=\"panic\"} 1",
            "instasync_cart_requests_total{store=\"pine\",code=\"200\"} 1",
            "instasync_cart_requests_total{store=\"pine\",code=\"other\"} 1",
            "instasync_cart_requests_total{store=\"pine\",code=\"timeout\"} 1",
            "instasync_cart_throttled_seconds_total{store=\"pine\"} 1.5",
            "instasync_build_info{version=\"1.2.3\",revision=\"abc\"} 1",
            "process_start_time_seconds 5",
            "tokio_workers 1",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected} in\n{text}");
        }
    }

    #[tokio::test]
    async fn every_series_is_announced_once_and_every_line_can_be_read() {
        let metrics = metrics(1);
        metrics.order_outcome("pine", Outcome::Created);
        metrics.cart_throttled("pine", Duration::from_secs(1));
        let stores = ["pine", "oak"].map(|slug| StoreGauges {
            store: slug.to_owned(),
            subscriptions: vec![("orders/create", true)],
            ..StoreGauges::default()
        });
        let health = vec![("ok", 2)];
        let text = metrics.render(&Snapshot { stores: stores.to_vec(), health });
        let mut announced = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let name = rest.split(' ').next().unwrap().to_owned();
                assert!(!announced.contains(&name), "{name} is announced twice");
                announced.push(name);
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                assert!(announced.iter().any(|known| name.starts_with(known.as_str())), "{line}");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }

    #[tokio::test]
    async fn stores_beyond_the_limit_count_as_other() {
        let metrics = metrics(2);
        for slug in ["a", "b", "c", "d", "a"] {
            metrics.order_outcome(slug, Outcome::Updated);
            metrics.cart_throttled(slug, Duration::from_secs(1));
        }
        let gauges = |slug: &str, events_waiting, oldest| StoreGauges {
            store: slug.to_owned(),
            events_waiting,
            oldest_waiting: Duration::from_secs(oldest),
            subscriptions: vec![("orders/create", slug == "a")],
            ..StoreGauges::default()
        };
        let snapshot = Snapshot {
            stores: vec![gauges("d", 7, 9), gauges("a", 1, 2), gauges("c", 3, 4)],
            health: vec![("ok", 2), ("quarantined", 1)],
        };
        let text = metrics.render(&snapshot);
        for (start, expected) in [
            ("instasync_orders_total{store=\"a\"", " 2"),
            ("instasync_orders_total{store=\"b\"", " 1"),
            ("instasync_orders_total{store=\"other\"", " 2"),
            ("instasync_cart_throttled_seconds_total{store=\"other\"", " 2"),
            ("instasync_events_waiting{store=\"a\"}", " 1"),
            ("instasync_events_waiting{store=\"other\"}", " 10"),
            ("instasync_events_oldest_waiting_seconds{store=\"other\"}", " 9"),
            ("instasync_subscription_up{store=\"a\",topic=\"orders/create\"}", " 1"),
            ("instasync_stores{health=\"quarantined\"}", " 1"),
        ] {
            assert!(line(&text, start).ends_with(expected), "{start} in\n{text}");
        }
        assert!(!text.contains("store=\"c\"") && !text.contains("store=\"d\""), "{text}");
        assert!(!line(&text, "instasync_subscription_up").contains("other"));
    }

    #[tokio::test]
    async fn a_store_that_went_away_leaves_no_stale_gauge() {
        let metrics = metrics(5);
        let store = StoreGauges { store: "pine".to_owned(), ..StoreGauges::default() };
        let snapshot = Snapshot { stores: vec![store], health: Vec::new() };
        assert!(metrics.render(&snapshot).contains("instasync_events_waiting{store=\"pine\"} 0"));
        assert!(!metrics.render(&Snapshot::default()).contains("pine"));
    }

    #[tokio::test]
    async fn observations_are_sorted_also_when_nobody_scrapes() {
        let metrics = metrics(5);
        for _ in 0..=SORT_EVERY {
            metrics.acknowledged(Duration::from_millis(1));
        }
        let text = metrics.render(&Snapshot::default());
        let count = format!("instasync_webhook_ack_duration_seconds_count {}", SORT_EVERY + 1);
        assert!(text.contains(&count), "{text}");
    }

    #[tokio::test]
    async fn two_in_one_process_do_not_share_their_numbers() {
        let (one, two) = (metrics(5), metrics(5));
        one.order_outcome("pine", Outcome::Created);
        assert!(!two.render(&Snapshot::default()).contains("pine"));
    }
}
