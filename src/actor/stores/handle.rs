//! How other rooms reach the store actors.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::entry::Entry;
use super::{FETCH, LookAfter, Shared, Start, Stores};
use crate::actor::handle::{ActorView, Ask, AskError, Fetched, Restarted};
use crate::actor::resources::Resources;
use crate::actor::store::turn::{ByName, RE_EXAMINE};
use crate::actor::store::{Asked, CancelRun, Changed, Check, Drain, PollBody, Wake};
use crate::actor::supervise::{RestartReason, SupervisorCtx};
use crate::channel::OrderRef;
use crate::domain::event::reason;
use crate::domain::{EventState, Order, OrderId, Position, Source, StoreId, Task, Timestamp};
use crate::ledger::{
    DeliveryKey, EventRow, Journaled, NewEvent, StartTask, Trigger, Write, Written,
};

/// How long people wait for a fetch or a restart before it goes on without them.
const PATIENCE: Duration = Duration::from_secs(10);

/// All store actors, started on first need. Cheap to clone.
#[derive(Clone)]
pub struct StoresHandle {
    pub(super) shared: Arc<Shared>,
}

impl StoresHandle {
    pub(in crate::actor) fn new(
        resources: Arc<Resources>,
        arbiters: Vec<actix_rt::ArbiterHandle>,
    ) -> Self {
        let shared = Shared {
            resources,
            registry: std::sync::RwLock::default(),
            arbiters,
            supervisor: OnceLock::new(),
            draining: std::sync::atomic::AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(in crate::actor) fn attach(&self, supervisor: actix::Addr<Stores>) {
        let first = self.shared.supervisor.set(supervisor).is_ok();
        debug_assert!(first, "invariant: the supervisor is attached once");
    }

    pub(in crate::actor) fn supervisor(&self, up: SupervisorCtx) -> Stores {
        Stores::new(Arc::clone(&self.shared), up)
    }

    /// There may be work for a store in the journal. Never refused, never blocks.
    pub fn nudge(&self, store: StoreId) {
        let registry =
            self.shared.registry.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(entry) = registry.get(&store) {
            // The flag goes up under the lock that passivation takes.
            if entry.nudge() {
                entry.actor().addr.do_send(Wake);
            }
            return;
        }
        drop(registry);
        // A paused store rests until it is resumed.
        let directory = &self.shared.resources.directory;
        if directory.get(store).is_some_and(|listing| !listing.paused) {
            self.start(store, None);
        }
    }

    /// Does what a person or tool asks of an order, through `decide` (R11, R18).
    pub async fn ask(&self, ask: Ask) -> Result<Order, AskError> {
        let deadline = self.shared.resources.settings.command_deadline;
        let entry = self.entry(ask.order.store).await?;
        let permit =
            Arc::clone(&entry.permits).try_acquire_owned().map_err(|_full| AskError::Busy)?;
        let (reply, answer) = oneshot::channel();
        entry.actor().addr.do_send(Asked { ask, reply, permit });
        match timeout(deadline, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_restarted)) => Err(restarted()),
            Err(_elapsed) => Err(AskError::Deadline(deadline)),
        }
    }

    /// Reads one order from the cart now (R7); answers [`Fetched::Running`] after 10 s.
    ///
    /// The request is an event of the journal like any other, so it survives whatever happens.
    pub async fn fetch(
        &self,
        store: StoreId,
        which: OrderRef,
        by: String,
    ) -> Result<Fetched, AskError> {
        let until = Instant::now() + PATIENCE;
        let resources = &self.shared.resources;
        let listing = resources.directory.get(store).ok_or(AskError::Unknown("store"))?;
        if !listing.connected {
            return Err(AskError::Refused("The store is disconnected; reconnect it first.".into()));
        }
        let (cart_order_id, body) = match which {
            OrderRef::Id(id) => (Some(id), Vec::new()),
            OrderRef::Name(cart_order_name) => {
                let body = serde_json::to_vec(&ByName { cart_order_name });
                (None, body.expect("invariant: a name always serialises"))
            }
        };
        let event = NewEvent {
            account: listing.account,
            store,
            topic: FETCH.to_owned(),
            source: Source::Person,
            delivery_id: None,
            key: DeliveryKey::unique(),
            cart_order_id,
            body: body.into(),
            received_at: resources.clock.now(),
            triggered_at: None,
            by: Some(by),
        };
        let position = resources.writer.journal(event).await?.position;
        let entry = self.entry(store).await?;
        self.nudge(store);
        match timeout_at(until, self.ended(&entry, position)).await {
            Ok(event) => self.outcome(store, event?).await,
            Err(_elapsed) => Ok(Fetched::Running(position)),
        }
    }

