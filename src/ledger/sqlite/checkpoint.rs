//! Copying the write-ahead log into the database beside the writer, paced by the log's size.
//!
//! Inline checkpoints were the writer's 99th percentile; a PASSIVE one on another connection blocks
//! nobody. But SQLite lets the log begin anew only when all of it is copied and nobody reads from
//! it, which under load never happens by itself. So beyond half its cap the log is copied without
//! pause until little is left, and that little once more while the writer waits: a few
//! milliseconds, every hundred megabytes. At the cap the writer waits whatever is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Row, SqliteConnection};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tracing::warn;

use super::open::{self, SqliteOptions};
use crate::ledger::{LedgerError, Write};

/// A frame of the log: its header and a page.
const FRAME_BYTES: u64 = 24 + PAGE;
const PAGE: u64 = open::PAGE_BYTES as u64;

/// How far the log has grown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// Bytes since it began anew.
    bytes: u64,
    /// Of them, those that are not in the database yet.
    behind: u64,
}

#[cfg(test)]
impl Log {
    /// Bytes since it began anew.
    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }
}

/// Copies the log.
pub(super) struct Checkpointer {
    pace: u64,
    cap: u64,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the task and the writer have in common.
struct Shared {
    /// Whoever holds it copies; the other waits for the end of that.
    connection: Mutex<SqliteConnection>,
    grown: Notify,
    stopped: AtomicBool,
}

impl Checkpointer {
    pub(super) async fn start(options: &SqliteOptions) -> Result<Self, LedgerError> {
        let shared = Arc::new(Shared {
            connection: Mutex::new(open::copying(options).await?),
            grown: Notify::new(),
            stopped: AtomicBool::new(false),
        });
        let task = tokio::spawn(run(Arc::clone(&shared)));
        Ok(Self {
            pace: options.checkpoint_bytes,
            cap: options.wal_cap_bytes,
            shared,
            task: Mutex::new(Some(task)),
        })
    }

    /// Before a write: lets the log begin anew if it is time for that, and tells whether it was.
    /// `tried` is where the log stood when that was last tried in vain.
    pub(super) async fn before_write(&self, log: Log, tried: &mut u64) -> bool {
        if log.bytes < *tried {
            // It has begun anew by itself, in a quiet moment.
            *tried = 0;
        }
        let half = log.bytes >= self.cap / 2 && log.behind <= self.pace / 8;
        if log.bytes < self.cap && (!half || log.bytes < tried.saturating_add(self.pace)) {
            return false;
        }
        // Waits for readers too, but only as long as the connection is patient.
        match self.shared.copy("PRAGMA wal_checkpoint(RESTART)").await {
            Ok(true) => *tried = 0,
            Ok(false) => *tried = log.bytes,
            Err(error) => {
                *tried = log.bytes;
                warn!(%error, "the write-ahead log was not copied");
            }
        }
        true
    }

    /// Whether so much may have been added unseen that the log has to be looked at.
    pub(super) fn has_to_look(&self, unseen: u64) -> bool {
        unseen >= self.pace / 8
    }

    /// After a look: the task copies if there is enough to copy.
    pub(super) fn after_write(&self, log: Log) {
        if log.behind >= self.pace || log.bytes >= self.cap / 2 {
            self.shared.grown.notify_one();
        }
    }

    /// Ends the task and waits for it.
    pub(super) async fn stop(&self) {
        self.shared.stop();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            warn!(%error, "the checkpointer ended badly");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Shared {
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.grown.notify_one();
    }

    /// Whether all that was asked for was done.
    async fn copy(&self, sql: &'static str) -> Result<bool, sqlx::Error> {
        let mut connection = self.connection.lock().await;
        let row = sqlx::query(sql).fetch_one(&mut *connection).await?;
        Ok(row.try_get::<i64, _>(0)? == 0)
    }
}

/// Copies whenever the log has grown, until it is stopped.
async fn run(shared: Arc<Shared>) {
    loop {
        shared.grown.notified().await;
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = shared.copy("PRAGMA wal_checkpoint(PASSIVE)").await {
            warn!(%error, "the write-ahead log was not copied; the next time tries again");
        }
    }
}

/// What a batch may add to the log, in bytes: every row a page of each tree it stands in.
pub(super) fn growth(batch: &[Write]) -> u64 {
    let grown = |write: &Write| match write {
        Write::Journal(event) => 4 * PAGE + event.body.kept().len() as u64,
        Write::Commit(turn) => {
            let rows = turn.closes.len() * 7 + turn.orders.len() * 10 + turn.timeline.len() * 2;
            let bodies =
                turn.recorded.iter().map(|recorded| 6 * PAGE + recorded.body.kept().len() as u64);
            PAGE * (4 + rows + turn.retries.len() * 3 + turn.requests.len() * 4) as u64
                + bodies.sum::<u64>()
        }
        _ => 8 * PAGE,
    };
    batch.iter().map(grown).sum()
}

/// How far the log has grown, asked without copying anything.
pub(super) async fn look(connection: &mut SqliteConnection) -> Result<Log, sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(NOOP)").fetch_one(connection).await?;
    let frames = |column| row.try_get::<i64, _>(column).map(|n| u64::try_from(n).unwrap_or(0));
    let (all, copied) = (frames(1)?, frames(2)?);
    Ok(Log { bytes: all * FRAME_BYTES, behind: all.saturating_sub(copied) * FRAME_BYTES })
}
