//! Whoever may sign may send anything, and whoever owns the API may answer anything.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::delivery::{self, KNOWN};
use super::super::fetch;
use super::super::graph_order::GraphOrder;
use super::order::{Nothing, any_order, plain};
use crate::channel::Decoded;

/// Any JSON of some depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9T:Z.+-]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Replaces the value that is the `at`-th from the root.
fn replace(value: &mut Value, at: &mut usize, with: &Value) -> bool {
    if *at == 0 {
        *value = with.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, at, with)),
        Value::Object(fields) => fields.values_mut().any(|field| replace(field, at, with)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn i3_no_bytes_panic(topic in proptest::sample::select(KNOWN), body: Vec<u8>) {
        delivery::decode(topic, &body);
    }

    #[test]
    fn i3_no_topic_panics(topic: String) {
        delivery::decode(&topic, b"{}");
    }

    #[test]
    fn i3_a_damaged_body_has_an_answer(
        order in any_order(),
        at in any::<proptest::sample::Index>(),
        byte: u8,
        cut: bool,
    ) {
        let mut body = order.webhook(Nothing::Null).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        if cut {
            body.truncate(at);
            prop_assert_eq!(delivery::decode("orders/create", &body), Decoded::Unreadable);
        } else {
            delivery::decode("orders/create", &body);
        }
    }

    #[test]
    fn r9_any_json_in_place_of_a_field_is_an_order_or_misshapen(
        at in 0..120_usize,
        with in any_json(),
    ) {
        let mut body = plain().webhook(Nothing::Null);
        replace(&mut body, &mut { at }, &with);
        let decoded = delivery::decode("orders/create", body.to_string().as_bytes());
        prop_assert!(matches!(decoded, Decoded::Order(_) | Decoded::WrongShape), "{:?}", decoded);
    }

    #[test]
    fn i3_any_json_in_place_of_an_answers_field_has_an_answer(
        at in 0..120_usize,
        with in any_json(),
    ) {
        let mut answer = plain().graph(Nothing::Null);
        replace(&mut answer, &mut { at }, &with);
        if let Ok(order) = serde_json::from_value::<GraphOrder>(answer) {
            let _judged = fetch::sighting(&order);
        }
    }
}

#[test]
fn i3_deep_nesting_is_read_or_refused() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let mut body = plain().webhook(Nothing::Null).to_string();
    body.insert_str(1, &format!("\"deep\":{deep},"));
    assert!(matches!(delivery::decode("orders/create", body.as_bytes()), Decoded::Order(_)));
    let inside = json!({ "id": 1, "line_items": "§" }).to_string().replace("\"§\"", &deep);
    assert_eq!(delivery::decode("orders/create", inside.as_bytes()), Decoded::WrongShape);
}
