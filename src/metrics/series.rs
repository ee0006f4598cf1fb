//! The series of one store, made when they are first needed and kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, Label};

use super::label::{CartCode, ImportPath, Outcome, RestartReason, RunResult, WebhookResult};
use super::{IMPORT, MISSES, ORDERS, REQUESTS, RESTARTS, RUNS, Registry, WEBHOOKS};
use crate::domain::{ChannelKind, Task};

/// Handles of one value of the label `store`.
pub(super) struct StoreSeries {
    store: Box<str>,
    webhooks: Family<(ChannelKind, &'static str, WebhookResult), Counter>,
    orders: Family<Outcome, Counter>,
    imports: Family<ImportPath, Histogram>,
    restarts: Family<RestartReason, Counter>,
    requests: Family<CartCode, Counter>,
    runs: Family<(Task, RunResult), Counter>,
    misses: Family<(), Counter>,
    /// µs; the recorder's counters count in whole numbers, seconds would be too coarse.
    throttled: AtomicU64,
}

impl StoreSeries {
    pub(super) fn new(store: &str) -> Self {
        Self {
            store: store.into(),
            webhooks: Family::default(),
            orders: Family::default(),
            imports: Family::default(),
            restarts: Family::default(),
            requests: Family::default(),
            runs: Family::default(),
            misses: Family::default(),
            throttled: AtomicU64::new(0),
        }
    }

    pub(super) fn webhook(
        &self,
        registry: &Registry,
        channel: ChannelKind,
        topic: &'static str,
        result: WebhookResult,
    ) {
        let make = || {
            let rest = [
                Label::from_static_parts("channel", channel.as_str()),
                Label::from_static_parts("topic", topic),
                Label::from_static_parts("result", result.as_str()),
            ];
            registry.counter(WEBHOOKS, self.labels(rest))
        };
        self.webhooks.with((channel, topic, result), make, |counter| counter.increment(1));
    }

    pub(super) fn order(&self, registry: &Registry, outcome: Outcome) {
        let label = || [Label::from_static_parts("outcome", outcome.as_str())];
        let make = || registry.counter(ORDERS, self.labels(label()));
        self.orders.with(outcome, make, |counter| counter.increment(1));
    }

    pub(super) fn import(&self, registry: &Registry, path: ImportPath, latency: Duration) {
        let label = || [Label::from_static_parts("path", path.as_str())];
        let make = || registry.histogram(IMPORT, self.labels(label()));
        self.imports.with(path, make, |histogram| histogram.record(latency.as_secs_f64()));
    }

    pub(super) fn restart(&self, registry: &Registry, reason: RestartReason) {
        let label = || [Label::from_static_parts("reason", reason.as_str())];
        let make = || registry.counter(RESTARTS, self.labels(label()));
        self.restarts.with(reason, make, |counter| counter.increment(1));
    }

    pub(super) fn request(&self, registry: &Registry, code: CartCode) {
        let make = || registry.counter(REQUESTS, self.labels([Label::new("code", code.text())]));
        self.requests.with(code, make, |counter| counter.increment(1));
    }

    pub(super) fn run(&self, registry: &Registry, task: Task, result: RunResult) {
        let label = || {
            [
                Label::from_static_parts("task", task.as_str()),
                Label::from_static_parts("result", result.as_str()),
            ]
        };
        let make = || registry.counter(RUNS, self.labels(label()));
        self.runs.with((task, result), make, |counter| counter.increment(1));
    }

    pub(super) fn missed(&self, registry: &Registry, count: u32) {
        let make = || registry.counter(MISSES, self.labels([]));
        self.misses.with((), make, |counter| counter.increment(u64::from(count)));
    }

    pub(super) fn throttled(&self, wait: Duration) {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        self.throttled.fetch_add(micros, Ordering::Relaxed);
    }

    /// The store and how long its calls had to wait, if they ever had to.
    pub(super) fn seconds_throttled(&self) -> Option<(String, f64)> {
        let micros = self.throttled.load(Ordering::Relaxed);
        (micros > 0).then(|| (self.store.to_string(), Duration::from_micros(micros).as_secs_f64()))
    }

    fn labels<const N: usize>(&self, rest: [Label; N]) -> Vec<Label> {
        let mut labels = Vec::with_capacity(N + 1);
        labels.push(Label::new("store", self.store.to_string()));
        labels.extend(rest);
        labels
    }
}

/// Handles by the values of the remaining labels.
struct Family<K, H> {
    made: RwLock<BTreeMap<K, H>>,
}

impl<K, H> Default for Family<K, H> {
    fn default() -> Self {
        Self { made: RwLock::new(BTreeMap::new()) }
    }
}

impl<K: Ord, H> Family<K, H> {
    fn with(&self, key: K, make: impl FnOnce() -> H, act: impl FnOnce(&H)) {
        if let Some(handle) = self.made.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return act(handle);
        }
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        act(made.entry(key).or_insert_with(make));
    }
}
