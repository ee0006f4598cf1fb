//! Webhook bodies: the REST shape with its quirks, as bytes, and their signature.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{gid, money};
use crate::simulator::order::{Fulfilment, Line, Order, Refund};
use crate::simulator::shop::Profile;
use crate::simulator::time::At;

/// Topics with their GraphQL names: all that subscriptions may name.
pub(in crate::simulator) const TOPICS: &[(&str, &str)] = &[
    ("orders/create", "ORDERS_CREATE"),
    ("orders/updated", "ORDERS_UPDATED"),
    ("orders/cancelled", "ORDERS_CANCELLED"),
    ("orders/paid", "ORDERS_PAID"),
    ("orders/fulfilled", "ORDERS_FULFILLED"),
    ("orders/partially_fulfilled", "ORDERS_PARTIALLY_FULFILLED"),
    ("orders/edited", "ORDERS_EDITED"),
    ("orders/delete", "ORDERS_DELETE"),
    ("refunds/create", "REFUNDS_CREATE"),
    ("products/create", "PRODUCTS_CREATE"),
    ("products/update", "PRODUCTS_UPDATE"),
    ("products/delete", "PRODUCTS_DELETE"),
    ("inventory_levels/update", "INVENTORY_LEVELS_UPDATE"),
    ("bulk_operations/finish", "BULK_OPERATIONS_FINISH"),
    ("shop/update", "SHOP_UPDATE"),
    ("app/uninstalled", "APP_UNINSTALLED"),
    ("app/scopes_update", "APP_SCOPES_UPDATE"),
];

/// The base64 HMAC-SHA256 of the raw bytes.
pub(in crate::simulator) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes())
        .expect("invariant: HMAC takes a key of any length");
    mac.update(body);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// JSON as the cart writes it: `/` as `\/`, and `&`, `<`, `>` as `\u00…`. Whoever parses and writes
/// it again gets other bytes, and so another signature.
pub(in crate::simulator) fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Escaping);
    value.serialize(&mut serializer).expect("invariant: JSON is written to memory");
    bytes
}

struct Escaping;

impl serde_json::ser::Formatter for Escaping {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        for part in fragment.split_inclusive(['/', '&', '<', '>']) {
            let escape = match part.chars().next_back() {
                Some('/') => "\\/",
                Some('&') => "\\u0026",
                Some('<') => "\\u003c",
                Some('>') => "\\u003e",
                _ => {
                    writer.write_all(part.as_bytes())?;
                    continue;
                }
            };
            let plain = part.get(..part.len() - 1).unwrap_or_default();
            writer.write_all(plain.as_bytes())?;
            writer.write_all(escape.as_bytes())?;
        }
        Ok(())
    }
}

/// A full order.
pub(in crate::simulator) fn order(order: &Order, shop: &Profile) -> Value {
    let parts = [head(order, shop), amounts(order, shop), content(order, shop)];
    let objects = parts.into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(objects.flatten().collect())
}

fn head(order: &Order, shop: &Profile) -> Value {
    let time = |at: At| at.local(shop.offset_minutes);
    let link = format!("https://{}/1/orders/{:x}/authenticate?key=none&x=1", shop.domain, order.id);
    json!({
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "app_id": 580_111,
        "browser_ip": null,
        "buyer_accepts_marketing": false,
        "cancel_reason": order.cancel_reason,
        "cancelled_at": order.cancelled_at.map(time),
        "cart_token": null,
        "checkout_id": null,
        "closed_at": order.closed_at.map(time),
        "confirmation_number": format!("{:09X}", order.number * 7_919),
        "confirmed": true,
        "contact_email": order.email,
        "created_at": time(order.placed_at),
        "customer_locale": "en",
        "device_id": null,
        "email": order.email,
        "landing_site": "/",
        "location_id": null,
        "name": order.name(),
        "note": order.note,
        "note_attributes": [],
        "number": order.number - 1000,
        "order_number": order.number,
        "order_status_url": link,
        "phone": null,
        "po_number": null,
        "processed_at": time(order.placed_at),
        "referring_site": null,
        "source_identifier": null,
        "source_name": "web",
        "tags": order.tags.join(", "),
        "test": order.test,
        "token": format!("{:032x}", order.id),
        "updated_at": time(order.updated_at),
        "user_id": null,
    })
}

