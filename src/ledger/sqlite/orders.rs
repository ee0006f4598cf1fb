//! Orders and their timelines as actors, people and tools read them.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::failure::failed;
use super::journal::lists;
use super::row::{ORDER, corrupt, get, order};
use crate::domain::{CartOrderId, Kind, Order, OrderId, Position, StoreId, Timestamp};
use crate::ledger::term::term;
use crate::ledger::{LedgerError, OrderFilter, OrderSort, Page, TimelineRow};

pub(super) async fn by_ids(
    pool: &SqlitePool,
    store: StoreId,
    ids: &[CartOrderId],
) -> Result<Vec<Order>, LedgerError> {
    let mut orders = Vec::with_capacity(ids.len());
    for some in lists(ids) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
        query.push(ORDER).push(" FROM orders o WHERE o.store_id = ").push_bind(store.0);
        query.push(" AND o.cart_order_id IN (");
        let mut list = query.separated(", ");
        for id in some {
            list.push_bind(id.0.as_str());
        }
        query.push(")");
        for row in query.build().fetch_all(pool).await.map_err(failed)? {
            orders.push(order(&row)?);
        }
    }
    Ok(orders)
}

pub(super) async fn held_by(
    pool: &SqlitePool,
    stores: &[StoreId],
    ids: &[CartOrderId],
) -> Result<Vec<CartOrderId>, LedgerError> {
    let mut held = BTreeSet::new();
    for others in stores.chunks(100) {
        for some in lists(ids) {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("SELECT cart_order_id FROM orders WHERE store_id IN (");
            let mut list = query.separated(", ");
            for store in others {
                list.push_bind(store.0);
            }
            query.push(") AND cart_order_id IN (");
            let mut list = query.separated(", ");
            for id in some {
                list.push_bind(id.0.as_str());
            }
            query.push(")");
            for row in query.build().fetch_all(pool).await.map_err(failed)? {
                held.insert(CartOrderId(get(&row, "cart_order_id")?));
            }
        }
    }
    Ok(held.into_iter().collect())
}

pub(super) async fn page(
    pool: &SqlitePool,
    filter: &OrderFilter,
) -> Result<Page<Order>, LedgerError> {
    let rows = page_query(filter).build().fetch_all(pool).await.map_err(failed)?;
    let orders = rows.iter().map(order).collect::<Result<_, _>>()?;
    Ok(Page::of(orders, filter.limit))
}

/// Where a page is read from. Every index yields its rows in the list's order, so a page reads
/// little more than itself; only what a term finds is sorted, and that is few.
enum Path {
    /// The orders that a term finds.
    Term(String),
    /// A range of one index, named so that no statistics can talk SQLite out of it.
    Index(&'static str),
}

const ORDER_CHANGED: &str = "order_changed";
const ORDER_TO_REVIEW: &str = "order_to_review";

fn path(filter: &OrderFilter) -> Path {
    match filter {
        OrderFilter { q: Some(q), .. } => Path::Term(term(q)),
        OrderFilter { cart_order_id: Some(_), store: Some(_), .. } => Path::Index("order_identity"),
        // The cart's id is one of an order's terms: no need to ask store by store.
        OrderFilter { cart_order_id: Some(id), .. } => Path::Term(term(&id.0)),
        OrderFilter { sort: OrderSort::OldestChangeFirst, .. } => Path::Index(ORDER_CHANGED),
        OrderFilter { has_revision: Some(true), .. } => Path::Index(ORDER_TO_REVIEW),
        OrderFilter { store: Some(_), .. } => Path::Index("order_of_store"),
        OrderFilter { flag: Some(_), .. } => Path::Index("order_flagged"),
        OrderFilter { status: Some(_), .. } => Path::Index("order_by_status"),
        _ => Path::Index("order_in_book"),
    }
}

pub(super) fn page_query(filter: &OrderFilter) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
    query.push(ORDER);
    let path = path(filter);
    match &path {
        Path::Term(term) => {
            query.push(
                " FROM order_term t CROSS JOIN orders o ON o.store_id = t.store_id \
                 AND o.cart_order_id = t.cart_order_id WHERE t.account_id = ",
            );
            query.push_bind(filter.account.0).push(" AND t.term = ").push_bind(term.clone());
            query.push(" AND o.account_id = ").push_bind(filter.account.0);
        }
        Path::Index(index) => {
            query.push(" FROM orders o INDEXED BY ").push(*index);
            query.push(" WHERE o.account_id = ").push_bind(filter.account.0);
        }
    }
    if let Some(store) = filter.store {
        // The plus: as a mere filter it does not spoil the order of an index that begins otherwise.
        let mere = matches!(path, Path::Index(ORDER_CHANGED | ORDER_TO_REVIEW));
        query.push(if mere { " AND +o.store_id = " } else { " AND o.store_id = " });
        query.push_bind(store.0);
    }
    if let Some(id) = &filter.cart_order_id {
        query.push(" AND o.cart_order_id = ").push_bind(id.0.clone());
    }
    match filter.status {
        Some(status) => {
            query.push(" AND o.status = ").push_bind(status.as_str());
        }
        // Held-back orders are left out unless something asks for them (R13).
        None if filter.cart_order_id.is_none() && filter.q.is_none() => {
            query.push(" AND o.status <> 'held_back'");
        }
        None => {}
    }
    if let Some(flag) = filter.flag {
        query.push(" AND o.flags <> 0 AND o.flags & ").push_bind(i64::from(flag as u32));
        query.push(" <> 0");
    }
    match filter.has_revision {
        Some(true) => {
            query.push(" AND o.revision_since IS NOT NULL");
        }
        Some(false) => {
            query.push(" AND o.revision_since IS NULL");
        }
        None => {}
    }
    if let Some(after) = filter.updated_after {
        query.push(" AND o.updated_at > ").push_bind(after.0);
    }
    let (column, beyond, direction) = match filter.sort {
        OrderSort::NewestFirst => ("o.created_at", "<", "DESC"),
        OrderSort::OldestChangeFirst => ("o.updated_at", ">", "ASC"),
    };
    if let Some(after) = &filter.after {
        query.push(" AND (").push(column).push(", o.store_id, o.cart_order_id) ").push(beyond);
        query.push(" (").push_bind(after.at.0).push(", ").push_bind(after.store.0);
        query.push(", ").push_bind(after.cart_order_id.0.clone()).push(")");
    }
    query.push(" ORDER BY ").push(column).push(" ").push(direction);
    query.push(", o.store_id ").push(direction).push(", o.cart_order_id ").push(direction);
    query.push(" LIMIT ").push_bind(filter.limit as i64 + 1);
    query
}

pub(super) async fn timeline(
    pool: &SqlitePool,
    id: &OrderId,
) -> Result<Vec<TimelineRow>, LedgerError> {
    let rows = sqlx::query(
        "SELECT at, kind, event, who, rule, details FROM timeline \
         WHERE store_id = ? AND cart_order_id = ? ORDER BY id",
    )
    .bind(id.store.0)
    .bind(id.cart.0.as_str())
    .fetch_all(pool)
    .await
    .map_err(failed)?;
    rows.iter()
        .map(|row| {
            let (kind, details): (String, String) = (get(row, "kind")?, get(row, "details")?);
            Ok(TimelineRow {
                at: Timestamp(get(row, "at")?),
                kind: Kind::parse(&kind).ok_or_else(|| corrupt("an entry", kind))?,
                event: Position(get(row, "event")?),
                by: get(row, "who")?,
                rule: get(row, "rule")?,
                details: serde_json::from_str(&details).map_err(|e| corrupt("an entry", e))?,
            })
        })
        .collect()
}
