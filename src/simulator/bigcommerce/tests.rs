//! The simulated store as a client meets it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::faults::{Fault, Setting};
use super::callbacks::sign;
use super::{Act, Options, Simulator, Wanted};

struct Client {
    simulator: Simulator,
    http: reqwest::Client,
}

impl Client {
    fn open(options: Options) -> Self {
        let simulator = Simulator::start(options).unwrap();
        Self { simulator, http: reqwest::Client::new() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let store = self.simulator.store();
        let url = format!("{}/stores/{}/{path}", self.simulator.url(), store.hash());
        let mut request = self.http.request(method, url).header("X-Auth-Token", store.token());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }
}

const WHOLE: &str = "include=consignments.line_items&consignment_structure=object";

#[tokio::test]
async fn an_order_is_told_alike_by_itself_and_in_a_list() {
    let client = Client::open(Options::default());
    let store = client.simulator.store();
    assert_eq!(client.get("v2/orders").await, (StatusCode::NO_CONTENT, Value::Null));
    let id = store.place(&Wanted { lines: Some(3), ..Wanted::default() });
    let (status, single) = client.get(&format!("v2/orders/{id}?{WHOLE}")).await;
    assert_eq!(status, StatusCode::OK);
    let (_, list) = client.get(&format!("v2/orders?min_id={id}&max_id={id}&{WHOLE}")).await;
    assert_eq!(list[0], single);
    assert_eq!(single["consignments"]["shipping"][0]["line_items"].as_array().unwrap().len(), 3);
    assert!(single["date_modified"].as_str().unwrap().ends_with(" +0000"));
    let (_, bare) = client.get(&format!("v2/orders/{id}")).await;
    assert!(bare["consignments"]["url"].is_string());
    let (status, missing) = client.get("v2/orders/9").await;
    assert_eq!((status, &missing[0]["status"]), (StatusCode::NOT_FOUND, &json!(404)));
}

#[tokio::test]
async fn lines_beyond_a_page_are_on_the_next() {
    let client = Client::open(Options::default());
    let id = client.simulator.store().place(&Wanted { lines: Some(60), ..Wanted::default() });
    let (_, order) = client.get(&format!("v2/orders/{id}?{WHOLE}")).await;
    let lines = &order["consignments"]["shipping"][0]["line_items"];
    assert_eq!(lines.as_array().unwrap().len(), 50);
    let (_, rest) = client.get(&format!("v2/orders/{id}/products?page=2")).await;
    assert_eq!(rest.as_array().unwrap().len(), 10);
    let (status, _) = client.get(&format!("v2/orders/{id}/products?page=3")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn strangers_and_missing_scopes_are_refused() {
    let missing_scopes = vec!["store_v2_products"];
    let client = Client::open(Options { missing_scopes, ..Options::default() });
    assert_eq!(client.get("v3/catalog/products").await.0, StatusCode::FORBIDDEN);
    assert_eq!(client.get("v2/store").await.0, StatusCode::OK);
    let url = format!("{}/stores/oakandiron/v2/store", client.simulator.url());
    let stranger = client.http.get(url).header("X-Auth-Token", "x").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_quota_is_told_and_kept() {
    let client = Client::open(Options { quota: 3, ..Options::default() });
    for _ in 0..3 {
        assert_eq!(client.get("v2/store").await.0, StatusCode::OK);
    }
    let url = format!("{}/stores/oakandiron/v2/store", client.simulator.url());
    let token = client.simulator.store().token();
    let refused = client.http.get(url).header("X-Auth-Token", token).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["x-rate-limit-requests-left"], "0");
    let store = client.simulator.store();
    assert_eq!((store.windows(), store.refused()), (vec![3], 1));
}

#[tokio::test]
async fn hooks_are_made_changed_listed_and_removed() {
    let client = Client::open(Options::default());
    let hook = json!({"scope": "store/order/created", "destination": "https://us.example/x",
        "headers": {"X-Secret": "s"}, "is_active": true});
    let (status, made) = client.call(Method::POST, "v3/hooks", Some(hook.clone())).await;
    assert_eq!((status, &made["data"]["headers"]["X-Secret"]), (StatusCode::OK, &json!("s")));
    let (status, _) = client.call(Method::POST, "v3/hooks", Some(hook)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, wrong) = client.call(Method::POST, "v3/hooks", Some(json!({"scope": "x"}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong["errors"]["destination"], "error.path.missing.");
    client.simulator.store().deactivate_hooks();
    let path = format!("v3/hooks/{}", made["data"]["id"]);
    let (_, listed) = client.get("v3/hooks").await;
    assert_eq!(listed["data"][0]["is_active"], false);
    let (_, mended) = client.call(Method::PUT, &path, Some(json!({"is_active": true}))).await;
    assert_eq!(mended["data"]["is_active"], true);
    assert_eq!(mended["data"]["headers"]["X-Secret"], "s");
    assert_eq!(client.call(Method::DELETE, &path, None).await.0, StatusCode::OK);
    assert_eq!(client.call(Method::DELETE, &path, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_lagging_store_shows_nothing_then_the_old_then_the_new() {
    let client = Client::open(Options::default());
    let store = client.simulator.store();
    let old = store.place(&Wanted::default());
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let lag = Setting::always(Fault::LaggingReads).lasting(Duration::from_secs(1));
    store.set_fault(lag);
    store.act(old, &Act::Message("new".to_owned()));
    let fresh = store.place(&Wanted::default());
    let (_, told) = client.get(&format!("v2/orders/{old}")).await;
    assert_ne!(told["customer_message"], "new");
    assert_eq!(client.get(&format!("v2/orders/{fresh}")).await.0, StatusCode::NOT_FOUND);
    store.set_fault(Setting::off(Fault::LaggingReads));
    assert_eq!(client.get(&format!("v2/orders/{fresh}")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn archiving_all_orders_is_noted_as_what_nobody_may_do() {
    let client = Client::open(Options::default());
    client.call(Method::DELETE, "v2/orders", None).await;
    assert_eq!(client.simulator.store().forbidden_calls(), ["DELETE /v2/orders"]);
}

#[test]
fn signatures_are_those_of_standard_webhooks() {
    let body = r#"{"scope":"store/order/created","store_id":"1025646","data":{"type":"order","id":250},"hash":"dd70c0976e06b67aaf671e73f49dcb79230ebf9d","created_at":1561479335,"producer":"stores/abc123"}"#;
    let (secret, id) = ("abcdef0123456789client_secret", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W");
    assert_eq!(
        sign(secret, id, "1795441305", body),
        "v1,hq0VCfdjiipJdqLje6iuzVIxRa2xm0CPRj5o/gIBDbI="
    );
}

#[tokio::test]
async fn shipments_are_told_and_move_the_order_on() {
    let client = Client::open(Options::default());
    let id = client.simulator.store().place(&Wanted { lines: Some(2), ..Wanted::default() });
    let path = format!("v2/orders/{id}/shipments");
    assert_eq!(client.get(&path).await.0, StatusCode::NO_CONTENT);
    let (_, lines) = client.get(&format!("v2/orders/{id}/products")).await;
    let (_, addresses) = client.get(&format!("v2/orders/{id}/shipping_addresses")).await;
    let address = &addresses[0]["id"];
    let item =
        |at: usize, units: &Value| json!({"order_product_id": lines[at]["id"], "quantity": units});
    let all = [item(0, &lines[0]["quantity"]), item(1, &lines[1]["quantity"])];
    let post = |body: Value| client.call(Method::POST, &path, Some(body));
    for wrong in [
        json!({"items": [all[0]]}),
        json!({"order_address_id": address, "items": []}),
        json!({"order_address_id": address, "items": [item(0, &json!(99))]}),
        json!({"order_address_id": address, "items": [all[0]], "tracking_number": "1".repeat(51)}),
    ] {
        let (status, told) = post(wrong.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(told[0]["message"].as_str().unwrap().contains("is invalid"), "{told}");
    }
    let part = json!({"order_address_id": address, "items": [all[0]], "tracking_number": "1Z"});
    let (status, made) = post(part).await;
    assert_eq!((status, &made["tracking_number"]), (StatusCode::CREATED, &json!("1Z")));
    let (_, order) = client.get(&format!("v2/orders/{id}")).await;
    assert_eq!((&order["status_id"], &order["items_shipped"]), (&json!(3), &lines[0]["quantity"]));
    let rest = json!({"order_address_id": address, "items": [all[1]]});
    assert_eq!(post(rest).await.0, StatusCode::CREATED);
    let (_, order) = client.get(&format!("v2/orders/{id}")).await;
    assert_eq!(order["status_id"], 2);
    let one = format!("{path}/{}", made["id"]);
    let change = json!({"tracking_number": "1Z9"});
    let (_, changed) = client.call(Method::PUT, &one, Some(change)).await;
    assert_eq!(changed["tracking_number"], "1Z9");
    assert_eq!(client.call(Method::DELETE, &one, None).await.0, StatusCode::NO_CONTENT);
    let (_, left) = client.get(&path).await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    let (_, order) = client.get(&format!("v2/orders/{id}")).await;
    assert_eq!(order["status_id"], 2, "what was shipped stays shipped");
}

#[tokio::test]
async fn orders_are_changed_over_the_api_whole_or_not_at_all() {
    let client = Client::open(Options::default());
    let id = client.simulator.store().place(&Wanted { lines: Some(2), ..Wanted::default() });
    let path = format!("v2/orders/{id}");
    let (_, before) = client.get(&format!("{path}/products")).await;
    let put = |body: Value| client.call(Method::PUT, &path, Some(body));
    let wrong = json!({"status_id": 5, "products": [{"id": 1, "quantity": 1}]});
    assert_eq!(put(wrong).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(client.get(&path).await.1["status_id"], 11);
    let products = json!({"staff_notes": "seen", "products": [
        {"id": before[0]["id"], "quantity": 0},
        {"id": before[1]["id"], "quantity": 7},
        {"name": "Gift box", "quantity": 1, "price_inc_tax": 3.5, "price_ex_tax": 3.5},
    ]});
    let (status, order) = put(products).await;
    assert_eq!((status, &order["staff_notes"]), (StatusCode::OK, &json!("seen")));
    let (_, after) = client.get(&format!("{path}/products")).await;
    assert_eq!((&after[0]["id"], &after[0]["quantity"]), (&before[1]["id"], &json!(7)));
    assert_eq!(
        (&after[1]["name"], &after[1]["price_inc_tax"]),
        (&json!("Gift box"), &json!("3.5000"))
    );
    assert_eq!(client.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(client.get(&path).await.1["is_deleted"], true);
}

#[tokio::test]
async fn refunds_are_quoted_made_and_listed() {
    let client = Client::open(Options::default());
    let id = client.simulator.store().place(&Wanted { lines: Some(1), ..Wanted::default() });
    let (_, lines) = client.get(&format!("v2/orders/{id}/products")).await;
    let line = &lines[0];
    let path = format!("v3/orders/{id}/payment_actions");
    let mut body = json!({"items": [
        {"item_type": "PRODUCT", "item_id": line["id"], "quantity": line["quantity"]}]});
    let post = |what: &str, body: Value| {
        let path = format!("{path}/{what}");
        let client = &client;
        async move { client.call(Method::POST, &path, Some(body)).await }
    };
    let (_, quote) = post("refund_quotes", body.clone()).await;
    let amount = &quote["data"]["total_refund_amount"];
    let total: f64 = line["total_inc_tax"].as_str().unwrap().parse().unwrap();
    assert_eq!(amount.as_f64(), Some(total));
    assert_eq!(post("refunds", body.clone()).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    body["payments"] = json!([{"provider_id": "custom", "amount": amount, "offline": true}]);
    assert_eq!(post("refunds", body.clone()).await.0, StatusCode::CREATED);
    let (status, _) = post("refunds", body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "nothing is left to give back");
    let (_, list) =
        client.get(&format!("v3/orders/payment_actions/refunds?order_id:in={id}")).await;
    assert_eq!(
        (&list["data"][0]["total_amount"], &list["meta"]["pagination"]["total"]),
        (amount, &json!(1))
    );
    assert_eq!(client.get(&format!("v2/orders/{id}")).await.1["status_id"], 4);
}

#[tokio::test]
async fn stock_is_told_set_and_taken_by_orders() {
    let client = Client::open(Options::default());
    let on_hand = |product: u64| {
        let path = format!("v3/inventory/items?product_id:in={product}");
        let client = &client;
        async move {
            client.get(&path).await.1["data"][0]["locations"][0]["total_inventory_onhand"].clone()
        }
    };
    let set = |item: Value| {
        let body = json!({"reason": "count", "items": [item]});
        client.call(Method::PUT, "v3/inventory/adjustments/absolute", Some(body))
    };
    let (status, told) = set(json!({"location_id": 1, "product_id": 70, "quantity": 12})).await;
    assert_eq!((status, told["transaction_id"].is_string()), (StatusCode::OK, true));
    assert_eq!(on_hand(70).await, 12);
    for wrong in [
        json!({"location_id": 1, "variant_id": 170, "quantity": 1}),
        json!({"location_id": 1, "product_id": 72, "quantity": 1}),
        json!({"location_id": 1, "product_id": 74, "quantity": 1}),
        json!({"location_id": 2, "product_id": 70, "quantity": 1}),
        json!({"location_id": 1, "product_id": 70, "quantity": -1}),
    ] {
        let (status, _) = set(wrong.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    assert_eq!(
        set(json!({"location_id": 1, "sku": "STOOL", "quantity": 3})).await.0,
        StatusCode::OK
    );
    let before = on_hand(71).await.as_i64().unwrap();
    let store = client.simulator.store();
    let ids: Vec<u64> = (0..20).map(|_| store.place(&Wanted::default())).collect();
    let mut sold = 0;
    for id in ids {
        let (_, lines) = client.get(&format!("v2/orders/{id}/products")).await;
        let of_it = lines.as_array().unwrap().iter().filter(|line| line["product_id"] == 71);
        sold += of_it.map(|line| line["quantity"].as_i64().unwrap()).sum::<i64>();
    }
    assert!(sold > 0);
    assert_eq!(on_hand(71).await, before - sold);
    let (_, products) = client.get("v3/catalog/products?sku:in=HOOK-L&include=variants").await;
    assert_eq!(products["data"][0]["inventory_level"], before - sold);
    assert_eq!(products["data"][0]["variants"][0]["sku"], "HOOK-L");
}
