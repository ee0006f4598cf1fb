//! Orders as Shopify's webhooks tell them, signed by hand.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The secret that test stores sign with.
pub const SECRET: &str = "hush-test-secret";

/// An order as `orders/create` tells it: paid, unfulfilled, two lines.
pub fn order(id: u64) -> Value {
    json!({
        "id": id,
        "admin_graphql_api_id": format!("gid://shopify/Order/{id}"),
        "name": format!("#{}", id % 100_000),
        "order_number": id % 100_000,
        "number": id % 100_000,
        "created_at": "2026-11-20T09:00:00-05:00",
        "processed_at": "2026-11-20T09:00:00-05:00",
        "updated_at": "2026-11-20T09:00:00-05:00",
        "cancelled_at": null,
        "cancel_reason": null,
        "closed_at": null,
        "test": false,
        "currency": "USD",
        "financial_status": "paid",
        "fulfillment_status": null,
        "email": format!("buyer{id}@example.com"),
        "total_price": "60.00",
        "current_total_price": "60.00",
        "total_shipping_price_set": {"shop_money": {"amount": "10.00", "currency_code": "USD"}},
        "tags": "gift, first",
        "source_name": "web",
        "shipping_address": {
            "first_name": "Ada", "last_name": "Byron", "name": "Ada Byron",
            "address1": "1 Mill Lane", "city": "Kirkby", "zip": "NG17", "country": "United Kingdom",
            "country_code": "GB"
        },
        "shipping_lines": [{"title": "Standard", "code": "std", "source": "shopify"}],
        "line_items": [
            {"id": id * 10 + 1, "admin_graphql_api_id": format!("gid://shopify/LineItem/{}", id * 10 + 1),
             "sku": "CANDLE-1", "name": "Candle", "title": "Candle", "quantity": 2,
             "current_quantity": 2, "price": "20.00", "product_id": 11, "variant_id": 12},
            {"id": id * 10 + 2, "admin_graphql_api_id": format!("gid://shopify/LineItem/{}", id * 10 + 2),
             "sku": "WICK-9", "name": "Wick", "title": "Wick", "quantity": 1,
             "current_quantity": 1, "price": "10.00", "product_id": 13, "variant_id": 14}
        ]
    })
}

/// The order with some fields changed, as a later state: `updated_at` so many seconds later.
pub fn changed(order: &Value, seconds: u32, fields: &Value) -> Value {
    let mut order = order.clone();
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    order["updated_at"] = json!(format!("2026-11-20T09:{minutes:02}:{seconds:02}-05:00"));
    for (name, value) in fields.as_object().expect("fields") {
        order[name] = value.clone();
    }
    order
}

/// The signature of a body, as Shopify puts it into `X-Shopify-Hmac-Sha256`.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(body);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
