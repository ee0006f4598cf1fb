//! The Writer's two queues: deliveries and everything else, each bounded in count and bytes.
//!
//! They live beside the actor, not in its mailbox: actix bounds nothing, and a restart of the actor
//! loses nothing that is queued here.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::WriteError;
use crate::ledger::{Write, Written};

/// How much may wait, and how much one transaction takes.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Deliveries that may wait.
    pub journal: usize,
    /// Bytes of their bodies that may wait.
    pub journal_bytes: usize,
    /// Commits and other writes that may wait.
    pub commit: usize,
    /// Their bytes, estimated.
    pub commit_bytes: usize,
    /// Writes in one transaction.
    pub batch: usize,
}

/// A queued write and who waits for it.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) write: Write,
    pub(super) bytes: usize,
    pub(super) reply: Reply,
}

/// Writes of one transaction, each with who waits for it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    pub(super) replies: Vec<Reply>,
}

/// Who waits for a write.
pub(super) type Reply = oneshot::Sender<Result<Written, WriteError>>;

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Cuts it in two; gives back the second half.
    pub(super) fn split(&mut self) -> Self {
        let half = self.len() / 2;
        Self { writes: self.writes.split_off(half), replies: self.replies.split_off(half) }
    }
}

/// The lane takes no more; nothing was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Which queue a write waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Journal,
    Commit,
}

#[derive(Debug)]
struct LaneQueue {
    waiting: VecDeque<Queued>,
    bytes: usize,
    limit: usize,
    limit_bytes: usize,
}

/// Both queues under one lock.
#[derive(Debug)]
pub(super) struct Queues {
    lanes: Mutex<Lanes>,
    batch: usize,
}

#[derive(Debug)]
struct Lanes {
    journal: LaneQueue,
    commit: LaneQueue,
    /// Somebody is taking batches; whoever finds it false while pushing starts a taker.
    draining: bool,
}

/// What a lane holds now, for metrics and the actors page.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueueDepth {
    /// Deliveries waiting.
    pub journal: usize,
    /// Commits and other writes waiting.
    pub commit: usize,
    /// Bytes of both.
    pub bytes: usize,
}

impl Queues {
    pub(super) fn new(limits: QueueLimits) -> Self {
        let lane = |limit, limit_bytes| LaneQueue {
            waiting: VecDeque::new(),
            bytes: 0,
            limit,
            limit_bytes,
        };
        Self {
            lanes: Mutex::new(Lanes {
                journal: lane(limits.journal, limits.journal_bytes),
                commit: lane(limits.commit, limits.commit_bytes),
                draining: false,
            }),
            batch: limits.batch.max(3),
        }
    }

    /// Queues a write, or drops it if its lane is full. `Ok(true)`: nobody is draining, so the
    /// caller has to wake the actor.
    pub(super) fn push(&self, lane: Lane, queued: Queued) -> Result<bool, Full> {
        let mut lanes = self.lock();
        let idle = !lanes.draining;
        let queue = match lane {
            Lane::Journal => &mut lanes.journal,
            Lane::Commit => &mut lanes.commit,
        };
        // One write is always let in, however large, so that no size can starve.
        let fits = queue.waiting.len() < queue.limit
            && (queue.waiting.is_empty() || queue.bytes + queued.bytes <= queue.limit_bytes);
        if !fits {
            return Err(Full);
        }
        queue.bytes += queued.bytes;
        queue.waiting.push_back(queued);
        Ok(idle)
    }

    /// Claims the right to drain; `false` if somebody has it.
    pub(super) fn begin_draining(&self) -> bool {
        !std::mem::replace(&mut self.lock().draining, true)
    }

    /// Gives the right back, however the drain ended.
    pub(super) fn end_draining(&self) {
        self.lock().draining = false;
    }

