//! Events as the store actor, the sweep and people read them.

use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool};

use super::failure::failed;
use super::journal::unpack;
use super::row::{CLOSED, OPEN, corrupt, count, event, get};
use crate::domain::{CartOrderId, EventState, Position, Source, StoreId, Timestamp};
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
    let rows = sqlx::query(
        "SELECT i.position, i.topic, i.source, i.cart_order_id, i.received_at, i.attempts, i.next_at, \
         i.tries, i.person, b.bytes FROM inbox i LEFT JOIN body b ON b.position = i.position \
         WHERE i.store_id = ? AND i.position > ? ORDER BY i.position LIMIT ?",
    )
    .bind(store.0)
    .bind(after.0)
    .bind(limit as i64)
    .fetch_all(pool)
    .await
    .map_err(failed)?;
    let mut events = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for row in &rows {
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

/// Jumps from store to store: one look-up each, however long a store's backlog is.
pub(super) async fn backlogs(
    pool: &SqlitePool,
    after: StoreId,
    limit: usize,
) -> Result<Vec<StoreBacklog>, LedgerError> {
    let rows = sqlx::query(
        "WITH RECURSIVE s (id) AS (\
           SELECT min(store_id) FROM inbox WHERE store_id > ?1 \
           UNION ALL \
           SELECT (SELECT min(store_id) FROM inbox WHERE store_id > s.id) FROM s WHERE s.id IS NOT NULL \
           LIMIT ?2) \
         SELECT s.id, (SELECT coalesce(i.next_at, i.received_at) FROM inbox i WHERE i.store_id = s.id \
           ORDER BY i.position LIMIT 1) AS first, \
           (SELECT count(*) FROM (SELECT 1 FROM inbox i WHERE i.store_id = s.id LIMIT 2)) AS several \
         FROM s WHERE s.id IS NOT NULL",
    )
    .bind(after.0)
    .bind(limit as i64)
    .fetch_all(pool)
    .await
    .map_err(failed)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let store = StoreId(row.try_get(0).map_err(failed)?);
        let mut due = Timestamp(row.try_get(1).map_err(failed)?);
        if row.try_get::<i64, _>(2).map_err(failed)? > 1 {
            due = due.min(earliest(pool, store).await?.unwrap_or(due));
        }
        found.push(StoreBacklog { store, due });
    }
    Ok(found)
}

async fn earliest(pool: &SqlitePool, store: StoreId) -> Result<Option<Timestamp>, LedgerError> {
    let row = sqlx::query("SELECT min(coalesce(next_at, received_at)) FROM inbox WHERE store_id = ?")
        .bind(store.0)
        .fetch_one(pool)
        .await
        .map_err(failed)?;
    Ok(row.try_get::<Option<i64>, _>(0).map_err(failed)?.map(Timestamp))
}

/// A page over open and closed events: each half is an index range, merged by position.
pub(super) async fn page(
    pool: &SqlitePool,
    filter: &EventFilter,
) -> Result<Page<EventRow>, LedgerError> {
    let wanted = filter.limit + 1;
    let mut events = Vec::new();
    if filter.state.is_none_or(EventState::is_open) {
        events.extend(half(pool, filter, OPEN, "inbox", wanted).await?);
    }
    if filter.state.is_none_or(|state| !state.is_open()) {
        events.extend(half(pool, filter, CLOSED, "event", wanted).await?);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.position));
    let more = events.len() > filter.limit;
    events.truncate(filter.limit);
    Ok(Page { rows: events, more })
}

async fn half(
    pool: &SqlitePool,
    filter: &EventFilter,
    columns: &'static str,
    table: &'static str,
    limit: usize,
) -> Result<Vec<EventRow>, LedgerError> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
    query.push(columns).push(" FROM ").push(table).push(" WHERE account_id = ");
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
    if let Some(topic) = &filter.topic {
        query.push(" AND topic = ").push_bind(topic.clone());
    }
    if let Some(id) = &filter.cart_order_id {
        query.push(" AND cart_order_id = ").push_bind(id.0.clone());
        if filter.store.is_none() {
            query.push(" AND store_id IN (SELECT id FROM store WHERE account_id = ");
            query.push_bind(filter.account.0).push(")");
        }
    }
    if let Some(after) = &filter.after {
        query.push(" AND position < ").push_bind(after.before.0);
    }
    query.push(" ORDER BY position DESC LIMIT ").push_bind(limit as i64);
    let rows = query.build().fetch_all(pool).await.map_err(failed)?;
    rows.iter().map(event).collect()
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
    // Closed first: an event that closes between the two reads is then found in the second round.
    for _ in 0..2 {
        for (columns, table) in [(CLOSED, "event"), (OPEN, "inbox")] {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
            query.push(columns).push(" FROM ").push(table).push(" WHERE store_id = ");
            query.push_bind(store).push(" AND position = ").push_bind(position.0);
            if let Some(row) = query.build().fetch_optional(pool).await.map_err(failed)? {
                return Ok(Some((event(&row)?, bytes)));
            }
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

pub(super) async fn backlog(pool: &SqlitePool, store: StoreId) -> Result<Backlog, LedgerError> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM inbox WHERE store_id = ?1) AS waiting, \
         (SELECT received_at FROM inbox WHERE store_id = ?1 ORDER BY position LIMIT 1) AS oldest, \
         (SELECT count(*) FROM event WHERE store_id = ?1 AND state = 'set_aside') AS set_aside, \
         (SELECT received_at FROM inbox WHERE store_id = ?1 ORDER BY position DESC LIMIT 1) AS newest, \
         (SELECT received_at FROM event WHERE store_id = ?1 ORDER BY position DESC LIMIT 1) AS last",
    )
    .bind(store.0)
    .fetch_one(pool)
    .await
    .map_err(failed)?;
    let at = |name| get::<Option<i64>>(&row, name).map(|at| at.map(Timestamp));
    Ok(Backlog {
        waiting: get::<i64>(&row, "waiting")? as u64,
        oldest: at("oldest")?,
        set_aside: get::<i64>(&row, "set_aside")? as u64,
        last_event: at("newest")?.max(at("last")?),
    })
}
