//! One turn of a store: checked first, then applied; a mismatch refuses it alone (I10).

use std::collections::{BTreeSet, HashMap};

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::failure::failed;
use super::journal::{self, chunks, pack};
use super::row::{self, OrderDoc};
use crate::domain::{CartOrderId, Position, Source};
use crate::ledger::{
    Cause, Commit, DeliveryKey, LedgerError, Mismatch, NewEvent, OrderWrite, Written,
};

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    position: &mut i64,
    commit: &Commit,
) -> Result<Written, LedgerError> {
    if let Some(mismatch) = check(connection, commit).await? {
        return Ok(Written::Refused(mismatch));
    }
    close(connection, commit).await?;
    retry(connection, commit).await?;
    let recorded = record(connection, position, commit).await?;
    request(connection, position, commit).await?;
    for write in &commit.orders {
        put_order(connection, commit, write).await?;
    }
    write_timeline(connection, commit, &recorded).await?;
    Ok(Written::Committed)
}

async fn check(
    connection: &mut SqliteConnection,
    commit: &Commit,
) -> Result<Option<Mismatch>, LedgerError> {
    let row = sqlx::query("SELECT epoch FROM store WHERE id = ?")
        .bind(commit.store.0)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    let epoch: Option<i64> = row.map(|row| row.try_get(0)).transpose().map_err(failed)?;
    if epoch != Some(commit.epoch) {
        return Ok(Some(Mismatch::Epoch));
    }
    let named: Vec<Position> = commit
        .closes
        .iter()
        .map(|close| close.position)
        .chain(commit.retries.iter().map(|retry| retry.position))
        .collect();
    let mut open = BTreeSet::new();
    for chunk in chunks(&named) {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT position FROM inbox WHERE store_id = ");
        query.push_bind(commit.store.0).push(" AND position IN (");
        let mut list = query.separated(", ");
        for at in chunk {
            list.push_bind(at.0);
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await.map_err(failed)? {
            open.insert(row.try_get::<i64, _>(0).map_err(failed)?);
        }
    }
    if let Some(gone) = named.iter().find(|at| !open.contains(&at.0)) {
        return Ok(Some(Mismatch::Event(*gone)));
    }
    let ids: Vec<&CartOrderId> = commit.orders.iter().map(|write| &write.order.id.cart).collect();
    let mut versions: HashMap<String, i64> = HashMap::new();
    for chunk in chunks(&ids) {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT cart_order_id, row_version FROM orders WHERE store_id = ");
        query.push_bind(commit.store.0).push(" AND cart_order_id IN (");
        let mut list = query.separated(", ");
        for id in chunk {
            list.push_bind(id.0.as_str());
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await.map_err(failed)? {
            versions.insert(row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
        }
    }
    let moved = commit.orders.iter().any(|write| {
        let present = versions.get(&write.order.id.cart.0).copied().unwrap_or(0);
        present != write.expected as i64
    });
    Ok(moved.then_some(Mismatch::Order))
}

/// Moves events from the inbox to the history.
async fn close(connection: &mut SqliteConnection, commit: &Commit) -> Result<(), LedgerError> {
    for chunk in chunks(&commit.closes) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("WITH c (position, state, reason, cart_order_id) AS (VALUES ");
        let mut rows = query.separated(", ");
        for close in chunk {
            rows.push("(");
            rows.push_bind_unseparated(close.position.0);
            rows.push_unseparated(", ");
            rows.push_bind_unseparated(close.state.as_str());
            rows.push_unseparated(", ");
            rows.push_bind_unseparated(close.reason.as_deref());
            rows.push_unseparated(", ");
            rows.push_bind_unseparated(close.cart_order_id.as_ref().map(|id| id.0.as_str()));
            rows.push_unseparated(")");
        }
        query.push(
            ") INSERT INTO event (store_id, position, account_id, key, topic, source, state, reason, \
             delivery_id, duplicates, cart_order_id, received_at, triggered_at, done_at, attempts, \
             rules_version, build, person) \
             SELECT i.store_id, i.position, i.account_id, i.key, i.topic, i.source, c.state, c.reason, \
             i.delivery_id, i.duplicates, coalesce(c.cart_order_id, i.cart_order_id), i.received_at, \
             i.triggered_at, ",
        );
        query.push_bind(commit.at.0).push(", i.attempts, ");
        query.push_bind(i64::from(commit.rules_version)).push(", ");
        query.push_bind(commit.build);
        query.push(", i.person FROM c JOIN inbox i ON i.store_id = ");
        query.push_bind(commit.store.0).push(" AND i.position = c.position");
        query.build().execute(&mut *connection).await.map_err(failed)?;

        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("DELETE FROM inbox WHERE store_id = ");
        query.push_bind(commit.store.0).push(" AND position IN (");
        let mut list = query.separated(", ");
        for close in chunk {
            list.push_bind(close.position.0);
        }
        query.push(")");
        query.build().execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

async fn retry(connection: &mut SqliteConnection, commit: &Commit) -> Result<(), LedgerError> {
    for retry in &commit.retries {
        sqlx::query(
            "UPDATE inbox SET attempts = ?, next_at = ?, reason = ?, \
             cart_order_id = coalesce(?, cart_order_id) WHERE store_id = ? AND position = ?",
        )
        .bind(i64::from(retry.attempts))
        .bind(retry.next_at.0)
        .bind(retry.reason.as_str())
        .bind(retry.cart_order_id.as_ref().map(|id| id.0.as_str()))
        .bind(commit.store.0)
        .bind(retry.position.0)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    }
    Ok(())
}

/// Inputs that enter the journal closed. Gives their positions, for the timeline.
async fn record(
    connection: &mut SqliteConnection,
    position: &mut i64,
    commit: &Commit,
) -> Result<Vec<Position>, LedgerError> {
    let mut positions = Vec::with_capacity(commit.recorded.len());
    for recorded in &commit.recorded {
        *position += 1;
        positions.push(Position(*position));
        sqlx::query(
            "INSERT INTO event (store_id, position, account_id, key, topic, source, state, reason, \
             duplicates, cart_order_id, received_at, done_at, attempts, rules_version, build, person) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 0, ?, ?, ?)",
        )
        .bind(commit.store.0)
        .bind(*position)
        .bind(commit.account.0)
        .bind(DeliveryKey::unique().0.to_vec())
        .bind(recorded.topic.as_str())
        .bind(recorded.source.as_str())
        .bind(recorded.state.as_str())
        .bind(recorded.reason.as_deref())
        .bind(recorded.cart_order_id.0.as_str())
        .bind(recorded.received_at.0)
        .bind(commit.at.0)
        .bind(i64::from(commit.rules_version))
        .bind(commit.build)
        .bind(recorded.by.as_deref())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
        sqlx::query("INSERT INTO body (position, store_id, bytes) VALUES (?, ?, ?)")
            .bind(*position)
            .bind(commit.store.0)
            .bind(pack(&recorded.body))
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(positions)
}

/// Fetches to be made: open events of their own.
async fn request(
    connection: &mut SqliteConnection,
    position: &mut i64,
    commit: &Commit,
) -> Result<(), LedgerError> {
    for request in &commit.requests {
        *position += 1;
        let event = NewEvent {
            account: commit.account,
            store: commit.store,
            topic: "fetch".to_owned(),
            source: Source::Fetch,
            delivery_id: None,
            key: DeliveryKey::unique(),
            cart_order_id: Some(request.cart_order_id.clone()),
            body: bytes::Bytes::new(),
            received_at: request.received_at,
            triggered_at: None,
            by: None,
        };
        journal::store(connection, &[(Position(*position), &event)]).await?;
    }
    Ok(())
}

async fn put_order(
    connection: &mut SqliteConnection,
    commit: &Commit,
    write: &OrderWrite,
) -> Result<(), LedgerError> {
    let order = &write.order;
    let doc = serde_json::to_string(&OrderDoc::of(order))
        .map_err(|error| LedgerError::Rejected(error.to_string()))?;
    let insert = "INSERT INTO orders (account_id, number, status, held_back, flags, created_at, \
                  updated_at, row_version, doc, store_id, cart_order_id) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let update = "UPDATE orders SET account_id = ?, number = ?, status = ?, held_back = ?, flags = ?, \
                  created_at = ?, updated_at = ?, row_version = ?, doc = ? \
                  WHERE store_id = ? AND cart_order_id = ?";
    sqlx::query(if write.expected == 0 { insert } else { update })
        .bind(commit.account.0)
        .bind(order.number.as_str())
        .bind(order.status.as_str())
        .bind(order.held_back.map(crate::domain::HeldBack::as_str))
        .bind(i64::from(order.flags.0))
        .bind(order.created_at.0)
        .bind(order.updated_at.0)
        .bind(order.row_version as i64)
        .bind(doc)
        .bind(commit.store.0)
        .bind(order.id.cart.0.as_str())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    // Numbers do not change; the e-mail may, while an order is held back.
    let terms: Vec<String> = row::terms(order).into_iter().collect();
    for chunk in chunks(&terms) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT OR IGNORE INTO order_term (account_id, term, store_id, cart_order_id) ",
        );
        query.push_values(chunk, |mut row, term| {
            row.push_bind(commit.account.0)
                .push_bind(term.as_str())
                .push_bind(commit.store.0)
                .push_bind(order.id.cart.0.as_str());
        });
        query.build().execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

async fn write_timeline(
    connection: &mut SqliteConnection,
    commit: &Commit,
    recorded: &[Position],
) -> Result<(), LedgerError> {
    for chunk in chunks(&commit.timeline) {
        let mut rows = Vec::with_capacity(chunk.len());
        for new in chunk {
            let event = match new.cause {
                Cause::Event(position) => position,
                Cause::Recorded(index) => recorded.get(index).copied().ok_or_else(|| {
                    LedgerError::Rejected("an entry without its event".to_owned())
                })?,
            };
            let details = serde_json::to_string(&new.entry.details)
                .map_err(|error| LedgerError::Rejected(error.to_string()))?;
            rows.push((new, event, details));
        }
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO timeline (store_id, cart_order_id, at, kind, event, who, rule, details) ",
        );
        query.push_values(rows, |mut row, (new, event, details)| {
            row.push_bind(commit.store.0)
                .push_bind(new.cart_order_id.0.as_str())
                .push_bind(new.entry.at.0)
                .push_bind(new.entry.kind.as_str())
                .push_bind(event.0)
                .push_bind(new.entry.by.name().to_owned())
                .push_bind(new.entry.rule)
                .push_bind(details);
        });
        query.build().execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}
