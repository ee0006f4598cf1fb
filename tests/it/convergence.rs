//! A shop lives for a while, its webhooks come twice, late, reversed, stale and wrongly signed; in
//! the end the book says of every order what the rules ask for.
//!
//! The expectation is written from the rules and from the states that the shop itself recorded,
//! never from what the daemon does.

use std::collections::BTreeMap;

use instasync::simulator::{Action, Fault, Financial, Setting, Wish};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Home};
use crate::support::shop::{Shop, millis};

/// Orders that are placed.
const ORDERS: usize = 30;
/// Things that happen to them.
const ACTIONS: usize = 150;

/// After so many steps every token is forgotten by the shop.
const REVOKED_EVERY: usize = 40;

/// Every state that each order of the shop was in, oldest first.
type Lives = BTreeMap<u64, Vec<Value>>;

fn wish(random: &mut Xoshiro256PlusPlus) -> Wish {
    let paid = [Financial::Paid, Financial::Pending, Financial::Authorized];
    let financial_status = Some(paid[random.random_range(0..paid.len())]);
    // More than one line, so that edits may take one away and refunds may be partial.
    Wish { financial_status, lines: Some(random.random_range(2..5)), ..Wish::default() }
}

fn action(random: &mut Xoshiro256PlusPlus) -> Action {
    match random.random_range(0..12) {
        0 | 1 => Action::Pay,
        2 | 3 => Action::Edit { note: None },
        4 => Action::Edit { note: Some(format!("note {}", random.random_range(0..9))) },
        5 => Action::Cancel { reason: "customer".to_owned() },
        6 => Action::Revive,
        7 => Action::Archive,
        8 => Action::Unarchive,
        9 => Action::Refund { all: random.random_bool(0.3) },
        _ => Action::Fulfil { partly: random.random_bool(0.5) },
    }
}

/// Lets the shop live. What is impossible for an order does not happen.
async fn live(shop: &Shop, random: &mut Xoshiro256PlusPlus) -> Lives {
    let mut lives = Lives::new();
    let cart = shop.simulator.cart();
    for step in 0..ORDERS + ACTIONS {
        let place = lives.is_empty() || random.random_bool(ORDERS as f64 / ACTIONS as f64);
        if place && lives.len() < ORDERS {
            let id = shop.place(&wish(random));
            lives.insert(id, vec![shop.order(id)]);
        } else {
            let at = random.random_range(0..lives.len());
            let (id, states) = lives.iter_mut().nth(at).unwrap();
            if let Ok(state) = cart.act(&id.to_string(), &action(random)) {
                states.push(state);
            }
        }
        // Far enough apart that a new token is never refused at once: that would be a refusal of
        // the credentials, which rightly stops the calls until a person reconnects (R47).
        if step % REVOKED_EVERY == REVOKED_EVERY - 1 {
            cart.revoke_tokens();
        }
        // The pace of the shop, not a wait for anything: a life of some seconds, so that changes
        // share a second and also do not.
        if step % 2 == 0 {
            tokio::time::sleep(millis(random.random_range(0..60))).await;
        }
    }
    lives
}

/// Why a state is not imported (R13, R14); `None` if it is.
fn held_back(state: &Value) -> Option<&'static str> {
    if state["cancelled_at"].is_string() {
        return Some("cancelled_in_cart");
    }
    if state["fulfillment_status"] == "fulfilled" {
        return Some("already_fulfilled");
    }
    match state["financial_status"].as_str().unwrap() {
        "paid" | "partially_refunded" => None,
        "pending" | "authorized" | "partially_paid" => Some("payment_pending"),
        _ => Some("status_not_imported"),
    }
}

