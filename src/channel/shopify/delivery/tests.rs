use rstest::rstest;
use serde_json::{Value, json};

use super::super::tests::order::{Nothing, plain};
use super::*;

fn decode_json(topic: &str, body: &Value) -> Decoded {
    decode(topic, body.to_string().as_bytes())
}

fn order() -> Value {
    plain().webhook(Nothing::Null)
}

#[rstest]
#[case("orders/create")]
#[case("orders/updated")]
#[case("orders/cancelled")]
#[case("orders/paid")]
#[case("orders/fulfilled")]
#[case("orders/partially_fulfilled")]
fn r13_full_orders_are_read_whatever_the_topic(#[case] topic: &str) {
    let Decoded::Order(sighting) = decode_json(topic, &order()) else { panic!("no order") };
    assert_eq!(sighting.cart_order_id.as_str(), "820982911946154508");
}

#[rstest]
#[case("orders/edited", json!({ "order_edit": { "id": 1, "order_id": 820_982_911_946_154_508_u64, "committed_at": "2026-11-20T09:00:00-05:00" } }), true)]
#[case("orders/edited", json!({ "order_edit": { "id": 1, "order_id": 820_982_911_946_154_508_u64, "committed_at": 7 } }), false)]
#[case("refunds/create", json!({ "id": 1, "order_id": 820_982_911_946_154_508_u64, "created_at": "2026-11-20T14:00:00Z" }), true)]
#[case("refunds/create", json!({ "id": 1, "order_id": 820_982_911_946_154_508_u64 }), false)]
#[case("orders/delete", json!({ "id": 820_982_911_946_154_508_u64 }), false)]
fn thin_topics_name_their_order_and_when_it_changed(
    #[case] topic: &str,
    #[case] body: Value,
    #[case] timed: bool,
) {
    let cart_order_id = CartOrderId::from("820982911946154508");
    let deleted = topic == "orders/delete";
    let changed_at = timed.then(|| Timestamp::parse("2026-11-20T14:00:00Z").unwrap());
    assert_eq!(decode_json(topic, &body), Decoded::Thin { cart_order_id, deleted, changed_at });
    assert_eq!(decode_json(topic, &json!({ "elsewhere": body })), Decoded::WrongShape);
}

#[rstest]
#[case("app/uninstalled", Decoded::CheckAccess)]
#[case("app/scopes_update", Decoded::CheckAccess)]
#[case("customers/redact", Decoded::NeedsConfirmation)]
#[case("customers/data_request", Decoded::NeedsConfirmation)]
#[case("shop/redact", Decoded::NeedsConfirmation)]
#[case("products/update", Decoded::NotUsed)]
#[case("inventory_levels/update", Decoded::NotUsed)]
#[case("carts/update", Decoded::UnknownTopic)]
#[case("Orders/Create", Decoded::UnknownTopic)]
#[case("", Decoded::UnknownTopic)]
fn r9_every_topic_has_an_answer(#[case] topic: &str, #[case] expected: Decoded) {
    assert_eq!(decode(topic, b"not JSON"), expected);
}

#[rstest]
#[case::nothing("", Decoded::Unreadable)]
#[case::text("not JSON", Decoded::Unreadable)]
#[case::control_character("{\"id\":1,\"name\":\"\u{0}\",\"line_items\":[]}", Decoded::Unreadable)]
#[case::cut("{\"id\":1,\"line_items\":[", Decoded::Unreadable)]
#[case::more_behind("{\"id\":1,\"line_items\":[]} {}", Decoded::Unreadable)]
#[case::wrong_then_cut("{\"id\":\"x\",\"line_items\":[", Decoded::Unreadable)]
#[case::other_json("42", Decoded::WrongShape)]
#[case::array("[1, 2]", Decoded::WrongShape)]
#[case::array_for_object(
    "{\"id\":1,\"line_items\":[],\"shipping_lines\":[[\"a\",true,0]]}",
    Decoded::WrongShape
)]
#[case::no_id("{\"line_items\":[]}", Decoded::WrongShape)]
#[case::no_lines("{\"id\":1}", Decoded::WrongShape)]
#[case::null_lines("{\"id\":1,\"line_items\":null}", Decoded::WrongShape)]
#[case::negative_id("{\"id\":-1,\"line_items\":[]}", Decoded::WrongShape)]
#[case::fraction_id("{\"id\":1.5,\"line_items\":[]}", Decoded::WrongShape)]
#[case::bad_time("{\"id\":1,\"line_items\":[],\"updated_at\":\"now\"}", Decoded::WrongShape)]
#[case::bad_money("{\"id\":1,\"line_items\":[],\"total_price\":\"1,5\"}", Decoded::WrongShape)]
#[case::negative("{\"id\":1,\"line_items\":[{\"id\":1,\"quantity\":-1}]}", Decoded::WrongShape)]
fn r9_what_is_no_order_is_told_apart(#[case] body: &str, #[case] expected: Decoded) {
    assert_eq!(decode("orders/create", body.as_bytes()), expected);
}

#[test]
fn r9_bytes_that_are_no_text_are_unreadable() {
    let body = b"{\"id\":1,\"name\":\"\xff\",\"line_items\":[]}";
    assert_eq!(decode("orders/create", body), Decoded::Unreadable);
}

#[test]
fn r9_an_array_is_no_thin_body() {
    assert_eq!(decode("orders/delete", b"[5]"), Decoded::WrongShape);
    assert_eq!(decode("orders/delete", b" {\"id\":5}"), thin(Id(5), true, None));
}

#[test]
fn r17_unknown_fields_are_ignored() {
    let mut body = order();
    body["invented"] = json!({ "deeply": [{ "new": 1e300 }] });
    assert_eq!(decode_json("orders/create", &body), decode_json("orders/create", &order()));
}

#[test]
fn headers_are_read_as_they_came() {
    let headers = [
        ("x-shopify-topic", "orders/create"),
        ("x-shopify-shop-domain", "Pine.MyShopify.com"),
        ("x-shopify-webhook-id", "abc"),
        ("x-shopify-triggered-at", "2024-08-07T22:57:57.290670248Z"),
        ("x-shopify-hmac-sha256", "c2ln"),
        ("x-shopify-api-version", "2026-10"),
    ];
    let look = |name: &'static str| {
        headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let head = read_head(&look);
    assert_eq!(head.topic, "orders/create");
    assert_eq!(head.domain.as_deref(), Some("pine.myshopify.com"));
    assert_eq!(head.delivery_id.as_deref(), Some("abc"));
    assert_eq!(head.triggered_at.unwrap().to_string(), "2024-08-07T22:57:57.29067Z");
    assert_eq!(head.signature.as_deref(), Some("c2ln"));
    assert_eq!(head.api_version.as_deref(), Some("2026-10"));
    assert_eq!(read_head(&|_| None), DeliveryHead::default());
}

#[test]
fn every_wanted_topic_is_known() {
    for topic in WANTED {
        assert!(subject(topic).is_some(), "{topic}");
    }
    assert!(KNOWN.iter().all(|topic| subject(topic).is_some()));
}
