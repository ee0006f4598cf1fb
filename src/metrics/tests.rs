//! The names that are promised, and the limits on labels.

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
    metrics.run_ended("pine", Task::ImportOrders, RunResult::Done, Duration::from_secs(2));
    metrics.missed("pine", 3);
    metrics.cart_request("pine", CartCode::Status(200));
    metrics.cart_request("pine", CartCode::Status(999));
    metrics.cart_request("pine", CartCode::Timeout);
    metrics.cart_throttled("pine", Duration::from_millis(1250));
    metrics.cart_throttled("pine", Duration::from_millis(250));
    let complete = StoreGauges {
        store: "pine".to_owned(),
        complete_up_to: Some(Timestamp::from_seconds(1_700_000_000)),
        last_success: vec![(Task::ImportOrders, Timestamp::from_seconds(1_700_000_060))],
        ..StoreGauges::default()
    };
    let text = metrics.render(&Snapshot { stores: vec![complete], health: Vec::new() });
    for expected in [
        "instasync_task_runs_total{store=\"pine\",task=\"import_orders\",result=\"done\"} 1",
        "instasync_task_duration_seconds_count 1",
        "instasync_webhook_misses_total{store=\"pine\"} 3",
        "instasync_complete_up_to_timestamp_seconds{store=\"pine\"} 1700000000",
        "instasync_task_last_success_timestamp_seconds{store=\"pine\",task=\"import_orders\"} 1700000060",
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
