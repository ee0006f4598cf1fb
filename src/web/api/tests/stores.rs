//! Connecting, changing and disconnecting carts.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::world::{Answer, SECRET, World, order, run, store_body};
use crate::domain::StoreId;

const STORES: &str = "/api/v1/stores";
const PINE: &str = "/api/v1/stores/pine";

fn connecting(slug: &str) -> Value {
    let mut body = store_body(slug);
    body["connect"] = json!(true);
    body
}

async fn patch(world: &World, body: &Value) -> Answer {
    world.ask(Method::PATCH, PINE).trusted().body(body).send().await
}

async fn signing(world: &World) -> Vec<String> {
    let keys = world.desk.directory.signing_keys(StoreId(1)).await.unwrap();
    keys.secrets.iter().map(|(secret, _)| secret.expose_secret().to_owned()).collect()
}

#[test]
fn r1_a_store_is_connected_and_its_subscriptions_made() {
    run(async |world| {
        let answer = world.post(STORES, &connecting("pine")).await;
        let store = answer.expect(201);
        assert_eq!(answer.header("location"), PINE);
        assert_eq!(answer.header("etag"), format!("\"{}\"", store["version"]));
        assert_eq!((&store["index"], &store["slug"]), (&json!(1), &json!("pine")));
        assert_eq!(store["webhook_url"], "https://hooks.example/webhooks/shopify/pine");
        assert_eq!(store["health"]["connection"], "ok");
        assert_eq!(store["missing_scopes"], json!([]));
        assert_eq!(world.cart.subscribed.lock().unwrap().len(), 2);
    });
}

#[test]
fn r2_r3_every_store_has_three_tasks_and_each_tells_who_serves_it() {
    run(async |world| {
        world.post(STORES, &connecting("pine")).await.expect(201);
        let tasks = world.get(&format!("{PINE}/tasks")).await.expect(200);
        let told: Vec<_> = tasks.as_array().unwrap().iter().map(|task| &task["task"]).collect();
        assert_eq!(told, ["import_orders", "import_products", "write_inventory"]);
        let bolts: Vec<_> = [0, 1, 2].map(|n| &tasks[n]["instasync"]["state"]).into();
        assert_eq!(bolts, ["quiet", "off", "off"]);
        let arrows: Vec<_> = [0, 1, 2].map(|n| &tasks[n]["autosync"]["enabled"]).into();
        assert_eq!(arrows, [true, false, false]);
        assert!(tasks[0]["autosync"]["next_run_at"].is_string(), "{tasks}");
        world.deliver("pine", &order(1)).await;
        let tasks = world.get(&format!("{PINE}/tasks")).await.expect(200);
        assert_eq!(tasks[0]["instasync"]["state"], "live");
    });
}

