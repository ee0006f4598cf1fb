//! Deliveries: what their headers say, and what their bodies are by their topic.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::canonical;
use super::id::Id;
use super::webhook_order::WebhookOrder;
use crate::channel::{Decoded, DeliveryHead};
use crate::domain::{CartOrderId, Timestamp};

/// What the body of a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Order,
    OrderEdited,
    OrderDeleted,
    Refund,
    Access,
    Compliance,
    NotUsed,
}

macro_rules! topics {
    ($($topic:literal => $subject:ident),* $(,)?) => {
        /// Every topic that is known, in the spelling of `X-Shopify-Topic`.
        pub(super) const KNOWN: &[&str] = &[$($topic),*];

        fn subject(topic: &str) -> Option<Subject> {
            match topic {
                $($topic => Some(Subject::$subject),)*
                _ => None,
            }
        }
    };
}

topics! {
    "orders/create" => Order,
    "orders/updated" => Order,
    "orders/cancelled" => Order,
    "orders/paid" => Order,
    "orders/fulfilled" => Order,
    "orders/partially_fulfilled" => Order,
    "orders/edited" => OrderEdited,
    "orders/delete" => OrderDeleted,
    "refunds/create" => Refund,
    "app/uninstalled" => Access,
    "app/scopes_update" => Access,
    "customers/data_request" => Compliance,
    "customers/redact" => Compliance,
    "shop/redact" => Compliance,
    "products/create" => NotUsed,
    "products/update" => NotUsed,
    "products/delete" => NotUsed,
    "inventory_levels/update" => NotUsed,
    "inventory_levels/connect" => NotUsed,
    "inventory_levels/disconnect" => NotUsed,
    "fulfillments/create" => NotUsed,
    "fulfillments/update" => NotUsed,
    "bulk_operations/finish" => NotUsed,
    "shop/update" => NotUsed,
}

/// Topics that a store is subscribed to. Those of compliance cannot be subscribed by call.
pub(super) const WANTED: &[&str] = &[
    "orders/create",
    "orders/updated",
    "orders/cancelled",
    "orders/edited",
    "orders/delete",
    "refunds/create",
    "products/create",
    "products/update",
    "products/delete",
    "app/uninstalled",
    "app/scopes_update",
];

/// Reads the headers. A header that is there is never made to look missing.
pub(super) fn read_head(header: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead {
    DeliveryHead {
        topic: header("x-shopify-topic").unwrap_or_default(),
        domain: header("x-shopify-shop-domain").map(|domain| domain.to_lowercase()),
        delivery_id: header("x-shopify-webhook-id"),
        triggered_at: header("x-shopify-triggered-at").and_then(|at| Timestamp::parse(&at)),
        signature: header("x-shopify-hmac-sha256"),
        api_version: header("x-shopify-api-version"),
        ..DeliveryHead::default()
    }
}

/// What a body is. Total: whoever may sign may send anything (I3).
pub(super) fn decode(topic: &str, body: &[u8]) -> Decoded {
    let decoded = match subject(topic) {
        Some(Subject::Order) => order(body),
        Some(Subject::OrderEdited) => {
            read(body).map(|OrderEdited { order_edit }| order_edit.thin())
        }
        Some(Subject::OrderDeleted) => read(body).map(|deleted: OrderDeleted| deleted.thin()),
        Some(Subject::Refund) => read(body).map(|refund: Refund| refund.thin()),
        Some(Subject::Access) => Ok(Decoded::CheckAccess),
        Some(Subject::Compliance) => Ok(Decoded::NeedsConfirmation),
        Some(Subject::NotUsed) => Ok(Decoded::NotUsed),
        None => Ok(Decoded::UnknownTopic),
    };
    decoded.unwrap_or_else(|defect| defect)
}

fn order(body: &[u8]) -> Result<Decoded, Decoded> {
    let order: WebhookOrder<'_> = read(body)?;
    let sighting = canonical::sighting(&order.told()).map_err(|_| Decoded::WrongShape)?;
    Ok(Decoded::Order(Box::new(sighting)))
}

/// The body of `orders/edited`: what was added and removed, without the order.
#[derive(Deserialize)]
struct OrderEdited {
    order_edit: OrderEdit,
}

#[derive(Deserialize)]
struct OrderEdit {
    order_id: Id,
    #[serde(default, deserialize_with = "instant")]
    committed_at: Option<Timestamp>,
}

/// The body of `orders/delete`: the id alone.
#[derive(Deserialize)]
struct OrderDeleted {
    id: Id,
}

/// The body of `refunds/create`.
#[derive(Deserialize)]
struct Refund {
    order_id: Id,
    #[serde(default, deserialize_with = "instant")]
    created_at: Option<Timestamp>,
}

impl OrderEdit {
    fn thin(self) -> Decoded {
        thin(self.order_id, false, self.committed_at)
    }
}

impl OrderDeleted {
    fn thin(self) -> Decoded {
        thin(self.id, true, None)
    }
}

impl Refund {
    fn thin(self) -> Decoded {
        thin(self.order_id, false, self.created_at)
    }
}

fn thin(id: Id, deleted: bool, changed_at: Option<Timestamp>) -> Decoded {
    Decoded::Thin { cart_order_id: CartOrderId(id.to_string()), deleted, changed_at }
}

/// A time that only helps: one that cannot be read is as good as none.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Text(String),
        Other(IgnoredAny),
    }
    Ok(match Told::deserialize(deserializer)? {
        Told::Text(text) => Timestamp::parse(&text),
        Told::Other(_) => None,
    })
}

/// Reads an object, or says what the body is instead.
fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Decoded> {
    // Derived shapes would also take their fields in order from an array.
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match serde_json::from_slice::<T>(body) {
        Ok(shape) if object => Ok(shape),
        Err(_) if !is_json(body) => Err(Decoded::Unreadable),
        Ok(_) | Err(_) => Err(Decoded::WrongShape),
    }
}

/// Whether the whole body is JSON. The error of a shape does not tell: a wrong field may stand
/// before the place where the text breaks.
fn is_json(body: &[u8]) -> bool {
    str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[cfg(test)]
mod tests;
