//! How far a store's book is complete (R42), and from where its next poll reads (R40).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{CartOrderId, Position};
use super::time::Timestamp;

/// A poll reads again what changed so shortly before its watermark: carts tell whole seconds, and
/// their lists lag.
const OVERLAP: Duration = Duration::from_mins(10);
/// Orders remembered that could not be read; the mark cannot pass any of them, so more of them
/// change nothing but who is named.
const UNREAD: usize = 100;

/// An order that a poll could not read or apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Which, as far as that could be read.
    pub cart_order_id: Option<CartOrderId>,
    /// When it changed, as far as that could be read.
    pub changed_at: Option<Timestamp>,
    /// The run that met it last.
    pub run: Position,
}

/// What polls of a store's orders have reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The greatest time of a change in a page that is durable, by the cart's clock.
    pub watermark: Option<Timestamp>,
    /// Everything that polls can see and that changed until then is in the book or held back. It
    /// never moves back.
    pub complete_up_to: Option<Timestamp>,
    /// What polls could not read, until it is read after all; the oldest change first.
    pub unread: Vec<Unread>,
    /// The first poll reached its end: what later ones find was missed by webhooks (R41).
    pub connected: bool,
    /// Misses of the last scheduled poll that found any, until one finds none and webhooks come
    /// again.
    pub missed: u32,
    /// When the first of them changed, by the cart's clock.
    pub missed_since: Option<Timestamp>,
    /// When the last poll that reached its end began, by the cart's clock.
    pub last_began: Option<Timestamp>,
    /// Why the last poll came to nothing; `None`: it reached its end.
    pub trouble: Option<String>,
}

impl Progress {
    /// From where the next poll reads, so that it meets again what could not be read; `None`: from
    /// the beginning.
    pub fn since(&self) -> Option<Timestamp> {
        // One whose change cannot be read has changed after the mark.
        let place = |unread: &Unread| unread.changed_at.or(self.complete_up_to);
        let held = self.unread.iter().filter_map(place).min();
        let from = self.watermark.map(|mark| held.map_or(mark, |held| mark.min(held)));
        from.map(|from| from.minus(OVERLAP))
    }

    /// A page is durable whose newest change is of then.
    pub fn reached(&mut self, newest: Timestamp) {
        self.watermark = self.watermark.max(Some(newest));
    }

    /// An order could not be read or applied.
    pub fn missing(&mut self, unread: Unread) {
        self.unread.retain(|known| known.cart_order_id != unread.cart_order_id);
        self.unread.push(unread);
        self.unread.sort_by_key(|unread| unread.changed_at);
        self.unread.truncate(UNREAD);
    }

    /// An order was read and applied.
    pub fn read(&mut self, order: &CartOrderId) {
        self.unread.retain(|unread| unread.cart_order_id.as_ref() != Some(order));
    }

    /// The poll of that run, which began then by the cart's clock, reached its end. Lists of the
    /// cart lag by `lag`.
    pub fn finished(&mut self, run: Position, began: Timestamp, lag: Duration) {
        self.connected = true;
        self.last_began = Some(began);
        self.trouble = None;
        // What it did not meet again is gone from the cart, or has become readable.
        self.unread.retain(|unread| unread.run == run);
        // One whose change cannot be read may have changed at any time since the mark.
        if self.unread.iter().any(|unread| unread.changed_at.is_none()) {
            return;
        }
        let just_before = |unread: &Unread| unread.changed_at.map(|at| Timestamp(at.0 - 1));
        let held = self.unread.iter().filter_map(just_before).min();
        let seen = began.minus(lag);
        self.complete_up_to = self.complete_up_to.max(Some(held.map_or(seen, |at| at.min(seen))));
    }

    /// The order that holds the mark, or is named beside it: the first that could not be read.
    pub fn held_by(&self) -> Option<&CartOrderId> {
        self.unread.iter().find_map(|unread| unread.cart_order_id.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_mins(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + second)
    }

    const RUN: Position = Position(1);

    fn unread(id: &str, changed_at: Option<Timestamp>) -> Unread {
        Unread { cart_order_id: Some(CartOrderId(id.to_owned())), changed_at, run: RUN }
    }

    #[test]
    fn r42_a_quiet_store_is_complete_up_to_its_last_poll() {
        let mut progress = Progress::default();
        progress.finished(RUN, at(0), LAG);
        assert_eq!(progress.complete_up_to, Some(at(-60)));
        progress.finished(RUN, at(3600), LAG);
        assert_eq!(progress.complete_up_to, Some(at(3540)));
        assert_eq!((progress.since(), progress.connected), (None, true));
    }

    #[test]
    fn r42_an_order_that_cannot_be_read_holds_the_mark_and_is_named() {
        let mut progress = Progress::default();
        progress.missing(unread("7", Some(at(100))));
        progress.missing(unread("7", Some(at(100))));
        assert_eq!(progress.unread.len(), 1, "the same order once more");
        progress.finished(RUN, at(3600), LAG);
        assert_eq!(progress.complete_up_to, Some(Timestamp(at(100).0 - 1)));
        assert_eq!(progress.held_by().map(CartOrderId::as_str), Some("7"));
        progress.missing(unread("7", Some(at(200))));
        progress.finished(RUN, at(5400), LAG);
        assert_eq!(progress.complete_up_to, Some(Timestamp(at(200).0 - 1)));
        // Read after all, it holds nothing any more.
        progress.read(&CartOrderId("7".to_owned()));
        progress.finished(RUN, at(7200), LAG);
        assert_eq!((progress.complete_up_to, progress.held_by()), (Some(at(7140)), None));
    }

    #[test]
    fn r42_an_unreadable_order_that_is_gone_from_the_cart_holds_nothing() {
        let mut progress = Progress::default();
        progress.missing(unread("7", Some(at(100))));
        progress.finished(RUN, at(3600), LAG);
        progress.finished(Position(2), at(7200), LAG);
        assert_eq!((progress.complete_up_to, progress.held_by()), (Some(at(7140)), None));
    }

    #[test]
    fn r42_the_mark_never_moves_back() {
        let mut progress = Progress::default();
        progress.finished(RUN, at(3600), LAG);
        progress.missing(unread("7", Some(at(100))));
        progress.finished(RUN, at(7200), LAG);
        assert_eq!(progress.complete_up_to, Some(at(3540)), "older than the mark: named beside it");
        assert_eq!(progress.held_by().map(CartOrderId::as_str), Some("7"));
        progress.finished(RUN, at(10), LAG);
        assert_eq!(progress.complete_up_to, Some(at(3540)), "a clock that was set back");
        progress.missing(unread("8", None));
        progress.finished(RUN, at(9000), LAG);
        assert_eq!(progress.complete_up_to, Some(at(3540)), "it may have changed at any time");
    }

    #[test]
    fn r40_the_next_poll_reads_from_the_watermark_minus_an_overlap() {
        let mut progress = Progress::default();
        progress.reached(at(5000));
        progress.reached(at(50));
        assert_eq!(progress.since(), Some(at(5000).minus(OVERLAP)));
        progress.missing(unread("7", Some(at(2000))));
        assert_eq!(
            progress.since(),
            Some(at(2000).minus(OVERLAP)),
            "what could not be read, again"
        );
        progress.complete_up_to = Some(at(1000));
        progress.missing(unread("8", None));
        assert_eq!(progress.since(), Some(at(1000).minus(OVERLAP)), "it changed after the mark");
    }
}
