//! Writing and closing events.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::failure::failed;
use crate::domain::{Position, StoreId};
use crate::ledger::{DeliveryKey, Journaled, LedgerError, NewEvent, Written};

/// Rows of one multi-row statement, largest first: few shapes, so that each stays prepared.
const CHUNKS: [usize; 4] = [64, 16, 4, 1];

/// Bodies longer than this are packed if that makes them smaller.
const PACK_FROM: usize = 512;
const RAW: u8 = 0;
const LZ4: u8 = 1;

/// A body as it is kept: a byte that tells how, then the bytes.
pub(super) fn pack(body: &[u8]) -> Vec<u8> {
    if body.len() >= PACK_FROM {
        let packed = lz4_flex::block::compress_prepend_size(body);
        if packed.len() < body.len() {
            return [&[LZ4], packed.as_slice()].concat();
        }
    }
    [&[RAW], body].concat()
}

/// The body that [`pack`] made.
pub(super) fn unpack(kept: &[u8]) -> Result<Vec<u8>, LedgerError> {
    match kept.split_first() {
        Some((&RAW, body)) => Ok(body.to_vec()),
        Some((&LZ4, packed)) => lz4_flex::block::decompress_size_prepended(packed)
            .map_err(|error| LedgerError::Corrupt(format!("a body: {error}"))),
        _ => Err(LedgerError::Corrupt("a body of an unknown kind".to_owned())),
    }
}

/// Journals deliveries. One that is known, from the inbox, the history or this very batch, only
/// counts up (R10).
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    position: &mut i64,
    events: &[&NewEvent],
) -> Result<Vec<Written>, LedgerError> {
    let mut known: HashMap<(StoreId, DeliveryKey), Position> = HashMap::new();
    for chunk in chunks(events) {
        // A delivery without an id has a key of its own and cannot be known.
        let keyed: Vec<_> = chunk.iter().filter(|event| event.delivery_id.is_some()).collect();
        known.extend(find(connection, "inbox", &keyed).await?);
        known.extend(find(connection, "event", &keyed).await?);
    }
    let mut written = Vec::with_capacity(events.len());
    let mut fresh = Vec::with_capacity(events.len());
    for event in events {
        let key = (event.store, event.key);
        if let Some(at) = known.get(&key) {
            count_duplicate(connection, event.store, event.key).await?;
            written.push(Written::Journaled(Journaled { position: *at, duplicate: true }));
            continue;
        }
        *position += 1;
        let at = Position(*position);
        known.insert(key, at);
        fresh.push((at, *event));
        written.push(Written::Journaled(Journaled { position: at, duplicate: false }));
        // A repetition later in this batch must find the row that it counts up.
        if fresh.len() == CHUNKS[0] {
            store(connection, &fresh).await?;
            fresh.clear();
        }
        let repeated = events.iter().filter(|other| other.key == event.key).count() > 1;
        if repeated && !fresh.is_empty() {
            store(connection, &fresh).await?;
            fresh.clear();
        }
    }
    store(connection, &fresh).await?;
    Ok(written)
}

