//! Rows to values, and what of an order is kept as one document.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::failure::failed;
use crate::domain::order::Guard;
use crate::domain::{
    AccountId, ArrivedBy, CartOrderId, CartSide, CartState, Content, EventState, Flags, HeldBack,
    Order, OrderId, Position, Source, Status, StoreId, Timestamp, Tracking,
};
use crate::ledger::{EventRow, LedgerError};

/// The part of an order that nobody searches by.
#[derive(Serialize, Deserialize)]
pub(super) struct OrderDoc {
    cart_number: String,
    cart_name: String,
    arrived_by: ArrivedBy,
    placed_at: Timestamp,
    content: Content,
    #[serde(default)]
    cart_side: CartSide,
    cart: CartState,
    guard: Guard,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracking: Option<Tracking>,
}

impl OrderDoc {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            cart_number: order.cart_number.clone(),
            cart_name: order.cart_name.clone(),
            arrived_by: order.arrived_by,
            placed_at: order.placed_at,
            content: order.content.clone(),
            cart_side: order.cart_side.clone(),
            cart: order.cart.clone(),
            guard: order.guard.clone(),
            tracking: order.tracking.clone(),
        }
    }
}

/// Columns that [`order`] reads.
pub(super) const ORDER: &str = "o.account_id, o.store_id, o.cart_order_id, o.number, o.status, \
                                o.held_back, o.flags, o.created_at, o.updated_at, o.row_version, o.doc";

pub(super) fn order(row: &SqliteRow) -> Result<Order, LedgerError> {
    let doc: String = get(row, "doc")?;
    let doc: OrderDoc = serde_json::from_str(&doc).map_err(|error| corrupt("an order", error))?;
    let status: String = get(row, "status")?;
    let held_back: Option<String> = get(row, "held_back")?;
    Ok(Order {
        id: OrderId::new(StoreId(get(row, "store_id")?), CartOrderId(get(row, "cart_order_id")?)),
        account: AccountId(get(row, "account_id")?),
        number: get(row, "number")?,
        cart_number: doc.cart_number,
        cart_name: doc.cart_name,
        status: Status::parse(&status).ok_or_else(|| corrupt("a status", status))?,
        held_back: held_back.as_deref().and_then(HeldBack::parse),
        arrived_by: doc.arrived_by,
        flags: Flags(u32::try_from(get::<i64>(row, "flags")?).unwrap_or(0)),
        placed_at: doc.placed_at,
        created_at: Timestamp(get(row, "created_at")?),
        updated_at: Timestamp(get(row, "updated_at")?),
        row_version: get::<i64>(row, "row_version")? as u64,
        content: doc.content,
        cart_side: doc.cart_side,
        cart: doc.cart,
        guard: doc.guard,
        tracking: doc.tracking,
    })
}

/// Columns of an open event, in the shape that [`event`] reads.
pub(super) const OPEN: &str = "store_id, position, account_id, topic, source, \
     CASE WHEN next_at IS NULL THEN 'waiting' ELSE 'retrying' END AS state, reason, delivery_id, \
     duplicates, cart_order_id, received_at, triggered_at, NULL AS done_at, attempts, next_at, \
     NULL AS rules_version, NULL AS build, person";

/// Columns of a closed event.
pub(super) const CLOSED: &str = "store_id, position, account_id, topic, source, state, reason, \
     delivery_id, duplicates, cart_order_id, received_at, triggered_at, done_at, attempts, \
     NULL AS next_at, rules_version, build, person";

pub(super) fn event(row: &SqliteRow) -> Result<EventRow, LedgerError> {
    let (source, state): (String, String) = (get(row, "source")?, get(row, "state")?);
    let at = |name| get::<Option<i64>>(row, name).map(|at| at.map(Timestamp));
    let rules_version: Option<i64> = get(row, "rules_version")?;
    Ok(EventRow {
        position: Position(get(row, "position")?),
        account: AccountId(get(row, "account_id")?),
        store: StoreId(get(row, "store_id")?),
        topic: get(row, "topic")?,
        source: Source::parse(&source).ok_or_else(|| corrupt("a source", source))?,
        state: EventState::parse(&state).ok_or_else(|| corrupt("a state", state))?,
        reason: get(row, "reason")?,
        delivery_id: get(row, "delivery_id")?,
        duplicates: count(get(row, "duplicates")?),
        cart_order_id: get::<Option<String>>(row, "cart_order_id")?.map(CartOrderId),
        received_at: Timestamp(get(row, "received_at")?),
        triggered_at: at("triggered_at")?,
        done_at: at("done_at")?,
        attempts: count(get(row, "attempts")?),
        next_at: at("next_at")?,
        rules_version: rules_version.map(count),
        build: get(row, "build")?,
        by: get(row, "person")?,
    })
}

pub(super) fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

pub(super) fn get<'r, T>(row: &'r SqliteRow, name: &str) -> Result<T, LedgerError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(name).map_err(failed)
}

/// A value that is kept as JSON.
pub(super) fn document(value: &impl serde::Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Rejected(error.to_string()))
}

pub(super) fn corrupt(what: &str, why: impl std::fmt::Display) -> LedgerError {
    LedgerError::Corrupt(format!("{what} cannot be read: {why}"))
}