    /// Examines the store's held-back orders under its present rules (R13), in the background; gives
    /// back the event that tells how it ends.
    pub async fn re_examine(&self, store: StoreId, by: String) -> Result<Position, AskError> {
        let resources = &self.shared.resources;
        let listing = resources.directory.get(store).ok_or(AskError::Unknown("store"))?;
        let event = NewEvent {
            account: listing.account,
            store,
            topic: RE_EXAMINE.to_owned(),
            source: Source::Person,
            delivery_id: None,
            key: DeliveryKey::unique(),
            cart_order_id: None,
            body: Vec::new().into(),
            received_at: resources.clock.now(),
            triggered_at: None,
            by: Some(by),
        };
        let position = resources.writer.journal(event).await?.position;
        self.nudge(store);
        Ok(position)
    }

    /// Begins a run of Import orders, or joins the one that has not ended (R6): then the answer calls
    /// it a duplicate. One that shall read from an earlier time on is queued behind.
    pub async fn sync(
        &self,
        store: StoreId,
        trigger: Trigger,
        since: Option<Timestamp>,
        by: Option<String>,
    ) -> Result<Journaled, AskError> {
        let resources = &self.shared.resources;
        let listing = resources.directory.get(store).ok_or(AskError::Unknown("store"))?;
        if !listing.connected {
            return Err(AskError::Refused("The store is disconnected; reconnect it first.".into()));
        }
        let now = resources.clock.now();
        let event = PollBody { trigger, since }.event(listing.account, store, now, by);
        let begun = if since.is_some() {
            resources.writer.journal(event).await?
        } else {
            let start = StartTask { store, task: Task::ImportOrders, due: None, event };
            match resources.writer.write(Write::StartTask(Box::new(start))).await? {
                Written::Journaled(begun) => begun,
                other => return Err(AskError::Unavailable(format!("unexpected {other:?}"))),
            }
        };
        self.nudge(store);
        Ok(begun)
    }

