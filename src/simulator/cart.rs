//! The simulated cart as tests, the demo and the control routes hold it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::catalogue::Wish;
use super::cost::{Allowance, Bucket};
use super::delivery::{CONNECT, Deliveries, PATIENCE, Record};
use super::faults::{Faults, Setting};
use super::order::{Action, Order};
use super::random::Chance;
use super::shop::{Profile, Refusal, Shop, Subscription};
use super::time::At;
use super::wire::webhook;

/// A cart: its model, and the way to those who are subscribed to it.
#[derive(Debug)]
pub struct Cart {
    pub(super) profile: Profile,
    pub(super) retry_pace: f64,
    pub(super) http: reqwest::Client,
    pub(super) runtime: Handle,
    pub(super) stop: watch::Sender<bool>,
    file: Option<PathBuf>,
    world: Mutex<World>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) shop: Shop,
    pub(super) bucket: Bucket,
    pub(super) faults: Faults,
    pub(super) dice: Chance,
    pub(super) deliveries: Deliveries,
}

impl Cart {
    pub(super) fn open(
        seed: u64,
        profile: Profile,
        allowance: Allowance,
        retry_pace: f64,
        file: Option<PathBuf>,
    ) -> std::io::Result<Arc<Self>> {
        let shop = match &file {
            Some(path) if path.exists() => serde_json::from_slice(&std::fs::read(path)?)?,
            _ => Shop::new(seed, &profile),
        };
        let http = reqwest::Client::builder()
            .user_agent("Shopify-Captain-Hook")
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .map_err(std::io::Error::other)?;
        let world = World {
            shop,
            bucket: Bucket::new(allowance, At::now()),
            faults: Faults::default(),
            dice: Chance::new(seed, "faults", 0),
            deliveries: Deliveries::default(),
        };
        Ok(Arc::new(Self {
            profile,
            retry_pace,
            http,
            runtime: Handle::current(),
            stop: watch::Sender::new(false),
            file,
            world: Mutex::new(world),
        }))
    }

    /// The model. Held for moments only, never across an await.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the model down, where it has to survive the process. A shop that is kept is small.
    pub(super) fn save(&self, world: &World) {
        let Some(path) = &self.file else { return };
        let fresh = path.with_extension("new");
        let written = serde_json::to_vec(&world.shop)
            .map_err(std::io::Error::from)
            .and_then(|bytes| std::fs::write(&fresh, bytes))
            .and_then(|()| std::fs::rename(&fresh, path));
        if let Err(error) = written {
            tracing::warn!(%error, path = %path.display(), "the simulated shop was not saved");
        }
    }

    /// Its profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The app's client secret, after every rotation.
    pub fn client_secret(&self) -> String {
        self.world().shop.client_secret().to_owned()
    }

    /// Places so many orders and tells of them; gives them as the judge knows them.
    pub fn place(self: &Arc<Self>, wish: &Wish, count: u32) -> Vec<Value> {
        let mut placed = Vec::new();
        for _ in 0..count {
            let mut world = self.world();
            let now = At::now();
            let (id, notices) = world.shop.place(wish, &self.profile, now);
            placed.extend(world.shop.orders.get(&id).map(truth));
            self.announce(&mut world, notices, now);
            // One write for all of them is enough: nothing is answered before.
            if placed.len() as u32 == count {
                self.save(&world);
            }
        }
        placed
    }

    /// Something happens to an order, named by id, `#1001` or number, and is told.
    pub fn act(self: &Arc<Self>, which: &str, action: &Action) -> Result<Value, Refusal> {
        let mut world = self.world();
        let now = At::now();
        let id = world.shop.find(which)?;
        let notices = world.shop.act(id, action, &self.profile, now)?;
        self.save(&world);
        self.announce(&mut world, notices, now);
        world.shop.orders.get(&id).map(truth).ok_or_else(|| Refusal::NoSuchOrder(which.to_owned()))
    }

    /// Every order as the cart really has it, deleted ones too, in the order they were placed.
    pub fn orders(&self) -> Vec<Value> {
        let world = self.world();
        let mut orders: Vec<&Order> = world.shop.orders.values().collect();
        orders.sort_by_key(|order| order.number);
        orders.into_iter().map(truth).collect()
    }