/// Writes events that are known to be new.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    events: &[(Position, &NewEvent)],
) -> Result<(), LedgerError> {
    for chunk in chunks(events) {
        let mut inbox: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO inbox (store_id, key, position, account_id, topic, source, delivery_id, \
             cart_order_id, received_at, triggered_at, person) ",
        );
        inbox.push_values(chunk, |mut row, (at, event)| {
            row.push_bind(event.store.0)
                .push_bind(event.key.0.to_vec())
                .push_bind(at.0)
                .push_bind(event.account.0)
                .push_bind(event.topic.as_str())
                .push_bind(event.source.as_str())
                .push_bind(event.delivery_id.as_deref())
                .push_bind(event.cart_order_id.as_ref().map(|id| id.0.as_str()))
                .push_bind(event.received_at.0)
                .push_bind(event.triggered_at.map(|at| at.0))
                .push_bind(event.by.as_deref());
        });
        inbox.build().execute(&mut *connection).await.map_err(failed)?;
        let mut bodies: QueryBuilder<Sqlite> =
            QueryBuilder::new("INSERT INTO body (position, store_id, bytes) ");
        bodies.push_values(chunk, |mut row, (at, event)| {
            row.push_bind(at.0).push_bind(event.store.0).push_bind(pack(&event.body));
        });
        bodies.build().execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

/// Which of the deliveries a table knows.
async fn find(
    connection: &mut SqliteConnection,
    table: &'static str,
    events: &[&&NewEvent],
) -> Result<Vec<((StoreId, DeliveryKey), Position)>, LedgerError> {
    let mut found = Vec::new();
    for chunk in chunks(events) {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT store_id, key, position FROM ");
        query.push(table);
        query.push(" WHERE (store_id, key) IN (VALUES ");
        let mut rows = query.separated(", ");
        for event in chunk {
            rows.push("(");
            rows.push_bind_unseparated(event.store.0);
            rows.push_unseparated(", ");
            rows.push_bind_unseparated(event.key.0.to_vec());
            rows.push_unseparated(")");
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await.map_err(failed)? {
            let key: Vec<u8> = row.try_get(1).map_err(failed)?;
            let key = <[u8; 16]>::try_from(key.as_slice())
                .map_err(|_| LedgerError::Corrupt("a delivery key".to_owned()))?;
            let store = StoreId(row.try_get(0).map_err(failed)?);
            found.push(((store, DeliveryKey(key)), Position(row.try_get(2).map_err(failed)?)));
        }
    }
    Ok(found)
}

async fn count_duplicate(
    connection: &mut SqliteConnection,
    store: StoreId,
    key: DeliveryKey,
) -> Result<(), LedgerError> {
    for sql in [
        "UPDATE inbox SET duplicates = duplicates + 1 WHERE store_id = ? AND key = ?",
        "UPDATE event SET duplicates = duplicates + 1 WHERE store_id = ? AND key = ?",
    ] {
        let counted = sqlx::query(sql)
            .bind(store.0)
            .bind(key.0.to_vec())
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        if counted.rows_affected() > 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Counts a single try of an open event.
pub(super) async fn count_try(
    connection: &mut SqliteConnection,
    store: StoreId,
    position: Position,
) -> Result<Written, LedgerError> {
    let row = sqlx::query(
        "UPDATE inbox SET tries = tries + 1 WHERE store_id = ? AND position = ? RETURNING tries",
    )
    .bind(store.0)
    .bind(position.0)
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed)?;
    let tries: i64 = row.map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
    Ok(Written::Tries(u32::try_from(tries).unwrap_or(u32::MAX)))
}

/// Cuts rows into chunks of few sizes.
pub(super) fn chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= rest.len())?;
        let (chunk, after) = rest.split_at(size);
        rest = after;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_as_they_were() {
        for body in [&b""[..], b"{}", &[7; 511], &b"{\"order\":1}".repeat(500), &[0xff; 4096]] {
            assert_eq!(unpack(&pack(body)).unwrap(), body);
        }
        let random: Vec<u8> = (0..4096).map(|_| rand::random()).collect();
        assert_eq!(unpack(&pack(&random)).unwrap(), random);
        assert!(unpack(&[]).is_err() && unpack(&[9, 1]).is_err() && unpack(&[LZ4, 1, 2]).is_err());
    }

    #[test]
    fn chunks_have_few_sizes_and_leave_nothing_out() {
        let rows: Vec<u32> = (0..93).collect();
        let sizes: Vec<usize> = chunks(&rows).map(<[u32]>::len).collect();
        assert_eq!(sizes, [64, 16, 4, 4, 4, 1]);
        assert_eq!(chunks(&rows).flatten().count(), 93);
    }
}
