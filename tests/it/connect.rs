//! Connecting a cart on the command line, and what the cart then has of us.

use std::time::Duration;

use instasync::simulator::{Fault, RawDelivery, Setting, Wish};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::cart::sign;
use crate::support::daemon::{Daemon, Home};
use crate::support::eventually;
use crate::support::shop::Shop;

/// What a store holds (R43), in the order of their names.
const WANTED: [&str; 11] = [
    "APP_SCOPES_UPDATE",
    "APP_UNINSTALLED",
    "ORDERS_CANCELLED",
    "ORDERS_CREATE",
    "ORDERS_DELETE",
    "ORDERS_EDITED",
    "ORDERS_UPDATED",
    "PRODUCTS_CREATE",
    "PRODUCTS_DELETE",
    "PRODUCTS_UPDATE",
    "REFUNDS_CREATE",
];

async fn daemon() -> (Home, Daemon) {
    let home = Home::reachable("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    (home, daemon)
}

async fn store(daemon: &Daemon, name: &str) -> Value {
    daemon.get(&format!("/api/v1/stores/{name}")).await
}

#[tokio::test]
async fn r43_a_store_is_connected_with_token_scopes_and_subscriptions() {
    let (home, daemon) = daemon().await;
    let shop = Shop::open("pine");
    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "{added:?}");
    let url = format!("{}/webhooks/shopify/pine", daemon.public);
    assert!(added.stderr.contains(&url), "{added:?}");
    assert!(!added.stderr.contains("Scope"), "nothing is missing: {added:?}");
    assert_eq!(shop.subscribed(&daemon), WANTED);
    let told = store(&daemon, "pine").await;
    assert_eq!(told["webhook_url"], url);
    assert_eq!(told["health"]["connection"], "ok");
    assert_eq!(told["health"]["subscribed"].as_array().unwrap().len(), WANTED.len());
    assert_eq!(told["missing_scopes"], json!([]));
    let secret = shop.simulator.cart().client_secret();
    assert!(!told.to_string().contains(&secret), "credentials are write-only");

    let id = shop.place_one();
    let order = daemon.order("pine", id, |order| order["status"] == "awaiting_fulfillment").await;
    assert_eq!(order["order_number"], "1-1001");
}

#[tokio::test]
async fn r43_every_missing_scope_has_its_sentence() {
    let (home, daemon) = daemon().await;
    let shop = Shop::with("pine", |options| {
        options.profile.scopes = vec!["write_orders".to_owned()];
    });
    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "{added:?}");
    let said: Vec<_> =
        added.stderr.lines().filter(|line| line.starts_with("Scope ")).collect::<Vec<_>>();
    assert_eq!(said.len(), 2, "{added:?}");
    assert!(said[0].contains("read_products") && said[1].contains("read_all_orders"), "{said:?}");
    assert!(said.iter().all(|line| line.contains("reconnect")), "{said:?}");
    let told = store(&daemon, "pine").await;
    assert_eq!(told["missing_scopes"].as_array().unwrap().len(), 2, "{told}");
}

#[tokio::test]
async fn a_permanent_token_connects_without_asking_for_one() {
    let (home, daemon) = daemon().await;
    let shop = Shop::open("pine");
    let cart = shop.simulator.cart();
    let grant = json!({"grant_type": "client_credentials",
        "client_id": cart.profile().client_id, "client_secret": cart.client_secret()});
    let endpoint = format!("{}/admin/oauth/access_token", shop.simulator.url());
    let client = reqwest::Client::new();
    let granted: Value =
        client.post(endpoint).json(&grant).send().await.unwrap().json().await.unwrap();
    let token = home.file("token", granted["access_token"].as_str().unwrap());
    let hook = home.file("hook", &cart.client_secret());
    let added = home
        .run(&[
            "store",
            "add",
            "--channel",
            "shopify",
            "--domain",
            &cart.profile().domain,
            "--name",
            "pine",
            "--access-token-file",
            &token.to_string_lossy(),
            "--webhook-secret-file",
            &hook.to_string_lossy(),
            "--api-url",
            &shop.simulator.url(),
        ])
        .await;
    assert_eq!(added.code(), 0, "{added:?}");
    assert_eq!(shop.subscribed(&daemon), WANTED);
    let id = shop.place_one();
    daemon.order("pine", id, |order| order["status"] == "awaiting_fulfillment").await;
}

