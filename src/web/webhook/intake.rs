//! What the front hands an authentic delivery to.

use async_trait::async_trait;

use crate::actor::{StoresHandle, WriteError, WriterHandle};
use crate::domain::StoreId;
use crate::ledger::{Journaled, NewEvent};

/// The way from the front into the daemon.
#[async_trait]
pub(super) trait Intake: Send + Sync + 'static {
    /// Writes the delivery down; durable when it answers (I1).
    async fn journal(&self, event: NewEvent) -> Result<Journaled, WriteError>;

    /// There is work for the store. Never refused, never blocks.
    fn nudge(&self, store: StoreId);
}

/// The Writer journals, the store actors are nudged.
pub(super) struct Actors {
    pub(super) writer: WriterHandle,
    pub(super) stores: StoresHandle,
}

#[async_trait]
impl Intake for Actors {
    async fn journal(&self, event: NewEvent) -> Result<Journaled, WriteError> {
        self.writer.journal(event).await
    }

    fn nudge(&self, store: StoreId) {
        self.stores.nudge(store);
    }
}

/// No journal: nothing is stored, so nothing may be acknowledged.
pub(super) struct Nowhere;

#[async_trait]
impl Intake for Nowhere {
    async fn journal(&self, _: NewEvent) -> Result<Journaled, WriteError> {
        Err(WriteError::Unavailable("there is no journal".to_owned()))
    }

    fn nudge(&self, _: StoreId) {}
}
