//! What every actor may use. One value for the whole daemon, shared.

use std::sync::Arc;
use std::time::Duration;

use crate::actor::timer::TimerHandle;
use crate::actor::writer::{WriteError, WriterHandle};
use crate::channel::Channels;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::{By, Outcome, Position, StoreId, Timestamp};
use crate::ledger::{Ledger, StoreRow, Write, Written};
use crate::metrics::{self, ImportPath, Metrics};

/// Ports, handles and settings of the actors.
pub struct Resources {
    /// Reads.
    pub ledger: Arc<dyn Ledger>,
    /// Writes.
    pub writer: WriterHandle,
    /// The carts' protocols.
    pub channels: Channels,
    /// Which stores there are, and their secrets.
    pub directory: Arc<Directory>,
    /// Wakes stores when something is due.
    pub timer: TimerHandle,
    /// Time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
    /// How store actors behave.
    pub settings: StoreSettings,
}

/// What is counted of a decision.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    /// What it did.
    pub(super) outcome: Outcome,
    /// Who caused it.
    pub(super) by: By,
    /// When its event was received.
    pub(super) since: Timestamp,
}

/// How store actors behave; from the configuration's `stores`, `supervision` and `public`.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Events in one turn.
    pub turn_events: usize,
    /// Commands that may wait for one store.
    pub command_queue: usize,
    /// How long a command may take.
    pub command_deadline: Duration,
    /// An actor without work this long is let go.
    pub idle_after: Duration,
    /// A turn that takes longer than this is taken for a hang; the actor is restarted.
    pub hang_after: Duration,
    /// How often the journal is looked through for stores with work and no actor.
    pub sweep_every: Duration,
    /// Restarts a store may have …
    pub store_restarts: u32,
    /// … within this time, before it is quarantined.
    pub store_period: Duration,
    /// How often a quarantined store is tried again.
    pub quarantine_retry: Duration,
    /// Restarts the writer or the timer may have …
    pub vital_restarts: u32,
    /// … within this time, before the process gives up.
    pub vital_period: Duration,
    /// Where carts reach the public listener, without a slash at the end.
    pub public_url: Option<String>,
    /// How often a task runs whose store does not choose (R4).
    pub autosync: Duration,
    /// A change this much older than a poll, of which no webhook told, is a miss (R41).
    pub miss_after: Duration,
    /// How far lists of carts lag behind their writes (R42).
    pub list_lag: Duration,
}

impl Resources {
    /// Counts decisions that are durable now.
    pub(super) fn count(&self, store: &StoreRow, outcomes: &[Decided]) {
        let now = self.clock.now();
        for decided in outcomes {
            let outcome = match decided.outcome {
                Outcome::Created => metrics::Outcome::Created,
                Outcome::Updated => metrics::Outcome::Updated,
                Outcome::Cancelled => metrics::Outcome::Cancelled,
                Outcome::Ignored => metrics::Outcome::Ignored,
                Outcome::Failed => metrics::Outcome::Failed,
            };
            self.metrics.order_outcome(&store.slug, outcome);
            if decided.outcome == Outcome::Created {
                let path = match decided.by {
                    By::Cart(_) => ImportPath::Instasync,
                    By::Autosync => ImportPath::Autosync,
                    By::Person(_) => ImportPath::Manual,
                };
                self.metrics.import_latency(&store.slug, path, now.since(decided.since));
            }
        }
    }

    /// Counts a single try of an event on disk, before it is made.
    pub(super) async fn count_try(
        &self,
        store: StoreId,
        position: Position,
    ) -> Result<u32, WriteError> {
        match self.writer.write(Write::CountTry { store, position }).await? {
            Written::Tries(tries) => Ok(tries),
            other => Err(WriteError::Rejected(format!("unexpected answer {other:?}"))),
        }
    }
}
