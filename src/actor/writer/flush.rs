//! Group commit without a timer: take what is queued, one transaction, answer all, repeat.

use std::sync::Arc;

use tracing::{error, warn};

use super::queue::Batch;
use super::{Shared, WriteError};
use crate::ledger::{LedgerError, Written};

/// Writes until nothing waits. Runs on a task of its own, so that a restart of the actor never cuts
/// a transaction in half (I9).
pub(super) async fn drain(shared: Arc<Shared>) {
    let _right = DrainRight(&shared);
    loop {
        let batch = shared.queues.take();
        if batch.is_empty() {
            return;
        }
        flush(&shared, batch).await;
        shared.turned();
    }
}

/// Gives the right to drain back when the task ends, also by a panic; the actor then starts anew.
struct DrainRight<'a>(&'a Shared);

impl Drop for DrainRight<'_> {
    fn drop(&mut self) {
        // After a calm end the right was given back with the empty batch already, and somebody else
        // may hold it by now.
        if std::thread::panicking() {
            self.0.queues.end_draining();
        }
    }
}

/// Writes a batch; if a write is to blame, in halves, so that it fails alone.
async fn flush(shared: &Shared, batch: Batch) {
    let mut pending = vec![batch];
    while let Some(mut batch) = pending.pop() {
        match shared.ledger.write(&batch.writes).await {
            Ok(written) => {
                shared.note(Ok(()));
                answer(batch, written);
            }
            Err(LedgerError::Rejected(why)) if batch.len() > 1 => {
                warn!(writes = batch.len(), why, "a batch was rejected, trying its halves");
                // The first half goes first: a store's writes keep their order.
                pending.push(batch.split());
                pending.push(batch);
            }
            Err(LedgerError::Rejected(why)) => {
                error!(why, "a write was rejected");
                fail(batch, &WriteError::Rejected(why));
            }
            Err(failure) => {
                shared.note(Err(&failure));
                // The rest of the batch would meet the same disk: everyone is told at once.
                let told = WriteError::Unavailable(failure.to_string());
                fail(batch, &told);
                pending.drain(..).for_each(|rest| fail(rest, &told));
            }
        }
    }
}

fn answer(batch: Batch, written: Vec<Written>) {
    debug_assert_eq!(batch.len(), written.len(), "invariant: an answer for every write");
    for (reply, written) in batch.replies.into_iter().zip(written) {
        // A caller that has gone meanwhile learns of it by reading again.
        let _gone = reply.send(Ok(written));
    }
}

fn fail(batch: Batch, error: &WriteError) {
    for reply in batch.replies {
        let _gone = reply.send(Err(error.clone()));
    }
}
