//! Everything that can go wrong between a cart and us: nothing is lost, nothing is doubled, and no
//! other store notices.

use std::collections::BTreeSet;

use instasync::simulator::{Action, Fault, Setting, Wish};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Home};
use crate::support::eventually;
use crate::support::shop::{Shop, millis};

async fn daemon() -> (Home, Daemon) {
    let home = Home::reachable("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    (home, daemon)
}

async fn connected(home: &Home, name: &'static str) -> Shop {
    let shop = Shop::open(name);
    let added = shop.connect(home).await;
    assert_eq!(added.code(), 0, "{added:?}");
    shop
}

/// All orders of the shop stand in the book once, cancelled or not as the shop has them.
async fn agrees(daemon: &Daemon, shop: &Shop) {
    let events = shop.quiet(daemon).await;
    let odd: Vec<_> = events.iter().filter(|event| event["reason"] == "crashed").collect();
    assert!(odd.is_empty(), "{odd:#?}");
    let told: Vec<(Value, bool)> = daemon
        .orders(shop.name)
        .await
        .iter()
        .map(|order| (order["cart_order_id"].clone(), order["status"] == "cancelled"))
        .collect();
    let truth = shop.simulator.cart().orders();
    let text = |(id, cancelled): (Value, bool)| format!("{id} {cancelled}");
    let distinct: BTreeSet<_> = told.iter().cloned().map(text).collect();
    assert_eq!(distinct.len(), told.len(), "no order twice");
    let truth: BTreeSet<_> = truth
        .iter()
        .map(|order| (order["id"].clone(), order["cancelled_at"].is_string()))
        .map(text)
        .collect();
    assert_eq!(distinct, truth);
}

#[rstest]
#[case::duplicate(Setting::always(Fault::Duplicate).lasting(millis(50)))]
#[case::delay(Setting::rate(Fault::Delay, 0.5).lasting(millis(700)))]
#[case::reorder(Setting::always(Fault::Reorder).lasting(millis(60)))]
#[case::bad_signature(Setting::rate(Fault::BadSignature, 0.5))]
#[case::stale_retry(Setting::always(Fault::StaleRetry).lasting(millis(400)))]
#[case::garbage_body(Setting::rate(Fault::GarbageBody, 0.5).lasting(millis(10)))]
#[tokio::test]
async fn webhooks_in_trouble_lose_and_double_nothing(#[case] setting: Setting) {
    let (home, daemon) = daemon().await;
    let shop = connected(&home, "pine").await;
    shop.fault(setting);
    let ids: Vec<u64> = (0..10).map(|_| shop.place_one()).collect();
    for id in ids.iter().step_by(3) {
        shop.cancel(*id);
    }
    for id in ids.iter().skip(1).step_by(3) {
        shop.act(*id, &Action::Edit { note: None });
    }
    agrees(&daemon, &shop).await;
    let events = daemon.events("pine").await;
    match setting.fault {
        Fault::Duplicate => {
            let webhooks = events.iter().filter(|event| event["source"] == "webhook");
            assert!(webhooks.clone().all(|event| event["duplicates"] == 1), "{events:#?}");
        }
        Fault::BadSignature => {
            let metrics = daemon.get("/metrics").await;
            let refused = metrics.as_str().unwrap().lines().any(|line| {
                line.starts_with("instasync_webhooks_received_total")
                    && line.contains("bad_signature")
                    && !line.ends_with(" 0")
            });
            assert!(refused, "{metrics}");
        }
        Fault::GarbageBody => {
            let aside = events.iter().filter(|event| event["state"] == "set_aside");
            assert!(aside.clone().count() > 0);
            assert!(aside.clone().all(|event| event["reason"] == "unreadable"), "{events:#?}");
        }
        _ => assert!(events.iter().all(|event| event["state"] != "set_aside"), "{events:#?}"),
    }
}

#[tokio::test]
async fn a_webhook_that_never_came_is_made_good_by_a_fetch() {
    let (home, daemon) = daemon().await;
    let shop = connected(&home, "pine").await;
    let first = shop.place_one();
    daemon.order("pine", first, |_| true).await;
    shop.fault(Setting::always(Fault::Drop));
    let lost = shop.place_one();
    shop.cancel(first);
    shop.quiet(&daemon).await;
    assert_eq!(daemon.orders("pine").await.len(), 1);
    for id in [lost, first] {
        let fetched = home.run(&["order", "fetch", "pine", &id.to_string()]).await;
        assert_eq!(fetched.code(), 0, "{fetched:?}");
    }
    agrees(&daemon, &shop).await;
    let order = daemon.order("pine", lost, |_| true).await;
    assert_eq!(order["arrived_by"], "manual");
}

/// The state of the newest event of that topic.
async fn newest(daemon: &Daemon, topic: &str) -> Option<Value> {
    let events = daemon.events("pine").await;
    events.into_iter().find(|event| event["topic"] == topic)
}

#[rstest]
#[case::down(Setting::always(Fault::ApiDown))]
#[case::hang(Setting::always(Fault::Hang))]
#[case::throttled(Setting::always(Fault::Throttled))]
#[case::too_many_requests(Setting::always(Fault::TooManyRequests))]
#[case::not_json(Setting::always(Fault::GarbageAnswer))]
#[case::token_revoked(Setting::times(Fault::TokenRevoked, 1))]
#[case::lagging_reads(Setting::always(Fault::LaggingReads))]
#[tokio::test]
async fn i6_an_api_in_trouble_is_waited_out_and_no_other_store_notices(#[case] setting: Setting) {
    let (home, daemon) = daemon().await;
    let (pine, oak) = (connected(&home, "pine").await, connected(&home, "oak").await);
    let id = pine.place_one();
    daemon.order("pine", id, |order| order["status"] == "awaiting_fulfillment").await;
    pine.quiet(&daemon).await;
    pine.fault(setting);
    let truth = pine.act(id, &Action::Edit { note: None });
    let passes = matches!(setting.fault, Fault::TokenRevoked | Fault::LaggingReads);
    let thin = eventually("the edit was told", || newest(&daemon, "orders/edited")).await;
    // Webhooks of both stores are worked on while the one call hangs or fails.
    for shop in [&oak, &pine] {
        let other = shop.place_one();
        daemon.order(shop.name, other, |order| order["status"] == "awaiting_fulfillment").await;
    }
    if !passes {
        let path = format!("/api/v1/events/{}", thin["id"].as_str().unwrap());
        let still = daemon.get(&path).await;
        assert!(still["done_at"].is_null(), "it waits for the cart: {still}");
    }
    pine.calm(setting.fault);
    let events = pine.quiet(&daemon).await;
    assert!(!events.iter().any(|event| event["state"] == "set_aside"), "{events:#?}");
    agrees(&daemon, &pine).await;
    let order = daemon.order("pine", id, |_| true).await;
    assert_eq!(order["cart_updated_at"], truth["updated_at"]);
    let store = daemon.get("/api/v1/stores/pine").await;
    assert_eq!(store["health"]["connection"], "ok");
    assert_eq!(store["health"]["waiting"], 0);
    agrees(&daemon, &oak).await;
}

#[tokio::test]
async fn r47_refused_credentials_pause_calls_alone_until_the_store_is_reconnected() {
    let (home, daemon) = daemon().await;
    let pine = connected(&home, "pine").await;
    let id = pine.place_one();
    daemon.order("pine", id, |_| true).await;
    pine.fault(Setting::always(Fault::AccessRefused));
    let truth = pine.act(id, &Action::Refund { all: false });
    eventually("the store says that it must be reconnected", || async {
        let store = daemon.get("/api/v1/stores/pine").await;
        (store["health"]["connection"] == "reconnect").then_some(())
    })
    .await;
    let other = pine.place_one();
    daemon.order("pine", other, |_| true).await;
    let attention = daemon.get("/api/v1/attention").await;
    assert!(attention.to_string().contains("reconnect"), "{attention}");

    pine.calm(Fault::AccessRefused);
    let (secret, client) =
        (home.path("pine.secret"), pine.simulator.cart().profile().client_id.clone());
    let secret = secret.to_string_lossy();
    let reconnect =
        ["store", "reconnect", "pine", "--client-id", &client, "--client-secret-file", &*secret];
    let again = home.run(&reconnect).await;
    assert_eq!(again.code(), 0, "{again:?}");
    agrees(&daemon, &pine).await;
    let order = daemon.order("pine", id, |_| true).await;
    assert_eq!(order["cart"]["financial_status"], truth["financial_status"]);
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_without_anybody_noticing() {
    let (home, daemon) = daemon().await;
    let shop = connected(&home, "pine").await;
    shop.simulator.cart().revoke_tokens();
    let id = shop.place(&Wish { quiet: true, ..Wish::default() });
    let body = json!({"cart_order_id": id.to_string()});
    let path = "/api/v1/stores/pine/orders/fetch";
    let (status, order) = daemon.call(reqwest::Method::POST, path, Some(&body)).await;
    assert_eq!(status, StatusCode::OK, "{order}");
    agrees(&daemon, &shop).await;
}
