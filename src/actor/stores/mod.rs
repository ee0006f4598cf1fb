//! The supervisor of the store actors: it alone starts them, on first need, and lets go of idle
//! ones, so that 100,000 connected stores cost next to nothing (S8).

#![allow(clippy::disallowed_methods, reason = "handles are where messages come from")]

pub(in crate::actor) mod entry;
mod handle;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use actix::{Actor, Addr, Context, Handler, Message};
use actix_rt::ArbiterHandle;
use tokio::sync::oneshot;
use tracing::{debug, warn};

use self::entry::Entry;
use crate::actor::resources::Resources;
use crate::actor::store::{Store, turn::FETCH};
use crate::actor::supervise::{
    ActorName, ArbiterGone, Down, OverLimit, Policy, RestartReason, Spec, Supervised,
    SupervisorCtx, supervise_on,
};
use crate::domain::{StoreId, Timestamp};

pub use handle::StoresHandle;

/// What the supervisor and its handles share.
pub(super) struct Shared {
    resources: Arc<Resources>,
    /// Running store actors. Changed by the supervisor alone, under the write lock.
    registry: RwLock<HashMap<StoreId, Arc<Entry>>>,
    /// The threads that store actors live on.
    arbiters: Vec<ArbiterHandle>,
    /// The supervisor itself; set once, right after it was started.
    supervisor: OnceLock<Addr<Stores>>,
    /// The daemon is going down: nothing is started any more.
    draining: AtomicBool,
}

impl Shared {
    fn entry(&self, store: StoreId) -> Option<Arc<Entry>> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).get(&store).map(Arc::clone)
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        registry.values().map(Arc::clone).collect()
    }

    fn remove(&self, entry: &Arc<Entry>) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        if registry.get(&entry.id).is_some_and(|present| Arc::ptr_eq(present, entry)) {
            registry.remove(&entry.id);
        }
    }
}

/// The supervisor. Its state is shared with the handles, so a restart of it loses nothing.
pub(super) struct Stores {
    shared: Arc<Shared>,
    up: SupervisorCtx,
}

impl Stores {
    pub(super) fn new(shared: Arc<Shared>, up: SupervisorCtx) -> Self {
        Self { shared, up }
    }

    fn start_store(&self, store: StoreId) -> Option<Arc<Entry>> {
        if self.shared.draining.load(Ordering::SeqCst) {
            return None;
        }
        if let Some(entry) = self.shared.entry(store) {
            return Some(entry);
        }
        let resources = &self.shared.resources;
        let listing = resources.directory.get(store)?;
        let entry = Arc::new(Entry::new(store, &listing.slug, resources.settings.command_queue));
        let supervised = match self.spawn(&entry) {
            Ok(supervised) => supervised,
            Err(error) => {
                debug!(store = %entry.slug, %error, "not started");
                return None;
            }
        };
        entry.attach(supervised);
        self.shared
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(store, Arc::clone(&entry));
        if entry.actor().control.is_ended() {
            // It ended before it was entered, so nobody else takes it out.
            self.shared.remove(&entry);
            return None;
        }
        Some(entry)
    }

    /// Starts the actor on the thread its store belongs to.
    fn spawn(&self, entry: &Arc<Entry>) -> Result<Supervised<Store>, ArbiterGone> {
        let shared = &self.shared;
        let lane = usize::try_from(entry.id.0.unsigned_abs()).unwrap_or(0);
        let arbiter =
            shared.arbiters.get(lane % shared.arbiters.len().max(1)).ok_or(ArbiterGone)?;
        let (resources, child) = (Arc::clone(&shared.resources), Arc::clone(entry));
        let make = move |up: &SupervisorCtx| Store::fresh(resources, child, up.clone());
        let (shared, ended) = (Arc::clone(shared), Arc::clone(entry));
        let on_down = move |down| {
            if let Down::GaveUp { .. } = down {
                warn!(store = %ended.slug, "the actor of a store was given up");
            }
            shared.remove(&ended);
        };
        let spec = store_spec(entry, &self.shared.resources);
        supervise_on(arbiter, spec, make, on_down)
    }
}

/// A store that crashes too often is quarantined alone: its webhooks are still stored, it is tried
/// again now and then, and an admin's restart clears it.
fn store_spec(entry: &Entry, resources: &Resources) -> Spec {
    let settings = &resources.settings;
    let retry_every = settings.quarantine_retry;
    Spec {
        name: ActorName::new(&*entry.slug),
        policy: Policy {
            intensity: settings.store_restarts,
            period: settings.store_period,
            over_limit: OverLimit::Quarantine { retry_every },
            ..Policy::STORE
        },
        clock: resources.clock.clone(),
    }
}

impl Actor for Stores {
    type Context = Context<Self>;

    fn started(&mut self, _ctx: &mut Context<Self>) {
        self.up.up();
    }
}

impl actix::Supervised for Stores {
    fn restarting(&mut self, _ctx: &mut Context<Self>) {}
}

/// Somebody needs a store's actor.
#[derive(Message)]
#[rtype(result = "()")]
struct Start {
    store: StoreId,
    reply: Option<oneshot::Sender<Option<Arc<Entry>>>>,
}

impl Handler<Start> for Stores {
    type Result = ();

    fn handle(&mut self, start: Start, _: &mut Context<Self>) {
        let entry = self.start_store(start.store);
        if let Some(reply) = start.reply {
            // Who asked may have given up; the actor is started all the same.
            drop(reply.send(entry));
        }
    }
}

/// Lets go of idle actors and restarts those that hang.
#[derive(Message)]
#[rtype(result = "()")]
struct LookAfter {
    now: Timestamp,
}

impl Handler<LookAfter> for Stores {
    type Result = ();

    fn handle(&mut self, look: LookAfter, _: &mut Context<Self>) {
        let settings = &self.shared.resources.settings;
        let idle_since = look.now.minus(settings.idle_after);
        let hangs = |entry: &Arc<Entry>| {
            let since = entry.actor().stats.snapshot().busy_since;
            since.is_some_and(|since| look.now.since(since) > settings.hang_after)
        };
        let entries = self.shared.entries();
        for entry in entries.iter().filter(|entry| hangs(entry)) {
            warn!(store = %entry.slug, "a turn hangs; the actor of the store is restarted");
            // Asked for here and now; nobody waits for the answer.
            drop(entry.actor().control.restart(RestartReason::Hung));
        }
        if entries.iter().any(|entry| entry.may_rest(idle_since)) {
            let mut registry = self.shared.registry.write().unwrap_or_else(PoisonError::into_inner);
            // Decided and done under the lock that every nudge takes: no nudge falls in between.
            registry.retain(|_, entry| {
                let rests = entry.may_rest(idle_since);
                if rests {
                    drop(entry.actor().control.shutdown());
                }
                !rests
            });
        }
    }
}