    /// Ends a run (R6). What its pages brought stays; one that has ended already is
    /// [`AskError::Refused`].
    pub async fn cancel_run(&self, store: StoreId, run: Position) -> Result<(), AskError> {
        let deadline = self.shared.resources.settings.command_deadline;
        let entry = self.entry(store).await?;
        let permit =
            Arc::clone(&entry.permits).try_acquire_owned().map_err(|_full| AskError::Busy)?;
        let (reply, answer) = oneshot::channel();
        entry.actor().addr.do_send(CancelRun { run, reply, permit });
        match timeout(deadline, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_restarted)) => Err(restarted()),
            Err(_elapsed) => Err(AskError::Deadline(deadline)),
        }
    }

    /// Waits until an event has ended.
    async fn ended(&self, entry: &Entry, position: Position) -> Result<EventRow, AskError> {
        loop {
            let committed = entry.commits.notified();
            let event = self.shared.resources.ledger.event(position).await?;
            match event {
                Some((event, _)) if !event.state.is_open() => return Ok(event),
                Some(_) => committed.await,
                None => return Err(AskError::Unknown("event")),
            }
        }
    }

    async fn outcome(&self, store: StoreId, event: EventRow) -> Result<Fetched, AskError> {
        let why = event.reason.as_deref();
        if event.state == EventState::SetAside {
            let sentence = why.and_then(reason::sentence).unwrap_or("The order was not read.");
            return Err(AskError::Unavailable(sentence.to_owned()));
        }
        let order = match event.cart_order_id {
            Some(id) if why != Some(reason::NOT_FOUND_IN_CART) => {
                self.shared.resources.ledger.order(&OrderId::new(store, id)).await?
            }
            _ => None,
        };
        Ok(order.map_or(Fetched::NotInCart, |order| Fetched::Order(Box::new(order))))
    }

    /// The store's row changed: rules, credentials, pause, connection. Its actor, if there is one,
    /// reads it again before its next turn.
    pub fn changed(&self, store: StoreId) {
        match self.shared.entry(store) {
            Some(entry) => entry.actor().addr.do_send(Changed),
            None => self.nudge(store),
        }
    }

    /// Has the store's actor check token, scopes and subscriptions, and create what is missing.
    /// The outcome stands in the store's row (`health`). A cart that refuses the credentials is
    /// [`AskError::Refused`].
    pub async fn connect(&self, store: StoreId) -> Result<(), AskError> {
        let entry = self.entry(store).await?;
        let permit =
            Arc::clone(&entry.permits).try_acquire_owned().map_err(|_full| AskError::Busy)?;
        let (reply, answer) = oneshot::channel();
        entry.actor().addr.do_send(Changed);
        entry.actor().addr.do_send(Check { reply, permit });
        match timeout(CONNECT_PATIENCE, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_restarted)) => Err(restarted()),
            Err(_elapsed) => Err(AskError::Deadline(CONNECT_PATIENCE)),
        }
    }

    /// Forces a new incarnation (R51); answers once it is up. Starts a passive one; a paused one
    /// stays paused.
    pub async fn restart(&self, store: StoreId, by: &str) -> Result<Restarted, AskError> {
        let until = Instant::now() + PATIENCE;
        let late = |_| AskError::Deadline(PATIENCE);
        let entry = timeout_at(until, self.entry(store)).await.map_err(late)??;
        tracing::info!(store = %entry.slug, by, "a restart was asked for");
        let up = entry.actor().control.restart(RestartReason::Operator);
        let incarnation =
            timeout_at(until, up).await.map_err(late)?.map_err(|_gone| restarted())?;
        let view = self.actor(store).ok_or(AskError::Unknown("store"))?;
        Ok(Restarted { store: view.name, incarnation, restarts: view.restarts, state: view.state })
    }

    /// Every store actor there is, worst first. Passive stores have none.
    pub fn actors(&self) -> Vec<ActorView> {
        let mut views: Vec<_> =
            self.shared.entries().iter().map(|entry| self.view(entry)).collect();
        views.sort_by(|a, b| b.state.cmp(&a.state).then_with(|| a.name.cmp(&b.name)));
        views
    }

    /// One store's actor, passive or not; `None` if there is no such store.
    pub fn actor(&self, store: StoreId) -> Option<ActorView> {
        if let Some(entry) = self.shared.entry(store) {
            return Some(self.view(&entry));
        }
        let listing = self.shared.resources.directory.get(store)?;
        Some(ActorView::passive(&listing.slug, listing.paused))
    }

    /// How many store actors there are.
    pub fn running(&self) -> usize {
        self.shared.registry.read().unwrap_or_else(std::sync::PoisonError::into_inner).len()
    }

    /// Lets go of idle actors and restarts those that hang.
    pub(in crate::actor) fn look_after(&self, now: Timestamp) {
        if let Some(supervisor) = self.shared.supervisor.get() {
            supervisor.do_send(LookAfter { now });
        }
    }

    /// Lets every store finish what it has begun, then ends them all. After `deadline` they are
    /// ended as they are; the journal has the rest.
    pub async fn drain(&self, deadline: Duration) {
        self.shared.draining.store(true, Ordering::SeqCst);
        let until = Instant::now() + deadline;
        let entries = self.shared.entries();
        let mut drained = Vec::with_capacity(entries.len());
        for entry in &entries {
            let (done, answer) = oneshot::channel();
            entry.actor().addr.do_send(Drain { done });
            drained.push(answer);
        }
        // Whether each answered or the time is up: what follows is the same.
        let _late = timeout_at(until, futures_util::future::join_all(drained)).await;
        let ended = entries.iter().map(|entry| entry.actor().control.shutdown());
        let _late = timeout(ENDING, futures_util::future::join_all(ended)).await;
    }

    fn view(&self, entry: &Entry) -> ActorView {
        let paused =
            self.shared.resources.directory.get(entry.id).is_some_and(|listing| listing.paused);
        entry.actor().stats.view(entry.backlog()).for_store(&entry.slug, paused)
    }

    /// The entry of a store's actor, which is started if there is none.
    async fn entry(&self, store: StoreId) -> Result<Arc<Entry>, AskError> {
        if let Some(entry) = self.shared.entry(store) {
            return Ok(entry);
        }
        let (reply, answer) = oneshot::channel();
        self.start(store, Some(reply));
        match answer.await {
            Ok(Some(entry)) => Ok(entry),
            Ok(None) if self.shared.draining.load(Ordering::SeqCst) => Err(AskError::Unavailable(
                "the daemon is going down; try again after its restart".to_owned(),
            )),
            Ok(None) => Err(AskError::Unknown("store")),
            Err(_restarted) => Err(restarted()),
        }
    }

    fn start(&self, store: StoreId, reply: Option<oneshot::Sender<Option<Arc<Entry>>>>) {
        if let Some(supervisor) = self.shared.supervisor.get() {
            supervisor.do_send(Start { store, reply });
        }
    }
}

/// How long actors may take to be gone; nothing of theirs is needed any more.
const ENDING: Duration = Duration::from_secs(1);
/// Checking a connection takes a call per topic.
const CONNECT_PATIENCE: Duration = Duration::from_mins(1);

fn restarted() -> AskError {
    AskError::Unavailable("the store's actor was restarted meanwhile; try again".to_owned())
}
