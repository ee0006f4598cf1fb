//! Whatever is sent, no answer is a 500.

use actix_web::http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::world::{order, run};

const READS: &[&str] = &[
    "/api/v1/orders",
    "/api/v1/events",
    "/api/v1/runs",
    "/api/v1/lookup",
    "/api/v1/stores",
    "/api/v1/attention",
    "/",
    "/orders",
    "/login",
];
const WRITES: &[(&str, &str)] = &[
    ("POST", "/api/v1/stores"),
    ("PATCH", "/api/v1/stores/pine"),
    ("POST", "/api/v1/accounts"),
    ("POST", "/api/v1/tokens"),
    ("POST", "/api/v1/stores/pine/orders/fetch"),
    ("POST", "/api/v1/orders/ord_1_1/ship"),
    ("POST", "/api/v1/orders/ord_1_1/cancel"),
    ("POST", "/login"),
];
const NAMES: &[&str] = &[
    "q",
    "store",
    "status",
    "limit",
    "cursor",
    "account",
    "flag",
    "updated_after",
    "state",
    "topic",
    "has_revision",
    "cart_order_id",
    "t",
];
const FIELDS: &[&str] = &[
    "name",
    "slug",
    "channel",
    "domain",
    "credentials",
    "rules",
    "role",
    "account",
    "api_url",
    "reason",
    "carrier",
    "client_secret",
    "webhook_secrets",
    "keep_old",
    "edits",
    "connect",
];

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        prop::sample::select(vec!["shopify", "a.b", "viewer", "1h", "paid"]).prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(prop::sample::select(FIELDS), inner, 0..5).prop_map(|map| {
                map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

fn query() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[!-~&&[^#]]{0,20}", "(%[0-9a-fA-F]{2}){0,8}", "[0-9a-z_-]{0,12}"];
    let pair =
        (prop::sample::select(NAMES), text).prop_map(|(name, text)| format!("{name}={text}"));
    prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

/// Values of a strategy, the same ones each time.
fn samples<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    use proptest::strategy::ValueTree;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn arbitrary_queries_are_answered() {
    run(async |world| {
        world.store("pine").await;
        world.deliver("pine", &order(1)).await;
        for (path, query) in samples(400, (prop::sample::select(READS), query())) {
            let path = format!("{path}?{query}");
            if path.parse::<actix_web::http::Uri>().is_err() {
                continue;
            }
            let answer = world.get(&path).await;
            assert!(answer.status < 500, "{path}: {answer:?}");
        }
    });
}

#[test]
fn arbitrary_bodies_are_answered() {
    run(async |world| {
        world.store("pine").await;
        world.deliver("pine", &order(1)).await;
        let body = prop_oneof![
            4 => value().prop_map(|value| value.to_string()),
            1 => ".{0,40}",
        ];
        let requests = (prop::sample::select(WRITES), body);
        for ((method, path), body) in samples(400, requests) {
            let answer = world
                .ask(method.parse::<Method>().unwrap(), path)
                .trusted()
                .raw(&body)
                .send()
                .await;
            assert!(answer.status < 500, "{method} {path} {body}: {answer:?}");
        }
    });
}
