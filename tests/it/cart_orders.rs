//! From a signed webhook to the book, by the rules.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::cart::{SECRET, changed, order, sign};
use crate::support::daemon::{Daemon, Home};

async fn pine() -> (Home, Daemon) {
    let home = Home::new("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    home.add_store("pine").await;
    (home, daemon)
}

fn cancelled(order: &Value, seconds: u32) -> Value {
    let fields = json!({"cancelled_at": "2026-11-20T09:30:00-05:00", "cancel_reason": "customer",
        "financial_status": "refunded", "closed_at": "2026-11-20T09:30:00-05:00"});
    changed(order, seconds, &fields)
}

fn status(order: &Value) -> &str {
    order["status"].as_str().unwrap()
}

#[tokio::test]
async fn r8_a_signed_order_stands_in_the_book_and_survives_a_restart() {
    let (home, daemon) = pine().await;
    assert_eq!(daemon.deliver("pine", "orders/create", &order(5001)).await, StatusCode::OK);
    let told = daemon.order("pine", 5001, |order| status(order) == "awaiting_fulfillment").await;
    assert_eq!(told["order_number"], "1-5001");
    assert_eq!(told["cart_order_name"], "#5001");
    assert_eq!(told["arrived_by"], "instasync");
    assert_eq!(told["totals"]["total"], "60.00");
    assert_eq!(told["lines"][0]["sku"], "CANDLE-1");
    assert_eq!(told["lines"][0]["unit_price"], "20.00");
    assert_eq!(told["placed_at"], "2026-11-20T14:00:00Z");
    assert!(daemon.terminate().await.success());

    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    assert_eq!(daemon.order("pine", 5001, |_| true).await, told);
}

#[tokio::test]
async fn r9_what_is_not_authentic_or_not_readable() {
    let (home, daemon) = pine().await;
    let body = order(5001).to_string();
    let signature = sign(SECRET, body.as_bytes());
    let changed_byte = body.replacen("Ada", "Eda", 1);
    let try_deliver = async |store: &str, body: &str, signature: &str| {
        daemon.try_deliver(store, "orders/create", body, "d-1", signature).await.unwrap()
    };
    assert_eq!(try_deliver("pine", &changed_byte, &signature).await, StatusCode::UNAUTHORIZED);
    assert_eq!(try_deliver("pine", &body, "").await, StatusCode::UNAUTHORIZED);
    assert_eq!(try_deliver("oak", &body, &signature).await, StatusCode::NOT_FOUND);
    assert!(daemon.events("pine").await.is_empty(), "refused before any write");

    for (topic, body, reason) in [
        ("orders/create", "{\"id\": 1, garbage", "unreadable"),
        ("orders/create", "{\"id\": 1}", "wrong_shape"),
        ("comets/create", "{}", "topic_unknown"),
    ] {
        let id = format!("odd-{reason}");
        assert_eq!(daemon.deliver_as("pine", topic, body, &id).await, StatusCode::OK);
        let events = daemon.settled("pine").await;
        let event = events.iter().find(|event| event["delivery_id"] == *id).unwrap();
        assert_eq!(
            (event["state"].as_str(), event["reason"].as_str()),
            (Some("set_aside"), Some(reason))
        );
    }
    assert_eq!(
        daemon.deliver_as("pine", "products/update", "{\"id\":7}", "p").await,
        StatusCode::OK
    );
    let events = daemon.settled("pine").await;
    assert_eq!(events[0]["state"], "ignored");
    assert_eq!(events[0]["reason"], "topic_not_used");

    let why = home.run(&["order", "why", "odd-unreadable"]).await;
    assert!(why.stdout.contains("not JSON"), "{why:?}");
}

#[tokio::test]
async fn r10_the_same_delivery_is_one_event_and_the_same_state_a_duplicate() {
    let (_home, daemon) = pine().await;
    let body = order(5001).to_string();
    for _ in 0..3 {
        let status = daemon.deliver_as("pine", "orders/create", &body, "twice").await;
        assert_eq!(status, StatusCode::OK);
    }
    daemon.deliver_as("pine", "orders/updated", &body, "another").await;
    let events = daemon.settled("pine").await;
    assert_eq!(events.len(), 2, "{events:#?}");
    assert_eq!(events[0]["state"], "duplicate");
    assert_eq!(
        (events[1]["state"].as_str(), events[1]["duplicates"].as_u64()),
        (Some("done"), Some(2))
    );
    assert_eq!(daemon.orders("pine").await.len(), 1);
}

#[tokio::test]
async fn r12_a_cancel_before_its_create_ends_as_a_cancelled_order() {
    let (_home, daemon) = pine().await;
    let first = order(5001);
    daemon.deliver("pine", "orders/cancelled", &cancelled(&first, 60)).await;
    let held = daemon.order("pine", 5001, |order| status(order) == "held_back").await;
    assert_eq!(held["held_back"], "cancelled_in_cart");
    assert!(daemon.orders("pine").await.is_empty(), "held-back orders are left out of lists");
    daemon.deliver("pine", "orders/create", &first).await;
    let told = daemon.order("pine", 5001, |order| status(order) == "cancelled").await;
    assert_eq!(told["lines"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn r12_an_update_before_its_create_and_a_stale_retry_change_nothing() {
    let (_home, daemon) = pine().await;
    let first = order(5001);
    daemon
        .deliver("pine", "orders/updated", &changed(&first, 30, &json!({"note": "ring twice"})))
        .await;
    daemon.deliver("pine", "orders/create", &first).await;
    daemon.settled("pine").await;
    let told = daemon.order("pine", 5001, |_| true).await;
    assert_eq!(told["cart_updated_at"], "2026-11-20T14:00:30Z");
    let events = daemon.settled("pine").await;
    assert_eq!(events[0]["state"], "stale");
}

#[tokio::test]
async fn r20_an_edit_after_the_import_leaves_our_content() {
    let (_home, daemon) = pine().await;
    let first = order(5001);
    daemon.deliver("pine", "orders/create", &first).await;
    daemon.settled("pine").await;
    let mut edited = changed(&first, 90, &json!({}));
    edited["line_items"][0]["current_quantity"] = json!(5);
    daemon.deliver("pine", "orders/updated", &edited).await;
    let events = daemon.settled("pine").await;
    assert_eq!(
        (events[0]["state"].as_str(), events[0]["reason"].as_str()),
        (Some("ignored"), Some("edits_ignored"))
    );
    let told = daemon.order("pine", 5001, |_| true).await;
    assert_eq!(told["lines"][0]["quantity"], 2);
    assert_eq!(told["cart_updated_at"], "2026-11-20T14:01:30Z");
}

#[tokio::test]
async fn r21_a_restored_order_is_not_cancelled_by_the_same_cancellation() {
    let (home, daemon) = pine().await;
    let first = order(5001);
    daemon.deliver("pine", "orders/create", &first).await;
    daemon.deliver("pine", "orders/cancelled", &cancelled(&first, 60)).await;
    let told = daemon.order("pine", 5001, |order| status(order) == "cancelled").await;
    let id = told["id"].as_str().unwrap();
    let restored = home.run(&["order", "restore", id]).await;
    assert!(restored.status.success(), "{restored:?}");
    daemon.deliver("pine", "orders/updated", &cancelled(&first, 120)).await;
    daemon.settled("pine").await;
    let told = daemon.order("pine", 5001, |_| true).await;
    assert_eq!(status(&told), "awaiting_fulfillment");
    let timeline = daemon.get(&format!("/api/v1/orders/{id}/timeline")).await;
    let kinds: Vec<_> =
        timeline["data"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"restored") && kinds[0] == "imported", "{kinds:?}");
}

#[tokio::test]
async fn r24_a_cancel_after_shipping_raises_a_flag_and_needs_attention() {
    let (_home, daemon) = pine().await;
    let first = order(5001);
    daemon.deliver("pine", "orders/create", &first).await;
    let told = daemon.order("pine", 5001, |_| true).await;
    let id = told["id"].as_str().unwrap();
    let ship = json!({"tracking_number": "1Z999", "carrier": "UPS"});
    let (answer, _) =
        daemon.call(Method::POST, &format!("/api/v1/orders/{id}/ship"), Some(&ship)).await;
    assert_eq!(answer, StatusCode::OK);
    let (answer, problem) =
        daemon.call(Method::POST, &format!("/api/v1/orders/{id}/cancel"), Some(&json!({}))).await;
    assert_eq!(answer, StatusCode::CONFLICT, "{problem}");

    daemon.deliver("pine", "orders/cancelled", &cancelled(&first, 60)).await;
    let told =
        daemon.order("pine", 5001, |order| order["flags"] == json!(["cancelled_late"])).await;
    assert_eq!(status(&told), "shipped");
    let attention = daemon.get("/api/v1/attention").await;
    let kinds: Vec<_> =
        attention["data"].as_array().unwrap().iter().map(|i| i["kind"].clone()).collect();
    assert!(kinds.contains(&json!("cancelled_late")), "{attention}");
}

#[tokio::test]
async fn r13_a_person_may_import_a_held_back_order_anyway() {
    let (_home, daemon) = pine().await;
    let pending = changed(&order(5001), 0, &json!({"financial_status": "pending"}));
    daemon.deliver("pine", "orders/create", &pending).await;
    let held = daemon.order("pine", 5001, |order| order["held_back"] == "payment_pending").await;
    let id = held["id"].as_str().unwrap();
    let (answer, told) =
        daemon.call(Method::POST, &format!("/api/v1/orders/{id}/import-anyway"), None).await;
    assert_eq!(answer, StatusCode::OK, "{told}");
    assert_eq!(
        (status(&told), told["arrived_by"].as_str()),
        ("awaiting_fulfillment", Some("manual"))
    );
}
