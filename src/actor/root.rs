//! The tree of actors: Root ─ Writer · Timer · Stores ─ Store×N.

use std::sync::Arc;

use actix_rt::{Arbiter, ArbiterHandle};
use tokio::sync::watch;
use tracing::error;

use super::handle::ActorView;
use super::resources::{Resources, StoreSettings};
use super::stores::StoresHandle;
use super::supervise::{
    ActorName, ActorStats, ArbiterGone, Down, OverLimit, Policy, Spec, Supervised, SupervisorCtx,
    supervise_on,
};
use super::timer::{Timer, TimerHandle, TimerParts};
use super::writer::actor::Writer;
use super::writer::{QueueLimits, WriterHandle};
use crate::channel::Channels;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::metrics::Metrics;

/// What the tree is built from.
pub struct Foundation {
    /// Storage.
    pub ledger: Arc<dyn Ledger>,
    /// Stores and their secrets.
    pub directory: Arc<Directory>,
    /// The carts' protocols.
    pub channels: Channels,
    /// Time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
    /// Bounds of the Writer's queues.
    pub queues: QueueLimits,
    /// How long a write may take before its caller is told that it does not know.
    pub write_deadline: std::time::Duration,
    /// How store actors behave.
    pub settings: StoreSettings,
    /// Threads for store actors.
    pub store_threads: usize,
}

/// The running tree.
pub struct Actors {
    /// Writes.
    pub writer: WriterHandle,
    /// Store actors.
    pub stores: StoresHandle,
    /// What is due.
    pub timer: TimerHandle,
    vital: Vec<(&'static str, Arc<ActorStats>)>,
    /// Set to the name of a vital actor that was given up: the process has to end.
    fatal: watch::Receiver<Option<&'static str>>,
    arbiters: Vec<Arbiter>,
    _timer: actix::Addr<Timer>,
}

impl Actors {
    /// Starts the tree, children in order: writer, stores, timer. Call it inside an actix `System`
    /// whose arbiters share one tokio runtime, so that no pool ever stalls behind a busy arbiter.
    pub fn start(
        foundation: Foundation,
        runtime: &Arc<tokio::runtime::Runtime>,
    ) -> Result<Self, ArbiterGone> {
        let arbiter = || {
            let runtime = Arc::clone(runtime);
            Arbiter::with_tokio_rt(move || runtime)
        };
        let vital = arbiter();
        let stores: Vec<Arbiter> =
            (0..foundation.store_threads.max(1)).map(|_| arbiter()).collect();
        let lanes = stores.iter().map(Arbiter::handle).collect();
        let mut actors = Self::start_on(foundation, &vital.handle(), lanes)?;
        actors.arbiters = stores;
        actors.arbiters.push(vital);
        Ok(actors)
    }

    /// Starts the tree on threads that somebody else owns: tests run all of it on one, under a
    /// clock of their own.
    pub(super) fn start_on(
        foundation: Foundation,
        arbiter: &ArbiterHandle,
        lanes: Vec<ArbiterHandle>,
    ) -> Result<Self, ArbiterGone> {
        let Foundation { ledger, directory, channels, clock, metrics, queues, .. } = foundation;
        let settings = foundation.settings;
        let (give_up, fatal) = watch::channel(None);
        let vital = Vital {
            clock: clock.clone(),
            settings: settings.clone(),
            give_up: Arc::new(give_up),
            arbiter: arbiter.clone(),
        };

        let writer = WriterHandle::new(
            Arc::clone(&ledger),
            queues,
            clock.clone(),
            foundation.write_deadline,
        );
        let handle = writer.clone();
        let made = vital.start("writer", move |up| Writer::new(&handle, up.clone()))?;
        writer.attach(made.addr);
        let mut stats = vec![("writer", made.stats)];

        let timer = TimerHandle::new();
        for (store, due) in directory.token_dues() {
            timer.wake_at(store, due);
        }
        let (sweep_every, autosync) = (settings.sweep_every, settings.autosync);
        let resources = Resources {
            ledger: Arc::clone(&ledger),
            writer: writer.clone(),
            channels,
            directory,
            timer: timer.clone(),
            clock: clock.clone(),
            metrics,
            settings,
        };
        let stores = StoresHandle::new(Arc::new(resources), lanes);
        let handle = stores.clone();
        let made = vital.start("stores", move |up| handle.supervisor(up.clone()))?;
        stores.attach(made.addr);
        stats.push(("stores", made.stats));

        let parts = TimerParts {
            handle: timer.clone(),
            stores: stores.clone(),
            ledger,
            clock,
            writer: writer.clone(),
            sweep_every,
            autosync,
        };
        let made = vital.start("timer", move |up| Timer::new(parts, up.clone()))?;
        stats.push(("timer", made.stats));

        let arbiters = Vec::new();
        // The timer is reached through its handle; its address only keeps it alive.
        Ok(Self { writer, stores, timer, vital: stats, fatal, arbiters, _timer: made.addr })
    }

    /// Every actor of the tree: vital ones first, then stores, worst first.
    pub fn views(&self) -> Vec<ActorView> {
        let vital = self.vital.iter().map(|(name, stats)| {
            let backlog = match *name {
                "writer" => {
                    let depth = self.writer.depth();
                    (depth.journal + depth.commit) as u64
                }
                "timer" => self.timer.waiting() as u64,
                _ => self.stores.running() as u64,
            };
            stats.view(backlog)
        });
        vital.chain(self.stores.actors()).collect()
    }

    /// Waits for a vital actor to be given up; the process then has to end with an error.
    pub async fn given_up(&self) -> &'static str {
        let mut fatal = self.fatal.clone();
        let name = fatal.wait_for(Option::is_some).await.ok().and_then(|name| *name);
        name.unwrap_or("root")
    }

    /// Ends the threads. Whatever still runs on them is dropped; everything that matters is done.
    pub fn stop(self) {
        for arbiter in self.arbiters {
            arbiter.stop();
            if arbiter.join().is_err() {
                error!("a thread of the actors ended by a panic");
            }
        }
    }
}

/// Starts the actors that the daemon cannot live without.
struct Vital {
    clock: Clock,
    settings: StoreSettings,
    give_up: Arc<watch::Sender<Option<&'static str>>>,
    arbiter: ArbiterHandle,
}

impl Vital {
    fn start<A>(
        &self,
        name: &'static str,
        make: impl FnOnce(&SupervisorCtx) -> A + Send + 'static,
    ) -> Result<Supervised<A>, ArbiterGone>
    where
        A: actix::Supervised + actix::Actor<Context = actix::Context<A>>,
    {
        let spec = Spec {
            name: ActorName::new(name),
            policy: Policy {
                intensity: self.settings.vital_restarts,
                period: self.settings.vital_period,
                over_limit: OverLimit::Escalate,
                ..Policy::VITAL
            },
            clock: self.clock.clone(),
        };
        let give_up = Arc::clone(&self.give_up);
        let on_down = move |down| {
            if let Down::GaveUp { .. } = down {
                error!(actor = name, "crashes too often and is given up; the process ends");
                give_up.send_replace(Some(name));
            }
        };
        supervise_on(&self.arbiter, spec, make, on_down)
    }
}
