//! The handle on a simulated store.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::super::faults::{Faults, Setting};
use super::super::random::{Chance, secret};
use super::super::time::At;
use super::callbacks::Sent;
use super::domains::Domains;
use super::goods::Stock;
use super::hooks::Hook;
use super::order::{Act, CANCELLED, Order, Wanted};
use super::render::{self, Include};
use super::{Options, callbacks};

/// The first order of a new store.
const FIRST: u64 = 100;

/// A simulated store.
#[derive(Debug)]
pub struct Store {
    pub(super) options: Options,
    pub(super) token: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) http: reqwest::Client,
    pub(super) runtime: Handle,
    pub(super) stop: watch::Sender<bool>,
    world: Mutex<World>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) stock: Stock,
    pub(super) hooks: BTreeMap<u64, Hook>,
    pub(super) next_hook: u64,
    pub(super) faults: Faults,
    pub(super) dice: Chance,
    pub(super) sent: Vec<Sent>,
    pub(super) domains: Domains,
    pub(super) quota: Quota,
    pub(super) asked: Vec<String>,
    /// Calls that nobody must ever make.
    pub(super) forbidden: Vec<String>,
}

/// What outlives the process.
#[derive(Debug, Deserialize)]
struct Kept {
    token: String,
    client_id: String,
    client_secret: String,
    orders: BTreeMap<u64, Order>,
    stock: Stock,
    hooks: BTreeMap<u64, Hook>,
    next_hook: u64,
}

impl Kept {
    fn new() -> Self {
        Self {
            token: secret("bc_"),
            client_id: secret("client_"),
            client_secret: secret(""),
            orders: BTreeMap::new(),
            stock: Stock::default(),
            hooks: BTreeMap::new(),
            next_hook: 1,
        }
    }
}

/// The calls of one window, and of all windows before it.
#[derive(Debug)]
pub(super) struct Quota {
    pub(super) began: At,
    pub(super) spent: u32,
    pub(super) refused: u32,
    pub(super) windows: Vec<u32>,
}

