//! All actors on one thread, over the in-memory ledger and a scripted cart, under a paused clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::cart::Cart;
use crate::actor::{Actors, Ask, AskError, Foundation, QueueLimits, StoreSettings};
use crate::channel::{Channels, Credentials};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::{
    AccountId, ChannelKind, Command, EventState, Order, OrderId, Position, Progress, Sighting,
    Source, StoreId, Task, Timestamp,
};
use crate::ledger::memory::Memory;
use crate::ledger::{
    DeliveryKey, EventFilter, EventRow, Journaled, Ledger, NewEvent, NewStore, Run, StoreRow,
    TaskRow, Trigger, Write,
};
use crate::metrics::{About, Metrics};
use crate::vault::Vault;

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_700_100_000);

/// A daemon without its doors.
pub(crate) struct World {
    pub(crate) ledger: Arc<Memory>,
    pub(crate) cart: Arc<Cart>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) actors: Actors,
    pub(crate) clock: Clock,
}

/// What tests change of the usual settings.
pub(crate) fn settings() -> StoreSettings {
    StoreSettings {
        turn_events: 16,
        command_queue: 4,
        command_deadline: Duration::from_secs(5),
        idle_after: Duration::from_mins(1),
        hang_after: Duration::from_mins(1),
        sweep_every: Duration::from_secs(5),
        store_restarts: 5,
        store_period: Duration::from_mins(1),
        quarantine_retry: Duration::from_mins(5),
        vital_restarts: 3,
        vital_period: Duration::from_mins(1),
        public_url: Some("https://hooks.example.com".to_owned()),
        autosync: Duration::from_hours(1),
        miss_after: Duration::from_mins(2),
        list_lag: Duration::from_mins(1),
    }
}

/// Runs a test inside an actix system on one thread, with a clock that moves when nothing else does.
pub(crate) fn in_world<T>(test: impl AsyncFnOnce() -> T) -> T {
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    });
    system.block_on(test())
}

impl World {
    /// With one store for each slug.
    pub(crate) async fn new(slugs: &[&str]) -> Self {
        Self::with(slugs, settings()).await
    }

    pub(crate) async fn with(slugs: &[&str], settings: StoreSettings) -> Self {
        let clock = Clock::tokio(START);
        let ledger = Arc::new(Memory::default());
        let vault = Arc::new(Vault::new([7; 32]));
        let directory = Directory::load(ledger.clone(), Arc::clone(&vault)).await.unwrap();
        for slug in slugs {
            let new = Write::AddStore(Box::new(NewStore {
                row: row(&directory, slug),
                first_run: START.plus(Duration::from_hours(24 * 365)),
            }));
            ledger.write(&[new]).await.unwrap();
        }
        Self::over(ledger, clock, settings).await
    }

    /// A daemon that starts over what another has left.
    pub(crate) async fn over(ledger: Arc<Memory>, clock: Clock, settings: StoreSettings) -> Self {
        let vault = Arc::new(Vault::new([7; 32]));
        let directory = Arc::new(Directory::load(ledger.clone(), vault).await.unwrap());
        let cart = Arc::new(Cart::default());
        let about = About { version: "0", revision: "0", started_at: clock.now() };
        let metrics = Metrics::new(500, about, tokio::runtime::Handle::current());
        let foundation = Foundation {
            ledger: ledger.clone(),
            directory: Arc::clone(&directory),
            channels: Channels::default().with(cart.clone()),
            clock: clock.clone(),
            metrics,
            queues: QueueLimits {
                journal: 1000,
                journal_bytes: 1 << 20,
                commit: 1000,
                commit_bytes: 1 << 20,
                batch: 64,
            },
            write_deadline: Duration::from_secs(4),
            settings,
            store_threads: 1,
        };
        let here = actix_rt::Arbiter::current();
        let actors = Actors::start_on(foundation, &here, vec![here.clone()]).unwrap();
        Self { ledger, cart, directory, actors, clock }
    }

    pub(crate) fn store(&self, slug: &str) -> StoreId {
        self.directory.by_slug(slug).unwrap().id
    }

    /// Journals a delivery without telling anybody.
    pub(crate) async fn journal(
        &self,
        slug: &str,
        topic: &str,
        body: impl Into<Bytes>,
    ) -> Position {
        let listing = self.directory.by_slug(slug).unwrap();
        let event = NewEvent {
            account: listing.account,
            store: listing.id,
            topic: topic.to_owned(),
            source: Source::Webhook,
            delivery_id: None,
            key: DeliveryKey::unique(),
            cart_order_id: None,
            body: body.into().into(),
            received_at: self.clock.now(),
            triggered_at: None,
            by: None,
        };
        self.actors.writer.journal(event).await.unwrap().position
    }

