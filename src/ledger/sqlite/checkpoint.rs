//! Copying the write-ahead log into the database beside the writer, paced by the log's size.
//!
//! Inline checkpoints were the writer's 99th percentile; a PASSIVE one on another connection blocks
//! nobody. Only when the log reaches its cap does the writer wait for the copying.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Connection, SqliteConnection};
use tokio::sync::Notify;
use tracing::warn;

use super::open::SqliteOptions;

/// Shared by the writer and the task that copies.
pub(super) struct Checkpointer {
    log: PathBuf,
    pace: u64,
    cap: u64,
    /// The log may have grown enough to be copied.
    pub(super) grown: Notify,
    /// A copying has ended.
    copied: Notify,
    pub(super) stopped: AtomicBool,
    ended: AtomicBool,
    over_cap: AtomicBool,
}

impl Checkpointer {
    pub(super) fn new(options: &SqliteOptions) -> Self {
        let mut log = options.path.clone().into_os_string();
        log.push("-wal");
        Self {
            log: log.into(),
            pace: options.checkpoint_bytes,
            cap: options.wal_cap_bytes,
            grown: Notify::new(),
            copied: Notify::new(),
            stopped: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            over_cap: AtomicBool::new(false),
        }
    }

    /// The writer has written.
    pub(super) fn wrote(&self) {
        let size = self.size();
        if size >= self.pace {
            self.grown.notify_one();
        }
        self.over_cap.store(size >= self.cap, Ordering::Relaxed);
    }

    pub(super) fn is_over_cap(&self) -> bool {
        self.over_cap.load(Ordering::Relaxed)
    }

    /// Waits for a copying while nothing is written, so that the log starts anew.
    pub(super) async fn catch_up(&self) {
        let copied = self.copied.notified();
        self.grown.notify_one();
        let patience = std::time::Duration::from_secs(5);
        if tokio::time::timeout(patience, copied).await.is_err() {
            warn!("the write-ahead log is over its cap and copying it takes long");
        }
        self.over_cap.store(false, Ordering::Relaxed);
    }

    /// Ends the task and waits for it.
    pub(super) async fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        while !self.ended.load(Ordering::SeqCst) {
            let copied = self.copied.notified();
            self.grown.notify_one();
            let soon = std::time::Duration::from_millis(100);
            // Whether it has told us or not: the flag is what counts.
            let _told = tokio::time::timeout(soon, copied).await;
        }
    }

    fn size(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |meta| meta.len())
    }
}

/// Copies whenever the log has grown, until it is stopped.
pub(super) async fn run(shared: Arc<Checkpointer>, mut connection: SqliteConnection) {
    loop {
        shared.grown.notified().await;
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        // RESTART when the log is far grown: it waits for readers, not for long, and lets the log
        // begin anew instead of growing on.
        let far = shared.size() >= shared.cap / 2;
        let sql = if far { "PRAGMA wal_checkpoint(RESTART)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
        if let Err(error) = sqlx::query(sql).execute(&mut connection).await {
            warn!(%error, "the write-ahead log was not copied; the next time tries again");
        }
        shared.copied.notify_waiters();
    }
    if let Err(error) = connection.close().await {
        warn!(%error, "the checkpoint connection ended badly");
    }
    shared.ended.store(true, Ordering::SeqCst);
    shared.copied.notify_waiters();
}
