//! Names of things: small integers for what the ledger keys on, text for what carts name.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

integer_id! {
    /// One merchant (R1). Nothing is joined across accounts.
    AccountId
}
integer_id! {
    /// One connected cart, unique in the daemon. People name it by its slug.
    StoreId
}
integer_id! {
    /// A place in the journal: given out in growing order, never used twice.
    Position
}

/// The way an event is named outside: `ev_` and its journal position.
impl Position {
    /// `ev_42`.
    pub fn event_id(self) -> String {
        format!("ev_{}", self.0)
    }

    /// Reads `ev_42`; a bare `42` is understood too.
    pub fn parse_event_id(text: &str) -> Option<Self> {
        text.strip_prefix("ev_").unwrap_or(text).parse().ok().filter(|n| *n > 0).map(Position)
    }
}

/// Which kind of cart a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Shopify, by its Admin GraphQL API and webhooks.
    Shopify,
    /// BigCommerce, by its V2/V3 REST API and thin webhooks.
    BigCommerce,
}

impl ChannelKind {
    /// The name in JSON, configuration and routes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::BigCommerce => "bigcommerce",
        }
    }

    /// The name on pages and in sentences.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Shopify => "Shopify",
            Self::BigCommerce => "BigCommerce",
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChannelKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "shopify" => Ok(Self::Shopify),
            "bigcommerce" => Ok(Self::BigCommerce),
            _ => Err(()),
        }
    }
}

/// The cart's own id of an order, as text: decimal on Shopify and BigCommerce (R15).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CartOrderId(pub String);

impl CartOrderId {
    /// The id as the cart writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CartOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for CartOrderId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// An order's identity: (store, cart order id), for ever (R15, I4).
///
/// The text form `ord_7_5001` carries both parts, so an order is found by its unique key and no
/// second index is needed. It is derived, never drawn at random.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId {
    /// The store that owns the order.
    pub store: StoreId,
    /// The cart's id of it.
    pub cart: CartOrderId,
}

impl OrderId {
    /// The identity of a store's order.
    pub fn new(store: StoreId, cart: CartOrderId) -> Self {
        Self { store, cart }
    }
}

/// Characters of a cart's id that may stand in a path as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ord_{}_{}", self.store, utf8_percent_encode(&self.cart.0, UNRESERVED))
    }
}

impl FromStr for OrderId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (store, cart) = text.strip_prefix("ord_").and_then(|t| t.split_once('_')).ok_or(())?;
        let store = store.parse().map(StoreId).map_err(|_| ())?;
        let cart = percent_decode_str(cart).decode_utf8().map_err(|_| ())?.into_owned();
        if cart.is_empty() { Err(()) } else { Ok(Self { store, cart: CartOrderId(cart) }) }
    }
}

impl Serialize for OrderId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OrderId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("not an order id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r15_an_order_id_names_its_store_and_cart_order() {
        for cart in ["5001", "820982911946154508", "wc/77 é", "a_b-c"] {
            let id = OrderId::new(StoreId(7), CartOrderId(cart.into()));
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for bad in ["", "ord_", "ord_7", "ord_7_", "ord_x_5", "7_5"] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn event_ids_are_read_with_and_without_prefix() {
        assert_eq!(Position::parse_event_id("ev_42"), Some(Position(42)));
        assert_eq!(Position::parse_event_id("42"), Some(Position(42)));
        for bad in ["ev_", "ev_-1", "x", "0"] {
            assert_eq!(Position::parse_event_id(bad), None, "{bad}");
        }
    }
}
