//! What happens to an order in a shop, and what that does to it here.

use std::collections::BTreeMap;

use instasync::simulator::{Action, Fault, Financial, Setting, Wish};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Home};
use crate::support::shop::Shop;

async fn pine() -> (Home, Daemon, Shop) {
    let home = Home::reachable("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    let shop = Shop::open("pine");
    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "{added:?}");
    (home, daemon, shop)
}

/// An order that is in the book.
async fn imported(daemon: &Daemon, shop: &Shop) -> (u64, Value) {
    let id = shop.place(&Wish { lines: Some(3), ..Wish::default() });
    let order = daemon.order("pine", id, |order| order["status"] == "awaiting_fulfillment").await;
    shop.quiet(daemon).await;
    (id, order)
}

fn has_flag(order: &Value, flag: &str) -> bool {
    order["flags"].as_array().unwrap().iter().any(|found| found == flag)
}

async fn attention(daemon: &Daemon) -> Vec<String> {
    let list = daemon.get("/api/v1/attention").await;
    let items = list["data"].as_array().unwrap().iter();
    items.map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn r17_a_placed_order_stands_in_the_book_as_the_shop_has_it() {
    let (_home, daemon, shop) = pine().await;
    for _ in 0..8 {
        let id = shop.place_one();
        let order = daemon.order("pine", id, |_| true).await;
        let truth = shop.order(id);
        assert_eq!(order["cart_order_id"], truth["id"], "also beyond 2^53");
        assert_eq!(order["cart_order_name"], truth["name"]);
        assert_eq!(order["order_number"], format!("1-{}", truth["number"]));
        assert_eq!(order["placed_at"], truth["placed_at"]);
        let cents = truth["total_cents"].as_i64().unwrap();
        assert_eq!(order["totals"]["total"], format!("{}.{:02}", cents / 100, cents % 100));
        assert_eq!(lines(&order, "name", "quantity"), lines_of(&truth));
    }
}

/// What the lines say, by the cart's id of each.
fn lines(order: &Value, name: &str, quantity: &str) -> BTreeMap<String, (Value, Value)> {
    let lines = order["lines"].as_array().unwrap().iter();
    let id =
        |line: &Value| line["cart_line_id"].as_str().or(line["id"].as_str()).unwrap().to_owned();
    lines.map(|line| (id(line), (line[name].clone(), line[quantity].clone()))).collect()
}

fn lines_of(truth: &Value) -> BTreeMap<String, (Value, Value)> {
    lines(truth, "title", "current_quantity")
}

#[tokio::test]
async fn r20_an_edit_in_the_shop_leaves_our_content_as_it_is() {
    let (_home, daemon, shop) = pine().await;
    let (id, before) = imported(&daemon, &shop).await;
    shop.act(id, &Action::Edit { note: None });
    let truth = shop.order(id);
    let events = shop.quiet(&daemon).await;
    let order =
        daemon.order("pine", id, |order| order["cart_updated_at"] == truth["updated_at"]).await;
    assert_eq!(order["lines"], before["lines"]);
    assert_eq!(order["totals"], before["totals"]);
    let thin = events.iter().find(|event| event["topic"] == "orders/edited").unwrap();
    assert!(thin["done_at"].is_string(), "{thin}");
    assert!(events.iter().any(|event| event["reason"] == "edits_ignored"), "{events:#?}");
    assert!(!events.iter().any(|event| event["state"] == "set_aside"), "{events:#?}");
}

#[tokio::test]
async fn r21_a_cancel_in_the_shop_cancels_here_while_open_and_a_revival_is_told() {
    let (_home, daemon, shop) = pine().await;
    let (id, _) = imported(&daemon, &shop).await;
    let truth = shop.cancel(id);
    let order = daemon.order("pine", id, |order| order["status"] == "cancelled").await;
    assert_eq!(order["cart"]["cancelled_at"], truth["cancelled_at"]);
    assert_eq!(order["cart"]["archived"], false, "closed with its cancellation is not archived");
    shop.quiet(&daemon).await;
    // Within one second a cancelled state outranks the others (R12).
    shop.a_second_passes().await;
    shop.act(id, &Action::Revive);
    let order = daemon.order("pine", id, |order| has_flag(order, "revived_in_cart")).await;
    assert_eq!(order["status"], "cancelled", "never reopened by itself");
    assert!(attention(&daemon).await.contains(&"revived_in_cart".to_owned()));
}

#[tokio::test]
async fn r22_an_order_archived_in_the_shop_is_neither_archived_nor_cancelled_here() {
    let (_home, daemon, shop) = pine().await;
    let (id, _) = imported(&daemon, &shop).await;
    shop.act(id, &Action::Archive);
    let order = daemon.order("pine", id, |order| order["cart"]["archived"] == true).await;
    assert_eq!(order["status"], "awaiting_fulfillment");
    assert!(!has_flag(&order, "archived"));
    shop.act(id, &Action::Unarchive);
    daemon.order("pine", id, |order| order["cart"]["archived"] == false).await;
}

#[tokio::test]
async fn r24_a_cancel_after_shipping_is_never_silent() {
    let (home, daemon, shop) = pine().await;
    let (id, order) = imported(&daemon, &shop).await;
    let shipped = home.run(&["order", "ship", order["id"].as_str().unwrap()]).await;
    assert_eq!(shipped.code(), 0, "{shipped:?}");
    shop.cancel(id);
    let order = daemon.order("pine", id, |order| has_flag(order, "cancelled_late")).await;
    assert_eq!(order["status"], "shipped");
    assert!(attention(&daemon).await.contains(&"cancelled_late".to_owned()));
}

#[rstest]
#[case::part(false, "partially_refunded", false)]
#[case::all(true, "refunded", true)]
#[tokio::test]
async fn r25_a_refund_leaves_the_status_and_a_full_one_is_told(
    #[case] all: bool,
    #[case] status: &str,
    #[case] flagged: bool,
) {
    let (_home, daemon, shop) = pine().await;
    let (id, _) = imported(&daemon, &shop).await;
    shop.act(id, &Action::Refund { all });
    let order = daemon.order("pine", id, |order| order["cart"]["financial_status"] == status).await;
    assert_eq!(order["status"], "awaiting_fulfillment");
    assert_eq!(has_flag(&order, "refunded_in_cart"), flagged);
    let events = shop.quiet(&daemon).await;
    let thin = events.iter().find(|event| event["topic"] == "refunds/create").unwrap();
    assert_ne!(thin["state"], "set_aside", "{thin}");
    assert_eq!(attention(&daemon).await.contains(&"refunded_in_cart".to_owned()), flagged);
}

#[tokio::test]
async fn r26_a_fulfilment_in_the_shop_is_told_and_ships_nothing_here() {
    let (_home, daemon, shop) = pine().await;
    let (id, _) = imported(&daemon, &shop).await;
    shop.act(id, &Action::Fulfil { partly: false });
    let order = daemon.order("pine", id, |order| has_flag(order, "fulfilled_in_cart")).await;
    assert_eq!(order["status"], "awaiting_fulfillment");
    assert_eq!(order["cart"]["fulfillment_status"], "fulfilled");
    assert!(attention(&daemon).await.contains(&"fulfilled_in_cart".to_owned()));
}

#[tokio::test]
async fn r26_a_store_may_have_it_marked_shipped() {
    let (home, daemon, shop) = pine().await;
    let set = home.run(&["store", "set", "pine", "shipped_in_cart=mark_shipped"]).await;
    assert_eq!(set.code(), 0, "{set:?}");
    let (id, _) = imported(&daemon, &shop).await;
    shop.act(id, &Action::Fulfil { partly: false });
    let order = daemon.order("pine", id, |order| order["status"] == "shipped").await;
    assert_eq!(order["flags"], json!([]));
}

#[tokio::test]
async fn r25_a_deletion_counts_only_after_a_fetch_confirmed_it() {
    let (_home, daemon, shop) = pine().await;
    let (id, _) = imported(&daemon, &shop).await;
    let forged = json!({"id": id});
    assert_eq!(told(&daemon, &shop, "orders/delete", &forged).await, StatusCode::OK);
    let events = daemon.settled("pine").await;
    let event = events.iter().find(|event| event["topic"] == "orders/delete").unwrap();
    assert_eq!(
        (event["state"].as_str(), event["reason"].as_str()),
        (Some("ignored"), Some("not_deleted"))
    );
    assert_eq!(daemon.order("pine", id, |_| true).await["flags"], json!([]));

    shop.act(id, &Action::Delete);
    let order = daemon.order("pine", id, |order| has_flag(order, "deleted_in_cart")).await;
    assert_eq!(order["status"], "awaiting_fulfillment");
    assert!(attention(&daemon).await.contains(&"deleted_in_cart".to_owned()));
}

/// A delivery that is authentic although the shop did not cause it.
async fn told(daemon: &Daemon, shop: &Shop, topic: &str, body: &Value) -> StatusCode {
    let secret = shop.simulator.cart().client_secret();
    let body = body.to_string();
    let signature = crate::support::cart::sign(&secret, body.as_bytes());
    daemon.try_deliver("pine", topic, &body, "made-up", &signature).await.unwrap()
}

#[tokio::test]
async fn r13_an_order_imports_once_it_is_paid() {
    let (_home, daemon, shop) = pine().await;
    let pending = Wish { financial_status: Some(Financial::Pending), ..Wish::default() };
    let id = shop.place(&pending);
    daemon.order("pine", id, |order| order["held_back"] == "payment_pending").await;
    assert!(daemon.orders("pine").await.is_empty(), "held-back orders are left out");
    shop.act(id, &Action::Pay);
    let order = daemon.order("pine", id, |order| order["status"] == "awaiting_fulfillment").await;
    assert_eq!(order["arrived_by"], "instasync");
}

#[tokio::test]
async fn r7_any_order_can_be_fetched_by_id_or_name() {
    let (home, daemon, shop) = pine().await;
    let quiet = Wish { quiet: true, days_ago: 400, lines: Some(130), ..Wish::default() };
    let (by_id, by_name) = (shop.place(&quiet), shop.place(&quiet));
    let name = shop.name_of(by_name);
    for which in [by_id.to_string().as_str(), &name] {
        let fetched = home.run(&["order", "fetch", "pine", which, "--json"]).await;
        assert_eq!(fetched.code(), 0, "{fetched:?}");
        let order = fetched.json();
        assert_eq!(order["arrived_by"], "manual");
        assert_eq!(order["lines"].as_array().unwrap().len(), 130, "over several pages of lines");
    }
    let order = daemon.order("pine", by_name, |_| true).await;
    assert_eq!(lines(&order, "name", "quantity"), lines_of(&shop.order(by_name)));

    let unknown = home.run(&["order", "fetch", "pine", "#999999"]).await;
    assert_eq!(unknown.code(), 3, "{unknown:?}");
    let body = json!({"cart_order_id": "123456789012"});
    let path = "/api/v1/stores/pine/orders/fetch";
    let (status, _) = daemon.call(Method::POST, path, Some(&body)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn r40_a_webhook_of_130_lines_is_whole() {
    let (_home, daemon, shop) = pine().await;
    let id = shop.place(&Wish { lines: Some(130), ..Wish::default() });
    let order = daemon.order("pine", id, |_| true).await;
    assert_eq!(order["lines"].as_array().unwrap().len(), 130);
    // Read once more, now over several pages: the same state, so nothing changes.
    shop.fault(Setting::times(Fault::TokenRevoked, 1));
    let (status, fetched) = daemon
        .call(
            Method::POST,
            "/api/v1/stores/pine/orders/fetch",
            Some(&json!({"cart_order_id": id.to_string()})),
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{fetched}");
    assert_eq!(fetched["lines"], order["lines"]);
    let events = daemon.settled("pine").await;
    assert!(!events.iter().any(|event| event["reason"] == "edits_ignored"), "{events:#?}");
}
