//! One turn of a store: checked first, then applied; a mismatch refuses it alone (I10).

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::failure::failed;
use super::journal::{self, Fresh, chunks, lists};
use super::row::{OrderDoc, corrupt, document};
use super::tasks;
use crate::domain::{HeldBack, Order, Position, StoreId};
use crate::ledger::term::terms;
use crate::ledger::{
    Body, Cause, Close, Commit, LedgerError, Mismatch, NewEvent, OrderWrite, Recorded, Written,
};

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    position: &mut i64,
    commit: &Commit,
) -> Result<Written, LedgerError> {
    if let Some(mismatch) = check_events(connection, commit).await? {
        return Ok(Written::Refused(mismatch));
    }
    let present = present_orders(connection, commit).await?;
    if moved(commit, &present) {
        return Ok(Written::Refused(Mismatch::Order));
    }
    if !commit.names_its_causes() {
        return Err(LedgerError::Rejected("an entry without its event".to_owned()));
    }
    close(connection, commit).await?;
    retry(connection, commit).await?;
    let recorded = record(connection, position, commit).await?;
    request(connection, position, commit).await?;
    put_orders(connection, commit, &present).await?;
    write_timeline(connection, commit, &recorded).await?;
    if let Some(run) = &commit.run {
        tasks::put_run(connection, commit.store, run).await?;
    }
    if let Some(progress) = &commit.progress {
        tasks::put_progress(connection, commit.store, progress).await?;
    }
    Ok(Written::Committed)
}

/// Whether the epoch is the present one and every event it names is open.
async fn check_events(
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
    let named: Vec<Position> = commit.named_events().collect();
    let mut open = BTreeSet::new();
    for some in lists(&named) {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT position FROM inbox WHERE store_id = ");
        query.push_bind(commit.store.0).push(" AND position IN (");
        let mut list = query.separated(", ");
        for at in some {
            list.push_bind(at.0);
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await.map_err(failed)? {
            open.insert(row.try_get::<i64, _>(0).map_err(failed)?);
        }
    }
    // Taken out as they are named: the second naming of one finds it gone.
    Ok(named.into_iter().find(|at| !open.remove(&at.0)).map(Mismatch::Event))
}

/// What is there of an order that the commit writes.
struct Present {
    version: i64,
    terms: String,
}

async fn present_orders(
    connection: &mut SqliteConnection,
    commit: &Commit,
) -> Result<HashMap<String, Present>, LedgerError> {
    let mut present = HashMap::new();
    for some in lists(&commit.orders) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT cart_order_id, row_version, terms FROM orders WHERE store_id = ",
        );
        query.push_bind(commit.store.0).push(" AND cart_order_id IN (");
        let mut list = query.separated(", ");
        for write in some {
            list.push_bind(write.order.id.cart.0.as_str());
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await.map_err(failed)? {
            let version = row.try_get(1).map_err(failed)?;
            let terms = row.try_get(2).map_err(failed)?;
            present.insert(row.try_get(0).map_err(failed)?, Present { version, terms });
        }
    }
    Ok(present)
}

/// Whether an order is not at the version it was read at, or is written twice.
fn moved(commit: &Commit, present: &HashMap<String, Present>) -> bool {
    let mut written = HashSet::new();
    commit.orders.iter().any(|write| {
        let id = write.order.id.cart.0.as_str();
        let version = present.get(id).map_or(0, |present| present.version);
        version != write.expected as i64 || !written.insert(id)
    })
}

/// Moves events from the inbox to the history.
async fn close(connection: &mut SqliteConnection, commit: &Commit) -> Result<(), LedgerError> {
    for chunk in chunks(&commit.closes) {
        move_query(commit, chunk).build().execute(&mut *connection).await.map_err(failed)?;
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("DELETE FROM inbox WHERE store_id = ");
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

pub(super) fn move_query(commit: &Commit, closes: &[Close]) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> =
        QueryBuilder::new("WITH c (position, state, reason, cart_order_id) AS (");
    query.push_values(closes, |mut row, close| {
        row.push_bind(close.position.0)
            .push_bind(close.state.as_str())
            .push_bind(close.reason.clone())
            .push_bind(close.cart_order_id.as_ref().map(|id| id.0.clone()));
    });
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
    query.push(", i.person FROM c CROSS JOIN inbox i ON i.store_id = ");
    query.push_bind(commit.store.0).push(" AND i.position = c.position");
    query
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
    let placed: Vec<(Position, &Recorded)> =
        (*position + 1..).map(Position).zip(&commit.recorded).collect();
    *position += placed.len() as i64;
    for chunk in chunks(&placed) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO event (store_id, position, account_id, key, topic, source, state, reason, \
             duplicates, cart_order_id, received_at, done_at, attempts, rules_version, build, person) ",
        );
        query.push_values(chunk, |mut row, (position, recorded)| {
            row.push_bind(commit.store.0)
                .push_bind(position.0)
                .push_bind(commit.account.0)
                .push_bind(recorded.key.0.to_vec())
                .push_bind(recorded.topic.as_str())
                .push_bind(recorded.source.as_str())
                .push_bind(recorded.state.as_str())
                .push_bind(recorded.reason.as_deref())
                .push_bind(0_i64)
                .push_bind(recorded.cart_order_id.as_ref().map(|id| id.0.as_str()))
                .push_bind(recorded.received_at.0)
                .push_bind(commit.at.0)
                .push_bind(0_i64)
                .push_bind(i64::from(commit.rules_version))
                .push_bind(commit.build)
                .push_bind(recorded.by.as_deref());
        });
        query.build().execute(&mut *connection).await.map_err(failed)?;
    }
    let bodies: Vec<(Position, StoreId, &Body)> =
        placed.iter().map(|(at, recorded)| (*at, commit.store, &recorded.body)).collect();
    journal::store_bodies(connection, &bodies).await?;
    Ok(placed.into_iter().map(|(at, _)| at).collect())
}

