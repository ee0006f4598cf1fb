//! Tasks of stores, when they are due, and their runs as the ledger holds them (R2–R6).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::NewEvent;
use crate::domain::{AccountId, Position, Progress, StoreId, Task, Timestamp};

/// The topic of what a run of [`Task::ImportOrders`] told of one order; the run itself has the name of
/// its task.
pub const POLL: &str = "poll";

/// How often a task runs by itself (R4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Autosync {
    /// Never.
    #[default]
    Off,
    /// As often as the daemon's configuration says.
    Default,
    /// So often.
    Every(Duration),
}

impl Autosync {
    /// How often, where `default` is what the configuration says; `None`: never.
    pub fn every(self, default: Duration) -> Option<Duration> {
        match self {
            Self::Off => None,
            Self::Default => Some(default),
            Self::Every(every) => Some(every),
        }
    }
}

/// One task of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Which.
    pub task: Task,
    /// Whether webhooks serve it (R3).
    pub instasync: bool,
    /// Whether and how often a schedule does.
    pub autosync: Autosync,
    /// When its next run is due.
    pub next_due: Option<Timestamp>,
    /// What its runs have reached.
    pub progress: Progress,
}

impl TaskRow {
    /// A task as a new store has it (R3). The first run, which reads what is open, is due at `first`.
    pub fn new(task: Task, first: Timestamp) -> Self {
        let (instasync, autosync, next_due) = match task {
            Task::ImportOrders => (true, Autosync::Default, Some(first)),
            Task::ImportProducts | Task::WriteInventory => (false, Autosync::Off, None),
        };
        Self { task, instasync, autosync, next_due, progress: Progress::default() }
    }
}

/// A task whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTask {
    /// The merchant.
    pub account: AccountId,
    /// The store.
    pub store: StoreId,
    /// Which task.
    pub task: Task,
    /// When it was due.
    pub due: Timestamp,
    /// How often it is.
    pub autosync: Autosync,
}

/// Begins a run of a task. If one has not ended yet, that one counts for this one too (R6); the
/// answer names it as a duplicate.
#[derive(Debug, Clone)]
pub struct StartTask {
    /// The store.
    pub store: StoreId,
    /// Which task.
    pub task: Task,
    /// When it was due. Nothing happens if it is not due then any more. `None`: somebody asks for
    /// it, whenever it is due.
    pub due: Option<Due>,
    /// The event that the run becomes.
    pub event: NewEvent,
}

/// A due time that a run takes away, and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When it was due.
    pub at: Timestamp,
    /// When it is due the next time.
    pub next: Option<Timestamp>,
}

/// The settings of a task, and when it is due under them; what its runs have reached stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSettings {
    /// The store.
    pub store: StoreId,
    /// Which task.
    pub task: Task,
    /// Whether webhooks serve it.
    pub instasync: bool,
    /// Whether and how often a schedule does.
    pub autosync: Autosync,
    /// When its next run is due.
    pub next_due: Option<Timestamp>,
}

/// What the runs of a task have reached, written with what they brought.
#[derive(Debug, Clone)]
pub struct TaskProgress {
    /// Which task.
    pub task: Task,
    /// All of it.
    pub progress: Progress,
    /// The next run is due then, unless it is earlier anyway.
    pub due_by: Option<Timestamp>,
}

/// What began a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The schedule.
    #[default]
    Schedule,
    /// A person or tool.
    Person,
    /// The store was connected: the first run.
    Connect,
    /// Subscriptions were mended: the gap is read (R43).
    Repair,
}

impl Trigger {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Person => "person",
            Self::Connect => "connect",
            Self::Repair => "repair",
        }
    }
}

/// One run of a task: what it has done so far. Whether it goes on is the state of its event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// What began it.
    pub trigger: Trigger,
    /// When it began, by our clock.
    pub started_at: Option<Timestamp>,
    /// When it began, by the cart's clock.
    pub began: Option<Timestamp>,
    /// Where it goes on, in the words of whoever reads the list.
    pub from: Option<Value>,
    /// Pages that are durable.
    pub pages: u32,
    /// Orders the cart showed.
    pub seen: u32,
    /// Of these, how many came into the book or were held back for the first time.
    pub new: u32,
    /// How many were known in another state.
    pub changed: u32,
    /// How many were known as they are.
    pub unchanged: u32,
    /// What it brought that the book lacked.
    pub repaired: u32,
    /// What webhooks should have told of long before (R41).
    pub missed: u32,
    /// When the first of them changed, by the cart's clock.
    pub missed_since: Option<Timestamp>,
    /// How many could not be read or applied.
    pub failed: u32,
    /// Why it failed, or what keeps it waiting.
    pub error: Option<String>,
}

/// A run as of one turn.
#[derive(Debug, Clone)]
pub struct RunWrite {
    /// Its event.
    pub event: Position,
    /// All of it.
    pub run: Run,
}
