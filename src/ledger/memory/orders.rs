//! Orders and their timelines as actors, people and tools read them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::book::Book;
use crate::domain::{CartOrderId, Order, OrderId, StoreId, Timestamp};
use crate::ledger::term::{term, terms};
use crate::ledger::{OrderFilter, OrderSort, Page, TimelineRow};

impl Book {
    pub(super) fn orders(&self, store: StoreId, ids: &[CartOrderId]) -> Vec<Order> {
        let ids: BTreeSet<&CartOrderId> = ids.iter().collect();
        ids.into_iter().filter_map(|id| self.order(&OrderId::new(store, id.clone()))).collect()
    }

    pub(super) fn held_by(&self, stores: &[StoreId], ids: &[CartOrderId]) -> Vec<CartOrderId> {
        let held = |id: &CartOrderId| {
            stores.iter().any(|store| self.orders.contains_key(&OrderId::new(*store, id.clone())))
        };
        let ids: BTreeSet<&CartOrderId> = ids.iter().collect();
        ids.into_iter().filter(|id| held(id)).cloned().collect()
    }

    pub(super) fn order(&self, id: &OrderId) -> Option<Order> {
        self.orders.get(id).cloned()
    }

    pub(super) fn timeline(&self, id: &OrderId) -> Vec<TimelineRow> {
        self.timelines.get(id).cloned().unwrap_or_default()
    }

    pub(super) fn order_page(&self, filter: &OrderFilter) -> Page<Order> {
        let at = |order: &Order| match filter.sort {
            OrderSort::NewestFirst => order.created_at,
            OrderSort::OldestChangeFirst => order.updated_at,
        };
        let place = |order: &Order| -> (Timestamp, StoreId, CartOrderId) {
            (at(order), order.id.store, order.id.cart.clone())
        };
        let after = filter.after.clone().map(|after| (after.at, after.store, after.cart_order_id));
        let follows = |order: &Order| match (&after, filter.sort) {
            (None, _) => true,
            (Some(after), OrderSort::NewestFirst) => place(order) < *after,
            (Some(after), OrderSort::OldestChangeFirst) => place(order) > *after,
        };
        let mut rows: Vec<&Order> =
            self.orders.values().filter(|order| matches(filter, order) && follows(order)).collect();
        match filter.sort {
            OrderSort::NewestFirst => rows.sort_by_key(|order| Reverse(place(order))),
            OrderSort::OldestChangeFirst => rows.sort_by_key(|order| place(order)),
        }
        Page::of(rows.into_iter().take(filter.limit + 1).cloned().collect(), filter.limit)
    }
}

fn matches(filter: &OrderFilter, order: &Order) -> bool {
    // Held-back orders are left out unless something asks for them (R13).
    let in_sight = match filter.status {
        Some(status) => order.status == status,
        None => order.is_in_book() || filter.cart_order_id.is_some() || filter.q.is_some(),
    };
    in_sight
        && order.account == filter.account
        && filter.store.is_none_or(|store| order.id.store == store)
        && filter.cart_order_id.as_ref().is_none_or(|id| order.id.cart == *id)
        && filter.q.as_ref().is_none_or(|q| terms(order).contains(&term(q)))
        && filter.updated_after.is_none_or(|after| order.updated_at > after)
        && filter.flag.is_none_or(|flag| order.flags.has(flag))
        && filter.has_revision.is_none_or(|has| order.cart_side.open_since.is_some() == has)
}
