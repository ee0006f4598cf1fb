//! How the journal is read: in pages, or one event at a time after a crash.
//!
//! The turn that crashed, or that killed the process, held at most one page of the oldest open
//! events. So it is enough to read that many singly; each is counted on disk before it is tried, and
//! the one that crashes three times is set aside. Pages count nothing.

use super::turn::PageOf;
use crate::domain::Position;

/// How the next page is read.
#[derive(Debug)]
pub(super) struct Reading {
    /// Events still to be read singly.
    singly: usize,
    /// Whether single events are counted; not when a turn was merely refused.
    count: bool,
    /// The event this incarnation has counted last: reading it again is no new try.
    counted: Option<Position>,
}

impl Reading {
    /// A new incarnation's way of reading.
    pub(super) fn new(careful: bool, page: usize) -> Self {
        Self { singly: if careful { page } else { 0 }, count: careful, counted: None }
    }

    /// A turn came to nothing and is read again, one event at a time.
    pub(super) fn singly(&mut self, page: usize) {
        self.singly = page;
    }

    /// Whether a crash is feared: then an event's call to the cart is made before the next is read.
    pub(super) fn is_careful(&self) -> bool {
        self.count && self.singly > 0
    }

    /// The next page.
    pub(super) fn page(&self, after: Position, limit: usize) -> PageOf {
        let single = self.singly > 0;
        PageOf {
            after,
            limit: if single { 1 } else { limit },
            count: single && self.count,
            counted: self.counted,
        }
    }

    /// A page of `read` events was worked on. `true`: more may follow.
    pub(super) fn read(&mut self, read: usize, counted: Option<Position>) -> bool {
        self.counted = counted.or(self.counted);
        let single = self.singly > 0;
        self.singly = if read == 0 { 0 } else { self.singly.saturating_sub(1) };
        if self.singly == 0 {
            self.count = false;
        }
        read > 0 && (single || read > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_whole_when_nothing_crashed() {
        let mut reading = Reading::new(false, 3);
        let page = reading.page(Position(5), 3);
        assert_eq!((page.limit, page.count), (3, false));
        assert!(reading.read(3, None));
        assert!(!reading.read(0, None));
    }

    #[test]
    fn after_a_crash_one_page_is_read_singly_and_counted() {
        let mut reading = Reading::new(true, 2);
        assert_eq!((reading.page(Position(0), 2).limit, reading.is_careful()), (1, true));
        assert!(reading.read(1, Some(Position(1))));
        assert!(reading.read(1, Some(Position(2))));
        assert_eq!((reading.page(Position(2), 2).limit, reading.is_careful()), (2, false));
    }

    #[test]
    fn a_refused_turn_is_read_singly_without_counting() {
        let mut reading = Reading::new(false, 2);
        reading.singly(2);
        let page = reading.page(Position(0), 2);
        assert_eq!((page.limit, page.count), (1, false));
        assert!(reading.read(1, None));
        assert!(!reading.read(0, None), "an empty journal ends it");
        assert_eq!(reading.page(Position(0), 2).limit, 2);
    }
}
