//! The database actor: every write of the daemon goes through it, in groups.
//!
//! Callers queue a write and wait for its answer; the queues are bounded, and a full one refuses at
//! once, so that the front can say 503 instead of piling up memory. The actor only makes sure that
//! exactly one task drains the queues; the task itself outlives a restart of the actor (I9).

#![allow(clippy::disallowed_methods, reason = "handles are where messages come from")]

pub(in crate::actor) mod actor;
mod flush;
mod queue;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix::Addr;
use tokio::sync::oneshot;

use self::queue::{Full, Lane, Queued, Queues};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::ledger::{Commit, Journaled, Ledger, LedgerError, Mismatch, NewEvent, Write, Written};

pub use self::queue::{QueueDepth, QueueLimits};

/// Why a write was not made, or not known to be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The queue is full: try again in a moment. Nothing was stored.
    #[error("the database has more work than it can take; try again in a moment")]
    Overloaded,
    /// The database cannot be written now. Nothing was stored.
    #[error("{0}")]
    Unavailable(String),
    /// The database refused this very write. Nothing was stored.
    #[error("the database refused the write: {0}")]
    Rejected(String),
    /// No answer in time: it may have been stored. Doing it again is harmless.
    #[error("the database did not answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
}

/// What a commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// All of it is durable.
    Yes,
    /// Nothing of it was applied.
    Refused(Mismatch),
}

/// How other rooms and actors write. Cheap to clone.
#[derive(Clone)]
pub struct WriterHandle {
    shared: Arc<Shared>,
}

/// What actor, handle and drain task share.
pub(super) struct Shared {
    ledger: Arc<dyn Ledger>,
    queues: Queues,
    clock: Clock,
    deadline: Duration,
    /// The actor; set once, right after it was started.
    actor: OnceLock<Addr<actor::Writer>>,
    batches: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

/// The database cannot be written since then.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// When the first write failed.
    pub since: Timestamp,
    /// Why, for operators.
    pub why: String,
}

impl WriterHandle {
    /// A handle with empty queues; the actor is started with it.
    pub(in crate::actor) fn new(
        ledger: Arc<dyn Ledger>,
        limits: QueueLimits,
        clock: Clock,
        deadline: Duration,
    ) -> Self {
        let shared = Shared {
            ledger,
            queues: Queues::new(limits),
            clock,
            deadline,
            actor: OnceLock::new(),
            batches: AtomicU64::new(0),
            trouble: Mutex::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(in crate::actor) fn attach(&self, actor: Addr<actor::Writer>) {
        let first = self.shared.actor.set(actor).is_ok();
        debug_assert!(first, "invariant: the writer is attached once");
        // What was queued before there was an actor.
        self.wake();
    }

    /// Journals a delivery; durable when it answers (I1). Refused at once when the queue is full.
    pub async fn journal(&self, event: NewEvent) -> Result<Journaled, WriteError> {
        let bytes = event.body.kept().len() + EVENT_OVERHEAD;
        match self.ask(Lane::Journal, bytes, Write::Journal(event)).await? {
            Written::Journaled(journaled) => Ok(journaled),
            other => Err(unexpected(&other)),
        }
    }

    /// Writes one turn of a store actor.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, WriteError> {
        let bytes = weight(&commit);
        match self.ask(Lane::Commit, bytes, Write::Commit(Box::new(commit))).await? {
            Written::Committed => Ok(Committed::Yes),
            Written::Refused(mismatch) => Ok(Committed::Refused(mismatch)),
            other => Err(unexpected(&other)),
        }
    }

    /// Writes anything else.
    pub async fn write(&self, write: Write) -> Result<Written, WriteError> {
        self.ask(Lane::Commit, EVENT_OVERHEAD, write).await
    }

    /// What waits now.
    pub fn depth(&self) -> QueueDepth {
        self.shared.queues.depth()
    }

    /// Transactions made since the daemon started.
    pub fn batches(&self) -> u64 {
        self.shared.batches.load(Ordering::Relaxed)
    }

    /// Since when and why nothing can be written; `None` while all is well.
    pub fn trouble(&self) -> Option<Trouble> {
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the actor answers within `patience`; the watchdog asks. A full disk is no reason to
    /// say no.
    pub async fn is_alive(&self, patience: Duration) -> bool {
        let Some(actor) = self.shared.actor.get() else { return false };
        let (alive, answer) = oneshot::channel();
        actor.do_send(actor::Beat { alive });
        matches!(tokio::time::timeout(patience, answer).await, Ok(Ok(())))
    }

    /// Waits until everything queued before has been written or refused.
    pub async fn flush(&self, deadline: Duration) {
        // There is no such token, so nothing changes; the marker comes last in its lane.
        let marker = || Write::RevokeToken { id: 0, at: self.shared.clock.now() };
        let lanes = [Lane::Journal, Lane::Commit].map(|lane| self.ask(lane, 0, marker()));
        let everything = futures_util::future::join_all(lanes);
        if tokio::time::timeout(deadline, everything).await.is_err() {
            tracing::warn!("the writer did not finish in time");
        }
    }

    fn wake(&self) {
        if let Some(actor) = self.shared.actor.get() {
            actor.do_send(actor::Wake);
        }
    }

    async fn ask(&self, lane: Lane, bytes: usize, write: Write) -> Result<Written, WriteError> {
        let (reply, answer) = oneshot::channel();
        let queued = Queued { write, bytes, reply };
        match self.shared.queues.push(lane, queued) {
            Ok(true) => self.wake(),
            Ok(false) => {}
            Err(Full) => return Err(WriteError::Overloaded),
        }
        let deadline = self.shared.deadline;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            // The drain task crashed with this batch: it is not known whether it was stored.
            Ok(Err(_crashed)) => {
                Err(WriteError::Unavailable("the writer was restarted".to_owned()))
            }
            Err(_elapsed) => Err(WriteError::Deadline(deadline)),
        }
    }
}

/// What an event or a small write weighs beside its body, in bytes.
const EVENT_OVERHEAD: usize = 512;
/// What an order row weighs, in bytes; near enough for a bound.
const ORDER_WEIGHT: usize = 4096;

fn weight(commit: &Commit) -> usize {
    let rows = commit.closes.len() + commit.retries.len() + commit.timeline.len();
    let bodies: usize = commit.recorded.iter().map(|recorded| recorded.body.kept().len()).sum();
    EVENT_OVERHEAD * (1 + rows) + ORDER_WEIGHT * commit.orders.len() + bodies
}

fn unexpected(written: &Written) -> WriteError {
    WriteError::Rejected(format!("the ledger gave an answer that does not fit: {written:?}"))
}

impl Shared {
    /// A transaction was made, or tried.
    fn turned(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    /// Remembers whether writing works.
    fn note(&self, outcome: Result<(), &LedgerError>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                if trouble.take().is_some() {
                    tracing::info!("the database can be written again");
                }
            }
            Err(error) => {
                if trouble.is_none() {
                    tracing::error!(%error, "the database cannot be written");
                }
                let since = trouble.as_ref().map_or_else(|| self.clock.now(), |t| t.since);
                *trouble = Some(Trouble { since, why: error.to_string() });
            }
        }
    }
}
