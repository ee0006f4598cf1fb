//! The cart's rate limit: a leaky bucket of cost points.

use serde_json::{Value, json};

use super::time::At;

/// How much a shop allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Points that the bucket holds.
    pub maximum: f64,
    /// Points that come back each second.
    pub restore_rate: f64,
}

impl Default for Allowance {
    /// An ordinary plan: 2,000 points, 100 a second.
    fn default() -> Self {
        Self { maximum: 2000.0, restore_rate: 100.0 }
    }
}

/// The most that a single query may ask for.
pub(super) const SINGLE: u32 = 1000;

/// The bucket of one app in one shop.
#[derive(Debug)]
pub(super) struct Bucket {
    allowance: Allowance,
    available: f64,
    since: At,
}

impl Bucket {
    pub(super) fn new(allowance: Allowance, now: At) -> Self {
        Self { allowance, available: allowance.maximum, since: now }
    }

    /// Takes what a query asks for, if it is there.
    pub(super) fn take(&mut self, points: u32, now: At) -> bool {
        self.restore(now);
        let enough = self.available >= f64::from(points);
        if enough {
            self.available -= f64::from(points);
        }
        enough
    }

    /// Gives back what a query asked for and did not need.
    pub(super) fn give_back(&mut self, points: u32) {
        self.available = (self.available + f64::from(points)).min(self.allowance.maximum);
    }

    /// Leaves nothing, as another app's storm would.
    pub(super) fn drain(&mut self, now: At) {
        self.restore(now);
        self.available = 0.0;
    }

    /// The entry `cost` of `extensions`. Without an actual cost, nothing was run.
    pub(super) fn report(&self, requested: u32, actual: Option<u32>) -> Value {
        json!({
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": self.allowance.maximum,
                "currentlyAvailable": self.available.floor() as i64,
                "restoreRate": self.allowance.restore_rate,
            },
        })
    }

    fn restore(&mut self, now: At) {
        let seconds = (now.0 - self.since.0).max(0) as f64 / 1e6;
        let refilled = self.available + seconds * self.allowance.restore_rate;
        self.available = refilled.min(self.allowance.maximum);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_back_with_time_and_never_above_the_maximum() {
        let start = At(0);
        let later = |seconds: i64| At(seconds * 1_000_000);
        let mut bucket = Bucket::new(Allowance { maximum: 100.0, restore_rate: 10.0 }, start);
        assert!(bucket.take(90, start));
        assert!(!bucket.take(20, start));
        assert!(bucket.take(20, later(1)));
        bucket.give_back(15);
        assert_eq!(bucket.report(20, Some(5))["throttleStatus"]["currentlyAvailable"], 15);
        assert!(bucket.take(100, later(1000)));
        bucket.give_back(500);
        assert!(!bucket.take(101, later(1000)));
    }
}
