//! Autosync in a whole process, for both carts: it brings what webhooks did not, proves it, and goes on
//! after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use instasync::simulator::bigcommerce::{Act, Wanted};
use instasync::simulator::{Action, Allowance, Fault, Setting, Wish};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::bigcommerce::Shop as Oak;
use crate::support::daemon::{Daemon, Home};
use crate::support::eventually;
use crate::support::shop::Shop as Pine;

/// Polls every other second; a change is late after one.
const QUICK: &str = "[autosync]\ninterval = \"2s\"\nmiss_after = \"1s\"\nlist_lag = \"1s\"\n";

async fn running(extra: &str) -> (Home, Daemon) {
    let home = Home::reachable(extra);
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    (home, daemon)
}

/// A cart of either kind.
enum Cart {
    Shopify(Pine),
    BigCommerce(Oak),
}

impl Cart {
    async fn open(kind: &str, home: &Home) -> Self {
        let (cart, added) = if kind == "shopify" {
            // A plan that never throttles: what is measured is us.
            let allowance = Allowance { maximum: 1e9, restore_rate: 1e9 };
            let shop = Pine::with("pine", |options| options.allowance = allowance);
            let added = shop.connect(home).await;
            (Self::Shopify(shop), added)
        } else {
            let shop = Oak::open("oak");
            let added = shop.connect(home).await;
            (Self::BigCommerce(shop), added)
        };
        assert_eq!(added.code(), 0, "{added:?}");
        cart
    }

    fn slug(&self) -> &'static str {
        match self {
            Self::Shopify(shop) => shop.name,
            Self::BigCommerce(shop) => shop.hash,
        }
    }

    fn place(&self) -> u64 {
        match self {
            Self::Shopify(shop) => shop.place(&Wish::default()),
            Self::BigCommerce(shop) => shop.store().place(&Wanted::default()),
        }
    }

    fn cancel(&self, id: u64) {
        match self {
            Self::Shopify(shop) => drop(shop.cancel(id)),
            Self::BigCommerce(shop) => drop(shop.act(id, &Act::Status(5))),
        }
    }

    fn webhooks_off(&self) {
        match self {
            Self::Shopify(shop) => shop.fault(Setting::always(Fault::Drop)),
            Self::BigCommerce(shop) => shop.fault(Setting::always(Fault::Drop)),
        }
    }

    fn webhooks_on(&self) {
        match self {
            Self::Shopify(shop) => shop.calm(Fault::Drop),
            Self::BigCommerce(shop) => shop.calm(Fault::Drop),
        }
    }
}

async fn health(daemon: &Daemon, slug: &str) -> Value {
    daemon.get(&format!("/api/v1/stores/{slug}")).await["health"].clone()
}

async fn task(daemon: &Daemon, slug: &str) -> Value {
    daemon.get(&format!("/api/v1/stores/{slug}/tasks")).await[0].clone()
}

async fn bolt(daemon: &Daemon, slug: &str, state: &str) {
    eventually(&format!("the bolt of {slug} is {state}"), || async {
        (task(daemon, slug).await["instasync"]["state"] == state).then_some(())
    })
    .await;
}

/// Carts tell whole seconds: two of them make a change late for certain, and two changes distinct.
async fn two_seconds_pass() {
    tokio::time::sleep(Duration::from_millis(2_100)).await;
}

/// How far the book is complete, once it is so beyond `after`.
async fn complete_beyond(daemon: &Daemon, slug: &str, after: &str) -> String {
    eventually("the book is complete up to later", || async {
        let health = health(daemon, slug).await;
        let up_to = health["complete_up_to"].as_str()?.to_owned();
        (up_to.as_str() > after).then_some(up_to)
    })
    .await
}

#[rstest::rstest]
#[tokio::test]
async fn r40_r44_without_webhooks_the_book_is_the_carts_and_the_bolt_says_lost(
    #[values("shopify", "bigcommerce")] kind: &str,
) {
    let (home, daemon) = running(QUICK).await;
    let cart = Cart::open(kind, &home).await;
    let slug = cart.slug();
    let told = cart.place();
    daemon.order(slug, told, |_| true).await;
    let before = complete_beyond(&daemon, slug, "").await;

    // Nothing is read meanwhile, so that all of it is late.
    let off = home.run(&["autosync", slug, "--task", "import_orders", "--every", "off"]).await;
    assert_eq!(off.code(), 0, "{off:?}");
    assert!(off.stderr.contains("Turns off: import_orders."), "{off:?}");
    cart.webhooks_off();
    two_seconds_pass().await;
    let ids: Vec<u64> = (0..12).map(|_| cart.place()).collect();
    let cancelled: BTreeSet<u64> = ids.iter().step_by(4).copied().chain([told]).collect();
    for id in &cancelled {
        cart.cancel(*id);
    }
    two_seconds_pass().await;
    let on = home.run(&["autosync", slug, "--task", "import_orders", "--every", "on"]).await;
    assert_eq!(on.code(), 0, "{on:?}");

    bolt(&daemon, slug, "lost").await;
    for id in ids.iter().chain([&told]) {
        let order = if cancelled.contains(id) && *id != told {
            // Cancelled before it was ever seen: it is held back.
            daemon.order(slug, *id, |order| order["held_back"] == "cancelled_in_cart").await
        } else {
            daemon.order(slug, *id, |order| order["flags"].to_string().contains("missed")).await
        };
        let flags = order["flags"].as_array().unwrap();
        assert!(flags.contains(&json!("webhook_missed")), "{order}");
        let is_cancelled = order["status"] == "cancelled";
        assert_eq!(is_cancelled, *id == told, "{order}");
        let way = if *id == told { "instasync" } else { "autosync" };
        assert_eq!(order["arrived_by"], way, "{order}");
    }
    assert_eq!(health(&daemon, slug).await["webhook_misses_24h"], 13);
    let after = complete_beyond(&daemon, slug, &before).await;
    // Nothing happens any more, and the mark still moves.
    complete_beyond(&daemon, slug, &after).await;

    cart.webhooks_on();
    let back = cart.place();
    let order = daemon.order(slug, back, |_| true).await;
    assert_eq!(order["arrived_by"], "instasync", "{order}");
    bolt(&daemon, slug, "live").await;
}