/// What must stand here of an order that lived so: one of these. R12 (iii) leaves open whether a
/// cancellation that was taken back acted.
fn expected(states: &[Value]) -> Vec<Value> {
    // R12: the cart's time, then cancelled or not; of equal ones the last, which a fetch tells.
    let version = |state: &&Value| {
        (state["updated_at"].as_str().unwrap().to_owned(), state["cancelled_at"].is_string())
    };
    let newest = states.iter().max_by_key(version).unwrap();
    let (cancelled, fulfilled) =
        (newest["cancelled_at"].is_string(), newest["fulfillment_status"] == "fulfilled");
    let fulfilment = Some(&newest["fulfillment_status"]).filter(|word| **word != "unfulfilled");
    let cart = json!({
        "financial_status": newest["financial_status"],
        "fulfillment_status": fulfilment,
        "cancelled_at": newest["cancelled_at"],
        "archived": newest["closed_at"].is_string() && !cancelled,
    });
    let stands = |status: &str, held: Option<&str>, flags: &[(&str, bool)]| {
        let flags: Vec<_> = flags.iter().filter(|(_, up)| *up).map(|(flag, _)| flag).collect();
        json!({"status": status, "held_back": held, "flags": flags, "cart": cart,
            "cart_updated_at": newest["updated_at"]})
    };
    if states.iter().all(|state| held_back(state).is_some()) {
        return vec![stands("held_back", held_back(newest), &[])];
    }
    let refunded = !cancelled && newest["financial_status"] == "refunded";
    let open = stands(
        "awaiting_fulfillment",
        None,
        &[("fulfilled_in_cart", fulfilled), ("refunded_in_cart", refunded)],
    );
    let closed = stands(
        "cancelled",
        None,
        &[("refunded_in_cart", refunded), ("revived_in_cart", !cancelled)],
    );
    if cancelled {
        vec![closed]
    } else if states.iter().any(|state| state["cancelled_at"].is_string()) {
        vec![open, closed]
    } else {
        vec![open]
    }
}

/// The same of the order as the daemon tells it.
fn stands(order: &Value) -> Value {
    let mut flags: Vec<_> =
        order["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
    flags.sort_unstable();
    let cart = &order["cart"];
    json!({
        "status": order["status"], "held_back": order["held_back"], "flags": flags,
        "cart": {"financial_status": cart["financial_status"],
            "fulfillment_status": cart["fulfillment_status"],
            "cancelled_at": cart["cancelled_at"], "archived": cart["archived"]},
        "cart_updated_at": order["cart_updated_at"],
    })
}

async fn story(daemon: &Daemon, id: u64) -> String {
    let found = daemon.get(&format!("/api/v1/lookup?q={id}")).await;
    let lines = found["story"].as_array().unwrap().iter();
    let told = lines.map(|line| format!("\n  {} {}", line["at"], line["text"]));
    let events = found["events"].as_array().unwrap().iter();
    let events = events.map(|event| format!("\n  {event}"));
    told.chain(events).collect::<Vec<_>>().concat()
}

#[rstest]
#[tokio::test]
async fn i5_after_any_weather_the_book_says_what_the_rules_ask_for(
    #[values(7, 20_261_120)] seed: u64,
) {
    let home = Home::reachable("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    let shop = Shop::with("pine", |options| options.seed = seed);
    let added = shop.connect(&home).await;
    assert_eq!(added.code(), 0, "{added:?}");
    for (fault, rate, span) in [
        (Fault::Duplicate, 0.15, 100),
        (Fault::Reorder, 0.3, 40),
        (Fault::Delay, 0.25, 900),
        (Fault::StaleRetry, 0.15, 1_300),
        (Fault::BadSignature, 0.1, 0),
    ] {
        shop.fault(Setting::rate(fault, rate).lasting(millis(span)));
    }
    let lives = live(&shop, &mut Xoshiro256PlusPlus::seed_from_u64(seed)).await;
    let events = shop.quiet(&daemon).await;
    let odd: Vec<_> = events.iter().filter(|event| event["state"] == "set_aside").collect();
    assert!(odd.is_empty(), "seed {seed}: {odd:#?}");

    let mut book = daemon.orders("pine").await;
    let held = daemon.get("/api/v1/orders?store=pine&status=held_back&limit=200").await;
    book.extend(held["data"].as_array().unwrap().iter().cloned());
    let known: BTreeMap<u64, &Value> = book
        .iter()
        .map(|order| (order["cart_order_id"].as_str().unwrap().parse().unwrap(), order))
        .collect();
    assert_eq!(known.len(), book.len(), "seed {seed}: an order stands here twice");
    assert_eq!(known.len(), lives.len(), "seed {seed}: every order of the shop stands here");
    let mut wrong = Vec::new();
    for (id, states) in &lives {
        let (told, expected) = (stands(known[id]), expected(states));
        if !expected.contains(&told) {
            let story = story(&daemon, *id).await;
            wrong.push(format!("{id}: {told:#} is none of {expected:#?}{story}"));
        }
    }
    assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
    for order in book.iter().filter(|order| order["status"] != "held_back") {
        let timeline =
            daemon.get(&format!("/api/v1/orders/{}/timeline", order["id"].as_str().unwrap())).await;
        let imports = timeline["data"].as_array().unwrap().iter();
        let imports = imports.filter(|entry| entry["kind"] == "imported").count();
        assert_eq!(imports, 1, "seed {seed}: {timeline}");
    }
}
