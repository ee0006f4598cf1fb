use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::super::graph_order::GraphOrder;
use super::super::{delivery, fetch};
use super::order::{Nothing, Plain, Product, any_order, nothing, plain};
use crate::channel::Decoded;
use crate::domain::{Sighting, Source, Timestamp};

fn by_webhook(body: &Value) -> Sighting {
    match delivery::decode("orders/updated", body.to_string().as_bytes()) {
        Decoded::Order(sighting) => *sighting,
        other => panic!("{other:?}"),
    }
}

fn by_fetch(order: Value) -> Sighting {
    fetch::sighting(&serde_json::from_value::<GraphOrder>(order).unwrap()).unwrap()
}

fn assert_same(order: &Plain, in_webhook: Nothing, in_answer: Nothing) {
    let (pushed, read) = (by_webhook(&order.webhook(in_webhook)), by_fetch(order.graph(in_answer)));
    assert_eq!(pushed, read);
    let hash = |sighting: &Sighting, source| sighting.version(source, Timestamp(1)).hash;
    assert_eq!(hash(&pushed, Source::Webhook), hash(&read, Source::Fetch));
}

proptest! {
    #[test]
    fn r12_both_shapes_of_one_state_are_one_sighting(
        order in any_order(),
        in_webhook in nothing(),
        in_answer in nothing(),
    ) {
        assert_same(&order, in_webhook, in_answer);
    }
}

#[test]
fn r17_an_order_holds_what_the_cart_told() {
    let mut order = plain();
    order.lines[0].current = 0;
    let sighting = by_webhook(&order.webhook(Nothing::Null));
    insta::assert_json_snapshot!(sighting, @r##"
    {
      "cart_order_id": "820982911946154508",
      "number": "1001",
      "name": "#1001",
      "placed_at": "2026-11-18T11:06:40Z",
      "updated_at": "2026-11-18T11:07:40Z",
      "cart": {
        "financial_status": "paid",
        "fulfillment_status": null,
        "status_id": null,
        "cancelled_at": null,
        "cancel_reason": null,
        "archived": false,
        "test": false
      },
      "content": {
        "currency": "USD",
        "totals": {
          "total": "49.80",
          "original_total": "69.70",
          "shipping": "10.00"
        },
        "lines": [
          {
            "cart_line_id": "14",
            "sku": "CANDLE-1",
            "name": "CANDLE-1 – large",
            "quantity": 2,
            "unit_price": "19.90",
            "product_id": "11",
            "variant_id": "12"
          }
        ],
        "shipping_address": {
          "name": "NAME",
          "company": "COMPANY",
          "address1": "ADDRESS1",
          "address2": null,
          "city": "CITY",
          "province": "PROVINCE",
          "province_code": "PROVINCE_CODE",
          "zip": "ZIP",
          "country": "COUNTRY",
          "country_code": "COUNTRY_CODE",
          "phone": "PHONE"
        },
        "email": "buyer@example.com",
        "phone": null,
        "shipping_method": "Standard",
        "note": "Tom & Jerry / \"café\"",
        "tags": [
          "first",
          "gift"
        ],
        "source": "web"
      }
    }
    "##);
    assert_same(&order, Nothing::Null, Nothing::Null);
}

#[test]
fn r17_lines_count_by_their_current_quantity() {
    let mut body = plain().webhook(Nothing::Null);
    let quantities = |body: &Value| -> Vec<u32> {
        by_webhook(body).content.lines.iter().map(|line| line.quantity).collect()
    };
    assert_eq!(quantities(&body), [2, 1]);
    body["line_items"][0]["current_quantity"] = json!(0);
    assert_eq!(quantities(&body), [2]);
    body["line_items"][0].as_object_mut().unwrap().remove("current_quantity");
    assert_eq!(quantities(&body), [2, 2], "without it, what was ordered");
}

#[test]
fn r12_a_deleted_product_is_linked_in_neither_shape() {
    let mut order = plain();
    order.lines[0].product = Product::Deleted(5, 6);
    order.lines[1].product = Product::Custom;
    let lines = by_webhook(&order.webhook(Nothing::Null)).content.lines;
    assert!(lines.iter().all(|line| line.product_id.is_none() && line.variant_id.is_none()));
    assert_same(&order, Nothing::Null, Nothing::Null);
}

#[rstest]
#[case::open(None, None, false, false)]
#[case::archived(None, Some(5), true, false)]
#[case::cancelled(Some(5), None, false, true)]
#[case::cancelled_and_closed(Some(5), Some(5), false, true)]
fn r22_archived_is_closed_without_being_cancelled(
    #[case] cancelled: Option<i64>,
    #[case] closed: Option<i64>,
    #[case] archived: bool,
    #[case] is_cancelled: bool,
) {
    let order = Plain { cancelled: cancelled.map(|at| (at, "fraud")), closed, ..plain() };
    let cart = by_webhook(&order.webhook(Nothing::Null)).cart;
    assert_eq!((cart.archived, cart.cancelled_at.is_some()), (archived, is_cancelled));
}

#[rstest]
#[case(json!(null), None)]
#[case(json!(""), None)]
#[case(json!("unfulfilled"), None)]
#[case(json!("pending"), None)]
#[case(json!("partial"), Some("partial"))]
#[case(json!("fulfilled"), Some("fulfilled"))]
#[case(json!("restocked"), Some("restocked"))]
#[case(json!("Beamed_Up"), Some("beamed_up"))]
fn r14_unknown_fulfilments_are_kept(#[case] told: Value, #[case] kept: Option<&str>) {
    let mut body = plain().webhook(Nothing::Null);
    body["fulfillment_status"] = told;
    assert_eq!(by_webhook(&body).cart.fulfillment_status.as_deref(), kept);
}

#[test]
fn r17_what_is_missing_defaults() {
    let sighting = by_webhook(&json!({ "id": 5_001, "line_items": [{ "id": 1, "quantity": 2 }] }));
    assert_eq!(sighting.cart_order_id.as_str(), "5001");
    assert_eq!((sighting.number.as_str(), sighting.name.as_str()), ("5001", "#5001"));
    assert_eq!(sighting.cart.financial_status, None);
    assert_eq!(sighting.content.lines[0].unit_price.to_string(), "0.00");
    let named = by_webhook(&json!({ "id": 5_001, "name": "#EN7", "line_items": [] }));
    assert_eq!((named.number.as_str(), named.name.as_str()), ("EN7", "#EN7"));
}

#[test]
fn r17_a_name_is_made_of_its_parts() {
    let mut body = plain().webhook(Nothing::Null);
    body["shipping_address"] = json!({ "name": " ", "first_name": "Ada", "last_name": "Byron" });
    let address = by_webhook(&body).content.shipping_address.unwrap();
    assert_eq!(address.name.as_deref(), Some("Ada Byron"));
    body["shipping_address"] = json!({ "name": "", "city": null });
    assert_eq!(by_webhook(&body).content.shipping_address, None);
}