impl Store {
    pub(super) fn open(options: Options) -> io::Result<Arc<Self>> {
        let http = reqwest::Client::builder()
            .timeout(callbacks::PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(io::Error::other)?;
        let kept = match &options.file {
            Some(file) if file.exists() => serde_json::from_slice(&std::fs::read(file)?)?,
            _ => Kept::new(),
        };
        let Kept { token, client_id, client_secret, orders, stock, hooks, next_hook } = kept;
        let world = World {
            orders,
            stock,
            hooks,
            next_hook,
            faults: Faults::default(),
            dice: Chance::new(options.seed, "faults", 0),
            sent: Vec::new(),
            domains: Domains::default(),
            quota: Quota { began: At::now(), spent: 0, refused: 0, windows: Vec::new() },
            asked: Vec::new(),
            forbidden: Vec::new(),
        };
        Ok(Arc::new(Self {
            token,
            client_id,
            client_secret,
            http,
            runtime: Handle::current(),
            stop: watch::Sender::new(false),
            world: Mutex::new(world),
            options,
        }))
    }

    /// Writes the store down, if it is to be kept.
    pub(super) fn save(&self, world: &World) {
        let Some(file) = &self.options.file else { return };
        let kept = json!({
            "token": self.token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "orders": world.orders,
            "stock": world.stock,
            "hooks": world.hooks,
            "next_hook": world.next_hook,
        });
        let fresh = file.with_extension("new");
        let written = std::fs::write(&fresh, kept.to_string());
        if let Err(error) = written.and_then(|()| std::fs::rename(&fresh, file)) {
            tracing::warn!(%error, "the simulated BigCommerce could not be written down");
        }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store hash: its domain.
    pub fn hash(&self) -> &str {
        &self.options.hash
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The access token of its API account.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The client id of its API account.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client secret of its API account.
    pub fn client_secret(&self) -> &str {
        &self.client_secret
    }

    /// Somebody buys; gives back the order's id.
    pub fn place(self: &Arc<Self>, wanted: &Wanted) -> u64 {
        let mut world = self.world();
        let id = world.orders.last_key_value().map_or(FIRST, |(last, _)| last + 1);
        let mut dice = Chance::new(self.options.seed, "bigcommerce order", id);
        let order = Order::place(id, wanted, At::now(), &mut dice);
        let taken = world.stock.take(&order);
        world.orders.insert(id, order);
        if !wanted.quiet {
            self.announce(&mut world, id, &[super::order::Told::Created]);
            self.announce_stock(&mut world, &taken, true);
        }
        self.save(&world);
        id
    }

    /// Something happens to an order; the order as it is then, `None` if there is none.
    pub fn act(self: &Arc<Self>, id: u64, act: &Act) -> Option<Value> {
        let mut world = self.world();
        let World { orders, dice, .. } = &mut *world;
        let told = orders.get_mut(&id)?.act(act, At::now(), dice);
        self.announce(&mut world, id, &told);
        self.save(&world);
        world.orders.get(&id).map(|order| self.truth(order))
    }

    /// The order as it really is.
    pub fn order(&self, id: u64) -> Option<Value> {
        self.world().orders.get(&id).map(|order| self.truth(order))
    }

    /// All orders as they really are.
    pub fn orders(&self) -> Vec<Value> {
        self.world().orders.values().map(|order| self.truth(order)).collect()
    }

    /// An order in V2's words, with what people look for beside them.
    fn truth(&self, order: &Order) -> Value {
        let state = order.now();
        let at = |up: bool| if up { json!(state.since.utc()) } else { Value::Null };
        let lines: Vec<Value> = state.lines.iter().map(|line| render::line(order, line)).collect();
        let beside = json!({
            "number": order.id,
            "name": order.id.to_string(),
            "updated_at": state.since.seconds().utc(),
            "financial_status": render::payment_status(state),
            "fulfillment_status": render::status(state.status_id),
            "cancelled_at": at(state.status_id == CANCELLED),
            "closed_at": at(state.archived),
            "current_total_cents": state.total_cents(),
            "line_items": lines,
        });
        render::merged([render::order(order, state, &self.options.hash, Include::Lines), beside])
    }

    /// Switches a fault on or off.
    pub fn set_fault(&self, setting: Setting) {
        self.world().faults.set(setting);
    }

    /// The faults that are on.
    pub fn faults(&self) -> Vec<Setting> {
        self.world().faults.settings()
    }

    /// Switches every fault off.
    pub fn clear_faults(&self) {
        self.world().faults.clear();
    }

    /// Callbacks that are under way or wait for another attempt.
    pub fn pending(&self) -> usize {
        self.world().sent.iter().filter(|sent| sent.pending).count()
    }

    /// Every callback: scope, order, and how each attempt was answered.
    pub fn sent(&self) -> Vec<Sent> {
        self.world().sent.clone()
    }

    /// Calls within each window, this one last. None may be above the quota.
    pub fn windows(&self) -> Vec<u32> {
        let world = self.world();
        world.quota.windows.iter().copied().chain([world.quota.spent]).collect()
    }

    /// Calls that were refused because the quota was used up.
    pub fn refused(&self) -> u32 {
        self.world().quota.refused
    }

    /// Every call so far: method and path with query.
    pub fn asked(&self) -> Vec<String> {
        self.world().asked.clone()
    }

    /// Calls that nobody must ever make, such as the one that archives every order.
    pub fn forbidden_calls(&self) -> Vec<String> {
        self.world().forbidden.clone()
    }

    /// Webhook subscriptions as the API tells them.
    pub fn hooks(&self) -> Vec<Value> {
        self.world().hooks.values().map(|hook| hook.json(self)).collect()
    }

    /// Somebody removes all hooks.
    pub fn forget_hooks(&self) {
        self.world().hooks.clear();
    }

    /// Switches all hooks off, as BigCommerce does after two days of failures.
    pub fn deactivate_hooks(&self) {
        for hook in self.world().hooks.values_mut() {
            hook.is_active = false;
        }
    }

    /// How long reads lag behind now.
    pub(super) fn lag(&self) -> Duration {
        let mut world = self.world();
        let World { faults, dice, .. } = &mut *world;
        faults.strikes(super::super::faults::Fault::LaggingReads, dice).unwrap_or_default()
    }
}
