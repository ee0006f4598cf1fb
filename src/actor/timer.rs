//! The actor that knows what is due when: wake-ups, one entry per store, the earliest; and runs.
//!
//! Everything due later is a row in the ledger; an entry here only saves looking. The sweep looks
//! all the same, every few seconds, so that no lost wake-up can lose work.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::Notify;
use tracing::warn;

use crate::actor::runs::Runs;
use crate::actor::stores::StoresHandle;
use crate::actor::supervise::SupervisorCtx;
use crate::actor::writer::WriterHandle;
use crate::clock::Clock;
use crate::domain::{StoreId, Timestamp};
use crate::ledger::Ledger;

/// When each store is to be woken. Shared by actor and handles, so that it outlives a restart.
#[derive(Debug, Default)]
struct Dues {
    by_time: BTreeSet<(Timestamp, StoreId)>,
    by_store: HashMap<StoreId, Timestamp>,
}

impl Dues {
    /// Keeps the earlier of the known and the given time; `true` if it became the very first.
    fn put(&mut self, store: StoreId, due: Timestamp) -> bool {
        match self.by_store.get(&store) {
            Some(known) if *known <= due => return false,
            Some(known) => {
                self.by_time.remove(&(*known, store));
            }
            None => {}
        }
        self.by_store.insert(store, due);
        self.by_time.insert((due, store));
        self.by_time.first() == Some(&(due, store))
    }

    fn take_due(&mut self, now: Timestamp) -> Vec<StoreId> {
        let mut stores = Vec::new();
        while let Some((due, store)) = self.by_time.first().copied() {
            if due > now {
                break;
            }
            self.by_time.pop_first();
            self.by_store.remove(&store);
            stores.push(store);
        }
        stores
    }

    fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(due, _)| *due)
    }
}

/// How others tell the timer what is due. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TimerHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dues: Mutex<Dues>,
    /// An earlier time than the one being waited for was entered.
    earlier: Notify,
    /// When the timer last made a turn: its loop is alive.
    turned_at: AtomicI64,
    stopped: AtomicBool,
}

impl TimerHandle {
    /// A handle with nothing due; the actor is started with it.
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                dues: Mutex::default(),
                earlier: Notify::new(),
                turned_at: AtomicI64::new(0),
                stopped: AtomicBool::new(false),
            }),
        }
    }

    /// Wakes a store at that time, or earlier if it is due earlier for another reason.
    pub fn wake_at(&self, store: StoreId, due: Timestamp) {
        if self.dues(|dues| dues.put(store, due)) {
            self.shared.earlier.notify_one();
        }
    }

    /// When the timer last looked around.
    pub fn turned_at(&self) -> Timestamp {
        Timestamp(self.shared.turned_at.load(Ordering::Relaxed))
    }

    /// Stops looking; the first step of a calm end.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.earlier.notify_one();
    }

    /// Stores waiting to be woken.
    pub fn waiting(&self) -> usize {
        self.dues(|dues| dues.by_store.len())
    }

    fn dues<T>(&self, work: impl FnOnce(&mut Dues) -> T) -> T {
        work(&mut self.shared.dues.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::SeqCst)
    }
}

impl Default for TimerHandle {
    fn default() -> Self {
        Self::new()
    }
}

/// What the timer needs.
#[derive(Clone)]
pub(super) struct TimerParts {
    pub(super) handle: TimerHandle,
    pub(super) stores: StoresHandle,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: Clock,
    pub(super) writer: WriterHandle,
    pub(super) sweep_every: Duration,
    /// How often a task runs whose store does not choose.
    pub(super) autosync: Duration,
}

/// The timer actor. Its only state is shared, so a restart begins where it stood.
pub(super) struct Timer {
    parts: TimerParts,
    supervisor: SupervisorCtx,
}

impl Timer {
    pub(super) fn new(parts: TimerParts, supervisor: SupervisorCtx) -> Self {
        Self { parts, supervisor }
    }
}

impl Actor for Timer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.supervisor.up();
        ctx.spawn(run(self.parts.clone()).into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Supervised for Timer {
    fn restarting(&mut self, _ctx: &mut Context<Self>) {}
}

/// Wakes what is due, sweeps now and then, until it is stopped.
async fn run(parts: TimerParts) {
    let clock = &parts.clock;
    let mut sweep_at = clock.now();
    let mut runs = Runs::new(parts.clone(), sweep_at);
    while !parts.handle.is_stopped() {
        let now = clock.now();
        parts.handle.shared.turned_at.store(now.0, Ordering::Relaxed);
        for store in parts.handle.dues(|dues| dues.take_due(now)) {
            parts.stores.nudge(store);
        }
        let set_back = sweep_at > now.plus(parts.sweep_every);
        if now >= sweep_at || set_back {
            sweep_at = now.plus(parts.sweep_every);
            if let Err(error) = sweep(&parts, now).await {
                warn!(%error, "the journal could not be swept; the next sweep tries again");
            }
        }
        if let Err(error) = runs.begin_due(now).await {
            warn!(%error, "runs that are due could not be begun; they are tried again");
        }
        let next = parts.handle.dues(|dues| dues.next());
        let next = [Some(sweep_at), Some(runs.look_at()), next].into_iter().flatten().min();
        // The clock may be set meanwhile: no wait is longer than the time between two sweeps.
        let wait = next.unwrap_or(sweep_at).since(clock.now()).min(parts.sweep_every);
        tokio::select! {
            () = tokio::time::sleep(wait.max(SHORTEST)) => {}
            () = parts.handle.shared.earlier.notified() => {}
        }
    }
}

/// A clock that stands still must not make a busy loop.
const SHORTEST: Duration = Duration::from_millis(1);
/// Stores looked at in one read.
const SWEEP_PAGE: usize = 1000;

/// Wakes every store with due events, whoever forgot to; restarts what hangs; lets go of what is
/// idle.
async fn sweep(parts: &TimerParts, now: Timestamp) -> Result<(), crate::ledger::LedgerError> {
    let mut after = StoreId(0);
    loop {
        let page = parts.ledger.backlogs(after, SWEEP_PAGE).await?;
        for backlog in &page {
            if backlog.due <= now {
                parts.stores.nudge(backlog.store);
            } else {
                parts.handle.wake_at(backlog.store, backlog.due);
            }
        }
        match page.last() {
            Some(last) if page.len() == SWEEP_PAGE => after = last.store,
            _ => break,
        }
    }
    parts.stores.look_after(now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_due_at_its_earliest_time_only() {
        let handle = TimerHandle::new();
        handle.wake_at(StoreId(1), Timestamp(50));
        handle.wake_at(StoreId(1), Timestamp(90));
        handle.wake_at(StoreId(2), Timestamp(20));
        handle.wake_at(StoreId(1), Timestamp(30));
        assert_eq!(handle.dues(|dues| dues.take_due(Timestamp(25))), [StoreId(2)]);
        assert_eq!(handle.dues(|dues| dues.next()), Some(Timestamp(30)));
        assert_eq!(handle.dues(|dues| dues.take_due(Timestamp(90))), [StoreId(1)]);
        assert_eq!(handle.waiting(), 0);
    }
}
