//! What only the backend in memory can: fail and be held still on demand.

use std::sync::Arc;
use std::time::Duration;

use super::{event, row};
use crate::domain::{StoreId, Timestamp};
use crate::ledger::memory::Memory;
use crate::ledger::{Ledger, LedgerError, NewStore, Write};

#[tokio::test(start_paused = true)]
async fn the_next_writes_fail_and_apply_nothing() {
    let ledger = Memory::new();
    ledger.fail_writes(2, LedgerError::Unavailable("the disk is full".into()));
    let batch = [Write::Journal(event(StoreId(1), "a"))];
    for _ in 0..2 {
        assert!(ledger.write(&batch).await.unwrap_err().is_retryable());
    }
    assert_eq!(ledger.backlog(StoreId(1)).await.unwrap().waiting, 0);
    ledger.write(&batch).await.unwrap();
    assert_eq!(ledger.backlog(StoreId(1)).await.unwrap().waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn reads_fail_until_they_are_mended() {
    let ledger = Memory::new();
    ledger.fail_reads(Some(LedgerError::Corrupt("torn".into())));
    assert!(ledger.ping().await.is_err() && ledger.accounts().await.is_err());
    let new = NewStore { row: row("shop"), first_run: Timestamp(0) };
    assert!(ledger.write(&[Write::AddStore(Box::new(new))]).await.is_ok());
    ledger.fail_reads(None);
    assert!(ledger.store(StoreId(1)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn held_writes_wait_until_they_are_let_go() {
    let ledger = Arc::new(Memory::new());
    let held = ledger.hold_writes().await;
    let writer = Arc::clone(&ledger);
    let write =
        tokio::spawn(async move { writer.write(&[Write::Journal(event(StoreId(1), "a"))]).await });
    tokio::time::advance(Duration::from_hours(1)).await;
    assert!(!write.is_finished());
    assert_eq!(ledger.backlog(StoreId(1)).await.unwrap().waiting, 0, "reads go on");
    drop(held);
    write.await.unwrap().unwrap();
    assert_eq!(ledger.backlog(StoreId(1)).await.unwrap().waiting, 1);
}

#[tokio::test]
async fn it_ends_as_it_is_told_to() {
    let ledger = Memory::new();
    assert!(!ledger.ended_uncleanly());
    ledger.set_ended_uncleanly(true);
    assert!(ledger.ended_uncleanly());
    ledger.close().await.unwrap();
    assert!(!ledger.ended_uncleanly());
}