#[tokio::test]
async fn a_wrong_secret_is_told_in_one_sentence() {
    let (home, daemon) = daemon().await;
    let shop = Shop::open("pine");
    let refused = shop.connect_as(&home, "mistyped", &[]).await;
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(refused.stderr.contains("client id and secret"), "{refused:?}");
    assert!(!refused.stderr.contains("mistyped"), "{refused:?}");
    assert_eq!(refused.stderr.trim().lines().count(), 1, "{refused:?}");
    assert_eq!(shop.subscribed(&daemon), Vec::<String>::new());

    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "once more with the right one: {added:?}");
    let id = shop.place_one();
    let order = daemon.order("pine", id, |_| true).await;
    assert_eq!(order["order_number"], "1-1001", "the same store");
}

#[rstest]
#[case::down(Fault::ApiDown)]
#[case::not_json(Fault::GarbageAnswer)]
#[tokio::test]
async fn a_cart_that_fails_at_connect_is_told_and_checked_later(#[case] fault: Fault) {
    let (home, daemon) = daemon().await;
    let shop = Shop::open("pine");
    shop.fault(Setting::always(fault));
    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "the store is kept: {added:?}");
    let said = added.stderr.to_lowercase();
    assert!(said.contains("the cart") && said.contains("webhooks are accepted"), "{added:?}");
    assert!(!said.contains("connected pine"), "it is not connected: {added:?}");
    shop.calm(fault);
    if fault == Fault::ApiDown {
        eventually("an outage is waited out", || async {
            (shop.subscribed(&daemon) == WANTED).then_some(())
        })
        .await;
    } else {
        let secret = home.path("pine.secret");
        let id = shop.simulator.cart().profile().client_id.clone();
        let again = home
            .run(&[
                "store",
                "reconnect",
                "pine",
                "--client-id",
                &id,
                "--client-secret-file",
                &secret.to_string_lossy(),
            ])
            .await;
        assert_eq!(again.code(), 0, "{again:?}");
        assert_eq!(shop.subscribed(&daemon), WANTED);
    }
}

#[tokio::test]
async fn r43_removing_a_store_takes_only_our_subscriptions() {
    let (home, daemon) = daemon().await;
    let shop = Shop::open("pine");
    shop.connect(&home).await;
    let foreign = "http://127.0.0.1:9/somebody/else";
    subscribe(&shop, foreign).await;
    let id = shop.place_one();
    daemon.order("pine", id, |_| true).await;

    let removed = home.run(&["store", "remove", "pine"]).await;
    assert_eq!(removed.code(), 2, "asks for --yes: {removed:?}");
    let removed = home.run(&["store", "remove", "pine", "--yes"]).await;
    assert_eq!(removed.code(), 0, "{removed:?}");
    let left = shop.simulator.cart().subscriptions();
    let uris: Vec<_> = left.iter().map(|subscription| subscription.uri.as_str()).collect();
    assert_eq!(uris, [foreign]);

    let late = late_delivery(&shop, &daemon).await;
    assert_eq!(late, StatusCode::OK, "authentic late callbacks are let pass");
    let events = daemon.settled("pine").await;
    assert_eq!(
        (events[0]["state"].as_str(), events[0]["reason"].as_str()),
        (Some("ignored"), Some("store_disconnected"))
    );
}

/// Another app of the merchant, as far as the shop is concerned.
async fn subscribe(shop: &Shop, uri: &str) {
    let cart = shop.simulator.cart();
    let grant = json!({"grant_type": "client_credentials",
        "client_id": cart.profile().client_id, "client_secret": cart.client_secret()});
    let client = reqwest::Client::new();
    let base = shop.simulator.url();
    let granted = client.post(format!("{base}/admin/oauth/access_token")).json(&grant).send();
    let granted: Value = granted.await.unwrap().json().await.unwrap();
    let query = "mutation($sub: WebhookSubscriptionInput!) { \
        webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: $sub) \
        { userErrors { message } } }";
    let body = json!({"query": query, "variables": {"sub": {"uri": uri, "format": "JSON"}}});
    let made = client
        .post(format!("{base}/admin/api/2026-10/graphql.json"))
        .header("X-Shopify-Access-Token", granted["access_token"].as_str().unwrap())
        .json(&body)
        .send();
    let made: Value = made.await.unwrap().json().await.unwrap();
    assert_eq!(made["data"]["webhookSubscriptionCreate"]["userErrors"], json!([]), "{made}");
}

