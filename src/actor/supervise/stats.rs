//! What is known of an actor from outside, without asking it: it may be hanging.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::control::RestartReason;
use super::panic::Caught;
use super::spec::ActorName;
use crate::actor::handle::{ActorState, ActorView};
use crate::clock::Clock;
use crate::domain::Timestamp;

/// One actor's state and history (R51). Written by its supervisor, read by anybody.
#[derive(Debug)]
pub struct ActorStats {
    name: ActorName,
    clock: Clock,
    current: Mutex<ActorSnapshot>,
}

/// An actor at one moment.
#[derive(Debug, Clone)]
pub struct ActorSnapshot {
    /// What it is doing, as its supervisor sees it.
    pub state: ActorState,
    /// How often it has been built, the first time and failed tries included.
    pub incarnation: u64,
    /// How often it was restarted, and why.
    pub restarts: RestartCounts,
    /// Why it was last built.
    pub cause: Cause,
    /// When it was last built.
    pub started_at: Timestamp,
    /// Since when it has been at its present piece of work; `None`: it waits for some.
    pub busy_since: Option<Timestamp>,
    /// The last crash.
    pub last_crash: Option<Arc<CrashReport>>,
}

/// Why an incarnation was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is the first.
    Start,
    /// The one before panicked.
    Crash,
    /// Somebody asked for it.
    Asked(RestartReason),
}

/// Restarts by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestartCounts {
    /// After a panic.
    pub crash: u64,
    /// [`RestartReason::Operator`].
    pub operator: u64,
    /// [`RestartReason::Hung`].
    pub hung: u64,
}

impl RestartCounts {
    /// All of them.
    pub fn total(self) -> u64 {
        self.crash + self.operator + self.hung
    }
}

/// A panic of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashReport {
    /// When.
    pub at: Timestamp,
    /// Of which incarnation.
    pub incarnation: u64,
    /// The panic's text, on one line, shortened.
    pub text: String,
    /// File and line; `None` if no panic hook is installed.
    pub place: Option<String>,
}

impl ActorStats {
    /// An actor that is about to be built for the first time.
    pub(super) fn new(name: ActorName, clock: Clock) -> Self {
        let current = Mutex::new(ActorSnapshot {
            state: ActorState::Starting,
            incarnation: 1,
            restarts: RestartCounts::default(),
            cause: Cause::Start,
            started_at: clock.now(),
            busy_since: None,
            last_crash: None,
        });
        Self { name, clock, current }
    }

    /// What the actor is called.
    pub fn name(&self) -> &ActorName {
        &self.name
    }

    /// How things stand.
    pub fn snapshot(&self) -> ActorSnapshot {
        self.current().clone()
    }

    /// How things stand, for operators. How much waits for the actor is known to its owner only;
    /// so is which store it belongs to.
    pub fn view(&self, mailbox: u64) -> ActorView {
        let now = self.snapshot();
        ActorView {
            name: self.name.to_string(),
            store: None,
            state: now.state,
            incarnation: now.incarnation,
            restarts: now.restarts.total(),
            mailbox,
            started_at: Some(now.started_at),
            busy_since: now.busy_since,
            last_panic: now.last_crash.as_ref().map(|crash| crash.text.clone()),
            last_panic_at: now.last_crash.as_ref().map(|crash| crash.at),
        }
    }

    pub(super) fn incarnation(&self) -> u64 {
        self.current().incarnation
    }

    pub(super) fn cause(&self) -> Cause {
        self.current().cause
    }

    /// It is about to be built anew; `None`: after a crash.
    pub(super) fn rebuilding(&self, why: Option<RestartReason>) {
        let mut current = self.current();
        let count = match why {
            None => &mut current.restarts.crash,
            Some(RestartReason::Operator) => &mut current.restarts.operator,
            Some(RestartReason::Hung) => &mut current.restarts.hung,
        };
        *count += 1;
        current.cause = why.map_or(Cause::Crash, Cause::Asked);
        current.incarnation += 1;
        current.started_at = self.clock.now();
        current.busy_since = None;
    }

    pub(super) fn entered(&self, state: ActorState) {
        self.current().state = state;
    }

    pub(super) fn stopped(&self) {
        let mut current = self.current();
        current.state = ActorState::Stopped;
        current.busy_since = None;
    }

    pub(super) fn crashed(&self, caught: Caught) -> Arc<CrashReport> {
        let mut current = self.current();
        let report = Arc::new(CrashReport {
            at: self.clock.now(),
            incarnation: current.incarnation,
            text: caught.text,
            place: caught.place,
        });
        current.last_crash = Some(Arc::clone(&report));
        report
    }

    fn current(&self) -> MutexGuard<'_, ActorSnapshot> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, the actor is at a piece of work; see [`super::SupervisorCtx::busy`].
#[derive(Debug)]
#[must_use = "the work is over when this is dropped"]
pub struct Busy {
    stats: Arc<ActorStats>,
}

impl Busy {
    pub(super) fn begin(stats: Arc<ActorStats>) -> Self {
        let now = stats.clock.now();
        stats.current().busy_since = Some(now);
        Self { stats }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stats.current().busy_since = None;
    }
}
