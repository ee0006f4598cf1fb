//! When something that failed is tried again.

use std::time::Duration;

/// Waits between the attempts of an event that failed by its own fault (R49). After the last one
/// it is set aside.
const EVENT: [u64; 5] = [1, 5, 30, 120, 600];

/// Waits after an answer of the cart that is older than its callback, or says "not found" for an
/// order that was just named: the cart lags behind itself. It never means deleted.
const LAG: [u64; 3] = [5, 30, 120];

/// Waits while a cart or the database is out: grows to a minute and never gives up (R46, R49).
const OUTAGE: [u64; 6] = [1, 2, 5, 15, 30, 60];

/// How long to wait after the `attempts`-th failed attempt (1 for the first); `None`: set aside.
pub fn event(attempts: u32) -> Option<Duration> {
    nth(&EVENT, attempts)
}

/// How long to wait after the `attempts`-th lagging answer; `None`: set aside.
pub fn lag(attempts: u32) -> Option<Duration> {
    nth(&LAG, attempts)
}

/// How long to wait after the `failures`-th failure in a row of somebody else's system.
pub fn outage(failures: u32) -> Duration {
    nth(&OUTAGE, failures).unwrap_or(Duration::from_mins(1))
}

fn nth(schedule: &[u64], attempts: u32) -> Option<Duration> {
    let index = attempts.saturating_sub(1) as usize;
    schedule.get(index).copied().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r49_five_retries_then_set_aside() {
        let waits: Vec<_> = (1..=6).map(|n| event(n).map(|d| d.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(5), Some(30), Some(120), Some(600), None]);
    }

    #[test]
    fn a_lagging_cart_is_asked_three_more_times() {
        let waits: Vec<_> = (1..=4).map(|n| lag(n).map(|d| d.as_secs())).collect();
        assert_eq!(waits, [Some(5), Some(30), Some(120), None]);
    }

    #[test]
    fn r46_an_outage_is_waited_out_for_ever() {
        assert_eq!(outage(1), Duration::from_secs(1));
        assert_eq!(outage(1_000_000), Duration::from_mins(1));
    }
}
