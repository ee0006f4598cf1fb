//! Orders that have to be read from the cart, because all we know is that they changed.
//!
//! The coalescing rule: the answer to a fetch closes exactly the events of its order that were known
//! when it was sent; an event that comes later makes the order pending again and fetches again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::channel::OrderRef;
use crate::domain::{Position, Timestamp};

/// An open event that waits for its order to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) position: Position,
    pub(super) received_at: Timestamp,
    /// Failed attempts so far.
    pub(super) attempts: u32,
    /// The cart said the order was deleted.
    pub(super) deleted: bool,
    /// The person who asked, if one did.
    pub(super) by: Option<String>,
}

/// Everything that waits for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dirty {
    /// Oldest first; never empty.
    pub(super) events: Vec<Waiting>,
    /// Not before this instant.
    pub(super) due: Timestamp,
}

/// The orders to read, at most one read of each at a time.
#[derive(Debug, Default)]
pub(super) struct Pending {
    orders: BTreeMap<OrderRef, Dirty>,
}

impl Pending {
    /// An event names an order that has to be read, not before `due`.
    pub(super) fn add(&mut self, order: OrderRef, event: Waiting, due: Timestamp) {
        match self.orders.get_mut(&order) {
            Some(dirty) => {
                if dirty.events.iter().all(|known| known.position != event.position) {
                    dirty.events.push(event);
                }
                dirty.due = dirty.due.min(due);
            }
            None => {
                self.orders.insert(order, Dirty { events: vec![event], due });
            }
        }
    }

    /// Takes the order that has waited longest among those that are due.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(OrderRef, Dirty)> {
        let due = self.orders.iter().filter(|(_, dirty)| dirty.due <= now);
        let (order, _) = due.min_by_key(|(_, dirty)| dirty.first())?;
        let order = order.clone();
        let dirty = self.orders.remove(&order)?;
        Some((order, dirty))
    }

    /// Puts an order back whose read did not succeed, together with what came meanwhile.
    pub(super) fn put_back(&mut self, order: OrderRef, dirty: Dirty) {
        for event in dirty.events {
            self.add(order.clone(), event, dirty.due);
        }
        if let Some(entry) = self.orders.get_mut(&order) {
            entry.events.sort_by_key(|event| event.position);
        }
    }

    /// When the next order is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.orders.values().map(|dirty| dirty.due).min()
    }

    /// Orders waiting.
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// Forgets everything; the journal still has it.
    pub(super) fn clear(&mut self) {
        self.orders.clear();
    }
}

impl Dirty {
    fn first(&self) -> Position {
        self.events.iter().map(|event| event.position).min().unwrap_or(Position(i64::MAX))
    }

    /// The most attempts any of its events has behind it.
    pub(super) fn attempts(&self) -> u32 {
        self.events.iter().map(|event| event.attempts).max().unwrap_or(0)
    }

    /// Puts it off.
    pub(super) fn later(mut self, now: Timestamp, wait: Duration) -> Self {
        self.due = now.plus(wait);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(position: i64) -> Waiting {
        Waiting {
            position: Position(position),
            received_at: Timestamp(position),
            attempts: 0,
            deleted: false,
            by: None,
        }
    }

    fn id(text: &str) -> OrderRef {
        OrderRef::Id(text.into())
    }

    #[test]
    fn events_of_one_order_share_one_read() {
        let mut pending = Pending::default();
        pending.add(id("a"), event(1), Timestamp(0));
        pending.add(id("b"), event(2), Timestamp(0));
        pending.add(id("a"), event(3), Timestamp(0));
        pending.add(id("a"), event(3), Timestamp(0));
        let (order, dirty) = pending.take_due(Timestamp(0)).unwrap();
        assert_eq!((order, dirty.events), (id("a"), vec![event(1), event(3)]));
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn what_comes_during_a_read_is_read_again() {
        let mut pending = Pending::default();
        pending.add(id("a"), event(1), Timestamp(0));
        let (order, dirty) = pending.take_due(Timestamp(0)).unwrap();
        pending.add(id("a"), event(2), Timestamp(0));
        assert_eq!(pending.take_due(Timestamp(0)).unwrap().1.events, vec![event(2)]);
        pending.put_back(order, dirty.later(Timestamp(0), Duration::from_secs(5)));
        assert_eq!(pending.take_due(Timestamp(0)), None);
        assert_eq!(pending.next_due(), Some(Timestamp(5_000_000)));
    }

    #[test]
    fn the_longest_waiting_order_is_read_first() {
        let mut pending = Pending::default();
        pending.add(id("z"), event(1), Timestamp(0));
        pending.add(id("a"), event(2), Timestamp(0));
        pending.add(id("b"), event(0), Timestamp(9));
        assert_eq!(pending.take_due(Timestamp(5)).unwrap().0, id("z"));
        assert_eq!(pending.take_due(Timestamp(5)).unwrap().0, id("a"));
        assert_eq!(pending.take_due(Timestamp(5)), None);
    }
}