fn amounts(order: &Order, shop: &Profile) -> Value {
    let set = |cents| money_set(cents, &shop.currency);
    let subtotal = order.total() - order.shipping_cents;
    json!({
        "currency": shop.currency,
        "current_subtotal_price": money(order.current_subtotal()),
        "current_subtotal_price_set": set(order.current_subtotal()),
        "current_total_price": money(order.current_total()),
        "current_total_price_set": set(order.current_total()),
        "current_total_tax": "0.00",
        "discount_codes": [],
        "estimated_taxes": false,
        "financial_status": order.financial.name(),
        "payment_gateway_names": ["bogus"],
        "presentment_currency": shop.currency,
        "subtotal_price": money(subtotal),
        "subtotal_price_set": set(subtotal),
        "tax_exempt": false,
        "tax_lines": [],
        "taxes_included": false,
        "total_discounts": "0.00",
        "total_line_items_price": money(subtotal),
        "total_price": money(order.total()),
        "total_price_set": set(order.total()),
        "total_shipping_price_set": set(order.shipping_cents),
        "total_tax": "0.00",
        "total_weight": 0,
    })
}

fn content(order: &Order, shop: &Profile) -> Value {
    let address = address(order);
    let lines: Vec<Value> = order.lines.iter().map(|line| line_item(line, shop)).collect();
    let refunds: Vec<Value> =
        order.refunds.iter().map(|refund| self::refund(order, refund, shop)).collect();
    let shipping = order.address.as_ref().map(|_| {
        json!({
            "id": order.id / 3,
            "code": "Standard",
            "title": "Standard & tracked",
            "source": "shopify",
            "price": money(order.shipping_cents),
            "price_set": money_set(order.shipping_cents, &shop.currency),
            "carrier_identifier": null,
            "is_removed": false,
            "tax_lines": [],
        })
    });
    json!({
        "billing_address": address,
        "customer": {"id": order.number * 31, "email": order.email, "note": null},
        "discount_applications": [],
        "fulfillment_status": fulfilment(order.fulfilment()),
        "fulfillments": fulfilments(order, &|at: At| at.local(shop.offset_minutes)),
        "line_items": lines,
        "payment_terms": null,
        "refunds": refunds,
        "shipping_address": address,
        "shipping_lines": Vec::from_iter(shipping),
    })
}

fn fulfilment(status: Fulfilment) -> Option<&'static str> {
    match status {
        Fulfilment::Unfulfilled => None,
        Fulfilment::Partial => Some("partial"),
        Fulfilment::Fulfilled => Some("fulfilled"),
    }
}

fn money_set(cents: i64, currency: &str) -> Value {
    let amount = json!({"amount": money(cents), "currency_code": currency});
    json!({"shop_money": amount, "presentment_money": amount})
}

fn address(order: &Order) -> Value {
    let Some(address) = &order.address else { return Value::Null };
    let province = address.province.as_ref();
    json!({
        "first_name": address.first_name,
        "last_name": address.last_name,
        "name": format!("{} {}", address.first_name, address.last_name),
        "company": null,
        "address1": address.address1,
        "address2": null,
        "city": address.city,
        "zip": address.zip,
        "province": province.map(|(name, _)| name),
        "province_code": province.map(|(_, code)| code),
        "country": address.country.0,
        "country_code": address.country.1,
        "phone": null,
        "latitude": null,
        "longitude": null,
    })
}

fn line_item(line: &Line, shop: &Profile) -> Value {
    let status = match (line.fulfilled, line.current_quantity) {
        (0, _) => None,
        (shipped, left) if shipped < left => Some("partial"),
        _ => Some("fulfilled"),
    };
    json!({
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.current_quantity,
        "discount_allocations": [],
        "duties": [],
        "fulfillable_quantity": line.current_quantity.saturating_sub(line.fulfilled),
        "fulfillment_service": "manual",
        "fulfillment_status": status,
        "gift_card": false,
        "grams": 120,
        "name": line.title,
        "price": money(line.cents),
        "price_set": money_set(line.cents, &shop.currency),
        "product_exists": line.product_id.is_some(),
        "product_id": line.product_id,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": true,
        "sku": line.sku,
        "tax_lines": [],
        "taxable": true,
        "title": line.title,
        "total_discount": "0.00",
        "variant_id": line.variant_id,
        "variant_title": null,
        "vendor": line.vendor,
    })
}

fn fulfilments(order: &Order, time: &impl Fn(At) -> String) -> Value {
    if order.fulfilment() == Fulfilment::Unfulfilled {
        return json!([]);
    }
    let shipped = order.lines.iter().filter(|line| line.fulfilled > 0);
    let lines: Vec<Value> =
        shipped.map(|line| json!({"id": line.id, "quantity": line.fulfilled})).collect();
    json!([{
        "id": order.id / 2, "order_id": order.id, "status": "success", "name": format!("{}.1", order.name()),
        "created_at": time(order.updated_at), "updated_at": time(order.updated_at),
        "tracking_company": null, "tracking_number": null, "tracking_url": null, "line_items": lines,
    }])
}

