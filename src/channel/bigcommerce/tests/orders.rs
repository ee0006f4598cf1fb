//! R17: a V2 order in the one spelling of all carts.

use rstest::rstest;
use serde_json::{Value, json};

use super::super::order::{Malformed, V2Order};
use crate::domain::{Amount, Sighting, Timestamp};

pub(in super::super) fn line(id: i64, sku: &str, quantity: i64) -> Value {
    json!({
        "id": id, "order_id": 218, "product_id": 77, "variant_id": 78, "name": "Cup", "sku": sku,
        "quantity": quantity, "quantity_shipped": 0, "quantity_refunded": 0,
        "price_ex_tax": "10.0000", "price_inc_tax": "11.9000", "order_address_id": 5,
    })
}

/// An order as V2 tells it with its consignments.
pub(in super::super) fn order(id: i64) -> Value {
    json!({
        "id": id,
        "status_id": 11,
        "status": "To be packed",
        "date_created": "Tue, 05 Mar 2019 21:40:11 +0000",
        "date_modified": "Tue, 05 Mar 2019 21:41:00 +0000",
        "date_shipped": "",
        "total_inc_tax": "28.8000",
        "shipping_cost_ex_tax": "5.0000",
        "shipping_cost_inc_tax": "5.9500",
        "items_total": 2,
        "refunded_amount": "0.0000",
        "payment_status": "captured",
        "currency_code": "USD",
        "default_currency_code": "EUR",
        "is_deleted": false,
        "is_tax_inclusive_pricing": false,
        "customer_message": "ring twice",
        "order_source": "www",
        "billing_address": {"first_name": "Ada", "email": "ada@example.com", "phone": "+44 1"},
        "consignments": {
            "pickups": [], "downloads": [], "email": {"gift_certificates": []},
            "shipping": [{
                "id": 5, "first_name": "Ada", "last_name": "Byron", "company": "",
                "street_1": "1 Mill Lane", "street_2": "", "city": "Kirkby", "state": "Notts",
                "zip": "NG17", "country": "United Kingdom", "country_iso2": "GB", "phone": "",
                "shipping_method": "Flat Rate", "line_items": [line(71, "CUP", 2)],
            }],
        },
    })
}

pub(super) fn read(order: Value) -> Result<Sighting, Malformed> {
    serde_json::from_value::<V2Order>(order).unwrap().sighting()
}

fn amount(text: &str) -> Amount {
    Amount::parse(text, "EUR").unwrap()
}

#[test]
fn r16_r17_an_order_is_read_whole() {
    let said = read(order(218)).unwrap();
    assert_eq!(said.cart_order_id.as_str(), "218");
    assert_eq!((said.number.as_str(), said.name.as_str()), ("218", "218"));
    assert_eq!(said.placed_at, Timestamp::parse("2019-03-05T21:40:11Z").unwrap());
    assert_eq!(said.updated_at, Timestamp::parse("2019-03-05T21:41:00Z").unwrap());
    assert_eq!(said.cart.status_id, Some(11));
    assert_eq!(said.cart.financial_status.as_deref(), Some("captured"));
    assert!(!said.cart.archived && said.cart.cancelled_at.is_none());
    let content = &said.content;
    assert_eq!(content.currency, "EUR");
    assert_eq!(content.totals.total.to_string(), "28.80");
    assert_eq!(content.totals.shipping, amount("5"));
    assert_eq!(content.adjustments(), amount("3.80"));
    let line = &content.lines[0];
    assert_eq!((line.cart_line_id.as_str(), line.quantity), ("71", 2));
    assert_eq!(line.unit_price.to_string(), "10.00");
    let address = content.shipping_address.as_ref().unwrap();
    assert_eq!(address.name.as_deref(), Some("Ada Byron"));
    assert_eq!((address.company.as_deref(), address.zip.as_deref()), (None, Some("NG17")));
    assert_eq!(content.shipping_method.as_deref(), Some("Flat Rate"));
    assert_eq!(content.email.as_deref(), Some("ada@example.com"));
    assert_eq!(content.note.as_deref(), Some("ring twice"));
}

