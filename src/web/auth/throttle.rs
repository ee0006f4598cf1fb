//! Slows down whoever guesses on the login page.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;

/// Failures one address may have …
const FAILURES: u32 = 5;
/// … within this time of the first.
const WINDOW: Duration = Duration::from_mins(5);
/// Addresses that are remembered; beyond that everybody shares one count.
const MOST: usize = 10_000;

/// Failed attempts by address; `None` stands for addresses that are not known or too many.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failed: Mutex<HashMap<Option<IpAddr>, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    first: Timestamp,
}

impl Throttle {
    /// How long the address has to wait; `None`: it may try.
    pub(super) fn wait(&self, from: Option<IpAddr>, now: Timestamp) -> Option<Duration> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failed.get(&from).or_else(|| failed.get(&None))?;
        let until = known.first.plus(WINDOW);
        (known.count >= FAILURES && now < until).then(|| until.since(now))
    }

    /// An attempt failed.
    pub(super) fn failed(&self, from: Option<IpAddr>, now: Timestamp) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, failures| now < failures.first.plus(WINDOW));
        let from = if failed.len() >= MOST && !failed.contains_key(&from) { None } else { from };
        failed.entry(from).or_insert(Failures { count: 0, first: now }).count += 1;
    }

    /// An attempt succeeded: what came before from there is forgiven.
    pub(super) fn succeeded(&self, from: Option<IpAddr>) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(&from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_close_the_door_for_their_address_and_a_while() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let guesser = Some(IpAddr::from([10, 0, 0, 1]));
        let other = Some(IpAddr::from([10, 0, 0, 2]));
        let throttle = Throttle::default();
        for _ in 0..FAILURES {
            assert_eq!(throttle.wait(guesser, now), None);
            throttle.failed(guesser, now);
        }
        assert_eq!(throttle.wait(guesser, now), Some(WINDOW));
        assert_eq!(throttle.wait(other, now), None);
        assert_eq!(throttle.wait(guesser, now.plus(WINDOW)), None);
        throttle.succeeded(guesser);
        assert_eq!(throttle.wait(guesser, now), None);
    }
}
