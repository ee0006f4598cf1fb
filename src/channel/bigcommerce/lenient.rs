//! Values that BigCommerce tells as numbers, as text, or not at all, depending on endpoint and age.

use jiff::fmt::rfc2822;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::Timestamp;

/// A text that says something; a number is as good as its digits.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

/// A whole number; `None` for anything else.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(whole_of(&Value::deserialize(deserializer)?))
}

/// Yes only if it says so.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(yes) => yes,
        other => whole_of(&other) == Some(1) || other.as_str() == Some("true"),
    })
}

/// A list; anything else in its place is an empty one, and so is an item of another shape left out.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(items) => {
            items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
        }
        _ => Vec::new(),
    })
}

/// An object of that shape; `None` for anything else.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(value.is_object().then(|| serde_json::from_value(value).ok()).flatten())
}

pub(super) fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

pub(super) fn whole_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            number
                .as_f64()
                .filter(|told| told.fract() == 0.0 && told.abs() < 9e15)
                .map(|n| n as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// RFC 2822 as V2 tells it (`Tue, 05 Mar 2019 21:40:11 +0000`), or RFC 3339 as V3 does.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let told = rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    told.map(|told| Timestamp(told.as_microsecond())).or_else(|| Timestamp::parse(text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("Tue, 05 Mar 2019 21:40:11 +0000", Some("2019-03-05T21:40:11Z"))]
    #[case("Tue, 05 Mar 2019 14:40:11 -0700", Some("2019-03-05T21:40:11Z"))]
    #[case("2019-03-05T21:40:11Z", Some("2019-03-05T21:40:11Z"))]
    #[case("", None)]
    #[case("yesterday", None)]
    fn r17_both_spellings_of_a_time_are_read(#[case] told: &str, #[case] instant: Option<&str>) {
        assert_eq!(super::instant(told).map(|at| at.to_string()).as_deref(), instant);
    }

    #[test]
    fn r17_numbers_and_texts_are_read_alike() {
        assert_eq!(text_of(&json!(" a ")), Some("a".to_owned()));
        assert_eq!(text_of(&json!(5)), Some("5".to_owned()));
        assert_eq!((text_of(&json!("")), text_of(&json!(null))), (None, None));
        for told in [json!(7), json!("7"), json!(7.0)] {
            assert_eq!(whole_of(&told), Some(7));
        }
        for told in [json!(7.5), json!("x"), json!(null), json!(1e300)] {
            assert_eq!(whole_of(&told), None);
        }
    }
}
