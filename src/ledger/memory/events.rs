//! Events as the store actor, the sweep and people read them.

use std::ops::Bound::{Excluded, Unbounded};

use super::book::{Book, KeptEvent};
use crate::domain::{EventState, Position, Source, StoreId, Task, Timestamp};
use crate::ledger::query::RECENT;
use crate::ledger::{Backlog, DeliveryKey, EventFilter, EventRow, OpenEvent, Page, StoreBacklog};

impl Book {
    pub(super) fn open_events(
        &self,
        store: StoreId,
        after: Position,
        limit: usize,
        max_bytes: usize,
    ) -> Vec<OpenEvent> {
        let mut events = Vec::new();
        let mut bytes = 0;
        for (kept, tries) in self.open_of(store, after).take(limit) {
            let body = kept.body.unpack();
            bytes += body.len();
            if bytes > max_bytes && !events.is_empty() {
                break;
            }
            let row = &kept.row;
            events.push(OpenEvent {
                position: row.position,
                topic: row.topic.clone(),
                source: row.source,
                cart_order_id: row.cart_order_id.clone(),
                received_at: row.received_at,
                attempts: row.attempts,
                next_at: row.next_at,
                tries,
                by: row.by.clone(),
                body,
            });
        }
        events
    }

    /// Open events of a store after a position, oldest first, with their single tries.
    fn open_of(
        &self,
        store: StoreId,
        after: Position,
    ) -> impl DoubleEndedIterator<Item = (&KeptEvent, u32)> {
        let open = self.open.get(&store);
        open.into_iter().flat_map(move |open| open.range((Excluded(after), Unbounded))).filter_map(
            move |(position, tries)| Some((self.events.get(&(store, *position))?, *tries)),
        )
    }

    pub(super) fn backlogs(&self, after: StoreId, limit: usize) -> Vec<StoreBacklog> {
        let stores = self.open.range((Excluded(after), Unbounded)).map(|(store, _)| *store);
        let due = |store| {
            let rows = || self.open_of(store, Position(0)).map(|(kept, _)| &kept.row);
            let retry = rows().filter_map(|row| row.next_at).min();
            let waiting = rows().find(|row| row.next_at.is_none()).map(|row| row.received_at);
            retry.into_iter().chain(waiting).min()
        };
        stores
            .take(limit)
            .filter_map(|store| Some(StoreBacklog { store, due: due(store)? }))
            .collect()
    }

    pub(super) fn event_page(&self, filter: &EventFilter) -> Page<EventRow> {
        let matches = |row: &EventRow| {
            row.account == filter.account
                && filter.store.is_none_or(|store| row.store == store)
                && filter.state.is_none_or(|state| row.state == state)
                && (filter.topics.is_empty() || filter.topics.contains(&row.topic))
                && filter
                    .cart_order_id
                    .as_ref()
                    .is_none_or(|id| row.cart_order_id.as_ref() == Some(id))
                && filter.after.is_none_or(|after| row.position < after.before)
        };
        let newest_first = self.owners.iter().rev();
        let rows = newest_first
            .filter_map(|(position, store)| self.events.get(&(*store, *position)))
            .map(|kept| &kept.row)
            .filter(|row| matches(row));
        Page::of(rows.take(filter.limit + 1).cloned().collect(), filter.limit)
    }

    pub(super) fn event(&self, position: Position) -> Option<(EventRow, Vec<u8>)> {
        let store = *self.owners.get(&position)?;
        let kept = self.events.get(&(store, position))?;
        Some((kept.row.clone(), kept.body.unpack()))
    }

    pub(super) fn event_by_key(&self, store: StoreId, key: DeliveryKey) -> Option<EventRow> {
        let position = *self.keys.get(&(store, key))?;
        Some(self.events.get(&(store, position))?.row.clone())
    }

    pub(super) fn backlog(&self, store: StoreId) -> Backlog {
        let rows = || {
            let all = (store, Position(0))..=(store, Position(i64::MAX));
            self.events.range(all).map(|(_, kept)| &kept.row)
        };
        let newest = |open: bool| -> Option<Timestamp> {
            let recent = rows().rev().filter(|row| row.state.is_open() == open).take(RECENT);
            recent.filter(|row| row.source == Source::Webhook).map(|row| row.received_at).max()
        };
        let run = Task::ImportOrders.as_str();
        let is_run = |row: &EventRow| row.topic == run && row.source != Source::Webhook;
        let waiting = || rows().filter(|row| row.state.is_open() && !is_run(row));
        Backlog {
            waiting: waiting().count() as u64,
            oldest: waiting().next().map(|row| row.received_at),
            set_aside: rows().filter(|row| row.state == EventState::SetAside).count() as u64,
            last_webhook: newest(true).max(newest(false)),
        }
    }
}
