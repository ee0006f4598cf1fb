//! Callbacks: what their headers say, and which order a body names.
//!
//! A body is thin: scope, ids, a time. The id of an order stands under another key in nearly every
//! scope, sometimes as text.

use serde_json::{Map, Value};

use super::lenient::{text_of, whole_of};
use crate::channel::{Decoded, DeliveryHead, Presented};
use crate::domain::{CartOrderId, Timestamp};

/// The header that hooks are created with and that comes back with every callback.
pub(super) const SECRET_HEADER: &str = "X-Instasync-Secret";

/// What a scope is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// An order, named under this key of `data`.
    Order(&'static str),
    Access,
    NotUsed,
}

macro_rules! scopes {
    ($($scope:literal => $subject:expr),* $(,)?) => {
        /// Every scope that is known by its whole name.
        pub(super) const KNOWN: &[&str] = &[$($scope),*];

        fn named(scope: &str) -> Option<Subject> {
            match scope {
                $($scope => Some($subject),)*
                _ => None,
            }
        }
    };
}

scopes! {
    "store/order/created" => Subject::Order("id"),
    "store/order/updated" => Subject::Order("id"),
    "store/order/archived" => Subject::Order("id"),
    "store/order/statusUpdated" => Subject::Order("id"),
    "store/order/refund/created" => Subject::Order("id"),
    "store/order/transaction/created" => Subject::Order("order_id"),
    "store/order/transaction/updated" => Subject::Order("order_id"),
    "store/shipment/created" => Subject::Order("orderId"),
    "store/shipment/updated" => Subject::Order("orderId"),
    "store/shipment/deleted" => Subject::Order("orderId"),
    "store/app/uninstalled" => Subject::Access,
    // A hook may have been switched off: the check finds it and mends it.
    "store/hook/deliveryException" => Subject::Access,
    "store/order/message/created" => Subject::NotUsed,
    "store/order/metafield/created" => Subject::NotUsed,
    "store/order/metafield/updated" => Subject::NotUsed,
    "store/order/metafield/deleted" => Subject::NotUsed,
    "store/product/created" => Subject::NotUsed,
    "store/product/updated" => Subject::NotUsed,
    "store/product/deleted" => Subject::NotUsed,
    "store/product/inventory/updated" => Subject::NotUsed,
    "store/product/inventory/order/updated" => Subject::NotUsed,
    "store/sku/created" => Subject::NotUsed,
    "store/sku/updated" => Subject::NotUsed,
    "store/sku/deleted" => Subject::NotUsed,
    "store/sku/inventory/updated" => Subject::NotUsed,
    "store/sku/inventory/order/updated" => Subject::NotUsed,
    "store/information/updated" => Subject::NotUsed,
}

/// Scopes that a store is subscribed to.
pub(super) const WANTED: &[&str] = &[
    "store/order/created",
    "store/order/updated",
    "store/order/statusUpdated",
    "store/order/archived",
    "store/order/refund/created",
    "store/product/created",
    "store/product/updated",
    "store/product/deleted",
    "store/sku/created",
    "store/sku/updated",
    "store/sku/deleted",
    "store/app/uninstalled",
];

/// Scopes of one channel of a store carry its id: `store/channel/3/order/created`.
fn of_channel(scope: &str) -> Option<Subject> {
    let rest = scope.strip_prefix("store/").unwrap_or(scope).strip_prefix("channel/")?;
    let (id, rest) = rest.split_once('/')?;
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*') {
        return None;
    }
    match rest.split('/').next()? {
        "order" => Some(Subject::Order("order_id")),
        "inventory" | "product" | "variant" | "category" | "settings" => Some(Subject::NotUsed),
        _ => None,
    }
}

/// Reads the headers. A header that is there is never made to look missing.
pub(super) fn read_head(header: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead {
    DeliveryHead {
        delivery_id: header("webhook-id"),
        signature: header("webhook-signature"),
        signed_at: header("webhook-timestamp"),
        secret: header("x-instasync-secret").map(Presented::from),
        ..DeliveryHead::default()
    }
}

/// What the body says of the delivery: scope, store, time.
pub(super) fn complete_head(head: DeliveryHead, body: &[u8]) -> DeliveryHead {
    let Ok(Value::Object(told)) = serde_json::from_slice(body) else { return head };
    let producer = told.get("producer").and_then(Value::as_str);
    DeliveryHead {
        topic: told.get("scope").and_then(Value::as_str).unwrap_or_default().to_owned(),
        domain: producer.and_then(|name| name.strip_prefix("stores/")).map(str::to_lowercase),
        triggered_at: created_at(&told),
        ..head
    }
}

/// What a body is. Total: whoever knows the secret may send anything (I3).
pub(super) fn decode(body: &[u8]) -> Decoded {
    let Ok(told) = serde_json::from_slice::<Value>(body) else { return Decoded::Unreadable };
    let Some(told) = told.as_object() else { return Decoded::WrongShape };
    let Some(scope) = told.get("scope").and_then(Value::as_str) else { return Decoded::WrongShape };
    match named(scope).or_else(|| of_channel(scope)) {
        Some(Subject::Order(key)) => order(told, key).unwrap_or(Decoded::WrongShape),
        Some(Subject::Access) => Decoded::CheckAccess,
        Some(Subject::NotUsed) => Decoded::NotUsed,
        None => Decoded::UnknownTopic,
    }
}

fn order(told: &Map<String, Value>, key: &str) -> Option<Decoded> {
    let id = told.get("data")?.as_object()?.get(key)?;
    let id = id_of(id)?;
    Some(Decoded::Thin { cart_order_id: id, deleted: false, changed_at: created_at(told) })
}

/// An order's id, a number above 0 or its digits.
fn id_of(value: &Value) -> Option<CartOrderId> {
    let digits = text_of(value)?;
    let is_id = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    (is_id && digits.parse::<i64>().is_ok()).then_some(CartOrderId(digits))
}

fn created_at(told: &Map<String, Value>) -> Option<Timestamp> {
    let seconds = whole_of(told.get("created_at")?)?;
    (seconds > 0).then(|| Timestamp::from_seconds(seconds))
}
