//! The two listeners: webhooks on the public one; pages, API, admin and metrics on the private one.

pub mod api;
pub(crate) mod attention;
pub mod auth;
pub(crate) mod bolt;
pub(crate) mod cursor;
pub mod health;
pub mod problem;
pub mod server;
#[cfg(test)]
mod testing;
pub mod ui;
pub mod webhook;

use std::sync::Arc;

use crate::actor::{Actors, StoresHandle, WriterHandle};
use crate::channel::Channels;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::vault::Vault;

/// What every handler may use.
#[derive(Clone)]
pub struct Desk {
    /// Reads.
    pub ledger: Arc<dyn Ledger>,
    /// Writes.
    pub writer: WriterHandle,
    /// Store actors.
    pub stores: StoresHandle,
    /// Which stores there are.
    pub directory: Arc<Directory>,
    /// The carts' protocols.
    pub channels: Channels,
    /// Secrets.
    pub vault: Arc<Vault>,
    /// Time.
    pub clock: Clock,
    /// Every actor, for showing them.
    pub actors: Arc<Actors>,
}
