//! Runs of tasks, begun when they are due (R4).
//!
//! When a task is due stands in the ledger, and nowhere else: a look at its index finds what is due,
//! however many stores there are. A run begins in the same write that puts the due time off to the
//! next instant of the store's grid, so none is skipped or made twice.

use std::time::Duration;

use futures_util::future::join_all;
use tracing::info;

use super::store::PollBody;
use super::timer::TimerParts;
use super::writer::WriteError;
use crate::domain::{Grid, Task, Timestamp};
use crate::ledger::{Due, DueTask, LedgerError, NewEvent, StartTask, Trigger, Write, Written};

/// Tasks looked at in one read, and writes that wait for the Writer at once.
const PAGE: usize = 200;
/// Due times are looked at so often at most …
const SHORTEST: Duration = Duration::from_millis(100);
/// … and so many times in the default interval at least.
const LOOKS: u32 = 10;
/// A clock that moves on by so much between two looks was set, or the machine slept.
const JUMP: Duration = Duration::from_mins(1);

/// What the timer knows of runs.
pub(super) struct Runs {
    parts: TimerParts,
    /// What was due before then was missed: nobody was here, or the clock was set.
    up: Timestamp,
    /// What was missed has been put off, so that it is spread.
    spread: bool,
    looked_at: Timestamp,
    every: Duration,
}

impl Runs {
    pub(super) fn new(parts: TimerParts, now: Timestamp) -> Self {
        let every = parts.sweep_every.min(parts.autosync / LOOKS).max(SHORTEST);
        Self { parts, up: now, spread: false, looked_at: now, every }
    }

    /// When to look for the next time.
    pub(super) fn look_at(&self) -> Timestamp {
        self.looked_at.plus(self.every)
    }

    /// Begins the runs that are due by `now`, if it is time to look.
    pub(super) async fn begin_due(&mut self, now: Timestamp) -> Result<(), NotBegun> {
        let set_back = now < self.looked_at;
        if set_back || now > self.look_at().plus(JUMP) {
            info!(%now, "the clock was set, or the machine slept: what is due is spread anew");
            (self.up, self.spread) = (now, false);
        } else if now < self.look_at() && self.spread {
            return Ok(());
        }
        self.looked_at = now;
        if !self.spread {
            self.spread_missed(now).await?;
            self.spread = true;
        }
        self.each(now, |task, grid| {
            let due = Due { at: task.due, next: grid.map(|grid| grid.next_after(now)) };
            Some(Write::StartTask(Box::new(StartTask {
                store: task.store,
                task: task.task,
                due: Some(due),
                event: run_of(task, now)?,
            })))
        })
        .await
    }

    /// Puts off what fell due while nobody was here, each store to its own place in the next
    /// minutes; brings back what a clock that was set back has left too far ahead.
    async fn spread_missed(&self, now: Timestamp) -> Result<(), NotBegun> {
        let up = self.up;
        self.each(Timestamp(i64::MAX), |task, grid| {
            let next = match grid {
                Some(grid) if !grid.fits(task.due, now) => grid.next_after(now),
                Some(grid) if task.due < up => grid.start_of(task.due, up),
                _ => return None,
            };
            let due = Due { at: task.due, next: Some(next) };
            Some(Write::PutOff { store: task.store, task: task.task, due })
        })
        .await
    }

    /// Writes what `write` makes of every task that is due until then.
    async fn each(
        &self,
        until: Timestamp,
        write: impl Fn(&DueTask, Option<Grid>) -> Option<Write>,
    ) -> Result<(), NotBegun> {
        let mut after = None;
        loop {
            let page = self.parts.ledger.due_tasks(after.as_ref(), until, PAGE).await?;
            let writes = page.iter().filter_map(|task| {
                let every = task.autosync.every(self.parts.autosync);
                let grid = every.map(|every| Grid::new(task.store, task.task, every));
                Some((task, write(task, grid)?))
            });
            let written = join_all(writes.map(|(task, write)| self.put(task, write))).await;
            written.into_iter().collect::<Result<(), WriteError>>()?;
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.into_iter().last();
        }
    }

    async fn put(&self, task: &DueTask, write: Write) -> Result<(), WriteError> {
        if let Written::Journaled(_) = self.parts.writer.write(write).await? {
            self.parts.stores.nudge(task.store);
        }
        Ok(())
    }
}

/// Why a look came to nothing. What is due is still due, and met again with the next one.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotBegun {
    #[error(transparent)]
    Read(#[from] LedgerError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The event that a scheduled run becomes; `None` for tasks that this build does not run.
fn run_of(task: &DueTask, now: Timestamp) -> Option<NewEvent> {
    if task.task != Task::ImportOrders {
        return None;
    }
    let body = PollBody { trigger: Trigger::Schedule, since: None };
    let event = body.event(task.account, task.store, now, None);
    Some(NewEvent { triggered_at: Some(task.due), ..event })
}
