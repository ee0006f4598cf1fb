//! A BigCommerce store beside us: connected, its thin callbacks become whole orders, edits become
//! revisions, cancels and archives follow the rules.

use instasync::simulator::bigcommerce::{Act, Wanted};
use reqwest::{Client, Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::bigcommerce::Shop;
use crate::support::daemon::{Daemon, Home};
use crate::support::eventually;
use crate::support::shop::millis;

async fn running() -> (Home, Daemon) {
    let home = Home::reachable("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    (home, daemon)
}

async fn oak() -> (Home, Daemon, Shop) {
    let (home, daemon) = running().await;
    let shop = Shop::open("oak");
    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "{added:?}");
    (home, daemon, shop)
}

/// An order that is in the book.
async fn imported(daemon: &Daemon, shop: &Shop) -> (u64, Value) {
    let id = shop.place();
    let order = daemon.order("oak", id, |order| order["status"] == "awaiting_fulfillment").await;
    shop.quiet(daemon).await;
    (id, order)
}

/// Lets the second end that the last change was stamped with.
async fn a_second_passes() {
    tokio::time::sleep(millis(1_010)).await;
}

fn has_flag(order: &Value, flag: &str) -> bool {
    order["flags"].as_array().unwrap().iter().any(|found| found == flag)
}

fn quantities(order: &Value) -> Vec<u64> {
    let lines = order["lines"].as_array().or(order["line_items"].as_array()).unwrap();
    lines.iter().map(|line| line["quantity"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn r43_connecting_registers_hooks_that_carry_a_secret_and_lists_them() {
    let (home, daemon, shop) = oak().await;
    let url = format!("{}/webhooks/bigcommerce/oak", daemon.public);
    let hooks = shop.store().hooks();
    assert_eq!(hooks.len(), 12);
    let secret = hooks[0]["headers"]["X-Instasync-Secret"].as_str().unwrap();
    assert!(secret.len() >= 43, "{secret}");
    for hook in &hooks {
        assert_eq!((&hook["destination"], &hook["is_active"]), (&json!(url), &json!(true)));
        assert_eq!(hook["headers"]["X-Instasync-Secret"], secret);
    }
    let store = daemon.get("/api/v1/stores/oak").await;
    assert_eq!(store["health"]["connection"], "ok");
    assert_eq!(
        (&store["channel"], &store["rules"]["edits"]),
        (&json!("bigcommerce"), &json!("apply"))
    );
    assert!(!store.to_string().contains(secret), "the secret is shown to nobody");
    assert!(shop.store().forbidden_calls().is_empty());

    // Once more changes nothing; a hook that was switched off is mended, and one made elsewhere is
    // not touched.
    shop.store().deactivate_hooks();
    let again = home
        .run(&[
            "store",
            "reconnect",
            "oak",
            "--access-token-file",
            &home.path("oak.token").to_string_lossy(),
        ])
        .await;
    assert_eq!(again.code(), 0, "{again:?}");
    let hooks = shop.store().hooks();
    assert_eq!(hooks.len(), 12);
    assert!(hooks.iter().all(|hook| hook["is_active"] == true), "{hooks:#?}");

    let removed = home.run(&["store", "remove", "oak", "--yes"]).await;
    assert_eq!(removed.code(), 0, "{removed:?}");
    assert!(shop.store().hooks().is_empty());
}

#[tokio::test]
async fn r47_a_wrong_token_connects_nothing_and_a_missing_scope_is_told() {
    let (home, daemon) = running().await;
    let shop = Shop::with("oak", |options| options.missing_scopes = vec!["store_inventory"]);
    let refused = shop.connect_as(&home, "wrong", &[]).await;
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("access token is not valid"), "{refused:?}");
    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "{added:?}");
    assert!(added.stderr.contains("Store Inventory"), "{added:?}");
    let store = daemon.get("/api/v1/stores/oak").await;
    assert_eq!(store["health"]["connection"], "ok");
}

#[tokio::test]
async fn r1_what_is_missing_is_named() {
    let (home, _daemon) = running().await;
    let bare = ["store", "add", "--channel", "bigcommerce", "--domain", "oak", "--name", "Oak"];
    let added = home.run(&bare).await;
    assert!(added.stderr.contains("access token"), "{added:?}");
    let wrong = ["store", "add", "--channel", "bigcommerce", "--domain", "a.b", "--name", "Oak"];
    let added = home.run(&wrong).await;
    assert!(added.stderr.contains("store hash"), "{added:?}");
}

#[tokio::test]
async fn r17_a_placed_order_stands_in_the_book_as_the_store_has_it() {
    let (_home, daemon, shop) = oak().await;
    for lines in [1, 3, 70] {
        let id = shop.store().place(&Wanted { lines: Some(lines), ..Wanted::default() });
        let order =
            daemon.order("oak", id, |order| order["status"] == "awaiting_fulfillment").await;
        let truth = shop.order(id);
        assert_eq!(order["cart_order_id"], id.to_string());
        assert_eq!(order["order_number"], format!("1-{id}"));
        assert_eq!(order["channel"], "bigcommerce");
        assert_eq!(order["cart"]["status_id"], 11);
        assert_eq!(quantities(&order), quantities(&truth));
        let total = truth["total_inc_tax"].as_str().unwrap();
        assert_eq!(order["totals"]["total"], total[..total.len() - 2]);
        assert_eq!(order["shipping_address"]["city"], "Burlington");
        assert_eq!(order["shipping_method"], "Flat Rate");
        assert_eq!(order["arrived_by"], "instasync");
    }
}

#[tokio::test]
async fn r13_incomplete_is_held_back_and_imports_once_it_awaits_fulfillment() {
    let (_home, daemon, shop) = oak().await;
    let id = shop.store().place(&Wanted { status_id: Some(0), ..Wanted::default() });
    let held = daemon.order("oak", id, |order| order["status"] == "held_back").await;
    assert_eq!(held["held_back"], "status_not_imported");
    shop.act(id, &Act::Status(11));
    daemon.order("oak", id, |order| order["status"] == "awaiting_fulfillment").await;
    let events = shop.quiet(&daemon).await;
    assert!(!events.iter().any(|event| event["state"] == "set_aside"), "{events:#?}");
}

#[tokio::test]
async fn r28_three_quick_edits_and_a_cancel_end_as_in_the_store() {
    let (_home, daemon, shop) = oak().await;
    let (id, _) = imported(&daemon, &shop).await;
    shop.act(id, &Act::Quantity(7));
    shop.act(id, &Act::Add);
    shop.act(id, &Act::Message("leave it at the door".to_owned()));
    let truth = shop.order(id);
    let wanted = quantities(&truth);
    let order = daemon.order("oak", id, |order| quantities(order) == wanted).await;
    assert_eq!(
        (&order["note"], &order["has_revision"]),
        (&json!("leave it at the door"), &json!(false))
    );
    shop.act(id, &Act::Status(5));
    let order = daemon.order("oak", id, |order| order["status"] == "cancelled").await;
    assert_eq!(quantities(&order), wanted);
    shop.quiet(&daemon).await;
}

#[tokio::test]
async fn r28_an_edit_after_shipping_waits_and_a_rejected_one_comes_back_only_if_changed_again() {
    let (home, daemon, shop) = oak().await;
    let (id, before) = imported(&daemon, &shop).await;
    let number = before["order_number"].as_str().unwrap();
    let shipped = home.run(&["order", "ship", number]).await;
    assert_eq!(shipped.code(), 0, "{shipped:?}");
    shop.act(id, &Act::Quantity(9));
    let order = daemon.order("oak", id, |order| order["has_revision"] == true).await;
    assert_eq!(order["lines"], before["lines"]);
    let listed = home.run(&["order", "list", "--has-revision", "--json"]).await.json();
    assert_eq!(listed["data"][0]["order_number"], number);
    let shown = home.run(&["revision", "show", number]).await;
    assert!(shown.stdout.contains("line:"), "{shown:?}");

    let rejected = home.run(&["revision", "reject", number]).await;
    assert_eq!(rejected.code(), 0, "{rejected:?}");
    // The same state is read again and changes nothing.
    let fetched = home.run(&["order", "fetch", "oak", &id.to_string()]).await;
    assert_eq!(fetched.code(), 0, "{fetched:?}");
    shop.act(id, &Act::Status(10));
    let order = daemon.order("oak", id, |order| order["cart"]["status_id"] == 10).await;
    assert_eq!((&order["has_revision"], &order["lines"]), (&json!(false), &before["lines"]));
    let nothing = home.run(&["revision", "accept", number]).await;
    assert_eq!(nothing.code(), 3, "{nothing:?}");

    shop.act(id, &Act::Quantity(4));
    daemon.order("oak", id, |order| order["has_revision"] == true).await;
    let old = home.run(&["revision", "accept", number, "--tag", "of-before"]).await;
    assert_eq!(old.code(), 1, "{old:?}");
    let accepted = home.run(&["revision", "accept", number]).await;
    assert_eq!(accepted.code(), 0, "{accepted:?}");
    let order = daemon.order("oak", id, |order| order["has_revision"] == false).await;
    assert_eq!(quantities(&order), quantities(&shop.order(id)));
}

#[tokio::test]
async fn r29_what_was_edited_here_asks_before_the_cart_changes_it() {
    let (home, daemon, shop) = oak().await;
    let (id, before) = imported(&daemon, &shop).await;
    let number = before["order_number"].as_str().unwrap();
    let line = before["lines"][0]["cart_line_id"].as_str().unwrap();
    let edited = home.run(&["order", "edit", number, "--set", &format!("{line}=20")]).await;
    assert_eq!(edited.code(), 0, "{edited:?}");
    shop.act(id, &Act::Quantity(2));
    shop.act(id, &Act::Message("merged".to_owned()));
    let order = daemon.order("oak", id, |order| order["note"] == "merged").await;
    assert_eq!(quantities(&order)[0], 20);
    assert_eq!(order["has_revision"], true);
    let shown = home.run(&["revision", "show", number, "--json"]).await.json();
    assert_eq!(shown["changes"][0]["conflict"], true, "{shown}");
    assert_eq!(shown["changes"].as_array().unwrap().len(), 1);
    // Lines and totals add up.
    let sum: f64 = order["lines"].as_array().unwrap().iter().map(price).sum();
    let number = |name: &str| order["totals"][name].as_str().unwrap().parse::<f64>().unwrap();
    let rest = number("total") - sum - number("shipping");
    assert!((-1.0..=0.0).contains(&rest), "only the discount of the order: {rest}");
}

fn price(line: &Value) -> f64 {
    let unit: f64 = line["unit_price"].as_str().unwrap().parse().unwrap();
    unit * line["quantity"].as_f64().unwrap()
}

#[tokio::test]
async fn r21_a_restored_order_stays_restored_while_the_cart_stays_cancelled() {
    let (home, daemon, shop) = oak().await;
    let (id, order) = imported(&daemon, &shop).await;
    let number = order["order_number"].as_str().unwrap();
    shop.act(id, &Act::Status(5));
    daemon.order("oak", id, |order| order["status"] == "cancelled").await;
    shop.quiet(&daemon).await;
    let restored = home.run(&["order", "restore", number]).await;
    assert_eq!(restored.code(), 0, "{restored:?}");
    let fetched = home.run(&["order", "fetch", "oak", &id.to_string()]).await;
    assert_eq!(fetched.code(), 0, "{fetched:?}");
    shop.act(id, &Act::Message("still cancelled".to_owned()));
    let order = daemon.order("oak", id, |order| order["note"] == "still cancelled").await;
    assert_eq!(order["status"], "awaiting_fulfillment");
    // Revived and cancelled once more is another cancellation. Within one second a cancelled state
    // outranks the others (R12).
    a_second_passes().await;
    shop.act(id, &Act::Status(11));
    daemon.order("oak", id, |order| order["cart"]["status_id"] == 11).await;
    shop.act(id, &Act::Status(5));
    daemon.order("oak", id, |order| order["status"] == "cancelled").await;
}

#[rstest]
#[case::archived(Act::Archive, None)]
#[case::part_refunded(Act::Refund { all: false }, None)]
#[case::refunded(Act::Refund { all: true }, Some("refunded_in_cart"))]
#[case::shipped(Act::Status(2), Some("fulfilled_in_cart"))]
#[case::disputed(Act::Status(13), Some("on_hold_in_cart"))]
#[tokio::test]
async fn r22_r25_r26_what_else_happens_leaves_the_status_and_is_flagged(
    #[case] act: Act,
    #[case] flag: Option<&str>,
) {
    let (_home, daemon, shop) = oak().await;
    let (id, _) = imported(&daemon, &shop).await;
    let truth = shop.act(id, &act);
    let fits = |order: &Value| {
        order["cart"]["status_id"] == truth["status_id"]
            && order["cart"]["archived"] == truth["is_deleted"]
    };
    let order = daemon.order("oak", id, fits).await;
    assert_eq!(order["status"], "awaiting_fulfillment");
    for known in ["refunded_in_cart", "fulfilled_in_cart", "on_hold_in_cart", "archived"] {
        assert_eq!(has_flag(&order, known), Some(known) == flag, "{order}");
    }
    let attention = daemon.get("/api/v1/attention").await.to_string();
    assert_eq!(attention.contains("_in_cart"), flag.is_some(), "{attention}");
}

#[tokio::test]
async fn r8_r9_the_front_answers_each_kind_of_callback() {
    let (home, daemon, shop) = oak().await;
    let secret = shop.store().hooks()[0]["headers"]["X-Instasync-Secret"].clone();
    let secret = secret.as_str().unwrap();
    let id = shop.store().place(&Wanted { quiet: true, ..Wanted::default() });
    let body = json!({"scope": "store/order/updated", "store_id": "1", "hash": "x",
        "data": {"type": "order", "id": id}, "producer": "stores/oak"});
    let http = Client::new();
    let post = async |slug: &str, secret: &str, body: String| {
        let url = format!("{}/webhooks/bigcommerce/{slug}", daemon.public);
        let answer = http.post(url).header("X-Instasync-Secret", secret).body(body);
        let answer = answer.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap().len())
    };
    let stored = async || daemon.events("oak").await.len();
    let before = stored().await;
    assert_eq!(post("oak", "wrong", body.to_string()).await.0, 401);
    assert_eq!(post("oak", "", body.to_string()).await.0, 401);
    assert_eq!(post("elm", secret, body.to_string()).await.0, 404);
    let mut foreign = body.clone();
    foreign["producer"] = json!("stores/elm");
    assert_eq!(post("oak", secret, foreign.to_string()).await.0, 401);
    assert_eq!(post("oak", secret, "x".repeat(6 << 20)).await.0, 413);
    assert_eq!(stored().await, before, "nothing of it is kept");

    assert_eq!(post("oak", secret, body.to_string()).await, (200, 0));
    daemon.order("oak", id, |order| order["status"] == "awaiting_fulfillment").await;
    for (odd, reason) in [
        ("no JSON".to_owned(), "unreadable"),
        (json!({"scope": "store/order/updated"}).to_string(), "wrong_shape"),
        (json!({"scope": "store/order/exploded", "data": {}}).to_string(), "topic_unknown"),
        (json!({"scope": "store/sku/created", "data": {"id": 1}}).to_string(), "topic_not_used"),
    ] {
        assert_eq!(post("oak", secret, odd).await, (200, 0));
        let events = daemon.settled("oak").await;
        assert_eq!(events[0]["reason"], reason, "{:#}", events[0]);
    }

    let required = home.run(&["store", "set", "oak", "require_signature=true"]).await;
    assert_eq!(required.code(), 0, "{required:?}");
    assert_eq!(post("oak", secret, body.to_string()).await.0, 401, "it carries no signature");
    shop.act(id, &Act::Message("signed".to_owned()));
    daemon.order("oak", id, |order| order["note"] == "signed").await;
}

#[tokio::test]
async fn r8_a_rotated_secret_is_given_to_the_hooks_and_the_old_one_lasts_a_while() {
    let (home, daemon, shop) = oak().await;
    let old = shop.store().hooks()[0]["headers"]["X-Instasync-Secret"].clone();
    let file = home.file("hook.secret", "a-new-secret-for-hooks");
    let rotated = home
        .run(&[
            "store",
            "set",
            "oak",
            "--webhook-secret-file",
            &file.to_string_lossy(),
            "--keep-old",
            "1h",
        ])
        .await;
    assert_eq!(rotated.code(), 0, "{rotated:?}");
    let hooks = shop.store().hooks();
    let secrets = hooks.iter().map(|hook| &hook["headers"]["X-Instasync-Secret"]);
    assert!(secrets.clone().all(|secret| secret == "a-new-secret-for-hooks"), "{hooks:#?}");
    let body = json!({"scope": "store/order/message/created", "data": {"id": 1}}).to_string();
    let url = format!("{}/webhooks/bigcommerce/oak", daemon.public);
    for secret in [old.as_str().unwrap(), "a-new-secret-for-hooks"] {
        let request = Client::new().post(&url).header("X-Instasync-Secret", secret);
        let answer = request.body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn r23_the_rules_of_a_store_decide_what_an_edit_does() {
    let (home, daemon, shop) = oak().await;
    let set = home.run(&["store", "set", "oak", "edits=review", "import_statuses=9,11"]).await;
    assert_eq!(set.code(), 0, "{set:?}");
    let (id, before) = imported(&daemon, &shop).await;
    shop.act(id, &Act::Quantity(8));
    let order = daemon.order("oak", id, |order| order["has_revision"] == true).await;
    assert_eq!(order["lines"], before["lines"]);
    // The cart takes it back: nothing waits any more.
    shop.act(id, &Act::Quantity(quantities(&before)[0] as u32));
    daemon.order("oak", id, |order| order["has_revision"] == false).await;
    let wrong = home.run(&["store", "set", "oak", "import_statuses=5"]).await;
    assert!(wrong.stderr.contains("not a status"), "{wrong:?}");
    let (status, _) = daemon
        .call(Method::PATCH, "/api/v1/stores/oak", Some(&json!({"rules": {"archives": "cancel"}})))
        .await;
    assert_eq!(status, StatusCode::OK, "only BigCommerce may");
    shop.act(id, &Act::Archive);
    daemon.order("oak", id, |order| order["status"] == "cancelled").await;
    eventually("the timeline tells why", || async {
        let path = format!("/api/v1/orders/{}/timeline", order["id"].as_str().unwrap());
        let told = daemon.get(&path).await;
        let mut rules = told["data"].as_array().unwrap().iter().map(|entry| &entry["rule"]);
        rules.any(|rule| rule == "R22").then_some(())
    })
    .await;
}
