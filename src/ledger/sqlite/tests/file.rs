//! The file: how it is opened, what is refused, whether its last end was calm.

use rstest::rstest;
use sqlx::{Connection, Row, SqliteConnection};

use super::{deliveries, open, options};
use crate::domain::{StoreId, Timestamp};
use crate::ledger::sqlite::{Sqlite, SqliteOptions};
use crate::ledger::{Ledger, LedgerError};

/// What opening it says.
async fn refusal(folder: &std::path::Path) -> LedgerError {
    match Sqlite::open(options(folder)).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[rstest]
#[case("journal_mode", "wal")]
#[case("synchronous", "2")]
#[case("page_size", "8192")]
#[case("wal_autocheckpoint", "0")]
#[case("foreign_keys", "1")]
#[tokio::test]
async fn i1_the_writing_connection_syncs_every_commit(#[case] pragma: &str, #[case] value: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let mut writer = ledger.writer.lock().await;
    let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
    let row = sqlx::query(sql).fetch_one(writer.connection.as_mut().unwrap()).await.unwrap();
    let found: String = row.get_unchecked(0);
    assert_eq!(found, value);
}

#[tokio::test]
async fn the_account_default_is_as_old_as_the_book() {
    let folder = tempfile::tempdir().unwrap();
    for now in [Timestamp(7), Timestamp(9)] {
        let ledger = Sqlite::open(SqliteOptions { now, ..options(folder.path()) }).await.unwrap();
        assert_eq!(ledger.accounts().await.unwrap()[0].created_at, Timestamp(7));
    }
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let refused = sqlx::query("DELETE FROM meta").execute(&ledger.readers).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let garbage: Vec<u8> = (0..50_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    std::fs::write(folder.path().join("book.db"), &garbage).unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, LedgerError::Corrupt(_)), "{error}");
    let kept = std::fs::read(folder.path().join("book.db")).unwrap();
    assert!(kept == garbage, "what a person may want to save is left alone");
}

#[tokio::test]
async fn a_truncated_database_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    for _ in 0..10 {
        ledger.write(&deliveries(20, 4000)).await.unwrap();
    }
    ledger.close().await.unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(folder.path().join("book.db")).unwrap();
    let length = file.metadata().unwrap().len();
    assert!(length > 500_000);
    file.set_len(length / 2).unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, LedgerError::Corrupt(_)), "{error}");
}

#[tokio::test]
async fn damage_within_the_file_is_told_where_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    ledger.write(&deliveries(200, 4000)).await.unwrap();
    ledger.close().await.unwrap();
    let path = folder.path().join("book.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // Every page but the schema's first ones.
    bytes[40 * 8192..].fill(0xAA);
    std::fs::write(&path, bytes).unwrap();
    let outcome = match Sqlite::open(options(folder.path())).await {
        Ok(ledger) => ledger
            .open_events(StoreId(1), crate::domain::Position(0), 300, usize::MAX)
            .await
            .map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(outcome, Err(LedgerError::Corrupt(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_schema_of_a_newer_build_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await.unwrap();
    let url = format!("sqlite:{}", folder.path().join("book.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(folder.path().join("book.db")).unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, LedgerError::TooNew { found: 99, known: 3 }), "{error}");
    assert!(std::fs::read(folder.path().join("book.db")).unwrap() == before);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let error = refusal(&folder.path().join("missing")).await;
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn only_a_calm_end_is_a_clean_one() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    assert!(!ledger.ended_uncleanly(), "there was no process before");
    ledger.write(&deliveries(3, 100)).await.unwrap();
    drop(ledger);
    let ledger = open(folder.path()).await;
    assert!(ledger.ended_uncleanly());
    assert_eq!(ledger.backlog(StoreId(1)).await.unwrap().waiting, 3);
    ledger.close().await.unwrap();
    assert!(!folder.path().join("book.db-wal").exists(), "the log is copied and gone");
    assert!(!open(folder.path()).await.ended_uncleanly());
}

#[tokio::test]
async fn closing_waits_for_what_is_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = std::sync::Arc::new(open(folder.path()).await);
    ledger.write(&deliveries(100, 4000)).await.unwrap();
    let reader = std::sync::Arc::clone(&ledger);
    let reading = tokio::spawn(async move {
        reader.open_events(StoreId(1), crate::domain::Position(0), 100, usize::MAX).await
    });
    tokio::task::yield_now().await;
    ledger.close().await.unwrap();
    let read = reading.await.unwrap();
    assert!(read.is_err() || read.unwrap().len() == 100, "all of it or none");
}
