//! When the runs of a task are due (R4): on a grid of its own for each store, so that many stores
//! are spread over the interval, and so that it does not matter what ran when.

use std::time::Duration;

use super::ids::StoreId;
use super::time::Timestamp;

/// The shortest interval that is kept to; a mistake must not become a busy loop.
const SHORTEST: Duration = Duration::from_secs(1);
/// What fell due while the daemon was down is made within so long after its start.
const CATCH_UP: Duration = Duration::from_mins(10);
/// And within this part of its interval.
const CATCH_UP_PART: u32 = 6;
/// The golden ratio as a fraction of 2^64: multiples of it are spread evenly, however many there are.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What serves a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Orders that webhooks missed, and the proof that none was (R40–R42).
    ImportOrders,
    /// Products (R31).
    ImportProducts,
    /// Stock to the cart (R34–R38).
    WriteInventory,
}

impl Task {
    /// Every task, in the order of the Sync dialog.
    pub const ALL: [Self; 3] = [Self::ImportOrders, Self::ImportProducts, Self::WriteInventory];

    /// The name in JSON and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImportOrders => "import_orders",
            Self::ImportProducts => "import_products",
            Self::WriteInventory => "write_inventory",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.as_str() == text)
    }
}

/// The instants at which a task of a store is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    every: Duration,
    /// The first instant after the epoch.
    phase: Duration,
    /// The store's place within anything that is spread, as a fraction of 2^64.
    place: u64,
}

impl Grid {
    /// The grid of a task that runs so often.
    pub fn new(store: StoreId, task: Task, every: Duration) -> Self {
        let every = every.max(SHORTEST);
        let number = (store.0 as u64).wrapping_mul(Task::ALL.len() as u64);
        let place = number.wrapping_add(task as u64).wrapping_mul(GOLDEN);
        Self { every, phase: part(every, place), place }
    }

    /// The first instant after `now`.
    pub fn next_after(self, now: Timestamp) -> Timestamp {
        let (every, phase) = (micros(self.every), micros(self.phase));
        let passed = now.0.saturating_sub(phase).div_euclid(every).saturating_add(1);
        Timestamp(passed.saturating_mul(every).saturating_add(phase))
    }

    /// When a run that was due at `due` is to be made. What fell due before the daemon was `up` is
    /// made soon after, spread out.
    pub fn start_of(self, due: Timestamp, up: Timestamp) -> Timestamp {
        if due >= up {
            return due;
        }
        up.plus(part(CATCH_UP.min(self.every / CATCH_UP_PART), self.place))
    }

    /// Whether a stored due time can stand: a clock that was set back leaves one too far ahead.
    pub fn fits(self, due: Timestamp, now: Timestamp) -> bool {
        due <= now.plus(self.every)
    }
}

/// That fraction of a span.
fn part(span: Duration, place: u64) -> Duration {
    let micros = (u128::from(place) * span.as_micros()) >> 64;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn grid(store: i64, every: Duration) -> Grid {
        Grid::new(StoreId(store), Task::ImportOrders, every)
    }

    proptest! {
        #[test]
        fn r4_each_interval_has_exactly_one_instant(
            store in 1_i64..1_000_000, seconds in 1_u64..100_000, now in 0_i64..4_000_000_000_000_000,
        ) {
            let every = Duration::from_secs(seconds);
            let (grid, now) = (grid(store, every), Timestamp(now));
            let first = grid.next_after(now);
            prop_assert!(first > now && first <= now.plus(every));
            prop_assert_eq!(grid.next_after(first), first.plus(every));
            // Whoever asks in between gets the same answer.
            prop_assert_eq!(grid.next_after(Timestamp(first.0 - 1)), first);
            prop_assert!(grid.fits(first, now));
        }
    }

    #[test]
    fn r4_many_stores_are_spread_evenly_over_the_interval() {
        let mut minutes = [0_u32; 60];
        for store in 1..=100_000 {
            let due = grid(store, HOUR).next_after(Timestamp(0));
            minutes[(due.0 / 60_000_000) as usize % 60] += 1;
        }
        let even = 100_000 / 60;
        for (minute, count) in minutes.iter().enumerate() {
            assert!(count.abs_diff(even) <= even / 5, "minute {minute}: {count}");
        }
    }

    #[test]
    fn r4_what_was_missed_while_down_is_made_soon_and_spread() {
        let up = Timestamp::from_seconds(1_700_000_000);
        let missed = up.minus(Duration::from_hours(50));
        let starts: Vec<_> =
            (1..=600).map(|store| grid(store, HOUR).start_of(missed, up)).collect();
        let last = starts.iter().max().unwrap();
        assert!(starts.iter().all(|at| *at >= up));
        assert!(last.since(up) > Duration::from_mins(9) && last.since(up) <= CATCH_UP);
        let at_once = starts.iter().filter(|at| at.since(up) < Duration::from_mins(1)).count();
        assert!((40..=80).contains(&at_once), "{at_once}");
        // Nothing is put off that falls due while it is up.
        assert_eq!(grid(1, HOUR).start_of(up, up), up);
        // A short interval is caught up with soon.
        let quick = grid(1, Duration::from_secs(6)).start_of(missed, up);
        assert!(quick.since(up) <= Duration::from_secs(1));
    }

    #[test]
    fn r4_a_clock_that_was_set_back_leaves_nothing_waiting_for_years() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let grid = grid(7, HOUR);
        assert!(grid.fits(grid.next_after(now), now));
        assert!(!grid.fits(grid.next_after(now.plus(Duration::from_hours(9_000))), now));
    }

    #[test]
    fn tasks_of_one_store_have_grids_of_their_own() {
        let of = |task| Grid::new(StoreId(5), task, HOUR).next_after(Timestamp(0));
        let dues: std::collections::BTreeSet<_> = Task::ALL.map(of).into();
        assert_eq!(dues.len(), 3);
        assert!(Task::ALL.iter().all(|task| Task::parse(task.as_str()) == Some(*task)));
    }
}