    /// Takes a delivery as the front does.
    pub(crate) async fn deliver(
        &self,
        slug: &str,
        topic: &str,
        body: impl Into<Bytes>,
    ) -> Position {
        let position = self.journal(slug, topic, body).await;
        self.actors.stores.nudge(self.store(slug));
        position
    }

    /// A delivery of a full order.
    pub(crate) async fn see(&self, slug: &str, sighting: &Sighting) -> Position {
        self.deliver(slug, "order", serde_json::to_vec(sighting).unwrap()).await
    }

    pub(crate) async fn event(&self, position: Position) -> EventRow {
        self.ledger.event(position).await.unwrap().unwrap().0
    }

    /// The event, once it is no longer open. A day on the paused clock means never.
    pub(crate) async fn ended(&self, position: Position) -> EventRow {
        self.until(async || {
            let event = self.event(position).await;
            (!event.state.is_open()).then_some(event)
        })
        .await
    }

    /// Waits for an outcome.
    pub(crate) async fn until<T>(&self, ask: impl AsyncFn() -> Option<T>) -> T {
        super::outcome(async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await
    }

    pub(crate) async fn order(&self, slug: &str, id: u32) -> Option<Order> {
        let id = OrderId::new(self.store(slug), id.to_string().as_str().into());
        self.ledger.order(&id).await.unwrap()
    }

    pub(crate) async fn ask(
        &self,
        slug: &str,
        id: u32,
        command: Command,
    ) -> Result<Order, AskError> {
        let order = OrderId::new(self.store(slug), id.to_string().as_str().into());
        let ask = Ask { order, command, by: "Ada".to_owned(), if_version: None };
        self.actors.stores.ask(ask).await
    }

    /// A run that a schedule would begin now.
    pub(crate) async fn poll(&self, slug: &str) -> Position {
        self.sync(slug, Trigger::Schedule, None).await.position
    }

    /// A run, or the one that it joins.
    pub(crate) async fn sync(
        &self,
        slug: &str,
        trigger: Trigger,
        since: Option<Timestamp>,
    ) -> Journaled {
        let by = (trigger == Trigger::Person).then(|| "Ada".to_owned());
        self.actors.stores.sync(self.store(slug), trigger, since, by).await.unwrap()
    }

    /// What a run that has ended has done.
    pub(crate) async fn run(&self, run: Position) -> Run {
        let ended = self.ended(run).await;
        assert_eq!(ended.state, EventState::Done, "{ended:?}");
        self.ledger.runs(&[run]).await.unwrap().pop().unwrap().1
    }

    /// What runs have reached.
    pub(crate) async fn progress(&self, slug: &str) -> Progress {
        self.orders_task(slug).await.progress
    }

    pub(crate) async fn orders_task(&self, slug: &str) -> TaskRow {
        let tasks = self.ledger.tasks(self.store(slug)).await.unwrap();
        tasks.into_iter().find(|row| row.task == Task::ImportOrders).unwrap()
    }

    /// All events, newest first.
    pub(crate) async fn events(&self) -> Vec<EventRow> {
        self.ledger.event_page(&EventFilter::of(AccountId(1), 1000)).await.unwrap().rows
    }

    /// Changes a store's row and tells its actor.
    pub(crate) async fn change(&self, slug: &str, mut change: impl FnMut(&mut StoreRow)) {
        let id = self.store(slug);
        let changed = self.directory.update(&self.actors.writer, id, |row| {
            change(row);
            Ok::<(), std::convert::Infallible>(())
        });
        changed.await.unwrap();
        self.actors.stores.changed(id);
    }
}

/// The row of a store with client id and secret; each store has a secret of its own.
fn row(directory: &Directory, slug: &str) -> StoreRow {
    let [domain, name] = [slug, slug].map(str::to_owned);
    let (account, channel) = (AccountId(1), ChannelKind::Shopify);
    let mut row = StoreRow::new(account, channel, domain, slug.to_owned(), name, START);
    // Twins are stores of one app: they share its secret (R15).
    let secret = slug.strip_prefix("twin-").map_or(slug, |_| "twins");
    let credentials = Credentials {
        client_id: Some("client".to_owned()),
        client_secret: Some(secret.to_owned().into()),
        ..Credentials::default()
    };
    directory.seal(&mut row, &credentials);
    row
}
