//! Whoever knows the secret may send anything, and whoever owns the API may answer anything.

use proptest::prelude::*;
use serde_json::Value;

use super::super::callback;
use super::super::order::V2Order;
use super::orders::order;
use crate::channel::DeliveryHead;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
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
    fn i3_no_bytes_panic(body: Vec<u8>) {
        callback::decode(&body);
        callback::complete_head(DeliveryHead::default(), &body);
    }

    #[test]
    fn i3_any_json_in_place_of_a_field_has_an_answer(at in 0..12_usize, with in any_json()) {
        let mut body = serde_json::json!({
            "scope": "store/order/updated", "store_id": "1", "data": {"type": "order", "id": 250},
            "hash": "x", "created_at": 1, "producer": "stores/abc",
        });
        replace(&mut body, &mut { at }, &with);
        callback::decode(body.to_string().as_bytes());
        callback::complete_head(DeliveryHead::default(), body.to_string().as_bytes());
    }

    #[test]
    fn i3_any_json_in_place_of_an_orders_field_is_read_or_refused(
        at in 0..90_usize,
        with in any_json(),
    ) {
        let mut told = order(218);
        replace(&mut told, &mut { at }, &with);
        if let Ok(order) = serde_json::from_value::<V2Order>(told) {
            let _whole = order.is_whole();
            if let Ok(said) = order.sighting() {
                prop_assert!(said.content.lines.iter().all(|line| line.quantity > 0));
                let mut ids: Vec<_> =
                    said.content.lines.iter().map(|line| &line.cart_line_id).collect();
                ids.dedup();
                prop_assert_eq!(ids.len(), said.content.lines.len());
            }
        }
    }
}