#[test]
fn r1_the_same_domain_twice_is_refused_and_names_the_store() {
    run(async |world| {
        world.store("pine").await;
        let mut body = store_body("pine");
        body["name"] = json!("Another name");
        body["domain"] = json!(" PINE.example.test ");
        let problem = world.post(STORES, &body).await.problem(409, "store-exists");
        assert_eq!(problem["existing"], "pine");
        assert_eq!(world.get(STORES).await.expect(200)["data"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn r1_slugs_are_made_unique_unless_they_were_chosen() {
    run(async |world| {
        let mut slugs = Vec::new();
        for domain in ["a.example.test", "b.example.test", "c.example.test"] {
            let mut body = store_body("x");
            (body["domain"], body["name"]) = (json!(domain), json!("Pine & Wick"));
            slugs.push(world.post(STORES, &body).await.expect(201)["slug"].clone());
        }
        assert_eq!(slugs, ["pine-wick", "pine-wick-2", "pine-wick-3"]);
        let mut body = store_body("y");
        body["slug"] = json!("pine-wick");
        let problem = world.post(STORES, &body).await.problem(409, "conflict");
        assert_eq!(problem["errors"][0]["pointer"], "/slug");
    });
}

#[test]
fn r1_a_disconnected_store_is_revived_with_its_orders() {
    run(async |world| {
        world.post(STORES, &connecting("pine")).await.expect(201);
        world.deliver("pine", &order(1)).await;
        let stray =
            ("9".to_owned(), "orders/create".to_owned(), "https://other.example".to_owned());
        world.cart.subscribed.lock().unwrap().insert(stray.clone());
        let removed = world.ask(Method::DELETE, PINE).trusted().send().await.expect(200);
        assert_eq!((&removed["unsubscribed"], &removed["warning"]), (&json!(2), &Value::Null));
        assert_eq!(*world.cart.subscribed.lock().unwrap(), [stray].into());
        assert_eq!(
            world.get("/api/v1/orders?store=pine").await.expect(200)["data"][0]["id"],
            "ord_1_1"
        );
        let tasks = world.get(&format!("{PINE}/tasks")).await.expect(200);
        assert_eq!(tasks[0]["instasync"]["state"], "off");
        let fetch = json!({"cart_order_id": "1"});
        world.post(&format!("{PINE}/orders/fetch"), &fetch).await.problem(409, "conflict");
        patch(world, &json!({"credentials": {"client_secret": "x"}}))
            .await
            .problem(409, "conflict");

        let mut again = connecting("pine");
        again["name"] = json!("Pine again");
        let revived = world.post(STORES, &again).await.expect(201);
        assert_eq!(
            (&revived["id"], &revived["index"], &revived["slug"]),
            (&json!(1), &json!(1), &json!("pine"))
        );
        assert_eq!(
            (&revived["name"], &revived["disconnected_at"]),
            (&json!("Pine again"), &Value::Null)
        );
    });
}

#[test]
fn a_cart_that_cannot_be_reached_leaves_a_warning_when_disconnecting() {
    run(async |world| {
        world.post(STORES, &connecting("pine")).await.expect(201);
        world.cart.is_out.store(true, SeqCst);
        let removed = world.ask(Method::DELETE, PINE).trusted().send().await.expect(200);
        assert!(removed["warning"].as_str().unwrap().contains("cannot be reached"), "{removed}");
        assert!(world.get(PINE).await.expect(200)["disconnected_at"].is_string());
    });
}

#[test]
fn refused_credentials_are_no_obstacle_to_trying_again() {
    run(async |world| {
        world.cart.refuses.store(true, SeqCst);
        let problem = world.post(STORES, &connecting("pine")).await.problem(422, "cart-refused");
        assert!(problem["detail"].as_str().unwrap().contains("unknown client"), "{problem}");
        world.cart.refuses.store(false, SeqCst);
        let store = world.post(STORES, &connecting("pine")).await.expect(201);
        assert_eq!((&store["index"], &store["health"]["connection"]), (&json!(1), &json!("ok")));
    });
}

#[test]
fn missing_scopes_are_named_with_what_they_are_for() {
    run(async |world| {
        world.cart.lacks_scope.store(true, SeqCst);
        let store = world.post(STORES, &connecting("pine")).await.expect(201);
        assert_eq!(store["missing_scopes"][0]["scope"], "read_orders");
        assert!(store["missing_scopes"][0]["sentence"].is_string());
        let attention = world.get("/api/v1/attention").await.expect(200);
        assert_eq!(attention["data"][0]["kind"], "missing_scopes");
    });
}

#[test]
fn a_store_that_cannot_be_is_refused_with_every_reason() {
    run(async |world| {
        let refused = async |change: Value, pointer: &str| {
            let mut body = store_body("pine");
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            let answer = world.post(STORES, &body).await;
            assert!(matches!(answer.status, 400 | 422), "{answer:?}");
            assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{answer:?}");
            assert!(!answer.text.contains(SECRET));
        };
        refused(json!({"channel": "bigcommerce"}), "/channel").await;
        refused(json!({"channel": "comet"}), "/channel").await;
        refused(json!({"domain": "nodots"}), "/domain").await;
        refused(json!({"name": " "}), "/name").await;
        refused(json!({"slug": "Not A Slug"}), "/slug").await;
        refused(json!({"account": "nobody"}), "/account").await;
        refused(json!({"api_url": "https://a.example/path"}), "/api_url").await;
        refused(json!({"credentials": {}}), "/credentials/client_secret").await;
        refused(json!({"credentials": {"client_secret": 5}}), "/credentials/client_secret").await;
        refused(
            json!({"credentials": {"webhook_secrets": ["a"]}, "connect": true}),
            "/credentials/client_id",
        )
        .await;
        let three = json!({"credentials": {"webhook_secrets": ["a", "b", "c"]}});
        refused(three, "/credentials/webhook_secrets").await;
        refused(json!({"rules": {"edits": "never"}}), "/rules/edits").await;
        refused(json!({"rules": {"colour": "red"}}), "/rules/colour").await;
        refused(json!({"extra": SECRET}), "/extra").await;
        assert_eq!(world.get(STORES).await.expect(200)["data"], json!([]));
    });
}

#[test]
fn r23_rules_are_changed_one_by_one() {
    run(async |world| {
        world.store("pine").await;
        let changed = patch(world, &json!({"name": "Pine", "rules": {"cancels": "ignore"}}))
            .await
            .expect(200);
        assert_eq!((&changed["name"], &changed["slug"]), (&json!("Pine"), &json!("pine")));
        assert_eq!(changed["rules"]["cancels"], "ignore");
        assert_eq!(changed["rules"]["import_statuses"], json!(["paid", "partially_refunded"]));
        let wrong = patch(world, &json!({"rules": {"cancels": "never"}})).await;
        assert_eq!(
            wrong.problem(400, "malformed-request")["errors"][0]["pointer"],
            "/rules/cancels"
        );
        let wrong = patch(world, &json!({"rules": {"import_statuses": []}})).await;
        assert_eq!(wrong.problem(422, "invalid")["errors"][0]["pointer"], "/rules/import_statuses");
    });
}

#[test]
fn settings_are_guarded_by_if_match() {
    run(async |world| {
        world.store("pine").await;
        let tag = world.get(PINE).await.header("etag").to_owned();
        let rename = |tag: &str, name: &str| {
            let ask = world.ask(Method::PATCH, PINE).trusted().header("if-match", tag);
            ask.body(&json!({"name": name}))
        };
        rename(&tag, "One").send().await.expect(200);
        rename(&tag, "Two").send().await.problem(412, "precondition-failed");
        assert_eq!(world.get(PINE).await.expect(200)["name"], "One");
        let remove = world.ask(Method::DELETE, PINE).trusted().header("if-match", &tag);
        remove.send().await.problem(412, "precondition-failed");
    });
}

#[test]
fn r8_webhook_secrets_rotate_and_are_never_shown() {
    run(async |world| {
        world.store("pine").await;
        assert_eq!(signing(world).await, [SECRET]);
        let rotate = json!({"credentials": {"webhook_secrets": ["next-secret"], "keep_old": "1h"}});
        let answer = patch(world, &rotate).await;
        answer.expect(200);
        assert_eq!(signing(world).await, ["next-secret", SECRET]);
        for path in [STORES, PINE, "/api/v1/attention", "/api/v1/lookup?q=pine"] {
            let text = world.get(path).await.text;
            assert!(!text.contains(SECRET) && !text.contains("next-secret"), "{path}");
        }
        assert!(!answer.text.contains("secret"), "{answer:?}");
    });
}

#[test]
fn r47_reconnecting_checks_the_new_credentials() {
    run(async |world| {
        world.store("pine").await;
        world.cart.refuses.store(true, SeqCst);
        let body = json!({"credentials": {"client_id": "c", "client_secret": "wrong"}});
        patch(world, &body).await.problem(422, "cart-refused");
        assert_eq!(world.get(PINE).await.expect(200)["health"]["connection"], "reconnect");
        let attention = world.get("/api/v1/attention").await.expect(200);
        assert_eq!(attention["data"][0]["kind"], "reconnect");
        world.cart.refuses.store(false, SeqCst);
        let answer = patch(world, &json!({"credentials": {"client_secret": "right"}})).await;
        assert_eq!(answer.expect(200)["health"]["connection"], "ok");
        assert_eq!(world.get("/api/v1/attention").await.expect(200)["data"], json!([]));
    });
}

#[test]
fn r51_actors_are_seen_restarted_paused_and_resumed() {
    run(async |world| {
        world.store("pine").await;
        let actor = world.get("/admin/stores/pine/actor").await.expect(200);
        assert_eq!((&actor["state"], &actor["incarnation"]), (&json!("passive"), &json!(0)));
        let first = world.post("/admin/stores/pine/restart", &json!({})).await.expect(200);
        let second = world.post("/admin/stores/pine/restart", &json!({})).await.expect(200);
        assert!(second["incarnation"].as_u64() > first["incarnation"].as_u64(), "{first} {second}");
        assert_eq!(second["store"], "pine");
        let actors = world.get("/admin/actors").await.expect(200);
        let names: Vec<_> = actors["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["writer", "stores", "timer", "pine"]);

        let paused = world.post("/admin/stores/pine/pause", &json!({})).await.expect(200);
        assert_eq!(paused["state"], "paused");
        assert_eq!(world.get(PINE).await.expect(200)["health"]["connection"], "paused");
        let attention = world.get("/api/v1/attention").await.expect(200);
        assert_eq!(
            (&attention["data"][0]["kind"], &attention["data"][0]["severity"]),
            (&json!("paused"), &json!("low"))
        );
        let resumed = world.post("/admin/stores/pine/resume", &json!({})).await.expect(200);
        assert_ne!(resumed["state"], "paused");
        world.deliver("pine", &order(1)).await;
        world.post("/admin/stores/oak/restart", &json!({})).await.problem(404, "not-found");
    });
}

#[test]
fn r23_who_changed_which_rule_is_remembered() {
    run(async |world| {
        world.store("pine").await;
        patch(world, &json!({"rules": {"cancels": "ignore"}})).await.expect(200);
        patch(world, &json!({"rules": {"cancels": "ignore"}})).await.expect(200);
        patch(world, &json!({"rules": {"edits": "review", "archives": "archive"}}))
            .await
            .expect(200);
        let told = world.get("/api/v1/stores/pine/rules/history").await.expect(200);
        let told = told["data"].as_array().unwrap();
        assert_eq!(told.len(), 2, "what changes nothing is no change: {told:#?}");
        assert_eq!((&told[0]["version"], &told[0]["by"]), (&json!(3), &json!("admin (local)")));
        assert_eq!(
            told[0]["changes"],
            json!([{"rule": "archives", "from": "ignore", "to": "archive"},
                {"rule": "edits", "from": "ignore", "to": "review"}])
        );
        assert_eq!(told[1]["changes"][0]["rule"], "cancels");
    });
}

#[test]
fn r23_rules_are_changed_only_as_they_were_seen() {
    run(async |world| {
        world.store("pine").await;
        let seen = world.get("/api/v1/stores/pine").await.header("etag").to_owned();
        patch(world, &json!({"rules": {"cancels": "ignore"}})).await.expect(200);
        let late = world
            .ask(Method::PATCH, "/api/v1/stores/pine")
            .trusted()
            .header("If-Match", &seen)
            .body(&json!({"rules": {"cancels": "auto"}}));
        late.send().await.problem(412, "precondition-failed");
        let store = world.get("/api/v1/stores/pine").await.expect(200);
        assert_eq!(store["rules"]["cancels"], "ignore");
    });
}
