//! What a person changes of an order here (R18).

use serde::{Deserialize, Serialize};

use super::super::sighting::Address;

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
