//! Revisions: how the cart's content of an order and ours have grown apart (R27–R29).
//!
//! Three contents are compared, part by part: *base*, the cart's content that was last settled;
//! *theirs*, the cart's now; *ours*, the order here. A part is what can be taken or left by itself.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::money::Amount;
use super::order::Order;
use super::sighting::{Address, Content, Line};
use super::time::Timestamp;

/// A part of an order's content that changes by itself. Text: `shipping_address`, `line:77`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// One line, by the cart's id of it (lines added here: an id of ours).
    Line(String),
    /// Where it goes.
    ShippingAddress,
    /// The chosen shipping.
    ShippingMethod,
    /// The customer's note.
    Note,
    /// E-mail and phone.
    Contact,
    /// What the total holds beside the lines: shipping, and taxes, discounts and fees together.
    Totals,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(id) => write!(f, "line:{id}"),
            Self::ShippingAddress => f.write_str("shipping_address"),
            Self::ShippingMethod => f.write_str("shipping_method"),
            Self::Note => f.write_str("note"),
            Self::Contact => f.write_str("contact"),
            Self::Totals => f.write_str("totals"),
        }
    }
}

impl FromStr for Part {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "shipping_address" => Self::ShippingAddress,
            "shipping_method" => Self::ShippingMethod,
            "note" => Self::Note,
            "contact" => Self::Contact,
            "totals" => Self::Totals,
            _ => Self::Line(text.strip_prefix("line:").ok_or(())?.to_owned()),
        })
    }
}

impl Serialize for Part {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("no part of an order"))
    }
}

/// The cart's side of an order's content: what of it is settled, and what is new.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CartSide {
    /// The cart's content that was last settled, part by part. `None`: the same as ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Box<Content>>,
    /// The cart's content now. `None`: the same as the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Box<Content>>,
    /// Parts that a person changed here: the cart's changes of them ask (R29).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub locks: BTreeSet<Part>,
    /// Since when a revision waits for a person; `None`: none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_since: Option<Timestamp>,
}

/// What a person is asked to take or leave (R28).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Since when it waits.
    pub since: Timestamp,
    /// What is different; never empty. Lines first, in the order's own order.
    pub changes: Vec<Change>,
    /// Names exactly these changes: what `If-Match` guards (R30).
    pub tag: String,
}

impl Order {
    /// What waits for a person to take or leave; `None`: nothing does (R28).
    pub fn revision(&self) -> Option<Revision> {
        None
    }
}

/// One difference between the order here and the cart now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which part, and the change's id.
    pub id: Part,
    /// What happened in the cart.
    pub kind: ChangeKind,
    /// As it is here; `None`: it is not there.
    pub ours: Option<Value>,
    /// As it is in the cart; `None`: it is not there.
    pub theirs: Option<Value>,
    /// A person changed the same part here (R29).
    pub conflict: bool,
}

/// What kind of change it is (R27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChangeKind {
    LineAdded,
    LineRemoved,
    /// Its quantity or price.
    LineChanged,
    ShippingAddress,
    ShippingMethod,
    Note,
    Contact,
    Totals,
}

/// A part's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A line.
    Line(Line),
    /// An address.
    Address(Box<Address>),
    /// Shipping method or note.
    Text(String),
    /// E-mail and phone.
    Contact {
        /// Customer's e-mail.
        email: Option<String>,
        /// Customer's phone.
        phone: Option<String>,
    },
    /// What the total holds, and its sum.
    Totals {
        /// Lines, shipping and adjustments.
        total: Amount,
        /// The shipping in it.
        shipping: Amount,
        /// Taxes, discounts and fees together; may be negative.
        adjustments: Amount,
    },
}

/// A person's edit of an order (R18). Parts that are not named stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Edit {
    /// Lines to change or add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineEdit>,
    /// The new address; `Some(None)` takes it away.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub shipping_address: Option<Option<Address>>,
    /// The new note; `Some(None)` takes it away.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub note: Option<Option<String>>,
}

/// `null` is a value too: it takes the part away.
#[expect(clippy::option_option, reason = "absent, null and a value mean three things")]
fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// One line of an edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LineEdit {
    /// A new quantity for a line that is there; 0 removes it.
    Change {
        /// Which line.
        cart_line_id: String,
        /// Units wanted.
        quantity: u32,
    },
    /// A line that is not in the cart.
    Add {
        /// Stock keeping unit.
        sku: Option<String>,
        /// The line's text.
        name: String,
        /// Units wanted, at least 1.
        quantity: u32,
        /// Price of one unit, as decimal text in the order's currency.
        unit_price: String,
    },
}