    /// The next batch: deliveries first, but commits get at least a third of it while they wait.
    /// Empty: nothing waits, and the right to drain has been given back in the same breath.
    pub(super) fn take(&self) -> Batch {
        let mut lanes = self.lock();
        let mut batch = Batch::default();
        // A round may find only writes whose callers have gone; those behind them still wait.
        while batch.is_empty() && !lanes.are_empty() {
            let commits = lanes.commit.waiting.len();
            let reserved = commits.min(self.batch / 3);
            let deliveries = lanes.journal.waiting.len().min(self.batch - reserved);
            let commits = commits.min(self.batch - deliveries);
            lanes.journal.take(deliveries, &mut batch);
            lanes.commit.take(commits, &mut batch);
        }
        if batch.is_empty() {
            lanes.draining = false;
        }
        batch
    }

    pub(super) fn depth(&self) -> QueueDepth {
        let lanes = self.lock();
        QueueDepth {
            journal: lanes.journal.waiting.len(),
            commit: lanes.commit.waiting.len(),
            bytes: lanes.journal.bytes + lanes.commit.bytes,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn are_empty(&self) -> bool {
        self.journal.waiting.is_empty() && self.commit.waiting.is_empty()
    }
}

impl LaneQueue {
    /// Moves up to `count` writes into `batch`, leaving out those whose caller has gone: it was told
    /// that nothing was stored.
    fn take(&mut self, count: usize, batch: &mut Batch) {
        for queued in self.waiting.drain(..count) {
            self.bytes -= queued.bytes;
            if !queued.reply.is_closed() {
                batch.writes.push(queued.write);
                batch.replies.push(queued.reply);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::StoreId;

    fn queues() -> Queues {
        Queues::new(QueueLimits {
            journal: 10,
            journal_bytes: 100,
            commit: 10,
            commit_bytes: 100,
            batch: 6,
        })
    }

    fn queued(bytes: usize) -> (Queued, oneshot::Receiver<Result<Written, WriteError>>) {
        let (reply, answer) = oneshot::channel();
        (Queued { write: Write::TakeEpoch(StoreId(1)), bytes, reply }, answer)
    }

    #[test]
    fn queues_are_bounded_in_count_and_bytes() {
        let queues = queues();
        let mut answers = Vec::new();
        let mut push = |lane, bytes| {
            let (write, answer) = queued(bytes);
            answers.push(answer);
            queues.push(lane, write).is_ok()
        };
        assert!((0..10).all(|_| push(Lane::Journal, 1)));
        assert!(!push(Lane::Journal, 1), "eleventh delivery");
        assert!(push(Lane::Commit, 500), "one large write is always let in");
        assert!(!push(Lane::Commit, 1), "over the bytes");
    }

    #[test]
    fn commits_get_at_least_a_third_of_a_batch() {
        let queues = queues();
        let mut answers = Vec::new();
        for lane in [Lane::Journal, Lane::Commit] {
            for _ in 0..8 {
                let (write, answer) = queued(1);
                answers.push(answer);
                queues.push(lane, write).unwrap();
            }
        }
        assert!(queues.begin_draining() && !queues.begin_draining());
        assert_eq!(queues.take().len(), 6);
        let depth = queues.depth();
        assert_eq!((depth.journal, depth.commit), (4, 6));
        queues.take();
        let depth = queues.depth();
        assert_eq!((depth.journal, depth.commit), (0, 4));
    }

    #[test]
    fn a_write_whose_caller_has_gone_is_not_made() {
        let queues = queues();
        let (write, answer) = queued(1);
        queues.push(Lane::Journal, write).unwrap();
        drop(answer);
        assert!(queues.begin_draining());
        assert!(queues.take().is_empty());
        assert!(queues.begin_draining(), "an empty batch gives the right to drain back");
        assert_eq!(queues.depth().bytes, 0);
    }

    #[test]
    fn writes_behind_a_batch_of_abandoned_ones_are_still_made() {
        let queues = queues();
        for _ in 0..8 {
            let (write, gone) = queued(1);
            queues.push(Lane::Journal, write).unwrap();
            drop(gone);
        }
        let (write, _answer) = queued(1);
        queues.push(Lane::Journal, write).unwrap();
        assert!(queues.begin_draining());
        assert_eq!(queues.take().len(), 1);
    }
}
