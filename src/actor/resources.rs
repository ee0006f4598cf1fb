//! What every actor may use. One value for the whole daemon, shared.

use std::sync::Arc;
use std::time::Duration;

use crate::actor::timer::TimerHandle;
use crate::actor::writer::{WriteError, WriterHandle};
use crate::channel::Channels;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::{Outcome, Position, StoreId, Timestamp};
use crate::ledger::{Ledger, StoreRow, Write, Written};
use crate::metrics::Metrics;

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
}

impl Resources {
    /// Counts decisions that are durable now.
    pub(super) fn count(&self, store: &StoreRow, outcomes: &[(Outcome, Timestamp)]) {
        let now = self.clock.now();
        for (outcome, since) in outcomes {
            self.metrics.order_outcome(store.id, *outcome);
            if *outcome == Outcome::Created {
                self.metrics.import_latency(store.id, now.since(*since));
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