/// Fetches to be made: open events of their own.
async fn request(
    connection: &mut SqliteConnection,
    position: &mut i64,
    commit: &Commit,
) -> Result<(), LedgerError> {
    let events: Vec<NewEvent> = commit.requests.iter().map(|r| r.event(commit)).collect();
    let placed = (*position + 1..).map(Position).zip(&events);
    let fresh: Vec<Fresh<'_>> =
        placed.map(|(position, event)| Fresh { position, event, duplicates: 0 }).collect();
    *position += fresh.len() as i64;
    journal::store(connection, &fresh).await
}

/// An order's row and its terms as they are kept.
struct Kept<'a> {
    order: &'a Order,
    doc: String,
    terms: String,
}

async fn put_orders(
    connection: &mut SqliteConnection,
    commit: &Commit,
    present: &HashMap<String, Present>,
) -> Result<(), LedgerError> {
    let (mut gained, mut lost) = (Vec::new(), Vec::new());
    let mut kept = Vec::with_capacity(commit.orders.len());
    for OrderWrite { order, .. } in &commit.orders {
        let id = order.id.cart.0.as_str();
        let new = terms(order);
        let row = Kept { order, doc: document(&OrderDoc::of(order))?, terms: document(&new)? };
        let old = present.get(id).map_or("[]", |present| present.terms.as_str());
        if old != row.terms {
            let old: BTreeSet<String> =
                serde_json::from_str(old).map_err(|error| corrupt("an order's terms", error))?;
            lost.extend(old.difference(&new).map(|term| (id, term.clone())));
            gained.extend(new.difference(&old).map(|term| (id, term.clone())));
        }
        kept.push(row);
    }
    for chunk in chunks(&kept) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO orders (account_id, number, status, held_back, flags, created_at, \
             updated_at, row_version, doc, terms, revision_since, missed_at, store_id, \
             cart_order_id) ",
        );
        query.push_values(chunk, |mut row, Kept { order, doc, terms }| {
            row.push_bind(commit.account.0)
                .push_bind(order.number.as_str())
                .push_bind(order.status.as_str())
                .push_bind(order.held_back.map(HeldBack::as_str))
                .push_bind(i64::from(order.flags.0))
                .push_bind(order.created_at.0)
                .push_bind(order.updated_at.0)
                .push_bind(order.row_version as i64)
                .push_bind(doc.as_str())
                .push_bind(terms.as_str())
                .push_bind(order.cart_side.open_since.map(|since| since.0))
                .push_bind(order.guard.missed.map(|missed| missed.at.0))
                .push_bind(commit.store.0)
                .push_bind(order.id.cart.0.as_str());
        });
        query.push(
            " ON CONFLICT (store_id, cart_order_id) DO UPDATE SET account_id = excluded.account_id, \
             number = excluded.number, status = excluded.status, held_back = excluded.held_back, \
             flags = excluded.flags, created_at = excluded.created_at, \
             updated_at = excluded.updated_at, row_version = excluded.row_version, \
             doc = excluded.doc, terms = excluded.terms, \
             revision_since = excluded.revision_since, missed_at = excluded.missed_at",
        );
        query.build().execute(&mut *connection).await.map_err(failed)?;
    }
    for (id, term) in &lost {
        sqlx::query(
            "DELETE FROM order_term \
             WHERE account_id = ? AND term = ? AND store_id = ? AND cart_order_id = ?",
        )
        .bind(commit.account.0)
        .bind(term.as_str())
        .bind(commit.store.0)
        .bind(*id)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    }
    for chunk in chunks(&gained) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO order_term (account_id, term, store_id, cart_order_id) ",
        );
        query.push_values(chunk, |mut row, (id, term)| {
            row.push_bind(commit.account.0)
                .push_bind(term.as_str())
                .push_bind(commit.store.0)
                .push_bind(*id);
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
            rows.push((new, event, document(&new.entry.details)?));
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
