//! R18, R28–R30: edits here, and deciding about edits in the cart.

use actix_web::http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::{World, order, run};
use crate::domain::{Amount, Sighting, Timestamp};

const ORDER: &str = "/api/v1/orders/ord_1_1";
const REVISION: &str = "/api/v1/orders/ord_1_1/revision";

/// The order with so many mugs, changed so many minutes after it was placed.
fn mugs(quantity: u32, minute: i64) -> Sighting {
    let mut said = order(1);
    said.updated_at = Timestamp(said.updated_at.0 + minute * 60_000_000);
    said.content.lines[0].quantity = quantity;
    said.content.totals.total = Amount::parse("12.5", "EUR").unwrap() * quantity;
    said
}

/// Tells of a state in a delivery of its own.
async fn tell(world: &World, said: &Sighting) {
    let body = serde_json::to_vec(said).unwrap();
    let id = format!("d-{}", said.updated_at);
    world.deliver_raw("pine", "orders/updated", &id, &body).await;
}

/// A store that reviews edits, with an order whose quantity and note were changed in the cart.
async fn waiting(world: &World) {
    world.store("pine").await;
    let review = json!({"rules": {"edits": "review"}});
    world
        .ask(Method::PATCH, "/api/v1/stores/pine")
        .trusted()
        .body(&review)
        .send()
        .await
        .expect(200);
    world.deliver("pine", &mugs(1, 0)).await;
    let mut said = mugs(3, 1);
    said.content.note = Some("please hurry".to_owned());
    tell(world, &said).await;
}

async fn decide(world: &World, verb: &str, tag: &str, body: &Value) -> super::world::Answer {
    let path = format!("{REVISION}/{verb}");
    world.ask(Method::POST, &path).trusted().header("If-Match", tag).body(body).send().await
}

async fn tag(world: &World) -> String {
    world.get(REVISION).await.header("etag").to_owned()
}

#[test]
fn r28_a_revision_shows_both_sides_and_is_found_in_lists() {
    run(async |world| {
        waiting(world).await;
        let told = world.get(REVISION).await.expect(200);
        assert_eq!(told["order"], "ord_1_1");
        let changes = told["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 2, "{told}");
        assert_eq!(
            (&changes[0]["id"], &changes[0]["kind"]),
            (&json!("line:1"), &json!("line_changed"))
        );
        assert_eq!(changes[0]["ours"]["quantity"], 1);
        assert_eq!(changes[0]["theirs"]["quantity"], 3);
        assert_eq!(changes[0]["conflict"], false);
        assert_eq!((&changes[1]["id"], &changes[1]["ours"]), (&json!("note"), &Value::Null));
        world.deliver("pine", &order(2)).await;
        for (query, ids) in [("true", json!(["1"])), ("false", json!(["2"]))] {
            let page = world.get(&format!("/api/v1/orders?has_revision={query}")).await.expect(200);
            let found: Value = page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|order| order["cart_order_id"].clone())
                .collect();
            assert_eq!(found, ids);
        }
        assert_eq!(world.get(ORDER).await.expect(200)["has_revision"], true);
        world.get("/api/v1/orders/ord_1_2/revision").await.problem(404, "not-found");
        world.get("/api/v1/orders?has_revision=perhaps").await.problem(400, "malformed-request");
    });
}

#[test]
fn r30_a_decision_says_what_it_was_made_on() {
    run(async |world| {
        waiting(world).await;
        let without = world.post(&format!("{REVISION}/accept"), &json!({})).await;
        without.problem(428, "precondition-required");
        for old in ["\"guess\"", "guess", "\"1\""] {
            decide(world, "accept", old, &json!({})).await.problem(412, "precondition-failed");
        }
        let tag = tag(world).await;
        tell(world, &mugs(4, 2)).await;
        decide(world, "accept", &tag, &json!({})).await.problem(412, "precondition-failed");
        assert_eq!(world.get(ORDER).await.expect(200)["lines"][0]["quantity"], 1);
    });
}