    /// One order, named like in [`Cart::act`].
    pub fn order(&self, which: &str) -> Result<Value, Refusal> {
        let world = self.world();
        let id = world.shop.find(which)?;
        world.shop.orders.get(&id).map(truth).ok_or_else(|| Refusal::NoSuchOrder(which.to_owned()))
    }

    /// The webhook body of an order as it is now: the exact bytes.
    pub(super) fn body(&self, order: &Order) -> Vec<u8> {
        webhook::bytes(&webhook::order(order, &self.profile))
    }

    /// Switches a fault on, to another rate, or off.
    pub fn set_fault(&self, setting: Setting) {
        self.world().faults.set(setting);
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        self.world().faults.clear();
    }

    /// Faults that are on.
    pub fn faults(&self) -> Vec<Setting> {
        self.world().faults.settings()
    }

    /// What became of the deliveries, oldest first.
    pub fn deliveries(&self) -> Vec<Record> {
        self.world().deliveries.records().cloned().collect()
    }

    /// Deliveries under way or waiting for their next attempt.
    pub fn pending_deliveries(&self) -> usize {
        self.world().deliveries.pending()
    }

    /// The app's subscriptions.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.world().shop.subscriptions.values().cloned().collect()
    }

    /// Somebody removes the app's subscriptions, as Shopify does after failures.
    pub fn forget_subscriptions(&self) {
        let mut world = self.world();
        world.shop.subscriptions.clear();
        self.save(&world);
    }

    /// Forgets every token: the next call of each is refused.
    pub fn revoke_tokens(&self) {
        let mut world = self.world();
        world.shop.revoke_all();
        self.save(&world);
    }

    /// Gives the app a new client secret and says it. Deliveries are signed with the old one for
    /// so long.
    pub fn rotate_secret(&self, fresh: Option<String>, old_for: Duration) -> String {
        let fresh = fresh.unwrap_or_else(|| super::random::secret("shpss_"));
        let mut world = self.world();
        let until = At(At::now().0 + old_for.as_micros() as i64);
        world.shop.rotate(fresh.clone(), until);
        self.save(&world);
        fresh
    }

    /// A summary for people.
    pub fn state(&self) -> Value {
        let world = self.world();
        let fates = |wanted| world.deliveries.records().filter(|r| r.fate == wanted).count();
        json!({
            "domain": self.profile.domain,
            "name": self.profile.name,
            "orders": world.shop.orders.len(),
            "subscriptions": world.shop.subscriptions.values().map(|found| json!({
                "id": found.id.to_string(), "topic": found.topic, "uri": found.uri,
                "failures": found.failures,
            })).collect::<Vec<_>>(),
            "deliveries": {
                "pending": world.deliveries.pending(),
                "delivered": fates(super::delivery::Fate::Delivered),
                "failed": fates(super::delivery::Fate::Failed),
                "dropped": fates(super::delivery::Fate::Dropped),
            },
            "faults": world.faults.settings(),
        })
    }
}

/// An order as the judge reads it.
fn truth(order: &Order) -> Value {
    json!({
        "id": order.id.to_string(),
        "name": order.name(),
        "number": order.number,
        "placed_at": order.placed_at.utc(),
        "updated_at": order.updated_at.utc(),
        "cancelled_at": order.cancelled_at.map(At::utc),
        "closed_at": order.closed_at.map(At::utc),
        "deleted_at": order.deleted_at.map(At::utc),
        "edited": order.edited,
        "test": order.test,
        "financial_status": order.financial.name(),
        "fulfillment_status": match order.fulfilment() {
            super::order::Fulfilment::Unfulfilled => "unfulfilled",
            super::order::Fulfilment::Partial => "partial",
            super::order::Fulfilment::Fulfilled => "fulfilled",
        },
        "total_cents": order.total(),
        "current_total_cents": order.current_total(),
        "revision": order.revision,
        "lines": order.lines.iter().map(|line| json!({
            "id": line.id.to_string(), "sku": line.sku, "title": line.title,
            "quantity": line.quantity, "current_quantity": line.current_quantity,
            "cents": line.cents,
        })).collect::<Vec<_>>(),
    })
}
