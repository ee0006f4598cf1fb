//! What the other rooms hold of the actors: the only way to talk to them.
//!
//! Asks go down, always with a deadline (I7); a nudge carries no data and is never refused; what
//! must happen rides on a message with its own answer channel, never on a cancellable send (I8).

use std::time::Duration;

use serde::Serialize;

use crate::domain::{Order, OrderId, Position, Timestamp};
use crate::ledger::LedgerError;

use super::writer::WriteError;

/// Why an ask was not fulfilled, by what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// There is no such order or store.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// An impossible step, in words (R18).
    #[error("{0}")]
    Refused(String),
    /// What was given cannot be right for this order, in words.
    #[error("{0}")]
    Invalid(String),
    /// It was asked of a revision that is no longer the present one (R30), in words.
    #[error("{0}")]
    Changed(String),
    /// Somebody else changed it at the same time: read again and decide anew.
    #[error("it was changed by somebody else at the same moment; look at it again")]
    Conflict,
    /// Too many asks wait for this store already.
    #[error("too many requests wait for this store; try again in a moment")]
    Busy,
    /// It cannot be done now and will work later by itself.
    #[error("{0}")]
    Unavailable(String),
    /// No answer in time. It may still happen; asking again is harmless.
    #[error("no answer within {} s; it may still happen", .0.as_secs())]
    Deadline(Duration),
}

impl From<LedgerError> for AskError {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<WriteError> for AskError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The answer to "fetch this order now" (R7).
#[derive(Debug, Clone)]
pub enum Fetched {
    /// It was read and applied.
    Order(Box<Order>),
    /// The cart has no such order.
    NotInCart,
    /// It goes on in the background; this event tells how it ends.
    Running(Position),
}

/// A store's health in one word, for counting and sorting (worst last).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of /admin/actors")]
pub enum ActorState {
    /// No actor is needed; one starts on the first event.
    Passive,
    Starting,
    Running,
    Paused,
    BackingOff,
    Quarantined,
    Stopped,
}

/// One actor as `/admin/actors` shows it (R51).
#[derive(Debug, Clone, Serialize)]
pub struct ActorView {
    /// `writer`, `timer`, `stores`, or the store's slug.
    pub name: String,
    /// The store, for store actors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What it is doing.
    pub state: ActorState,
    /// How often it has been built, the first time included; 0 for a passive one.
    pub incarnation: u64,
    /// How often it was restarted since the daemon started.
    pub restarts: u64,
    /// Messages and events it knows of and has not worked off.
    pub mailbox: u64,
    /// When it was last built.
    pub started_at: Option<Timestamp>,
    /// Since when it has been working on its present turn.
    pub busy_since: Option<Timestamp>,
    /// The last panic's text.
    pub last_panic: Option<String>,
    /// When that was.
    pub last_panic_at: Option<Timestamp>,
}

/// The answer to a forced restart.
#[derive(Debug, Clone, Serialize)]
pub struct Restarted {
    /// The store's slug.
    pub store: String,
    /// The new incarnation.
    pub incarnation: u64,
    /// Restarts since the daemon started, this one included.
    pub restarts: u64,
    /// What it is doing now.
    pub state: ActorState,
}

/// An order that a person wants changed.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which order.
    pub order: OrderId,
    /// What to do.
    pub command: crate::domain::Command,
    /// Who asks, as timelines will name them.
    pub by: String,
    /// The order's version the person looked at, if it must not have changed since.
    pub if_version: Option<u64>,
}

impl ActorView {
    /// A store that has no actor now.
    pub(super) fn passive(slug: &str, paused: bool) -> Self {
        Self {
            name: slug.to_owned(),
            store: Some(slug.to_owned()),
            state: if paused { ActorState::Paused } else { ActorState::Passive },
            incarnation: 0,
            restarts: 0,
            mailbox: 0,
            started_at: None,
            busy_since: None,
            last_panic: None,
            last_panic_at: None,
        }
    }

    /// The same, as the actor of a store.
    pub(super) fn for_store(mut self, slug: &str, paused: bool) -> Self {
        self.store = Some(slug.to_owned());
        if paused && self.state == ActorState::Running {
            self.state = ActorState::Paused;
        }
        self
    }
}
