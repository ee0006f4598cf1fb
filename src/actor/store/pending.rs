//! Orders that have to be read from the cart, because all we know is that they changed.
//!
//! The coalescing rule: the answer to a fetch closes exactly the events of its order that were known
//! when it was sent; an event that comes later makes the order pending again and fetches again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::channel::OrderRef;
use crate::domain::{CartOrderId, Position, Timestamp};

/// An open event that waits for its order to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) position: Position,
    pub(super) received_at: Timestamp,
    /// When the order changed, as far as the signed body says so.
    pub(super) changed_at: Option<Timestamp>,
    /// Failed attempts so far.
    pub(super) attempts: u32,
    /// The cart said the order was deleted.
    pub(super) deleted: bool,
    /// The person who asked, if one did.
    pub(super) by: Option<String>,
    /// Two webhooks of one second tie (R12): only a read sent from then on settles it. Before, the
    /// second may not be over, and the order may change once more within it.
    pub(super) settles_from: Option<Timestamp>,
}

/// Everything that waits for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dirty {
    /// Oldest first; never empty.
    pub(super) events: Vec<Waiting>,
    /// Not before this instant.
    pub(super) due: Timestamp,
    /// A list did not tell of it: it has to be read by itself.
    pub(super) alone: bool,
}

/// The orders to read, at most one read of each at a time.
#[derive(Debug, Default)]
pub(super) struct Pending {
    orders: HashMap<OrderRef, Dirty>,
    /// Those not known to be due, by when they are.
    later: BTreeSet<(Timestamp, OrderRef)>,
    /// Those that are due, by their oldest event.
    ready: BTreeSet<(Position, OrderRef)>,
    /// Those that are being read. What comes for them meanwhile waits until that read has ended.
    reading: HashSet<OrderRef>,
}

impl Pending {
    /// An event names an order that has to be read, not before `due`.
    pub(super) fn add(&mut self, order: OrderRef, event: Waiting, due: Timestamp) {
        let dirty = match self.take(&order) {
            Some(mut dirty) => {
                if dirty.events.iter().all(|known| known.position != event.position) {
                    dirty.events.push(event);
                }
                dirty.due = dirty.due.min(due);
                dirty
            }
            None => Dirty { events: vec![event], due, alone: false },
        };
        self.put(order, dirty);
    }

