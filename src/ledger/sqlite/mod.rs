//! SQLite behind the port: one writing connection, a pool of readers, a checkpointer.
//!
//! | file | subject |
//! |---|---|
//! | [`open`] | opening, pragmas, migrations, the clean end |
//! | [`checkpoint`] | copying the write-ahead log into the database, beside the writer |
//! | [`batch`] | one batch, one transaction |
//! | [`journal`] | writing and closing events |
//! | [`commit`] | one turn of a store, checked and applied |
//! | [`row`] | rows to values |
//! | [`orders`], [`events`], [`stores`] | what is read |
//! | [`tasks`] | tasks, when they are due, and their runs |
//! | [`failure`] | SQLite's errors by what the caller can do |

mod batch;
mod checkpoint;
mod commit;
mod events;
mod failure;
mod journal;
mod open;
mod orders;
mod row;
mod stores;
mod tasks;

use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;
use tracing::warn;

use self::checkpoint::{Checkpointer, Log};
use self::failure::failed;
pub use self::open::SqliteOptions;
use super::{
    AccountRow, Answer, Backlog, DeliveryKey, DueTask, EventFilter, EventRow, Ledger, LedgerError,
    OpenEvent, OrderFilter, Page, Run, StoreBacklog, StoreListing, StoreRow, TaskRow, TimelineRow,
    TokenRow, Write, Written,
};
use crate::domain::{AccountId, CartOrderId, Order, OrderId, Position, StoreId, Timestamp};

/// The book in a file.
pub struct Sqlite {
    writer: Mutex<Writer>,
    readers: SqlitePool,
    options: SqliteOptions,
    checkpointer: Checkpointer,
    unclean: bool,
}

/// The one writing connection, and what only it knows.
struct Writer {
    /// `None` after a failure that leaves nothing known of it: it is opened anew then.
    connection: Option<SqliteConnection>,
    /// The last position given out.
    position: i64,
    /// The write-ahead log when it was last looked at.
    log: Log,
    /// What may have been added to it since, in bytes.
    unseen: u64,
    /// Where the log stood when it could not begin anew.
    tried: u64,
}

