//! Events as the store actor, the sweep and people read them.

use std::cmp::Reverse;

use futures_util::TryStreamExt;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::failure::failed;
use super::row::{CLOSED, OPEN, corrupt, count, event, get};
use crate::domain::{CartOrderId, EventState, Position, Source, StoreId, Timestamp};
use crate::ledger::body::unpack;
use crate::ledger::query::RECENT;
use crate::ledger::{
    Backlog, DeliveryKey, EventFilter, EventRow, LedgerError, OpenEvent, Page, StoreBacklog,
};

pub(super) async fn open(
    pool: &SqlitePool,
    store: StoreId,
    after: Position,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<OpenEvent>, LedgerError> {
    let mut rows =
        sqlx::query(OPEN_EVENTS).bind(store.0).bind(after.0).bind(limit as i64).fetch(pool);
    let mut events = Vec::new();
    let mut bytes = 0;
    // One by one, so that what does not fit is not held in memory either.
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let row = &row;
        let source: String = get(row, "source")?;
        let body: Option<Vec<u8>> = get(row, "bytes")?;
        let body = body.map_or(Ok(Vec::new()), |kept| unpack(&kept))?;
        if bytes + body.len() > max_bytes && !events.is_empty() {
            break;
        }
        bytes += body.len();
        events.push(OpenEvent {
            position: Position(get(row, "position")?),
            topic: get(row, "topic")?,
            source: Source::parse(&source).ok_or_else(|| corrupt("a source", source))?,
            cart_order_id: get::<Option<String>>(row, "cart_order_id")?.map(CartOrderId),
            received_at: Timestamp(get(row, "received_at")?),
            attempts: count(get(row, "attempts")?),
            next_at: get::<Option<i64>>(row, "next_at")?.map(Timestamp),
            tries: count(get(row, "tries")?),
            by: get(row, "person")?,
            body,
        });
    }
    Ok(events)
}

pub(super) const OPEN_EVENTS: &str = "SELECT i.position, i.topic, i.source, i.cart_order_id, i.received_at, i.attempts, i.next_at, \
     i.tries, i.person, b.bytes FROM inbox i LEFT JOIN body b ON b.position = i.position \
     WHERE i.store_id = ? AND i.position > ? ORDER BY i.position LIMIT ?";

pub(super) async fn backlogs(
    pool: &SqlitePool,
    after: StoreId,
    limit: usize,
) -> Result<Vec<StoreBacklog>, LedgerError> {
    let rows = sqlx::query(BACKLOGS)
        .bind(after.0)
        .bind(limit as i64)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    rows.iter()
        .map(|row| {
            let due: [Option<i64>; 2] = [get(row, "retry")?, get(row, "waiting")?];
            // One snapshot: a store that has open events has one that is due.
            let due = due.into_iter().flatten().min();
            let due = due.ok_or_else(|| corrupt("a backlog", "nothing is due"))?;
            Ok(StoreBacklog { store: StoreId(get(row, "id")?), due: Timestamp(due) })
        })
        .collect()
}

/// Jumps from store to store, a few look-ups each, however long a store's backlog is: only retries
/// that stand before the first waiting event are walked over.
pub(super) const BACKLOGS: &str = "WITH RECURSIVE s (id) AS (\
       SELECT min(store_id) FROM inbox WHERE store_id > ?1 \
       UNION ALL \
       SELECT (SELECT min(store_id) FROM inbox WHERE store_id > s.id) FROM s WHERE s.id IS NOT NULL \
       LIMIT ?2) \
     SELECT s.id AS id, \
       (SELECT min(next_at) FROM inbox INDEXED BY inbox_due \
         WHERE store_id = s.id AND next_at IS NOT NULL) AS retry, \
       (SELECT received_at FROM inbox INDEXED BY inbox_by_position \
         WHERE store_id = s.id AND next_at IS NULL ORDER BY position LIMIT 1) AS waiting \
     FROM s WHERE s.id IS NOT NULL";

/// A page over open and closed events: each half is an index range, merged by position.
pub(super) async fn page(
    pool: &SqlitePool,
    filter: &EventFilter,
) -> Result<Page<EventRow>, LedgerError> {
    // The open ones first: an event that closes meanwhile is then seen twice, not missed.
    let mut events = Vec::new();
    if filter.state.is_none_or(EventState::is_open) {
        events.extend(half(pool, filter, OPEN, "inbox").await?);
    }
    if filter.state.is_none_or(|state| !state.is_open()) {
        events.extend(half(pool, filter, CLOSED, "event").await?);
    }
    events.sort_by_key(|event| Reverse((event.position, event.done_at)));
    events.dedup_by_key(|event| event.position);
    Ok(Page::of(events, filter.limit))
}

async fn half(
    pool: &SqlitePool,
    filter: &EventFilter,
    columns: &'static str,
    table: &'static str,
) -> Result<Vec<EventRow>, LedgerError> {
    let mut query = half_query(filter, columns, table);
    let rows = query.build().fetch_all(pool).await.map_err(failed)?;
    rows.iter().map(event).collect()
}