/// A callback of the shop to the address it had before.
async fn late_delivery(shop: &Shop, daemon: &Daemon) -> StatusCode {
    let records = shop
        .simulator
        .cart()
        .send(&RawDelivery {
            topic: "orders/updated".to_owned(),
            uri: Some(format!("{}/webhooks/shopify/{}", daemon.public, shop.name)),
            ..RawDelivery::default()
        })
        .await;
    StatusCode::from_bytes(records[0].answers[0].as_bytes()).unwrap()
}

#[tokio::test]
async fn r1_the_same_cart_twice_is_refused_and_names_the_store() {
    let (home, daemon) = daemon().await;
    let shop = Shop::open("pine");
    shop.connect(&home).await;
    let cart = shop.simulator.cart();
    let body = json!({"channel": "shopify", "domain": "PINE.myshopify.com", "name": "Again",
        "credentials": {"client_id": "x", "client_secret": "y"}});
    let (status, problem) = daemon.call(Method::POST, "/api/v1/stores", Some(&body)).await;
    assert_eq!((status, problem["existing"].as_str()), (StatusCode::CONFLICT, Some("pine")));
    let again = shop.connect_as(&home, &cart.client_secret(), &["--slug", "other"]).await;
    assert_eq!(again.code(), 1, "{again:?}");
    assert!(again.stderr.contains("pine"), "{again:?}");
}

#[tokio::test]
async fn r1_a_store_connected_again_has_its_orders_and_number() {
    let (home, daemon) = daemon().await;
    let (pine, oak) = (Shop::open("pine"), Shop::open("oak"));
    pine.connect(&home).await;
    oak.connect(&home).await;
    let first = pine.place_one();
    let before = daemon.order("pine", first, |_| true).await;
    assert_eq!(home.run(&["store", "remove", "pine", "--yes"]).await.code(), 0);
    assert_eq!(daemon.orders("pine").await.len(), 1, "its orders stay");
    let missed = pine.place_one();

    let again = pine.connect(&home).await;
    assert_eq!(again.code(), 0, "{again:?}");
    assert_eq!(pine.subscribed(&daemon), WANTED);
    assert_eq!(daemon.order("pine", first, |_| true).await, before);
    let second = pine.place_one();
    let order = daemon.order("pine", second, |_| true).await;
    assert_eq!(order["order_number"], "1-1003", "the index is kept");
    let fetched = home.run(&["order", "fetch", "pine", &missed.to_string()]).await;
    assert_eq!(fetched.code(), 0, "what was told to nobody can be fetched: {fetched:?}");
    assert_eq!(daemon.orders("pine").await.len(), 3);
}

#[tokio::test]
async fn r8_two_secrets_are_accepted_while_rotating() {
    let (home, daemon) = daemon().await;
    let shop = Shop::open("pine");
    shop.connect(&home).await;
    let old = shop.simulator.cart().client_secret();
    let fresh = home.file("fresh.secret", "shpss_brand_new");
    let set = home
        .run(&[
            "store",
            "set",
            "pine",
            "--webhook-secret-file",
            &fresh.to_string_lossy(),
            "--keep-old",
            "1h",
        ])
        .await;
    assert_eq!(set.code(), 0, "{set:?}");
    let first = shop.place_one();
    daemon.order("pine", first, |_| true).await;
    let hour = Duration::from_hours(1);
    shop.simulator.cart().rotate_secret(Some("shpss_brand_new".to_owned()), hour);
    let second = shop.place_one();
    daemon.order("pine", second, |_| true).await;
    shop.simulator.cart().rotate_secret(Some("shpss_brand_new".to_owned()), Duration::ZERO);
    let third = shop.place_one();
    daemon.order("pine", third, |_| true).await;
    shop.told_everything().await;
    let records = shop.simulator.cart().deliveries();
    assert!(records.iter().all(|record| record.answers == ["200"]), "{records:?}");

    let set = home
        .run(&["store", "set", "pine", "--webhook-secret-file", &fresh.to_string_lossy()])
        .await;
    assert_eq!(set.code(), 0, "{set:?}");
    let id = shop.place(&Wish { quiet: true, ..Wish::default() });
    let body = json!({"id": id, "line_items": []}).to_string();
    let signed = |secret: &str| sign(secret, body.as_bytes());
    let deliver = async |signature: String| {
        daemon.try_deliver("pine", "orders/updated", &body, "late", &signature).await.unwrap()
    };
    assert_eq!(deliver(signed(&old)).await, StatusCode::UNAUTHORIZED, "the old one is over");
    assert_eq!(deliver(signed("shpss_brand_new")).await, StatusCode::OK);
}
