//! Writing and closing events.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::failure::failed;
use crate::domain::{Position, StoreId};
use crate::ledger::{Body, DeliveryKey, Journaled, LedgerError, NewEvent, Written};

/// Rows of one multi-row statement, largest first: few shapes, so that each stays prepared.
const CHUNKS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// A row of the inbox to be written.
pub(super) struct Fresh<'a> {
    pub(super) position: Position,
    pub(super) event: &'a NewEvent,
    /// Repetitions in the batch that brings it.
    pub(super) duplicates: i64,
}

/// Journals deliveries. One that is known, from the inbox, the history or this very batch, only
/// counts up (R10).
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    position: &mut i64,
    events: &[&NewEvent],
) -> Result<Vec<Written>, LedgerError> {
    let stored = find(connection, events).await?;
    let mut written = Vec::with_capacity(events.len());
    let mut fresh: Vec<Fresh<'_>> = Vec::with_capacity(events.len());
    let mut places = HashMap::with_capacity(events.len());
    for event in events {
        let key = (event.store, event.key);
        let journaled = if let Some(at) = stored.get(&key) {
            count_duplicate(connection, event.store, event.key).await?;
            Journaled { position: *at, duplicate: true }
        } else if let Some(row) = places.get(&key).and_then(|place: &usize| fresh.get_mut(*place)) {
            row.duplicates += 1;
            Journaled { position: row.position, duplicate: true }
        } else {
            *position += 1;
            places.insert(key, fresh.len());
            fresh.push(Fresh { position: Position(*position), event, duplicates: 0 });
            Journaled { position: Position(*position), duplicate: false }
        };
        written.push(Written::Journaled(journaled));
    }
    store(connection, &fresh).await?;
    Ok(written)
}

