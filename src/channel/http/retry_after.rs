//! How long a cart asks to be left alone (RFC 9110, Retry-After).

use std::time::Duration;

use crate::domain::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// What is waited at least: a cart that asks for less is asked again too soon.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);
/// What is waited at most, whatever the header says.
const LONGEST: Duration = Duration::from_hours(1);

/// Reads seconds (Shopify sends `2.0`) or a date, which counts from the answer's own `Date`: the
/// cart's clock and ours need not agree. `None` if there is no such header or it says nothing.
pub(super) fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => date(text)?.duration_since(date(self::text(headers, &DATE)?)?).as_secs_f64(),
    };
    let wait = Duration::try_from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64())).ok()?;
    Some(wait.max(SHORTEST))
}

/// When the cart answered, by its own clock (RFC 9110, Date).
pub(super) fn answered_at(headers: &HeaderMap) -> Option<Timestamp> {
    date(text(headers, &DATE)?).map(|at| Timestamp(at.as_microsecond()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn date(text: &str) -> Option<jiff::Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2", Some(2.0))]
    #[case("2.5", Some(2.5))]
    #[case(" 7 ", Some(7.0))]
    #[case("0", Some(1.0))]
    #[case("-3", Some(1.0))]
    #[case("1e30", Some(3600.0))]
    #[case("inf", Some(3600.0))]
    #[case("NaN", None)]
    #[case("soon", None)]
    #[case("Wed, 25 Nov 2026 10:00:30 GMT", Some(30.0))]
    #[case("Wed, 25 Nov 2026 09:00:00 GMT", Some(1.0))]
    fn r46_the_wait_is_read(#[case] header: &str, #[case] seconds: Option<f64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, header.parse().unwrap());
        headers.insert(DATE, "Wed, 25 Nov 2026 10:00:00 GMT".parse().unwrap());
        assert_eq!(read(&headers).map(|wait| wait.as_secs_f64()), seconds);
    }

    #[test]
    fn r46_a_date_needs_the_carts_clock() {
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers), None);
        headers.insert(RETRY_AFTER, "Wed, 25 Nov 2026 10:00:30 GMT".parse().unwrap());
        assert_eq!(read(&headers), None);
    }
}