/// Open events of a whole account have no index: what is open is few, and an index would be paid
/// for by every acknowledged delivery.
pub(super) fn half_query(
    filter: &EventFilter,
    columns: &'static str,
    table: &'static str,
) -> QueryBuilder<Sqlite> {
    let closed = table == "event";
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
    query.push(columns).push(" FROM ").push(table);
    // Named, so that no statistics can talk SQLite out of it. A store's history is its table's key.
    if closed && filter.cart_order_id.is_some() {
        query.push(" INDEXED BY event_by_order");
    } else if closed && filter.state == Some(EventState::SetAside) {
        let of_store = filter.store.is_some();
        query.push(" INDEXED BY ");
        query.push(if of_store { "event_set_aside_by_store" } else { "event_set_aside" });
    } else if closed && filter.store.is_none() {
        query.push(" INDEXED BY event_recent");
    }
    // The plus keeps the account's indexes out where the store's are meant.
    let by_account = !closed || filter.store.is_none() || filter.cart_order_id.is_some();
    query.push(if by_account { " WHERE account_id = " } else { " WHERE +account_id = " });
    query.push_bind(filter.account.0);
    if let Some(store) = filter.store {
        query.push(" AND store_id = ").push_bind(store.0);
    }
    match filter.state {
        Some(EventState::Waiting) => {
            query.push(" AND next_at IS NULL");
        }
        Some(EventState::Retrying) => {
            query.push(" AND next_at IS NOT NULL");
        }
        // Spelt out, so that the partial index is seen to fit.
        Some(EventState::SetAside) => {
            query.push(" AND state = 'set_aside'");
        }
        Some(state) => {
            query.push(" AND state = ").push_bind(state.as_str());
        }
        None => {}
    }
    if !filter.topics.is_empty() {
        query.push(" AND topic IN (");
        let mut list = query.separated(", ");
        for topic in &filter.topics {
            list.push_bind(topic.clone());
        }
        query.push(")");
    }
    if let Some(id) = &filter.cart_order_id {
        query.push(" AND cart_order_id = ").push_bind(id.0.clone());
    }
    if let Some(after) = &filter.after {
        query.push(" AND position < ").push_bind(after.before.0);
    }
    query.push(" ORDER BY position DESC LIMIT ").push_bind(filter.limit as i64 + 1);
    query
}

pub(super) async fn one(
    pool: &SqlitePool,
    position: Position,
) -> Result<Option<(EventRow, Vec<u8>)>, LedgerError> {
    let body = sqlx::query("SELECT store_id, bytes FROM body WHERE position = ?")
        .bind(position.0)
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    let Some(body) = body else { return Ok(None) };
    let store: i64 = get(&body, "store_id")?;
    let bytes = unpack(&get::<Vec<u8>>(&body, "bytes")?)?;
    // The open ones first: an event that closes meanwhile is then found among the closed.
    for (columns, table) in [(OPEN, "inbox"), (CLOSED, "event")] {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
        query.push(columns).push(" FROM ").push(table).push(" WHERE store_id = ");
        query.push_bind(store).push(" AND position = ").push_bind(position.0);
        if let Some(row) = query.build().fetch_optional(pool).await.map_err(failed)? {
            return Ok(Some((event(&row)?, bytes)));
        }
    }
    Ok(None)
}

pub(super) async fn by_key(
    pool: &SqlitePool,
    store: StoreId,
    key: DeliveryKey,
) -> Result<Option<EventRow>, LedgerError> {
    for (columns, table) in [(OPEN, "inbox"), (CLOSED, "event")] {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
        query.push(columns).push(" FROM ").push(table).push(" WHERE store_id = ");
        query.push_bind(store.0).push(" AND key = ").push_bind(key.0.to_vec());
        if let Some(row) = query.build().fetch_optional(pool).await.map_err(failed)? {
            return event(&row).map(Some);
        }
    }
    Ok(None)
}

pub(super) const BACKLOG: &str = "SELECT (SELECT count(*) FROM inbox \
       WHERE store_id = ?1 AND NOT (topic = 'import_orders' AND source <> 'webhook')) AS waiting, \
     (SELECT received_at FROM inbox \
       WHERE store_id = ?1 AND NOT (topic = 'import_orders' AND source <> 'webhook') \
       ORDER BY position LIMIT 1) AS oldest, \
     (SELECT count(*) FROM event WHERE store_id = ?1 AND state = 'set_aside') AS set_aside, \
     (SELECT max(received_at) FROM (SELECT source, received_at FROM inbox \
       WHERE store_id = ?1 ORDER BY position DESC LIMIT ?2) WHERE source = 'webhook') AS newest, \
     (SELECT max(received_at) FROM (SELECT source, received_at FROM event \
       WHERE store_id = ?1 ORDER BY position DESC LIMIT ?2) WHERE source = 'webhook') AS last";

pub(super) async fn backlog(pool: &SqlitePool, store: StoreId) -> Result<Backlog, LedgerError> {
    let query = sqlx::query(BACKLOG).bind(store.0).bind(RECENT as i64);
    let row = query.fetch_one(pool).await.map_err(failed)?;
    let at = |name| get::<Option<i64>>(&row, name).map(|at| at.map(Timestamp));
    Ok(Backlog {
        waiting: get::<i64>(&row, "waiting")? as u64,
        oldest: at("oldest")?,
        set_aside: get::<i64>(&row, "set_aside")? as u64,
        last_webhook: at("newest")?.max(at("last")?),
    })
}