#[test]
fn r30_of_two_people_one_decides() {
    run(async |world| {
        waiting(world).await;
        let tag = tag(world).await;
        let accepted = decide(world, "accept", &tag, &json!({"changes": ["line:1"]})).await;
        let accepted = accepted.expect(200);
        assert_eq!(accepted["lines"][0]["quantity"], 3);
        assert_eq!(
            (&accepted["totals"]["total"], &accepted["note"]),
            (&json!("37.50"), &Value::Null)
        );
        assert_eq!(accepted["has_revision"], true, "the note still waits");
        decide(world, "reject", &tag, &json!({})).await.problem(412, "precondition-failed");
        let rejected = decide(world, "reject", "*", &json!({})).await.expect(200);
        assert_eq!((&rejected["note"], &rejected["has_revision"]), (&Value::Null, &json!(false)));
        world.get(REVISION).await.problem(404, "not-found");
        decide(world, "reject", &tag, &json!({})).await.problem(409, "conflict");
        let told = world.get(&format!("{ORDER}/timeline")).await.expect(200);
        let kinds: Vec<_> =
            told["data"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect();
        assert_eq!(
            kinds,
            ["imported", "revision_opened", "revision_accepted", "revision_rejected"]
        );
    });
}

#[rstest]
#[case(json!({"changes": ["line:99"]}), 422, "invalid")]
#[case(json!({"changes": ["colour"]}), 400, "malformed-request")]
#[case(json!({"changes": []}), 400, "malformed-request")]
#[case(json!({"changes": 5}), 400, "malformed-request")]
#[case(json!({"all": true}), 400, "malformed-request")]
fn r28_a_choice_that_cannot_be_is_refused(
    #[case] body: Value,
    #[case] status: u16,
    #[case] kind: &str,
) {
    run(async |world| {
        waiting(world).await;
        let tag = tag(world).await;
        decide(world, "accept", &tag, &body).await.problem(status, kind);
        assert_eq!(world.get(ORDER).await.expect(200)["lines"][0]["quantity"], 1);
    });
}

async fn edit(world: &World, body: &Value) -> super::world::Answer {
    world.ask(Method::PATCH, ORDER).trusted().body(body).send().await
}

#[test]
fn r18_a_person_edits_lines_address_and_note() {
    run(async |world| {
        world.store("pine").await;
        world.deliver("pine", &order(1)).await;
        let body = json!({
            "lines": [{"cart_line_id": "1", "quantity": 2},
                {"sku": "BOX", "name": "Gift box", "quantity": 1, "unit_price": "3"}],
            "shipping_address": {"name": "Ada", "city": "Ulm"},
            "note": "wrap it",
        });
        let edited = edit(world, &body).await;
        assert_eq!(edited.header("etag"), "\"2\"");
        let edited = edited.expect(200);
        assert_eq!(edited["lines"][0]["quantity"], 2);
        assert_eq!(edited["lines"][1]["cart_line_id"], "local:1");
        assert_eq!(edited["lines"][1]["unit_price"], "3.00");
        assert_eq!(edited["totals"]["total"], "28.00");
        assert_eq!(edited["shipping_address"]["city"], "Ulm");
        let edited = edit(world, &json!({"note": null})).await.expect(200);
        assert_eq!(
            (&edited["note"], &edited["shipping_address"]["city"]),
            (&Value::Null, &json!("Ulm"))
        );
        let gone = edit(world, &json!({"shipping_address": null})).await.expect(200);
        assert_eq!(gone["shipping_address"], Value::Null);
        let told = world.get(&format!("{ORDER}/timeline")).await.expect(200);
        let entry = &told["data"][1];
        assert_eq!((&entry["kind"], &entry["by"]), (&json!("edited"), &json!("admin (local)")));
        assert!(!told.to_string().contains("Ulm"), "no personal data on the timeline: {told}");
    });
}

#[rstest]
#[case(json!({"lines": [{"cart_line_id": "9", "quantity": 1}]}), 422)]
#[case(json!({"lines": [{"cart_line_id": "1", "quantity": 0}]}), 422)]
#[case(json!({"lines": [{"cart_line_id": "1", "quantity": -1}]}), 400)]
#[case(json!({"lines": [{"cart_line_id": "1", "qty": 1}]}), 400)]
#[case(json!({"lines": {"cart_line_id": "1", "quantity": 1}}), 400)]
#[case(json!({"lines": [{"name": "x", "quantity": 1, "unit_price": "1e3"}]}), 422)]
#[case(json!({"shipping_address": {"town": "Ulm"}}), 400)]
#[case(json!({"shipping_address": "Ulm"}), 400)]
#[case(json!({"shipping_address": {"city": 5}}), 400)]
#[case(json!({"note": 5}), 400)]
#[case(json!({"status": "shipped"}), 400)]
#[case(json!({}), 422)]
fn r18_an_edit_that_cannot_be_is_refused_and_changes_nothing(
    #[case] body: Value,
    #[case] status: u16,
) {
    run(async |world| {
        world.store("pine").await;
        world.deliver("pine", &order(1)).await;
        let answer = edit(world, &body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(world.get(ORDER).await.header("etag"), "\"1\"");
    });
}

#[test]
fn r18_only_open_orders_are_edited_and_only_as_they_were_seen() {
    run(async |world| {
        world.store("pine").await;
        world.deliver("pine", &order(1)).await;
        let body = json!({"note": "x"});
        let old = world.ask(Method::PATCH, ORDER).trusted().header("If-Match", "\"7\"").body(&body);
        old.send().await.problem(412, "precondition-failed");
        world.post(&format!("{ORDER}/ship"), &json!({})).await.expect(200);
        edit(world, &body).await.problem(409, "conflict");
    });
}

#[test]
fn r23_a_change_of_rules_is_tried_in_shadow_before_it_is_saved() {
    run(async |world| {
        waiting(world).await;
        let mut held = order(2);
        held.cart.financial_status = Some("pending".to_owned());
        world.deliver("pine", &held).await;
        world.deliver("pine", &order(3)).await;
        world.post("/api/v1/orders/ord_1_3/cancel", &json!({})).await.expect(200);
        let path = "/api/v1/events/replay";
        let same = json!({"dry_run": true, "store": "pine"});
        let told = world.post(path, &same).await.expect(200);
        assert_eq!((&told["examined"], &told["changed"]), (&json!(3), &json!([])), "{told}");
        let before = world.get(ORDER).await.text;

        let rules = json!({"edits": "apply", "import_statuses": ["paid", "pending"]});
        let other = json!({"dry_run": true, "store": "pine", "rules": rules});
        let told = world.post(path, &other).await.expect(200);
        let changed = told["changed"].as_array().unwrap();
        assert_eq!(changed.len(), 2, "{told}");
        let of = |id: &str| changed.iter().find(|difference| difference["order"] == id).unwrap();
        let edited = of("ord_1_1");
        assert_eq!((&edited["now"]["units"], &edited["then"]["units"]), (&json!(1), &json!(3)));
        assert_eq!(edited["then"]["has_revision"], false);
        assert_eq!(of("ord_1_2")["then"]["status"], "awaiting_fulfillment");
        assert_eq!(of("ord_1_2")["now"]["held_back"], "payment_pending");
        assert_eq!(world.get(ORDER).await.text, before, "nothing was written");

        let one = json!({"dry_run": true, "store": "pine", "rules": rules, "orders": ["ord_1_2"]});
        let told = world.post(path, &one).await.expect(200);
        assert_eq!((&told["examined"], told["changed"].as_array().unwrap().len()), (&json!(1), 1));
        let wrong = json!({"dry_run": true, "store": "pine", "rules": {"edits": "never"}});
        world.post(path, &wrong).await.problem(400, "malformed-request");
        world.post(path, &json!({"store": "pine"})).await.problem(404, "not-in-this-build");
        let unknown = json!({"dry_run": true, "store": "pine", "orders": ["ord_1_77"]});
        world.post(path, &unknown).await.problem(404, "not-found");
    });
}
