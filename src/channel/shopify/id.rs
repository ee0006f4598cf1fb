//! Shopify's ids: whole numbers beyond what a double holds, as numbers in webhooks and as text or at
//! the end of a `gid://…` in GraphQL.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// An id, exact. Its text form is the key of everything here (R15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(pub(super) u64);

impl Id {
    /// The id at the end of a global id such as `gid://shopify/LineItem/42`.
    pub(super) fn of_gid(gid: &str) -> Option<Self> {
        gid.rsplit('/').next().and_then(Self::parse)
    }

    /// Plain decimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
        Ok(Id(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        Id::parse(text).ok_or_else(|| E::custom("an id that is not a whole number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r15_ids_beyond_doubles_are_exact() {
        let read = |json: &str| serde_json::from_str::<Id>(json).ok().map(|id| id.to_string());
        assert_eq!(read("820982911946154508").as_deref(), Some("820982911946154508"));
        assert_eq!(read("\"820982911946154508\"").as_deref(), Some("820982911946154508"));
        assert_eq!(read("18446744073709551615").as_deref(), Some("18446744073709551615"));
        for bad in ["-1", "1.0", "1e3", "\"\"", "\"+1\"", "\"1 \"", "null", "18446744073709551616"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(Id::of_gid("gid://shopify/LineItem/42"), Some(Id(42)));
        assert_eq!(Id::of_gid("gid://shopify/LineItem/"), None);
    }
}
