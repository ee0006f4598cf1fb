//! What happens when a write fails: nothing is applied, and it goes on when it can.

use sqlx::Row;

use super::{deliveries, open};
use crate::domain::{Position, StoreId};
use crate::ledger::sqlite::Sqlite;
use crate::ledger::{Journaled, Ledger, LedgerError, Write, Written};

async fn pragma(ledger: &Sqlite, sql: String) -> i64 {
    let mut writer = ledger.writer.lock().await;
    let connection = writer.connection.as_mut().unwrap();
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn a_full_disk_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    ledger.write(&deliveries(10, 4000)).await.unwrap();
    let pages = pragma(&ledger, "PRAGMA page_count".to_owned()).await;
    pragma(&ledger, format!("PRAGMA max_page_count = {}", pages + 2)).await;
    let error = ledger.write(&deliveries(50, 4000)).await.unwrap_err();
    assert!(matches!(error, LedgerError::Unavailable(_)), "no write is to blame: {error}");
    assert_eq!(ledger.backlog(StoreId(1)).await.unwrap().waiting, 10);
    // The connection is opened anew and knows nothing of the limit: there is room again.
    let written = ledger.write(&deliveries(50, 4000)).await.unwrap();
    let next = Written::Journaled(Journaled { position: Position(11), duplicate: false });
    assert_eq!(written[0], next);
    assert_eq!(ledger.backlog(StoreId(1)).await.unwrap().waiting, 60);
}

#[tokio::test]
async fn r10_a_commit_that_was_reported_lost_but_lasted_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let batch = deliveries(3, 100);
    ledger.write(&batch).await.unwrap();
    // As after a failure at COMMIT: the connection is gone, and so is what the batch was given.
    {
        let mut writer = ledger.writer.lock().await;
        writer.connection = None;
        writer.position = 0;
    }
    let more: Vec<Write> = batch.into_iter().chain(deliveries(1, 100)).collect();
    let written = ledger.write(&more).await.unwrap();
    let expected: Vec<Written> = [(1, true), (2, true), (3, true), (4, false)]
        .map(|(position, duplicate)| {
            Written::Journaled(Journaled { position: Position(position), duplicate })
        })
        .into();
    assert_eq!(written, expected);
}

#[tokio::test]
async fn positions_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    ledger.write(&deliveries(7, 10)).await.unwrap();
    ledger.close().await.unwrap();
    let ledger = open(folder.path()).await;
    let written = ledger.write(&deliveries(1, 10)).await.unwrap();
    let next = Written::Journaled(Journaled { position: Position(8), duplicate: false });
    assert_eq!(written, [next]);
}