/// Writes events that are known to be new.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    events: &[Fresh<'_>],
) -> Result<(), LedgerError> {
    for rows in padded(events) {
        let bodies =
            rows.clone().map(|row| row.map(|row| (row.position, row.event.store, &row.event.body)));
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO inbox (store_id, key, position, account_id, topic, source, delivery_id, \
             duplicates, cart_order_id, received_at, triggered_at, person) SELECT * FROM (",
        );
        query.push_values(rows, |mut row, fresh| {
            let event = fresh.map(|fresh| fresh.event);
            row.push_bind(event.map(|event| event.store.0))
                .push_bind(event.map(|event| event.key.0.as_slice()))
                .push_bind(fresh.map(|fresh| fresh.position.0))
                .push_bind(event.map(|event| event.account.0))
                .push_bind(event.map(|event| event.topic.as_str()))
                .push_bind(event.map(|event| event.source.as_str()))
                .push_bind(event.and_then(|event| event.delivery_id.as_deref()))
                .push_bind(fresh.map(|fresh| fresh.duplicates))
                .push_bind(event.and_then(|event| Some(event.cart_order_id.as_ref()?.0.as_str())))
                .push_bind(event.map(|event| event.received_at.0))
                .push_bind(event.and_then(|event| Some(event.triggered_at?.0)))
                .push_bind(event.and_then(|event| event.by.as_deref()));
        });
        // One message to the connection's thread for both tables.
        query.push(") WHERE column1 IS NOT NULL; ");
        push_bodies(&mut query, bodies);
        query.build().execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

/// Writes bodies of events that are closed already.
pub(super) async fn store_bodies(
    connection: &mut SqliteConnection,
    bodies: &[(Position, StoreId, &Body)],
) -> Result<(), LedgerError> {
    for rows in padded(bodies) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("");
        push_bodies(&mut query, rows.map(Option::<&_>::copied));
        query.build().execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

fn push_bodies<'a>(
    query: &mut QueryBuilder<Sqlite>,
    rows: impl Iterator<Item = Option<(Position, StoreId, &'a Body)>>,
) {
    query.push("INSERT INTO body (position, store_id, bytes) SELECT * FROM (");
    query.push_values(rows, |mut row, body| {
        row.push_bind(body.map(|(position, ..)| position.0))
            .push_bind(body.map(|(_, store, _)| store.0))
            .push_bind(body.map(|(.., body)| body.kept()));
    });
    query.push(") WHERE column1 IS NOT NULL");
}

/// Which of the deliveries are known, open or closed.
async fn find(
    connection: &mut SqliteConnection,
    events: &[&NewEvent],
) -> Result<HashMap<(StoreId, DeliveryKey), Position>, LedgerError> {
    let mut found = HashMap::new();
    for list in lists(events) {
        for row in
            find_query(list.copied()).build().fetch_all(&mut *connection).await.map_err(failed)?
        {
            let key: &[u8] = row.try_get(1).map_err(failed)?;
            let key = <[u8; 16]>::try_from(key)
                .map_err(|_| LedgerError::Corrupt("a delivery key".to_owned()))?;
            let store = StoreId(row.try_get(0).map_err(failed)?);
            found.insert((store, DeliveryKey(key)), Position(row.try_get(2).map_err(failed)?));
        }
    }
    Ok(found)
}

/// One seek in each table for each key; `CROSS JOIN` keeps that order.
pub(super) fn find_query<'a>(events: impl Iterator<Item = &'a NewEvent>) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("WITH k (store_id, key) AS (");
    query.push_values(events, |mut row, event| {
        row.push_bind(event.store.0).push_bind(event.key.0.to_vec());
    });
    query.push(
        ") SELECT i.store_id, i.key, i.position FROM k CROSS JOIN inbox i \
         ON i.store_id = k.store_id AND i.key = k.key \
         UNION ALL SELECT e.store_id, e.key, e.position FROM k CROSS JOIN event e \
         ON e.store_id = k.store_id AND e.key = k.key",
    );
    query
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
            .bind(key.0.as_slice())
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

/// Cuts keys to look up into lists of few sizes. The last one is filled up with repetitions of its
/// last key, which find nothing more: one statement then does where [`chunks`] needs several.
pub(super) fn lists<T>(keys: &[T]) -> impl Iterator<Item = impl Iterator<Item = &T>> {
    keys.chunks(CHUNKS[0]).map(|some| {
        let fits = CHUNKS.into_iter().rev().find(|size| *size >= some.len());
        let filling =
            std::iter::repeat_n(some.last(), fits.unwrap_or(0).saturating_sub(some.len()));
        some.iter().chain(filling.flatten())
    })
}

/// Cuts rows to be written into chunks of few sizes, the last one filled up with empty rows: one
/// statement then does where [`chunks`] needs several. The statement has to leave those out.
fn padded<T>(rows: &[T]) -> impl Iterator<Item = impl Iterator<Item = Option<&T>> + Clone> {
    rows.chunks(CHUNKS[0]).map(|some| {
        let fits = CHUNKS.into_iter().rev().find(|size| *size >= some.len()).unwrap_or(0);
        some.iter().map(Some).chain(std::iter::repeat_n(None, fits.saturating_sub(some.len())))
    })
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
    fn lists_have_few_sizes_and_repeat_only_their_last_key() {
        let keys: Vec<u32> = (0..93).collect();
        let lists: Vec<Vec<u32>> = lists(&keys).map(|list| list.copied().collect()).collect();
        assert_eq!(lists.iter().map(Vec::len).collect::<Vec<_>>(), [64, 32]);
        assert_eq!(lists[1][..29], keys[64..]);
        assert_eq!(lists[1][29..], [92; 3]);
        assert_eq!(super::lists(&[0_u32; 0]).count(), 0);
    }

    #[test]
    fn padded_chunks_have_few_sizes_and_leave_nothing_out() {
        let rows: Vec<u32> = (0..93).collect();
        let sizes: Vec<usize> = padded(&rows).map(Iterator::count).collect();
        assert_eq!(sizes, [64, 32]);
        assert!(padded(&rows).flatten().flatten().eq(&rows));
        assert_eq!(padded(&[0_u32; 0]).count(), 0);
    }

    #[test]
    fn chunks_have_few_sizes_and_leave_nothing_out() {
        let rows: Vec<u32> = (0..93).collect();
        let sizes: Vec<usize> = chunks(&rows).map(<[u32]>::len).collect();
        assert_eq!(sizes, [64, 16, 8, 4, 1]);
        assert_eq!(chunks(&rows).flatten().count(), 93);
    }
}
