//! One batch, one transaction.

use sqlx::{Connection, SqliteConnection};

use super::failure::failed;
use super::{commit, journal, stores, tasks};
use crate::ledger::{LedgerError, Write, Written};

/// What failed: it decides whether the connection can be used again.
pub(super) enum Failure {
    /// A statement is to blame; the transaction was rolled back.
    Statement(LedgerError),
    /// BEGIN, COMMIT or ROLLBACK, or the disk: nothing is known of the connection.
    Connection(LedgerError),
}

/// Applies all or nothing.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    position: &mut i64,
    batch: &[Write],
) -> Result<Vec<Written>, Failure> {
    let before = *position;
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(|error| Failure::Connection(failed(error)))?;
    match apply(&mut transaction, position, batch).await {
        Ok(written) => {
            transaction.commit().await.map_err(|error| Failure::Connection(failed(error)))?;
            Ok(written)
        }
        Err(error) => {
            *position = before;
            // SQLite may have rolled back already; then the rollback fails and only tells that.
            let rolled_back = transaction.rollback().await.is_ok();
            if rolled_back && !error.is_retryable() {
                Err(Failure::Statement(error))
            } else {
                Err(Failure::Connection(error))
            }
        }
    }
}

async fn apply(
    connection: &mut SqliteConnection,
    position: &mut i64,
    batch: &[Write],
) -> Result<Vec<Written>, LedgerError> {
    let mut written = Vec::with_capacity(batch.len());
    let mut rest = batch;
    while let Some(first) = rest.first() {
        // Deliveries that stand together go in together.
        let run = rest.iter().take_while(|write| matches!(write, Write::Journal(_))).count();
        if run > 0 {
            let (events, after) = rest.split_at(run);
            let events = events.iter().filter_map(|write| match write {
                Write::Journal(event) => Some(event),
                _ => None,
            });
            written
                .extend(journal::insert(connection, position, &events.collect::<Vec<_>>()).await?);
            rest = after;
            continue;
        }
        written.push(one(connection, position, first).await?);
        rest = rest.split_at(1).1;
    }
    Ok(written)
}

async fn one(
    connection: &mut SqliteConnection,
    position: &mut i64,
    write: &Write,
) -> Result<Written, LedgerError> {
    match write {
        Write::Journal(event) => {
            let mut written = journal::insert(connection, position, &[event]).await?;
            written.pop().ok_or_else(|| LedgerError::Rejected("no answer".to_owned()))
        }
        Write::Commit(turn) => commit::apply(connection, position, turn).await,
        Write::TakeEpoch(store) => stores::take_epoch(connection, *store).await,
        Write::CountTry { store, position } => {
            journal::count_try(connection, *store, *position).await
        }
        Write::AddStore(new) => stores::add(connection, new).await,
        Write::UpdateStore(row) => stores::update(connection, row).await,
        Write::AddAccount { slug, name, at } => {
            stores::add_account(connection, slug, name, *at).await
        }
        Write::AddToken(token) => stores::add_token(connection, token).await,
        Write::RevokeToken { id, at } => stores::revoke_token(connection, *id, *at).await,
        Write::StartTask(start) => tasks::start(connection, position, start).await,
        Write::PutOff { store, task, due } => tasks::put_off(connection, *store, *task, due).await,
        Write::SetTask(settings) => tasks::set(connection, settings).await,
        Write::KeepAnswer(answer) => stores::keep_answer(connection, answer).await,
    }
}
