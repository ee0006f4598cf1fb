//! The parts of an order's content that change by themselves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_what_they_name() {
        for text in
            ["shipping_address", "shipping_method", "note", "contact", "totals", "line:77", "line:"]
        {
            let part: Part = text.parse().unwrap();
            assert_eq!(part.to_string(), text);
            let json = serde_json::to_string(&part).unwrap();
            assert_eq!(serde_json::from_str::<Part>(&json).unwrap(), part);
        }
        assert_eq!("lines".parse::<Part>(), Err(()));
    }
}