#[test]
fn r17_prices_with_tax_where_the_store_tells_them_so() {
    let mut told = order(218);
    told["is_tax_inclusive_pricing"] = json!(true);
    let content = read(told).unwrap().content;
    assert_eq!(content.lines[0].unit_price, amount("11.90"));
    assert_eq!(content.totals.shipping, amount("5.95"));
    assert!(content.adjustments().is_negative());
}

#[test]
fn r17_refunded_units_are_no_longer_wanted() {
    let mut told = order(218);
    told["consignments"]["shipping"][0]["line_items"][0]["quantity_refunded"] = json!(1);
    assert_eq!(read(told.clone()).unwrap().content.lines[0].quantity, 1);
    told["consignments"]["shipping"][0]["line_items"][0]["quantity_refunded"] = json!("2");
    assert!(read(told).unwrap().content.lines.is_empty());
}

#[test]
fn r22_archived_is_a_state_of_its_own() {
    let mut told = order(218);
    told["is_deleted"] = json!(true);
    let said = read(told).unwrap();
    assert!(said.cart.archived);
    assert_eq!(said.cart.status_id, Some(11));
}

#[test]
fn r17_pickups_downloads_and_mails_have_lines_too() {
    let mut told = order(218);
    let all = &mut told["consignments"];
    all["pickups"] =
        json!([{"pickup_method_display_name": "Shop", "line_items": [line(72, "A", 1)]}]);
    all["downloads"] = json!([{"recipient_email": "x", "line_items": [line(73, "B", 1)]}]);
    all["email"]["gift_certificates"] = json!([{"line_items": [line(74, "C", 1)]}]);
    all["shipping"] = json!([]);
    let content = read(told).unwrap().content;
    let ids: Vec<_> = content.lines.iter().map(|line| line.cart_line_id.as_str()).collect();
    assert_eq!(ids, ["72", "73", "74"]);
    assert_eq!(content.shipping_method.as_deref(), Some("Shop"));
    assert_eq!(content.shipping_address, None);
}

#[test]
fn r17_the_same_order_reads_alike_whatever_the_order_and_spelling_of_its_parts() {
    let mut told = order(218);
    let lines = &mut told["consignments"]["shipping"][0]["line_items"];
    *lines = json!([line(71, "CUP", 2), line(72, "LID", 1)]);
    let before = read(told.clone()).unwrap();
    told["consignments"]["shipping"][0]["line_items"] =
        json!([line(72, "LID", 1), line(71, "CUP", 2)]);
    told["id"] = json!("218");
    told["status_id"] = json!("11");
    told["total_inc_tax"] = json!("28.80");
    told["something_new"] = json!({"deep": [1]});
    let again = read(told).unwrap();
    assert_eq!(before.content_hash(), again.content_hash());
    assert_eq!(before, again);
}

#[rstest]
#[case("id", Value::Null, "id")]
#[case("id", json!(0), "id")]
#[case("status_id", Value::Null, "status_id")]
#[case("total_inc_tax", json!("a lot"), "total_inc_tax")]
#[case("date_modified", json!("yesterday"), "date_modified")]
fn r17_a_field_that_cannot_be_right_is_named(
    #[case] field: &str,
    #[case] value: Value,
    #[case] named: &'static str,
) {
    let mut told = order(218);
    told[field] = value;
    assert_eq!(read(told), Err(Malformed(named)));
}

#[test]
fn r17_what_is_missing_defaults() {
    let said = read(json!({"id": 1, "status_id": 0})).unwrap();
    assert_eq!((said.content.lines.len(), said.content.shipping_address), (0, None));
    assert_eq!(said.updated_at, Timestamp::default());
}

#[test]
fn r17_links_in_place_of_lines_are_no_whole_order() {
    let whole = |told: Value| serde_json::from_value::<V2Order>(told).unwrap().is_whole();
    assert!(whole(order(218)));
    let mut told = order(218);
    told["items_total"] = json!(3);
    assert!(!whole(told), "one unit is on another page");
    let mut told = order(218);
    told["consignments"]["shipping"][0]["line_items"] = json!([{"url": "u", "resource": "r"}]);
    assert!(!whole(told));
    let mut told = order(218);
    told["consignments"] = json!({"url": "u", "resource": "r"});
    assert!(!whole(told), "two units are somewhere");
    let mut told = order(218);
    told.as_object_mut().unwrap().remove("consignments");
    assert!(!whole(told));
}
