//! Revisions: how the cart's content of an order and ours have grown apart (R27–R29).
//!
//! Three contents are compared, part by part: *base*, the cart's content that was last settled;
//! *theirs*, the cart's now; *ours*, the order here. A part is what can be taken or left by itself.
//!
//! | file | subject |
//! |---|---|
//! | [`part`] | what can be taken or left by itself |
//! | [`edit`] | what a person changes here |
//! | [`sides`] | the three contents side by side |
//! | [`words`] | a change in words |

pub mod edit;
pub mod part;
pub(super) mod sides;
pub(super) mod words;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::edit::{Edit, LineEdit};
pub use self::part::Part;
use self::sides::Sides;
use super::money::Amount;
use super::order::Order;
use super::sighting::{Address, Content, Hash, Line};
use super::time::Timestamp;

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
        let since = self.cart_side.open_since?;
        let changes = Sides::of(self).changes(&self.cart_side.locks);
        if changes.is_empty() {
            return None;
        }
        let tag = Hash::of(&changes);
        Some(Revision { since, tag: format!("{:032x}", tag.0), changes })
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
    /// What the total holds beside the lines.
    Totals {
        /// Of all amounts of the order.
        currency: String,
        /// The shipping in it.
        shipping: Amount,
        /// Taxes, discounts and fees together; may be negative.
        adjustments: Amount,
    },
}
