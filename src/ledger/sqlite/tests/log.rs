//! The write-ahead log stays bounded while everybody is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{deliveries, open, options};
use crate::domain::AccountId;
use crate::ledger::{EventFilter, Ledger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_below_its_cap_while_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("book.db-wal");
    let ledger = Arc::new(open(folder.path()).await);
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (ledger, done) = (Arc::clone(&ledger), Arc::clone(&done));
            tokio::spawn(async move {
                let mut pages = 0_u64;
                while !done.load(Ordering::SeqCst) {
                    ledger.event_page(&EventFilter::of(AccountId(1), 50)).await.unwrap();
                    pages += 1;
                }
                pages
            })
        })
        .collect();
    let cap = options(folder.path()).wal_cap_bytes;
    let mut written = 0;
    let mut largest = 0;
    while written < 12 * cap {
        let batch = deliveries(16, 4000);
        ledger.write(&batch).await.unwrap();
        written += 16 * 4000;
        largest = largest.max(std::fs::metadata(&log).unwrap().len());
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    let slack = 512 << 10;
    assert!(largest <= cap + slack, "the log grew to {largest} bytes");
    assert!(largest >= cap / 2, "the log begins anew only when it is worth it: {largest}");
}

#[tokio::test]
async fn a_reader_that_stays_holds_the_log_but_not_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    ledger.write(&deliveries(1, 100)).await.unwrap();
    let mut staying = ledger.readers.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM inbox").execute(&mut *staying).await.unwrap();
    let cap = options(folder.path()).wal_cap_bytes;
    let mut bytes = 0;
    while bytes <= cap {
        ledger.write(&deliveries(64, 4000)).await.unwrap();
        bytes = ledger.writer.lock().await.log.bytes();
    }
    staying.rollback().await.unwrap();
    // Nobody reads any more: the next write begins the log anew.
    ledger.write(&deliveries(1, 100)).await.unwrap();
    let bytes = ledger.writer.lock().await.log.bytes();
    assert!(bytes < cap / 2, "{bytes}");
}

#[tokio::test]
async fn a_quiet_log_is_copied_in_the_background() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let database = folder.path().join("book.db");
    let before = std::fs::metadata(&database).unwrap().len();
    ledger.write(&deliveries(100, 4000)).await.unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while std::fs::metadata(&database).unwrap().len() < before + 400_000 {
        assert!(tokio::time::Instant::now() < deadline, "nothing was copied");
        tokio::task::yield_now().await;
    }
}
