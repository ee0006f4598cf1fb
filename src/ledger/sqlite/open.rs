//! Opening the file: pragmas, migrations, and whether the last end was a calm one.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::Mutex;

use super::checkpoint::{Checkpointer, Log};
use super::failure::failed;
use super::{Sqlite, Writer};
use crate::domain::Timestamp;
use crate::ledger::LedgerError;

/// Each takes the schema one version up. Never changed once released.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_book.sql"),
    include_str!("migrations/0002_revisions.sql"),
    include_str!("migrations/0003_tasks.sql"),
];

/// Larger pages mean fewer of them to log per transaction for bodies and orders.
pub(super) const PAGE_BYTES: u32 = 8192;
/// How long a statement waits for a lock that a checkpoint holds.
const BUSY: Duration = Duration::from_secs(5);
/// How long the copying of the log waits for readers, and the writer with it.
const COPYING_BUSY: Duration = Duration::from_millis(100);
/// Rows that a reader holds ready: bodies may be large.
const ROWS_AHEAD: usize = 16;

/// What a database is opened with.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file; made if it is missing.
    pub path: PathBuf,
    /// Connections that read.
    pub readers: u32,
    /// The write-ahead log is copied whenever it has grown by so much.
    pub checkpoint_bytes: u64,
    /// Here writing waits for the copying, so that it does not grow on.
    pub wal_cap_bytes: u64,
    /// The time of the start: when a new book was made.
    pub now: Timestamp,
}

impl Sqlite {
    /// Opens the file, brings its schema up to this build, and marks it as running.
    pub async fn open(options: SqliteOptions) -> Result<Self, LedgerError> {
        let mut connection = writing(&options).await?;
        migrate(&mut connection, options.now).await?;
        let unclean = mark_running(&mut connection).await?;
        let position = last_position(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(options.readers.max(1))
            .acquire_timeout(Duration::from_secs(10))
            // A connection to a file does not go stale.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(connect(&options).read_only(true).row_buffer_size(ROWS_AHEAD))
            .await
            .map_err(failed)?;
        let checkpointer = Checkpointer::start(&options).await?;
        let writer = Writer {
            connection: Some(connection),
            position,
            log: Log::default(),
            unseen: 0,
            tried: 0,
        };
        Ok(Self { writer: Mutex::new(writer), readers, options, checkpointer, unclean })
    }
}

fn connect(options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&options.path)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .statement_cache_capacity(200)
        .disable_statement_logging()
}

/// The writing connection. Checkpoints are somebody else's (`wal_autocheckpoint = 0`).
pub(super) async fn writing(options: &SqliteOptions) -> Result<SqliteConnection, LedgerError> {
    let options = connect(options)
        .create_if_missing(true)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0")
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-65536");
    SqliteConnection::connect_with(&options).await.map_err(failed)
}

/// The connection that copies the log.
pub(super) async fn copying(options: &SqliteOptions) -> Result<SqliteConnection, LedgerError> {
    let options = connect(options).pragma("wal_autocheckpoint", "0").busy_timeout(COPYING_BUSY);
    SqliteConnection::connect_with(&options).await.map_err(failed)
}

/// Brings the schema up, each step in a transaction of its own.
async fn migrate(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), LedgerError> {
    let row =
        sqlx::query("PRAGMA user_version").fetch_one(&mut *connection).await.map_err(failed)?;
    let found: i64 = row.try_get::<i64, _>(0).map_err(failed)?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(LedgerError::TooNew { found, known });
    }
    for (version, script) in (1..).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        tracing::info!(version, "migrating the database");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        sqlx::raw_sql(script).execute(&mut *transaction).await.map_err(failed)?;
        if version == 1 {
            // The account that a new book begins with.
            sqlx::query("UPDATE account SET created_at = ?")
                .bind(now.0)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        // A pragma takes no parameters; the number is ours.
        let stamp = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {version}"));
        sqlx::raw_sql(stamp).execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    Ok(())
}

/// `true`: the mark of the last process is still there, so it did not end calmly.
async fn mark_running(connection: &mut SqliteConnection) -> Result<bool, LedgerError> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'running'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    let before: i64 = row.map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
    sqlx::query("INSERT INTO meta (name, value) VALUES ('running', 1) ON CONFLICT (name) DO UPDATE SET value = 1")
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    Ok(before != 0)
}

/// The last position given out: every event has a body.
pub(super) async fn last_position(connection: &mut SqliteConnection) -> Result<i64, LedgerError> {
    let sql = "SELECT coalesce(max(position), 0) FROM body";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await.map_err(failed)?;
    row.try_get(0).map_err(failed)
}