#[rstest::rstest]
#[tokio::test]
async fn r43_a_removed_subscription_is_made_again_by_the_next_run_and_the_gap_is_read(
    #[values("shopify", "bigcommerce")] kind: &str,
) {
    let (home, daemon) = running("").await;
    let cart = Cart::open(kind, &home).await;
    let slug = cart.slug();
    complete_beyond(&daemon, slug, "").await;
    let count = || match &cart {
        Cart::Shopify(shop) => shop.simulator.cart().subscriptions().len(),
        Cart::BigCommerce(shop) => shop.store().hooks().len(),
    };
    let wanted = count();
    match &cart {
        Cart::Shopify(shop) => shop.simulator.cart().forget_subscriptions(),
        Cart::BigCommerce(shop) => shop.store().forget_hooks(),
    }
    assert_eq!(count(), 0);
    let unseen = cart.place();
    let synced = home.run(&["sync", slug, "--task", "import_orders", "--wait"]).await;
    assert_eq!(synced.code(), 0, "{synced:?}");
    assert!(synced.stderr.contains("1 new"), "{synced:?}");
    assert_eq!(count(), wanted);
    let order = daemon.order(slug, unseen, |_| true).await;
    assert_eq!(order["arrived_by"], "autosync");
    assert!(order["flags"].as_array().unwrap().is_empty(), "Sync once makes no misses");
    let seen = cart.place();
    let order = daemon.order(slug, seen, |_| true).await;
    assert_eq!(order["arrived_by"], "instasync");
}

/// Orders that share a few seconds: thousands of them each.
const MANY: u32 = 10_000;

#[rstest::rstest]
#[tokio::test]
async fn s13_ten_thousand_orders_of_a_few_seconds_arrive_once_over_changes_and_a_kill_9(
    #[values("shopify", "bigcommerce")] kind: &str,
) {
    let (home, daemon) = running("").await;
    let cart = Cart::open(kind, &home).await;
    let slug = cart.slug();
    complete_beyond(&daemon, slug, "").await;
    let silent = json!([{"task": "import_orders", "instasync": {"enabled": false}}]);
    let tasks = format!("/api/v1/stores/{slug}/tasks");
    let (status, body) = daemon.call(Method::PUT, &tasks, Some(&silent)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    bolt(&daemon, slug, "off").await;
    match &cart {
        Cart::Shopify(shop) => drop(shop.simulator.cart().place(&Wish::default(), MANY)),
        Cart::BigCommerce(shop) => {
            let quiet = Wanted { quiet: true, ..Wanted::default() };
            for _ in 0..MANY {
                shop.store().place(&quiet);
            }
        }
    }
    let truth = |cart: &Cart| -> BTreeMap<String, String> {
        match cart {
            Cart::Shopify(shop) => {
                let orders = shop.simulator.cart().orders();
                orders.iter().map(|o| (text(&o["id"]), text(&o["note"]))).collect()
            }
            Cart::BigCommerce(shop) => {
                let orders = shop.store().orders();
                orders.iter().map(|o| (text(&o["id"]), text(&o["customer_message"]))).collect()
            }
        }
    };
    let ids: Vec<u64> = truth(&cart).keys().map(|id| id.parse().unwrap()).collect();
    let began = Instant::now();
    let run = home.run(&["sync", slug, "--task", "import_orders", "--json"]).await;
    let id = run.json()["runs"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/runs/{id}");
    let at_least = async |daemon: &Daemon, seen: u64| {
        eventually("orders are read", || async {
            let run = daemon.get(&path).await;
            (run["seen"].as_u64()? >= seen).then_some(())
        })
        .await;
    };
    at_least(&daemon, 2_000).await;
    let pid = daemon.pid().to_string();
    let killed = std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    assert!(killed.success());
    drop(daemon);
    // Some that have been read change, and some that have not.
    for id in ids.iter().step_by(400) {
        match &cart {
            Cart::Shopify(shop) => {
                drop(shop.act(*id, &Action::Edit { note: Some("changed".to_owned()) }));
            }
            Cart::BigCommerce(shop) => drop(shop.act(*id, &Act::Message("changed".to_owned()))),
        }
    }
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    let run = loop {
        let run = daemon.get(&path).await;
        if run["state"] == "done" {
            break run;
        }
        assert!(began.elapsed() < Duration::from_mins(3), "it takes too long: {run}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let rate = f64::from(MANY) / began.elapsed().as_secs_f64();
    println!("{kind}: {rate:.0} orders/s over a kill -9, in a build for tests: {run}");
    let orders = daemon.orders(slug).await;
    assert_eq!(orders.len(), MANY as usize, "all of them, once");
    assert_eq!(run["new"], MANY, "{run}");
    // What changed while the run was under way is read by it or by the next.
    let synced = home.run(&["sync", slug, "--task", "import_orders", "--wait"]).await;
    assert_eq!(synced.code(), 0, "{synced:?}");
    if kind == "bigcommerce" {
        let book: BTreeMap<String, String> = daemon
            .orders(slug)
            .await
            .iter()
            .map(|order| (text(&order["cart_order_id"]), text(&order["note"])))
            .collect();
        assert_eq!(book, truth(&cart));
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
