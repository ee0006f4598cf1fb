//! The simulator from outside: over HTTP alone, with a receiver that checks signatures itself.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let outcome = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    outcome.await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// One delivery as it arrived.
#[derive(Debug, Clone)]
struct Arrived {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn topic(&self) -> &str {
        self.header("x-shopify-topic")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether the signature is that of the raw bytes; with code of the test's own.
    fn is_signed_with(&self, secret: &str) -> bool {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&self.body);
        let signature = BASE64_STANDARD.decode(self.header("x-shopify-hmac-sha256")).unwrap();
        mac.verify_slice(&signature).is_ok()
    }
}

/// A subscriber that answers with whatever status it is told to.
struct Receiver {
    url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    status: Arc<AtomicU16>,
}

impl Receiver {
    fn start() -> Self {
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(AtomicU16::new(200));
        let (log, answer) = (Arc::clone(&arrived), Arc::clone(&status));
        let server = HttpServer::new(move || {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            let take = move |request: HttpRequest, body: web::Bytes| {
                let text = |value: &actix_web::http::header::HeaderValue| {
                    value.to_str().unwrap().to_owned()
                };
                let headers = request.headers().iter();
                let headers =
                    headers.map(|(name, value)| (name.to_string(), text(value))).collect();
                log.lock().unwrap().push(Arrived { headers, body: body.to_vec() });
                let status = StatusCode::from_u16(answer.load(Ordering::SeqCst)).unwrap();
                async move {
                    HttpResponse::build(status).insert_header(("Location", "/elsewhere")).finish()
                }
            };
            App::new().app_data(web::PayloadConfig::new(1 << 20)).default_service(web::to(take))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { url, arrived, status }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn all(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    fn clear(&self) {
        self.arrived.lock().unwrap().clear();
    }

    async fn at_least(&self, count: usize) -> Vec<Arrived> {
        let all = || async { Some(self.all()).filter(|all| all.len() >= count) };
        eventually(&format!("{count} deliveries"), all).await
    }
}

/// A simulator with an app that calls it.
struct World {
    simulator: Simulator,
    client: Client,
    token: Mutex<String>,
    receiver: Receiver,
}

/// Retries in milliseconds instead of minutes.
const FAST: f64 = 0.000_05;

impl World {
    async fn start() -> Self {
        Self::with(Options { retry_pace: FAST, ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        let simulator = Simulator::start(options).unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let receiver = Receiver::start();
        let world = Self { simulator, client, token: Mutex::default(), receiver };
        world.sign_in().await;
        world
    }

    fn cart(&self) -> &Arc<Cart> {
        self.simulator.cart()
    }

    fn grant(&self) -> Value {
        json!({
            "grant_type": "client_credentials",
            "client_id": self.cart().profile().client_id,
            "client_secret": self.cart().client_secret(),
        })
    }

    async fn ask_token(&self, grant: &Value) -> (StatusCode, Value) {
        let url = format!("{}/admin/oauth/access_token", self.simulator.url());
        let answer = self.client.post(url).json(grant).send().await.unwrap();
        (StatusCode::from_u16(answer.status().as_u16()).unwrap(), answer.json().await.unwrap())
    }

    async fn sign_in(&self) {
        let (status, answer) = self.ask_token(&self.grant()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        *self.token.lock().unwrap() = answer["access_token"].as_str().unwrap().to_owned();
    }

    async fn raw(&self, version: &str, query: &str, variables: Value) -> reqwest::Response {
        let url = format!("{}/admin/api/{version}/graphql.json", self.simulator.url());
        let token = self.token.lock().unwrap().clone();
        let body = json!({"query": query, "variables": variables});
        self.client
            .post(url)
            .header("X-Shopify-Access-Token", token)
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    async fn query(&self, query: &str, variables: Value) -> Value {
        let answer = self.raw("2026-10", query, variables).await;
        assert_eq!(answer.status().as_u16(), 200);
        answer.json().await.unwrap()
    }

    async fn subscribe(&self, topics: &[&str]) {
        let create = "mutation($t: WebhookSubscriptionTopic!, $s: WebhookSubscriptionInput!) {
            webhookSubscriptionCreate(topic: $t, webhookSubscription: $s) {
                webhookSubscription { id } userErrors { message } } }";
        for topic in topics {
            let variables = json!({"t": topic, "s": {"uri": self.receiver.url}});
            let made = self.query(create, variables).await;
            let made = &made["data"]["webhookSubscriptionCreate"];
            assert_eq!(made["userErrors"], json!([]), "{made}");
        }
    }

    async fn control(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("{}/_sim/{path}", self.simulator.url());
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.control(reqwest::Method::POST, path, Some(body)).await
    }

    /// Until no delivery is under way.
    async fn quiet(&self) {
        eventually("no delivery is under way", || async {
            (self.cart().pending_deliveries() == 0).then_some(())
        })
        .await;
    }
}

fn topics(arrived: &[Arrived]) -> BTreeSet<&str> {
    arrived.iter().map(Arrived::topic).collect()
}

#[tokio::test]
async fn tokens_are_had_by_form_and_json_and_expire() {
    let profile = Profile { token_seconds: -1, ..Profile::default() };
    let world = World::with(Options { profile, ..Options::default() }).await;
    let answer = world.raw("2026-10", "{ shop { id } }", Value::Null).await;
    assert_eq!(answer.status().as_u16(), 401, "it lives no second");
    let body: Value = answer.json().await.unwrap();
    assert!(body["errors"].as_str().unwrap().contains("Invalid API key or access token"));

    let url = format!("{}/admin/oauth/access_token", world.simulator.url());
    let answer = world.client.post(url).form(&world.grant()).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert!(answer["access_token"].as_str().unwrap().starts_with("shpat_"));
    assert_eq!(answer["expires_in"], -1);
    assert!(answer["scope"].as_str().unwrap().split(',').any(|scope| scope == "read_orders"));

    for (field, status, error) in [
        ("client_secret", StatusCode::UNAUTHORIZED, "invalid_client"),
        ("client_id", StatusCode::BAD_REQUEST, "application_cannot_be_found"),
        ("grant_type", StatusCode::BAD_REQUEST, "unsupported_grant_type"),
    ] {
        let mut grant = world.grant();
        grant[field] = json!("wrong");
        let (answered, body) = world.ask_token(&grant).await;
        assert_eq!((answered, body["error"].as_str()), (status, Some(error)));
    }
}

#[tokio::test]
async fn the_version_that_answers_is_in_the_header() {
    let world = World::start().await;
    for (asked, answered) in [("2026-10", "2026-10"), ("2024-01", "2026-01")] {
        let answer = world.raw(asked, "{ shop { id } }", Value::Null).await;
        assert_eq!(answer.headers()["x-shopify-api-version"], answered);
    }
    assert_eq!(world.raw("none", "{ shop { id } }", Value::Null).await.status().as_u16(), 404);
}

#[tokio::test]
async fn a_placed_order_is_told_signed_and_with_all_headers() {
    let world = World::start().await;
    world.subscribe(&["ORDERS_CREATE", "ORDERS_UPDATED", "PRODUCTS_CREATE"]).await;
    let (status, placed) = world.post("orders", json!({"count": 2})).await;
    assert_eq!((status, placed["data"].as_array().unwrap().len()), (201, 2));
    let arrived = world.receiver.at_least(4).await;
    assert_eq!(topics(&arrived), BTreeSet::from(["orders/create", "orders/updated"]));
    let mut ids = BTreeSet::new();
    for delivery in &arrived {
        assert!(delivery.is_signed_with(&world.cart().client_secret()));
        assert_eq!(delivery.header("x-shopify-shop-domain"), "pine-and-wick.myshopify.com");
        assert_eq!(delivery.header("x-shopify-api-version"), "2026-10");
        let triggered = delivery.header("x-shopify-triggered-at");
        assert_eq!(triggered.len(), "2026-11-20T14:00:00.290670248Z".len(), "{triggered}");
        assert_eq!(delivery.header("x-shopify-event-id").len(), 36);
        ids.insert(delivery.header("x-shopify-webhook-id").to_owned());
    }
    assert_eq!(ids.len(), 4, "one id for each delivery");
    let of_first = |delivery: &&Arrived| delivery.json()["name"] == "#1001";
    let events: BTreeSet<&str> =
        arrived.iter().filter(of_first).map(|d| d.header("x-shopify-event-id")).collect();
    assert_eq!(events.len(), 1, "one event id for all deliveries of an action");
    let known = world.control(reqwest::Method::GET, "orders/1001", None).await.1;
    let body = arrived.iter().find(of_first).unwrap().json();
    assert_eq!(body["id"].to_string(), known["id"].as_str().unwrap());
}

#[tokio::test]
async fn rest_and_graphql_tell_of_the_same_order() {
    let world = World::start().await;
    world.subscribe(&["ORDERS_CREATE"]).await;
    world.post("orders", json!({"lines": 3, "note": "a & b/c"})).await;
    let rest = world.receiver.at_least(1).await[0].json();
    let id = rest["admin_graphql_api_id"].clone();
    let query = "query($id: ID!) { order(id: $id) { legacyResourceId name number note updatedAt
        displayFinancialStatus totalPriceSet { shopMoney { amount } }
        lineItems(first: 50) { nodes { id sku quantity originalUnitPriceSet { shopMoney { amount } } } } } }";
    let order = world.query(query, json!({"id": id})).await["data"]["order"].clone();
    assert_eq!(order["legacyResourceId"], rest["id"].to_string());
    assert_eq!((&order["name"], &order["note"]), (&rest["name"], &rest["note"]));
    assert_eq!(order["number"], rest["order_number"]);
    assert_eq!(order["displayFinancialStatus"], "PAID");
    assert_eq!(order["totalPriceSet"]["shopMoney"]["amount"], rest["total_price"]);
    let instant = |value: &Value| At::parse(value.as_str().unwrap()).unwrap();
    assert_eq!(instant(&order["updatedAt"]), instant(&rest["updated_at"]));
    for (at, line) in rest["line_items"].as_array().unwrap().iter().enumerate() {
        let node = &order["lineItems"]["nodes"][at];
        assert_eq!(node["id"], line["admin_graphql_api_id"]);
        assert_eq!((&node["sku"], &node["quantity"]), (&line["sku"], &line["quantity"]));
        assert_eq!(node["originalUnitPriceSet"]["shopMoney"]["amount"], line["price"]);
    }
}

#[tokio::test]
async fn actions_over_http_and_what_is_impossible() {
    let world = World::start().await;
    world
        .subscribe(&["ORDERS_UPDATED", "ORDERS_CANCELLED", "ORDERS_EDITED", "ORDERS_DELETE"])
        .await;
    world.post("orders", json!({"count": 2, "quiet": true})).await;
    assert_eq!(world.post("orders/1001/edit", json!({})).await.0, 200);
    let (status, order) = world.post("orders/%231001/cancel", json!({"reason": "fraud"})).await;
    assert_eq!(status, 200, "{order}");
    assert!(order["cancelled_at"].is_string());
    assert_eq!(world.post("orders/1001/cancel", json!({})).await.0, 409);
    assert_eq!(world.post("orders/77/cancel", json!({})).await.0, 404);
    assert_eq!(world.post("orders/1001/melt", json!({})).await.0, 404);
    assert_eq!(world.post("orders", json!({"colour": 1})).await.0, 400);
    assert_eq!(world.post("orders/1002/delete", json!({})).await.0, 200);
    let arrived = world.receiver.at_least(5).await;
    world.quiet().await;
    assert_eq!(arrived.len(), 5);
    let find = |topic| arrived.iter().find(|delivery| delivery.topic() == topic).unwrap().json();
    let edit = find("orders/edited");
    assert!(edit["order_edit"]["order_id"].is_u64(), "{edit}");
    assert_eq!(find("orders/delete").as_object().unwrap().len(), 1);
    assert_eq!(find("orders/cancelled")["cancel_reason"], "fraud");
}

#[tokio::test]
async fn failures_are_retried_and_redirects_are_failures() {
    let world = World::start().await;
    world.subscribe(&["ORDERS_CREATE"]).await;
    world.receiver.answer(302);
    world.post("orders", json!({})).await;
    world.receiver.at_least(3).await;
    world.receiver.answer(200);
    world.quiet().await;
    let record = world.cart().deliveries().remove(0);
    assert_eq!(record.fate, Fate::Delivered);
    assert_eq!(record.answers.first().unwrap(), "302");
    assert_eq!(record.answers.last().unwrap(), "200");
    let arrived = world.receiver.all();
    let ids: BTreeSet<&str> = arrived.iter().map(|d| d.header("x-shopify-webhook-id")).collect();
    assert_eq!(ids.len(), 1, "a retry is the same delivery");
    assert!(arrived.iter().all(|d| d.body == arrived[0].body), "with the original body");
    assert_eq!(world.cart().subscriptions()[0].failures, 0);
}

#[tokio::test]
async fn eight_failures_in_a_row_end_a_subscription() {
    let world = World::start().await;
    world.subscribe(&["ORDERS_CREATE", "ORDERS_UPDATED"]).await;
    world.receiver.answer(500);
    world.post("orders", json!({})).await;
    world.quiet().await;
    assert!(world.cart().subscriptions().is_empty());
    let listed =
        world.query("{ webhookSubscriptions(first: 9) { nodes { id } } }", Value::Null).await;
    assert_eq!(listed["data"]["webhookSubscriptions"]["nodes"], json!([]));
    for record in world.cart().deliveries() {
        assert_eq!((record.fate, record.answers.len()), (Fate::Failed, 9), "{record:?}");
    }
}

#[tokio::test]
async fn after_a_rotation_the_old_secret_signs_for_a_while() {
    let world = World::start().await;
    world.subscribe(&["ORDERS_CREATE"]).await;
    let old = world.cart().client_secret();
    let (_, rotated) = world.post("secret", json!({"old_for_millis": 3_600_000})).await;
    let fresh = rotated["client_secret"].as_str().unwrap().to_owned();
    world.post("orders", json!({})).await;
    assert!(world.receiver.at_least(1).await[0].is_signed_with(&old));
    world.receiver.clear();
    world.post("secret", json!({"secret": "newest", "old_for_millis": 0})).await;
    world.post("orders", json!({})).await;
    assert!(world.receiver.at_least(1).await[0].is_signed_with("newest"));
    let mut grant = world.grant();
    grant["client_secret"] = json!(fresh);
    assert_eq!(world.ask_token(&grant).await.0, StatusCode::UNAUTHORIZED);
}

async fn set(world: &World, setting: Setting) {
    let (status, _) = world.post("faults", json!(setting)).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn deliveries_go_wrong_in_the_ways_asked_for() {
    let world = World::start().await;
    world.subscribe(&["ORDERS_CREATE"]).await;
    let secret = world.cart().client_secret();

    set(&world, Setting::times(Fault::Duplicate, 1)).await;
    world.post("orders", json!({})).await;
    world.quiet().await;
    let arrived = world.receiver.all();
    let id = |at: usize| arrived[at].header("x-shopify-webhook-id");
    assert_eq!((arrived.len(), id(0)), (2, id(1)));
    world.receiver.clear();

    set(&world, Setting::times(Fault::Drop, 1)).await;
    world.post("orders", json!({})).await;
    world.quiet().await;
    assert!(world.receiver.all().is_empty());
    assert_eq!(world.cart().deliveries().last().unwrap().fate, Fate::Dropped);

    set(&world, Setting::times(Fault::BadSignature, 1)).await;
    world.receiver.answer(401);
    world.post("orders", json!({})).await;
    let arrived = world.receiver.at_least(2).await;
    assert!(!arrived[0].is_signed_with(&secret) && arrived[1].is_signed_with(&secret));
    world.receiver.answer(200);
    world.quiet().await;
    world.receiver.clear();

    let soon = Duration::from_millis(20);
    set(&world, Setting::times(Fault::StaleRetry, 1).lasting(soon)).await;
    world.post("orders", json!({})).await;
    let arrived = world.receiver.at_least(2).await;
    assert_eq!(arrived[0].body, arrived[1].body);
    assert_ne!(
        arrived[0].header("x-shopify-webhook-id"),
        arrived[1].header("x-shopify-webhook-id")
    );
    world.receiver.clear();

    set(&world, Setting::times(Fault::GarbageBody, 1)).await;
    world.post("orders", json!({})).await;
    let arrived = world.receiver.at_least(2).await;
    let garbage = arrived.iter().find(|d| serde_json::from_slice::<Value>(&d.body).is_err());
    assert!(garbage.unwrap().is_signed_with(&secret), "authentic garbage");
}

#[tokio::test]
async fn reordered_deliveries_come_backwards() {
    let world = World::start().await;
    world.subscribe(&["ORDERS_CREATE", "ORDERS_UPDATED"]).await;
    set(&world, Setting::times(Fault::Reorder, 1)).await;
    world.post("orders", json!({})).await;
    let arrived = world.receiver.at_least(2).await;
    let order: Vec<&str> = arrived.iter().map(Arrived::topic).collect();
    assert_eq!(order, ["orders/updated", "orders/create"]);
}

#[tokio::test]
async fn the_api_goes_wrong_in_the_ways_asked_for() {
    let world = World::start().await;
    let ask = || world.raw("2026-10", "{ shop { id } }", Value::Null);

    set(&world, Setting::times(Fault::ApiDown, 1)).await;
    assert!(ask().await.status().is_server_error());
    set(&world, Setting::times(Fault::TooManyRequests, 1)).await;
    let answer = ask().await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"1.0".parse().unwrap())
    );
    set(&world, Setting::times(Fault::Throttled, 1)).await;
    let answer: Value = ask().await.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "THROTTLED");
    assert!(answer["extensions"]["cost"]["throttleStatus"]["restoreRate"].is_number());
    set(&world, Setting::times(Fault::GarbageAnswer, 1)).await;
    assert!(ask().await.json::<Value>().await.is_err());
    set(&world, Setting::times(Fault::Hang, 1).lasting(Duration::from_millis(50))).await;
    assert_eq!(ask().await.status().as_u16(), 504);

    set(&world, Setting::times(Fault::TokenRevoked, 1)).await;
    assert_eq!(ask().await.status().as_u16(), 401);
    assert_eq!(ask().await.status().as_u16(), 401, "the token is gone");
    world.sign_in().await;
    assert_eq!(ask().await.status().as_u16(), 200);

    set(&world, Setting::always(Fault::AccessRefused)).await;
    assert_eq!(ask().await.status().as_u16(), 401);
    let (status, body) = world.ask_token(&world.grant()).await;
    assert_eq!(
        (status, body["error"].as_str()),
        (StatusCode::BAD_REQUEST, Some("shop_not_permitted"))
    );
    world.control(reqwest::Method::DELETE, "faults", None).await;
    assert_eq!(ask().await.status().as_u16(), 200);
    assert_eq!(world.post("faults", json!({"fault": "hang", "rate": 2.0})).await.0, 400);
}

#[tokio::test]
async fn a_person_sends_exactly_what_they_say() {
    let world = World::start().await;
    let body = json!({"topic": "orders/updated"});
    assert_eq!(world.post("send", body).await.0, 409, "nobody is subscribed");
    world.subscribe(&["ORDERS_CREATE"]).await;
    let secret = world.cart().client_secret();
    let raw = json!({"topic": "comets/create", "body": "{\"a\":1}", "twice": true});
    let (status, sent) = world.post("send", raw).await;
    assert_eq!((status, sent["data"].as_array().unwrap().len()), (200, 2));
    let arrived = world.receiver.all();
    assert!(arrived.iter().all(|d| d.topic() == "comets/create" && d.body == b"{\"a\":1}"));
    assert!(arrived[0].is_signed_with(&secret));
    assert_eq!(
        arrived[0].header("x-shopify-webhook-id"),
        arrived[1].header("x-shopify-webhook-id")
    );
    let raw = json!({"topic": "orders/create", "bad_signature": true});
    world.post("send", raw).await;
    assert!(!world.receiver.all().last().unwrap().is_signed_with(&secret));
}

#[tokio::test]
async fn a_shop_that_is_kept_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options { file: Some(folder.path().join("shop.json")), ..Options::default() };
    let world = World::with(options()).await;
    world.subscribe(&["ORDERS_CREATE"]).await;
    world.post("orders", json!({"count": 3})).await;
    let known = world.cart().orders();
    let (secret, token) = (world.cart().client_secret(), world.token.lock().unwrap().clone());
    let World { simulator, .. } = world;
    simulator.stop().await.unwrap();

    let world = World::with(options()).await;
    assert_eq!(world.cart().orders(), known);
    assert_eq!(world.cart().subscriptions().len(), 1);
    assert_eq!(world.cart().client_secret(), secret);
    *world.token.lock().unwrap() = token;
    assert!(world.query("{ shop { id } }", Value::Null).await["data"].is_object());
    let (_, placed) = world.post("orders", json!({})).await;
    assert_eq!(placed["data"][0]["name"], "#1004");
}

#[tokio::test]
async fn stopping_ends_hanging_calls_and_waiting_deliveries() {
    let world = World::with(Options::default()).await;
    world.subscribe(&["ORDERS_CREATE"]).await;
    world.receiver.answer(500);
    world.post("orders", json!({})).await;
    world.receiver.at_least(1).await;
    set(&world, Setting::always(Fault::Hang)).await;
    let url = format!("{}/admin/api/2026-10/graphql.json", world.simulator.url());
    let hanging = tokio::spawn(world.client.post(url).body("{}").send());
    let stopped = tokio::time::timeout(PATIENCE, world.simulator.stop());
    stopped.await.expect("in time").unwrap();
    let _answered_or_not = tokio::time::timeout(PATIENCE, hanging).await.expect("in time");
}
