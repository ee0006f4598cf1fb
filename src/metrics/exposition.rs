//! Series that are written out at the time of a scrape, in Prometheus' text format.

use std::fmt::{Display, Write};

use super::{About, OTHER, Snapshot, StoreGauges};
use crate::domain::Timestamp;

/// Announces a series.
pub(super) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    written.expect("invariant: writing to a String does not fail");
}

/// One sample.
pub(super) fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    text.push_str(name);
    for (at, (label, value)) in labels.iter().enumerate() {
        text.push(if at == 0 { '{' } else { ',' });
        text.push_str(label);
        text.push_str("=\"");
        for symbol in value.chars() {
            match symbol {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                plain => text.push(plain),
            }
        }
        text.push('"');
    }
    if !labels.is_empty() {
        text.push('}');
    }
    writeln!(text, " {value}").expect("invariant: writing to a String does not fail");
}

/// A gauge without labels.
pub(super) fn gauge(text: &mut String, name: &str, help: &str, value: impl Display) {
    head(text, name, "gauge", help);
    sample(text, name, &[], value);
}

pub(super) fn build(text: &mut String, about: &About) {
    let name = "instasync_build_info";
    head(text, name, "gauge", "What was built; always 1.");
    sample(text, name, &[("version", about.version), ("revision", about.revision)], 1);
}

pub(super) fn throttled(text: &mut String, stores: &[(String, f64)]) {
    if stores.is_empty() {
        return;
    }
    let name = "instasync_cart_throttled_seconds_total";
    head(text, name, "counter", "How long calls had to wait because the cart asked for it.");
    for (store, seconds) in stores {
        sample(text, name, &[("store", store)], seconds);
    }
}

/// Writes what was handed in. Stores without a label of their own are added up.
pub(super) fn snapshot(
    text: &mut String,
    snapshot: &Snapshot,
    mut has_own_label: impl FnMut(&str) -> bool,
) {
    let (mut own, rest): (Vec<&StoreGauges>, Vec<&StoreGauges>) =
        snapshot.stores.iter().partition(|gauges| has_own_label(&gauges.store));
    let summed = sum(&rest);
    own.extend(summed.as_ref());

    let mut family = |name: &str, help: &str, value: fn(&StoreGauges) -> f64| {
        if own.is_empty() {
            return;
        }
        head(text, name, "gauge", help);
        for gauges in &own {
            sample(text, name, &[("store", &gauges.store)], value(gauges));
        }
    };
    family("instasync_events_waiting", "Open events.", |store| store.events_waiting as f64);
    family(
        "instasync_events_oldest_waiting_seconds",
        "How long the oldest open event has waited.",
        |store| store.oldest_waiting.as_secs_f64(),
    );
    family("instasync_events_set_aside", "Events that need a person.", |store| {
        store.set_aside as f64
    });
    family("instasync_actor_mailbox_depth", "What a store's actor has not worked off.", |store| {
        store.mailbox_depth as f64
    });

    if own.iter().any(|gauges| gauges.complete_up_to.is_some()) {
        let name = "instasync_complete_up_to_timestamp_seconds";
        head(text, name, "gauge", "Up to when the book is complete.");
        for gauges in &own {
            if let Some(up_to) = gauges.complete_up_to {
                sample(text, name, &[("store", &gauges.store)], seconds(up_to));
            }
        }
    }
    if own.iter().any(|gauges| !gauges.last_success.is_empty()) {
        let name = "instasync_task_last_success_timestamp_seconds";
        head(text, name, "gauge", "When the last run began whose list was read to the end.");
        for gauges in &own {
            for (task, at) in &gauges.last_success {
                let labels = [("store", gauges.store.as_str()), ("task", task.as_str())];
                sample(text, name, &labels, seconds(*at));
            }
        }
    }
    if own.iter().any(|gauges| !gauges.subscriptions.is_empty()) {
        let name = "instasync_subscription_up";
        head(text, name, "gauge", "Whether the cart tells us of this topic.");
        for gauges in &own {
            for (topic, up) in &gauges.subscriptions {
                let labels = [("store", gauges.store.as_str()), ("topic", topic)];
                sample(text, name, &labels, u8::from(*up));
            }
        }
    }
    if !snapshot.health.is_empty() {
        let name = "instasync_stores";
        head(text, name, "gauge", "Stores by state of health.");
        for (health, count) in &snapshot.health {
            sample(text, name, &[("health", health)], count);
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1e6
}

/// Several stores as one. Subscriptions and instants do not add up to anything and are left out.
fn sum(stores: &[&StoreGauges]) -> Option<StoreGauges> {
    let mut sum = StoreGauges { store: OTHER.to_owned(), ..StoreGauges::default() };
    for store in stores {
        sum.events_waiting += store.events_waiting;
        sum.oldest_waiting = sum.oldest_waiting.max(store.oldest_waiting);
        sum.set_aside += store.set_aside;
        sum.mailbox_depth += store.mailbox_depth;
    }
    (!stores.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_cannot_break_out_of_their_quotes() {
        let mut text = String::new();
        sample(&mut text, "x", &[("a", "1\"} 2\n\\"), ("b", "")], 3);
        assert_eq!(text, "x{a=\"1\\\"} 2\\n\\\\\",b=\"\"} 3\n");
    }
}
