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
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, Key, Label, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::domain::{ChannelKind, Task, Timestamp};

pub use self::label::{CartCode, ImportPath, Outcome, RestartReason, RunResult, WebhookResult};
pub(crate) use self::process::max_open_files;
use self::series::StoreSeries;

const WEBHOOKS: &str = "instasync_webhooks_received_total";
const ACK: &str = "instasync_webhook_ack_duration_seconds";
const IMPORT: &str = "instasync_import_latency_seconds";
const ORDERS: &str = "instasync_orders_total";
const RESTARTS: &str = "instasync_actor_restarts_total";
const REQUESTS: &str = "instasync_cart_requests_total";
const RUNS: &str = "instasync_task_runs_total";
const RUN_DURATION: &str = "instasync_task_duration_seconds";
const MISSES: &str = "instasync_webhook_misses_total";

/// Seconds; the upper end is a cart's patience.
const ACK_BUCKETS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Seconds; the upper end is a missed hourly poll.
const IMPORT_BUCKETS: [f64; 14] =
    [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];

/// Seconds; the upper end is the first run of a large shop.
const RUN_BUCKETS: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

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
    /// Up to when its book is complete (R42).
    pub complete_up_to: Option<Timestamp>,
    /// When the last run began whose list was read to the end, by task.
    pub last_success: Vec<(Task, Timestamp)>,
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
    run_duration: Histogram,
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
                run_duration: registry.histogram(RUN_DURATION, Vec::new()),
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

    /// A run of a task ended, so long after it had begun.
    pub fn run_ended(&self, store: &str, task: Task, result: RunResult, took: Duration) {
        self.with(store, |series, registry| series.run(registry, task, result));
        self.shared.run_duration.record(took.as_secs_f64());
        self.observed();
    }

    /// A poll found so many changes that no webhook had told of (R41).
    pub fn missed(&self, store: &str, count: u32) {
        self.with(store, |series, registry| series.missed(registry, count));
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
        .set_buckets_for_metric(Matcher::Full(RUN_DURATION.to_owned()), &RUN_BUCKETS)?
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
            (RUNS, "Runs of tasks, by how they ended."),
            (MISSES, "Changes that a poll found and no webhook had told of."),
        ];
        for (name, text) in counters {
            self.recorder.describe_counter(name.into(), None, SharedString::const_str(text));
        }
        let histograms = [
            (ACK, "From a delivery's headers to its answer 200."),
            (IMPORT, "From what caused it to the stored order."),
            (RUN_DURATION, "From the beginning of a run to its end."),
        ];
        for (name, text) in histograms {
            self.recorder.describe_histogram(name.into(), None, SharedString::const_str(text));
        }
    }
}
