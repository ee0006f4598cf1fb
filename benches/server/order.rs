//! An order as a webhook tells it, of a wished size.

use serde_json::{Value, json};

/// The body of `orders/create` for the n-th order: paid, a few lines, some kilobytes as real ones.
pub fn order_body(n: u64, bytes: usize) -> Vec<u8> {
    let id = 5_000_000_000 + n;
    let mut order = json!({
        "id": id,
        "admin_graphql_api_id": format!("gid://shopify/Order/{id}"),
        "name": format!("#{}", 1000 + n),
        "order_number": 1000 + n,
        "number": n,
        "created_at": "2026-11-20T09:00:00-05:00",
        "processed_at": "2026-11-20T09:00:00-05:00",
        "updated_at": "2026-11-20T09:00:00-05:00",
        "cancelled_at": null,
        "cancel_reason": null,
        "closed_at": null,
        "test": false,
        "currency": "USD",
        "presentment_currency": "USD",
        "financial_status": "paid",
        "fulfillment_status": null,
        "email": format!("buyer{}@example.com", word(n)),
        "contact_email": format!("buyer{}@example.com", word(n)),
        "token": format!("{}{}", word(n), word(n + 1)),
        "total_price": "60.00",
        "current_total_price": "60.00",
        "total_price_set": money("60.00"),
        "current_total_price_set": money("60.00"),
        "total_shipping_price_set": money("10.00"),
        "tags": "gift, first",
        "source_name": "web",
        "note": null,
        "shipping_address": address(n),
        "billing_address": address(n),
        "shipping_lines": [{"id": id + 9, "title": "Standard", "code": "std", "price": "10.00",
            "price_set": money("10.00"), "source": "shopify", "tax_lines": []}],
        "line_items": []
    });
    let mut lines = Vec::new();
    for line in 0.. {
        let text = line_item(id, n, line);
        if order.to_string().len() + (lines.len() + 1) * (text.to_string().len() + 1) > bytes {
            break;
        }
        lines.push(text);
    }
    order["line_items"] = Value::Array(lines);
    let short = bytes.saturating_sub(order.to_string().len());
    order["landing_site"] = json!(format!("/?ref={}", word(n).repeat(short / 16)));
    order.to_string().into_bytes()
}

fn line_item(id: u64, n: u64, line: u64) -> Value {
    json!({
        "id": id * 100 + line,
        "admin_graphql_api_id": format!("gid://shopify/LineItem/{}", id * 100 + line),
        "sku": format!("SKU-{:04}", (n * 7 + line) % 5000),
        "name": format!("Candle no. {} / {}", (n + line) % 900, word(n + line)),
        "title": format!("Candle no. {}", (n + line) % 900),
        "quantity": 1 + line % 3,
        "current_quantity": 1 + line % 3,
        "fulfillable_quantity": 1 + line % 3,
        "fulfillment_status": null,
        "grams": 200,
        "price": "20.00",
        "price_set": money("20.00"),
        "product_exists": true,
        "product_id": 7_000_000_000_u64 + (n + line) % 900,
        "variant_id": 8_000_000_000_u64 + (n + line) % 900,
        "requires_shipping": true,
        "taxable": true,
        "total_discount": "0.00",
        "total_discount_set": money("0.00"),
        "vendor": "Pine & Wick",
        "tax_lines": [{"title": "Tax", "rate": 0.06, "price": "1.20", "price_set": money("1.20")}],
        "discount_allocations": [],
        "properties": []
    })
}

fn address(n: u64) -> Value {
    json!({"first_name": "Ada", "last_name": word(n), "name": format!("Ada {}", word(n)),
        "address1": format!("{} Mill Lane", n % 300), "address2": null, "city": "Portland",
        "zip": format!("{:05}", n % 99_999), "province": "Oregon", "province_code": "OR",
        "country": "United States", "country_code": "US", "phone": null})
}

fn money(amount: &str) -> Value {
    json!({"shop_money": {"amount": amount, "currency_code": "USD"},
        "presentment_money": {"amount": amount, "currency_code": "USD"}})
}

/// Sixteen digits that look like chance, so that bodies do not compress better than real ones.
fn word(n: u64) -> String {
    format!("{:016x}", n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
