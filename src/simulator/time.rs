//! The simulated cart's own time: it is another computer, with a clock of its own.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

/// An instant in microseconds since 1970, UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct At(pub i64);

const SECOND: i64 = 1_000_000;

impl At {
    /// What time it is on the cart's clock.
    #[expect(clippy::disallowed_methods, reason = "the cart has a clock of its own")]
    pub fn now() -> Self {
        Self(Timestamp::now().as_microsecond())
    }

    /// An RFC 3339 time.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|at| Self(at.as_microsecond()))
    }

    /// Cut to whole seconds: what orders are stamped with.
    #[must_use]
    pub fn seconds(self) -> Self {
        Self(self.0.div_euclid(SECOND) * SECOND)
    }

    /// That many seconds earlier.
    #[must_use]
    pub fn minus_seconds(self, seconds: i64) -> Self {
        Self(self.0 - seconds * SECOND)
    }

    /// `2026-11-20T14:00:00Z`: how GraphQL writes times.
    pub fn utc(self) -> String {
        self.format(0, "%Y-%m-%dT%H:%M:%SZ")
    }

    /// `2026-11-20T09:00:00-05:00`: how webhooks write times, in the shop's offset.
    pub fn local(self, offset_minutes: i32) -> String {
        self.format(offset_minutes, "%Y-%m-%dT%H:%M:%S%:z")
    }

    /// `2026-11-20T14:00:00.290670248Z`: how deliveries say when they were triggered.
    pub fn nanoseconds(self, below_a_microsecond: u32) -> String {
        let nanoseconds = self.0.rem_euclid(SECOND) * 1000 + i64::from(below_a_microsecond % 1000);
        let seconds = self.format(0, "%Y-%m-%dT%H:%M:%S");
        format!("{seconds}.{nanoseconds:09}Z")
    }

    fn format(self, offset_minutes: i32, format: &str) -> String {
        let at = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let offset = Offset::from_seconds(offset_minutes * 60).unwrap_or(Offset::UTC);
        at.to_zoned_datetime(TimeZone::fixed(offset)).strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_in_three_spellings() {
        let at = At::parse("2026-11-20T14:00:00.290670Z").unwrap();
        assert_eq!(at.utc(), "2026-11-20T14:00:00Z");
        assert_eq!(at.local(-300), "2026-11-20T09:00:00-05:00");
        assert_eq!(at.local(330), "2026-11-20T19:30:00+05:30");
        assert_eq!(at.nanoseconds(248), "2026-11-20T14:00:00.290670248Z");
        assert_eq!(At::parse(&at.local(-300)), Some(at.seconds()));
    }
}