impl Writer {
    /// The writing connection, opened anew if the last one was given up.
    async fn connection(
        &mut self,
        options: &SqliteOptions,
    ) -> Result<(&mut SqliteConnection, &mut i64), LedgerError> {
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let mut connection = open::writing(options).await?;
            // What failed at COMMIT may have been written all the same.
            self.position = self.position.max(open::last_position(&mut connection).await?);
            connection
        };
        Ok((self.connection.insert(connection), &mut self.position))
    }

    /// Sees how far the log has grown, and has it copied if it is time for that.
    async fn look(&mut self, checkpointer: &Checkpointer) {
        let Some(connection) = &mut self.connection else { return };
        match checkpoint::look(connection).await {
            Ok(log) => {
                self.log = log;
                self.unseen = 0;
                checkpointer.after_write(log);
            }
            Err(error) => warn!(%error, "the size of the write-ahead log is not known"),
        }
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn write(&self, batch: &[Write]) -> Result<Vec<Written>, LedgerError> {
        let mut writer = self.writer.lock().await;
        let log = writer.log;
        let copied = self.checkpointer.before_write(log, &mut writer.tried).await;
        let (connection, position) = writer.connection(&self.options).await?;
        match batch::write(connection, position, batch).await {
            Ok(written) => {
                let unseen = writer.unseen + checkpoint::growth(batch);
                writer.unseen = unseen;
                if copied || self.checkpointer.has_to_look(unseen) {
                    writer.look(&self.checkpointer).await;
                }
                Ok(written)
            }
            Err(batch::Failure::Statement(error)) => Err(error),
            Err(batch::Failure::Connection(error)) => {
                // What it holds is not known. It is closed before anything is tried again.
                if let Some(connection) = writer.connection.take() {
                    let _gone = connection.close_hard().await;
                }
                Err(error)
            }
        }
    }

    async fn close(&self) -> Result<(), LedgerError> {
        self.checkpointer.stop().await;
        self.readers.close().await;
        let mut writer = self.writer.lock().await;
        let (connection, _) = writer.connection(&self.options).await?;
        sqlx::query("UPDATE meta SET value = 0 WHERE name = 'running'")
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        if let Some(connection) = writer.connection.take() {
            connection.close().await.map_err(failed)?;
        }
        Ok(())
    }

    fn ended_uncleanly(&self) -> bool {
        self.unclean
    }

    async fn ping(&self) -> Result<(), LedgerError> {
        sqlx::query("SELECT 1 FROM meta LIMIT 1").execute(&self.readers).await.map_err(failed)?;
        Ok(())
    }

    async fn open_events(
        &self,
        store: StoreId,
        after: Position,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OpenEvent>, LedgerError> {
        events::open(&self.readers, store, after, limit, max_bytes).await
    }

    async fn orders(&self, store: StoreId, ids: &[CartOrderId]) -> Result<Vec<Order>, LedgerError> {
        orders::by_ids(&self.readers, store, ids).await
    }

    async fn held_by(
        &self,
        stores: &[StoreId],
        ids: &[CartOrderId],
    ) -> Result<Vec<CartOrderId>, LedgerError> {
        orders::held_by(&self.readers, stores, ids).await
    }

    async fn backlogs(
        &self,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreBacklog>, LedgerError> {
        events::backlogs(&self.readers, after, limit).await
    }

    async fn due_tasks(
        &self,
        after: Option<&DueTask>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueTask>, LedgerError> {
        tasks::due(&self.readers, after, until, limit).await
    }

    async fn tasks(&self, store: StoreId) -> Result<Vec<TaskRow>, LedgerError> {
        tasks::of_store(&self.readers, store).await
    }

    async fn runs(&self, events: &[Position]) -> Result<Vec<(Position, Run)>, LedgerError> {
        tasks::runs(&self.readers, events).await
    }

    async fn told_since(
        &self,
        account: AccountId,
        store: StoreId,
        changes: &[(CartOrderId, Timestamp)],
    ) -> Result<Vec<CartOrderId>, LedgerError> {
        tasks::told_since(&self.readers, account, store, changes).await
    }

    async fn misses(&self, store: StoreId, since: Timestamp) -> Result<u64, LedgerError> {
        tasks::misses(&self.readers, store, since).await
    }

    async fn store_listings(
        &self,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreListing>, LedgerError> {
        stores::listings(&self.readers, after, limit).await
    }

    async fn store(&self, id: StoreId) -> Result<Option<StoreRow>, LedgerError> {
        stores::one(&self.readers, id).await
    }

    async fn same_credentials(&self, group: &[u8]) -> Result<Vec<StoreId>, LedgerError> {
        stores::of_group(&self.readers, group).await
    }

    async fn stores(
        &self,
        account: AccountId,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreRow>, LedgerError> {
        stores::of_account(&self.readers, account, after, limit).await
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, LedgerError> {
        stores::accounts(&self.readers).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, LedgerError> {
        stores::tokens(&self.readers).await
    }

    async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, LedgerError> {
        stores::token(&self.readers, hash).await
    }

    async fn answer(&self, scope: &str, key: &str) -> Result<Option<Answer>, LedgerError> {
        stores::answer(&self.readers, scope, key).await
    }

    async fn order(&self, id: &OrderId) -> Result<Option<Order>, LedgerError> {
        let mut found =
            orders::by_ids(&self.readers, id.store, std::slice::from_ref(&id.cart)).await?;
        Ok(found.pop())
    }

    async fn order_page(&self, filter: &OrderFilter) -> Result<Page<Order>, LedgerError> {
        orders::page(&self.readers, filter).await
    }

    async fn timeline(&self, id: &OrderId) -> Result<Vec<TimelineRow>, LedgerError> {
        orders::timeline(&self.readers, id).await
    }

    async fn event_page(&self, filter: &EventFilter) -> Result<Page<EventRow>, LedgerError> {
        events::page(&self.readers, filter).await
    }

    async fn event(&self, position: Position) -> Result<Option<(EventRow, Vec<u8>)>, LedgerError> {
        events::one(&self.readers, position).await
    }

    async fn event_by_key(
        &self,
        store: StoreId,
        key: DeliveryKey,
    ) -> Result<Option<EventRow>, LedgerError> {
        events::by_key(&self.readers, store, key).await
    }

    async fn backlog(&self, store: StoreId) -> Result<Backlog, LedgerError> {
        events::backlog(&self.readers, store).await
    }
}

#[cfg(test)]
mod tests;
