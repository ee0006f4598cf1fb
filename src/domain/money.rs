//! Exact money (I11): decimals, never floats.

use std::fmt;
use std::ops::{Add, Mul, Sub};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An exact amount in the currency of the order it belongs to. JSON: a decimal string.
///
/// Carts write the same amount as `199.00` (webhooks) and `199.0` (API); both become one value with
/// the currency's digits, so that equal money has equal text and equal hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(Decimal);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads a plain decimal such as `19.90`. `None` for anything else, exponents included.
    pub fn parse(text: &str, currency: &str) -> Option<Self> {
        let exact = Decimal::from_str_exact(text.trim()).ok()?.normalize();
        let mut shown = exact;
        shown.rescale(exact.scale().max(digits(currency)));
        Some(Self(shown))
    }

    /// The same amount, written with the digits of `currency`.
    #[must_use]
    pub fn in_currency(self, currency: &str) -> Self {
        let mut shown = self.0.normalize();
        shown.rescale(shown.scale().max(digits(currency)));
        Self(shown)
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

/// Digits after the point that a currency is written with (ISO 4217 minor units).
fn digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Saturates at the largest amount a decimal can hold: 28 digits, beyond any order.
impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u32> for Amount {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(Decimal::from(times)))
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Decimal::from_str_exact(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r17_webhook_and_api_spellings_are_one_amount() {
        let amount = |text| Amount::parse(text, "USD").unwrap();
        assert_eq!(amount("199.0").to_string(), "199.00");
        assert_eq!(amount("199").to_string(), amount("199.00").to_string());
        assert_eq!(amount("0.125").to_string(), "0.125");
        assert_eq!(Amount::parse("1000.0", "JPY").unwrap().to_string(), "1000");
        for bad in ["", "1e3", "12,5", "NaN", "1.2.3"] {
            assert!(Amount::parse(bad, "USD").is_none(), "{bad}");
        }
    }

    #[test]
    fn r17_money_is_exact() {
        let tenth = Amount::parse("0.10", "USD").unwrap();
        assert_eq!((tenth * 3).to_string(), "0.30");
        assert_eq!((tenth + tenth + tenth), tenth * 3);
    }
}
