//! Orders, events and runs as tools read them, and what people do to them.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::world::{World, order, run};
use crate::ledger::Role;

/// A store with so many orders.
async fn pine(world: &World, orders: u64) {
    world.store("pine").await;
    for id in 1..=orders {
        world.deliver("pine", &order(id)).await;
    }
}

async fn all(world: &World, path: &str, field: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = world.get(&path).await;
        let page = answer.expect(200);
        let rows = page["data"].as_array().unwrap();
        found.extend(rows.iter().map(|row| row[field].as_str().unwrap().to_owned()));
        next = page["next_cursor"].as_str().map(|cursor| {
            let link = answer.header("link").to_owned();
            assert!(link.ends_with("; rel=\"next\"") && link.contains("cursor="), "{link}");
            let link = link[1..].split('>').next().unwrap().to_owned();
            assert!(link.matches("cursor=").count() == 1 && !cursor.is_empty(), "{link}");
            link
        });
    }
    found
}

#[test]
fn an_order_carries_the_fields_that_tools_rely_on() {
    run(async |world| {
        pine(world, 1).await;
        let told = world.get("/api/v1/orders/ord_1_1").await;
        assert_eq!(told.header("etag"), "\"1\"");
        let mut told = told.expect(200);
        for time in ["created_at", "updated_at"] {
            assert!(told[time].as_str().unwrap().ends_with('Z'), "{told}");
            told[time] = json!("T");
        }
        assert_eq!(
            told,
            json!({
                "id": "ord_1_1", "order_number": "1-1", "cart_order_id": "1",
                "cart_order_name": "#1", "store": "pine", "channel": "shopify",
                "status": "awaiting_fulfillment", "held_back": null, "arrived_by": "instasync",
                "flags": [], "placed_at": "2026-03-01T08:00:00Z",
                "cart_updated_at": "2026-03-01T08:00:00Z", "created_at": "T", "updated_at": "T",
                "version": 1, "currency": "EUR",
                "totals": {"total": "12.50", "original_total": "12.50", "shipping": "0.00"},
                "lines": [{"sku": "MUG", "name": "A mug", "quantity": 1, "unit_price": "12.50",
                    "cart_line_id": "1", "product_id": "77"}],
                "shipping_address": null, "shipping_method": null,
                "email": "buyer@example.test", "phone": null, "note": null, "tags": [],
                "source": null, "tracking": null,
                "cart": {"financial_status": "paid", "fulfillment_status": null,
                    "status_id": null, "cancelled_at": null, "archived": false},
                "has_revision": false,
            })
        );
    });
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition() {
    run(async |world| {
        pine(world, 7).await;
        let ids = all(world, "/api/v1/orders?limit=3", "cart_order_id").await;
        assert_eq!(ids, ["7", "6", "5", "4", "3", "2", "1"]);
        let pulled = "/api/v1/orders?limit=2&updated_after=2020-01-01T00:00:00Z";
        assert_eq!(all(world, pulled, "cart_order_id").await, ["1", "2", "3", "4", "5", "6", "7"]);
        let events = all(world, "/api/v1/events?limit=2&store=pine", "id").await;
        assert_eq!(events.len(), 7);

        let page = world.get("/api/v1/orders?limit=3").await.expect(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        for foreign in [
            format!("/api/v1/orders?limit=3&status=shipped&cursor={cursor}"),
            format!("/api/v1/events?cursor={cursor}"),
            "/api/v1/orders?cursor=guessed".to_owned(),
        ] {
            let problem = world.get(&foreign).await.problem(400, "malformed-request");
            assert_eq!(problem["errors"][0]["pointer"], "?cursor");
        }
    });
}

#[test]
fn filters_narrow_and_what_is_not_understood_is_refused() {
    run(async |world| {
        pine(world, 2).await;
        let mut held = order(3);
        held.cart.financial_status = Some("pending".to_owned());
        world.deliver("pine", &held).await;
        let mut test = order(4);
        test.cart.test = true;
        world.deliver("pine", &test).await;
        let count = async |query: &str| {
            let page = world.get(&format!("/api/v1/orders?{query}")).await.expect(200);
            page["data"].as_array().unwrap().len()
        };
        assert_eq!(count("").await, 3);
        assert_eq!(count("status=held_back").await, 1);
        assert_eq!(count("status=").await, 3);
        assert_eq!(count("cart_order_id=3").await, 1);
        assert_eq!(count("q=%233").await, 1);
        assert_eq!(count("q=BUYER@example.test").await, 4);
        assert_eq!(count("q=nobody").await, 0);
        assert_eq!(count("flag=test").await, 1);
        assert_eq!(count("store=pine&status=shipped").await, 0);
        assert_eq!(count("has_revision=true").await, 0);
        assert_eq!(count("has_revision=false").await, 3);
        assert_eq!(count("updated_after=2100-01-01T00:00:00Z").await, 0);
        for (query, pointer) in [
            ("status=lost", "?status"),
            ("flag=red", "?flag"),
            ("limit=0", "?limit"),
            ("limit=201", "?limit"),
            ("updated_after=yesterday", "?updated_after"),
            ("has_revision=maybe", "?has_revision"),
            ("colour=red", "?colour"),
        ] {
            let answer = world.get(&format!("/api/v1/orders?{query}")).await;
            let problem = answer.problem(400, "malformed-request");
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
        world.get("/api/v1/orders?store=oak").await.problem(404, "not-found");
        world.get("/api/v1/orders/ord_1_99").await.problem(404, "not-found");
        world.get("/api/v1/orders/nonsense").await.problem(404, "not-found");
    });
}

#[test]
fn r18_steps_are_taken_and_impossible_ones_are_refused_in_words() {
    run(async |world| {
        pine(world, 1).await;
        let act = async |verb: &str, body: Value| {
            world.post(&format!("/api/v1/orders/ord_1_1/{verb}"), &body).await
        };
        assert_eq!(
            act("cancel", json!({"reason": "sold out"})).await.expect(200)["status"],
            "cancelled"
        );
        assert_eq!(act("restore", json!({})).await.expect(200)["status"], "awaiting_fulfillment");
        let dropship = act("request-dropship", json!({})).await.expect(200);
        assert_eq!(dropship["status"], "dropshipment_requested");
        let tracking = json!({"tracking_number": "Z9", "carrier": "UPS", "notify_customer": true});
        let shipped = act("ship", tracking).await.expect(200);
        assert_eq!(shipped["tracking"]["tracking_number"], "Z9");
        let problem = act("cancel", json!({})).await.problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains("shipped"), "{problem}");
        assert_eq!(act("archive", json!({})).await.expect(200)["flags"], json!(["archived"]));
        act("archive", json!({})).await.problem(409, "conflict");
        assert_eq!(act("unarchive", json!({})).await.expect(200)["flags"], json!([]));
        act("import-anyway", json!({})).await.problem(409, "conflict");
        let problem = act("ship", json!({"carrier": 5, "speed": "fast"})).await;
        let problem = problem.problem(400, "malformed-request");
        let pointers: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(pointers, ["/carrier", "/speed"]);
    });
}

#[test]
fn two_people_do_not_overwrite_each_other() {
    run(async |world| {
        pine(world, 1).await;
        let act = |verb: &str, tag: &str| {
            let ask = world.ask(Method::POST, &format!("/api/v1/orders/ord_1_1/{verb}"));
            ask.trusted().header("if-match", tag)
        };
        act("cancel", "\"1\"").send().await.expect(200);
        act("restore", "\"1\"").send().await.problem(412, "precondition-failed");
        act("restore", "1, 2").send().await.problem(412, "precondition-failed");
        let restored = act("restore", "\"2\"").send().await;
        assert_eq!(restored.header("etag"), "\"3\"");
        act("cancel", "*").send().await.expect(200);
    });
}

#[test]
fn r7_a_fetch_answers_with_the_order_and_is_a_run() {
    run(async |world| {
        pine(world, 1).await;
        world.cart.orders.lock().unwrap().insert("42".into(), order(42));
        let fetch = async |body: Value| world.post("/api/v1/stores/pine/orders/fetch", &body).await;
        let fetched = fetch(json!({"cart_order_id": "42"})).await.expect(200);
        assert_eq!(
            (&fetched["cart_order_id"], &fetched["arrived_by"]),
            (&json!("42"), &json!("manual"))
        );
        let by_name = fetch(json!({"cart_order_name": "#42"})).await.expect(200);
        assert_eq!(by_name["id"], fetched["id"]);
        fetch(json!({"cart_order_id": "43"})).await.problem(404, "not-in-cart");
        for body in [json!({}), json!({"cart_order_id": "1", "cart_order_name": "#1"})] {
            fetch(body).await.problem(422, "invalid");
        }
        let runs = world.get("/api/v1/runs?store=pine").await.expect(200);
        let runs = runs["data"].as_array().unwrap();
        let told: Vec<_> = runs
            .iter()
            .map(|run| {
                (
                    run["state"].as_str().unwrap(),
                    run["new"].as_u64().unwrap(),
                    run["unchanged"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(told, [("failed", 0, 0), ("done", 0, 1), ("done", 1, 0)]);
        assert_eq!(runs[0]["error"], "The cart answered that it has no such order.");
        assert_eq!(runs[2]["started_by"], "admin (local)");
        let id = runs[2]["id"].as_str().unwrap();
        assert_eq!(world.get(&format!("/api/v1/runs/{id}")).await.expect(200), runs[2]);
        for unknown in ["run_1", "run_999999", "42", "run_x"] {
            world.get(&format!("/api/v1/runs/{unknown}")).await.problem(404, "not-found");
        }
        let tasks = world.get("/api/v1/stores/pine/tasks").await.expect(200);
        assert!(tasks[0]["last_run"].is_null(), "the store was never polled");
    });
}

#[test]
fn r7_a_fetch_that_takes_long_goes_on_in_the_background() {
    run(async |world| {
        pine(world, 0).await;
        world.cart.is_out.store(true, SeqCst);
        let body = json!({"cart_order_id": "42"});
        let answer = world.post("/api/v1/stores/pine/orders/fetch", &body);
        let started = answer.await.expect(202);
        let id = started["runs"][0]["id"].as_str().unwrap();
        world.cart.orders.lock().unwrap().insert("42".into(), order(42));
        world.cart.is_out.store(false, SeqCst);
        let ended = async {
            loop {
                let run = world.get(&format!("/api/v1/runs/{id}")).await.expect(200);
                if run["state"] == "done" {
                    return run;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let run = tokio::time::timeout(Duration::from_secs(40), ended).await.unwrap();
        assert_eq!(run["new"], 1, "{run}");
    });
}

#[test]
fn events_tell_what_became_of_them_and_operators_see_the_body() {
    run(async |world| {
        world.store("pine").await;
        world.deliver_raw("pine", "orders/create", "odd", b"{\"half\":").await;
        world.deliver_raw("pine", "comets/create", "comet", b"{\"tail\": 5}").await;
        let events = world.get("/api/v1/events?state=set_aside").await.expect(200);
        let reasons: Vec<_> =
            events["data"].as_array().unwrap().iter().map(|e| e["reason"].clone()).collect();
        assert_eq!(reasons, ["topic_unknown", "unreadable"]);
        let by = async |query: &str| {
            let page = world.get(&format!("/api/v1/events?{query}")).await.expect(200);
            page["data"].as_array().unwrap().len()
        };
        assert_eq!(by("topic=comets/create").await, 1);
        assert_eq!(by("q=odd").await, 1);
        assert_eq!(by("q=comet").await, 1);
        assert_eq!(by("q=comet&state=done").await, 0);
        assert_eq!(by("q=ev_1").await, 1);

        let body = async |role, id: &str| {
            let token = world.token(role, None).await;
            let ask = world.ask(Method::GET, &format!("/api/v1/events/{id}")).token(&token);
            ask.send().await.expect(200)
        };
        assert_eq!(body(Role::Operator, "ev_2").await["body"], json!({"tail": 5}));
        assert_eq!(body(Role::Admin, "ev_1").await["body"], json!("{\"half\":"));
        assert!(body(Role::Viewer, "ev_2").await.get("body").is_none());
        world.get("/api/v1/events/ev_99").await.problem(404, "not-found");
        world.get("/api/v1/events/x").await.problem(404, "not-found");
    });
}

#[test]
fn r13_held_back_orders_are_examined_anew_as_a_run() {
    run(async |world| {
        world.store("pine").await;
        let mut held = order(1);
        held.cart.financial_status = Some("pending".to_owned());
        world.deliver("pine", &held).await;
        let rules = json!({"rules": {"import_statuses": ["paid", "pending"]}});
        world
            .ask(Method::PATCH, "/api/v1/stores/pine")
            .trusted()
            .body(&rules)
            .send()
            .await
            .expect(200);
        let path = "/api/v1/stores/pine/orders/re-examine";
        let started = world.post(path, &json!({})).await.expect(202);
        let id = started["runs"][0]["id"].as_str().unwrap().to_owned();
        let ended = async {
            loop {
                let run = world.get(&format!("/api/v1/runs/{id}")).await.expect(200);
                if run["state"] == "done" {
                    return run;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
        assert_eq!(
            (&ended["seen"], &ended["new"], &ended["unchanged"]),
            (&json!(1), &json!(1), &json!(0))
        );
        let imported = world.get("/api/v1/orders/ord_1_1").await.expect(200);
        assert_eq!(imported["status"], "awaiting_fulfillment");
        let told = world.get("/api/v1/orders/ord_1_1/timeline").await.expect(200);
        assert!(told.to_string().contains("rules let it in now"), "{told}");
        let runs = world.get("/api/v1/runs").await.expect(200);
        assert_eq!(runs["data"][0]["id"], id);
        let viewer = world.token(Role::Viewer, None).await;
        let refused = world.ask(Method::POST, path).token(&viewer).body(&json!({})).send().await;
        refused.problem(403, "forbidden");
    });
}
