//! Filters, cursors and pages of what people and tools read.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountId, CartOrderId, EventState, Flag, Position, Status, StoreId, Timestamp,
};

/// Rows of a list, and where the next page begins.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// At most `limit` rows.
    pub rows: Vec<T>,
    /// Whether more rows follow the last one.
    pub more: bool,
}

impl<T> Page<T> {
    /// Of rows that were read up to one beyond `limit`.
    pub(super) fn of(mut rows: Vec<T>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, more }
    }
}

/// How a list of orders is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderSort {
    /// Newest in the book first: what people look at.
    #[default]
    NewestFirst,
    /// Least recently changed first: what tools pull with `updated_after`.
    OldestChangeFirst,
}

/// The last row of the page before: the next page begins after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCursor {
    /// `created_at` or `updated_at`, by the list's sort.
    pub at: Timestamp,
    /// Of rows of the same instant, those after this store …
    pub store: StoreId,
    /// … and this order.
    pub cart_order_id: CartOrderId,
}

/// Which orders of an account. All given conditions must hold.
#[derive(Debug, Clone)]
pub struct OrderFilter {
    /// The merchant; nothing is joined across accounts (R1).
    pub account: AccountId,
    /// Of one store.
    pub store: Option<StoreId>,
    /// In one status. Held-back orders are left out unless this, `cart_order_id` or `q` asks (R13).
    pub status: Option<Status>,
    /// With this id in its cart.
    pub cart_order_id: Option<CartOrderId>,
    /// Exactly this cart number, cart name, our number, cart id or e-mail, whatever the case.
    pub q: Option<String>,
    /// Changed after this instant.
    pub updated_after: Option<Timestamp>,
    /// With this flag up.
    pub flag: Option<Flag>,
    /// With or without a change of the cart that waits for a person (R30).
    pub has_revision: Option<bool>,
    /// How it is sorted.
    pub sort: OrderSort,
    /// Begins after this row.
    pub after: Option<OrderCursor>,
    /// At most so many rows.
    pub limit: usize,
}

impl OrderFilter {
    /// Every order of an account that stands in the book, newest first.
    pub fn of(account: AccountId, limit: usize) -> Self {
        Self {
            account,
            store: None,
            status: None,
            cart_order_id: None,
            q: None,
            updated_after: None,
            flag: None,
            has_revision: None,
            sort: OrderSort::default(),
            after: None,
            limit,
        }
    }
}

/// The last row of the page before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCursor {
    /// The next page holds smaller positions.
    pub before: Position,
}

/// Which events of an account, newest first. All given conditions must hold.
#[derive(Debug, Clone)]
pub struct EventFilter {
    /// The merchant.
    pub account: AccountId,
    /// Of one store.
    pub store: Option<StoreId>,
    /// In one state.
    pub state: Option<EventState>,
    /// With one of these topics; none given: any.
    pub topics: Vec<String>,
    /// About this order of the cart (of any store unless `store` is given).
    pub cart_order_id: Option<CartOrderId>,
    /// Begins after this row.
    pub after: Option<EventCursor>,
    /// At most so many rows.
    pub limit: usize,
}

impl EventFilter {
    /// Every event of an account.
    pub fn of(account: AccountId, limit: usize) -> Self {
        Self {
            account,
            store: None,
            state: None,
            topics: Vec::new(),
            cart_order_id: None,
            after: None,
            limit,
        }
    }
}

/// A store with open events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreBacklog {
    /// Which store.
    pub store: StoreId,
    /// When work on it is due: the earliest of its retries, or when the first of its waiting events
    /// was received.
    pub due: Timestamp,
}

/// Events that are looked through for the last webhook, open and closed ones each.
pub(super) const RECENT: usize = 1000;

/// How much work and trouble a store has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Open events; a run is none, it is work of our own.
    pub waiting: u64,
    /// When the oldest of them was received.
    pub oldest: Option<Timestamp>,
    /// Events set aside.
    pub set_aside: u64,
    /// When the newest webhook was received, among the newest events: a store that is only polled has
    /// any number of others.
    pub last_webhook: Option<Timestamp>,
}
