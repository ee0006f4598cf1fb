//! Who is supervised, and how patiently.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;

/// What an actor is called in logs and on `/admin/actors`: `writer`, `timer`, a store's slug.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActorName(Arc<str>);

impl ActorName {
    /// Names an actor. The name goes to logs: no secret and no personal data in it (I12).
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything about a supervised actor but the actor itself.
#[derive(Debug, Clone)]
pub struct Spec {
    /// What it is called.
    pub name: ActorName,
    /// How often it may crash, and what then.
    pub policy: Policy,
    /// Where the times in its statistics come from.
    pub clock: Clock,
}

/// How often an actor may crash, how long it rests in between, and what happens above the limit.
///
/// Only crashes count against the limit; restarts that somebody asked for do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// So many crashes within `period` are answered by a restart; one more is over the limit.
    pub intensity: u32,
    /// The window the crashes are counted in. Running that long without a crash is calm: the
    /// back-off starts anew.
    pub period: Duration,
    /// The rest before the first restart; doubles with each further crash.
    pub backoff_first: Duration,
    /// The longest rest.
    pub backoff_max: Duration,
    /// What happens above the limit.
    pub over_limit: OverLimit,
}

/// What happens to an actor that crashed too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverLimit {
    /// Give up: drop the actor with its queue and tell the parent.
    Escalate,
    /// Keep queue and address and try again in these intervals, until an attempt stays calm for a
    /// `period` or somebody forces a restart.
    Quarantine {
        /// The time between two attempts.
        retry_every: Duration,
    },
}

impl Policy {
    /// For store actors: one sick store is set aside alone.
    pub const STORE: Self = Self {
        intensity: 5,
        period: Duration::from_mins(1),
        backoff_first: Duration::from_millis(100),
        backoff_max: Duration::from_secs(30),
        over_limit: OverLimit::Quarantine { retry_every: Duration::from_mins(5) },
    };

    /// For actors without which the daemon is of no use (writer, timer): the process ends and
    /// systemd starts it again.
    pub const VITAL: Self = Self { intensity: 3, over_limit: OverLimit::Escalate, ..Self::STORE };
}