    /// Takes the order that has waited longest among those that are due. Until it is put back or
    /// settled it is being read.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(OrderRef, Dirty)> {
        self.ripen(now);
        let (_, order) = self.ready.first()?.clone();
        self.begin(&order)
    }

    /// Takes those that `choose` picks among the due ones that a list may tell of.
    pub(super) fn take_together(
        &mut self,
        now: Timestamp,
        choose: impl FnOnce(&[CartOrderId]) -> Vec<CartOrderId>,
    ) -> Vec<(OrderRef, Dirty)> {
        self.ripen(now);
        let listed = self.ready.iter().filter_map(|(_, order)| match order {
            OrderRef::Id(id) if self.orders.get(order).is_some_and(|dirty| !dirty.alone) => {
                Some(id.clone())
            }
            _ => None,
        });
        let due: Vec<CartOrderId> = listed.collect();
        choose(&due).into_iter().filter_map(|id| self.begin(&OrderRef::Id(id))).collect()
    }

    fn begin(&mut self, order: &OrderRef) -> Option<(OrderRef, Dirty)> {
        let dirty = self.take(order)?;
        self.reading.insert(order.clone());
        Some((order.clone(), dirty))
    }

    /// Finds those that are due by now.
    fn ripen(&mut self, now: Timestamp) {
        while let Some((due, order)) = self.later.pop_first() {
            if due > now {
                self.later.insert((due, order));
                break;
            }
            if let Some(dirty) = self.orders.get(&order) {
                self.ready.insert((dirty.first(), order));
            }
        }
    }

    /// The read of an order has ended without a word on its events: the journal still has them.
    pub(super) fn ended(&mut self, order: &OrderRef) {
        if self.reading.remove(order)
            && let Some(meanwhile) = self.take(order)
        {
            self.put(order.clone(), meanwhile);
        }
    }

    /// Puts an order back whose read did not succeed, together with what came meanwhile.
    pub(super) fn put_back(&mut self, order: OrderRef, mut dirty: Dirty) {
        self.reading.remove(&order);
        if let Some(meanwhile) = self.take(&order) {
            let known: BTreeSet<_> = dirty.events.iter().map(|event| event.position).collect();
            dirty.due = dirty.due.min(meanwhile.due);
            let fresh = meanwhile.events.into_iter().filter(|e| !known.contains(&e.position));
            dirty.events.extend(fresh);
            dirty.events.sort_by_key(|event| event.position);
        }
        self.put(order, dirty);
    }

    /// These events have ended. The journal may have been read again while their order was read, and
    /// they must not be read for a second time.
    pub(super) fn settled(&mut self, order: &OrderRef, events: &[Position]) {
        self.reading.remove(order);
        let Some(mut dirty) = self.take(order) else { return };
        dirty.events.retain(|event| !events.contains(&event.position));
        if !dirty.events.is_empty() {
            self.put(order.clone(), dirty);
        }
    }

    /// When the next order is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let ready = self.ready.first().and_then(|(_, order)| self.orders.get(order));
        let later = self.later.first().map(|(due, _)| *due);
        ready.map(|dirty| dirty.due).into_iter().chain(later).min()
    }

    /// Orders waiting.
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// Forgets everything but what is being read; the journal still has it.
    pub(super) fn clear(&mut self) {
        *self = Self { reading: std::mem::take(&mut self.reading), ..Self::default() };
    }

    fn put(&mut self, order: OrderRef, mut dirty: Dirty) {
        let settles_from = dirty.events.iter().filter_map(|event| event.settles_from).max();
        dirty.due = dirty.due.max(settles_from.unwrap_or_default());
        if !self.reading.contains(&order) {
            self.later.insert((dirty.due, order.clone()));
        }
        self.orders.insert(order, dirty);
    }

    fn take(&mut self, order: &OrderRef) -> Option<Dirty> {
        let dirty = self.orders.remove(order)?;
        self.later.remove(&(dirty.due, order.clone()));
        self.ready.remove(&(dirty.first(), order.clone()));
        Some(dirty)
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
            changed_at: None,
            attempts: 0,
            deleted: false,
            by: None,
            settles_from: None,
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
        assert_eq!(pending.take_due(Timestamp(0)), None, "never two reads of one order at once");
        assert_eq!(pending.next_due(), None);
        pending.settled(&order, &[Position(1)]);
        let (order, dirty) = {
            assert_eq!(dirty.events, vec![event(1)]);
            pending.take_due(Timestamp(0)).unwrap()
        };
        assert_eq!(dirty.events, vec![event(2)]);
        pending.add(id("a"), event(3), Timestamp(0));
        pending.put_back(order, dirty.later(Timestamp(0), Duration::from_secs(5)));
        assert_eq!(pending.take_due(Timestamp(0)).unwrap().1.events, vec![event(2), event(3)]);
    }

    #[test]
    fn what_a_list_may_tell_is_taken_together_and_what_it_lacked_is_not() {
        let mut pending = Pending::default();
        for (order, position) in [("1", 1), ("2", 2), ("3", 3)] {
            pending.add(id(order), event(position), Timestamp(0));
        }
        pending.add(OrderRef::Name("#9".to_owned()), event(4), Timestamp(0));
        let (order, dirty) = pending.take_due(Timestamp(0)).unwrap();
        assert_eq!(order, id("1"));
        pending.put_back(order, Dirty { alone: true, ..dirty });
        let taken = pending.take_together(Timestamp(0), |due| {
            assert_eq!(due, ["2".into(), "3".into()]);
            due.to_vec()
        });
        assert_eq!(taken.len(), 2);
        assert_eq!(pending.take_due(Timestamp(0)).unwrap().0, id("1"));
    }

    #[test]
    fn a_read_that_came_to_nothing_lets_go_of_its_order() {
        let mut pending = Pending::default();
        pending.add(id("a"), event(1), Timestamp(0));
        let (order, _in_flight) = pending.take_due(Timestamp(0)).unwrap();
        // Memory was dropped, and the journal was read again.
        pending.clear();
        pending.add(id("a"), event(1), Timestamp(0));
        assert_eq!(pending.take_due(Timestamp(0)), None);
        pending.ended(&order);
        assert_eq!(pending.take_due(Timestamp(0)).unwrap().1.events, vec![event(1)]);
    }

    #[test]
    fn what_has_ended_is_not_read_again() {
        let mut pending = Pending::default();
        pending.add(id("a"), event(1), Timestamp(0));
        let (order, _in_flight) = pending.take_due(Timestamp(0)).unwrap();
        // The journal is read again meanwhile.
        pending.add(id("a"), event(1), Timestamp(0));
        pending.add(id("a"), event(2), Timestamp(0));
        pending.settled(&order, &[Position(1)]);
        assert_eq!(pending.take_due(Timestamp(0)).unwrap().1.events, vec![event(2)]);
        assert_eq!((pending.len(), pending.next_due()), (0, None));
    }

    #[test]
    fn r12_a_tie_is_not_read_before_its_second_is_over() {
        let mut pending = Pending::default();
        let tie = Waiting { settles_from: Some(Timestamp(9)), ..event(1) };
        pending.add(id("a"), tie, Timestamp(0));
        pending.add(id("a"), event(2), Timestamp(0));
        assert_eq!(pending.take_due(Timestamp(8)), None);
        let (order, dirty) = pending.take_due(Timestamp(9)).unwrap();
        pending.put_back(order, dirty.later(Timestamp(0), Duration::ZERO));
        assert_eq!(pending.next_due(), Some(Timestamp(9)));
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
