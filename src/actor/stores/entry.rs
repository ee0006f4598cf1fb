//! What is known of one running store actor outside of it: flags, counts, and how to reach it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, Semaphore};

use crate::actor::store::Store;
use crate::actor::supervise::Supervised;
use crate::domain::{StoreId, Timestamp};

/// One store actor, shared between it, its supervisor and the handles.
pub(in crate::actor) struct Entry {
    pub(in crate::actor) id: StoreId,
    pub(in crate::actor) slug: Box<str>,
    /// A wake-up is in its mailbox: at most one is ever in flight.
    nudged: AtomicBool,
    /// Since when it has nothing to do, in µs; 0 while it has.
    idle_since: AtomicI64,
    /// Orders and checks that wait for the cart.
    waiting: AtomicU64,
    /// Tells those who wait for an event to end that some have ended.
    pub(in crate::actor) commits: Notify,
    /// Bounds people's commands, since a mailbox bounds nothing.
    pub(in crate::actor) permits: Arc<Semaphore>,
    commands: usize,
    /// How to reach it; set once, before the entry is seen by anybody else.
    supervised: OnceLock<Supervised<Store>>,
}

impl Entry {
    pub(super) fn new(id: StoreId, slug: &str, commands: usize) -> Self {
        Self {
            id,
            slug: slug.into(),
            nudged: AtomicBool::new(false),
            idle_since: AtomicI64::new(0),
            waiting: AtomicU64::new(0),
            commits: Notify::new(),
            permits: Arc::new(Semaphore::new(commands)),
            commands,
            supervised: OnceLock::new(),
        }
    }

    /// Called once, before the entry is entered into the registry.
    pub(super) fn attach(&self, supervised: Supervised<Store>) {
        let first = self.supervised.set(supervised).is_ok();
        debug_assert!(first, "invariant: an entry is attached once");
    }

    /// The running actor.
    pub(super) fn actor(&self) -> &Supervised<Store> {
        self.supervised.get().expect("invariant: attached before it was entered")
    }

    /// Raises the flag; `true`: it was down, so a wake-up has to be sent.
    pub(super) fn nudge(&self) -> bool {
        !self.nudged.swap(true, Ordering::SeqCst)
    }

    // === By the actor ===

    /// It has taken the wake-up. The order matters: it is busy before the flag is down, so that
    /// whoever sees the flag down and it idle knows that no work was announced in between.
    pub(in crate::actor) fn awake(&self) {
        self.set_busy();
        self.nudged.store(false, Ordering::SeqCst);
    }

    pub(in crate::actor) fn set_busy(&self) {
        self.idle_since.store(0, Ordering::SeqCst);
    }

    pub(in crate::actor) fn set_idle(&self, now: Timestamp) {
        let idle = self.idle_since.load(Ordering::SeqCst);
        if idle == 0 {
            self.idle_since.store(now.0.max(1), Ordering::SeqCst);
        }
    }

    pub(in crate::actor) fn set_waiting(&self, orders: usize) {
        self.waiting.store(orders as u64, Ordering::Relaxed);
    }

    // === By the supervisor ===

    /// Whether it may be let go: idle since before `since`, no wake-up in flight, no command waiting.
    /// Only true answers under the registry's write lock count.
    pub(super) fn may_rest(&self, since: Timestamp) -> bool {
        let flag = self.nudged.load(Ordering::SeqCst);
        let idle = self.idle_since.load(Ordering::SeqCst);
        let asked = self.permits.available_permits() < self.commands;
        !flag && !asked && idle != 0 && idle <= since.0
    }

    /// Messages and orders it has not worked off.
    pub(super) fn backlog(&self) -> u64 {
        let asked = self.commands.saturating_sub(self.permits.available_permits()) as u64;
        let nudged = u64::from(self.nudged.load(Ordering::Relaxed));
        self.waiting.load(Ordering::Relaxed) + asked + nudged
    }
}
