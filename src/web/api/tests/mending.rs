//! Where is my order, and what needs a person.

use serde_json::{Value, json};

use super::world::{World, order, run};
use crate::domain::Timestamp;

async fn lookup(world: &World, q: &str) -> Value {
    world.get(&format!("/api/v1/lookup?q={q}")).await.expect(200)
}

fn story(found: &Value) -> String {
    let lines = found["story"].as_array().unwrap();
    lines.iter().map(|line| line["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn r48_an_order_is_found_by_all_of_its_names() {
    run(async |world| {
        world.store("pine").await;
        world.deliver("pine", &order(501)).await;
        for q in ["501", "%23501", "1-501", "BUYER@example.test", "d-501", "ord_1_501", "ev_1"] {
            let found = lookup(world, q).await;
            assert_eq!(found["orders"][0]["id"], "ord_1_501", "{q}");
            assert_eq!(found["events"][0]["delivery_id"], "d-501", "{q}");
            let story = story(&found);
            assert!(
                story.contains("Shopify sent orders/create to pine (delivery d-501)."),
                "{story}"
            );
            assert!(story.contains("Imported as 1-501."), "{story}");
        }
        for q in ["nobody", "", "502", "ev_77", "%00%ff"] {
            let found = lookup(world, q).await;
            for list in ["orders", "events", "story", "actions"] {
                assert_eq!(found[list], json!([]), "{q}");
            }
        }
    });
}

#[test]
fn r48_the_story_names_the_one_rule_that_holds_an_order_back() {
    run(async |world| {
        world.store("pine").await;
        let mut pending = order(501);
        pending.cart.financial_status = Some("pending".to_owned());
        world.deliver("pine", &pending).await;
        let found = lookup(world, "501").await;
        let last = story(&found).lines().last().unwrap().to_owned();
        assert!(last.contains("its payment is still pending (R13, payment_pending)"), "{last}");
        let anyway = &found["actions"][0];
        assert_eq!(anyway["label"], "Import anyway");
        world.post(anyway["path"].as_str().unwrap(), &json!({})).await.expect(200);
    });
}

#[test]
fn r48_a_delivery_that_became_no_order_says_why() {
    run(async |world| {
        world.store("pine").await;
        world.deliver_raw("pine", "orders/create", "broken-one", b"no json").await;
        let found = lookup(world, "broken-one").await;
        assert!(story(&found).contains("set aside for a person. The body is not JSON."), "{found}");
        let unknown = b"{}";
        world.deliver_raw("pine", "comets/create", "comet-one", unknown).await;
        assert!(story(&lookup(world, "comet-one").await).contains("does not know the topic"));
    });
}

#[test]
fn r50_an_empty_list_means_that_all_is_well() {
    run(async |world| {
        world.store("pine").await;
        world.deliver("pine", &order(1)).await;
        assert_eq!(world.get("/api/v1/attention").await.expect(200), json!({"data": []}));
    });
}

#[test]
fn r24_r25_r26_what_happened_in_the_cart_is_told_until_it_is_mended() {
    run(async |world| {
        world.store("pine").await;
        let later = Timestamp::parse("2026-03-02T08:00:00Z").unwrap();
        let change = async |id: u64, change: fn(&mut crate::domain::Sighting)| {
            let mut changed = order(id);
            changed.updated_at = Timestamp::parse("2026-03-02T08:00:00Z").unwrap();
            change(&mut changed);
            let body = serde_json::to_vec(&changed).unwrap();
            world.deliver_raw("pine", "orders/updated", &format!("u-{id}"), &body).await;
        };
        for id in 1..=3 {
            world.deliver("pine", &order(id)).await;
        }
        world.post("/api/v1/orders/ord_1_1/ship", &json!({})).await.expect(200);
        change(1, |order| order.cart.cancelled_at = Some(order.updated_at)).await;
        change(2, |order| order.cart.fulfillment_status = Some("fulfilled".to_owned())).await;
        change(3, |order| order.cart.financial_status = Some("refunded".to_owned())).await;
        assert!(later.0 > 0);
        let list = async || {
            let answer = world.get("/api/v1/attention").await.expect(200);
            let items = answer["data"].as_array().unwrap().clone();
            items
                .into_iter()
                .map(|item| (item["kind"].as_str().unwrap().to_owned(), item))
                .collect::<Vec<_>>()
        };
        let items = list().await;
        let mut kinds: Vec<_> = items.iter().map(|(kind, _)| kind.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["cancelled_late", "fulfilled_in_cart", "refunded_in_cart"]);
        for (kind, item) in items {
            assert_eq!((&item["severity"], &item["store"]), (&json!("high"), &json!("pine")));
            assert!(item["links"][0].as_str().unwrap().starts_with("/orders/ord_1_"), "{item}");
            let action = &item["actions"][0];
            assert_eq!(action["method"], "POST");
            let mended = world.post(action["path"].as_str().unwrap(), &json!({})).await;
            assert_eq!(mended.status, 200, "{kind}: {mended:?}");
        }
        assert!(list().await.is_empty());
    });
}

#[test]
fn r49_events_that_were_set_aside_are_grouped_by_cause() {
    run(async |world| {
        world.store("pine").await;
        for n in 0..3 {
            world.deliver_raw("pine", "orders/create", &format!("b-{n}"), b"no json").await;
        }
        world.deliver_raw("pine", "comets/create", "c-1", b"{}").await;
        let list = world.get("/api/v1/attention").await.expect(200);
        let texts: Vec<_> =
            list["data"].as_array().unwrap().iter().map(|i| i["text"].as_str().unwrap()).collect();
        assert_eq!(
            texts,
            [
                "3 events were set aside. The body is not JSON.",
                "1 event was set aside. This build does not know the topic."
            ]
        );
        assert_eq!(list["data"][0]["links"][0], "/api/v1/events?store=pine&state=set_aside");
    });
}
