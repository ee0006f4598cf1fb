//! An order as V2 tells it: dates of RFC 2822, money with four places, links where nothing was
//! asked to be included.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::super::time::At;
use super::order::{Line, Order, State};

/// Lines on one page, and so in one consignment of an answer.
pub(super) const PAGE: usize = 50;

/// What of an order is asked to be told in the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    Nothing,
    Consignments,
    Lines,
}

/// `Tue, 05 Mar 2019 21:40:11 +0000`
pub(super) fn date(at: At) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned_datetime(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A sum as V3 tells it.
pub(super) fn dollars(cents: i64) -> Value {
    json!(cents as f64 / 100.0)
}

/// The only address that an order ships to.
pub(super) fn address_id(order: &Order) -> u64 {
    order.id * 10 + 1
}

/// Who gets it, and where.
pub(super) fn person(order: &Order) -> Value {
    json!({
        "first_name": order.buyer.0, "last_name": order.buyer.1, "company": "",
        "street_1": "77 Pine St & 3rd", "street_2": "", "city": "Burlington", "state": "Vermont",
        "zip": "05401", "country": "United States", "country_iso2": "US", "phone": "",
        "email": format!("buyer{}@example.com", order.id),
    })
}

/// The address as a resource of its own.
pub(super) fn shipping_address(order: &Order, state: &State) -> Value {
    let sums = json!({
        "id": address_id(order),
        "order_id": order.id,
        "items_total": state.items_total(),
        "items_shipped": state.items_shipped(),
        "base_cost": money(state.shipping_cents),
        "cost_ex_tax": money(state.shipping_cents),
        "cost_inc_tax": money(state.shipping_cents),
        "cost_tax": "0.0000",
        "shipping_method": "Flat Rate",
        "form_fields": [],
    });
    merged([person(order), sums])
}

fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}00", cents.abs() / 100, cents.abs() % 100)
}

/// What is due beside 0 % tax: this store's prices hold none.
pub(super) fn order(order: &Order, state: &State, hash: &str, include: Include) -> Value {
    let id = order.id;
    let link = |name: &str| {
        json!({
            "url": format!("https://api.bigcommerce.com/stores/{hash}/v2/orders/{id}/{name}"),
            "resource": format!("/orders/{id}/{name}"),
        })
    };
    let goods: i64 = state.lines.iter().map(|l| l.price_cents * i64::from(l.quantity)).sum();
    let shipped = state.status_id == super::order::SHIPPED || state.status_id == 10;
    let facts = json!({
        "id": id,
        "customer_id": 0,
        "date_created": date(order.placed),
        "date_modified": date(state.since),
        "date_shipped": if shipped { date(state.since) } else { String::new() },
        "status_id": state.status_id,
        "status": status(state.status_id),
        "custom_status": status(state.status_id),
    });
    let sums = json!({
        "subtotal_ex_tax": money(goods),
        "subtotal_inc_tax": money(goods),
        "subtotal_tax": "0.0000",
        "base_shipping_cost": money(state.shipping_cents),
        "shipping_cost_ex_tax": money(state.shipping_cents),
        "shipping_cost_inc_tax": money(state.shipping_cents),
        "shipping_cost_tax": "0.0000",
        "discount_amount": money(state.discount_cents),
        "total_ex_tax": money(state.total_cents()),
        "total_inc_tax": money(state.total_cents()),
        "total_tax": "0.0000",
        "items_total": state.items_total(),
        "items_shipped": state.items_shipped(),
        "payment_method": "Manual",
        "payment_status": payment_status(state),
        "refunded_amount": "0.0000",
        "currency_code": "USD",
        "default_currency_code": "USD",
    });
    let rest = json!({
        "is_deleted": state.archived,
        "is_tax_inclusive_pricing": false,
        "staff_notes": state.staff_notes,
        "customer_message": state.message.clone().unwrap_or_default(),
        "order_source": "www",
        "channel_id": 1,
        "cart_id": format!("00000000-0000-4000-8000-{id:012}"),
        "external_id": null,
        "billing_address": merged([person(order), json!({"form_fields": []})]),
        "shipping_address_count": 1,
        "products": link("products"),
        "shipping_addresses": link("shippingaddresses"),
        "coupons": link("coupons"),
        "consignments": match include {
            Include::Nothing => link("consignments"),
            _ => consignments(order, state, hash, include),
        },
    });
    merged([facts, sums, rest])
}

/// One object of all fields of these objects.
pub(super) fn merged<const N: usize>(parts: [Value; N]) -> Value {
    let parts = parts.into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(parts.flatten().collect())
}

/// How the payment stands.
pub(super) fn payment_status(state: &State) -> &'static str {
    if state.status_id == 4 { "refunded" } else { "captured" }
}

fn consignments(order: &Order, state: &State, hash: &str, include: Include) -> Value {
    let lines: Vec<Value> = match include {
        Include::Lines => {
            state.lines.iter().take(PAGE).map(|line| self::line(order, line)).collect()
        }
        _ => state
            .lines
            .iter()
            .map(|line| {
                let path = format!("/orders/{}/products/{}", order.id, line.id);
                let url = format!("https://api.bigcommerce.com/stores/{hash}/v2{path}");
                json!({"url": url, "resource": path})
            })
            .collect(),
    };
    let shipping = json!({
        "id": address_id(order),
        "form_fields": [],
        "shipping_method": "Flat Rate",
        "line_items": lines,
        "items_total": state.items_total(),
        "items_shipped": state.items_shipped(),
        "cost_ex_tax": dollars(state.shipping_cents),
        "cost_inc_tax": dollars(state.shipping_cents),
    });
    json!({
        "pickups": [],
        "downloads": [],
        "email": {"gift_certificates": []},
        "shipping": [merged([person(order), shipping])],
    })
}

pub(super) fn line(order: &Order, line: &Line) -> Value {
    // What is in no catalogue has no variant.
    let variant = match line.product_id {
        0 => json!({}),
        product => json!({"variant_id": product + 100}),
    };
    let told = json!({
        "id": line.id,
        "order_id": order.id,
        "product_id": line.product_id,
        "order_address_id": address_id(order),
        "name": line.name,
        "sku": line.sku,
        "type": "physical",
        "quantity": line.quantity,
        "quantity_shipped": line.shipped,
        "quantity_refunded": line.refunded,
        "is_refunded": line.refunded == line.quantity,
        "base_price": money(line.price_cents),
        "price_ex_tax": money(line.price_cents),
        "price_inc_tax": money(line.price_cents),
        "price_tax": "0.0000",
        "total_ex_tax": money(line.price_cents * i64::from(line.quantity)),
        "total_inc_tax": money(line.price_cents * i64::from(line.quantity)),
        "parent_order_product_id": null,
        "is_bundled_product": false,
        "product_options": [],
        "applied_discounts": [],
    });
    merged([told, variant])
}

/// The words of a status. This merchant renamed one, as merchants may.
pub(super) fn status(id: i64) -> &'static str {
    match id {
        0 => "Incomplete",
        1 => "Pending",
        2 => "Shipped",
        3 => "Partially Shipped",
        4 => "Refunded",
        5 => "Cancelled",
        6 => "Declined",
        7 => "Awaiting Payment",
        8 => "Awaiting Pickup",
        9 => "Awaiting Shipment",
        10 => "Completed",
        11 => "To be packed",
        12 => "Manual Verification Required",
        13 => "Disputed",
        _ => "Partially Refunded",
    }
}