/// A refund: the body of `refunds/create`.
pub(in crate::simulator) fn refund(order: &Order, refund: &Refund, shop: &Profile) -> Value {
    let price = |id| order.lines.iter().find(|line| line.id == id).map_or(0, |line| line.cents);
    let lines: Vec<Value> = refund
        .lines
        .iter()
        .map(|(id, quantity)| {
            json!({
                "id": id + refund.id % 1000, "line_item_id": id, "quantity": quantity,
                "restock_type": "cancel", "subtotal": money(price(*id) * i64::from(*quantity)),
            })
        })
        .collect();
    json!({
        "id": refund.id,
        "admin_graphql_api_id": gid("Refund", refund.id),
        "order_id": order.id,
        "created_at": refund.at.local(shop.offset_minutes),
        "processed_at": refund.at.local(shop.offset_minutes),
        "note": null,
        "restock": true,
        "user_id": null,
        "refund_line_items": lines,
        "transactions": [{
            "id": refund.id + 1, "order_id": order.id, "kind": "refund", "gateway": "bogus",
            "status": "success", "amount": money(refund.cents), "currency": shop.currency,
        }],
        "order_adjustments": [],
    })
}

/// The thin body of `orders/edited`.
pub(in crate::simulator) fn edited(
    order: &Order,
    shop: &Profile,
    additions: &[(u64, u32)],
    removals: &[(u64, u32)],
) -> Value {
    let deltas = |lines: &[(u64, u32)]| -> Value {
        lines.iter().map(|(id, delta)| json!({"id": id, "delta": delta})).collect()
    };
    let time = order.updated_at.local(shop.offset_minutes);
    json!({"order_edit": {
        "id": order.id / 5 + order.revision,
        "app_id": null,
        "order_id": order.id,
        "created_at": time,
        "committed_at": time,
        "notify_customer": false,
        "staff_note": "",
        "user_id": null,
        "line_items": {"additions": deltas(additions), "removals": deltas(removals)},
        "discounts": {"line_item": {"additions": [], "removals": []}},
        "shipping_lines": {"additions": [], "removals": []},
    }})
}

/// All that is told of a deleted order.
pub(in crate::simulator) fn deleted(order: &Order) -> Value {
    json!({"id": order.id})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::catalogue::{self, Wish};

    #[test]
    fn the_signature_is_over_the_raw_bytes() {
        // Computed with another implementation.
        let body = r##"{"id":812345678901234567,"name":"#7","note":"Salt \u0026 Cedar \/ Été"}"##;
        let body = body.as_bytes();
        let signature = sign("cart-test-secret", body);
        assert_eq!(signature, "QlhnGshZ+EYjrxg7HDjyIhnQ9Z8Hcjo9dMjerWn9V4s=");
        let again = serde_json::from_slice::<Value>(body).unwrap().to_string();
        assert_ne!(sign("cart-test-secret", again.as_bytes()), signature);
        let ours: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(bytes(&ours), body, "written as the cart writes it");
    }

    #[test]
    fn an_order_is_rendered_with_its_quirks() {
        let shop = Profile::default();
        let mut next = 0;
        let mut ids = || {
            next += 1;
            820_982_911_946_154_500 + next
        };
        let wish = Wish { note: Some("<b>/&".to_owned()), ..Wish::default() };
        let placed = At::parse("2026-11-20T14:00:00Z").unwrap();
        let mut model = catalogue::order(1, 1, placed, &wish, &mut ids);
        model.tags = vec!["a".to_owned(), "b".to_owned()];
        let body = order(&model, &shop);
        assert_eq!(body["created_at"], "2026-11-20T09:00:00-05:00");
        assert_eq!(body["tags"], "a, b");
        assert_eq!((&body["name"], &body["order_number"]), (&json!("#1001"), &json!(1001)));
        assert_eq!(body["cancelled_at"], Value::Null);
        assert_eq!(body["line_items"].as_array().unwrap().len(), model.lines.len());
        let text = String::from_utf8(bytes(&body)).unwrap();
        assert!(text.contains(r#""note":"\u003cb\u003e\/\u0026""#), "{text}");
        assert!(text.contains("\"id\":820982911946154501,"), "beyond 2^53, exactly: {text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), body);
    }
}
