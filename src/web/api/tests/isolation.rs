//! Nothing is joined across accounts (R1).

use actix_web::http::Method;
use serde_json::{Value, json};

use super::world::{Ask, World, order, run, store_body};
use crate::ledger::Role;

/// Two merchants with a store and an order each, and an admin token for the second one.
async fn two(world: &World) -> String {
    world.post("/api/v1/accounts", &json!({"name": "Second"})).await.expect(201);
    world.store_of("pine", "default").await;
    world.store_of("oak", "second").await;
    world.deliver("pine", &order(1)).await;
    world.deliver("oak", &order(1)).await;
    world.token(Role::Admin, Some("second")).await
}

fn ask<'a>(world: &'a World, token: &str, method: Method, path: &str) -> Ask<'a> {
    world.ask(method, path).token(token)
}

#[test]
fn r1_a_token_of_one_account_sees_nothing_of_another() {
    run(async |world| {
        let token = two(world).await;
        for (method, path) in [
            (Method::GET, "/api/v1/stores/pine"),
            (Method::PATCH, "/api/v1/stores/pine"),
            (Method::DELETE, "/api/v1/stores/pine"),
            (Method::GET, "/api/v1/stores/pine/tasks"),
            (Method::GET, "/api/v1/orders?store=pine"),
            (Method::GET, "/api/v1/orders?account=default"),
            (Method::GET, "/api/v1/orders/ord_1_1"),
            (Method::GET, "/api/v1/orders/ord_1_1/timeline"),
            (Method::POST, "/api/v1/orders/ord_1_1/cancel"),
            (Method::GET, "/api/v1/events?store=pine"),
            (Method::GET, "/api/v1/events/ev_1"),
            (Method::GET, "/api/v1/runs?store=pine"),
            (Method::GET, "/admin/stores/pine/actor"),
            (Method::POST, "/admin/stores/pine/restart"),
            (Method::POST, "/admin/stores/pine/pause"),
            (Method::DELETE, "/api/v1/tokens/999"),
        ] {
            let answer = ask(world, &token, method.clone(), path).send().await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            assert!(!answer.text.contains("example.test"), "{answer:?}");
        }
        let fetch = ask(world, &token, Method::POST, "/api/v1/stores/pine/orders/fetch");
        fetch.body(&json!({"cart_order_id": "1"})).send().await.problem(404, "not-found");
    });
}

#[test]
fn r1_lists_of_one_account_hold_nothing_of_another() {
    run(async |world| {
        let token = two(world).await;
        for (path, field, expected) in [
            ("/api/v1/stores", "slug", json!(["oak"])),
            ("/api/v1/orders", "store", json!(["oak"])),
            ("/api/v1/orders?q=buyer@example.test", "store", json!(["oak"])),
            ("/api/v1/orders?cart_order_id=1", "store", json!(["oak"])),
            ("/api/v1/events", "store", json!(["oak"])),
            ("/api/v1/events?q=1", "store", json!(["oak"])),
            ("/api/v1/accounts", "slug", json!(["second"])),
            ("/api/v1/tokens", "account", json!(["second"])),
            ("/admin/actors", "name", json!(["oak"])),
        ] {
            let list = ask(world, &token, Method::GET, path).send().await.expect(200);
            let found: Vec<&Value> =
                list["data"].as_array().unwrap().iter().map(|row| &row[field]).collect();
            assert_eq!(json!(found), expected, "{path}");
        }
        let found = ask(world, &token, Method::GET, "/api/v1/lookup?q=1").send().await.expect(200);
        assert!(!found.to_string().contains("pine"), "{found}");
        let other = ask(world, &token, Method::GET, "/api/v1/lookup?q=ord_1_1").send().await;
        assert_eq!(other.expect(200)["orders"], json!([]));
    });
}

#[test]
fn r1_whoever_sees_all_names_the_account_or_the_store() {
    run(async |world| {
        two(world).await;
        let stores = async |path: &str| {
            let list = world.get(path).await.expect(200);
            let rows = list["data"].as_array().unwrap().clone();
            rows.iter().map(|row| row["store"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(stores("/api/v1/orders").await, ["pine"]);
        assert_eq!(stores("/api/v1/orders?account=second").await, ["oak"]);
        assert_eq!(stores("/api/v1/orders?store=oak").await, ["oak"]);
        assert_eq!(stores("/api/v1/events?store=oak").await, ["oak"]);
        world.get("/api/v1/orders?account=third").await.problem(404, "not-found");
        assert_eq!(
            world.get("/api/v1/stores").await.expect(200)["data"].as_array().unwrap().len(),
            2
        );
        let lookup = world.get("/api/v1/lookup?q=1").await.expect(200);
        assert_eq!(lookup["orders"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn r1_a_limited_admin_stays_within_the_account() {
    run(async |world| {
        let token = two(world).await;
        let post =
            |path: &str, body: &Value| ask(world, &token, Method::POST, path).body(body).send();
        post("/api/v1/accounts", &json!({"name": "Third"})).await.problem(403, "forbidden");
        let made = post("/api/v1/tokens", &json!({"name": "n", "role": "admin"})).await.expect(201);
        assert_eq!(made["account"], "second");
        let wider = json!({"name": "n", "role": "admin", "account": "default"});
        post("/api/v1/tokens", &wider).await.problem(422, "invalid");
        let elm = post("/api/v1/stores", &store_body("elm")).await.expect(201);
        assert_eq!(elm["account"], "second");
        let taken = post("/api/v1/stores", &store_body("pine")).await.problem(409, "store-exists");
        assert!(taken.get("existing").is_none(), "{taken}");
        let theirs = json!({"channel": "shopify", "domain": "x.example.test", "name": "x",
            "account": "default", "credentials": {"client_secret": "s"}, "connect": false});
        post("/api/v1/stores", &theirs).await.problem(422, "invalid");
    });
}

#[test]
fn r1_accounts_are_named_once() {
    run(async |world| {
        let add = async |body: Value| world.post("/api/v1/accounts", &body).await;
        assert_eq!(add(json!({"name": "Second"})).await.expect(201)["slug"], "second");
        assert_eq!(add(json!({"name": "Second"})).await.expect(201)["slug"], "second-2");
        add(json!({"name": "Third", "slug": "second"})).await.problem(409, "conflict");
        add(json!({"name": ""})).await.problem(400, "malformed-request");
    });
}
