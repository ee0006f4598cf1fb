//! R9: every documented body, and what is none.

use rstest::rstest;
use serde_json::{Value, json};

use super::super::callback::{complete_head, decode};
use crate::channel::{Decoded, DeliveryHead};
use crate::domain::Timestamp;

fn callback(scope: &str, data: &Value) -> Vec<u8> {
    json!({
        "scope": scope, "store_id": "1025646", "data": data, "hash": "dd70",
        "created_at": 1_561_479_335, "producer": "stores/abc123",
    })
    .to_string()
    .into_bytes()
}

fn thin(id: &str) -> Decoded {
    let changed_at = Some(Timestamp::from_seconds(1_561_479_335));
    Decoded::Thin { cart_order_id: id.into(), deleted: false, changed_at }
}

#[rstest]
#[case("store/order/created", json!({"type": "order", "id": 250}))]
#[case("store/order/updated", json!({"type": "order", "id": 250}))]
#[case("store/order/archived", json!({"type": "order", "id": 250}))]
#[case(
    "store/order/statusUpdated",
    json!({"type": "order", "id": 250, "status": {"previous_status_id": 0, "new_status_id": 11}})
)]
#[case(
    "store/order/refund/created",
    json!({"type": "order", "id": 250, "refund": {"refund_id": 2}})
)]
#[case(
    "store/order/transaction/created",
    json!({"type": "transaction", "order_id": "250", "transaction_id": 1})
)]
#[case("store/shipment/created", json!({"type": "shipment", "id": 7, "orderId": 250}))]
#[case("store/shipment/deleted", json!({"type": "shipment", "id": 7, "orderId": "250"}))]
#[case("store/channel/3/order/created", json!({"order_id": 250}))]
#[case("channel/3/order/updated", json!({"order_id": "250"}))]
fn r9_an_order_is_named_under_the_key_of_its_scope(#[case] scope: &str, #[case] data: Value) {
    assert_eq!(decode(&callback(scope, &data)), thin("250"));
}

#[rstest]
#[case("store/app/uninstalled", json!({}), Decoded::CheckAccess)]
#[case("store/app/uninstalled", Value::Null, Decoded::CheckAccess)]
#[case(
    "store/hook/deliveryException",
    json!({"type": "webhook", "id": 5, "error_code": 90002, "message": "m"}),
    Decoded::CheckAccess
)]
#[case("store/order/message/created", json!({"type": "order", "id": 250}), Decoded::NotUsed)]
#[case(
    "store/order/metafield/created",
    json!({"metafield_id": 1, "resource_id": "270"}),
    Decoded::NotUsed
)]
#[case("store/product/updated", json!({"type": "product", "id": 1}), Decoded::NotUsed)]
#[case(
    "store/sku/inventory/updated",
    json!({"type": "sku", "id": 1, "inventory": {"method": "absolute", "value": 5}}),
    Decoded::NotUsed
)]
#[case("store/channel/3/inventory/product/stock_changed", json!({}), Decoded::NotUsed)]
#[case("store/information/updated", json!({"type": "store"}), Decoded::NotUsed)]
#[case("store/order/exploded", json!({"id": 1}), Decoded::UnknownTopic)]
#[case("store/channel/x/order/created", json!({"order_id": 1}), Decoded::UnknownTopic)]
#[case("", json!({"id": 1}), Decoded::UnknownTopic)]
fn r9_other_scopes_are_told_apart(
    #[case] scope: &str,
    #[case] data: Value,
    #[case] expected: Decoded,
) {
    assert_eq!(decode(&callback(scope, &data)), expected);
}

#[rstest]
#[case::no_data(Value::Null)]
#[case::no_id(json!({"type": "order"}))]
#[case::wrong_key(json!({"order_id": 250}))]
#[case::zero(json!({"id": 0}))]
#[case::negative(json!({"id": -5}))]
#[case::fraction(json!({"id": 2.5}))]
#[case::words(json!({"id": "two"}))]
#[case::path(json!({"id": "../2"}))]
#[case::huge(json!({"id": "99999999999999999999"}))]
#[case::list(json!([250]))]
fn r9_a_body_without_an_order_has_the_wrong_shape(#[case] data: Value) {
    assert_eq!(decode(&callback("store/order/updated", &data)), Decoded::WrongShape);
}

#[test]
fn r9_what_is_no_callback_is_unreadable_or_misshapen() {
    assert_eq!(decode(b""), Decoded::Unreadable);
    assert_eq!(decode(b"{\"scope\":"), Decoded::Unreadable);
    assert_eq!(decode(b"[]"), Decoded::WrongShape);
    assert_eq!(decode(b"{}"), Decoded::WrongShape);
    assert_eq!(decode(b"{\"scope\":5}"), Decoded::WrongShape);
}

#[test]
fn r9_a_body_without_a_time_is_read_all_the_same() {
    let mut body: Value =
        serde_json::from_slice(&callback("store/order/created", &json!({"id": 250}))).unwrap();
    body.as_object_mut().unwrap().remove("created_at");
    body["store_id"] = json!(1_025_646);
    let decoded = decode(body.to_string().as_bytes());
    let expected = Decoded::Thin { cart_order_id: "250".into(), deleted: false, changed_at: None };
    assert_eq!(decoded, expected);
}

#[test]
fn r9_the_body_says_topic_store_and_time() {
    let body = callback("store/order/created", &json!({"id": 1}));
    let head = complete_head(DeliveryHead::default(), &body);
    assert_eq!(head.topic, "store/order/created");
    assert_eq!(head.domain.as_deref(), Some("abc123"));
    assert_eq!(head.triggered_at, Some(Timestamp::from_seconds(1_561_479_335)));
    let nothing = complete_head(DeliveryHead::default(), b"no JSON");
    assert_eq!((nothing.topic.as_str(), nothing.domain), ("", None));
}
