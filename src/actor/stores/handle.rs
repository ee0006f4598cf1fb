//! How other rooms reach the store actors.

use std::sync::Arc;

use crate::actor::handle::{ActorView, Ask, AskError, Fetched, Restarted};
use crate::channel::OrderRef;
use crate::domain::{Order, StoreId};

/// All store actors, started on first need. Cheap to clone.
#[derive(Clone)]
pub struct StoresHandle {
    pub(super) shared: Arc<super::Shared>,
}

impl StoresHandle {
    /// There may be work for a store in the journal. Never refused, never blocks.
    pub fn nudge(&self, store: StoreId) {
        let _ = store;
    }

    /// Does what a person or tool asks of an order, through `decide` (R11, R18).
    pub async fn ask(&self, ask: Ask) -> Result<Order, AskError> {
        let _ = ask;
        Err(AskError::Busy)
    }

    /// Reads one order from the cart now (R7); answers [`Fetched::Running`] after 10 s.
    pub async fn fetch(&self, store: StoreId, which: OrderRef, by: String) -> Result<Fetched, AskError> {
        let _ = (store, which, by);
        Err(AskError::Busy)
    }

    /// The store's row changed: rules, credentials, pause, connection. Its actor, if there is one,
    /// reads it again before its next turn.
    pub fn changed(&self, store: StoreId) {
        let _ = store;
    }

    /// Has the store's actor check token, scopes and subscriptions, and create what is missing.
    /// The outcome stands in the store's row (`health`). `webhook_url` is where carts reach it.
    pub async fn connect(&self, store: StoreId) -> Result<(), AskError> {
        let _ = store;
        Err(AskError::Busy)
    }

    /// Forces a new incarnation (R51); answers once it is up. Starts a passive one; a paused one
    /// stays paused.
    pub async fn restart(&self, store: StoreId, by: &str) -> Result<Restarted, AskError> {
        let _ = (store, by);
        Err(AskError::Busy)
    }

    /// Every actor of the tree, vital ones first, then stores by trouble.
    pub fn actors(&self) -> Vec<ActorView> {
        Vec::new()
    }

    /// One store's actor, passive or not; `None` if there is no such store.
    pub fn actor(&self, store: StoreId) -> Option<ActorView> {
        let _ = store;
        None
    }
}
