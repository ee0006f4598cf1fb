//! How many calls a store may still make, by what its cart says with every answer (R46).

use std::time::Duration;

use super::time::Timestamp;

/// One part in so many of a window's quota is left to others: the store's other apps share it.
const LEFT_TO_OTHERS: u32 = 5;

/// What is known of a window of calls. Nothing is known before the first answer, and again once the
/// window is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota(Option<Window>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    quota: u32,
    left: u32,
    ends_at: Timestamp,
}

impl Quota {
    /// The cart said, at `now`, that so many of `quota` calls are left until the window ends.
    pub fn learn(&mut self, quota: u32, left: u32, ends_in: Duration, now: Timestamp) {
        let told = Window { quota, left, ends_at: now.plus(ends_in) };
        // Answers overtake one another: of one window the least counts.
        let least = match self.0.filter(|known| now < known.ends_at) {
            Some(known) => Window { left: known.left.min(left), ..told },
            None => told,
        };
        self.0 = Some(least);
    }

    /// When another call may be made while `in_flight` are: now, or when the window is over.
    pub fn ready_at(&self, in_flight: usize, now: Timestamp) -> Timestamp {
        let Some(window) = self.0.filter(|window| now < window.ends_at) else { return now };
        let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
        // Those in flight may not be counted in what is left.
        let left = window.left.saturating_sub(in_flight);
        if left > window.quota / LEFT_TO_OTHERS { now } else { window.ends_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    #[test]
    fn r46_before_the_first_answer_and_after_a_window_nothing_is_in_the_way() {
        let mut quota = Quota::default();
        assert_eq!(quota.ready_at(3, at(5)), at(5));
        quota.learn(150, 0, WINDOW, at(5));
        assert_eq!(quota.ready_at(0, at(6)), at(35));
        assert_eq!(quota.ready_at(0, at(35)), at(35));
    }

    #[test]
    fn r46_a_fifth_is_left_to_others_and_calls_in_flight_count() {
        let mut quota = Quota::default();
        quota.learn(150, 33, WINDOW, at(0));
        assert_eq!(quota.ready_at(2, at(1)), at(1));
        assert_eq!(quota.ready_at(3, at(1)), at(30), "30 are left to others");
    }

    #[test]
    fn r46_answers_that_overtake_one_another_give_nothing_back() {
        let mut quota = Quota::default();
        quota.learn(150, 31, WINDOW, at(0));
        quota.learn(150, 40, WINDOW, at(0));
        assert_eq!(quota.ready_at(1, at(1)), at(30));
        quota.learn(150, 149, WINDOW, at(31));
        assert_eq!(quota.ready_at(4, at(32)), at(32), "a new window");
    }
}
